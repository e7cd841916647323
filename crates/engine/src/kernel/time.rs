//! Instants, spans of time and the calendar.
//!
//! Invariant: nothing here reads a clock. An instant is a number that the caller has read.

use jiff::tz::TimeZone;
use jiff::{Timestamp as Jiff, ToSpan};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;
use std::str::FromStr;

/// Microseconds in a second.
pub const SECOND: i64 = 1_000_000;
/// Microseconds in a day of 24 hours.
pub const DAY: i64 = 24 * 60 * 60 * SECOND;

/// Instant: microseconds since 1970-01-01 UTC (R1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Last instant of the calendar: 9999-12-30 22:00 UTC.
    pub const MAX: Timestamp = Timestamp(253_402_207_200 * SECOND);

    /// Returns the instant so many microseconds after 1970, clamped to the calendar.
    pub fn from_micros(micros: i64) -> Timestamp {
        Timestamp(micros.clamp(0, Self::MAX.0))
    }

    /// Returns the microseconds since 1970.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Returns the instant so many microseconds later, at most [`Timestamp::MAX`].
    pub fn after_micros(self, micros: i64) -> Timestamp {
        Timestamp::from_micros(self.0.saturating_add(micros))
    }

    /// Returns the instant so many seconds later, at most [`Timestamp::MAX`].
    pub fn after_seconds(self, seconds: i64) -> Timestamp {
        self.after_micros(seconds.saturating_mul(SECOND))
    }

    /// Returns the instant a span later: calendar months are clamped to the month's length (12 months from Feb 29 is
    /// Feb 28).
    pub fn after(self, span: Span) -> Timestamp {
        match span {
            Span::Months(months) => self.after_months(months),
            Span::Micros(micros) => self.after_micros(micros),
        }
    }

    /// Returns period boundary `n` of an anchor: always computed from the anchor, so that Jan 31 gives Feb 28 and then
    /// Mar 31 (R2).
    pub fn nth(self, every: Interval, n: u32) -> Timestamp {
        match every {
            Interval::Week => self.after_micros(i64::from(n).saturating_mul(7 * DAY)),
            Interval::Month => self.after_months(n),
            Interval::Year => self.after_months(n.saturating_mul(12)),
        }
    }

    /// Returns the instant a span earlier, the counterpart of [`Timestamp::after`].
    pub fn before(self, span: Span) -> Timestamp {
        match span {
            Span::Months(months) => self.add_months(-i64::from(months)),
            Span::Micros(micros) => self.after_micros(-micros),
        }
    }

    /// Returns the number of the calendar month in UTC, counted from the year 0.
    pub fn month(self) -> i32 {
        let date = self.jiff().to_zoned(TimeZone::UTC).date();
        i32::from(date.year()) * 12 + i32::from(date.month()) - 1
    }

    /// Returns the number of the day since 1970, in UTC, by which daily limits count.
    pub const fn day(self) -> i64 {
        self.0.div_euclid(DAY)
    }

    fn after_months(self, months: u32) -> Timestamp {
        self.add_months(i64::from(months))
    }

    fn add_months(self, months: i64) -> Timestamp {
        let start = self.jiff().to_zoned(TimeZone::UTC).datetime();
        let moved = start
            .checked_add(months.clamp(-120_000, 120_000).months())
            .and_then(|moved| moved.to_zoned(TimeZone::UTC))
            .map(|moved| moved.timestamp().as_microsecond());
        Timestamp::from_micros(moved.unwrap_or(if months < 0 { 0 } else { Self::MAX.0 }))
    }

    fn jiff(self) -> Jiff {
        Jiff::from_microsecond(self.0).expect("from_micros keeps every instant inside jiff's calendar")
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.jiff().fmt(f)
    }
}

impl FromStr for Timestamp {
    type Err = String;
    /// Reads RFC 3339, with or without seconds (`2026-01-31T12:00Z`).
    fn from_str(text: &str) -> Result<Timestamp, String> {
        let wrong = || format!("`{text}` is not an instant: write it as 2026-01-31T12:00:00Z");
        let jiff: Jiff = text.parse().map_err(|_| wrong())?;
        let micros = jiff.as_microsecond();
        if (0..=Self::MAX.0).contains(&micros) { Ok(Timestamp(micros)) } else { Err(wrong()) }
    }
}

/// Length of a period that is paid for, or of the time between two grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Interval {
    /// Seven days of 24 hours.
    Week,
    /// One calendar month, counted from the anchor.
    Month,
    /// Twelve calendar months, counted from the anchor.
    Year,
}

