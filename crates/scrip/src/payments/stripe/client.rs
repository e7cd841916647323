//! The HTTP client of Stripe's API, which retries a request while that is safe.
//!
//! A read may always be repeated, and a write may because it carries its [`IdempotencyKey`]. After the last attempt it
//! matters whether one of them may have been carried out: [`Error`] tells these cases apart.
//!
//! Invariant: every write carries the key of its decision, and every attempt sends the same bytes.

use super::error::{Body, Error, ErrorBody, StripeRefusal};
use super::form::form;
use super::key::{IdempotencyKey, Mode, SecretKey};
use super::objects::List;
use super::pace::Pace;
use crate::crypto::random;
use crate::outbound::{asker, parse_trusted, read};
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{RequestBuilder, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// Version of Stripe's API whose objects this client reads and writes. Stripe answers in the version that a request
/// names.
pub const VERSION: &str = "2026-10-28.endive";
/// Maximum number of attempts for one request.
const TRIES: u32 = 3;
/// Maximum time to open a connection: 5 seconds.
const CONNECT: Duration = Duration::from_secs(5); // # assumed
/// Maximum time of one attempt, with its answer: 30 seconds.
const TIMEOUT: Duration = Duration::from_secs(30); // # assumed
/// Wait before the second attempt: 500 milliseconds; it doubles with each further attempt.
const FIRST_WAIT: Duration = Duration::from_millis(500); // # assumed
/// Longest wait that Stripe may ask for: 20 seconds; after a longer one the request fails and the caller retries later.
const LONGEST_WAIT: Duration = Duration::from_secs(20); // # assumed
/// Maximum size of an answer: 16 MiB.
const ANSWER_MAX: usize = 1 << 24;
/// Maximum number of pages that are read of one list, with 100 objects each.
const PAGES: usize = 10_000; // # assumed

/// A client of Stripe's API for one account.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    key: SecretKey,
    first_wait: Duration,
    /// Pace of all requests that this process sends with the key.
    pace: Arc<Pace>,
    /// Model of Stripe that answers inside this process, instead of the network.
    #[cfg(test)]
    model: Option<Model>,
}

/// A function that answers a request as Stripe would.
#[cfg(test)]
#[derive(Clone)]
pub struct Model(pub std::sync::Arc<Answers>);

/// Returns the status and body of the answer; `None` where the answer is lost.
#[cfg(test)]
pub type Answers = dyn Fn(ModelRequest<'_>) -> Option<(u16, String)> + Send + Sync;

#[cfg(test)]
impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a model of Stripe")
    }
}

/// A request to a model of Stripe.
#[cfg(test)]
#[derive(Clone, Copy, Debug)]
pub struct ModelRequest<'a> {
    /// HTTP method: `GET`, `POST` or `DELETE`.
    pub method: &'static str,
    /// Path after `/v1/`.
    pub path: &'a str,
    /// Parameters of the query or of the body, form-encoded.
    pub form: &'a str,
    /// Idempotency key, which a `POST` alone has.
    pub key: Option<&'a str>,
}

/// Method of a request, with the key of its decision.
#[derive(Clone, Copy)]
enum Verb<'a> {
    Get,
    Post(&'a IdempotencyKey),
    Delete,
}

/// An answer as it was received.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    /// Body, or the reason for which it was not received whole.
    body: Result<Vec<u8>, String>,
}

/// Result of one attempt.
struct Try {
    outcome: Outcome,
    /// `true` if another attempt may help.
    again: bool,
    /// Wait that Stripe asks for before the next attempt.
    after: Option<Duration>,
}

/// Outcome of one attempt.
enum Outcome {
    /// Carried out; the body of the answer.
    Done(Vec<u8>),
    /// Refused by Stripe: nothing was changed.
    Refused(Box<StripeRefusal>),
    /// Not sent, so nothing was changed; the reason.
    Unsent(String),
    /// Sent without a usable answer: it may have been carried out; the reason.
    Doubtful(String),
}

impl Client {
    /// Returns the client for the settings, or `None` if they have no secret key. `url` has a default in the settings.
    ///
    /// # Errors
    /// When the address or the key is not valid; the text does not repeat the key.
    pub fn of(url: Option<&str>, key: Option<&str>) -> Result<Option<Client>, String> {
        let Some(key) = key else { return Ok(None) };
        let key = SecretKey::new(key).map_err(|error| format!("stripe_secret_key: {error}"))?;
        let url = url.ok_or("stripe_api_url is not set")?;
        Client::new(url, key).map(Some)
    }

