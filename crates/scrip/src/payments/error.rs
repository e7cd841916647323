//! Errors of selling: a purchase that is denied, and a customer that could not be reconciled.

use crate::payments::stripe::Error;
use crate::payments::stripe::pace::Busy;
use scrip_engine::Refusal;
use scrip_store::Unavailable;
use std::fmt;

/// Reason for which nothing can be paid.
#[derive(Debug)]
pub enum Denial {
    /// The purchase is refused, with a reason for the caller.
    Refused(Refusal),
    /// Stripe refused the request or did not answer.
    Stripe(Error),
    /// Too many requests to Stripe were made.
    Busy {
        /// Seconds after which the caller may retry.
        retry_after: u32,
        /// Number of requests that the workspace has in a day; `None` if the pace of all requests refused.
        exceeded: Option<u32>,
    },
    /// The store cannot answer or write.
    Store(Unavailable),
    /// Stripe has no price that sells the offer.
    NotSynced(String),
    /// Stripe has an object that Scrip did not make so.
    Unexpected(String),
    /// The idempotency key was used for another purchase.
    KeyReused,
    /// The workspace is of the other mode than the Stripe key.
    OtherMode,
}

impl From<Unavailable> for Denial {
    fn from(error: Unavailable) -> Denial {
        Denial::Store(error)
    }
}

impl From<Error> for Denial {
    fn from(error: Error) -> Denial {
        match error {
            Error::Busy(Busy { retry_after, exceeded }) => Denial::Busy { retry_after, exceeded },
            error => Denial::Stripe(error),
        }
    }
}

/// Reason for which a customer was not reconciled.
#[derive(Debug)]
pub enum ReconcileError {
    /// The ledger or the store cannot answer.
    Ledger(String),
    /// Stripe refused a request or did not answer.
    Stripe(Error),
}

impl fmt::Display for ReconcileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReconcileError::Ledger(error) => f.write_str(error),
            ReconcileError::Stripe(error) => error.fmt(f),
        }
    }
}

impl From<Unavailable> for ReconcileError {
    fn from(error: Unavailable) -> ReconcileError {
        ReconcileError::Ledger(error.to_string())
    }
}

impl From<Error> for ReconcileError {
    fn from(error: Error) -> ReconcileError {
        ReconcileError::Stripe(error)
    }
}
