//! Sign-in with an OpenID identity provider: the authorization code flow with PKCE.
//!
//! An attempt is a random number that only the browser knows, in a signed cookie. The values that the identity provider
//! is sent (`state`, `nonce`, the challenge) follow from that number by the server's secret, so that nothing is stored
//! for an attempt that is never finished, and an attempt of one browser cannot be finished in another.
//!
//! The ID token comes from the token endpoint itself, over TLS. So its issuer is known from the connection, and its
//! signature is not checked: OpenID Connect Core, 3.1.3.7, point 6. Therefore an identity provider must be reached by
//! `https`, unless it is on this machine.
//!
//! Invariant: no person is signed in by an address that the identity provider has not verified.

use crate::config::checks::Checks;
use crate::config::urls::service_url;
use crate::crypto::{hex, is_signed, random, sha256, sign};
use crate::outbound::{asker, encode, parse_trusted, read};
use reqwest::{Client, RequestBuilder, StatusCode, Url};
use scrip_engine::{SECOND, Timestamp};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// Maximum time that a person may spend at the identity provider, in seconds.
pub const PATIENCE: u32 = 600;
/// Time for which an identity provider's configuration is used before it is read again, in microseconds.
const KNOWN_FOR: i64 = 3_600 * SECOND;
/// Maximum time that an identity provider may take for an answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum time that an identity provider may take to send its configuration: other requests wait for the same answer.
const FIND_TIMEOUT: Duration = Duration::from_secs(5); // # assumed
/// Time for which an identity provider that did not send its configuration is not asked again.
const FAILED_FOR: Duration = Duration::from_secs(10); // # assumed
/// Maximum time that an identity provider's clock may be ahead, in seconds.
const AHEAD: i64 = 60; // # assumed
/// Maximum size of an identity provider's answer, in bytes.
const ANSWER_MAX: usize = 1 << 18;

/// Reason why a person was not signed in.
#[derive(Debug)]
pub enum Failure {
    /// The person may not sign in; the reason is for the operator's log.
    Refused(String),
    /// The identity provider does not answer, or its answer is invalid: the person's identity is unknown.
    Unreachable(String),
}

/// An identity provider that signs people in.
pub struct Oidc {
    issuer: String,
    client_id: String,
    client_secret: String,
    http: Client,
    found: Mutex<CachedProvider>,
}

/// Result of the last request for the identity provider's configuration.
#[derive(Default)]
struct CachedProvider {
    /// Configuration, with the instant at which it was asked for.
    provider: Option<(Timestamp, Provider)>,
    /// Error of the last failed request, with its instant.
    failed: Option<(Instant, String)>,
}

/// A person that an identity provider vouches for.
#[derive(Debug, PartialEq, Eq)]
pub struct Identity {
    /// Identifier that the identity provider never gives to another person.
    pub subject: String,
    /// Address of the person, which the identity provider has verified.
    pub email: String,
}

/// Configuration of an identity provider, as it publishes it.
#[derive(Clone, Deserialize)]
struct Provider {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

/// Answer of a token endpoint, as far as it is needed.
#[derive(Deserialize)]
struct Tokens {
    id_token: String,
}

impl Oidc {
    /// Returns the identity provider that the settings name, or `None` without one; records what is wrong.
    pub fn of_settings(checks: &mut Checks<'_>) -> Option<Oidc> {
        let settings = checks.settings;
        let given = [
            ("oidc_issuer", settings.oidc_issuer.as_deref()),
            ("oidc_client_id", settings.oidc_client_id.as_deref()),
            ("oidc_client_secret", settings.oidc_client_secret.as_deref()),
        ];
        for (key, value) in given {
            checks.maybe(key, value, |value| match value.trim() == value && !value.is_empty() {
                true => Ok(()),
                false => Err("it is empty, or has white space around it".to_owned()),
            });
        }
        checks.maybe("oidc_issuer", settings.oidc_issuer.as_deref(), service_url);
        let [(_, issuer), (_, id), (_, secret)] = given;
        let missing: Vec<&str> = given.iter().filter(|(_, value)| value.is_none()).map(|(key, _)| *key).collect();
        if (1..3).contains(&missing.len()) {
            let key = given.iter().find(|(_, value)| value.is_some()).map_or("oidc_issuer", |(key, _)| key);
            let why = format!(
                "oidc_issuer, oidc_client_id and oidc_client_secret go together, and {} is not given: name all or none",
                missing.join(" and ")
            );
            checks.take(key, Err::<(), _>(why));
        }
        if !checks.are_good() {
            return None;
        }
        checks.take("oidc_issuer", Oidc::of(issuer, id, secret)).flatten()
    }

