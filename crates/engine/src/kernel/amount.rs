//! Amounts: whole units of credit, training or runs.
//!
//! Invariant: never negative, never above [`AMOUNT_MAX`], never a float. Arithmetic that would leave the range is a bug
//! and panics; a number from outside goes through [`Amount::new`].

use crate::kernel::limits::AMOUNT_MAX;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub, SubAssign};

/// Number of whole units, `0..=AMOUNT_MAX`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(with = "u64"))]
pub struct Amount(i64);

impl Amount {
    /// Amount of no units: zero.
    pub const ZERO: Amount = Amount(0);
    /// One unit: the amount that a run takes from a count trial.
    pub const ONE: Amount = Amount(1);

    /// Returns the amount of a number from outside, or `None` when it is negative or above [`AMOUNT_MAX`].
    pub const fn new(units: i64) -> Option<Amount> {
        if units >= 0 && units <= AMOUNT_MAX { Some(Amount(units)) } else { None }
    }

    /// Returns the number of units.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// Returns `true` for zero units.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn is_zero_ref(&self) -> bool {
        self.is_zero()
    }

    /// Returns `self - other`, or zero when `other` is larger.
    pub fn less(self, other: Amount) -> Amount {
        Amount((self.0 - other.0).max(0))
    }

    /// Returns `self × part / whole`, rounded up to a whole unit and never above `self`.
    ///
    /// # Panics
    /// When `whole` is zero: a share of nothing is a bug of the caller.
    pub fn share_rounded_up(self, part: u64, whole: u64) -> Amount {
        assert!(whole > 0, "a share needs a whole");
        let part = i128::from(part.min(whole));
        let share = (i128::from(self.0) * part + i128::from(whole) - 1) / i128::from(whole);
        Amount(i64::try_from(share).expect("a share is not larger than the amount it is of"))
    }

    /// Returns `self × part / whole`, rounded down to a whole unit and never above `self`; zero when `whole` is zero.
    pub fn share_rounded_down(self, part: u64, whole: u64) -> Amount {
        if whole == 0 {
            return Amount::ZERO;
        }
        let share = i128::from(self.0) * i128::from(part.min(whole)) / i128::from(whole);
        Amount(i64::try_from(share).expect("a share is not larger than the amount it is of"))
    }
}

impl TryFrom<i64> for Amount {
    type Error = String;
    fn try_from(units: i64) -> Result<Amount, String> {
        Amount::new(units).ok_or_else(|| format!("{units} is not an amount between 0 and {AMOUNT_MAX}"))
    }
}

impl From<Amount> for i64 {
    fn from(amount: Amount) -> i64 {
        amount.0
    }
}

impl Add for Amount {
    type Output = Amount;
    fn add(self, other: Amount) -> Amount {
        Amount::new(self.0 + other.0).expect("a sum of amounts stays below AMOUNT_MAX")
    }
}

impl Sub for Amount {
    type Output = Amount;
    fn sub(self, other: Amount) -> Amount {
        Amount::new(self.0 - other.0).expect("no amount goes below zero (R9)")
    }
}

impl AddAssign for Amount {
    fn add_assign(&mut self, other: Amount) {
        *self = *self + other;
    }
}

impl SubAssign for Amount {
    fn sub_assign(&mut self, other: Amount) {
        *self = *self - other;
    }
}

impl Sum for Amount {
    fn sum<I: Iterator<Item = Amount>>(amounts: I) -> Amount {
        amounts.fold(Amount::ZERO, Add::add)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Unit that an amount counts: credits, training, or runs of one model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Unit {
    /// Credits, which most runs are paid in.
    #[default]
    Credits,
    /// Trainings, an allowance beside the credits.
    Training,
    /// Runs of one model, in a count trial.
    Runs,
}

impl Unit {
    /// Returns the unit's name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Unit::Credits => "credits",
            Unit::Training => "training",
            Unit::Runs => "runs",
        }
    }

    /// Returns the unit with a name; `None` where no unit has it.
    pub fn from_name(name: &str) -> Option<Unit> {
        [Unit::Credits, Unit::Training, Unit::Runs].into_iter().find(|unit| unit.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(units: i64) -> Amount {
        Amount::new(units).expect("a test amount is in range")
    }

    #[test]
    fn a_share_is_rounded_up_once_and_never_above_the_whole() {
        assert_eq!(amount(200).share_rounded_up(7, 10), amount(140));
        assert_eq!(amount(10).share_rounded_up(1, 3), amount(4));
        assert_eq!(amount(10).share_rounded_up(9, 3), amount(10));
        assert_eq!(amount(AMOUNT_MAX).share_rounded_up(u64::MAX, u64::MAX), amount(AMOUNT_MAX));
    }

    #[test]
    fn out_of_range_is_refused_at_the_door() {
        assert_eq!(Amount::new(-1), None);
        assert_eq!(Amount::new(AMOUNT_MAX + 1), None);
    }
}
