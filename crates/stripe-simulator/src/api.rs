//! Calls of the API, from the key to the answer: recorded, authenticated, executed once for each idempotency key.
//!
//! Invariant: a key that has an answer is never executed again.

use crate::answer;
use crate::billing;
use crate::calendar::DAY;
use crate::calls::{Call, Cut, Fault, StoredAnswer};
use crate::error::StripeError;
use crate::params::Params;
use crate::routes;
use crate::state::{Origin, State};
use serde_json::Value;

/// A request to the API, as it was received.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// HTTP method, such as `POST`.
    pub method: String,
    /// Path, without the query.
    pub path: String,
    /// Query and form parameters, encoded.
    pub form: String,
    /// API key of the request, if it has one.
    pub key: Option<String>,
    /// Value of the header `Idempotency-Key`.
    pub idempotency_key: Option<String>,
    /// Value of the header `Stripe-Version`.
    pub version: Option<String>,
}

/// An answer to a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// HTTP status; `None` if the connection is to be cut.
    pub status: Option<u16>,
    /// `true` if the connection is to stay open without an answer.
    pub is_silent: bool,
    /// JSON body of the answer.
    pub body: Value,
    /// Value of the answer's header `Request-Id`.
    pub request_id: String,
    /// `true` if the answer was stored under the idempotency key and is given again.
    pub replayed: bool,
}

/// Answers a request: records the call, checks its key and executes it once for each idempotency key.
pub fn answer(state: &mut State, request: &Request) -> Reply {
    let now = state.now(None);
    billing::play(state, None, now);
    let id = state.id("req_");
    let params = Params::parse(&request.form);
    state.calls.list.push(Call {
        id: id.clone(),
        method: request.method.clone(),
        path: request.path.clone(),
        idempotency_key: request.idempotency_key.clone(),
        stripe_version: request.version.clone(),
        form: params.all().clone(),
        status: None,
        replayed: false,
    });
    let place = state.calls.list.len() - 1;
    let reply = handle(state, request, &params, id);
    let call = &mut state.calls.list[place];
    (call.status, call.replayed) = (reply.status, reply.replayed);
    reply
}

fn handle(state: &mut State, request: &Request, params: &Params, id: String) -> Reply {
    let fault = state.calls.take_fault(&request.method, &request.path, params.all());
    if let Some(cut @ (Cut::Before | Cut::Never)) = fault.as_ref().and_then(|fault| fault.cut) {
        let is_silent = cut == Cut::Never;
        return Reply { status: None, is_silent, body: Value::Null, request_id: id, replayed: false };
    }
    let reply = match authenticate(state, request) {
        Err(error) => error_reply(&error, &id),
        Ok(()) => execute_once(state, request, params, &id, fault.as_ref()),
    };
    match fault.and_then(|fault| fault.cut) {
        Some(Cut::After) => Reply { status: None, ..reply },
        _ => reply,
    }
}

fn error_reply(error: &StripeError, id: &str) -> Reply {
    let status = Some(error.status());
    Reply { status, is_silent: false, body: error.body(id), request_id: id.to_owned(), replayed: false }
}

/// Refuses a request without an accepted key: any key of test mode, or the configured key if there is one.
fn authenticate(state: &State, request: &Request) -> Result<(), StripeError> {
    let Some(key) = request.key.as_deref().filter(|key| !key.is_empty()) else {
        let message =
            "You did not provide an API key. Provide your API key in the Authorization header, using Bearer auth.";
        return Err(StripeError::new(401, "invalid_request_error", message));
    };
    let known = match &state.config.key {
        Some(known) => key == known,
        None => key.starts_with("sk_test_") || key.starts_with("rk_test_"),
    };
    if known {
        return Ok(());
    }
    let start: String = key.chars().take(8).collect();
    Err(StripeError::new(401, "invalid_request_error", format!("Invalid API Key provided: {start}****")))
}

/// Executes a request, unless its idempotency key has an answer.
fn execute_once(state: &mut State, request: &Request, params: &Params, id: &str, fault: Option<&Fault>) -> Reply {
    let key = request.idempotency_key.as_ref().filter(|_| request.method == "POST");
    let asked = (request.method.clone(), request.path.clone(), params.all().clone());
    let now = state.now(None);
    if let Some(key) = key {
        state.calls.stored.retain(|_, stored| stored.at > now - DAY);
        if let Some(stored) = state.calls.stored.get(key) {
            if stored.request != asked {
                let message = format!(
                    "Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than '{key}' if you meant to execute a different request."
                );
                return error_reply(&StripeError::new(400, "idempotency_error", message), id);
            }
            let (status, body) = (Some(stored.status), stored.body.clone());
            return Reply { status, is_silent: false, body, request_id: stored.request_id.clone(), replayed: true };
        }
    }
    let reply = execute(state, request, params, id, fault);
    let status = reply.status.unwrap_or_default();
    // A request that was refused before anything was done may be sent again under its key.
    let began = (200..300).contains(&status) || status == 402 || status >= 500;
    if let Some(key) = key.filter(|_| began) {
        let (body, request_id) = (reply.body.clone(), id.to_owned());
        state.calls.stored.insert(key.clone(), StoredAnswer { request: asked, status, body, request_id, at: now });
    }
    reply
}

fn execute(state: &mut State, request: &Request, params: &Params, id: &str, fault: Option<&Fault>) -> Reply {
    let injected = fault.and_then(|fault| fault.status.map(|status| (status, fault.code.clone(), fault.execute)));
    if let Some((status, code, false)) = &injected {
        return error_reply(&injected_error(*status, code.as_deref()), id);
    }
    let expand = params.texts("expand").unwrap_or_default();
    state.origin = Some(Origin { id: id.to_owned(), key: request.idempotency_key.clone() });
    let done = routes::dispatch(state, &request.method, &request.path, params);
    state.origin = None;
    let done = done.and_then(|mut body| answer::expand(state, &mut body, &expand).map(|()| body));
    if let Some((status, code, true)) = injected {
        return error_reply(&injected_error(status, code.as_deref()), id);
    }
    match done {
        Ok(body) => Reply { status: Some(200), is_silent: false, body, request_id: id.to_owned(), replayed: false },
        Err(error) => error_reply(&error, id),
    }
}

/// Returns the error that a test asked for.
fn injected_error(status: u16, code: Option<&str>) -> StripeError {
    let error = match status {
        402 => StripeError::card("card_declined", Some("generic_decline"), "Your card was declined."),
        400..500 => StripeError::new(status, "invalid_request_error", "This failure was asked for."),
        _ => StripeError::new(status, "api_error", "This failure was asked for."),
    };
    match code {
        Some(code) => error.code(code),
        None if status == 429 => error.code("rate_limit"),
        None if status == 409 => error.code("lock_timeout"),
        None => error,
    }
}
