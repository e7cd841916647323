//! Declines: the reasons for which a bank refuses a payment.

use crate::error::StripeError;

/// Reason for which a card or an account is declined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decline {
    /// Code of the error.
    pub code: &'static str,
    /// Reason of the bank, where there is one.
    pub decline_code: Option<&'static str>,
    /// Message for the card's owner.
    pub message: &'static str,
}

impl Decline {
    /// Returns the error that the API answers.
    pub fn error(&self) -> StripeError {
        StripeError::card(self.code, self.decline_code, self.message)
    }
}