    /// Returns a client of the account to which `key` belongs.
    ///
    /// # Errors
    /// When `url` is neither an https address nor one of this machine, so that a key must not be sent there.
    pub fn new(url: &str, key: SecretKey) -> Result<Client, String> {
        let url = parse_trusted(url).ok_or("stripe_api_url must be an https address, or one of this machine")?;
        let agent = concat!("scrip/", env!("CARGO_PKG_VERSION"));
        let http = asker(&url).connect_timeout(CONNECT).timeout(TIMEOUT).user_agent(agent).build();
        let http = http.map_err(|error| format!("stripe: {error}"))?;
        let base = url.as_str().trim_end_matches('/').to_owned();
        Ok(Client {
            http,
            base,
            key,
            first_wait: FIRST_WAIT,
            pace: Arc::new(Pace::without_limit()),
            #[cfg(test)]
            model: None,
        })
    }

    /// Returns the same client, which sends at most `rate` requests a second and reserves `kept` of them for background
    /// work. `None` is the default of the key's mode.
    ///
    /// # Errors
    /// When no request would be left for people.
    pub fn with_pace(self, rate: Option<u32>, kept: Option<u32>) -> Result<Client, String> {
        let pace = Arc::new(Pace::of(self.mode(), rate, kept)?);
        Ok(Client { pace, ..self })
    }

    /// Returns the same client, answered by a model of Stripe instead of the network.
    #[cfg(test)]
    pub fn with_model(self, model: Model) -> Client {
        Client { model: Some(model), ..self }
    }

    /// Returns the same client, which waits at most one millisecond before the second attempt.
    #[cfg(test)]
    pub fn impatient(self) -> Client {
        Client { first_wait: Duration::from_millis(1), ..self }
    }

    /// Returns the mode of the client's key: live, in which money moves, or test.
    pub const fn mode(&self) -> Mode {
        self.key.mode()
    }

