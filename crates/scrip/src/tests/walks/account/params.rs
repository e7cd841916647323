//! Parameters of a request, as Stripe takes them: a form with brackets.

use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Reads a form into a tree; every leaf is text, and a list is a map by number.
pub fn parse(form: &str) -> Value {
    let mut tree = Value::Object(Map::new());
    for pair in form.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').expect("a pair has a value");
        let name = name.replace(']', "");
        let mut place = &mut tree;
        for part in name.split('[') {
            if !place.is_object() {
                *place = Value::Object(Map::new());
            }
            place = place.as_object_mut().expect("it is one").entry(decode(part)).or_insert(Value::Null);
        }
        *place = Value::String(decode(value));
    }
    tree
}

fn decode(text: &str) -> String {
    let mut bytes = text.bytes();
    let mut decoded = Vec::new();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let digits = [bytes.next().expect("a digit"), bytes.next().expect("a digit")];
                let digits = std::str::from_utf8(&digits).expect("digits");
                u8::from_str_radix(digits, 16).expect("hexadecimal digits")
            }
            b'+' => b' ',
            other => other,
        });
    }
    String::from_utf8(decoded).expect("text")
}

/// Returns the text at a place.
pub fn text<'v>(params: &'v Value, pointer: &str) -> Option<&'v str> {
    params.pointer(pointer)?.as_str()
}

/// Returns the number at a place.
pub fn number(params: &Value, pointer: &str) -> Option<i64> {
    text(params, pointer)?.parse().ok()
}

/// Returns the metadata at a place.
pub fn metadata(params: &Value, pointer: &str) -> BTreeMap<String, String> {
    let found = params.pointer(pointer).and_then(Value::as_object);
    let pairs = found.into_iter().flatten();
    pairs.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}
