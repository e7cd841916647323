//! Values of statements, and rows of their results.
//!
//! Invariant: every kind of value exists on every engine.

use scrip_engine::{UserId, WorkspaceId};

/// Value of a parameter or a column, of a kind that every engine has.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// SQL's null: no value.
    Null,
    /// Number, instant in microseconds, or yes (1) and no (0).
    Integer(i64),
    /// Text in UTF-8, of any length.
    Text(String),
    /// Bytes of any value.
    Bytes(Vec<u8>),
}

impl From<i64> for Value {
    fn from(value: i64) -> Value {
        Value::Integer(value)
    }
}

impl From<WorkspaceId> for Value {
    fn from(value: WorkspaceId) -> Value {
        Value::Integer(value.get())
    }
}

impl From<UserId> for Value {
    fn from(value: UserId) -> Value {
        Value::Integer(value.get())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Value {
        Value::Text(value)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Value {
        value.map_or(Value::Null, Into::into)
    }
}

/// A row of a statement's result.
#[derive(Clone, Debug, PartialEq)]
pub struct Row(pub Vec<Value>);

impl Row {
    /// Returns the number in a column.
    pub fn integer(&self, column: usize) -> i64 {
        self.maybe_integer(column).expect("the query selects a number here")
    }

    /// Returns the number in a column; `None` for null.
    pub fn maybe_integer(&self, column: usize) -> Option<i64> {
        match self.0.get(column) {
            Some(Value::Integer(value)) => Some(*value),
            _ => None,
        }
    }

    /// Returns the text in a column.
    pub fn text(&self, column: usize) -> &str {
        match self.0.get(column) {
            Some(Value::Text(value)) => value,
            other => panic!("the query selects text here, not {other:?}"),
        }
    }

    /// Returns the bytes in a column.
    pub fn bytes(&self, column: usize) -> &[u8] {
        match self.0.get(column) {
            Some(Value::Bytes(value)) => value,
            _ => &[],
        }
    }
}
