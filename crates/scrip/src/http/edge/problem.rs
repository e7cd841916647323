//! The one table from codes to statuses, and problem documents (RFC 9457).
//!
//! Invariant: what a caller reads here was written for callers; causes go to the log under the request's id.

use super::App;
use crate::history::HistoryError;
use crate::store::{Allowance, Exceeded, SubmitError, Unavailable};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use scrip_engine::{Ending, FreshQuote, Invalid, Refusal};
use serde_json::{Map, Value, json};

tokio::task_local! {
    /// The id of the request being served.
    pub static REQUEST_ID: String;
}

/// An answer of "no", in any of its kinds.
#[derive(Debug)]
pub enum Problem {
    /// No key, or none that is known.
    Unauthenticated,
    /// A request of a session's cookie that its own page may not have sent.
    CrossSite,
    /// An expected no of the engine.
    Refused(Refusal),
    /// A quote that does not hold, with a fresh one to go on with.
    Quote {
        /// `QUOTE_EXPIRED` or `QUOTE_MISMATCH`.
        code: &'static str,
        /// As a quote is shown.
        fresh: Value,
    },
    /// The idempotency key was used for another request.
    KeyReused,
    /// The method is not one of this address.
    MethodNotAllowed,
    /// There were more requests than the limit.
    RateLimited {
        /// How many there may be.
        limit: u32,
        /// Seconds after which one more is admitted.
        retry_after: u32,
    },
    /// Something that costs others is done too often (R39).
    Exceeded {
        /// Maximum number in a window, or open at once.
        limit: u32,
        /// Seconds after which one more is admitted.
        retry_after: u32,
        /// The counted thing and its window, in words.
        detail: String,
    },
    /// Stripe takes no more requests from this server now.
    StripeBusy {
        /// Seconds after which it is likely to.
        retry_after: u32,
    },
    /// The body did not come within the time there is for it.
    TooSlow {
        /// How many there are.
        seconds: u64,
    },
    /// The body is longer than any that is read.
    TooLarge {
        /// Maximum length of a body, in bytes.
        most: usize,
    },
    /// What was delivered is not believed, and why.
    BadSignature(&'static str),
    /// The payment provider cannot be asked now.
    Provider,
    /// Stripe does not sell what is asked for, or does not let it be sold: the operator must act, and a retry does not
    /// help.
    NotForSale(String),
    /// The store cannot answer now.
    Unavailable,
    /// A bug. The cause is in the log.
    Internal,
}

impl Problem {
    /// Something that is not there, or is somebody else's: the two look alike.
    pub const fn not_found(what: &'static str) -> Problem {
        Problem::Refused(Refusal::NotFound { what })
    }

    /// One invalid value.
    pub fn invalid(pointer: impl Into<String>, detail: impl Into<String>) -> Problem {
        Problem::Refused(Refusal::invalid(pointer, detail))
    }

    fn code(&self) -> &'static str {
        match self {
            Problem::Unauthenticated => "UNAUTHENTICATED",
            Problem::CrossSite => "CROSS_SITE_REQUEST",
            Problem::Refused(refusal) => refusal.code(),
            Problem::Quote { code, .. } => code,
            Problem::KeyReused => "IDEMPOTENCY_KEY_REUSED",
            Problem::MethodNotAllowed => "METHOD_NOT_ALLOWED",
            Problem::RateLimited { .. } | Problem::Exceeded { .. } => "RATE_LIMITED",
            Problem::TooSlow { .. } => "REQUEST_TIMEOUT",
            Problem::TooLarge { .. } => "REQUEST_TOO_LARGE",
            Problem::BadSignature(_) => "BAD_SIGNATURE",
            Problem::Provider | Problem::StripeBusy { .. } | Problem::NotForSale(_) | Problem::Unavailable => {
                "UNAVAILABLE"
            }
            Problem::Internal => "INTERNAL",
        }
    }
}

