//! Every period boundary of nine years of start days, against a second calendar (R2).

use scrip_engine::{Interval, Span, Timestamp};
use scrip_testing::model::calendar::{DAY, day_number, months_later};

/// Number of boundaries of each start day: three years by the month.
const PERIODS: u32 = 36;

fn boundary(start: i64, every: Interval, n: u32) -> i64 {
    match every {
        Interval::Week => start + i64::from(n) * 7 * DAY,
        Interval::Month => months_later(start, i64::from(n)),
        Interval::Year => months_later(start, i64::from(n) * 12),
    }
}

#[test]
fn every_boundary_of_every_start_day_from_2024_to_2032_is_the_same_in_both_calendars() {
    let (first, last) = (day_number(2024, 1, 1), day_number(2033, 1, 1));
    assert_eq!(last - first, 3_288, "nine years with three leap days");
    let (mut compared, mut differ) = (0, Vec::new());
    for day in first..last {
        // Three times of day: the first and last microsecond, and one inside that moves with the day.
        for time in [0, DAY - 1, (day * 7_919 * 1_000_003) % DAY] {
            let start = day * DAY + time;
            for every in [Interval::Week, Interval::Month, Interval::Year] {
                for n in 0..=PERIODS {
                    let engine = Timestamp::from_micros(start).nth(every, n).micros();
                    compared += 1;
                    if engine != boundary(start, every, n) {
                        differ.push((start, every, n));
                    }
                }
            }
        }
    }
    assert_eq!(differ, [], "of {compared} boundaries");
    assert_eq!(compared, 3_288 * 3 * 3 * 37);
}

#[test]
fn the_second_calendar_knows_dates_that_people_know() {
    for (year, month, day, number) in
        [(1970, 1, 1, 0), (2000, 2, 29, 11_016), (2024, 2, 29, 19_782), (2026, 7, 29, 20_663), (2100, 3, 1, 47_541)]
    {
        assert_eq!(day_number(year, month, day), number);
        assert_eq!(scrip_testing::model::calendar::date(number), (year, month, day));
    }
    let instant = |text: &str| text.parse::<Timestamp>().expect("RFC 3339").micros();
    assert_eq!(months_later(instant("2024-01-31T10:00:00Z"), 1), instant("2024-02-29T10:00:00Z"));
    assert_eq!(months_later(instant("2024-02-29T10:00:00Z"), 12), instant("2025-02-28T10:00:00Z"));
    assert_eq!(months_later(instant("2026-12-31T23:59:59Z"), 2), instant("2027-02-28T23:59:59Z"));
}

#[test]
fn a_span_of_months_ends_where_the_same_number_of_monthly_periods_ends() {
    for day in (day_number(2024, 1, 1)..day_number(2028, 1, 1)).step_by(3) {
        let start = Timestamp::from_micros(day * DAY + 12_345);
        for months in 0..=PERIODS {
            assert_eq!(start.after(Span::Months(months)), start.nth(Interval::Month, months), "{start} + {months}");
        }
    }
}
