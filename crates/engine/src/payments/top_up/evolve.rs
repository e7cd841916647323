//! Folding the events of automatic top-ups.

use super::event::TopUpEvent;
use super::state::{AgreedPack, TopUp, TopUpPurchase, TopUpTerms};
use crate::kernel::amount::Amount;
use crate::kernel::time::Timestamp;
use crate::workspace::Workspace;
use std::sync::Arc;

/// Folds an event of automatic top-ups.
pub(crate) fn evolve(workspace: &mut Workspace, at: Timestamp, event: &TopUpEvent) {
    let billing = Arc::make_mut(&mut workspace.billing);
    let known = &mut billing.top_up;
    match event {
        TopUpEvent::TopUpSet { terms, agreed } => set(known, at, terms, agreed.as_ref()),
        TopUpEvent::TopUpUnset => change(known, |top_up| top_up.off = true),
        TopUpEvent::TopUpRequested { n, pack, amount, currency, catalog } => {
            billing.top_ups = *n;
            change(known, |top_up| {
                spend(top_up, at, *amount);
                let (n, pack, amount, currency) = (*n, pack.clone(), *amount, currency.clone());
                let month = catalog.is_some().then(|| at.month());
                let processing = false;
                top_up.pending =
                    Some(TopUpPurchase { n, pack, amount, currency, catalog: *catalog, month, processing });
            });
        }
        TopUpEvent::TopUpProcessing { .. } => change(known, |top_up| {
            if let Some(purchase) = &mut top_up.pending {
                purchase.processing = true;
            }
        }),
        TopUpEvent::TopUpDropped { .. } => change(known, give_up),
        TopUpEvent::TopUpEnded { declined, why, payment, .. } => change(known, |top_up| {
            if *declined {
                give_up(top_up);
            }
            top_up.pending = None;
            if *declined || why.is_some() {
                (top_up.stopped, top_up.stop) = (true, *why);
                top_up.declined = payment.clone().filter(|_| *declined);
            }
        }),
        TopUpEvent::TopUpPaid { amount, .. } => change(known, |top_up| spend(top_up, at, *amount)),
        TopUpEvent::TopUpStopped { why } => {
            change(known, |top_up| (top_up.stopped, top_up.stop) = (true, Some(*why)));
        }
        TopUpEvent::TopUpPutOff { .. } => change(known, |top_up| top_up.put_off = Some(at.month())),
    }
}

/// Sets the terms. The month's spending and the pending wish stay as they were.
fn set(known: &mut Option<TopUp>, at: Timestamp, terms: &TopUpTerms, agreed: Option<&AgreedPack>) {
    let before = known.take();
    let (month, spent) = before.as_ref().map_or((at.month(), Amount::ZERO), |before| (before.month, before.spent));
    *known = Some(TopUp {
        terms: terms.clone(),
        agreed: agreed.cloned(),
        off: false,
        month,
        spent,
        pending: before.and_then(|before| before.pending),
        stopped: false,
        stop: None,
        declined: None,
        put_off: None,
    });
}

/// Changes top-ups that were set; does nothing where there are none.
fn change(known: &mut Option<TopUp>, change: impl FnOnce(&mut TopUp)) {
    if let Some(top_up) = known {
        change(top_up);
    }
}

/// Counts an amount as spent in the month of an instant.
fn spend(top_up: &mut TopUp, at: Timestamp, amount: Amount) {
    top_up.spent = top_up.spending_in_month(at) + amount;
    top_up.month = at.month();
}

/// Ends the wish unpaid: it no longer counts as spent in the month that it was counted in.
fn give_up(top_up: &mut TopUp) {
    if let Some(purchase) = top_up.pending.take()
        && purchase.month.is_none_or(|month| month == top_up.month)
    {
        top_up.spent = top_up.spent.less(purchase.amount);
    }
}
