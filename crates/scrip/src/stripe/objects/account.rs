//! The account that a key is of.

use crate::stripe::{Client, Error};
use serde::Deserialize;

/// The account that a key is of. Whether it is live is said by the key, and by every object that it leads to.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Account {
    /// `acct_…`
    pub id: String,
}

impl Client {
    /// The account that the key is of.
    ///
    /// # Errors
    /// When Stripe refuses or does not answer.
    pub async fn account(&self) -> Result<Account, Error> {
        self.get(&["account"], &()).await
    }
}
