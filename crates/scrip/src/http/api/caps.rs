//! Caps on the spending of a member or a key.

use crate::http::edge::problem::Problem;
use crate::http::edge::values::{amount, interval};
use scrip_client::types as api;
use scrip_engine::Timestamp;
use scrip_engine::team::{Cap, CapTerms};

/// Reads a cap from a request.
///
/// # Errors
/// When its amount is out of range.
pub fn read(asked: &api::SpendCap) -> Result<CapTerms, Problem> {
    let credits = amount("/spend_cap/credits", asked.credits)?;
    Ok(CapTerms { credits, every: asked.every.map(interval) })
}

/// Converts a cap, with what is spent of it now.
pub fn to_api(cap: &Cap, now: Timestamp) -> api::CapView {
    api::CapView {
        credits: cap.terms.credits.get(),
        every: cap.terms.every.map(|every| every.name().to_owned()),
        spent: cap.credits_spent(now).get(),
        resets_at: cap.resets_at(now).map(|at| at.to_string()),
    }
}
