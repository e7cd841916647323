//! Stripe's test cards: their numbers, their tokens, and the behaviour of each.
//!
//! Invariant: the behaviour of a card is a function of the card and of the presence of its owner, so that a payment's
//! outcome is known before anything is written.

use crate::debits::{self, Account};
use crate::decline::Decline;
use serde_json::{Value, json};

/// Behaviour of a card when it is charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conduct {
    /// The charge succeeds at once.
    Pays,
    /// The card is declined, and cannot be attached to a customer either.
    Declines(Decline),
    /// The card can be attached, and is declined whenever it is charged.
    DeclinesCharges,
    /// The owner must confirm each payment, and cannot when absent.
    AuthenticatesAlways,
    /// The owner must confirm a payment once; if that payment set the card up for later, it pays in the owner's
    /// absence.
    AuthenticatesOnce,
    /// The charge succeeds, and is disputed right afterwards.
    Disputes,
    /// A bank account instead of a card: it is debited, which takes days.
    Debits(Account),
}

const GENERIC: Decline = decline("card_declined", Some("generic_decline"), "Your card was declined.");
const UNFUNDED: Decline = decline("card_declined", Some("insufficient_funds"), "Your card has insufficient funds.");
const LOST: Decline = decline("card_declined", Some("lost_card"), "Your card was declined.");
const STOLEN: Decline = decline("card_declined", Some("stolen_card"), "Your card was declined.");
const EXPIRED: Decline = decline("expired_card", None, "Your card has expired.");
const WRONG_CODE: Decline = decline("incorrect_cvc", None, "Your card's security code is incorrect.");
const PROCESSING: Decline =
    decline("processing_error", None, "An error occurred while processing your card. Try again in a little bit.");
/// Decline of a payment that needs a confirmation while the card's owner is absent.
pub const UNAUTHENTICATED: Decline = decline(
    "authentication_required",
    Some("authentication_required"),
    "Your card was declined. This transaction requires authentication.",
);

const fn decline(code: &'static str, decline_code: Option<&'static str>, message: &'static str) -> Decline {
    Decline { code, decline_code, message }
}

/// A test card or a test bank account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TestCard {
    /// Brand, such as `visa` or `mastercard`.
    pub brand: &'static str,
    /// Last four digits of the number.
    pub last4: &'static str,
    /// Behaviour when it is charged.
    pub conduct: Conduct,
    /// Month and year after which the card has expired.
    pub expires: (i64, i64),
}

/// Outcome of charging a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The money is paid.
    Paid,
    /// The money is paid, and a dispute follows.
    PaidAndDisputed,
    /// The card is declined, and nothing is paid.
    Declined(Decline),
    /// The card's owner must confirm first.
    NeedsAction,
    /// A debit is under way; it settles in some days.
    Processing,
}

/// Test cards: number, names of the tokens after `pm_card_`, brand and behaviour.
const CARDS: [(&str, &[&str], &str, Conduct); 19] = [
    ("4242424242424242", &["visa"], "visa", Conduct::Pays),
    ("4000056655665556", &["visa_debit"], "visa", Conduct::Pays),
    ("5555555555554444", &["mastercard"], "mastercard", Conduct::Pays),
    ("5200828282828210", &["mastercard_debit"], "mastercard", Conduct::Pays),
    ("378282246310005", &["amex"], "amex", Conduct::Pays),
    ("6011111111111117", &["discover"], "discover", Conduct::Pays),
    ("4000000000000002", &["visa_chargeDeclined", "chargeDeclined"], "visa", Conduct::Declines(GENERIC)),
    (
        "4000000000009995",
        &["visa_chargeDeclinedInsufficientFunds", "chargeDeclinedInsufficientFunds"],
        "visa",
        Conduct::Declines(UNFUNDED),
    ),
    ("4000000000009987", &["visa_chargeDeclinedLostCard"], "visa", Conduct::Declines(LOST)),
    ("4000000000009979", &["visa_chargeDeclinedStolenCard"], "visa", Conduct::Declines(STOLEN)),
    (
        "4000000000000069",
        &["chargeDeclinedExpiredCard", "visa_chargeDeclinedExpiredCard"],
        "visa",
        Conduct::Declines(EXPIRED),
    ),
    (
        "4000000000000127",
        &["chargeDeclinedIncorrectCvc", "visa_chargeDeclinedIncorrectCvc"],
        "visa",
        Conduct::Declines(WRONG_CODE),
    ),
    (
        "4000000000000119",
        &["chargeDeclinedProcessingError", "visa_chargeDeclinedProcessingError"],
        "visa",
        Conduct::Declines(PROCESSING),
    ),
    ("4000000000000341", &["chargeCustomerFail"], "visa", Conduct::DeclinesCharges),
    ("4000002500003155", &["authenticationRequiredOnSetup"], "visa", Conduct::AuthenticatesOnce),
    ("4000002760003184", &["authenticationRequired"], "visa", Conduct::AuthenticatesAlways),
    ("4000000000003220", &["threeDSecure2Required"], "visa", Conduct::AuthenticatesAlways),
    ("4000000000000259", &["createDispute"], "visa", Conduct::Disputes),
    ("4000000000001976", &["createDisputeInquiry"], "visa", Conduct::Disputes),
];