    /// Reads one object at a path.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &[&str], params: &impl Serialize) -> Result<T, Error> {
        self.ask(Verb::Get, path, &form(params), TRIES).await
    }

    /// Reads every object of a list, from all of its pages.
    pub(super) async fn all<T: DeserializeOwned>(
        &self,
        path: &[&str],
        params: &impl Serialize,
    ) -> Result<Vec<T>, Error> {
        let endless = || Error::Unreachable(format!("the list {} has too many pages", path.join("/")));
        let filter = form(params);
        let mut found = Vec::new();
        let mut last = None::<String>;
        for _ in 0..PAGES {
            let cursor = last.as_ref().map(|last| form(&serde_json::json!({ "starting_after": last })));
            let parts = [Some("limit=100"), Some(&*filter), cursor.as_deref()];
            let parts: Vec<&str> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
            let page: List<Value> = self.ask(Verb::Get, path, &parts.join("&"), TRIES).await?;
            let end = page.data.last().and_then(|item| item["id"].as_str()).map(str::to_owned);
            for item in page.data {
                let item = serde_json::from_value(item);
                found.push(item.map_err(|error| Error::Unreachable(unreadable_answer(&path.join("/"), &error)))?);
            }
            if !page.has_more {
                return Ok(found);
            }
            if end.is_none() || end == last {
                return Err(endless());
            }
            last = end;
        }
        Err(endless())
    }

    /// Sends a write with the key of its decision.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        params: &impl Serialize,
        key: &IdempotencyKey,
    ) -> Result<T, Error> {
        self.ask(Verb::Post(key), path, &form(params), TRIES).await
    }

    /// Sends a write that holds for this moment only: its caller decides again before another attempt.
    pub(super) async fn post_once<T: DeserializeOwned>(
        &self,
        path: &[&str],
        params: &impl Serialize,
        key: &IdempotencyKey,
    ) -> Result<T, Error> {
        self.ask(Verb::Post(key), path, &form(params), 1).await
    }

    /// Ends an object. Repeating the request changes nothing, so it carries no key.
    pub(super) async fn delete<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T, Error> {
        self.ask(Verb::Delete, path, "", TRIES).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        verb: Verb<'_>,
        path: &[&str],
        form: &str,
        tries: u32,
    ) -> Result<T, Error> {
        let is_safe = path.iter().all(|part| is_name(part));
        let path = &path.join("/");
        if !is_safe {
            return Err(Error::Refused(Box::new(no_such(path))));
        }
        self.pace.enter().await.map_err(Error::Busy)?;
        let (mut doubt, mut tried) = (None, 0);
        loop {
            if tried > 0 {
                self.pace.turn().await;
            }
            tried += 1;
            let Try { outcome, again, after } = self.once(verb, path, form).await;
            if let Outcome::Done(body) = outcome {
                return serde_json::from_slice(&body).map_err(|error| verb.with_doubt(unreadable_answer(path, &error)));
            }
            if let (Outcome::Doubtful(why), None) = (&outcome, &doubt) {
                doubt = Some(why.clone());
            }
            let wait = after.unwrap_or_default().max(self.backoff(tried));
            if tried == tries || !again || wait > LONGEST_WAIT {
                return Err(verb.to_error(outcome, doubt));
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// Makes one attempt, logs it and adjusts the pace.
    async fn once(&self, verb: Verb<'_>, path: &str, form: &str) -> Try {
        let Answer { status, headers, body } = match self.exchange(verb, path, form).await {
            Ok(answer) => answer,
            Err(outcome) => return Try { outcome, again: true, after: None },
        };
        let request_id = header(&headers, "request-id").map(str::to_owned);
        let outcome = match body {
            Ok(body) if status.is_success() => Outcome::Done(body),
            Ok(body) => self.judge(status, &body, request_id.clone()),
            Err(why) => Outcome::Doubtful(why),
        };
        log(verb, path, status, request_id.as_deref(), &outcome);
        let again = is_worth_another(status, &outcome, header(&headers, "stripe-should-retry"));
        let after = header(&headers, "retry-after").and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
        match status {
            StatusCode::TOO_MANY_REQUESTS => self.pace.pause(after, 2 * self.first_wait),
            _ => self.pace.serve(),
        }
        Try { outcome, again, after }
    }

    /// Sends a request and reads its answer; an error is the outcome of an attempt without an answer.
    async fn exchange(&self, verb: Verb<'_>, path: &str, form: &str) -> Result<Answer, Outcome> {
        #[cfg(test)]
        if let Some(Model(model)) = &self.model {
            let key = if let Verb::Post(key) = verb { Some(key.as_str()) } else { None };
            let answer = model(ModelRequest { method: verb.name(), path, form, key });
            let (status, body) = answer.ok_or_else(|| Outcome::Doubtful("the answer is lost".to_owned()))?;
            let status = StatusCode::from_u16(status).expect("a model answers with a status");
            return Ok(Answer { status, headers: HeaderMap::new(), body: Ok(body.into_bytes()) });
        }
        let response = self.request(verb, path, form).send().await.map_err(|error| {
            let (unsent, why) = (error.is_connect() || error.is_builder(), describe_cause(error));
            tracing::warn!(method = verb.name(), path, why, "Stripe did not answer a request");
            if unsent { Outcome::Unsent(why) } else { Outcome::Doubtful(why) }
        })?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = match read(response, ANSWER_MAX).await {
            Ok(Some(body)) => Ok(body),
            Ok(None) => Err(format!("the answer is longer than {ANSWER_MAX} bytes")),
            Err(error) => Err(describe_cause(error)),
        };
        Ok(Answer { status, headers, body })
    }

    fn request(&self, verb: Verb<'_>, path: &str, form: &str) -> RequestBuilder {
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", self.key.expose()))
            .expect("SecretKey::new lets only letters, digits and underscores through");
        bearer.set_sensitive(true);
        let (base, mark) = (&self.base, if form.is_empty() { "" } else { "?" });
        let request = match verb {
            Verb::Get => self.http.get(format!("{base}/v1/{path}{mark}{form}")),
            Verb::Delete => self.http.delete(format!("{base}/v1/{path}")),
            Verb::Post(key) => self
                .http
                .post(format!("{base}/v1/{path}"))
                .header("Idempotency-Key", key.as_str())
                .header("Content-Type", "application/x-www-form-urlencoded")
                .body(form.to_owned()),
        };
        request.header("Authorization", bearer).header("Stripe-Version", VERSION)
    }

    /// Judges an answer whose status is not a success.
    fn judge(&self, status: StatusCode, body: &[u8], request_id: Option<String>) -> Outcome {
        let said = serde_json::from_slice::<Body>(body).ok().map(|body| body.error);
        let message = |said: &ErrorBody| self.key.redact(&said.message);
        match said {
            Some(said) if status.is_client_error() => Outcome::Refused(Box::new(StripeRefusal {
                status: status.as_u16(),
                message: message(&said),
                kind: said.kind,
                code: said.code,
                decline_code: said.decline_code,
                param: said.param,
                payment_intent: said.payment_intent,
                request_id,
            })),
            Some(said) => Outcome::Doubtful(format!("it answers {status}: {}", message(&said))),
            None => Outcome::Doubtful(format!("it answers {status}, without the form of Stripe's errors")),
        }
    }

    /// Returns the wait after `tried` attempts: it doubles with each, and a random part of its second half is left out,
    /// so that processes do not retry in step.
    fn backoff(&self, tried: u32) -> Duration {
        let whole = self.first_wait * 2_u32.pow(tried.saturating_sub(1));
        whole / 2 + whole / 2 * u32::from(u16::from_be_bytes(random())) / u32::from(u16::MAX)
    }
}

impl Verb<'_> {
    const fn name(self) -> &'static str {
        match self {
            Verb::Get => "GET",
            Verb::Post(_) => "POST",
            Verb::Delete => "DELETE",
        }
    }

    /// Returns the failure of a request that may have been carried out. A read changes nothing, so it is never in
    /// doubt.
    fn with_doubt(self, why: String) -> Error {
        if matches!(self, Verb::Get) { Error::Unreachable(why) } else { Error::Unknown(why) }
    }

    /// Returns the failure after the last attempt; `doubt` is the first reason for which an attempt may have been
    /// carried out.
    fn to_error(self, outcome: Outcome, doubt: Option<String>) -> Error {
        match (outcome, doubt) {
            (Outcome::Refused(refused), Some(why)) if !is_verdict(&refused) => match self {
                Verb::Get => Error::Refused(refused),
                Verb::Post(_) | Verb::Delete => Error::Unknown(why),
            },
            (Outcome::Refused(refused), _) if is_under_way(&refused) => {
                self.with_doubt("another request with its key is under way".to_owned())
            }
            (Outcome::Refused(refused), _) => Error::Refused(refused),
            (_, Some(why)) => self.with_doubt(why),
            (Outcome::Unsent(why) | Outcome::Doubtful(why), None) => Error::Unreachable(why),
            (Outcome::Done(_), None) => Error::Unreachable("its answer was not read".to_owned()),
        }
    }
}

