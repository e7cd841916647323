//! The edge of the service: callers, the form of requests and answers, refusals, and limits.

pub mod address;
pub mod app;
pub mod caller;
pub mod client;
pub mod connection;
pub mod followed_runs;
pub mod health;
pub mod key_directory;
pub mod middleware;
pub mod object;
pub mod page;
pub mod person;
pub mod problem;
pub mod rates;
pub mod refusal;
pub mod reply;
pub mod request;
pub mod rights;
pub mod scopes;
pub mod serve;
pub mod stop;
pub mod streams;
pub mod throttle;
pub mod values;
