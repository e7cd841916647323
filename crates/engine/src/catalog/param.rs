//! Parameters of a model and their values.

use super::Name;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A parameter of a model, by its type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Param {
    /// A whole number between two bounds.
    Integer {
        /// Smallest value that is allowed.
        min: i64,
        /// Largest value that is allowed.
        max: i64,
        /// Value of a run that gives none; absent means that a run must give one.
        #[serde(default)]
        default: Option<i64>,
        /// Level that any value but the default needs.
        #[serde(default)]
        level: Option<Name>,
        /// Levels that larger values need.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        levels: Vec<Above>,
    },
    /// One of a few words.
    Choice {
        /// Words that can be chosen.
        choices: Vec<Name>,
        /// Value of a run that gives none; absent means that a run must give one.
        #[serde(default)]
        default: Option<Name>,
        /// Level that any value but the default needs.
        #[serde(default)]
        level: Option<Name>,
        /// Levels that single words need.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        levels: BTreeMap<Name, Name>,
    },
    /// Yes or no, written `true` or `false`.
    Boolean {
        /// Value of a run that gives none; `false` unless it is written.
        #[serde(default)]
        default: bool,
        /// Level that any value but the default needs.
        #[serde(default)]
        level: Option<Name>,
    },
    /// Free text, such as a prompt.
    Text {
        /// Maximum length of the text, in bytes of UTF-8.
        max_bytes: u32,
        /// `true` when a run must give the text; otherwise it may be empty.
        #[serde(default)]
        required: bool,
        /// Level that any value but the default needs.
        #[serde(default)]
        level: Option<Name>,
    },
    /// Texts, for instance addresses of reference pictures; a rate counts their number.
    List {
        /// Maximum number of entries.
        max: u32,
        /// Minimum number of entries; 0 unless it is written.
        #[serde(default)]
        min: u32,
        /// Level that any value but the default needs.
        #[serde(default)]
        level: Option<Name>,
        /// Levels that more entries need.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        levels: Vec<Above>,
    },
}

/// A level that numbers above a bound need.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Above {
    /// Largest number that does not need the level.
    pub above: i64,
    /// Level that larger numbers need.
    pub level: Name,
}

impl Param {
    /// Returns the level that any value but the default needs.
    pub fn level(&self) -> Option<&Name> {
        match self {
            Param::Integer { level, .. }
            | Param::Choice { level, .. }
            | Param::Boolean { level, .. }
            | Param::Text { level, .. }
            | Param::List { level, .. } => level.as_ref(),
        }
    }

    /// Returns the value of a run that gives none; `None` where a run must give one.
    pub fn default_value(&self) -> Option<Value> {
        match self {
            Param::Integer { default, .. } => default.map(Value::Integer),
            Param::Choice { default, .. } => default.as_ref().map(|word| Value::Text(word.to_string())),
            Param::Boolean { default, .. } => Some(Value::Boolean(*default)),
            Param::Text { required, .. } => (!required).then(|| Value::Text(String::new())),
            Param::List { min, .. } => (*min == 0).then(|| Value::List(Vec::new())),
        }
    }

    /// Returns all levels that a value needs; the default needs none.
    pub fn levels_of(&self, value: &Value) -> Vec<&Name> {
        let of_any = self.level().filter(|_| self.default_value().as_ref() != Some(value));
        let of_value = match (self, value) {
            (Param::Choice { levels, .. }, Value::Text(word)) => levels.get(word.as_str()).into_iter().collect(),
            (Param::Integer { levels, .. }, Value::Integer(number)) => above(levels, *number),
            (Param::List { levels, .. }, Value::List(entries)) => above(levels, entries.len() as i64),
            _ => Vec::new(),
        };
        of_any.into_iter().chain(of_value).collect()
    }
}

/// Returns the levels that a number needs.
fn above(levels: &[Above], number: i64) -> Vec<&Name> {
    levels.iter().filter(|level| number > level.above).map(|level| &level.level).collect()
}

/// Value of a parameter, as a run or a catalog gives it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Value {
    /// Yes or no, as JSON `true` or `false`.
    Boolean(bool),
    /// A whole number of 64 bits.
    Integer(i64),
    /// Text, or one word of a choice.
    Text(String),
    /// Texts of a list parameter.
    List(Vec<String>),
}

/// Values of parameters, by the parameter's name.
pub type Params = BTreeMap<Name, Value>;