/// Returns `true` if a refusal is about the decision itself, so that an earlier attempt was refused as well. Refusals
/// of the key, of the rate and of conflicts are not.
const fn is_verdict(refused: &StripeRefusal) -> bool {
    !matches!(refused.status, 401 | 403 | 409 | 429)
}

/// Returns `true` if Stripe refuses because another request with the same key is still under way.
fn is_under_way(refused: &StripeRefusal) -> bool {
    refused.status == 409 && refused.code.as_deref() == Some("idempotency_key_in_use")
}

/// Returns `true` if another attempt may help: as Stripe's `Stripe-Should-Retry` header says, or else by the outcome.
/// A success and a refusal of the decision itself are final, whatever the header says.
fn is_worth_another(status: StatusCode, outcome: &Outcome, said: Option<&str>) -> bool {
    let is_busy = matches!(status, StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS);
    let usually = match outcome {
        Outcome::Done(_) => return false,
        Outcome::Refused(refused) if is_verdict(refused) => return false,
        Outcome::Refused(_) => is_busy,
        // This includes a success whose body was lost on the way.
        Outcome::Unsent(_) | Outcome::Doubtful(_) => is_busy || status.is_server_error() || status.is_success(),
    };
    match said {
        Some("true") => true,
        Some("false") => false,
        _ => usually,
    }
}

/// Logs the method, path, status and request id. What was sent or answered is not logged: it may hold personal data.
fn log(verb: Verb<'_>, path: &str, status: StatusCode, request_id: Option<&str>, outcome: &Outcome) {
    let (method, status) = (verb.name(), status.as_u16());
    match outcome {
        Outcome::Done(_) => tracing::debug!(method, path, status, request_id, "stripe"),
        Outcome::Refused(refused) => {
            let (kind, code, param) = (&refused.kind, refused.code.as_deref(), refused.param.as_deref());
            tracing::warn!(method, path, status, request_id, kind, code, param, "Stripe refused a request");
        }
        Outcome::Unsent(_) | Outcome::Doubtful(_) => {
            tracing::warn!(method, path, status, request_id, "an answer does not have the form of Stripe's");
        }
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Returns `true` if a text can be one part of a path, so that an id from outside cannot lead to another path.
fn is_name(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

fn no_such(path: &str) -> StripeRefusal {
    StripeRefusal {
        status: 404,
        kind: "invalid_request_error".to_owned(),
        code: Some("resource_missing".to_owned()),
        message: format!("an id with characters that no id has: {}", path.escape_debug()),
        ..StripeRefusal::default()
    }
}

fn unreadable_answer(path: &str, error: &serde_json::Error) -> String {
    format!("the answer to {path} does not have the form of Stripe's: {error}")
}

/// Describes an error with its causes, without the address, whose query may hold personal data.
fn describe_cause(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut said = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        said = format!("{said}: {error}");
        cause = error.source();
    }
    said
}

#[cfg(test)]
mod tests;
