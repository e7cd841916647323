//! Parameters of a run on the command line.

use serde_json::{Map, Value};

/// Parameters that a run of a model is asked with.
#[derive(clap::Args, Clone, Debug)]
pub struct Params {
    /// Parameter: `images=4`, `audio=true`, `prompt=a kite`; `name:=JSON` is exact; a repeated name makes a list
    #[arg(short = 'p', long = "param", value_name = "NAME=VALUE", value_parser = one)]
    given: Vec<(String, Value)>,
}

impl Params {
    /// Returns the parameters as the API takes them.
    pub fn map(&self) -> Map<String, Value> {
        let mut map = Map::new();
        for (name, value) in &self.given {
            let value = match (map.remove(name), value.clone()) {
                (None, value) => value,
                (Some(Value::Array(mut before)), Value::Array(more)) => {
                    before.extend(more);
                    Value::Array(before)
                }
                (Some(Value::Array(mut before)), value) => {
                    before.push(text(value));
                    Value::Array(before)
                }
                (Some(before), value) => Value::Array(vec![text(before), text(value)]),
            };
            map.insert(name.clone(), value);
        }
        map
    }
}

/// Converts an element of a run's parameter that is a list to text, since such lists have texts alone.
fn text(value: Value) -> Value {
    match value {
        Value::String(_) => value,
        other => Value::String(other.to_string()),
    }
}

fn one(given: &str) -> Result<(String, Value), String> {
    let wrong = || format!("`{given}` is not NAME=VALUE");
    let (name, value) = given.split_once('=').ok_or_else(wrong)?;
    let (name, value) = match name.strip_suffix(':') {
        Some(name) => (name, serde_json::from_str(value).map_err(|error| format!("`{value}` is not JSON: {error}"))?),
        None => (name, guess(value)),
    };
    if name.is_empty() { Err(wrong()) } else { Ok((name.to_owned(), value)) }
}

fn guess(value: &str) -> Value {
    match value {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => value.parse::<i64>().map_or_else(|_| Value::from(value), Value::from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_what_they_look_like_unless_json_says_otherwise() {
        let given = [
            "images=4",
            "audio=true",
            "prompt=a=b",
            "title:=\"7\"",
            "references=x",
            "references=2",
            "tags:=[\"one\"]",
            "tags=two",
        ];
        let given = given.iter().map(|text| one(text).expect("it is a parameter")).collect();
        let expected = json!({
            "images": 4, "audio": true, "prompt": "a=b", "title": "7", "references": ["x", "2"], "tags": ["one", "two"],
        });
        assert_eq!(Value::Object(Params { given }.map()), expected);
    }

    #[test]
    fn what_is_no_parameter_is_refused() {
        for wrong in ["images", "=4", ":=4", "a:={"] {
            assert!(one(wrong).is_err(), "{wrong}");
        }
    }
}