    /// Returns the identity provider of an issuer, which knows this server by a client id and a client secret; `None`
    /// where the operator's settings name none of the three.
    ///
    /// # Errors
    /// When only some of the three are named, or the issuer is not reached by `https`.
    pub fn of(issuer: Option<&str>, id: Option<&str>, secret: Option<&str>) -> Result<Option<Oidc>, String> {
        let (issuer, client_id, client_secret) = match (issuer, id, secret) {
            (None, None, None) => return Ok(None),
            (Some(issuer), Some(id), Some(secret)) => (issuer.to_owned(), id.to_owned(), secret.to_owned()),
            _ => {
                return Err(
                    "oidc_issuer, oidc_client_id and oidc_client_secret go together: name all or none".to_owned()
                );
            }
        };
        let url = parse_trusted(&issuer).ok_or("oidc_issuer must be an https address, or one of this machine")?;
        let http = asker(&url).timeout(TIMEOUT).build().map_err(|error| format!("oidc: {error}"))?;
        Ok(Some(Oidc { issuer, client_id, client_secret, http, found: Mutex::default() }))
    }

    /// Returns the issuer, which is the identity provider's own name.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Returns whether a name is the identity provider's own.
    pub fn is_issuer(&self, name: &str) -> bool {
        name == self.issuer
    }

