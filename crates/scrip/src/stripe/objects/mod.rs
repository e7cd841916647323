//! Stripe's objects, as far as we read them, and the calls about them: one file a family.
//!
//! Stripe adds fields, and values to its enumerations, whenever it likes: fields we do not know are passed over, and a
//! value we do not know keeps its text. What it may send as an id or as the whole object is an [`Expandable`].
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

/// What we write on objects of ours, and find them by.
pub type Metadata = BTreeMap<String, String>;

/// An object that is named by its id, and may be there whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Expandable<T> {
    /// Its id.
    pub id: String,
    /// The object, if it was asked for and is not deleted.
    pub object: Option<Box<T>>,
}

/// An object of which the id is all we want.
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

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct List<T> {
    /// What is on it.
    pub data: Vec<T>,
    /// Whether there is more behind it.
    #[serde(default)]
    pub has_more: bool,
}

impl<T> Default for List<T> {
    fn default() -> List<T> {
        List { data: Vec::new(), has_more: false }
    }
}

/// An instant as Stripe has it: whole seconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seconds(pub i64);

impl Seconds {
    /// As everybody else here has it.
    pub fn timestamp(self) -> Timestamp {
        Timestamp::from_micros(self.0.saturating_mul(SECOND))
    }

    /// The second that an instant is in.
    pub fn of(at: Timestamp) -> Seconds {
        Seconds(at.micros().div_euclid(SECOND))
    }
}

/// A part of time; what is not given has no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Range {
    /// From here on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gte: Option<Seconds>,
    /// Before here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lt: Option<Seconds>,
}

/// A field that may be absent or `null` where we want something empty.
fn or_empty<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

#[cfg(test)]
mod tests;
