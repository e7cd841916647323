//! Calls: the requests to the API, the answers kept under idempotency keys, and the faults that calls are to meet.
//!
//! Invariant: every request to the API is recorded before anything else happens to it, also when it is cut off.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

/// A request that the API received.
#[derive(Clone, Debug, Serialize)]
pub struct Call {
    /// Identifier of the request, which the answer's header `Request-Id` has.
    pub id: String,
    /// HTTP method, such as `POST`.
    pub method: String,
    /// Path of the request, without the query.
    pub path: String,
    /// Idempotency key, if the request has one.
    pub idempotency_key: Option<String>,
    /// API version that the request asked for.
    pub stripe_version: Option<String>,
    /// Parameters of the request, by their full names.
    pub form: BTreeMap<String, String>,
    /// HTTP status of the answer; `None` if the connection was cut before there was one.
    pub status: Option<u16>,
    /// `true` if the answer was stored under the idempotency key and is given again.
    pub replayed: bool,
}

/// Moment at which a connection is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cut {
    /// Before the request is executed: it has no effect.
    Before,
    /// After the request was executed: it has its effect, and the caller does not learn of it.
    After,
    /// Not at all: the request is not executed, and the connection stays open without an answer.
    Never,
}

/// A failure that matching calls meet.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// HTTP method that matches; any if it is left out.
    pub method: Option<String>,
    /// Path that matches; a `*` at its end stands for anything.
    pub path: String,
    /// Parameters that a matching call has, among others.
    #[serde(default)]
    pub params: BTreeMap<String, String>,
    /// Number of calls that fail.
    #[serde(default = "default_times")]
    pub times: u32,
    /// HTTP status that is answered.
    pub status: Option<u16>,
    /// Code of the error.
    pub code: Option<String>,
    /// `true` if the request is executed nonetheless.
    #[serde(default)]
    pub execute: bool,
    /// Moment at which the connection is cut, instead of an answer.
    pub cut: Option<Cut>,
}

fn default_times() -> u32 {
    1
}

impl Fault {
    fn meets(&self, method: &str, path: &str, params: &BTreeMap<String, String>) -> bool {
        let fits = match self.path.strip_suffix('*') {
            Some(start) => path.starts_with(start),
            None => path == self.path,
        };
        let has_params = self.params.iter().all(|(name, value)| params.get(name) == Some(value));
        fits && has_params && self.method.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
    }
}

/// An answer that is given again for the same idempotency key.
#[derive(Clone, Debug)]
pub struct StoredAnswer {
    /// Method, path and parameters of the request that it answered.
    pub request: (String, String, BTreeMap<String, String>),
    /// HTTP status of the answer.
    pub status: u16,
    /// JSON body of the answer.
    pub body: Value,
    /// Identifier of the first request.
    pub request_id: String,
    /// Instant at which the answer was stored, in seconds.
    pub at: i64,
}

/// Calls, faults and stored answers.
#[derive(Clone, Debug, Default)]
pub struct Calls {
    /// Calls in the order in which they came.
    pub list: Vec<Call>,
    /// Faults that the next calls meet.
    pub faults: Vec<Fault>,
    /// Answers by idempotency key.
    pub stored: HashMap<String, StoredAnswer>,
}

impl Calls {
    /// Takes the fault that a call meets, and counts it as used once.
    pub fn take_fault(&mut self, method: &str, path: &str, params: &BTreeMap<String, String>) -> Option<Fault> {
        let place = self.faults.iter().position(|fault| fault.meets(method, path, params))?;
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
        let none = BTreeMap::new();
        assert!(calls.take_fault("GET", "/v1/refunds", &none).is_none());
        assert!(calls.take_fault("POST", "/v1/charges", &none).is_none());
        assert!(calls.take_fault("POST", "/v1/refunds", &none).is_some());
        assert!(calls.take_fault("POST", "/v1/refunds/re_1", &none).is_some());
        assert!(calls.take_fault("POST", "/v1/refunds", &none).is_none());
    }

    #[test]
    fn a_fault_with_parameters_meets_the_calls_that_have_them() {
        let fault = r#"{"path": "/v1/subscriptions", "params": {"customer": "cus_1"}}"#;
        let mut calls = Calls { faults: vec![serde_json::from_str(fault).unwrap()], ..Calls::default() };
        let params = |customer: &str| {
            BTreeMap::from(
                [("customer", customer), ("limit", "1")].map(|(name, value)| (name.to_owned(), value.to_owned())),
            )
        };
        assert!(calls.take_fault("GET", "/v1/subscriptions", &BTreeMap::new()).is_none());
        assert!(calls.take_fault("GET", "/v1/subscriptions", &params("cus_2")).is_none());
        assert!(calls.take_fault("GET", "/v1/subscriptions", &params("cus_1")).is_some());
    }
}
