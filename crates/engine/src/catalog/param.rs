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
        /// The parameter level it needs.
        #[serde(default)]
        level: Option<Name>,
    },
    /// One of a few words.
    Choice {
        /// The words.
        choices: Vec<Name>,
        /// Used when it is not given; absent means it must be given.
        #[serde(default)]
        default: Option<Name>,
        /// The parameter level it needs.
        #[serde(default)]
        level: Option<Name>,
    },
    /// Yes or no.
    Boolean {
        /// Used when it is not given.
        #[serde(default)]
        default: bool,
        /// The parameter level it needs.
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
        /// The parameter level it needs.
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
        /// The parameter level it needs.
        #[serde(default)]
        level: Option<Name>,
    },
}

impl Param {
    /// The parameter level it needs.
    pub fn level(&self) -> Option<&Name> {
        match self {
            Param::Integer { level, .. }
            | Param::Choice { level, .. }
            | Param::Boolean { level, .. }
            | Param::Text { level, .. }
            | Param::List { level, .. } => level.as_ref(),
        }
    }
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
