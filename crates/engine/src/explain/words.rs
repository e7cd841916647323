//! What sentences are made of: an event with its surroundings, what is said of it, amounts and lists.
//!
//! Invariant: every amount carries its unit.

use crate::kernel::amount::{Amount, Unit};
use crate::kernel::time::{Interval, Timestamp};
use crate::workspace::Workspace;

/// An event between two values of its workspace.
pub(crate) struct Scene<'a> {
    /// Just before the event.
    pub before: &'a Workspace,
    /// Just after it.
    pub after: &'a Workspace,
    /// When it took effect.
    pub at: Timestamp,
}

/// A sentence in two pieces: what a summary needs, and the rest with its full stop.
pub(crate) struct Said {
    /// Without a full stop.
    pub short: String,
    /// Continues `short` and ends with a full stop.
    pub detail: String,
}

impl Said {
    pub(crate) fn plain(short: impl Into<String>) -> Said {
        Said { short: short.into(), detail: ".".to_owned() }
    }

    pub(crate) fn with(short: impl Into<String>, detail: impl Into<String>) -> Said {
        Said { short: short.into(), detail: detail.into() }
    }
}

/// An amount with its unit, in words.
pub fn quantity(unit: Unit, amount: Amount) -> String {
    let word = match unit {
        Unit::Credits => "credit",
        Unit::Training => "training unit",
        Unit::Runs => "free run",
    };
    format!("{amount} {word}{}", if amount == Amount::ONE { "" } else { "s" })
}

pub(crate) fn adverb(interval: Interval) -> &'static str {
    match interval {
        Interval::Week => "weekly",
        Interval::Month => "monthly",
        Interval::Year => "yearly",
    }
}

pub(crate) fn listed(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
