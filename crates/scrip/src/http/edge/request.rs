//! Strict reading of requests: every member is known, of its type, and given once; every error has a JSON pointer.
//!
//! Invariant: no text of a body or a query has control characters.

use super::problem::Problem;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use scrip_engine::text::is_forbidden;
use serde::Deserialize;
use serde::de::{self, DeserializeOwned, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

/// Maximum size of a body, in bytes.
pub const BODY_MAX: usize = 2 << 20;
/// Largest whole number that a float tells from its neighbours.
const WHOLE_MAX: f64 = 9_007_199_254_740_991.0;
/// Maximum time for a body, in seconds: the largest one comes in time at 35 kB a second.
pub const BODY_SECONDS: u64 = 60; // # assumed

/// JSON body, with the bytes it came as.
pub struct Body<T> {
    /// Value that was read from the body.
    pub value: T,
    /// Bytes as they were sent: an idempotency key is compared on their [`canonical`] form.
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

/// Waits for a body, up to `patience`, so that a slow sender does not hold the request.
///
/// # Errors
/// When the time is over, or the body is longer than `most` bytes.
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
    // Serde would also read a list of values as an object.
    if text.trim_ascii_start().first().is_some_and(|first| *first == b'[') {
        return Err(Problem::invalid("", "the body must be a JSON object"));
    }
    read::<Once>(text)?;
    read(text)
}

/// Reads JSON. The place of an error is found by a second reading, since tracking it costs as much as the reading.
///
/// # Errors
/// When the text is not the JSON of a `T`, with the pointer to the place.
fn read<T: DeserializeOwned>(text: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(text).map_err(|wrong| {
        let mut tracked = serde_json::Deserializer::from_slice(text);
        match serde_path_to_error::deserialize::<_, T>(&mut tracked) {
            Err(error) => problem_at(&error),
            Ok(_) => Problem::invalid("", wrong.to_string()),
        }
    })
}

fn problem_at(error: &serde_path_to_error::Error<serde_json::Error>) -> Problem {
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

/// Refuses a text with control characters, which the store cannot keep for every reader.
fn clean<E: de::Error>(text: &str) -> Result<Once, E> {
    match text.chars().find(|letter| is_forbidden(*letter)) {
        None => Ok(Once),
        Some(letter) => Err(E::custom(format!("must have no control characters, such as U+{:04X}", u32::from(letter)))),
    }
}

/// Any JSON in which no object names a member twice and no text has control characters.
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
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Once, E> {
                clean(text)
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
                    clean::<A::Error>(&name)?;
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

/// Refuses a query in which control characters are encoded. In a path they are part of an id that no object has.
fn single_line(encoded: &str) -> Result<(), Problem> {
    if !encoded.contains('%') {
        return Ok(());
    }
    let mut bytes = encoded.bytes();
    let mut decoded = Vec::with_capacity(encoded.len());
    while let Some(byte) = bytes.next() {
        let mut rest = bytes.clone();
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        match (byte, digit(rest.next()), digit(rest.next())) {
            (b'%', Some(high), Some(low)) => {
                decoded.push((high * 16 + low) as u8);
                bytes = rest;
            }
            _ => decoded.push(byte),
        }
    }
    match String::from_utf8_lossy(&decoded).contains(char::is_control) {
        true => Err(Problem::invalid("", "the query string: must have no control characters")),
        false => Ok(()),
    }
}

/// Returns the bytes that an idempotency key is compared on. They are equal for two bodies that differ in spaces, in
/// the order of members or in how a number or a letter is spelled. A body that is no JSON is returned unchanged.
pub fn canonical(body: &[u8]) -> Cow<'_, [u8]> {
    if body.is_empty() {
        return Cow::Borrowed(b"{}");
    }
    let read = serde_json::from_slice(body).ok().and_then(|value| serde_json::to_vec(&plain(value)).ok());
    read.map_or(Cow::Borrowed(body), Cow::Owned)
}

/// Spells whole numbers as such. The members of an object are already in the order of their names.
fn plain(value: Value) -> Value {
    match value {
        Value::Number(number) => {
            let whole = number.as_f64().filter(|_| number.is_f64()).filter(|float| float.fract() == 0.0);
            let whole = whole.filter(|float| float.abs() <= WHOLE_MAX).map(|float| float as i64);
            whole.map_or(Value::Number(number), Value::from)
        }
        Value::Array(items) => Value::Array(items.into_iter().map(plain).collect()),
        Value::Object(members) => {
            Value::Object(members.into_iter().map(|(name, value)| (name, plain(value))).collect())
        }
        value => value,
    }
}

/// Parameters of a path, as one value.
pub struct PathOf<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for PathOf<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<PathOf<T>, Problem> {
        let path = Path::<T>::from_request_parts(parts, state).await;
        path.map(|Path(path)| PathOf(path)).map_err(|_| Problem::not_found("thing"))
    }
}

/// Query string whose every name is known and given once.
pub struct QueryOf<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for QueryOf<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<QueryOf<T>, Problem> {
        single_line(parts.uri.query().unwrap_or_default())?;
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
    fn a_text_with_control_characters_is_refused_where_it_stands() {
        for (text, at) in [
            (r#"{"name": "a\u0000b"}"#, "/name"),
            (r#"{"name": "\u001b[31m"}"#, "/name"),
            ("{\"name\": \"a\u{85}b\"}", "/name"),
            (r#"{"name": "a", "deep": {"x": ["a", {"y": "\u0007"}]}}"#, "/deep/x/1/y"),
            (r#"{"name": "a", "deep": {"x\u0000": 1}}"#, "/deep"),
            // The text is checked before the type and the name of its member.
            (r#"{"count": "\u0000"}"#, "/count"),
            (r#"{"other": "\u0000"}"#, "/other"),
        ] {
            let (pointer, detail) = error(text);
            assert!(detail.contains("control characters, such as U+00"), "{text}: {detail}");
            assert!(pointer == at || pointer.starts_with(at), "{text}: {pointer}");
        }
        assert!(parse::<Sample>(br#"{"name": "two\nlines\tand a cell\r\n"}"#).is_ok());
    }

    #[test]
    fn one_request_is_one_however_its_json_is_written() {
        let same = [
            r#"{"amount":100,"reason":"A","deep":{"a":[1,2,{"b":null,"c":true}],"z":0.5}}"#,
            r#" { "reason" : "A", "amount" : 100, "deep": {"z": 0.5, "a": [1, 2, {"c": true, "b": null}]} } "#,
            "{\n\t\"deep\":{\"a\":[1,2,{\"b\":null,\"c\":true}],\"z\":5e-1},\"reason\":\"\\u0041\",\"amount\":1e2}",
            r#"{"amount":100.0,"deep":{"z":0.50,"a":[1.0,2,{"b":null,"c":true}]},"reason":"A"}"#,
        ];
        for text in same {
            assert_eq!(
                canonical(text.as_bytes()),
                same[0]
                    .replacen(r#""amount":100,"reason":"A","deep""#, r#""amount":100,"deep""#, 1)
                    .replacen(r#""z":0.5}}"#, r#""z":0.5},"reason":"A"}"#, 1)
                    .as_bytes(),
                "{text}"
            );
        }
        let others = [
            r#"{"amount":101}"#,
            r#"{"amount":"100"}"#,
            r#"{"amount":100}"#,
            r#"{"amount":100.5}"#,
            r#"{"amount":-100}"#,
            r#"{"amount":null}"#,
            r#"{"amount":[1,2]}"#,
            r#"{"amount":[2,1]}"#,
            r#"{"amount":9007199254740993}"#,
            r#"{"amount":9007199254740992}"#,
            r#"{"amount":18446744073709551615}"#,
            r#"{"Amount":100}"#,
            "{}",
            "x",
            " x",
        ];
        let read: BTreeSet<Vec<u8>> = others.iter().map(|text| canonical(text.as_bytes()).into_owned()).collect();
        assert_eq!(read.len(), others.len());
        assert_eq!(canonical(b""), canonical(b" {} "));
    }

    #[test]
    fn what_is_encoded_in_an_address_is_one_line() {
        for wrong in ["a%00b", "%0a", "%0D", "%1b", "%7F", "%c2%85", "%09"] {
            assert!(single_line(wrong).is_err(), "{wrong}");
        }
        for good in ["", "a", "a%20b", "%c3%bc", "%25000", "%", "%0", "%zz", "%ff", "100%"] {
            assert!(single_line(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn a_tower_of_brackets_is_refused_and_not_climbed() {
        let tower = format!(r#"{{"name": "a", "deep": {{"x": {}"#, "[".repeat(1_000_000));
        assert!(error(&tower).1.contains("recursion limit"));
    }
}