impl Interval {
    /// Returns the interval's name in catalogs and in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Interval::Week => "week",
            Interval::Month => "month",
            Interval::Year => "year",
        }
    }
}

impl FromStr for Interval {
    type Err = String;
    fn from_str(text: &str) -> Result<Interval, String> {
        match text {
            "week" => Ok(Interval::Week),
            "month" => Ok(Interval::Month),
            "year" => Ok(Interval::Year),
            _ => Err(format!("`{text}` is not an interval: write week, month or year")),
        }
    }
}

/// Length of time in a catalog: `"24 hours"`, `"90 days"`, `"12 months"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(with = "String"))]
pub enum Span {
    /// Number of calendar months; a year is twelve.
    Months(u32),
    /// Exact length, in microseconds.
    Micros(i64),
}

impl Span {
    /// Returns `true` for a span without length.
    pub const fn is_zero(self) -> bool {
        matches!(self, Span::Months(0) | Span::Micros(0))
    }
}

impl FromStr for Span {
    type Err = String;
    fn from_str(text: &str) -> Result<Span, String> {
        let wrong = || format!("`{text}` is not a length of time: write for example \"90 days\" or \"12 months\"");
        let (count, unit) = text.split_once(' ').ok_or_else(wrong)?;
        let count: u32 = count.parse().map_err(|_| wrong())?;
        if count > 100_000 {
            return Err(wrong());
        }
        let exact = |seconds: i64| Span::Micros(i64::from(count) * seconds * SECOND);
        Ok(match unit.strip_suffix('s').unwrap_or(unit) {
            "second" => exact(1),
            "minute" => exact(60),
            "hour" => exact(60 * 60),
            "day" => exact(24 * 60 * 60),
            "week" => exact(7 * 24 * 60 * 60),
            "month" => Span::Months(count),
            "year" => Span::Months(count * 12),
            _ => return Err(wrong()),
        })
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, unit) = match *self {
            Span::Months(months) => (i64::from(months), "month"),
            Span::Micros(micros) => {
                let seconds = micros / SECOND;
                [(86_400, "day"), (3_600, "hour"), (60, "minute")]
                    .into_iter()
                    .find(|(length, _)| seconds > 0 && seconds % length == 0)
                    .map_or((seconds, "second"), |(length, unit)| (seconds / length, unit))
            }
        };
        write!(f, "{count} {unit}{}", if count == 1 { "" } else { "s" })
    }
}

impl Serialize for Span {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instant(text: &str) -> Timestamp {
        text.parse().expect("a test instant is RFC 3339")
    }

    #[test]
    fn months_are_counted_from_the_anchor_and_clamped() {
        let anchor = instant("2026-01-31T10:00:00Z");
        let dates: Vec<String> = (1..=4).map(|n| anchor.nth(Interval::Month, n).to_string()).collect();
        assert_eq!(
            dates,
            ["2026-02-28T10:00:00Z", "2026-03-31T10:00:00Z", "2026-04-30T10:00:00Z", "2026-05-31T10:00:00Z"]
        );
    }

    #[test]
    fn a_year_from_a_leap_day_is_the_28th_and_four_years_later_the_29th_again() {
        let anchor = instant("2024-02-29T00:00:00Z");
        assert_eq!(anchor.nth(Interval::Year, 1), instant("2025-02-28T00:00:00Z"));
        assert_eq!(anchor.nth(Interval::Year, 4), instant("2028-02-29T00:00:00Z"));
        assert_eq!(anchor.after(Span::Months(12)), instant("2025-02-28T00:00:00Z"));
    }

    #[test]
    fn a_week_is_168_hours() {
        let anchor = instant("2026-03-28T12:00:00Z");
        assert_eq!(anchor.nth(Interval::Week, 1), instant("2026-04-04T12:00:00Z"));
    }

    #[test]
    fn spans_read_what_they_print() {
        for text in ["24 hours", "90 days", "12 months", "1 minute", "45 seconds"] {
            let span: Span = text.parse().expect("a span");
            assert_eq!(span.to_string().parse::<Span>(), Ok(span), "{text}");
        }
        assert_eq!("1 year".parse(), Ok(Span::Months(12)));
        assert!("soon".parse::<Span>().is_err());
        assert!("-1 days".parse::<Span>().is_err());
    }

    #[test]
    fn the_end_of_the_calendar_is_a_wall() {
        assert_eq!(Timestamp::MAX.after(Span::Months(1)), Timestamp::MAX);
        assert_eq!(Timestamp::MAX.after_seconds(i64::MAX), Timestamp::MAX);
    }
}