/// Returns the card or the bank account with a number; spaces and dashes do not count.
pub fn by_number(number: &str) -> Option<TestCard> {
    if let Some(account) = debits::by_number(number) {
        return Some(of_account(account));
    }
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    let (number, _, brand, conduct) = CARDS.iter().find(|(known, ..)| *known == digits)?;
    Some(TestCard { brand, last4: &number[number.len() - 4..], conduct: *conduct, expires: (12, 2034) })
}

/// Returns the card or the bank account behind a token such as `pm_card_visa`, `tok_visa` or
/// `pm_usBankAccount_success`.
pub fn by_token(token: &str) -> Option<TestCard> {
    if let Some(account) = debits::by_token(token) {
        return Some(of_account(account));
    }
    let name = token.strip_prefix("pm_card_").or_else(|| token.strip_prefix("tok_"))?;
    let (number, ..) = CARDS.iter().find(|(_, names, ..)| names.contains(&name))?;
    by_number(number)
}

/// Returns a bank account as a payment method.
fn of_account(account: Account) -> TestCard {
    let (brand, last4) = (account.kind, &account.number[account.number.len() - 4..]);
    TestCard { brand, last4, conduct: Conduct::Debits(account), expires: (0, 0) }
}

impl TestCard {
    /// Returns the outcome of charging the card. `present` is `true` if its owner is there to confirm, `set_up` if the
    /// owner has confirmed it for payments in absence.
    pub fn outcome(&self, present: bool, set_up: bool) -> Outcome {
        match self.conduct {
            Conduct::Pays => Outcome::Paid,
            Conduct::Disputes => Outcome::PaidAndDisputed,
            Conduct::Declines(decline) => Outcome::Declined(decline),
            Conduct::DeclinesCharges => Outcome::Declined(GENERIC),
            Conduct::AuthenticatesOnce if set_up && !present => Outcome::Paid,
            Conduct::AuthenticatesAlways | Conduct::AuthenticatesOnce => Outcome::NeedsAction,
            Conduct::Debits(_) => Outcome::Processing,
        }
    }

    /// Type of the payment method: `card`, `sepa_debit` or `us_bank_account`.
    pub fn kind(&self) -> &'static str {
        if matches!(self.conduct, Conduct::Debits(_)) { self.brand } else { "card" }
    }

    /// Returns the card's fields as a payment method shows them.
    pub fn fields(&self) -> Value {
        if let Conduct::Debits(account) = self.conduct {
            let mut fields = account.fields(self.brand);
            if self.brand == "sepa_debit" {
                fields["generated_from"] = json!({"charge": null, "setup_attempt": null});
            } else {
                fields["financial_connections_account"] = Value::Null;
                fields["networks"] = json!({"preferred": "ach", "supported": ["ach"]});
                fields["status_details"] = json!({});
            }
            return fields;
        }
        json!({
            "brand": self.brand, "checks": self.checks(), "country": "US", "display_brand": self.brand,
            "exp_month": self.expires.0, "exp_year": self.expires.1, "fingerprint": format!("simulated{}", self.last4), "funding": "credit",
            "generated_from": null, "last4": self.last4,
            "networks": {"available": [self.brand], "preferred": null}, "regulated_status": "unregulated",
            "three_d_secure_usage": {"supported": true}, "wallet": null,
        })
    }

    /// Returns the card's fields as a charge shows them.
    pub fn charge_fields(&self, amount: i64) -> Value {
        if let Conduct::Debits(account) = self.conduct {
            let mut fields = account.fields(self.brand);
            if self.brand == "sepa_debit" {
                fields["mandate"] = Value::Null;
            } else {
                fields["payment_reference"] = Value::Null;
            }
            return fields;
        }
        json!({
            "amount_authorized": amount, "authorization_code": "123456", "brand": self.brand, "checks": self.checks(),
            "country": "US", "electronic_commerce_indicator": null, "exp_month": self.expires.0, "exp_year": self.expires.1,
            "fingerprint": format!("simulated{}", self.last4), "funding": "credit", "installments": null,
            "last4": self.last4, "mandate": null, "network": self.brand, "network_transaction_id": "123456789012345",
            "regulated_status": "unregulated", "three_d_secure": null, "transaction_link_id": null, "wallet": null,
        })
    }

    fn checks(&self) -> Value {
        json!({"address_line1_check": null, "address_postal_code_check": null, "cvc_check": "pass"})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_tokens_name_the_same_cards() {
        assert_eq!(by_number("4000 0000 0000 0002"), by_token("pm_card_visa_chargeDeclined"));
        assert_eq!(by_token("pm_card_visa").map(|card| card.last4), Some("4242"));
        assert_eq!(by_number("4000000000000003"), None);
        assert_eq!(by_token("pm_1"), None);
    }

    #[test]
    fn a_card_that_was_set_up_pays_when_its_owner_is_away() {
        let card = by_number("4000002500003155").unwrap();
        assert_eq!(card.outcome(true, false), Outcome::NeedsAction);
        assert_eq!(card.outcome(false, true), Outcome::Paid);
        let card = by_number("4000002760003184").unwrap();
        assert_eq!(card.outcome(false, true), Outcome::NeedsAction);
    }
}