/// The status of a code.
fn status(code: &str) -> StatusCode {
    match code {
        "UNAUTHENTICATED" => StatusCode::UNAUTHORIZED,
        "INSUFFICIENT_CREDITS" | "ALLOWANCE_EXHAUSTED" | "SPEND_CAP_REACHED" => StatusCode::PAYMENT_REQUIRED,
        "CROSS_SITE_REQUEST"
        | "WORKSPACE_FROZEN"
        | "CAPABILITY_REQUIRED"
        | "CAPABILITY_SUSPENDED"
        | "MODEL_TIER_REQUIRED"
        | "FEATURE_NOT_IN_PLAN"
        | "REVIEW_REQUIRED"
        | "TRIAL_EXHAUSTED"
        | "STORAGE_FULL" => StatusCode::FORBIDDEN,
        "BAD_SIGNATURE" => StatusCode::BAD_REQUEST,
        "NOT_FOUND" => StatusCode::NOT_FOUND,
        "METHOD_NOT_ALLOWED" => StatusCode::METHOD_NOT_ALLOWED,
        "QUOTE_EXPIRED" | "QUOTE_MISMATCH" | "HOLD_ENDED" => StatusCode::CONFLICT,
        "INVALID_REQUEST" | "BATCH_LIMIT_EXCEEDED" | "LIMIT_EXCEEDED" | "IDEMPOTENCY_KEY_REUSED" => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        "REQUEST_TIMEOUT" => StatusCode::REQUEST_TIMEOUT,
        "REQUEST_TOO_LARGE" => StatusCode::PAYLOAD_TOO_LARGE,
        "RATE_LIMITED" | "CONCURRENCY_LIMITED" => StatusCode::TOO_MANY_REQUESTS,
        "MODEL_NOT_SERVED" | "UNAVAILABLE" => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Seconds after which it makes sense to come again, where nobody knows when it will be better.
const RETRY_AFTER: u32 = 2;
/// The same for what a person switched off, and a person switches on.
const OFF_FOR: u32 = 60; // # assumed

/// The id of the request being served, if one is.
pub fn request_id() -> Option<String> {
    REQUEST_ID.try_with(Clone::clone).ok()
}

impl Problem {
    /// The same, told of the part of a body that lies at a pointer.
    #[must_use]
    pub fn within(self, prefix: &str) -> Problem {
        let Problem::Refused(Refusal::InvalidRequest { mut errors }) = self else { return self };
        errors.iter_mut().for_each(|error| error.pointer.insert_str(0, prefix));
        Problem::Refused(Refusal::InvalidRequest { errors })
    }

    /// Its status.
    pub fn status(&self) -> StatusCode {
        status(self.code())
    }

    /// Seconds after which to come again, for whoever may have more luck then.
    fn retry_after(&self) -> Option<u32> {
        match self {
            Problem::RateLimited { retry_after, .. }
            | Problem::Exceeded { retry_after, .. }
            | Problem::StripeBusy { retry_after } => Some(*retry_after),
            Problem::Refused(Refusal::SwitchedOff { .. } | Refusal::ModelNotServed { .. }) => Some(OFF_FOR),
            Problem::Provider | Problem::Unavailable | Problem::Refused(Refusal::ConcurrencyLimited { .. }) => {
                Some(RETRY_AFTER)
            }
            _ => None,
        }
    }

    /// The document.
    pub fn document(&self) -> Map<String, Value> {
        let code = self.code();
        let mut body = members(self);
        body.insert("type".to_owned(), json!(format!("urn:scrip:problem:{}", code.to_lowercase())));
        body.insert("title".to_owned(), json!(title(code)));
        body.insert("status".to_owned(), json!(status(code).as_u16()));
        body.insert("code".to_owned(), json!(code));
        body.insert("detail".to_owned(), json!(detail(self)));
        let request_id = request_id().unwrap_or_default();
        body.insert("request_id".to_owned(), json!(request_id));
        body
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, retry_after) = (self.status(), self.retry_after());
        let mut response = (status, Value::Object(self.document()).to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

fn title(code: &str) -> String {
    let words = code.to_lowercase().replace('_', " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().collect::<String>() + letters.as_str())
}

/// The members a code has beside those of every problem; the refusal's own facts.
fn members(problem: &Problem) -> Map<String, Value> {
    let members = match problem {
        Problem::Refused(refusal) => refusal_members(refusal),
        Problem::Quote { fresh, .. } => json!({ "quote": fresh }),
        Problem::RateLimited { limit, retry_after } | Problem::Exceeded { limit, retry_after, .. } => {
            json!({ "limit": limit, "retry_after": retry_after })
        }
        Problem::StripeBusy { retry_after } => json!({ "retry_after": retry_after }),
        Problem::Provider | Problem::Unavailable => json!({ "retry_after": RETRY_AFTER }),
        Problem::NotForSale(_) => json!({ "retryable": false }),
        _ => json!({}),
    };
    match members {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// The facts of a refusal, as an API caller gets them.
pub fn refusal_members(refusal: &Refusal) -> Value {
    match refusal {
        Refusal::Unauthenticated | Refusal::NotFound { .. } | Refusal::Superseded => json!({}),
        Refusal::HoldEnded { ending, .. } => match ending {
            Some(Ending { ended_as, ended_at, captured, released }) => json!({
                "ended_as": ended_as,
                "ended_at": ended_at.to_string(),
                "captured": captured,
                "released": released,
            }),
            None => json!({}),
        },
        Refusal::ModelNotServed { model, mode } => {
            json!({ "model": model, "mode": mode.name(), "retry_after": OFF_FOR })
        }
        Refusal::CapabilityRequired { capability, ceiling }
        | Refusal::CapabilitySuspended { capability, ceiling, .. } => {
            json!({ "capability": capability, "ceiling": ceiling })
        }
        Refusal::SpendCapReached { of, credits, spent, resets_at } => json!({
            "cap": { "of": of, "credits": credits, "spent": spent },
            "resets_at": resets_at.map(|at| at.to_string()),
        }),
        Refusal::InvalidRequest { errors } => json!({ "errors": errors }),
        Refusal::QuoteExpired { fresh } | Refusal::QuoteMismatch { fresh } => {
            let FreshQuote { credits, lines, catalog_version, .. } = &**fresh;
            json!({ "credits": credits, "lines": lines, "catalog_version": catalog_version })
        }
        Refusal::SwitchedOff { name, reason } => json!({ "off": name, "reason": reason, "retry_after": OFF_FOR }),
        Refusal::WorkspaceFrozen { reason } => json!({ "reason": reason }),
        Refusal::ModelTierRequired { model, plan, plans_that_include, upgrade_url } => {
            json!({ "model": model, "plan": plan, "plans_that_include": plans_that_include, "upgrade_url": upgrade_url })
        }
        Refusal::FeatureNotInPlan { feature, plans_that_include } => {
            json!({ "feature": feature, "plans_that_include": plans_that_include })
        }
        Refusal::ReviewRequired { review, apply_url } => json!({ "review": review, "apply_url": apply_url }),
        Refusal::BatchLimitExceeded { limit, asked } => json!({ "limit": limit, "asked": asked }),
        Refusal::LimitExceeded { what, limit, asked } => json!({ "what": what, "limit": limit, "asked": asked }),
        Refusal::TrialExhausted { model, trial, plans_that_include } => {
            json!({ "model": model, "trial": trial, "plans_that_include": plans_that_include })
        }
        Refusal::ConcurrencyLimited { limit } => json!({ "limit": limit, "retry_after": RETRY_AFTER }),
        Refusal::StorageFull { used_bytes, quota_bytes } => {
            json!({ "used_bytes": used_bytes, "quota_bytes": quota_bytes })
        }
        Refusal::AllowanceExhausted { unit, renews_at } => {
            json!({ "unit": unit, "renews_at": renews_at.map(|at| at.to_string()) })
        }
        Refusal::InsufficientCredits { required, available, held, retryable, options } => {
            let options: Vec<Value> = options.iter().map(super::views::way_out).collect();
            json!({ "required": required, "available": available, "held": held, "retryable": retryable, "options": options })
        }
    }
}

fn detail(problem: &Problem) -> String {
    match problem {
        Problem::Unauthenticated => {
            "send a known key as `Authorization: Bearer scrip_sk_…`, or sign in: a link is good once, for 15 minutes".to_owned()
        }
        Problem::CrossSite => {
            "with a session's cookie, send what `GET /v1/session` gives as `csrf` in `Scrip-CSRF`, and from this site's \
             own pages"
                .to_owned()
        }
        Problem::Refused(refusal) => refusal_detail(refusal),
        Problem::Quote { code: "QUOTE_EXPIRED", .. } => {
            "the quote was good for 15 minutes; go on with the fresh one".to_owned()
        }
        Problem::Quote { .. } => {
            "the quote was for another model or other parameters; go on with the fresh one".to_owned()
        }
        Problem::KeyReused => {
            "this Idempotency-Key was used for another request; use a new key for a new request".to_owned()
        }
        Problem::MethodNotAllowed => {
            "this address does not take this method; the Allow header names those it takes".to_owned()
        }
        Problem::RateLimited { limit, retry_after } => {
            format!("that was one too many, of at most {limit}; the next one is admitted in {retry_after} seconds")
        }
        Problem::Exceeded { detail, .. } => detail.clone(),
        Problem::StripeBusy { retry_after } => format!(
            "Stripe takes no more requests from this server now: nothing was paid; come again in {retry_after} seconds"
        ),
        Problem::TooSlow { seconds } => {
            format!("the body must come within {seconds} seconds; nothing was done")
        }
        Problem::TooLarge { most } => format!("the body must be at most {most} bytes; nothing was done"),
        Problem::BadSignature(why) => (*why).to_owned(),
        Problem::Provider => {
            "the payment provider cannot be asked now; nothing was paid, and the same request may be sent again".to_owned()
        }
        Problem::NotForSale(detail) => detail.clone(),
        Problem::Unavailable => {
            "the store cannot answer now; try again with the same Idempotency-Key, and it is done once".to_owned()
        }
        Problem::Internal => "something is wrong on our side; the operator finds it under this request id".to_owned(),
    }
}

/// A refusal in a sentence that says what to do.
pub fn refusal_detail(refusal: &Refusal) -> String {
    let plans = |plans: &[scrip_engine::Name]| plans.join(", ");
    match refusal {
        Refusal::Unauthenticated => "the key is none that is known, or it has expired".to_owned(),
        Refusal::CapabilityRequired { capability, ceiling } if ceiling.is_empty() => {
            format!("this needs `{capability}`, which nobody here can be given")
        }
        Refusal::CapabilityRequired { capability, ceiling } => {
            format!("this needs `{capability}`, which was not given; what can be is {}", ceiling.join(", "))
        }
        Refusal::CapabilitySuspended { capability, why, .. } => format!("`{capability}` sleeps: {why}"),
        Refusal::SpendCapReached { of, credits, spent, resets_at } => match resets_at {
            Some(at) => format!("{of} may spend {credits} credits until {at}, and has spent {spent}"),
            None => format!("{of} may spend {credits} credits, and has spent {spent}"),
        },
        Refusal::NotFound { what } => format!("there is no such {what} here"),
        Refusal::InvalidRequest { errors } => match errors.first() {
            Some(Invalid { pointer, detail }) if pointer.is_empty() => detail.clone(),
            Some(Invalid { pointer, detail }) => format!("{pointer}: {detail}"),
            None => "the request is not valid".to_owned(),
        },
        Refusal::QuoteExpired { .. } => "the quote was good for 15 minutes".to_owned(),
        Refusal::QuoteMismatch { .. } => "the quote was for another model or other parameters".to_owned(),
        Refusal::SwitchedOff { name, reason } => {
            format!("`{name}` is switched off: {reason}; nothing was held, and the same request is good once it is on")
        }
        Refusal::WorkspaceFrozen { reason } => format!("the workspace is frozen: {reason}"),
        Refusal::ModelTierRequired { model, plan, plans_that_include, .. } => {
            format!("`{model}` is not in plan `{plan}`; it is in {}", plans(plans_that_include))
        }
        Refusal::FeatureNotInPlan { feature, plans_that_include } => {
            format!("{feature} is not in this plan; it is in {}", plans(plans_that_include))
        }
        Refusal::ReviewRequired { review, .. } => format!("the plan needs the review `{review}` to be approved first"),
        Refusal::BatchLimitExceeded { limit, asked } => {
            format!("the plan makes at most {limit} images in one run, not {asked}")
        }
        Refusal::LimitExceeded { what, limit, asked } => format!("at most {limit} {what}, not {asked}"),
        Refusal::TrialExhausted { model, plans_that_include, .. } => {
            format!(
                "the trial of `{model}` is used up; credits do not reopen it, a plan that includes it does: {}",
                plans(plans_that_include)
            )
        }
        Refusal::ConcurrencyLimited { limit } => {
            format!("{limit} runs and holds of models are open, the plan's limit; try again when one has ended")
        }
        Refusal::StorageFull { used_bytes, quota_bytes } => {
            format!("{used_bytes} of {quota_bytes} bytes are stored; delete outputs or upgrade")
        }
        Refusal::AllowanceExhausted { unit, renews_at } => match renews_at {
            Some(at) => format!("the {} allowance is used up until {at}", unit.name()),
            None => format!("the {} allowance is used up; a higher plan brings more", unit.name()),
        },
        Refusal::InsufficientCredits { required, available, held, .. } => {
            format!("{required} credits are needed; {available} are available and {held} are held")
        }
        Refusal::HoldEnded { what, ending: Some(Ending { ended_as, ended_at, captured, .. }) } => {
            format!("the {what} has ended: {ended_as} at {ended_at}, {captured} captured; nothing was changed")
        }
        Refusal::HoldEnded { what, ending: None } => format!("the {what} has ended; nothing was changed"),
        Refusal::ModelNotServed { model, mode } => format!(
            "no provider serves `{model}` in {} mode; dispatch it yourself with /v1/holds around it",
            mode.name()
        ),
        Refusal::Superseded => "a later attempt has taken over".to_owned(),
    }
}

impl From<SubmitError> for Problem {
    fn from(error: SubmitError) -> Problem {
        match error {
            SubmitError::Refused(refusal) => Problem::Refused(refusal),
            SubmitError::KeyReused => Problem::KeyReused,
            // A person's claim is given up by who opens the workspace; an operator's own id is refused.
            SubmitError::Claimed(_) => Problem::invalid("/external_id", "another workspace has it"),
            SubmitError::Exceeded(exceeded) => exceeded.into(),
            SubmitError::Unavailable(unavailable) => unavailable.into(),
            SubmitError::Bug(cause) => {
                tracing::error!(%cause, "a command broke an invariant and was not written");
                Problem::Internal
            }
        }
    }
}

impl From<HistoryError> for Problem {
    fn from(error: HistoryError) -> Problem {
        match error {
            HistoryError::Unavailable(unavailable) => unavailable.into(),
            HistoryError::Unreadable(why) => {
                tracing::error!(why, "a history cannot be told");
                Problem::Internal
            }
        }
    }
}

impl From<Exceeded> for Problem {
    fn from(exceeded: Exceeded) -> Problem {
        let Exceeded { limit, window, retry_after, what } = exceeded;
        let window = match window {
            86_400 => "24 hours".to_owned(),
            60 => "a minute".to_owned(),
            seconds => format!("{} minutes", seconds / 60),
        };
        let detail = format!("at most {limit} {what} in {window}; one more is admitted in {retry_after} seconds");
        Problem::Exceeded { limit, retry_after, detail }
    }
}

/// Counts uses that come with no entry.
///
/// # Errors
/// When one is beyond its limit, or nobody can say.
pub async fn allowed(app: &App, allowance: Allowance) -> Result<(), Problem> {
    Ok(app.ledger.store().spend(allowance).await??)
}

impl From<Unavailable> for Problem {
    fn from(unavailable: Unavailable) -> Problem {
        tracing::warn!(cause = %unavailable, "unavailable");
        Problem::Unavailable
    }
}
