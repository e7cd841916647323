//! Letting time pass: every transition that is due, in due order.
//!
//! At one instant the order is release, expire, renew (R1); spending comes after, because commands do. A late
//! scheduler delays a notice and never a balance (R3): whoever comes next settles first.

use super::Step;
use crate::event::{Dated, Event, Failure, FailureCode};
use crate::hold::Purpose;
use crate::notice::Notice;
use crate::time::Timestamp;
use crate::workspace::Workspace;

/// What falls due, in the order it is done at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// A hold that nobody ended.
    Hold(u32),
    /// A grant with something left: its end is to be told of, or is there.
    Grant(u32),
    /// A monthly grant inside a paid year.
    Month,
    /// The end of a paid period, or of waiting for its renewal to be paid.
    Period,
}

/// Does everything that is due by the step's instant.
pub(super) fn settle(step: &mut Step<'_>) {
    // Nothing falls due at the end of the calendar, where every later boundary is clamped to: it would do so for ever.
    let now = step.at;
    let passed = |at: Timestamp| at <= now && at < Timestamp::MAX;
    while let Some((at, due)) = next_due(&step.workspace).filter(|(at, _)| passed(*at)) {
        match due {
            Due::Hold(n) => expire_hold(step, n, at),
            Due::Grant(n) => end_grant(step, n, at),
            Due::Month => step.start_month(at),
            Due::Period => step.end_period(at),
        }
    }
}

fn next_due(workspace: &Workspace) -> Option<(Timestamp, Due)> {
    let holds = workspace.holds.iter().map(|hold| (hold.expires_at, Due::Hold(hold.n))).min();
    let lots = workspace.grants.iter().filter(|grant| !grant.available.is_zero());
    let grants = lots.filter_map(|grant| Some((workspace.grant_due(grant)?, Due::Grant(grant.n)))).min();
    let subscription = &workspace.subscription;
    let month = subscription.period.and_then(|period| period.next_month_at()).is_some();
    let period = subscription.due_at().map(|at| (at, if month { Due::Month } else { Due::Period }));
    [holds, grants, period].into_iter().flatten().min()
}

fn end_grant(step: &mut Step<'_>, n: u32, at: Timestamp) {
    let grant = step.workspace.grant(n).expect("a due grant is remembered");
    let amount = grant.available;
    match grant.notice_at {
        // What comes back from a hold after the day of the notice is told of as it comes back.
        Some(_) => {
            let last = step.events.last().map_or(step.workspace.at, |Dated(at, _)| *at);
            let at = at.max(last);
            step.emit_at(at, Event::Notice(Notice::GrantExpiring { grant: n, amount }));
        }
        None => step.emit_at(at, Event::GrantExpired { grant: n, amount }),
    }
}

fn expire_hold(step: &mut Step<'_>, n: u32, at: Timestamp) {
    let hold = step.workspace.hold(n).expect("a due hold is open").clone();
    match hold.purpose {
        Purpose::Run { .. } => {
            let detail = "the run had not ended by its deadline".to_owned();
            step.fail_run(&hold, Failure { code: FailureCode::Timeout, detail }, at);
        }
        Purpose::Caller { .. } => step.end_hold(&hold, crate::Amount::ZERO, false, true, at),
    }
}
