//! Objects of the API: JSON with every field that Stripe's types require, read and written by path.
//!
//! The state keeps objects in the form in which they are answered, so that answers, events and behaviour cannot differ.
//!
//! Invariant: reading a path that does not exist gives the empty value of its type, and never fails.

use serde::Serialize;
use serde_json::{Map, Value};

static NULL: Value = Value::Null;

/// An object, or a part of one.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Object(Value);

impl From<Value> for Object {
    fn from(value: Value) -> Object {
        Object(value)
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Value {
        object.0
    }
}

impl Object {
    /// Returns the value at a path of names and places, parted by dots: `items.data.0.price.id`.
    pub fn at(&self, path: &str) -> &Value {
        let mut value = &self.0;
        for name in path.split('.') {
            let inner = match value {
                Value::Array(list) => name.parse::<usize>().ok().and_then(|place| list.get(place)),
                value => value.get(name),
            };
            match inner {
                Some(inner) => value = inner,
                None => return &NULL,
            }
        }
        value
    }

    /// Returns the object's own identifier.
    pub fn id(&self) -> &str {
        self.text("id")
    }

    /// Returns the text at a path, empty if there is none.
    pub fn text(&self, path: &str) -> &str {
        self.at(path).as_str().unwrap_or_default()
    }

    /// Returns the text at a path, if there is one.
    pub fn maybe(&self, path: &str) -> Option<&str> {
        self.at(path).as_str()
    }

    /// Returns the integer at a path, zero if there is none.
    pub fn int(&self, path: &str) -> i64 {
        self.at(path).as_i64().unwrap_or_default()
    }

    /// Returns `true` if the value at a path is true.
    pub fn flag(&self, path: &str) -> bool {
        self.at(path).as_bool().unwrap_or_default()
    }

    /// Returns `true` if the value at a path is null or missing.
    pub fn is_null(&self, path: &str) -> bool {
        self.at(path).is_null()
    }

    /// Returns the members of a list, which may be one of Stripe's own with a `data` field.
    pub fn each(&self, path: &str) -> Vec<Object> {
        let value = self.at(path);
        let list = value.get("data").unwrap_or(value).as_array();
        list.map(|list| list.iter().cloned().map(Object).collect()).unwrap_or_default()
    }

    /// Writes a value; missing objects on the way are created, missing members of a list are not.
    pub fn set(&mut self, path: &str, value: impl Into<Value>) {
        let mut place = &mut self.0;
        for name in path.split('.') {
            place = if place.is_array() {
                let list = place.as_array_mut().expect("it was just looked at");
                match name.parse::<usize>().ok().filter(|index| *index < list.len()) {
                    Some(index) => &mut list[index],
                    None => return,
                }
            } else {
                if !place.is_object() {
                    *place = Value::Object(Map::new());
                }
                place.as_object_mut().expect("it was just made an object").entry(name).or_insert(Value::Null)
            };
        }
        *place = value.into();
    }

    /// Removes a field of the object.
    pub fn remove(&mut self, name: &str) {
        if let Some(fields) = self.0.as_object_mut() {
            fields.remove(name);
        }
    }

    /// Returns the JSON value itself.
    pub fn value(&self) -> &Value {
        &self.0
    }
}

/// Returns a list as Stripe answers it.
pub fn list(data: Vec<Value>, has_more: bool, url: &str) -> Value {
    serde_json::json!({"object": "list", "data": data, "has_more": has_more, "url": url})
}

/// Returns the fields that an update changed, with their values before it: the field `previous_attributes` of an event.
/// Objects are compared field by field, lists as a whole.
pub fn previous_attributes(before: &Value, after: &Value) -> Option<Value> {
    let (Value::Object(old), Value::Object(new)) = (before, after) else {
        return (before != after).then(|| before.clone());
    };
    let mut changed = Map::new();
    for (name, was) in old {
        match new.get(name) {
            Some(is) => changed.extend(previous_attributes(was, is).map(|was| (name.clone(), was))),
            None => changed.extend([(name.clone(), was.clone())]),
        }
    }
    changed.extend(new.keys().filter(|name| !old.contains_key(*name)).map(|name| (name.clone(), Value::Null)));
    (!changed.is_empty()).then_some(Value::Object(changed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paths_lead_through_objects_and_lists() {
        let mut object = Object(json!({"items": {"data": [{"price": {"id": "price_1"}}]}, "n": 3}));
        assert_eq!(object.text("items.data.0.price.id"), "price_1");
        assert_eq!((object.text("items.data.1.price.id"), object.int("n"), object.int("m")), ("", 3, 0));
        object.set("items.data.0.price.id", "price_2");
        object.set("cancellation_details.reason", "payment_failed");
        assert_eq!(object.text("items.data.0.price.id"), "price_2");
        assert_eq!(object.text("cancellation_details.reason"), "payment_failed");
    }

    #[test]
    fn an_update_tells_only_what_it_changed() {
        let before = json!({"a": 1, "b": {"c": 1, "d": 2}, "list": [1, 2], "same": null});
        let after = json!({"a": 1, "b": {"c": 3, "d": 2}, "list": [1], "same": null, "new": 5});
        assert_eq!(previous_attributes(&before, &after), Some(json!({"b": {"c": 1}, "list": [1, 2], "new": null})));
        assert_eq!(previous_attributes(&before, &before), None);
    }
}
