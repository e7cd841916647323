//! Events: snapshots of the objects that changed.
//!
//! Invariant: an event is never changed after it was made, except for the number of endpoints that still wait for it.

use crate::answer::one;
use crate::delivery::fits;
use crate::error::{Answer, StripeError};
use crate::lists::ListPage;
use crate::params::Params;
use crate::state::State;

/// Maximum number of types in the filter of a list.
const TYPES: usize = 20;

/// `GET /v1/events/{id}`
///
/// # Errors
/// When there is none.
pub fn get(state: &State, id: &str, params: &Params) -> Answer {
    params.finish()?;
    state.find("event", id, "id")?;
    one(state, id)
}

/// `GET /v1/events`: lists events, by type or success of delivery.
///
/// # Errors
/// When a parameter cannot be used.
pub fn list(state: &State, params: &Params) -> Answer {
    let page = ListPage::read(params)?;
    let (kind, kinds) = (params.optional("type"), params.texts("types"));
    let delivered = params.flag("delivery_success")?;
    params.finish()?;
    if kind.is_some() && kinds.is_some() {
        return Err(StripeError::unusable("types", "You may pass either `type` or `types`, but not both."));
    }
    if kinds.as_ref().is_some_and(|kinds| kinds.len() > TYPES) {
        return Err(StripeError::unusable("types", format!("You may pass up to {TYPES} types.")));
    }
    page.of(state, "event", "/v1/events", |event| {
        let is = event.text("type");
        kind.as_ref().is_none_or(|kind| fits(kind, is))
            && kinds.as_ref().is_none_or(|kinds| kinds.iter().any(|kind| fits(kind, is)))
            && delivered.is_none_or(|wanted| state.deliveries.has_succeeded(event.id()) == wanted)
    })
}
