//! The HTTP API. `edge` is what every request passes and every handler takes from; `api` has a file a resource, with
//! its routes, its query types and its views; `hooks` takes what others deliver; `routes` joins them.
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
