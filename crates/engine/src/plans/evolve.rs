//! Folding the events of the plan.

use super::event::{PlanEvent, Start};
use super::subscription::{CarriedPeriod, Period, Subscription};
use crate::catalog::Name;
use crate::kernel::amount::Amount;
use crate::kernel::time::Timestamp;
use crate::payments::PeriodPayment;
use crate::workspace::Workspace;

/// Folds an event of the plan.
pub(crate) fn evolve(workspace: &mut Workspace, at: Timestamp, event: &PlanEvent) {
    match event {
        PlanEvent::PeriodStarted { plan, catalog, why, period, allowance, payment } => {
            workspace.catalog = *catalog;
            // Notice of a price holds until a renewal costs it.
            let repriced =
                workspace.subscription.repriced.filter(|next| *why == Start::Renewal && next.catalog != *catalog);
            let resumed = *why == Start::Resumed;
            if !resumed {
                workspace.renewed_at = Some(at);
            }
            let carried = other_carried(workspace, resumed, (plan, period, payment, allowance));
            workspace.subscription = Subscription {
                repriced,
                period: Some(*period),
                // A resumed period does not renew unless the operator or Stripe says so.
                cancel: resumed,
                allowance: *allowance,
                payment: payment.clone(),
                carried,
                ..Subscription::without_payment(plan.clone())
            };
            // A period that ends at the instant at which this one starts does not roll over into it.
            workspace.subscription.forget_carried(at.min(period.start));
        }
        PlanEvent::PeriodCarried { plan, catalog, period, allowance, payment, grants, replaced: _ } => {
            let (plan, payment, grants) = (plan.clone(), payment.clone(), grants.clone());
            let (catalog, period, allowance) = (*catalog, *period, *allowance);
            workspace.subscription.forget_carried(at);
            let key = workspace.next_grant;
            let carried = CarriedPeriod { plan, catalog, period, allowance, payment, grants, key };
            workspace.subscription.carried.push(carried);
        }
        PlanEvent::MonthStarted { next_month, carried } => start_month(workspace, at, *next_month, *carried),
        PlanEvent::SubscriptionEnded { plan, catalog, unpaid: _ } => {
            workspace.catalog = *catalog;
            let carried = std::mem::take(&mut workspace.subscription.carried);
            workspace.subscription = Subscription { carried, ..Subscription::without_payment(plan.clone()) };
            workspace.subscription.forget_carried(at);
        }
        PlanEvent::ChangeScheduled { plan, interval, allowance } => {
            workspace.subscription.pending = Some((plan.clone(), *interval));
            workspace.subscription.pending_allowance = *allowance;
            workspace.subscription.cancel = false;
        }
        PlanEvent::CancelScheduled => schedule_end(workspace, true),
        PlanEvent::ScheduleCleared => schedule_end(workspace, false),
        PlanEvent::CatalogMigrated { catalog, sold, plan, repriced } => {
            workspace.catalog = *catalog;
            workspace.subscription.sold = *sold;
            workspace.subscription.repriced = *repriced;
            if let Some(plan) = plan {
                workspace.subscription.plan = plan.clone();
            }
        }
    }
}

/// A paid period: its plan, its dates, its payment and its agreed allowance.
type Paying<'a> = (&'a Name, &'a Period, &'a Option<PeriodPayment>, &'a Option<Amount>);

/// Returns the carried periods that go on beside a new one, which is one of them when it is resumed.
fn other_carried(workspace: &mut Workspace, resumed: bool, new: Paying<'_>) -> Vec<CarriedPeriod> {
    let mut carried = std::mem::take(&mut workspace.subscription.carried);
    if resumed {
        let is_it =
            |carried: &CarriedPeriod| (&carried.plan, &carried.period, &carried.payment, &carried.allowance) == new;
        carried.retain(|carried| !is_it(carried));
    }
    carried
}

fn start_month(workspace: &mut Workspace, at: Timestamp, next_month: u32, carried: Option<u32>) {
    match carried {
        Some(place) => {
            let place = usize::try_from(place).expect("a place is small");
            workspace.subscription.carried[place].period.next_month = Some(next_month);
        }
        None => {
            workspace.renewed_at = Some(at);
            if let Some(period) = &mut workspace.subscription.period {
                period.next_month = Some(next_month);
            }
        }
    }
}

/// Drops a scheduled change, and sets `cancel`: `true` ends the plan with its period.
fn schedule_end(workspace: &mut Workspace, cancel: bool) {
    workspace.subscription.pending = None;
    workspace.subscription.pending_allowance = None;
    workspace.subscription.cancel = cancel;
}
