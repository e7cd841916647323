//! Form for a card: its fields, and the messages about what was entered.
//!
//! Invariant: what was entered of a card is never shown again.

use super::html::Html;
use crate::calendar::DAY;
use crate::cards::{self, TestCard};
use crate::params::Params;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Returns the fields of the form. The problem with the last card is announced to screen readers, too.
pub fn fields(problem: Option<&str>) -> Html {
    let described = |field: Html| match problem {
        Some(_) => field.raw(" aria-invalid=\"true\" aria-describedby=\"problem\""),
        None => field,
    };
    let number = Html::new()
        .raw("<label for=\"card_number\">Card number</label>\n<input id=\"card_number\" name=\"card_number\"")
        .raw(" inputmode=\"numeric\" autocomplete=\"cc-number\" required placeholder=\"4242 4242 4242 4242\"");
    described(number)
        .raw(">\n<div class=\"pair\">\n<div>\n<label for=\"card_expiry\">Expires (month / year)</label>\n")
        .raw("<input id=\"card_expiry\" name=\"card_expiry\" inputmode=\"numeric\" autocomplete=\"cc-exp\" required")
        .raw(" placeholder=\"12 / 34\">\n</div>\n<div>\n<label for=\"card_cvc\">Security code</label>\n")
        .raw("<input id=\"card_cvc\" name=\"card_cvc\" inputmode=\"numeric\" autocomplete=\"cc-csc\" required")
        .raw(" placeholder=\"123\">\n</div>\n</div>\n")
}

/// Returns the message above the form, if there was a problem.
pub fn problem(words: Option<&str>) -> Html {
    Html::new().maybe(words, |words| Html::new().raw("<p id=\"problem\" role=\"alert\">").text(words).raw("</p>\n"))
}

/// Reads the form, as of an instant.
///
/// # Errors
/// When it describes no card that can be charged: what to say.
pub fn read(form: &Params, now: i64) -> Result<TestCard, &'static str> {
    let card = form.optional("card_number").and_then(|number| cards::by_number(&number));
    let card = card.ok_or("Your card number is invalid: only Stripe's test cards are known here.")?;
    // A bank account has neither an end nor a code.
    if card.kind() != "card" {
        return Ok(card);
    }
    let expiry = form.optional("card_expiry").unwrap_or_default();
    let (month, year) = expiry.split_once('/').ok_or("Your card's expiration date is incomplete.")?;
    let number = |text: &str| text.trim().parse::<i64>().ok();
    let month = number(month).filter(|month| (1..=12).contains(month));
    let year = number(year).map(|year| if year < 100 { year + 2000 } else { year });
    let (Some(month), Some(year)) = (month, year) else { return Err("Your card's expiration date is invalid.") };
    // A card is good to the end of its month, wherever on earth that is.
    let today = Timestamp::from_second(now - DAY).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(TimeZone::UTC);
    if (year, month) < (i64::from(today.year()), i64::from(today.month())) {
        return Err("Your card's expiration year is in the past.");
    }
    let code = form.optional("card_cvc").unwrap_or_default();
    if !(3..=4).contains(&code.len()) || !code.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("Your card's security code is incomplete.");
    }
    Ok(TestCard { expires: (month, year), ..card })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_card(number: &str, expiry: &str, code: &str) -> Result<(i64, i64), &'static str> {
        let form = Params::parse(&format!("card_number={number}&card_expiry={expiry}&card_cvc={code}"));
        // The fifteenth of March 2026.
        read(&form, 1_773_532_800).map(|card| card.expires)
    }

    #[test]
    fn a_card_is_read_with_spaces_and_a_short_year() {
        assert_eq!(read_card("4242+4242+4242+4242", "12+/+34", "123"), Ok((12, 2034)));
        assert_eq!(read_card("4242424242424242", "3/2026", "1234"), Ok((3, 2026)));
    }

    #[test]
    fn what_is_wrong_with_a_card_is_said() {
        for (number, expiry, code, words) in [
            ("1234", "12/34", "123", "card number"),
            ("4242424242424242", "2/26", "123", "in the past"),
            ("4242424242424242", "13/34", "123", "date is invalid"),
            ("4242424242424242", "1234", "123", "incomplete"),
            ("4242424242424242", "12/34", "12", "security code"),
            ("4242424242424242", "12/34", "abc", "security code"),
        ] {
            let said = read_card(number, expiry, code).unwrap_err();
            assert!(said.contains(words), "{words}: {said}");
        }
    }
}
