//! Test bank accounts, and the result of debiting each, days after the debit was asked for.
//!
//! Invariant: a debit is never paid at once; it is processing until it settles.

use crate::decline::Decline;
use serde_json::{Value, json};

/// A test bank account that can be debited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// Kind of the payment method: `sepa_debit` or `us_bank_account`.
    pub kind: &'static str,
    /// Account number; an IBAN where the account has one.
    pub number: &'static str,
    /// Result of a debit when it settles.
    pub settles: Settlement,
}

/// Result of a debit when it settles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// The debit succeeds, and the money comes.
    Succeeds,
    /// The debit succeeds, and is disputed right afterwards.
    Disputes,
    /// The bank refuses the debit.
    Fails(Decline),
    /// The debit never settles.
    Never,
}

/// Reason of a debit that fails without any from the bank.
pub const REFUSAL: Decline =
    Decline { code: "payment_intent_payment_attempt_failed", decline_code: None, message: "The payment failed." };

const fn failure(code: &'static str, message: &'static str) -> Settlement {
    Settlement::Fails(Decline { code, decline_code: None, message })
}

const REFUSED: Settlement = Settlement::Fails(REFUSAL);
const UNFUNDED: Settlement = failure("insufficient_funds", "The customer's account has insufficient funds.");

/// Test IBANs, with the result of a debit; each country has the same accounts with other check digits.
const SEPA: [(&str, Settlement); 11] = [
    ("DE89370400440532013000", Settlement::Succeeds),
    ("DE08370400440532013003", Settlement::Succeeds),
    ("DE62370400440532013001", REFUSED),
    ("DE78370400440532013004", REFUSED),
    ("DE35370400440532013002", Settlement::Disputes),
    ("DE65370400440002222227", UNFUNDED),
    ("AT611904300234573201", Settlement::Succeeds),
    ("AT321904300235473204", Settlement::Succeeds),
    ("AT861904300235473202", REFUSED),
    ("AT051904300235473205", REFUSED),
    ("AT591904300235473203", Settlement::Disputes),
];

/// Accounts in the United States, with the names of their tokens behind `pm_usBankAccount_`.
const US: [(&str, &str, Settlement); 7] = [
    ("000123456789", "success", Settlement::Succeeds),
    ("000222222227", "insufficientFunds", UNFUNDED),
    ("000111111113", "accountClosed", failure("account_closed", "The customer's bank account has been closed.")),
    ("000111111116", "noAccount", failure("no_account", "The customer's bank account could not be located.")),
    (
        "000333333335",
        "debitNotAuthorized",
        failure("debit_not_authorized", "The customer has notified their bank that this payment was unauthorized."),
    ),
    ("000555555559", "dispute", Settlement::Disputes),
    ("000000000009", "processing", Settlement::Never),
];

/// Returns the account with a number; spaces do not count.
pub fn by_number(number: &str) -> Option<Account> {
    let number: String = number.chars().filter(|letter| !letter.is_whitespace()).collect();
    let sepa = SEPA.iter().find(|(known, _)| *known == number);
    let us = US.iter().find(|(known, ..)| *known == number);
    sepa.map(|(number, settles)| Account { kind: "sepa_debit", number, settles: *settles })
        .or(us.map(|(number, _, settles)| Account { kind: "us_bank_account", number, settles: *settles }))
}

/// Returns the account behind a token such as `pm_usBankAccount_success`.
pub fn by_token(token: &str) -> Option<Account> {
    let name = token.strip_prefix("pm_usBankAccount_")?;
    let (number, _, settles) = US.iter().find(|(_, known, _)| *known == name)?;
    Some(Account { kind: "us_bank_account", number, settles: *settles })
}

impl Account {
    /// Returns the fields that a payment method and a charge both show.
    pub fn fields(&self, kind: &str) -> Value {
        let (head, last4) = self.number.split_at(self.number.len() - 4);
        let fingerprint = format!("simulated{last4}");
        if kind == "sepa_debit" {
            return json!({
                "bank_code": head.get(4..12), "branch_code": "", "country": head.get(..2), "fingerprint": fingerprint,
                "last4": last4,
            });
        }
        json!({
            "account_holder_type": "individual", "account_type": "checking", "bank_name": "STRIPE TEST BANK",
            "fingerprint": fingerprint, "last4": last4, "routing_number": "110000000",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_tokens_name_the_same_accounts() {
        assert_eq!(by_token("pm_usBankAccount_success"), by_number("000123456789"));
        let account = by_number("DE89 3704 0044 0532 0130 00").unwrap();
        assert_eq!((account.kind, account.number), ("sepa_debit", "DE89370400440532013000"));
        assert_eq!((by_number("DE00"), by_token("pm_card_visa")), (None, None));
    }
}
