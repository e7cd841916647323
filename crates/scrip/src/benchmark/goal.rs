//! An aim, and whether a figure reached it.
//!
//! Invariant: an aim that was measured at a smaller size than it names is not called met, however good the figure.

use serde::Serialize;
use std::fmt;

/// What a figure is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Of a whole.
    Share,
    /// How often as much.
    Times,
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
    /// Nanoseconds.
    Nanoseconds,
    /// MiB.
    Mebibytes,
}

impl Unit {
    /// A figure in words.
    pub fn text(self, figure: f64) -> String {
        match self {
            Unit::Share => format!("{:.0} %", figure * 100.0),
            Unit::Times if figure < 10.0 => format!("{figure:.2} ×"),
            Unit::Times => format!("{figure:.0} ×"),
            Unit::Seconds => format!("{figure:.2} s"),
            Unit::Milliseconds => format!("{figure:.0} ms"),
            Unit::Nanoseconds => format!("{figure:.0} ns"),
            Unit::Mebibytes => format!("{figure:.1} MiB"),
        }
    }
}

/// Whether an aim was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It was.
    Met,
    /// It was not.
    Missed,
    /// It was, at a smaller size than the aim names.
    MetSoFar,
    /// Nobody looked.
    NotMeasured,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Verdict::Met => "met",
            Verdict::Missed => "missed",
            Verdict::MetSoFar => "met at this size",
            Verdict::NotMeasured => "",
        })
    }
}

/// An aim and what this run has to say about it.
#[derive(Clone, Debug, Serialize)]
pub struct Goal {
    /// Its number.
    pub number: &'static str,
    /// What is measured, in words.
    pub what: String,
    /// The figure.
    pub measured: Option<f64>,
    /// What the figure and the aim are in.
    pub unit: Unit,
    /// Where the aim is.
    pub aim: f64,
    /// Whether more is better.
    pub at_least: bool,
    /// Whether it was reached.
    pub verdict: Verdict,
}

impl Goal {
    /// Judges a figure; `whole` says whether it was measured at the size that the aim names.
    pub fn new(
        number: &'static str,
        what: impl Into<String>,
        measured: Option<f64>,
        unit: Unit,
        aim: Aim,
        whole: bool,
    ) -> Goal {
        let (aim, at_least) = match aim {
            Aim::AtLeast(aim) => (aim, true),
            Aim::AtMost(aim) => (aim, false),
        };
        let verdict = match measured {
            None => Verdict::NotMeasured,
            Some(figure) if (figure < aim && at_least) || (figure > aim && !at_least) => Verdict::Missed,
            Some(_) if whole => Verdict::Met,
            Some(_) => Verdict::MetSoFar,
        };
        Goal { number, what: what.into(), measured, unit, aim, at_least, verdict }
    }

    /// How good the figure is as a multiple of the aim: 1 is exactly there, more is better.
    pub fn of_aim(&self) -> Option<f64> {
        // What took nothing measurable is as good as the picture goes.
        let (figure, aim) = (self.measured?.max(1e-6), self.aim);
        Some(if self.at_least { figure / aim } else { aim / figure })
    }

    /// The aim in words.
    pub fn aim_text(&self) -> String {
        format!("{} {}", if self.at_least { "≥" } else { "≤" }, self.unit.text(self.aim))
    }
}

/// Where an aim is.
#[derive(Clone, Copy)]
pub enum Aim {
    /// The figure is this or more.
    AtLeast(f64),
    /// It is this or less.
    AtMost(f64),
}

#[cfg(test)]
mod tests {
    use super::Aim::{AtLeast, AtMost};
    use super::*;

    #[test]
    fn an_aim_is_met_missed_or_met_so_far() {
        let goal = |measured, aim, whole| Goal::new("P0", "", measured, Unit::Share, aim, whole);
        let verdict = |measured, aim, whole| goal(measured, aim, whole).verdict;
        assert_eq!(verdict(Some(0.5), AtLeast(0.5), true), Verdict::Met);
        assert_eq!(verdict(Some(0.49), AtLeast(0.5), true), Verdict::Missed);
        assert_eq!(verdict(Some(0.51), AtMost(0.5), false), Verdict::Missed, "a small size is no excuse");
        assert_eq!(verdict(Some(0.4), AtMost(0.5), false), Verdict::MetSoFar);
        assert_eq!(verdict(None, AtMost(0.5), true), Verdict::NotMeasured);
        assert_eq!(goal(Some(2.0), AtMost(1.0), true).of_aim(), Some(0.5));
        assert_eq!(goal(Some(2.0), AtLeast(1.0), true).of_aim(), Some(2.0));
        assert!(goal(Some(0.0), AtMost(1.0), true).of_aim().is_some_and(f64::is_finite));
    }

    #[test]
    fn figures_are_read_as_they_are_meant() {
        assert_eq!(Unit::Share.text(0.634), "63 %");
        assert_eq!((Unit::Times.text(0.3), Unit::Times.text(44.4)), ("0.30 ×".to_owned(), "44 ×".to_owned()));
    }
}
