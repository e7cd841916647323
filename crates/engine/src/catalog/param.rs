//! What can be asked of a model: its parameters and their values.

use super::Name;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What can be asked of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Param {
    /// A whole number.
    Integer {
        /// The smallest allowed.
        min: i64,
        /// The largest allowed.
        max: i64,
        /// Used when it is not given; absent means it must be given.
        #[serde(default)]
        default: Option<i64>,
        /// The level that any value but the default needs.
        #[serde(default)]
        level: Option<Name>,
        /// The levels that larger values need.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        levels: Vec<Above>,
    },
    /// One of a few words.
    Choice {
        /// The words.
        choices: Vec<Name>,
        /// Used when it is not given; absent means it must be given.
        #[serde(default)]
        default: Option<Name>,
        /// The level that any value but the default needs.
        #[serde(default)]
        level: Option<Name>,
        /// The levels that single words need.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        levels: BTreeMap<Name, Name>,
    },
    /// Yes or no.
    Boolean {
        /// Used when it is not given.
        #[serde(default)]
        default: bool,
        /// The level that any value but the default needs.
        #[serde(default)]
        level: Option<Name>,
    },
    /// Free text.
    Text {
        /// The most bytes of UTF-8.
        max_bytes: u32,
        /// Whether it must be given; otherwise it is empty.
        #[serde(default)]
        required: bool,
        /// The level that any value but the default needs.
        #[serde(default)]
        level: Option<Name>,
    },
    /// Texts, for instance addresses of reference pictures; what is counted is how many.
    List {
        /// The most entries.
        max: u32,
        /// The fewest entries.
        #[serde(default)]
        min: u32,
        /// The level that any value but the default needs.
        #[serde(default)]
        level: Option<Name>,
        /// The levels that more entries need.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        levels: Vec<Above>,
    },
}

/// A level that numbers above one need.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Above {
    /// The largest number that does not need it.
    pub above: i64,
    /// The level.
    pub level: Name,
}

impl Param {
    /// The level that any value but the default needs.
    pub fn level(&self) -> Option<&Name> {
        match self {
            Param::Integer { level, .. }
            | Param::Choice { level, .. }
            | Param::Boolean { level, .. }
            | Param::Text { level, .. }
            | Param::List { level, .. } => level.as_ref(),
        }
    }

    /// The value that stands for what is not given; `None` where it must be given.
    pub fn default_value(&self) -> Option<Value> {
        match self {
            Param::Integer { default, .. } => default.map(Value::Integer),
            Param::Choice { default, .. } => default.as_ref().map(|word| Value::Text(word.to_string())),
            Param::Boolean { default, .. } => Some(Value::Boolean(*default)),
            Param::Text { required, .. } => (!required).then(|| Value::Text(String::new())),
            Param::List { min, .. } => (*min == 0).then(|| Value::List(Vec::new())),
        }
    }

    /// The levels that a value needs, all of them; the default needs none.
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

/// The levels that a number needs.
fn above(levels: &[Above], number: i64) -> Vec<&Name> {
    levels.iter().filter(|level| number > level.above).map(|level| &level.level).collect()
}

/// A parameter's value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Value {
    /// Yes or no.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// Text, or one of a choice.
    Text(String),
    /// Texts.
    List(Vec<String>),
}

/// Parameters by name.
pub type Params = BTreeMap<Name, Value>;
