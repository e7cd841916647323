//! Parameters of a request: a form with nested brackets, read by full name.
//!
//! A route reads every parameter it knows and then calls [`Params::finish`], which refuses the request if one was left
//! over. So a route cannot accept a parameter that it does not act on.
//!
//! Invariant: nothing is changed before `finish` has returned.

use crate::error::StripeError;
use serde_json::{Map, Value};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// Parameters of one request.
#[derive(Clone, Debug, Default)]
pub struct Params {
    values: BTreeMap<String, String>,
    read: RefCell<BTreeSet<String>>,
}

impl Params {
    /// Parses a query or a form; later values of a name win, and `name[]` is counted up.
    pub fn parse(form: &str) -> Params {
        let mut values = BTreeMap::new();
        let mut counted: BTreeMap<String, usize> = BTreeMap::new();
        for pair in form.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let mut name = decode(name);
            while let Some(place) = name.find("[]") {
                let next = counted.entry(name.clone()).or_default();
                let numbered = format!("{}[{next}]{}", &name[..place], &name[place + 2..]);
                *next += 1;
                name = numbered;
            }
            values.insert(name, decode(value));
        }
        Params { values, read: RefCell::default() }
    }

    /// Creates parameters from values by their full names.
    pub fn of(values: impl IntoIterator<Item = (String, String)>) -> Params {
        Params { values: values.into_iter().collect(), read: RefCell::default() }
    }

    /// Returns every parameter by its full name, as idempotency compares them and tests read them.
    pub fn all(&self) -> &BTreeMap<String, String> {
        &self.values
    }

    /// Returns `true` if a parameter has this name, or is inside it.
    pub fn has(&self, name: &str) -> bool {
        let inside = format!("{name}[");
        self.values.keys().any(|key| key == name || key.starts_with(&inside))
    }

    /// Reads a text; empty if the caller unsets it.
    pub fn text(&self, name: &str) -> Option<String> {
        self.read.borrow_mut().insert(name.to_owned());
        self.values.get(name).cloned()
    }

    /// Reads a text that is not empty.
    pub fn optional(&self, name: &str) -> Option<String> {
        self.text(name).filter(|text| !text.is_empty())
    }

    /// Reads a text that must be there.
    ///
    /// # Errors
    /// When it is not.
    pub fn require(&self, name: &str) -> Result<String, StripeError> {
        self.optional(name).ok_or_else(|| StripeError::missing(name))
    }

    /// Reads one of a few words.
    ///
    /// # Errors
    /// When it is another.
    pub fn one_of(&self, name: &str, words: &[&str]) -> Result<Option<String>, StripeError> {
        let Some(text) = self.optional(name) else { return Ok(None) };
        if words.contains(&text.as_str()) {
            return Ok(Some(text));
        }
        let words = words.join(", ");
        Err(StripeError::unusable(name, format!("Invalid {name}: must be one of {words}")))
    }

    /// Reads an integer, if the parameter was given.
    ///
    /// # Errors
    /// When it is none.
    pub fn int(&self, name: &str) -> Result<Option<i64>, StripeError> {
        let Some(text) = self.optional(name) else { return Ok(None) };
        let number = text.parse().map_err(|_| {
            StripeError::unusable(name, format!("Invalid integer: {text}")).code("parameter_invalid_integer")
        })?;
        Ok(Some(number))
    }

    /// Reads `true` or `false`, if the parameter was given.
    ///
    /// # Errors
    /// When it is neither.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, StripeError> {
        match self.optional(name).as_deref() {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(text) => Err(StripeError::unusable(name, format!("Invalid boolean: {text}"))),
        }
    }

    /// Returns the full names of a list's members, in their order: `items[0]`, `items[1]`.
    pub fn members(&self, name: &str) -> Vec<String> {
        let inside = format!("{name}[");
        let mut places: Vec<usize> =
            self.values.keys().filter_map(|key| key.strip_prefix(&inside)?.split(']').next()?.parse().ok()).collect();
        places.sort_unstable();
        places.dedup();
        if self.values.get(name).is_some_and(String::is_empty) {
            self.read.borrow_mut().insert(name.to_owned());
        }
        places.into_iter().map(|place| format!("{name}[{place}]")).collect()
    }

    /// Reads a list of texts; nothing if the name was not given at all.
    pub fn texts(&self, name: &str) -> Option<Vec<String>> {
        let given = self.has(name);
        let members = self.members(name);
        given.then(|| members.iter().filter_map(|member| self.text(member)).collect())
    }

    /// Reads a map of texts such as metadata, in which an empty text means to take a key away. Nothing if it was not
    /// given.
    pub fn map(&self, name: &str) -> Option<Map<String, Value>> {
        let inside = format!("{name}[");
        let cleared = self.text(name).is_some();
        let keys: Vec<String> = self.values.keys().filter(|key| key.starts_with(&inside)).cloned().collect();
        let given = keys.into_iter().filter_map(|key| {
            let inner = key.strip_prefix(&inside)?.strip_suffix(']')?.to_owned();
            Some((inner, Value::from(self.text(&key)?)))
        });
        let map: Map<String, Value> = given.collect();
        (cleared || !map.is_empty()).then_some(map)
    }

    /// Reads the metadata of a new object.
    pub fn metadata(&self, name: &str) -> Value {
        let mut map = self.map(name).unwrap_or_default();
        map.retain(|_, value| value.as_str().is_some_and(|text| !text.is_empty()));
        Value::Object(map)
    }

    /// Returns the metadata of an object after the changes that the caller asked for.
    pub fn changed_metadata(&self, name: &str, before: &Value) -> Value {
        let Some(changes) = self.map(name) else { return before.clone() };
        // The name alone, with an empty value, removes every member.
        let mut map = if changes.is_empty() { Map::new() } else { before.as_object().cloned().unwrap_or_default() };
        map.extend(changes);
        map.retain(|_, value| value.as_str().is_some_and(|text| !text.is_empty()));
        Value::Object(map)
    }

    /// Marks parameters as known that have no effect here.
    pub fn accept(&self, names: &[&str]) {
        for name in names {
            let inside = format!("{name}[");
            let known = self.values.keys().filter(|key| *key == name || key.starts_with(&inside)).cloned();
            self.read.borrow_mut().extend(known);
        }
    }

    /// Refuses the request if a parameter was given that the route did not read.
    ///
    /// # Errors
    /// When there is one.
    pub fn finish(&self) -> Result<(), StripeError> {
        let read = self.read.borrow();
        match self.values.keys().find(|key| !read.contains(*key)) {
            Some(key) => Err(StripeError::unknown(key)),
            None => Ok(()),
        }
    }
}

