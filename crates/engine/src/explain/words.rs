//! Amounts, intervals and lists, in words.
//!
//! Invariant: every amount carries its unit.

use crate::kernel::amount::{Amount, Unit};
use crate::kernel::time::Interval;

/// Returns an amount with its unit, in words.
pub fn quantity(unit: Unit, amount: Amount) -> String {
    let word = match unit {
        Unit::Credits => "credit",
        Unit::Training => "training unit",
        Unit::Runs => "free run",
    };
    format!("{amount} {word}{}", if amount == Amount::ONE { "" } else { "s" })
}

/// Returns an interval as an adverb.
pub(crate) fn adverb(interval: Interval) -> &'static str {
    match interval {
        Interval::Week => "weekly",
        Interval::Month => "monthly",
        Interval::Year => "yearly",
    }
}

/// Joins items by commas and an "and" before the last.
pub(crate) fn join(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
