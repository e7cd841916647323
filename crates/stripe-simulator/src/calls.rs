//! What was asked of the API, what is remembered under idempotency keys, and which call is to fail.
//!
//! Invariant: every request to the API is written down before anything else happens to it, also when it is cut off.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

/// A request that came.
#[derive(Clone, Debug, Serialize)]
pub struct Call {
    /// Its identifier, which the answer's `Request-Id` has.
    pub id: String,
    /// The method.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// Its idempotency key.
    pub idempotency_key: Option<String>,
    /// The version it asked for.
    pub stripe_version: Option<String>,
    /// Its parameters by full name.
    pub form: BTreeMap<String, String>,
    /// The status of the answer; nothing if the connection was cut before there was one.
    pub status: Option<u16>,
    /// Whether the answer came from an idempotency key.
    pub replayed: bool,
}

/// When a connection is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cut {
    /// Before the request is executed: it has no effect.
    Before,
    /// After it was executed: it has its effect, and the caller does not learn of it.
    After,
}

/// How calls are to fail.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The method; any if it is left out.
    pub method: Option<String>,
    /// The path; a `*` at its end stands for anything.
    pub path: String,
    /// How many calls fail.
    #[serde(default = "once")]
    pub times: u32,
    /// The status that is answered.
    pub status: Option<u16>,
    /// The code of the error.
    pub code: Option<String>,
    /// Whether the request is executed nonetheless.
    #[serde(default)]
    pub execute: bool,
    /// When the connection is cut, instead of an answer.
    pub cut: Option<Cut>,
}

fn once() -> u32 {
    1
}

impl Fault {
    fn meets(&self, method: &str, path: &str) -> bool {
        let fits = match self.path.strip_suffix('*') {
            Some(start) => path.starts_with(start),
            None => path == self.path,
        };
        fits && self.method.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
    }
}

/// An answer that is given again for the same key.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The method, path and parameters it was the answer to.
    pub request: (String, String, BTreeMap<String, String>),
    /// Its status.
    pub status: u16,
    /// Its body.
    pub body: Value,
    /// The identifier of the first request.
    pub request_id: String,
    /// When it was stored.
    pub at: i64,
}

/// All of it.
#[derive(Clone, Debug, Default)]
pub struct Calls {
    /// The calls in the order they came.
    pub list: Vec<Call>,
    /// The calls that are to fail.
    pub faults: Vec<Fault>,
    /// Answers by idempotency key.
    pub stored: HashMap<String, Stored>,
}

impl Calls {
    /// The fault that meets a call, which is used up by it.
    pub fn take_fault(&mut self, method: &str, path: &str) -> Option<Fault> {
        let place = self.faults.iter().position(|fault| fault.meets(method, path))?;
        let fault = self.faults[place].clone();
        self.faults[place].times = fault.times.saturating_sub(1);
        if self.faults[place].times == 0 {
            self.faults.remove(place);
        }
        Some(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_meets_its_path_as_often_as_it_says() {
        let fault = serde_json::from_str::<Fault>(r#"{"method": "POST", "path": "/v1/refunds*", "times": 2}"#).unwrap();
        let mut calls = Calls { faults: vec![fault], ..Calls::default() };
        assert!(calls.take_fault("GET", "/v1/refunds").is_none());
        assert!(calls.take_fault("POST", "/v1/charges").is_none());
        assert!(calls.take_fault("POST", "/v1/refunds").is_some());
        assert!(calls.take_fault("POST", "/v1/refunds/re_1").is_some());
        assert!(calls.take_fault("POST", "/v1/refunds").is_none());
    }
}
