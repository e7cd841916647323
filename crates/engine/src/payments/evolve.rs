//! Folding what happened about money, and what people were told.

use crate::catalog::Name;
use crate::kernel::amount::Amount;
use crate::kernel::time::Timestamp;
use crate::notices::Notice;
use crate::payments::event::BillingEvent;
use crate::payments::{Billing, Review, ReviewStatus, TopUp, TopUpPurchase};
use crate::workspace::Workspace;
use std::sync::Arc;

pub(crate) fn evolve(workspace: &mut Workspace, at: Timestamp, event: &BillingEvent) {
    match event {
        BillingEvent::PeriodPaid { source, .. } => {
            Arc::make_mut(&mut workspace.sources).insert(source.clone());
            if workspace.billing.failed.is_some() {
                Arc::make_mut(&mut workspace.billing).failed = None;
            }
        }
        BillingEvent::PaymentAwaited { until, bridge } => {
            workspace.subscription.awaited_until = Some(*until);
            workspace.subscription.processing = false;
            if let Some(bridge) = bridge {
                lead_over(workspace, *bridge);
            }
        }
        BillingEvent::RemainderFrozen => workspace.subscription.bridge_until = None,
        BillingEvent::PaymentProcessing { until } => {
            workspace.subscription.awaited_until = Some(*until);
            workspace.subscription.processing = true;
        }
        BillingEvent::PaymentFailed { invoice, attempt } => {
            Arc::make_mut(&mut workspace.billing).failed = Some((invoice.clone(), *attempt));
        }
        BillingEvent::PaymentReversed { source, paid, reversed } => {
            if let Some(payment) = workspace.subscription.payment_mut(source) {
                payment.reversed = Some((*paid, *reversed));
            }
        }
        BillingEvent::TopUpSet { .. }
        | BillingEvent::TopUpUnset
        | BillingEvent::TopUpRequested { .. }
        | BillingEvent::TopUpProcessing { .. }
        | BillingEvent::TopUpDropped { .. }
        | BillingEvent::TopUpEnded { .. }
        | BillingEvent::TopUpPaid { .. }
        | BillingEvent::TopUpStopped { .. }
        | BillingEvent::TopUpPutOff { .. } => {
            top_up(Arc::make_mut(&mut workspace.billing), at, event);
        }
        BillingEvent::ReviewRequested { review, application } => {
            let review = stands(workspace, review, ReviewStatus::Submitted, None, at);
            review.application = *application;
        }
        BillingEvent::ReviewRejected { review, reason } => {
            stands(workspace, review, ReviewStatus::Rejected, Some(reason), at);
        }
        BillingEvent::ReviewRevoked { review, reason } => {
            workspace.approvals.remove(review);
            stands(workspace, review, ReviewStatus::Revoked, Some(reason), at);
        }
    }
}

/// Moves the end of what the period that is over has left behind, once, to the end of the bridge.
fn lead_over(workspace: &mut Workspace, bridge: Timestamp) {
    workspace.subscription.bridge_until = Some(bridge);
    let subscription = &workspace.subscription;
    for grant in workspace.grants.iter_mut().filter(|grant| !grant.closed() && subscription.freezes(grant)) {
        let grant = Arc::make_mut(grant);
        grant.bridged_from = grant.expires_at;
        grant.expires_at = Some(bridge);
    }
}

/// An approval, which is older than applications.
pub(crate) fn approve(workspace: &mut Workspace, at: Timestamp, review: &Name, reason: &String) {
    workspace.approvals.insert(review.clone());
    stands(workspace, review, ReviewStatus::Approved, Some(reason), at);
}

fn stands<'w>(
    workspace: &'w mut Workspace,
    review: &Name,
    status: ReviewStatus,
    reason: Option<&String>,
    at: Timestamp,
) -> &'w mut Review {
    let reviews = &mut Arc::make_mut(&mut workspace.billing).reviews;
    let known = reviews.entry(review.clone()).or_insert(Review { status, application: 0, reason: None, at });
    *known = Review { status, application: known.application, reason: reason.cloned(), at };
    known
}

fn top_up(billing: &mut Billing, at: Timestamp, event: &BillingEvent) {
    if let BillingEvent::TopUpSet { terms, agreed } = event {
        let known = billing.top_up.take();
        let (month, spent) = known.as_ref().map_or((at.month(), Amount::ZERO), |known| (known.month, known.spent));
        billing.top_up = Some(TopUp {
            terms: terms.clone(),
            agreed: agreed.clone(),
            off: false,
            month,
            spent,
            pending: known.and_then(|known| known.pending),
            stopped: false,
            stop: None,
            declined: None,
            put_off: None,
        });
        return;
    }
    if let BillingEvent::TopUpRequested { n, .. } = event {
        billing.top_ups = *n;
    }
    if let Some(top_up) = &mut billing.top_up {
        go_on(top_up, at, event);
    }
}

/// Folds what happened to top-ups that were asked for.
fn go_on(top_up: &mut TopUp, at: Timestamp, event: &BillingEvent) {
    match event {
        BillingEvent::TopUpUnset => top_up.off = true,
        BillingEvent::TopUpRequested { n, pack, amount, currency, catalog } => {
            spend(top_up, at, *amount);
            let (n, pack, amount, currency) = (*n, pack.clone(), *amount, currency.clone());
            let month = catalog.is_some().then(|| at.month());
            let processing = false;
            top_up.pending = Some(TopUpPurchase { n, pack, amount, currency, catalog: *catalog, month, processing });
        }
        BillingEvent::TopUpProcessing { .. } => {
            if let Some(purchase) = &mut top_up.pending {
                purchase.processing = true;
            }
        }
        BillingEvent::TopUpDropped { .. } => give_up(top_up),
        BillingEvent::TopUpEnded { declined, why, payment, .. } => {
            if *declined {
                give_up(top_up);
            }
            top_up.pending = None;
            if *declined || why.is_some() {
                (top_up.stopped, top_up.stop) = (true, *why);
                top_up.declined = payment.clone().filter(|_| *declined);
            }
        }
        BillingEvent::TopUpPaid { amount, .. } => spend(top_up, at, *amount),
        BillingEvent::TopUpStopped { why } => {
            (top_up.stopped, top_up.stop) = (true, Some(*why));
        }
        BillingEvent::TopUpPutOff { .. } => top_up.put_off = Some(at.month()),
        _ => unreachable!("evolve sends the other events elsewhere"),
    }
}

/// Counts an amount as spent in the month of an instant.
fn spend(top_up: &mut TopUp, at: Timestamp, amount: Amount) {
    top_up.spent = top_up.spent_in_month(at) + amount;
    top_up.month = at.month();
}

/// Ends the wish unpaid: it counts as spent no more in the month it was counted in.
fn give_up(top_up: &mut TopUp) {
    if let Some(purchase) = top_up.pending.take()
        && purchase.month.is_none_or(|month| month == top_up.month)
    {
        top_up.spent = top_up.spent.less(purchase.amount);
    }
}

/// Whoever was told is not told again.
pub(crate) fn told(workspace: &mut Workspace, at: Timestamp, notice: &Notice) {
    if let Some(subject) = notice.damped_as().filter(|_| notice.is_mailed()) {
        workspace.mailed.insert(subject, at);
    }
    if let Notice::GrantExpiring { grant, .. } = notice {
        workspace.grant_mut(*grant).notice_at = None;
    }
}
