//! Goals: a figure of a measurement, its aim, and the verdict.
//!
//! Invariant: an aim that was measured at a smaller size than it names is not called met, however good the figure.

use serde::Serialize;
use std::fmt;

/// Unit of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Share of a whole, from 0 to 1.
    Share,
    /// Multiple of another figure.
    Times,
    /// Duration in seconds, with fractions.
    Seconds,
    /// Duration in thousandths of a second (ms).
    Milliseconds,
    /// Duration in billionths of a second (ns).
    Nanoseconds,
    /// Memory in units of 2^20 bytes (MiB).
    Mebibytes,
}

impl Unit {
    /// Formats a figure with its unit.
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

/// Verdict about an aim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The figure reached the aim.
    Met,
    /// The figure did not reach the aim.
    Missed,
    /// The figure reached the aim, at a smaller size than the aim names.
    MetSoFar,
    /// The figure was not measured in this run.
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

/// An aim and the figure that this run measured for it.
#[derive(Clone, Debug, Serialize)]
pub struct Goal {
    /// Number of the aim, such as `P1`.
    pub number: &'static str,
    /// Description of the measurement.
    pub what: String,
    /// Measured figure; `None` if it was not measured.
    pub measured: Option<f64>,
    /// Unit of the figure and of the aim.
    pub unit: Unit,
    /// Figure that is aimed at.
    pub aim: f64,
    /// `true` if more is better.
    pub at_least: bool,
    /// Verdict about the figure.
    pub verdict: Verdict,
}

impl Goal {
    /// Judges a figure; `whole` is `true` if it was measured at the size that the aim names.
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

    /// Returns the figure as a multiple of the aim: 1 is exactly at the aim, more is better.
    pub fn of_aim(&self) -> Option<f64> {
        // A duration too short to measure counts as the best that the picture shows.
        let (figure, aim) = (self.measured?.max(1e-6), self.aim);
        Some(if self.at_least { figure / aim } else { aim / figure })
    }

    /// Formats the aim with its direction and unit.
    pub fn aim_text(&self) -> String {
        format!("{} {}", if self.at_least { "≥" } else { "≤" }, self.unit.text(self.aim))
    }
}

/// Bound that a figure is to keep.
#[derive(Clone, Copy)]
pub enum Aim {
    /// The figure is to be this or more.
    AtLeast(f64),
    /// The figure is to be this or less.
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
