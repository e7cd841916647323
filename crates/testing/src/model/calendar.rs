//! A calendar of its own for the tests: civil dates as integers, months added with clamping.
//!
//! Invariant: shares no code with the engine's calendar, which asks a library.

/// Microseconds in one day.
pub const DAY: i64 = 86_400_000_000;

/// Returns the day number since 1970-01-01 of a proleptic Gregorian date, counted year by year and month by month
/// from tables.
pub fn day_number(year: i64, month: i64, day: i64) -> i64 {
    let years = year - 1;
    let before_year = years * 365 + years / 4 - years / 100 + years / 400;
    let before_month: i64 = (1..month).map(|month| month_length(year, month)).sum();
    before_year + before_month + day - 1 - 719_162
}

/// Returns the date of a day number since 1970-01-01; for years after 1.
pub fn date(day_since_1970: i64) -> (i64, i64, i64) {
    let mut year = 1970 + day_since_1970 / 366;
    while day_number(year + 1, 1, 1) <= day_since_1970 {
        year += 1;
    }
    let mut left = day_since_1970 - day_number(year, 1, 1);
    let mut month = 1;
    while left >= month_length(year, month) {
        left -= month_length(year, month);
        month += 1;
    }
    (year, month, left + 1)
}

/// Returns the number of days of a month.
pub fn month_length(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Returns an instant some calendar months later, at the same time of day, clamped to the month's length.
pub fn months_later(micros: i64, months: i64) -> i64 {
    let (year, month, day) = date(micros.div_euclid(DAY));
    let index = year * 12 + (month - 1) + months;
    let (year, month) = (index.div_euclid(12), index.rem_euclid(12) + 1);
    day_number(year, month, day.min(month_length(year, month))) * DAY + micros.rem_euclid(DAY)
}
