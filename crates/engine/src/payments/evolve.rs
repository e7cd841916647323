//! Folding the events of payments.

use super::event::PaymentEvent;
use crate::kernel::time::Timestamp;
use crate::workspace::Workspace;
use std::sync::Arc;

/// Folds an event of a payment.
pub(crate) fn evolve(workspace: &mut Workspace, event: &PaymentEvent) {
    match event {
        PaymentEvent::PeriodPaid { source, .. } => {
            Arc::make_mut(&mut workspace.sources).insert(source.clone());
            if workspace.billing.failed.is_some() {
                Arc::make_mut(&mut workspace.billing).failed = None;
            }
        }
        PaymentEvent::PaymentAwaited { until, bridge } => {
            workspace.subscription.awaited_until = Some(*until);
            workspace.subscription.processing = false;
            if let Some(bridge) = bridge {
                lead_over(workspace, *bridge);
            }
        }
        PaymentEvent::RemainderFrozen => workspace.subscription.bridge_until = None,
        PaymentEvent::PaymentProcessing { until } => {
            workspace.subscription.awaited_until = Some(*until);
            workspace.subscription.processing = true;
        }
        PaymentEvent::PaymentFailed { invoice, attempt } => {
            Arc::make_mut(&mut workspace.billing).failed = Some((invoice.clone(), *attempt));
        }
        PaymentEvent::PaymentReversed { source, paid, reversed } => {
            if let Some(payment) = workspace.subscription.payment_mut(source) {
                payment.reversed = Some((*paid, *reversed));
            }
        }
        PaymentEvent::DisputeOpened { source } => {
            workspace.disputes.insert(source.clone());
        }
        PaymentEvent::DisputeClosed { source } => {
            workspace.disputes.remove(source);
        }
    }
}

/// Moves the expiry of the ended period's grants, once, to the end of the bridge.
fn lead_over(workspace: &mut Workspace, bridge: Timestamp) {
    workspace.subscription.bridge_until = Some(bridge);
    let subscription = &workspace.subscription;
    for grant in workspace.grants.iter_mut().filter(|grant| !grant.is_closed() && subscription.freezes(grant)) {
        let grant = Arc::make_mut(grant);
        grant.bridged_from = grant.expires_at;
        grant.expires_at = Some(bridge);
    }
}
