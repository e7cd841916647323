//! Errors: the answers of the API to requests that it does not carry out.
//!
//! Invariant: every error has a status, a type and a message; those that a program can tell apart also have a code.

use serde_json::{Map, Value, json};

/// An error of the API.
#[derive(Clone, Debug, PartialEq)]
pub struct StripeError(Box<Details>);

#[derive(Clone, Debug, PartialEq)]
struct Details {
    status: u16,
    kind: &'static str,
    message: String,
    fields: Map<String, Value>,
}

/// Answer of a route: an object, or an error of the API.
pub type Answer = Result<Value, StripeError>;

impl StripeError {
    /// Returns an error of a type, without a code.
    pub fn new(status: u16, kind: &'static str, message: impl Into<String>) -> StripeError {
        StripeError(Box::new(Details { status, kind, message: message.into(), fields: Map::new() }))
    }

    /// Returns the error for a request that makes no sense.
    pub fn invalid(message: impl Into<String>) -> StripeError {
        StripeError::new(400, "invalid_request_error", message)
    }

    /// Returns the error for a required parameter that is missing.
    pub fn missing(param: &str) -> StripeError {
        StripeError::invalid(format!("Missing required param: {param}.")).code("parameter_missing").param(param)
    }

    /// Returns the error for a parameter that the route does not have.
    pub fn unknown(param: &str) -> StripeError {
        StripeError::invalid(format!("Received unknown parameter: {param}")).code("parameter_unknown").param(param)
    }

    /// Returns the error for a parameter whose value cannot be used.
    pub fn unusable(param: &str, message: impl Into<String>) -> StripeError {
        StripeError::invalid(message).param(param)
    }

    /// Returns the error for an object that does not exist: 404 if the path names it, 400 if a parameter does.
    pub fn no_such(kind: &str, id: &str, param: &str) -> StripeError {
        let status = if param == "id" { 404 } else { 400 };
        StripeError::new(status, "invalid_request_error", format!("No such {kind}: '{id}'"))
            .code("resource_missing")
            .param(param)
    }

    /// Returns the error for a card that was declined.
    pub fn card(code: &str, decline_code: Option<&str>, message: impl Into<String>) -> StripeError {
        let error = StripeError::new(402, "card_error", message).code(code);
        match decline_code {
            Some(decline_code) => error.with("decline_code", decline_code),
            None => error,
        }
    }

    /// Returns the same error with a code, and the address that explains it.
    #[must_use]
    pub fn code(self, code: &str) -> StripeError {
        let page = format!("https://stripe.com/docs/error-codes/{}", code.replace('_', "-"));
        self.with("code", code).with("doc_url", page)
    }

    /// Returns the same error, naming a parameter.
    #[must_use]
    pub fn param(self, param: &str) -> StripeError {
        self.with("param", param)
    }

    /// Returns the same error with one more field.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> StripeError {
        self.0.fields.insert(name.to_owned(), value.into());
        self
    }

    /// Returns the HTTP status of the answer.
    pub fn status(&self) -> u16 {
        self.0.status
    }

    /// Returns a field of the error, such as its code.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.0.fields.get(name).and_then(Value::as_str)
    }

    /// Returns the message for people.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Returns the fields alone, as `last_payment_error` has them.
    pub fn details(&self) -> Value {
        let mut error = self.0.fields.clone();
        error.insert("type".to_owned(), self.0.kind.into());
        error.insert("message".to_owned(), self.0.message.clone().into());
        Value::Object(error)
    }

    /// Returns the body of the answer.
    pub fn body(&self, request: &str) -> Value {
        let mut error = self.details();
        let log = format!("https://dashboard.stripe.com/test/workbench/logs?object={request}");
        error["request_log_url"] = log.into();
        json!({ "error": error })
    }
}

/// Returns the error for an act that an object's state does not allow.
pub fn not_now(message: impl Into<String>, code: &str) -> StripeError {
    StripeError::invalid(message).code(code)
}
