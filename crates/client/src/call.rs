//! One call: its request, its sending and its retries.

use crate::error::{Error, is_unavailable};
use crate::key::{below, new_idempotency_key};
use crate::{Client, Retries};
use reqwest::{Method, StatusCode, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;
use std::pin::Pin;
use std::time::Duration;

/// Time that an answer may take, beside the time that the call itself asks to wait.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Call of one route. Awaiting it sends the request; before that nothing is sent.
#[must_use = "a call is only sent when it is awaited"]
pub struct Call<T> {
    client: Client,
    method: Method,
    path: Vec<String>,
    query: Vec<(&'static str, String)>,
    body: Option<(&'static str, Vec<u8>)>,
    idempotency_key: Option<String>,
    timeout: Duration,
    answer: PhantomData<fn() -> T>,
}

/// A whole answer: its status, the pause that it asks for, and its body.
struct Answer {
    status: StatusCode,
    retry_after: Option<Duration>,
    body: Vec<u8>,
}

impl Answer {
    /// Returns `true` when the answer says that trying again does not help: only a person can change that.
    fn is_lasting(&self) -> bool {
        let body = serde_json::from_slice::<serde_json::Value>(&self.body);
        body.is_ok_and(|problem| problem["retryable"] == false)
    }
}

impl<T> Call<T> {
    pub(crate) fn new(client: &Client, method: Method, path: &[&str]) -> Call<T> {
        // Every write gets a key, so that it happens once even when an answer is lost on the way.
        let idempotency_key = (method != Method::GET).then(new_idempotency_key);
        Call {
            client: client.clone(),
            method,
            path: path.iter().map(|segment| (*segment).to_owned()).collect(),
            query: Vec::new(),
            body: None,
            idempotency_key,
            timeout: TIMEOUT,
            answer: PhantomData,
        }
    }

    pub(crate) fn body(self, body: &impl Serialize) -> Call<T> {
        let body = serde_json::to_vec(body).expect("the API's types have text for keys and no way to fail");
        self.raw("application/json", body)
    }

    pub(crate) fn raw(mut self, kind: &'static str, body: Vec<u8>) -> Call<T> {
        self.body = Some((kind, body));
        self
    }

    pub(crate) fn with(mut self, name: &'static str, value: Option<impl ToString>) -> Call<T> {
        self.query.extend(value.map(|value| (name, value.to_string())));
        self
    }

    pub(crate) fn waiting(mut self, wait: Duration) -> Call<T> {
        self.timeout = TIMEOUT + wait;
        self
    }

    /// Sets the idempotency key, under which this write happens at most once, for ever; for callers that remember
    /// their keys. Without this, a call makes its own.
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Call<T> {
        self.idempotency_key = Some(key.into());
        self
    }

    /// Sends the call and returns the answer's JSON as text, unread.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn text(self) -> Result<String, Error> {
        let answer = self.send().await?;
        String::from_utf8(answer.body)
            .map_err(|error| Error::unreadable(answer.status.as_u16(), error.as_bytes(), "it is not UTF-8"))
    }

    /// Sends the call and returns the answer's bytes, for answers that are not JSON.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn bytes(self) -> Result<Vec<u8>, Error> {
        Ok(self.send().await?.body)
    }

    async fn send(self) -> Result<Answer, Error> {
        let mut tried = 1;
        loop {
            let sent = send_once(self.request()?).await;
            let pause = match &sent {
                Ok(answer)
                    if (is_unavailable(answer.status.as_u16()) && !answer.is_lasting())
                        || answer.status == StatusCode::TOO_MANY_REQUESTS =>
                {
                    Some(answer.retry_after.unwrap_or_else(|| backoff(self.client.retries, tried)))
                }
                // A request that could not be built would fail again; another failure may have been of the
                // connection.
                Err(error) if !error.is_builder() => Some(backoff(self.client.retries, tried)),
                _ => None,
            };
            let again =
                pause.filter(|pause| tried < self.client.retries.tries && *pause <= self.client.retries.longest);
            if let Some(pause) = again {
                (self.client.sleeper)(pause).await;
                tried += 1;
                continue;
            }
            let answer = sent.map_err(|source| Error::Transport { tries: tried, source })?;
            return if answer.status.is_success() {
                Ok(answer)
            } else {
                Err(Error::read(answer.status.as_u16(), &answer.body))
            };
        }
    }

    pub(crate) fn request(&self) -> Result<reqwest::RequestBuilder, Error> {
        let mut url = self.client.base.clone();
        let mut path = url.path_segments_mut().map_err(|()| Error::Misused("the address has no path".to_owned()))?;
        path.pop_if_empty().extend(&self.path);
        drop(path);
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        let mut request = self.client.http.request(self.method.clone(), url).timeout(self.timeout);
        if !self.client.key.is_empty() {
            request = request.bearer_auth(&self.client.key);
        }
        if let Some(workspace) = &self.client.workspace {
            request = request.header("Scrip-Workspace", workspace);
        }
        if let Some(key) = &self.idempotency_key {
            request = request.header("Idempotency-Key", key);
        }
        if let Some((kind, body)) = &self.body {
            request = request.header(header::CONTENT_TYPE, *kind).body(body.clone());
        }
        Ok(request)
    }
}

async fn send_once(request: reqwest::RequestBuilder) -> Result<Answer, reqwest::Error> {
    let response = request.send().await?;
    let retry_after =
        response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let status = response.status();
    let body = response.bytes().await?.to_vec();
    Ok(Answer { status, retry_after: retry_after.map(Duration::from_secs), body })
}

/// Returns the pause after so many tries: it doubles with each try, and up to half of it is chance, so that clients
/// that failed together do not come back together.
fn backoff(retries: Retries, tried: u32) -> Duration {
    let pause = retries.first.saturating_mul(1 << (tried - 1).min(16)).min(retries.longest);
    let half = pause / 2;
    half + Duration::from_micros(below(u64::try_from(half.as_micros()).unwrap_or(u64::MAX).saturating_add(1)))
}

impl<T: DeserializeOwned + 'static> IntoFuture for Call<T> {
    type Output = Result<T, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let answer = self.send().await?;
            serde_json::from_slice(&answer.body)
                .map_err(|error| Error::unreadable(answer.status.as_u16(), &answer.body, error))
        })
    }
}
