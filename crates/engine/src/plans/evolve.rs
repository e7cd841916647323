//! Folding what a workspace is subscribed to, and on which terms.

use crate::event::{Event, Start};
use crate::kernel::time::Timestamp;
use crate::plans::subscription::{Carried, Subscription};
use crate::workspace::Workspace;

pub(crate) fn evolve(workspace: &mut Workspace, at: Timestamp, event: &Event) {
    match event {
        Event::PeriodStarted { .. } | Event::PeriodCarried { .. } | Event::MonthStarted { .. } => {
            paid_period(workspace, at, event);
        }
        Event::SubscriptionEnded { plan, catalog, .. } => {
            workspace.catalog = *catalog;
            let carried = std::mem::take(&mut workspace.subscription.carried);
            workspace.subscription = Subscription { carried, ..Subscription::unpaid(plan.clone()) };
            workspace.subscription.forget_carried(at);
        }
        Event::ChangeScheduled { plan, interval, allowance } => {
            workspace.subscription.pending = Some((plan.clone(), *interval));
            workspace.subscription.pending_allowance = *allowance;
            workspace.subscription.cancel = false;
        }
        Event::CancelScheduled => {
            workspace.subscription.pending = None;
            workspace.subscription.pending_allowance = None;
            workspace.subscription.cancel = true;
        }
        Event::ScheduleCleared => {
            workspace.subscription.pending = None;
            workspace.subscription.pending_allowance = None;
            workspace.subscription.cancel = false;
        }
        Event::CatalogMigrated { catalog, sold, plan, repriced } => {
            workspace.catalog = *catalog;
            workspace.subscription.sold = *sold;
            workspace.subscription.repriced = *repriced;
            if let Some(plan) = plan {
                workspace.subscription.plan = plan.clone();
            }
        }
        _ => unreachable!("evolve sends the other events elsewhere"),
    }
}

fn paid_period(workspace: &mut Workspace, at: Timestamp, event: &Event) {
    match event {
        Event::PeriodStarted { plan, catalog, why, period, allowance, payment } => {
            workspace.catalog = *catalog;
            // Notice of a price holds until a renewal costs it.
            let repriced =
                workspace.subscription.repriced.filter(|next| *why == Start::Renewal && next.catalog != *catalog);
            let mut carried = std::mem::take(&mut workspace.subscription.carried);
            let resumed = *why == Start::Resumed;
            if resumed {
                let is_it = |carried: &Carried| {
                    (&carried.plan, &carried.period, &carried.payment, &carried.allowance)
                        == (plan, period, payment, allowance)
                };
                carried.retain(|carried| !is_it(carried));
            } else {
                workspace.renewed_at = Some(at);
            }
            workspace.subscription = Subscription {
                repriced,
                period: Some(*period),
                // Nothing renews what was left for something better, unless somebody says so.
                cancel: resumed,
                allowance: *allowance,
                payment: payment.clone(),
                carried,
                ..Subscription::unpaid(plan.clone())
            };
            // What ends at the instant at which this one starts is not what rolls over into it.
            workspace.subscription.forget_carried(at.min(period.start));
        }
        Event::PeriodCarried { plan, catalog, period, allowance, payment, grants, .. } => {
            let (plan, payment, grants) = (plan.clone(), payment.clone(), grants.clone());
            let (catalog, period, allowance) = (*catalog, *period, *allowance);
            workspace.subscription.forget_carried(at);
            let key = workspace.next_grant;
            let carried = Carried { plan, catalog, period, allowance, payment, grants, key };
            workspace.subscription.carried.push(carried);
        }
        Event::MonthStarted { next_month, carried: Some(place) } => {
            let place = usize::try_from(*place).expect("a place is small");
            workspace.subscription.carried[place].period.next_month = Some(*next_month);
        }
        Event::MonthStarted { next_month, carried: None } => {
            workspace.renewed_at = Some(at);
            if let Some(period) = &mut workspace.subscription.period {
                period.next_month = Some(*next_month);
            }
        }
        _ => unreachable!("evolve sends the other events elsewhere"),
    }
}
