//! Differences between two values of a workspace, for readers who want to know what an act changed.
//!
//! Invariant: a value that is the same in both is in neither half.

use scrip_engine::Workspace;
use serde_json::{Map, Value};

/// Counters that every entry moves: they tell nothing about the entry's effect.
const COUNTERS: [&str; 2] = ["seq", "at"];

/// Returns the values of a workspace that an entry removed or changed, and the values in their place.
pub fn difference(before: &Workspace, after: &Workspace) -> (Value, Value) {
    let value = |workspace: &Workspace| {
        let mut value = serde_json::to_value(workspace).expect("a workspace has no maps with other keys than text");
        if let Some(members) = value.as_object_mut() {
            // A workspace that was not open yet had no values.
            if !workspace.is_open() {
                members.clear();
            }
            members.retain(|name, _| !COUNTERS.contains(&name.as_str()));
        }
        without_hashes(&mut value);
        value
    };
    halves(&value(before), &value(after)).unwrap_or((Value::Object(Map::new()), Value::Object(Map::new())))
}

/// Removes the hashes of secrets: a reader needs none of them to know what was done to a key.
fn without_hashes(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.remove("hash");
            members.values_mut().for_each(without_hashes);
        }
        Value::Array(values) => values.iter_mut().for_each(without_hashes),
        _ => {}
    }
}

/// Returns the two halves of a difference; `None` when the values are equal.
fn halves(before: &Value, after: &Value) -> Option<(Value, Value)> {
    match (before, after) {
        (before, after) if before == after => None,
        (Value::Object(before), Value::Object(after)) => {
            let (mut was, mut is) = (Map::new(), Map::new());
            let names = before.keys().chain(after.keys().filter(|name| !before.contains_key(*name)));
            for name in names {
                let (one, other) = (before.get(name).unwrap_or(&Value::Null), after.get(name).unwrap_or(&Value::Null));
                if let Some((one, other)) = halves(one, other) {
                    was.insert(name.clone(), one);
                    is.insert(name.clone(), other);
                }
            }
            Some((Value::Object(was), Value::Object(is)))
        }
        (Value::Array(before), Value::Array(after)) => {
            let only = |these: &[Value], those: &[Value]| -> Value {
                these.iter().filter(|value| !those.contains(value)).cloned().collect()
            };
            Some((only(before, after), only(after, before)))
        }
        _ => Some((before.clone(), after.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_the_same_is_in_neither_half() {
        let before = json!({ "plan": "free", "team": { "members": [{ "user": 1 }, { "user": 2 }], "keyed": 1 } });
        let after = json!({ "plan": "free", "team": { "members": [{ "user": 1 }], "keyed": 2 }, "frozen": "fraud" });
        let (was, is) = halves(&before, &after).expect("they differ");
        assert_eq!(was, json!({ "team": { "members": [{ "user": 2 }], "keyed": 1 }, "frozen": null }));
        assert_eq!(is, json!({ "team": { "members": [], "keyed": 2 }, "frozen": "fraud" }));
        assert_eq!(halves(&before, &before), None);
    }
}
