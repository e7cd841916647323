//! Amounts of money in words, with as many digits of fraction as Stripe counts in a currency.
//!
//!
//! Mostly these are the digits of ISO 4217. The Ugandan shilling and the Icelandic króna have lost their fraction and
//! are still counted in hundredths, of which only whole hundreds are paid.
//!
//! Invariant: an amount of money is a whole number of the currency's smallest unit, never a float.

use crate::kernel::amount::Amount;

/// Currencies whose smallest unit is the whole one, such as the yen.
const WITHOUT_FRACTION: [&str; 15] =
    ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"];
/// Currencies whose smallest unit is a thousandth.
const OF_THOUSANDTHS: [&str; 5] = ["bhd", "jod", "kwd", "omr", "tnd"];

/// Returns an amount in the currency's smallest unit as people write it: `39.00 USD`.
pub fn money(amount: Amount, currency: &str) -> String {
    let code = currency.to_ascii_uppercase();
    let digits = digits(currency);
    if digits == 0 {
        return format!("{amount} {code}");
    }
    let unit = (0..digits).fold(1, |unit, _| unit * 10);
    let (whole, part) = (amount.get() / unit, amount.get() % unit);
    format!("{whole}.{part:0digits$} {code}")
}

/// Returns the number of digits in the fraction of a currency.
pub(crate) fn digits(currency: &str) -> usize {
    match currency {
        whole if WITHOUT_FRACTION.contains(&whole) => 0,
        fine if OF_THOUSANDTHS.contains(&fine) => 3,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_has_the_digits_of_its_currency() {
        let said = |amount: i64, currency| money(Amount::new(amount).expect("it is in range"), currency);
        assert_eq!(said(3900, "usd"), "39.00 USD");
        assert_eq!(said(5, "eur"), "0.05 EUR");
        assert_eq!(said(500, "jpy"), "500 JPY");
        assert_eq!(said(1234, "kwd"), "1.234 KWD");
        // Five shillings and five krónur: Stripe is asked for 500.
        assert_eq!(said(500, "ugx"), "5.00 UGX");
        assert_eq!(said(500, "isk"), "5.00 ISK");
    }
}
