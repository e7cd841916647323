//! Letting time pass: every transition that is due, in due order.
//!
//! At one instant the order is release, expire, renew (R1); spending comes after, because commands do. A late
//! scheduler delays a notice and never a balance (R3): every command settles first.

use super::step::Step;
use crate::apply::due::{self, Due};
use crate::event::{DatedEvent, Event};
use crate::grants::GrantEvent;
use crate::holds::Purpose;
use crate::kernel::time::Timestamp;
use crate::notices::Notice;
use crate::plans::subscription::Which;
use crate::runs::{Failure, FailureCode};

/// Settles everything that is due by the step's instant.
pub(super) fn settle(step: &mut Step<'_>) {
    // Nothing falls due at the end of the calendar, where every later boundary is clamped to: it would do so for ever.
    let now = step.at;
    let passed = |at: Timestamp| at <= now && at < Timestamp::MAX;
    loop {
        let next = due::next(&step.workspace).filter(|(at, _)| passed(*at));
        step.follow_the_menu(next.map_or(now, |(at, _)| at));
        let Some((at, due)) = next else { return };
        match due {
            Due::Hold(n) => expire_hold(step, n, at),
            Due::Grant(n) => end_grant(step, n, at),
            Due::CarriedMonth(place) => step.start_month(Which::Carried(place), at),
            Due::Month => step.start_month(Which::Current, at),
            Due::Period => step.end_period(at),
        }
    }
}

fn end_grant(step: &mut Step<'_>, n: u32, at: Timestamp) {
    let grant = step.workspace.grant(n).expect("a due grant is remembered");
    let amount = grant.available;
    match grant.notice_at {
        // Units that come back from a hold after the day of the notice get their notice as they come back.
        Some(_) => {
            let last = step.events.last().map_or(step.workspace.at, |DatedEvent(at, _)| *at);
            let at = at.max(last);
            step.emit_at(at, Event::Notice(Notice::GrantExpiring { grant: n, amount }));
        }
        None => step.emit_at(at, GrantEvent::GrantExpired { grant: n, amount }),
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
