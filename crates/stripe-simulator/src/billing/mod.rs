//! Billing: payments, invoices and subscriptions, and everything that happens to them when something falls due.
//!
//! Invariant: an invoice is paid by a payment that succeeded or because nothing is due on it, and by nothing else.

pub mod balance;
pub mod change;
pub mod credit;
pub mod cycle;
pub mod invoice;
pub mod items;
pub mod lines;
pub mod payment;
pub mod settlement;
pub mod status;
pub mod subscription;
pub mod swap;
pub mod totals;
pub mod uncollectible;

use crate::agenda::Due;
use crate::state::State;

/// Plays what is due on a timeline by an instant, in its order; the clock shows each entry's instant while it is
/// played.
pub fn play(state: &mut State, clock: Option<&str>, until: i64) {
    while let Some(due) = state.next_due(clock, until) {
        fire(state, due);
    }
}

/// Does what an entry of the agenda asks for.
fn fire(state: &mut State, due: Due) {
    match due {
        Due::ExpireCheckout(id) => crate::resources::checkout::lapse(state, &id),
        Due::ExpireIncomplete(id) => cycle::expire_incomplete(state, &id),
        Due::ExpirePendingUpdate(id) => change::expire_pending(state, &id),
        Due::Cancel(id) => cycle::cancel_when_due(state, &id),
        Due::EndPhase(id) => crate::resources::schedules::end_phase(state, &id),
        Due::Settle(id) => settlement::settle_when_due(state, &id),
        Due::Finalize(id) => cycle::finalize_when_due(state, &id),
        Due::Collect(id) => cycle::retry_collection(state, &id),
        Due::AnnounceTrialEnd(id) => cycle::announce_trial_end(state, &id),
        Due::Renew(id) => cycle::renew(state, &id),
    }
}
