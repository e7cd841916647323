//! The HTTP API. `edge` has what every request passes and every handler uses; `api` has one file for each resource,
//! with its routes, query types and views; `hooks` receives deliveries of others; `routes` joins them.
//!
//! Invariant: handlers read a request, ask the ledger or a query, and show the answer; they decide nothing. `edge`
//! knows no resource.

mod api;
pub mod edge;
mod hooks;
mod openapi;
mod routes;

pub use edge::app::{App, Audience};
pub use edge::health::Health;
pub use edge::serve::serve;
pub use edge::stop::Stop;
pub use edge::{address, caller, connection, key_directory, throttle};
pub use routes::{document, echo, service};
