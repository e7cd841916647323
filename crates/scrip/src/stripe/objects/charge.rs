//! Money that moved, and money that is claimed back: charges, disputes.

use super::{Id, Metadata, Range, Seconds, or_empty};
use crate::stripe::{Client, Error};
use serde::{Deserialize, Serialize};

/// Money that moved to us.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Charge {
    /// `ch_…`
    pub id: String,
    /// Whether money moves.
    pub livemode: bool,
    /// `succeeded`, `pending` or `failed`.
    pub status: String,
    /// Whether it was paid.
    pub paid: bool,
    /// In the currency's smallest unit.
    pub amount: i64,
    /// What was given back of it, all in all.
    pub amount_refunded: i64,
    /// ISO 4217, lower case.
    pub currency: String,
    /// Who paid.
    pub customer: Option<Id>,
    /// The payment that it is of.
    pub payment_intent: Option<Id>,
    /// Whether all of it was given back.
    pub refunded: bool,
    /// Whether it is or was disputed.
    pub disputed: bool,
    /// What we wrote on the payment.
    #[serde(default, deserialize_with = "or_empty")]
    pub metadata: Metadata,
    /// When it was made.
    pub created: Seconds,
}

/// Money that a customer's bank claims back.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Dispute {
    /// `du_…`
    pub id: String,
    /// Whether money moves.
    pub livemode: bool,
    /// How it stands.
    pub status: DisputeStatus,
    /// In the currency's smallest unit.
    pub amount: i64,
    /// ISO 4217, lower case.
    pub currency: String,
    /// Of what.
    pub charge: Id,
    /// Of which payment.
    pub payment_intent: Option<Id>,
    /// Why, in a word.
    pub reason: String,
    /// When it was made.
    pub created: Seconds,
}

/// How a dispute stands. While it is a warning, no money has moved.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisputeStatus {
    /// A question; it wants an answer.
    WarningNeedsResponse,
    /// A question that is looked into.
    WarningUnderReview,
    /// A question that came to nothing.
    WarningClosed,
    /// It wants an answer.
    NeedsResponse,
    /// It is looked into.
    UnderReview,
    /// We have the money again.
    Won,
    /// The customer keeps it.
    Lost,
    /// It was settled before it became one.
    Prevented,
    /// Something Stripe added.
    #[serde(untagged)]
    Other(String),
}

/// Which charges.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Charges<'a> {
    /// Whose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer: Option<&'a str>,
    /// Of which payment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment_intent: Option<&'a str>,
    /// When they were made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<Range>,
}

/// Which disputes.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Disputes<'a> {
    /// Of what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub charge: Option<&'a str>,
    /// When they were made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<Range>,
}

impl Client {
    /// A charge.
    ///
    /// # Errors
    /// When Stripe refuses or does not answer.
    pub async fn charge(&self, id: &str) -> Result<Charge, Error> {
        self.get(&["charges", id], &()).await
    }

    /// Charges, newest first.
    ///
    /// # Errors
    /// When Stripe refuses or does not answer.
    pub async fn charges(&self, which: &Charges<'_>) -> Result<Vec<Charge>, Error> {
        self.all(&["charges"], which).await
    }

    /// Disputes, newest first.
    ///
    /// # Errors
    /// When Stripe refuses or does not answer.
    pub async fn disputes(&self, which: &Disputes<'_>) -> Result<Vec<Dispute>, Error> {
        self.all(&["disputes"], which).await
    }
}
