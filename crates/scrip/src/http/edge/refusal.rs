//! Answers to refusals of the engine: the one table of status, detail, members and the time to wait.
//!
//! Invariant: every refusal is named here, so a new one does not compile before it has an answer.

use axum::http::StatusCode;
use scrip_engine::{Ending, FreshQuote, Invalid, Name, Refusal, Value as Param, WayOut};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Seconds to wait before a retry, when it is unknown when the cause ends.
pub const RETRY_AFTER: u32 = 2;
/// Seconds to wait before a retry, when a person switched something off and must switch it on.
const OFF_FOR: u32 = 60; // # assumed

/// Answer of "no" as the API gives it.
pub struct Answer {
    /// Stable code of the answer.
    pub code: &'static str,
    /// Status of the response.
    pub status: StatusCode,
    /// Sentence that says what to do.
    pub detail: String,
    /// Members of the document besides those of every problem, as an object.
    pub members: Value,
    /// Seconds to wait before a retry; `None` when a retry does not help.
    pub retry_after: Option<u32>,
}

impl Answer {
    /// Returns the code in words.
    pub fn title(&self) -> String {
        let words = self.code.to_lowercase().replace('_', " ");
        let mut letters = words.chars();
        letters.next().map_or_else(String::new, |first| first.to_uppercase().collect::<String>() + letters.as_str())
    }
}

/// Returns the answer to a refusal.
pub fn answer(refusal: &Refusal) -> Answer {
    let (status, detail, members) = row(refusal);
    let retry_after = members.get("retry_after").and_then(Value::as_u64).and_then(|seconds| seconds.try_into().ok());
    Answer { code: refusal.code(), status, detail, members, retry_after }
}