/// Decodes a form's name or value.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut place = 0;
    while let Some(byte) = bytes.get(place) {
        let digits = text.get(place + 1..place + 3).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (byte, digits) {
            (b'+', _) => decoded.push(b' '),
            (b'%', Some(value)) => {
                decoded.push(value);
                place += 2;
            }
            (byte, _) => decoded.push(*byte),
        }
        place += 1;
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_nested_and_lists_are_counted() {
        let params = Params::parse("items[0][price]=p&items[0][quantity]=2&expand[]=a&expand%5B%5D=b+c&x=%E2%82%AC");
        assert_eq!(params.members("items"), ["items[0]"]);
        assert_eq!(params.text("items[0][price]").as_deref(), Some("p"));
        assert_eq!(params.int("items[0][quantity]"), Ok(Some(2)));
        assert_eq!(params.texts("expand"), Some(vec!["a".to_owned(), "b c".to_owned()]));
        assert_eq!(params.finish(), Err(StripeError::unknown("x")));
        assert_eq!(params.text("x").as_deref(), Some("€"));
        assert_eq!(params.finish(), Ok(()));
    }

    #[test]
    fn metadata_is_merged_and_an_empty_value_takes_a_key_away() {
        let before = serde_json::json!({"a": "1", "b": "2"});
        let change = |form: &str| Params::parse(form).changed_metadata("metadata", &before);
        assert_eq!(change("metadata[b]=&metadata[c]=3"), serde_json::json!({"a": "1", "c": "3"}));
        assert_eq!(change("metadata="), serde_json::json!({}));
        assert_eq!(change("other=1"), before);
    }

    #[test]
    fn what_is_no_number_is_refused_with_its_name() {
        let error = Params::parse("amount=ten").int("amount").unwrap_err();
        assert_eq!((error.status(), error.field("param")), (400, Some("amount")));
        assert!(Params::parse("active=yes").flag("active").is_err());
    }
}
