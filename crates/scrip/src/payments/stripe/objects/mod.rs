//! Stripe's objects, as far as Scrip reads them, and the calls about them: one file a family.
//!
//! Stripe adds fields, and values of enumerations, at any time: unknown fields are ignored, and an unknown value keeps
//! its text. A reference that Stripe may send as an id or as the whole object is an [`Expandable`].
//!
//! Invariant: nothing that Stripe adds makes an object unreadable.

pub mod account;
pub mod balance;
pub mod charge;
pub mod checkout;
pub mod credit_note;
pub mod customer;
pub mod event;
pub mod invoice;
pub mod payment;
pub mod portal;
pub mod price;
pub mod product;
pub mod schedule;
pub mod subscription;
pub mod webhook;

use scrip_engine::{SECOND, Timestamp};
use serde::de::{DeserializeOwned, Error as _, IgnoredAny};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Key-value pairs that Scrip writes on Stripe's objects, and finds them by.
pub type Metadata = BTreeMap<String, String>;

/// A reference to an object by its id, which may carry the object itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Expandable<T> {
    /// Identifier of the object.
    pub id: String,
    /// Object itself, if the request expanded it and it is not deleted.
    pub object: Option<Box<T>>,
}

/// A reference of which Scrip reads the id alone.
pub type Id = Expandable<IgnoredAny>;

impl<'de, T: DeserializeOwned> Deserialize<'de> for Expandable<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(from)?;
        if let Value::String(id) = value {
            return Ok(Expandable { id, object: None });
        }
        let id = value["id"].as_str().ok_or_else(|| D::Error::custom("neither an id nor an object with one"))?;
        let (id, is_deleted) = (id.to_owned(), value["deleted"] == true);
        let object = if is_deleted { None } else { Some(serde_json::from_value(value).map_err(D::Error::custom)?) };
        Ok(Expandable { id, object })
    }
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct List<T> {
    /// Objects on this page.
    pub data: Vec<T>,
    /// `true` if further pages follow.
    #[serde(default)]
    pub has_more: bool,
}

impl<T> Default for List<T> {
    fn default() -> List<T> {
        List { data: Vec::new(), has_more: false }
    }
}

/// An instant as Stripe writes it, in whole seconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seconds(pub i64);

impl Seconds {
    /// Returns the instant as the rest of Scrip has it, in microseconds.
    pub fn timestamp(self) -> Timestamp {
        Timestamp::from_micros(self.0.saturating_mul(SECOND))
    }

    /// Returns the second in which an instant lies.
    pub fn of(at: Timestamp) -> Seconds {
        Seconds(at.micros().div_euclid(SECOND))
    }
}

/// A range of time; an absent bound does not restrict it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Range {
    /// First second of the range.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gte: Option<Seconds>,
    /// First second after the range.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lt: Option<Seconds>,
}

/// Reads a field that may be absent or `null` as an empty value.
fn or_empty<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

#[cfg(test)]
mod tests;
