//! The Stripe account to which a secret key belongs.

use crate::payments::stripe::{Client, Error};
use serde::Deserialize;

/// A Stripe account. Its mode is told by the key, and by the `livemode` of every object that the key reads.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Account {
    /// Identifier of the account, `acct_…`.
    pub id: String,
}

impl Client {
    /// Reads the account to which the client's key belongs.
    ///
    /// # Errors
    /// When Stripe refuses or does not answer.
    pub async fn account(&self) -> Result<Account, Error> {
        self.get(&["account"], &()).await
    }
}
