//! Agenda: reminders of what falls due, and the instant of each.
//!
//! Each test clock has a timeline of its own; objects without a test clock are on the timeline of the wall clock. An
//! entry is a reminder: the object that it names is read again when the entry is due, and an entry to which no object
//! answers any more does nothing.
//!
//! Invariant: entries of one timeline are taken in the order of their instants, and at one instant in the order of
//! [`Due`]: what ends comes before what begins.

use std::collections::{BTreeMap, BTreeSet};

/// A reminder of something that falls due. The order of the variants is the order at one instant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Due {
    /// A checkout session that was not completed in time.
    ExpireCheckout(String),
    /// A subscription whose first payment did not succeed in time.
    ExpireIncomplete(String),
    /// A change of a subscription that was not paid in time.
    ExpirePendingUpdate(String),
    /// A subscription that ends at an instant.
    Cancel(String),
    /// A phase of a schedule that ends.
    EndPhase(String),
    /// A payment by debit that settles.
    Settle(String),
    /// A draft that is finalized, so that it can be paid.
    Finalize(String),
    /// An invoice whose payment is tried again.
    Collect(String),
    /// A trial whose coming end is announced with an event.
    AnnounceTrialEnd(String),
    /// A subscription whose period ends.
    Renew(String),
}

/// Timelines of reminders, by test clock; `None` is the wall clock.
#[derive(Clone, Debug, Default)]
pub struct Agenda {
    timelines: BTreeMap<Option<String>, BTreeSet<(i64, Due)>>,
}

impl Agenda {
    /// Adds an entry to the timeline of a test clock, or of the wall clock for `None`.
    pub fn add(&mut self, clock: Option<&str>, at: i64, due: Due) {
        self.timelines.entry(clock.map(str::to_owned)).or_default().insert((at, due));
    }

    /// Takes the first thing that is due by an instant.
    pub fn take(&mut self, clock: Option<&str>, until: i64) -> Option<(i64, Due)> {
        let timeline = self.timelines.get_mut(&clock.map(str::to_owned))?;
        if timeline.first()?.0 > until {
            return None;
        }
        timeline.pop_first()
    }

    /// Removes the timeline of a test clock.
    pub fn forget(&mut self, clock: &str) {
        self.timelines.remove(&Some(clock.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_comes_in_order_and_each_clock_has_its_own() {
        let mut agenda = Agenda::default();
        agenda.add(None, 20, Due::Renew("sub_1".to_owned()));
        agenda.add(None, 20, Due::Cancel("sub_1".to_owned()));
        agenda.add(None, 10, Due::Finalize("in_1".to_owned()));
        agenda.add(Some("clock_1"), 5, Due::Renew("sub_2".to_owned()));
        assert_eq!(agenda.take(None, 15), Some((10, Due::Finalize("in_1".to_owned()))));
        assert_eq!(agenda.take(None, 15), None);
        assert_eq!(agenda.take(None, 20), Some((20, Due::Cancel("sub_1".to_owned()))));
        assert_eq!(agenda.take(None, 20), Some((20, Due::Renew("sub_1".to_owned()))));
        agenda.forget("clock_1");
        assert_eq!(agenda.take(Some("clock_1"), 5), None);
    }
}
