//! Calendar steps: where billing periods begin and end.
//!
//! Invariant: every boundary is counted from the anchor and never from the boundary before it, so that a month that was
//! cut short at its end does not shorten the ones after it.

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

/// Seconds of an hour.
pub const HOUR: i64 = 3600;
/// Seconds of a day.
pub const DAY: i64 = 24 * HOUR;

/// Interval at which a price is charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// Unit of the interval.
    pub unit: Unit,
    /// Number of units in an interval.
    pub count: i64,
}

/// The unit of an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A day of exactly 24 hours.
    Day,
    /// A week of seven days.
    Week,
    /// A month of the calendar.
    Month,
    /// A year of the calendar.
    Year,
}

impl Interval {
    /// Parses an interval as Stripe writes it.
    pub fn parse(unit: &str, count: i64) -> Option<Interval> {
        let unit = match unit {
            "day" => Unit::Day,
            "week" => Unit::Week,
            "month" => Unit::Month,
            "year" => Unit::Year,
            _ => return None,
        };
        Some(Interval { unit, count: count.max(1) })
    }

    /// Returns the boundary that lies some intervals after an anchor.
    pub fn after(self, anchor: i64, intervals: i64) -> i64 {
        let many = intervals.saturating_mul(self.count);
        let span = match self.unit {
            Unit::Day => return anchor.saturating_add(many.saturating_mul(DAY)),
            Unit::Week => return anchor.saturating_add(many.saturating_mul(7 * DAY)),
            Unit::Month => Span::new().try_months(many),
            Unit::Year => Span::new().try_years(many),
        };
        let moved = span.ok().zip(Timestamp::from_second(anchor).ok()).and_then(|(span, at)| {
            let stepped = at.to_zoned(TimeZone::UTC).checked_add(span).ok()?;
            Some(stepped.timestamp().as_second())
        });
        moved.unwrap_or(i64::MAX)
    }

    /// Returns the first boundary after an instant.
    pub fn next(self, anchor: i64, instant: i64) -> i64 {
        let longest = match self.unit {
            Unit::Day => DAY,
            Unit::Week => 7 * DAY,
            Unit::Month => 31 * DAY,
            Unit::Year => 366 * DAY,
        };
        // No interval is longer than this, so that the estimate is never too far on.
        let mut passed = (instant - anchor).div_euclid(longest.saturating_mul(self.count)).max(0);
        while self.after(anchor, passed) <= instant {
            passed += 1;
        }
        self.after(anchor, passed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_second()
    }

    #[test]
    fn a_month_that_was_cut_short_does_not_shorten_the_next() {
        let month = Interval::parse("month", 1).unwrap();
        let anchor = at("2026-01-31T12:00:00Z");
        let february = month.next(anchor, anchor);
        assert_eq!(february, at("2026-02-28T12:00:00Z"));
        assert_eq!(month.next(anchor, february), at("2026-03-31T12:00:00Z"));
        assert_eq!(month.next(anchor, february - 1), february);
    }

    #[test]
    fn a_year_from_a_leap_day_ends_on_the_last_of_february() {
        let year = Interval::parse("year", 1).unwrap();
        let anchor = at("2024-02-29T00:00:00Z");
        assert_eq!(year.next(anchor, anchor), at("2025-02-28T00:00:00Z"));
        assert_eq!(year.after(anchor, 4), at("2028-02-29T00:00:00Z"));
    }

    #[test]
    fn a_week_has_seven_days_and_a_quarter_three_months() {
        let anchor = at("2026-03-28T00:00:00Z");
        assert_eq!(Interval::parse("week", 1).unwrap().next(anchor, anchor), anchor + 7 * DAY);
        assert_eq!(Interval::parse("month", 3).unwrap().next(anchor, anchor), at("2026-06-28T00:00:00Z"));
        assert_eq!(Interval::parse("fortnight", 1), None);
    }
}
