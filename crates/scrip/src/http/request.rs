//! Reading requests strictly: every member is known, of its type, and given once; every error has a JSON pointer.

use super::problem::Problem;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use serde::Deserialize;
use serde::de::{self, DeserializeOwned, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

/// The largest body that is read.
pub const BODY_MAX: usize = 2 << 20;
/// How long its sender may take for it: the largest one comes in time at 35 kB a second.
pub const BODY_SECONDS: u64 = 60; // # assumed

/// Which page of a list is wanted.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// How many, 1 to 100; 20 when absent.
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<u32>,
    /// Where the page before ended.
    pub cursor: Option<String>,
}

/// A JSON body, and the bytes it came as.
pub struct Body<T> {
    /// What it says.
    pub value: T,
    /// As it was sent: what an idempotency key is compared on.
    pub bytes: Bytes,
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Body<T>, Problem> {
        let json = is_json(request.headers());
        let bytes = Bytes::from_request(request, state);
        let bytes = patiently(Duration::from_secs(BODY_SECONDS), BODY_MAX, bytes).await?;
        if !json && !bytes.is_empty() {
            return Err(Problem::invalid("", "send the body as `Content-Type: application/json`"));
        }
        let text: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        Ok(Body { value: parse(text)?, bytes })
    }
}

/// Waits for a body, but not for one that comes a byte at a time.
///
/// # Errors
/// When it takes too long, or is longer than `most`.
pub async fn patiently<E>(
    patience: Duration,
    most: usize,
    bytes: impl Future<Output = Result<Bytes, E>>,
) -> Result<Bytes, Problem> {
    let bytes =
        tokio::time::timeout(patience, bytes).await.map_err(|_| Problem::TooSlow { seconds: patience.as_secs() })?;
    bytes.map_err(|_| Problem::invalid("", format!("the body must be at most {most} bytes")))
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value.is_some_and(|value| {
        value.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
    })
}

fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, Problem> {
    // Serde would take the members of an object in a list, too.
    if text.trim_ascii_start().first().is_some_and(|first| *first == b'[') {
        return Err(Problem::invalid("", "the body must be a JSON object"));
    }
    read::<Once>(text)?;
    read(text)
}

/// Reads JSON. Where something is wrong in it is only looked for once something is: keeping track of it costs as much
/// as the reading.
fn read<T: DeserializeOwned>(text: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(text).map_err(|wrong| {
        let mut tracked = serde_json::Deserializer::from_slice(text);
        match serde_path_to_error::deserialize::<_, T>(&mut tracked) {
            Err(error) => located(&error),
            Ok(_) => Problem::invalid("", wrong.to_string()),
        }
    })
}

fn located(error: &serde_path_to_error::Error<serde_json::Error>) -> Problem {
    let mut pointer = String::new();
    for segment in error.path() {
        let step = match segment {
            serde_path_to_error::Segment::Seq { index } => index.to_string(),
            serde_path_to_error::Segment::Map { key } => key.replace('~', "~0").replace('/', "~1"),
            serde_path_to_error::Segment::Enum { variant } => variant.clone(),
            serde_path_to_error::Segment::Unknown => continue,
        };
        pointer.push('/');
        pointer.extend(step.chars().take(100));
    }
    let message = error.inner().to_string();
    let message = message.rsplit_once(" at line ").map_or(message.clone(), |(message, _)| message.to_owned());
    let missing = message.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
    if let Some(field) = missing {
        pointer.push('/');
        pointer.push_str(field);
        return Problem::invalid(pointer, "must be given");
    }
    Problem::invalid(pointer, message.chars().take(300).collect::<String>())
}