/// Returns a refusal's row of the table. A member `retry_after` is also sent as the header of that name.
fn row(refusal: &Refusal) -> (StatusCode, String, Value) {
    match refusal {
        Refusal::Unauthenticated => {
            (StatusCode::UNAUTHORIZED, "the key is unknown or has expired".to_owned(), json!({}))
        }
        Refusal::CapabilityRequired { capability, ceiling } => (
            StatusCode::FORBIDDEN,
            match ceiling.is_empty() {
                true => format!("this needs `{capability}`, which no caller can have here"),
                false => {
                    format!(
                        "this needs `{capability}`, which the caller lacks; the caller can have {}",
                        ceiling.join(", ")
                    )
                }
            },
            json!({ "capability": capability, "ceiling": ceiling }),
        ),
        Refusal::CapabilitySuspended { capability, ceiling, why } => (
            StatusCode::FORBIDDEN,
            format!("`{capability}` is suspended: {why}"),
            json!({ "capability": capability, "ceiling": ceiling }),
        ),
        Refusal::NotFound { what } => (StatusCode::NOT_FOUND, format!("there is no such {what} here"), json!({})),
        Refusal::InvalidRequest { errors } => {
            (StatusCode::UNPROCESSABLE_ENTITY, first_error(errors), json!({ "errors": errors }))
        }
        Refusal::QuoteExpired { fresh } => {
            (StatusCode::CONFLICT, "the quote was good for 15 minutes".to_owned(), price(fresh))
        }
        Refusal::QuoteMismatch { fresh } => {
            (StatusCode::CONFLICT, "the quote was for another model or other parameters".to_owned(), price(fresh))
        }
        Refusal::SwitchedOff { name, reason } => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!(
                "`{name}` is switched off: {reason}; nothing was held; send the request again once it is switched on"
            ),
            json!({ "off": name, "reason": reason, "retry_after": OFF_FOR }),
        ),
        Refusal::WorkspaceFrozen { reason } => {
            (StatusCode::FORBIDDEN, format!("the workspace is frozen: {reason}"), json!({ "reason": reason }))
        }
        Refusal::ModelTierRequired { model, plan, plans_that_include, upgrade_url } => (
            StatusCode::FORBIDDEN,
            format!("`{model}` is not in plan `{plan}`; it is in {}", list(plans_that_include)),
            json!({ "model": model, "plan": plan, "plans_that_include": plans_that_include, "upgrade_url": upgrade_url }),
        ),
        Refusal::FeatureNotInPlan { feature, plans_that_include } => (
            StatusCode::FORBIDDEN,
            format!("{feature} is not in this plan; it is in {}", list(plans_that_include)),
            json!({ "feature": feature, "plans_that_include": plans_that_include }),
        ),
        Refusal::ReviewRequired { review, apply_url } => (
            StatusCode::FORBIDDEN,
            format!("the plan needs the review `{review}` to be approved first"),
            json!({ "review": review, "apply_url": apply_url }),
        ),
        Refusal::BatchLimitExceeded { limit, asked } => (
            StatusCode::UNPROCESSABLE_ENTITY,
            format!("the plan makes at most {limit} images in one run, not {asked}"),
            json!({ "limit": limit, "asked": asked }),
        ),
        Refusal::LimitExceeded { what, limit, asked } => (
            StatusCode::UNPROCESSABLE_ENTITY,
            format!("at most {limit} {what}, not {asked}"),
            json!({ "what": what, "limit": limit, "asked": asked }),
        ),
        Refusal::TrialExhausted { model, trial, plans_that_include } => (
            StatusCode::FORBIDDEN,
            format!(
                "the trial of `{model}` is used up; credits do not reopen it, a plan that includes it does: {}",
                list(plans_that_include)
            ),
            json!({ "model": model, "trial": trial, "plans_that_include": plans_that_include }),
        ),
        Refusal::ModelNotServed { model, mode } => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!(
                "no provider serves `{model}` in {} mode; dispatch it yourself with /v1/holds around it",
                mode.name()
            ),
            json!({ "model": model, "mode": mode.name(), "retry_after": OFF_FOR }),
        ),
        Refusal::ConcurrencyLimited { limit } => (
            StatusCode::TOO_MANY_REQUESTS,
            format!("{limit} runs and holds of models are open, the plan's limit; try again when one has ended"),
            json!({ "limit": limit, "retry_after": RETRY_AFTER }),
        ),
        Refusal::StorageFull { used_bytes, quota_bytes } => (
            StatusCode::FORBIDDEN,
            format!("{used_bytes} of {quota_bytes} bytes are stored; delete outputs or upgrade"),
            json!({ "used_bytes": used_bytes, "quota_bytes": quota_bytes }),
        ),
        Refusal::SpendCapReached { of, credits, spent, resets_at } => (
            StatusCode::PAYMENT_REQUIRED,
            match resets_at {
                Some(at) => format!("{of} may spend {credits} credits until {at}, and has spent {spent}"),
                None => format!("{of} may spend {credits} credits, and has spent {spent}"),
            },
            json!({
                "cap": { "of": of, "credits": credits, "spent": spent },
                "resets_at": resets_at.map(|at| at.to_string()),
            }),
        ),
        Refusal::AllowanceExhausted { unit, renews_at } => (
            StatusCode::PAYMENT_REQUIRED,
            match renews_at {
                Some(at) => format!("the {} allowance is used up until {at}", unit.name()),
                None => format!("the {} allowance is used up; a higher plan brings more", unit.name()),
            },
            json!({ "unit": unit, "renews_at": renews_at.map(|at| at.to_string()) }),
        ),
        Refusal::InsufficientCredits { required, available, held, retryable, options } => (
            StatusCode::PAYMENT_REQUIRED,
            format!("{required} credits are needed; {available} are available and {held} are held"),
            json!({
                "required": required,
                "available": available,
                "held": held,
                "retryable": retryable,
                "options": options.iter().map(way_out).collect::<Vec<Value>>(),
            }),
        ),
        Refusal::HoldEnded { what, ending: Some(Ending { ended_as, ended_at, captured, released }) } => (
            StatusCode::CONFLICT,
            format!("the {what} has ended: {ended_as} at {ended_at}, {captured} captured; nothing was changed"),
            json!({
                "ended_as": ended_as,
                "ended_at": ended_at.to_string(),
                "captured": captured,
                "released": released,
            }),
        ),
        Refusal::HoldEnded { what, ending: None } => {
            (StatusCode::CONFLICT, format!("the {what} has ended; nothing was changed"), json!({}))
        }
        // Only a worker's late result is fenced off, and no caller sends one, so this would be a bug.
        Refusal::Superseded => {
            (StatusCode::INTERNAL_SERVER_ERROR, "a later attempt has taken over".to_owned(), json!({}))
        }
    }
}

fn list(plans: &[Name]) -> String {
    plans.join(", ")
}

fn first_error(errors: &[Invalid]) -> String {
    match errors.first() {
        Some(Invalid { pointer, detail }) if pointer.is_empty() => detail.clone(),
        Some(Invalid { pointer, detail }) => format!("{pointer}: {detail}"),
        None => "the request is not valid".to_owned(),
    }
}

fn price(fresh: &FreshQuote) -> Value {
    let FreshQuote { credits, lines, catalog_version, .. } = fresh;
    json!({ "credits": credits, "lines": lines, "catalog_version": catalog_version })
}

/// Converts a way out of a balance that is too small.
fn way_out(way: &WayOut) -> Value {
    match way {
        WayOut::Smaller { params, credits } => {
            let params: BTreeMap<&str, &Param> = params.iter().map(|(name, value)| (&**name, value)).collect();
            json!({ "kind": "smaller", "params": params, "credits": credits })
        }
        WayOut::Pack { pack, credits, amount, currency } => {
            json!({ "kind": "pack", "pack": pack, "credits": credits, "price": { "amount": amount, "currency": currency } })
        }
        WayOut::Plan { plan, interval, credits } => {
            json!({ "kind": "plan", "plan": plan, "interval": interval, "credits": credits })
        }
        WayOut::Renewal { at, credits } => json!({ "kind": "renewal", "at": at.to_string(), "credits": credits }),
        WayOut::Held { credits } => json!({ "kind": "held", "credits": credits }),
    }
}
