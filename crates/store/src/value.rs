//! Values of queries, and rows of their answers.
//!
//! Invariant: only the kinds that every engine has.

use scrip_engine::{UserId, WorkspaceId};

/// A value in a query: the kinds that every engine has.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// A number, an instant in microseconds, or a yes (1) or no (0).
    Integer(i64),
    /// Text.
    Text(String),
    /// Bytes.
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

/// A row of a query's answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Row(pub Vec<Value>);

impl Row {
    /// A column that holds a number.
    pub fn integer(&self, column: usize) -> i64 {
        self.maybe_integer(column).expect("the query selects a number here")
    }

    /// A column that holds a number or nothing.
    pub fn maybe_integer(&self, column: usize) -> Option<i64> {
        match self.0.get(column) {
            Some(Value::Integer(value)) => Some(*value),
            _ => None,
        }
    }

    /// A column that holds text.
    pub fn text(&self, column: usize) -> &str {
        match self.0.get(column) {
            Some(Value::Text(value)) => value,
            other => panic!("the query selects text here, not {other:?}"),
        }
    }

    /// A column that holds bytes.
    pub fn bytes(&self, column: usize) -> &[u8] {
        match self.0.get(column) {
            Some(Value::Bytes(value)) => value,
            _ => &[],
        }
    }
}