    /// Returns the address that a browser is sent to at the beginning of an attempt.
    ///
    /// # Errors
    /// When the identity provider does not answer.
    pub async fn begin(
        &self,
        attempt: &Attempt,
        secret: &[u8],
        redirect_uri: &str,
        now: Timestamp,
    ) -> Result<String, Failure> {
        let provider = self.provider(now).await?;
        let mut url = endpoint(&provider.authorization_endpoint)?;
        let challenge = base64url(&sha256(&[attempt.verifier(secret).as_bytes()]));
        url.query_pairs_mut().extend_pairs([
            ("response_type", "code"),
            ("client_id", &self.client_id),
            ("redirect_uri", redirect_uri),
            ("scope", "openid email"),
            ("state", &attempt.state(secret)),
            ("nonce", &attempt.nonce(secret)),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        Ok(url.into())
    }

    /// Returns the person that the identity provider gave this code.
    ///
    /// # Errors
    /// When the identity provider does not answer, does not know the code, or vouches for no one.
    pub async fn finish(
        &self,
        attempt: &Attempt,
        secret: &[u8],
        redirect_uri: &str,
        code: &str,
        now: Timestamp,
    ) -> Result<Identity, Failure> {
        let provider = self.provider(now).await?;
        let verifier = attempt.verifier(secret);
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", &verifier),
        ];
        let mut request = self.http.post(endpoint(&provider.token_endpoint)?);
        let methods = provider.token_endpoint_auth_methods_supported;
        if methods.is_none_or(|methods| methods.iter().any(|method| method == "client_secret_basic")) {
            // Both are encoded as in a form before they are joined (RFC 6749, 2.3.1).
            request = request.basic_auth(encode(&self.client_id), Some(encode(&self.client_secret)));
        } else {
            form.extend([("client_id", &*self.client_id), ("client_secret", &self.client_secret)]);
        }
        let form: Vec<String> = form.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        let request = request.header("Content-Type", "application/x-www-form-urlencoded").body(form.join("&"));
        let tokens: Tokens = ask(request.header("Accept", "application/json")).await?;
        let claims = claims_of(&tokens.id_token).ok_or_else(|| refusal("the ID token cannot be read"))?;
        self.check_claims(&claims, &attempt.nonce(secret), now)
    }

    /// Returns the person that an ID token vouches for.
    fn check_claims(&self, claims: &Value, nonce: &str, now: Timestamp) -> Result<Identity, Failure> {
        let text = |name: &str| claims[name].as_str().unwrap_or_default();
        let audience: Vec<&str> = match &claims["aud"] {
            Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
            one => one.as_str().into_iter().collect(),
        };
        let party = match &claims["azp"] {
            Value::Null => audience.len() == 1,
            party => party.as_str() == Some(&self.client_id),
        };
        let checks = [
            ("iss", text("iss") == self.issuer),
            ("aud", audience.contains(&&*self.client_id)),
            ("azp", party),
            ("exp", claims["exp"].as_i64().is_some_and(|end| now < Timestamp::from_micros(0).after_seconds(end))),
            ("nbf", claims["nbf"].is_null() || claims["nbf"].as_i64().is_some_and(|start| has_begun(start, now))),
            ("nonce", text("nonce") == nonce),
            ("sub", !text("sub").is_empty() && !text("sub").contains(char::is_control)),
            // Some identity providers write a text here, against the specification.
            ("email_verified", claims["email_verified"] == true || claims["email_verified"] == "true"),
            ("email", !text("email").is_empty()),
        ];
        match checks.iter().find(|(_, good)| !good) {
            Some((claim, _)) => Err(refusal(&format!("the ID token has a wrong `{claim}`"))),
            None => Ok(Identity { subject: text("sub").to_owned(), email: text("email").to_owned() }),
        }
    }

    /// Returns the configuration of the identity provider, read once an hour. After a failed request the provider is
    /// not asked again for some seconds: requests of that time fail at once.
    async fn provider(&self, now: Timestamp) -> Result<Provider, Failure> {
        let mut found = self.found.lock().await;
        if let Some((since, provider)) = &found.provider
            && (since.micros()..since.micros().saturating_add(KNOWN_FOR)).contains(&now.micros())
        {
            return Ok(provider.clone());
        }
        if let Some((_, why)) = found.failed.as_ref().filter(|(at, _)| at.elapsed() < FAILED_FOR) {
            return Err(Failure::Unreachable(why.clone()));
        }
        match self.find().await {
            Ok(provider) => {
                *found = CachedProvider { provider: Some((now, provider.clone())), failed: None };
                Ok(provider)
            }
            Err(why) => {
                found.failed = Some((Instant::now(), why.clone()));
                Err(Failure::Unreachable(why))
            }
        }
    }

    /// Requests the configuration of the identity provider; the error is the reason of the failure.
    async fn find(&self) -> Result<Provider, String> {
        let url = format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
        let asked = ask::<Provider>(self.http.get(url).timeout(FIND_TIMEOUT)).await;
        let provider = asked.map_err(|(Failure::Refused(why) | Failure::Unreachable(why))| why)?;
        match provider.issuer == self.issuer {
            true => Ok(provider),
            false => Err(format!("{} says that it is {}", self.issuer, provider.issuer)),
        }
    }
}

/// Returns true if an instant in seconds is past, by a clock that may be a little behind.
fn has_begun(start: i64, now: Timestamp) -> bool {
    Timestamp::from_micros(0).after_seconds(start.saturating_sub(AHEAD)) <= now
}

/// Attempt to sign in, in one browser.
pub struct Attempt {
    id: String,
    expires: i64,
}

impl Attempt {
    /// Starts an attempt with a random id.
    pub fn new(now: Timestamp) -> Attempt {
        Attempt { id: hex(&random::<16>()), expires: now.micros() / SECOND + i64::from(PATIENCE) }
    }

    /// Returns the attempt as the signed cookie that the browser keeps.
    pub fn cookie(&self, secret: &[u8]) -> String {
        format!("{}.{}.{}", self.id, self.expires, sign(secret, &self.claim()))
    }

