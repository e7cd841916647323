//! Charges, which move money to the account, and disputes, which claim it back.

use super::{Id, Metadata, Range, Seconds, or_empty};
use crate::payments::stripe::{Client, Error};
use serde::{Deserialize, Serialize};

/// An attempt to move money from a customer to the account.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Charge {
    /// Identifier of the charge, `ch_…`.
    pub id: String,
    /// `true` if the object belongs to live mode, in which money moves.
    pub livemode: bool,
    /// Status of the charge: `succeeded`, `pending` or `failed`.
    pub status: String,
    /// `true` if the charge succeeded, or was authorized to be captured later.
    pub paid: bool,
    /// Amount in the currency's smallest unit.
    pub amount: i64,
    /// Amount refunded so far, in the currency's smallest unit.
    pub amount_refunded: i64,
    /// Currency: an ISO 4217 code in lower case.
    pub currency: String,
    /// Customer who was charged, if any.
    pub customer: Option<Id>,
    /// Payment intent to which the charge belongs, if any.
    pub payment_intent: Option<Id>,
    /// `true` once the whole amount is refunded; a partly refunded charge has `false`.
    pub refunded: bool,
    /// `true` if the charge is or was disputed.
    pub disputed: bool,
    /// Key-value pairs of the charge, copied from its payment intent.
    #[serde(default, deserialize_with = "or_empty")]
    pub metadata: Metadata,
    /// Instant of creation, in seconds since 1970.
    pub created: Seconds,
}

/// A claim of a customer's bank to have the money of a charge back.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Dispute {
    /// Identifier of the dispute, `du_…`.
    pub id: String,
    /// `true` if the object belongs to live mode, in which money moves.
    pub livemode: bool,
    /// Status of the dispute.
    pub status: DisputeStatus,
    /// Disputed amount, in the currency's smallest unit.
    pub amount: i64,
    /// Currency: an ISO 4217 code in lower case.
    pub currency: String,
    /// Charge that is disputed.
    pub charge: Id,
    /// Payment intent of the disputed charge, if any.
    pub payment_intent: Option<Id>,
    /// Reason that the bank gives, such as `fraudulent` or `duplicate`.
    pub reason: String,
    /// Instant of creation, in seconds since 1970.
    pub created: Seconds,
}

/// Status of a dispute. The `Warning…` ones are inquiries, in which no money has moved.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisputeStatus {
    /// Inquiry of the bank that awaits a response.
    WarningNeedsResponse,
    /// Inquiry that the bank is reviewing.
    WarningUnderReview,
    /// Inquiry that was closed without becoming a dispute.
    WarningClosed,
    /// Dispute that awaits a response; its money is withdrawn from the account.
    NeedsResponse,
    /// Dispute that the bank is reviewing.
    UnderReview,
    /// Dispute decided for the account, which has its money back.
    Won,
    /// Dispute decided for the customer, who keeps the money.
    Lost,
    /// Dispute that was settled before the bank opened it.
    Prevented,
    /// Value that Stripe added to this enumeration later.
    #[serde(untagged)]
    Other(String),
}

/// Filter of a list of charges; an absent field does not restrict it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Charges<'a> {
    /// Identifier of the customer who was charged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer: Option<&'a str>,
    /// Identifier of the charges' payment intent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment_intent: Option<&'a str>,
    /// Range in which the charges were created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<Range>,
}

/// Filter of a list of disputes; an absent field does not restrict it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Disputes<'a> {
    /// Identifier of the disputed charge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub charge: Option<&'a str>,
    /// Range in which the disputes were created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<Range>,
}

impl Client {
    /// Reads the charge with identifier `id`.
    ///
    /// # Errors
    /// When Stripe refuses or does not answer.
    pub async fn charge(&self, id: &str) -> Result<Charge, Error> {
        self.get(&["charges", id], &()).await
    }

    /// Reads the charges that match a filter, newest first.
    ///
    /// # Errors
    /// When Stripe refuses or does not answer.
    pub async fn charges(&self, which: &Charges<'_>) -> Result<Vec<Charge>, Error> {
        self.all(&["charges"], which).await
    }

    /// Reads the disputes that match a filter, newest first.
    ///
    /// # Errors
    /// When Stripe refuses or does not answer.
    pub async fn disputes(&self, which: &Disputes<'_>) -> Result<Vec<Dispute>, Error> {
        self.all(&["disputes"], which).await
    }
}
