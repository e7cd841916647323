//! Problems: answers of "no" in all their kinds, and their documents (RFC 9457).
//!
//! Invariant: a caller reads only what was written for callers; causes go to the log under the request's id.

use super::refusal::{self, Answer, RETRY_AFTER};
use crate::history::HistoryError;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use scrip_engine::Refusal;
use scrip_store::{OverLimit, SubmitError, Unavailable};
use serde_json::{Map, Value, json};

tokio::task_local! {
    /// The id of the request being served.
    pub static REQUEST_ID: String;
}

/// Returns the id of the request being served; `None` outside of one.
pub fn request_id() -> Option<String> {
    REQUEST_ID.try_with(Clone::clone).ok()
}

/// Answer of "no", in any of its kinds.
#[derive(Debug)]
pub enum Problem {
    /// Missing or unknown key or session.
    Unauthenticated,
    /// Request with a session's cookie that another site's page may have sent.
    CrossSite,
    /// Expected refusal by the engine.
    Refused(Refusal),
    /// Quote that does not hold, with a fresh one to go on with.
    Quote {
        /// `true` for a quote that has expired, `false` for one of another run.
        is_late: bool,
        /// Fresh quote, in the form of the API.
        fresh: Value,
    },
    /// Idempotency key that was used for another request.
    KeyReused,
    /// Method that the address does not take.
    MethodNotAllowed,
    /// More requests than the rate limit.
    RateLimited {
        /// Maximum number of requests.
        limit: u32,
        /// Seconds after which one more is admitted.
        retry_after: u32,
    },
    /// Use beyond a limit on what costs others (R39).
    OverLimit {
        /// Maximum number in a window, or open at once.
        limit: u32,
        /// Seconds after which one more is admitted.
        retry_after: u32,
        /// The counted thing and its window, in words.
        detail: String,
    },
    /// Stripe, which takes no more requests from this server now.
    StripeBusy {
        /// Seconds after which Stripe is likely to take one.
        retry_after: u32,
    },
    /// Body that did not come in time.
    TooSlow {
        /// Maximum time for a body, in seconds.
        seconds: u64,
    },
    /// Body that is longer than the maximum.
    TooLarge {
        /// Maximum length of a body, in bytes.
        most: usize,
    },
    /// Delivery whose signature is not valid, with the reason.
    BadSignature(&'static str),
    /// Stripe, which cannot be asked now.
    Stripe,
    /// Purchase that Stripe does not sell, or does not let be sold: the operator must act, and a retry does not help.
    NotForSale(String),
    /// Store that cannot answer now.
    Unavailable,
    /// Bug of the server. The cause is in the log.
    Internal,
}

impl Problem {
    /// Returns the problem of an object that does not exist or is another's: the two answers are alike.
    pub const fn not_found(what: &'static str) -> Problem {
        Problem::Refused(Refusal::NotFound { what })
    }

    /// Returns the problem of one invalid value.
    pub fn invalid(pointer: impl Into<String>, detail: impl Into<String>) -> Problem {
        Problem::Refused(Refusal::invalid(pointer, detail))
    }

    /// Prefixes the pointers of errors, for a part of a body that was read by itself.
    #[must_use]
    pub fn within(self, prefix: &str) -> Problem {
        let Problem::Refused(Refusal::InvalidRequest { mut errors }) = self else { return self };
        errors.iter_mut().for_each(|error| error.pointer.insert_str(0, prefix));
        Problem::Refused(Refusal::InvalidRequest { errors })
    }

    /// Returns the status of the response.
    pub fn status(&self) -> StatusCode {
        self.answer().status
    }

    /// Returns the problem document of the response.
    pub fn document(&self) -> Map<String, Value> {
        document(self.answer())
    }

