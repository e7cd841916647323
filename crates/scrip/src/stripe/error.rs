//! How a request to Stripe fails.
//!
//! Invariant: [`Error::Refused`] and [`Error::Unreachable`] are only said of requests that changed nothing; whatever
//! may have happened all the same is [`Error::Unknown`].

use super::objects::Id;
use super::pace::Busy;
use serde::Deserialize;
use std::fmt;

/// How a request failed.
#[derive(Debug)]
pub enum Error {
    /// Stripe says no, and why. Nothing was done.
    Refused(Box<Refused>),
    /// It was not sent: a person waits for it, and there were too many.
    Busy(Busy),
    /// Stripe was not reached, or answers a question not as it does. Nothing was done.
    Unreachable(String),
    /// It was sent, and what came of it is not known: the same key asks again.
    Unknown(String),
}

impl Error {
    /// The refusal, if it is one.
    pub fn refused(&self) -> Option<&Refused> {
        match self {
            Error::Refused(refused) => Some(refused),
            _ => None,
        }
    }
}

/// A no of Stripe's.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Refused {
    /// The status: 400, 401, 402, 403, 404, 409, 429.
    pub status: u16,
    /// What kind of error it is: `card_error`, `invalid_request_error`, `idempotency_error`, …
    pub kind: String,
    /// Which one, in a word: `resource_missing`, `card_declined`, `authentication_required`, …
    pub code: Option<String>,
    /// Why a card's bank declined.
    pub decline_code: Option<String>,
    /// The parameter that is wrong.
    pub param: Option<String>,
    /// The same for people.
    pub message: String,
    /// The payment that was refused, where there is one.
    pub payment_intent: Option<Id>,
    /// What Stripe's log calls the request.
    pub request_id: Option<String>,
}

/// The body of a refusal.
#[derive(Deserialize)]
pub(super) struct Body {
    pub error: Said,
}

/// What a refusal says.
#[derive(Deserialize)]
pub(super) struct Said {
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
                write!(f, "no more requests are sent to Stripe for this in the next {retry_after} seconds")
            }
            Error::Unreachable(why) => write!(f, "Stripe cannot be reached: {why}"),
            Error::Unknown(why) => write!(f, "whether Stripe has done it is not known: {why}"),
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Refused { status, kind, code, param, message, request_id, .. } = self;
        let what = code.as_ref().unwrap_or(kind);
        write!(f, "{status} {what}: {}", if message.is_empty() { "it does not say why" } else { message })?;
        for (name, value) in [("param", param), ("request", request_id)] {
            value.iter().try_for_each(|value| write!(f, " ({name} {value})"))?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}