    /// Reads the cookie of a browser, if its signature is right and it has not run out.
    pub fn read(cookie: &str, secret: &[u8], now: Timestamp) -> Option<Attempt> {
        let mut parts = cookie.split('.');
        let (id, expires, signature) = (parts.next()?.to_owned(), parts.next()?.parse().ok()?, parts.next()?);
        let attempt = Attempt { id, expires };
        let good = parts.next().is_none() && is_signed(secret, &attempt.claim(), signature);
        (good && now < attempt.ends_at()).then_some(attempt)
    }

    /// Returns the instant at which the attempt runs out.
    pub fn ends_at(&self) -> Timestamp {
        Timestamp::from_micros(0).after_seconds(self.expires)
    }

    /// Returns the attempt's id, which no other attempt has.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns whether a state that came back was sent by this attempt.
    pub fn is_of(&self, state: &str, secret: &[u8]) -> bool {
        is_signed(secret, &self.about("state"), state)
    }

    fn state(&self, secret: &[u8]) -> String {
        sign(secret, &self.about("state"))
    }

    fn nonce(&self, secret: &[u8]) -> String {
        sign(secret, &self.about("nonce"))
    }

    /// Returns 64 characters of the 43 to 128 that PKCE asks for.
    fn verifier(&self, secret: &[u8]) -> String {
        sign(secret, &self.about("verifier")) + &sign(secret, &self.about("rest of the verifier"))
    }

    fn about(&self, what: &str) -> String {
        format!("oidc {what} of {}", self.id)
    }

    fn claim(&self) -> String {
        format!("{} until {}", self.about("attempt"), self.expires)
    }
}

fn refusal(why: &str) -> Failure {
    Failure::Refused(why.to_owned())
}

fn endpoint(address: &str) -> Result<Url, Failure> {
    parse_trusted(address).ok_or_else(|| Failure::Unreachable(format!("{address} is not an https address")))
}

/// Returns the answer of an identity provider, at most [`ANSWER_MAX`] bytes of it.
async fn ask<T: DeserializeOwned>(request: RequestBuilder) -> Result<T, Failure> {
    let unreachable = |error: reqwest::Error| Failure::Unreachable(error.without_url().to_string());
    let response = request.send().await.map_err(unreachable)?;
    let status = response.status();
    let body = read(response, ANSWER_MAX).await.map_err(unreachable)?;
    let long = || Failure::Unreachable(format!("the identity provider answers with more than {ANSWER_MAX} bytes"));
    let body = body.ok_or_else(long)?;
    if status == StatusCode::BAD_REQUEST {
        return Err(Failure::Refused(format!("the identity provider answers {status}")));
    }
    let answer = serde_json::from_slice(&body).ok().filter(|_| status.is_success());
    answer.ok_or_else(|| {
        Failure::Unreachable(format!("the identity provider answers {status}, without the form of an answer"))
    })
}

/// Returns the claims of an ID token: the second of its three parts.
fn claims_of(token: &str) -> Option<Value> {
    let mut parts = token.split('.');
    let (_, claims, _) = (parts.next()?, parts.next()?, parts.next()?);
    let claims = serde_json::from_slice(&from_base64url(claims)?).ok()?;
    parts.next().is_none().then_some(claims)
}

const BASE64URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Encodes bytes in base 64 for addresses, without padding.
fn base64url(bytes: &[u8]) -> String {
    let digits = |group: &[u8]| {
        let byte = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        (0..=group.len()).map(move |place| char::from(BASE64URL[(bits >> (18 - 6 * place)) as usize & 63]))
    };
    bytes.chunks(3).flat_map(digits).collect()
}

/// Decodes the form that [`base64url`] writes, and no other.
fn from_base64url(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut known) = (0_u32, 0);
    for letter in text.bytes() {
        let digit = BASE64URL.iter().position(|known| *known == letter)?;
        (bits, known) = ((bits << 6 | digit as u32) & 0xfff, known + 6);
        if known >= 8 {
            known -= 8;
            bytes.push((bits >> known) as u8);
        }
    }
    (known < 6 && bits & ((1 << known) - 1) == 0).then_some(bytes)
}

#[cfg(test)]
mod tests;
