//! Failures of requests to Stripe.
//!
//! Invariant: [`Error::Refused`], [`Error::Busy`] and [`Error::Unreachable`] are returned only where the request
//! changed nothing; a request that may have been carried out is [`Error::Unknown`].

use super::objects::Id;
use super::pace::Busy;
use serde::Deserialize;
use std::fmt;

/// Failure of a request to Stripe.
#[derive(Debug)]
pub enum Error {
    /// Refused by Stripe, with its reason. Nothing was changed.
    Refused(Box<StripeRefusal>),
    /// Not sent: a person waits for the answer, and too many requests were made.
    Busy(Busy),
    /// Stripe was not reached, or a read was not answered in Stripe's form. Nothing was changed.
    Unreachable(String),
    /// Sent with an unknown outcome: repeating the request with the same key finds it out.
    Unknown(String),
}

impl Error {
    /// Returns the refusal, if the failure is one.
    pub fn refusal(&self) -> Option<&StripeRefusal> {
        match self {
            Error::Refused(refused) => Some(refused),
            _ => None,
        }
    }
}

/// A refusal by Stripe, read from its answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StripeRefusal {
    /// HTTP status: 400, 401, 402, 403, 404, 409 or 429.
    pub status: u16,
    /// Type of the error: `card_error`, `invalid_request_error`, `idempotency_error`, …
    pub kind: String,
    /// Code of the error, if any: `resource_missing`, `card_declined`, `authentication_required`, …
    pub code: Option<String>,
    /// Reason for which a card's bank declined, as a code.
    pub decline_code: Option<String>,
    /// Name of the parameter that is wrong, if any.
    pub param: Option<String>,
    /// Message of the error, for people.
    pub message: String,
    /// Payment intent that was refused, if any.
    pub payment_intent: Option<Id>,
    /// Identifier of the request in Stripe's log.
    pub request_id: Option<String>,
}

/// Body of a refusal's answer.
#[derive(Deserialize)]
pub(super) struct Body {
    pub error: ErrorBody,
}

/// Error object in the body of a refusal.
#[derive(Deserialize)]
pub(super) struct ErrorBody {
    #[serde(rename = "type", default)]
    pub kind: String,
    pub code: Option<String>,
    pub decline_code: Option<String>,
    pub param: Option<String>,
    #[serde(default)]
    pub message: String,
    pub payment_intent: Option<Id>,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Refused(refused) => write!(f, "Stripe refuses it: {refused}"),
            Error::Busy(Busy { retry_after, .. }) => {
                write!(f, "no more requests are sent to Stripe for this workspace in the next {retry_after} seconds")
            }
            Error::Unreachable(why) => write!(f, "Stripe cannot be reached: {why}"),
            Error::Unknown(why) => write!(f, "it is not known whether Stripe carried out the request: {why}"),
        }
    }
}

impl fmt::Display for StripeRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let StripeRefusal { status, kind, code, param, message, request_id, .. } = self;
        let what = code.as_ref().unwrap_or(kind);
        write!(f, "{status} {what}: {}", if message.is_empty() { "without a reason" } else { message })?;
        for (name, value) in [("param", param), ("request", request_id)] {
            value.iter().try_for_each(|value| write!(f, " ({name} {value})"))?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}