    /// Returns the parts of the response.
    fn answer(&self) -> Answer {
        match self {
            Problem::Refused(refusal) => refusal::answer(refusal),
            Problem::Unauthenticated => plain(
                "UNAUTHENTICATED",
                StatusCode::UNAUTHORIZED,
                "send a known key as `Authorization: Bearer scrip_sk_…`, or sign in: a link is good once, for 15 minutes",
            ),
            Problem::CrossSite => plain(
                "CROSS_SITE_REQUEST",
                StatusCode::FORBIDDEN,
                "a request with a session's cookie needs the `csrf` of `GET /v1/session` in the header `Scrip-CSRF`, \
                 and must come from this site's own pages",
            ),
            Problem::Quote { is_late, fresh } => {
                let (code, detail) = match is_late {
                    true => {
                        ("QUOTE_EXPIRED", "the quote has expired after 15 minutes; use the fresh quote in this answer")
                    }
                    false => (
                        "QUOTE_MISMATCH",
                        "the quote was for another model or other parameters; use the fresh quote in this answer",
                    ),
                };
                Answer { members: json!({ "quote": fresh }), ..plain(code, StatusCode::CONFLICT, detail) }
            }
            Problem::KeyReused => plain(
                "IDEMPOTENCY_KEY_REUSED",
                StatusCode::UNPROCESSABLE_ENTITY,
                "this Idempotency-Key was used for another request; use a new key for a new request",
            ),
            Problem::MethodNotAllowed => plain(
                "METHOD_NOT_ALLOWED",
                StatusCode::METHOD_NOT_ALLOWED,
                "this address does not accept this method; the Allow header names the methods that it accepts",
            ),
            Problem::RateLimited { limit, retry_after } => too_many(
                *limit,
                *retry_after,
                format!("the limit of {limit} is reached; the next request is admitted in {retry_after} seconds"),
            ),
            Problem::OverLimit { limit, retry_after, detail } => too_many(*limit, *retry_after, detail.clone()),
            Problem::StripeBusy { retry_after } => unavailable(
                *retry_after,
                format!(
                    "this server sends Stripe no more requests now: nothing was paid; try again in {retry_after} \
                     seconds"
                ),
            ),
            Problem::TooSlow { seconds } => plain(
                "REQUEST_TIMEOUT",
                StatusCode::REQUEST_TIMEOUT,
                format!("the body must arrive within {seconds} seconds; nothing was done"),
            ),
            Problem::TooLarge { most } => plain(
                "REQUEST_TOO_LARGE",
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("the body must be at most {most} bytes; nothing was done"),
            ),
            Problem::BadSignature(why) => plain("BAD_SIGNATURE", StatusCode::BAD_REQUEST, *why),
            Problem::Stripe => unavailable(
                RETRY_AFTER,
                "Stripe does not answer now; nothing was paid, and the same request may be sent again",
            ),
            Problem::NotForSale(detail) => Answer {
                members: json!({ "retryable": false }),
                ..plain(UNAVAILABLE, StatusCode::SERVICE_UNAVAILABLE, detail)
            },
            Problem::Unavailable => unavailable(
                RETRY_AFTER,
                "the store cannot answer now; retry with the same Idempotency-Key, and the request takes effect once",
            ),
            Problem::Internal => plain(
                "INTERNAL",
                StatusCode::INTERNAL_SERVER_ERROR,
                "an internal error; the operator finds it in the log under this request id",
            ),
        }
    }
}

/// Code of the answers to requests that are likely to succeed at another time.
const UNAVAILABLE: &str = "UNAVAILABLE";

/// Returns an answer without members of its own.
fn plain(code: &'static str, status: StatusCode, detail: impl Into<String>) -> Answer {
    Answer { code, status, detail: detail.into(), members: json!({}), retry_after: None }
}

/// Returns the answer to one request too many.
fn too_many(limit: u32, retry_after: u32, detail: String) -> Answer {
    Answer {
        members: json!({ "limit": limit, "retry_after": retry_after }),
        retry_after: Some(retry_after),
        ..plain("RATE_LIMITED", StatusCode::TOO_MANY_REQUESTS, detail)
    }
}

/// Returns the answer to a request that cannot be served now.
fn unavailable(retry_after: u32, detail: impl Into<String>) -> Answer {
    Answer {
        members: json!({ "retry_after": retry_after }),
        retry_after: Some(retry_after),
        ..plain(UNAVAILABLE, StatusCode::SERVICE_UNAVAILABLE, detail)
    }
}

/// Returns the document of an answer: the members of every problem, and its own.
fn document(answer: Answer) -> Map<String, Value> {
    let title = answer.title();
    let Answer { code, status, detail, members, .. } = answer;
    let Value::Object(mut body) = members else { return Map::new() };
    body.insert("type".to_owned(), json!(format!("urn:scrip:problem:{}", code.to_lowercase())));
    body.insert("title".to_owned(), json!(title));
    body.insert("status".to_owned(), json!(status.as_u16()));
    body.insert("code".to_owned(), json!(code));
    body.insert("detail".to_owned(), json!(detail));
    body.insert("request_id".to_owned(), json!(request_id().unwrap_or_default()));
    body
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let answer = self.answer();
        let (status, retry_after) = (answer.status, answer.retry_after);
        let mut response = (status, Value::Object(document(answer)).to_string()).into_response();
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

impl From<SubmitError> for Problem {
    fn from(error: SubmitError) -> Problem {
        match error {
            SubmitError::Refused(refusal) => Problem::Refused(refusal),
            SubmitError::KeyReused => Problem::KeyReused,
            // A person's claim is given up by the code that opens the workspace, so this is an operator's own id.
            SubmitError::Claimed(_) => Problem::invalid("/external_id", "is the external id of another workspace"),
            SubmitError::OverLimit(exceeded) => exceeded.into(),
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
                tracing::error!(why, "the history of a workspace cannot be read");
                Problem::Internal
            }
        }
    }
}

impl From<OverLimit> for Problem {
    fn from(exceeded: OverLimit) -> Problem {
        let OverLimit { limit, window, retry_after, what } = exceeded;
        let window = match window {
            86_400 => "24 hours".to_owned(),
            60 => "a minute".to_owned(),
            seconds => format!("{} minutes", seconds / 60),
        };
        let detail = format!("at most {limit} {what} in {window}; one more is admitted in {retry_after} seconds");
        Problem::OverLimit { limit, retry_after, detail }
    }
}

impl From<Unavailable> for Problem {
    fn from(unavailable: Unavailable) -> Problem {
        tracing::warn!(cause = %unavailable, "the store cannot answer");
        Problem::Unavailable
    }
}
