//! Parameters of a run: defaults filled in, types and ranges checked, every error with its JSON pointer.

use crate::catalog::{Model, Name, Param, Params, Value, nearest};
use crate::kernel::invalid::Invalid;
use crate::kernel::limits::{PARAMS_MAX, TEXT_MAX};

/// Checks the given parameters against those that the model declares, and fills in the defaults of the others.
///
/// # Errors
/// Every parameter that is unknown, missing, of the wrong type or out of range, as pointers below `/params`.
pub fn resolve(model: &Model, asked: &Params) -> Result<Params, Vec<Invalid>> {
    let mut errors = Vec::new();
    if asked.len() > PARAMS_MAX {
        return Err(vec![Invalid::new("/params", format!("at most {PARAMS_MAX} parameters"))]);
    }
    for name in asked.keys().filter(|name| !model.params.contains_key(*name)) {
        let known: Vec<&str> = model.params.keys().map(|known| &**known).collect();
        let detail = match nearest(name, &known) {
            Some(near) => format!("`{}` has no parameter `{name}`; did you mean `{near}`?", model.id),
            None => format!("`{}` has no parameter `{name}`; it has {}", model.id, known.join(", ")),
        };
        errors.push(invalid(name, detail));
    }
    let mut resolved = Params::new();
    for (name, param) in &model.params {
        match value(param, asked.get(name)) {
            Ok(value) => {
                resolved.insert(name.clone(), value);
            }
            Err(detail) => errors.push(invalid(name, detail)),
        }
    }
    if errors.is_empty() { Ok(resolved) } else { Err(errors) }
}

fn invalid(name: &str, detail: String) -> Invalid {
    let name: String = name.chars().take(100).collect();
    Invalid::new(format!("/params/{}", name.replace('~', "~0").replace('/', "~1")), detail)
}

fn value(param: &Param, asked: Option<&Value>) -> Result<Value, String> {
    match (param, asked) {
        (Param::Integer { default, .. }, None) => {
            default.map(Value::Integer).ok_or_else(|| "must be given: a whole number".to_owned())
        }
        (Param::Integer { min, max, .. }, Some(Value::Integer(value))) => {
            let good = (min..=max).contains(&value);
            if good { Ok(Value::Integer(*value)) } else { Err(format!("must be {min} to {max}, not {value}")) }
        }
        (Param::Integer { min, max, .. }, Some(_)) => Err(format!("must be a whole number from {min} to {max}")),
        (Param::Choice { default, .. }, None) => default
            .as_ref()
            .map(|word| Value::Text(word.to_string()))
            .ok_or_else(|| format!("must be given: {}", words(param))),
        (Param::Choice { choices, .. }, Some(Value::Text(word))) if choices.iter().any(|choice| **choice == **word) => {
            Ok(Value::Text(word.clone()))
        }
        (Param::Choice { .. }, Some(_)) => Err(format!("must be one of {}", words(param))),
        (Param::Boolean { default, .. }, None) => Ok(Value::Boolean(*default)),
        (Param::Boolean { .. }, Some(Value::Boolean(value))) => Ok(Value::Boolean(*value)),
        (Param::Boolean { .. }, Some(_)) => Err("must be true or false".to_owned()),
        (Param::Text { required: true, .. }, None) => Err("must be given: a text".to_owned()),
        (Param::Text { .. }, None) => Ok(Value::Text(String::new())),
        (Param::Text { max_bytes, required, .. }, Some(Value::Text(text))) => {
            let most = (*max_bytes as usize).min(TEXT_MAX);
            if text.len() > most {
                Err(format!("must be at most {most} bytes, not {}", text.len()))
            } else if *required && text.trim().is_empty() {
                Err("must not be empty".to_owned())
            } else {
                Ok(Value::Text(text.clone()))
            }
        }
        (Param::Text { .. }, Some(_)) => Err("must be a text".to_owned()),
        (Param::List { min: 0, .. }, None) => Ok(Value::List(Vec::new())),
        (Param::List { min, max, .. }, asked) => {
            let entries = match asked {
                Some(Value::List(entries)) => entries.as_slice(),
                None => &[],
                Some(_) => return Err("must be a list of texts".to_owned()),
            };
            if entries.len() < *min as usize || entries.len() > *max as usize {
                return Err(format!("must have {min} to {max} entries, not {}", entries.len()));
            }
            match entries.iter().find(|entry| entry.len() > TEXT_MAX) {
                Some(entry) => Err(format!("an entry must be at most {TEXT_MAX} bytes, not {}", entry.len())),
                None => Ok(Value::List(entries.to_vec())),
            }
        }
    }
}

/// Returns `true` if a parameter can have a value.
pub(crate) fn accepts(param: &Param, asked: &Value) -> bool {
    value(param, Some(asked)).is_ok()
}

/// Returns an example value of a parameter: its default, or else the smallest value that it can have.
pub(crate) fn sample(param: &Param) -> Option<Value> {
    default(param).or_else(|| match param {
        Param::Integer { min, .. } => Some(Value::Integer(*min)),
        Param::Choice { choices, .. } => choices.first().map(|choice| Value::Text(choice.to_string())),
        Param::Boolean { default, .. } => Some(Value::Boolean(*default)),
        Param::Text { .. } => Some(Value::Text("x".to_owned())),
        Param::List { min, .. } => Some(Value::List(vec!["x".to_owned(); *min as usize])),
    })
}

/// Returns the value of a parameter that was not given; `None` where it must be given.
pub(crate) fn default(param: &Param) -> Option<Value> {
    value(param, None).ok()
}

fn words(param: &Param) -> String {
    let Param::Choice { choices, .. } = param else { return String::new() };
    choices.iter().map(|choice| &**choice).collect::<Vec<_>>().join(", ")
}

/// Returns the whole number of a resolved parameter, or the number of entries of a list; 1 when the model has no such
/// parameter.
pub(crate) fn count(resolved: &Params, name: &str) -> u64 {
    match resolved.get(name) {
        Some(Value::Integer(value)) => u64::try_from(*value).unwrap_or(0),
        Some(Value::List(entries)) => entries.len() as u64,
        _ => 1,
    }
}

/// Returns a number that tells two sets of parameters apart, by which a quote is checked. It is no secret, and no proof
/// against a forger: the price is computed again from the parameters in any case.
pub fn fingerprint(model: &Name, resolved: &Params) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut eat = |bytes: &[u8]| {
        for byte in bytes.iter().chain(&[0xff]) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    };
    eat(model.as_bytes());
    for (name, value) in resolved {
        eat(name.as_bytes());
        match value {
            Value::Boolean(value) => eat(&[1, u8::from(*value)]),
            Value::Integer(value) => eat(&value.to_le_bytes()),
            Value::Text(text) => eat(text.as_bytes()),
            Value::List(entries) => entries.iter().for_each(|entry| eat(entry.as_bytes())),
        }
    }
    hash
}
