//! Everything that happens by itself in a workspace, and its instant.
//!
//! Invariant: the scheduler and `settle` ask here alone, so that every instant that a workspace is woken for has
//! something to settle.

use crate::grants::Grant;
use crate::kernel::time::{Interval, Timestamp};
use crate::workspace::Workspace;

/// Number of January 1970, as months are counted from the year 0.
const FIRST_MONTH: i32 = 1970 * 12;

/// Kinds of due things, in the order in which they are settled at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    /// A hold that was not ended in time, by its number.
    Hold(u32),
    /// A grant with units left, by its number: the notice of its expiry is due, or its expiry.
    Grant(u32),
    /// A monthly grant inside a carried year, by its place.
    CarriedMonth(usize),
    /// A monthly grant inside the current paid year.
    Month,
    /// The end of a paid period, or of waiting for its renewal to be paid.
    Period,
}

impl Workspace {
    /// Returns the instant at which the next thing happens by itself; `None` when nothing will.
    pub fn next_due_at(&self) -> Option<Timestamp> {
        let next = next(self).map(|(at, _)| at);
        next.into_iter().chain(top_up_due(self)).min()
    }
}

/// Returns what falls due next. Top-ups are not settled: they follow the next command.
pub(crate) fn next(workspace: &Workspace) -> Option<(Timestamp, Due)> {
    // Of several at one instant the first is taken, and they stand in the order of their numbers.
    let hold = workspace.holds.iter().min_by_key(|hold| hold.expires_at);
    let hold = hold.map(|hold| (hold.expires_at, Due::Hold(hold.n)));
    let lots = workspace.grants.iter().filter(|grant| !grant.available.is_zero());
    let grant = lots.filter_map(|grant| Some((grant_due(workspace, grant)?, grant.n))).min_by_key(|(at, _)| *at);
    let grant = grant.map(|(at, n)| (at, Due::Grant(n)));
    let subscription = &workspace.subscription;
    let month = subscription.period.and_then(|period| period.next_month_at()).is_some();
    let period = subscription.due_at().map(|at| (at, if month { Due::Month } else { Due::Period }));
    let months = subscription.carried.iter().enumerate();
    let months = months.filter_map(|(place, one)| Some((one.period.next_month_at()?, Due::CarriedMonth(place)))).min();
    [hold, grant, months, period].into_iter().flatten().min()
}

/// Returns the instant at which a grant with units left is next due: for the notice of its expiry, or for its expiry.
fn grant_due(workspace: &Workspace, grant: &Grant) -> Option<Timestamp> {
    grant.notice_at.or(grant.expires_at.filter(|_| !workspace.subscription.freezes(grant)))
}

/// Returns the instant at which top-ups go on by themselves, with a new month (UTC): a pack that the month's maximum
/// has put off is bought, and a wish that no worker has charged is made anew.
fn top_up_due(workspace: &Workspace) -> Option<Timestamp> {
    let top_up = workspace.billing.top_up.as_ref()?;
    if let Some(wish) = &top_up.pending {
        return (!wish.processing).then(|| after_month(wish.month.unwrap_or(top_up.month)));
    }
    let put_off = top_up.is_wanted(workspace) && !top_up.spending_in_month(workspace.at).is_zero();
    put_off.then(|| after_month(top_up.month))
}

/// Returns the first instant after a calendar month (UTC) that is counted from the year 0.
pub(crate) fn after_month(month: i32) -> Timestamp {
    Timestamp::default().nth(Interval::Month, (month + 1 - FIRST_MONTH).unsigned_abs())
}
