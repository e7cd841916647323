//! Intervals and caps on the command line, and caps in words, for several families of subcommands.

use clap::ValueEnum;
use scrip_client::types::{CapView, Interval, SpendCap};
use std::str::FromStr;

/// Interval of payment for a plan, or of a cap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Every {
    /// A week of 7 × 24 hours
    Week,
    /// One whole calendar month
    Month,
    /// A year of twelve calendar months
    Year,
}

impl From<Every> for Interval {
    fn from(every: Every) -> Interval {
        match every {
            Every::Week => Interval::Week,
            Every::Month => Interval::Month,
            Every::Year => Interval::Year,
        }
    }
}

/// Cap on spending, for ever or in each interval; `None` is no cap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cap(pub Option<SpendCap>);

impl FromStr for Cap {
    type Err = String;

    fn from_str(given: &str) -> Result<Cap, String> {
        if given == "none" {
            return Ok(Cap(None));
        }
        let (credits, every) = given.split_once('/').map_or((given, None), |(credits, every)| (credits, Some(every)));
        let cap = || {
            let credits = credits.parse().ok().filter(|credits| *credits >= 0)?;
            let every = every.map(|every| Every::from_str(every, true)).transpose().ok()?;
            Some(Cap(Some(SpendCap { credits, every: every.map(Interval::from) })))
        };
        cap().ok_or_else(|| "give credits, such as 500, or with week, month or year: 500/month; or none".to_owned())
    }
}

/// Describes a cap and what is spent of it, in words.
pub fn cap_words(cap: &CapView) -> String {
    let every = cap.every.as_ref().map(|every| format!(" a {every}")).unwrap_or_default();
    let resets = cap.resets_at.as_ref().map(|at| format!(", anew at {at}")).unwrap_or_default();
    format!("{} credits{every}, {} spent{resets}", cap.credits, cap.spent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cap_is_an_amount_with_or_without_an_interval() {
        let cap = |credits, every| Ok(Cap(Some(SpendCap { credits, every })));
        assert_eq!("500".parse(), cap(500, None));
        assert_eq!("0/week".parse(), cap(0, Some(Interval::Week)));
        assert_eq!("500/month".parse(), cap(500, Some(Interval::Month)));
        assert_eq!("none".parse(), Ok(Cap(None)));
        for wrong in ["", "-1", "5.5", "500/", "500/day", "/month", "none/month"] {
            assert!(wrong.parse::<Cap>().is_err(), "{wrong}");
        }
    }
}
