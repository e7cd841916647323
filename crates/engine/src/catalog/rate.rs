//! Rates in thousandths of a credit.
//!
//! Invariant: a rate is exact and positive, never a float.

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// Largest rate, in thousandths: a million credits.
const MAX: i64 = 1_000_000_000;

/// A positive number with three decimals, as an integer of thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(with = "IntegerOrDecimal"))]
pub struct Thousandths(i64);

/// Form of a rate in a catalog file.
#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code, reason = "only its schema is used")]
enum IntegerOrDecimal {
    /// Whole number of credits, such as `20`.
    Integer(u64),
    /// Up to three decimals, as text: `"0.5"`.
    Decimal(String),
}

impl Thousandths {
    /// Returns the number of thousandths.
    pub const fn get(self) -> i64 {
        self.0
    }

    fn new(thousandths: i64) -> Result<Thousandths, String> {
        if thousandths > 0 && thousandths <= MAX {
            Ok(Thousandths(thousandths))
        } else {
            Err("a rate must be more than 0 and at most 1000000 credits".to_owned())
        }
    }
}

impl FromStr for Thousandths {
    type Err = String;
    fn from_str(text: &str) -> Result<Thousandths, String> {
        let wrong = || format!("`{text}` is not a rate: write a whole number, or up to three decimals such as \"0.5\"");
        let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty()
            || whole.len() > 7
            || decimals.len() > 3
            || !digits(whole)
            || !digits(decimals)
            || text.ends_with('.')
        {
            return Err(wrong());
        }
        let whole: i64 = whole.parse().map_err(|_| wrong())?;
        let decimals: i64 = format!("{decimals:0<3}").parse().map_err(|_| wrong())?;
        Thousandths::new(whole * 1_000 + decimals)
    }
}

impl fmt::Display for Thousandths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, decimals) = (self.0 / 1_000, self.0 % 1_000);
        if decimals == 0 {
            return whole.fmt(f);
        }
        let text = format!("{whole}.{decimals:03}");
        f.write_str(text.trim_end_matches('0'))
    }
}

impl Serialize for Thousandths {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 % 1_000 == 0 { serializer.serialize_i64(self.0 / 1_000) } else { serializer.collect_str(self) }
    }
}

impl<'de> Deserialize<'de> for Thousandths {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Thousandths, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = Thousandths;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number, or up to three decimals as text such as \"0.5\"")
            }
            fn visit_i64<E: de::Error>(self, whole: i64) -> Result<Thousandths, E> {
                let thousandths = whole.checked_mul(1_000).unwrap_or(-1);
                Thousandths::new(thousandths).map_err(E::custom)
            }
            fn visit_u64<E: de::Error>(self, whole: u64) -> Result<Thousandths, E> {
                self.visit_i64(i64::try_from(whole).unwrap_or(-1))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Thousandths, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_exact() {
        for (text, thousandths) in [("20", 20_000), ("0.5", 500), ("1.005", 1_005), ("1000000", 1_000_000_000)] {
            assert_eq!(text.parse().map(Thousandths::get), Ok(thousandths));
            assert_eq!(Thousandths(thousandths).to_string(), text);
        }
        for wrong in ["", "0", "-1", "1.0005", "1e3", "NaN", "1.", ".5", "1000000.001", "99999999"] {
            assert!(wrong.parse::<Thousandths>().is_err(), "{wrong}");
        }
    }
}
