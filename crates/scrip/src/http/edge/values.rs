//! Conversion of a request's values to the engine's; each error names its member.

use super::problem::Problem;
use crate::people::blocks;
use crate::people::email::Email;
use crate::people::sign_in;
use scrip_client::types as api;
use scrip_engine::limits::NAME_MAX;
use scrip_engine::text::is_line;
use scrip_engine::{Amount, Interval, Invalid, Name, Params, Refusal, Timestamp, Value};
use scrip_store::Store;
use std::collections::BTreeMap;

/// Reads a positive amount, of at most what one operation may move.
///
/// # Errors
/// When it is out of range.
pub fn amount(pointer: &str, units: i64) -> Result<Amount, Problem> {
    let good =
        Amount::new(units).filter(|amount| !amount.is_zero() && amount.get() <= scrip_engine::limits::OPERATION_MAX);
    good.ok_or_else(|| Problem::invalid(pointer, format!("must be 1 to {}", scrip_engine::limits::OPERATION_MAX)))
}

/// Reads an instant in RFC 3339 form.
///
/// # Errors
/// When the text is not one.
pub fn instant(pointer: &str, text: &str) -> Result<Timestamp, Problem> {
    text.parse().map_err(|detail: String| Problem::invalid(pointer, detail))
}

/// Reads a name; the engine checks its length.
pub fn name(text: &str) -> Name {
    Name::from(text)
}

/// Reads the parameters of a run; the model decides which values are valid.
///
/// # Errors
/// For each value that no parameter can have.
pub fn params(given: &serde_json::Map<String, serde_json::Value>) -> Result<Params, Problem> {
    let mut params = Params::new();
    let mut errors = Vec::new();
    for (name, value) in given {
        match param(value) {
            Ok(value) => drop(params.insert(Name::from(name.as_str()), value)),
            Err(detail) => {
                let name: String = name.chars().take(100).collect();
                errors.push(Invalid::new(format!("/params/{}", name.replace('~', "~0").replace('/', "~1")), detail));
            }
        }
    }
    if errors.is_empty() { Ok(params) } else { Err(Problem::Refused(Refusal::InvalidRequest { errors })) }
}

fn param(value: &serde_json::Value) -> Result<Value, &'static str> {
    use serde_json::Value as Json;
    match value {
        Json::Bool(value) => Ok(Value::Boolean(*value)),
        Json::Number(number) => number.as_i64().map(Value::Integer).ok_or("must be a whole number that fits 64 bits"),
        Json::String(text) => Ok(Value::Text(text.clone())),
        Json::Array(entries) => {
            let texts = entries.iter().map(|entry| entry.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>();
            texts.map(Value::List).ok_or("must be a list of texts")
        }
        Json::Null => Err("must not be null; leave it out for the default"),
        Json::Object(_) => Err("must be true or false, a whole number, a text or a list of texts"),
    }
}

/// Reads the caller's own metadata: texts by name.
///
/// # Errors
/// When a value is no text.
pub fn metadata(given: &serde_json::Map<String, serde_json::Value>) -> Result<BTreeMap<String, String>, Problem> {
    let text = |(name, value): (&String, &serde_json::Value)| {
        let text = value.as_str().ok_or_else(|| Problem::invalid("/metadata", "names and values must be texts"))?;
        Ok((name.clone(), text.to_owned()))
    };
    given.iter().map(text).collect()
}

/// Converts an interval to the engine's.
pub fn interval(interval: api::Interval) -> Interval {
    match interval {
        api::Interval::Week => Interval::Week,
        api::Interval::Month => Interval::Month,
        api::Interval::Year => Interval::Year,
    }
}

/// Refuses a text that is not one visible line of at most 200 characters: an id of the operator's own, a name, a
/// reason.
///
/// # Errors
/// When it is not.
pub fn line(pointer: &str, text: &str) -> Result<(), Problem> {
    if (1..=NAME_MAX).contains(&text.chars().count()) && is_line(text) {
        return Ok(());
    }
    let detail = format!("must be 1 to {NAME_MAX} characters, without control characters and invisible characters");
    Err(Problem::invalid(pointer, detail))
}

/// Parses an e-mail address.
///
/// # Errors
/// When the text is not one.
pub fn email(pointer: &str, text: &str) -> Result<Email, Problem> {
    Email::parse(text).map_err(|why| Problem::invalid(pointer, why))
}

/// Reads the address that a person is known by; see [`sign_in::address_of`].
///
/// # Errors
/// When the text is no address, or the store cannot answer.
pub async fn address(store: &Store, pointer: &str, text: &str) -> Result<Email, Problem> {
    sign_in::address_of(store, text).await?.map_err(|why| Problem::invalid(pointer, why))
}

/// Refuses to act for a person who is blocked.
///
/// # Errors
/// When the owner of the mailbox is blocked, or the store cannot answer.
pub async fn not_blocked(store: &Store, pointer: &str, email: &str) -> Result<(), Problem> {
    match blocks::of_mailbox(store, email).await? {
        None => Ok(()),
        Some(block) => {
            let detail = format!("this person is blocked: unblock {} first", block.user);
            Err(Problem::invalid(pointer, detail))
        }
    }
}