/// Any JSON in which no object names a member twice.
struct Once;

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Once, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Once;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }
            fn visit_bool<E>(self, _: bool) -> Result<Once, E> {
                Ok(Once)
            }
            fn visit_i64<E>(self, _: i64) -> Result<Once, E> {
                Ok(Once)
            }
            fn visit_u64<E>(self, _: u64) -> Result<Once, E> {
                Ok(Once)
            }
            fn visit_f64<E>(self, _: f64) -> Result<Once, E> {
                Ok(Once)
            }
            fn visit_str<E>(self, _: &str) -> Result<Once, E> {
                Ok(Once)
            }
            fn visit_unit<E>(self) -> Result<Once, E> {
                Ok(Once)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Once, A::Error> {
                while items.next_element::<Once>()?.is_some() {}
                Ok(Once)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Once, A::Error> {
                let mut seen = BTreeSet::new();
                while let Some(name) = members.next_key::<String>()? {
                    members.next_value::<Once>()?;
                    if let Some(name) = seen.replace(name) {
                        return Err(de::Error::custom(format!("the member `{name}` is given twice")));
                    }
                }
                Ok(Once)
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

/// The parts of a path.
pub struct PathOf<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for PathOf<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<PathOf<T>, Problem> {
        let path = Path::<T>::from_request_parts(parts, state).await;
        path.map(|Path(path)| PathOf(path)).map_err(|_| Problem::not_found("thing"))
    }
}

/// A query string whose every name is known and given once.
pub struct QueryOf<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for QueryOf<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<QueryOf<T>, Problem> {
        let query = Query::<T>::from_request_parts(parts, state).await;
        query.map(|Query(query)| QueryOf(query)).map_err(|error| {
            let text = error.body_text();
            let text = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text).to_owned();
            Problem::invalid("", format!("the query string: {text}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scrip_engine::Refusal;
    use std::convert::Infallible;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only what cannot be read is looked at")]
    struct Sample {
        name: String,
        #[serde(default)]
        count: Option<i64>,
        #[serde(default)]
        deep: serde_json::Map<String, serde_json::Value>,
    }

    fn error(text: &str) -> (String, String) {
        match parse::<Sample>(text.as_bytes()) {
            Err(Problem::Refused(Refusal::InvalidRequest { errors })) => {
                (errors[0].pointer.clone(), errors[0].detail.clone())
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_error_says_where() {
        assert_eq!(error(r#"{"name": 7}"#).0, "/name");
        assert_eq!(error(r#"{"name": "a", "count": 1.5}"#).0, "/count");
        assert_eq!(error(r#"{"name": "a", "count": 99999999999999999999}"#).0, "/count");
        assert_eq!(error("{}"), ("/name".to_owned(), "must be given".to_owned()));
        assert_eq!(error(r#"{"name": "a", "nome": "b"}"#).0, "/nome");
        assert_eq!(error("[").0, "");
    }

    #[tokio::test]
    async fn a_body_that_does_not_come_is_not_waited_for() {
        use futures_util::StreamExt;
        let dripping = futures_util::stream::iter([Ok::<_, Infallible>("{")]).chain(futures_util::stream::pending());
        let request = Request::new(axum::body::Body::from_stream(dripping));
        let late = patiently(Duration::from_millis(20), BODY_MAX, Bytes::from_request(request, &())).await;
        assert!(matches!(late, Err(Problem::TooSlow { seconds: 0 })), "{late:?}");
        assert_eq!(Problem::TooSlow { seconds: 0 }.status().as_u16(), 408);
        let request = Request::new(axum::body::Body::from("{}"));
        let whole = patiently(Duration::ZERO, BODY_MAX, Bytes::from_request(request, &())).await;
        assert_eq!(whole.expect("what is there is not waited for"), "{}");
    }

    #[test]
    fn a_member_given_twice_is_refused_at_any_depth() {
        assert!(error(r#"{"name": "a", "name": "b"}"#).1.contains("given twice"));
        let (pointer, detail) = error(r#"{"name": "a", "deep": {"x": {"y": 1, "y": 2}}}"#);
        assert!(detail.contains("`y` is given twice"), "{pointer} {detail}");
    }

    #[test]
    fn a_tower_of_brackets_is_refused_and_not_climbed() {
        let tower = format!(r#"{{"name": "a", "deep": {{"x": {}"#, "[".repeat(1_000_000));
        assert!(error(&tower).1.contains("recursion limit"));
    }
}
