//! What the API takes and gives. The server answers with these very types, so that the two cannot drift apart.
//!
//! Credits are whole numbers, instants RFC 3339 in UTC, durations seconds; answers may grow, unknown input is refused.

mod balances;
mod billing;
mod catalogs;
mod entries;
mod holds;
mod keys;
mod members;
mod operator_keys;
mod people;
mod reviews;
mod runs;
mod sessions;
mod switches;
mod test_clocks;
mod workspaces;

pub use balances::*;
pub use billing::*;
pub use catalogs::*;
pub use entries::*;
pub use holds::*;
pub use keys::*;
pub use members::*;
pub use operator_keys::*;
pub use people::*;
pub use reviews::*;
pub use runs::*;
use serde::{Deserialize, Serialize};
pub use sessions::*;
pub use switches::*;
pub use test_clocks::*;
pub use workspaces::*;

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Page<T> {
    /// What is on it.
    pub data: Vec<T>,
    /// Where the next page starts; absent on the last.
    pub next_cursor: Option<String>,
    /// Whether there is a next page.
    pub has_more: bool,
}

/// A refusal or an error, as RFC 9457 has it. Codes have members of their own beside these.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Problem {
    /// `urn:scrip:problem:` and the code in lower case.
    #[serde(rename = "type")]
    pub kind: String,
    /// The code in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The stable code.
    pub code: String,
    /// What to do, in words.
    pub detail: String,
    /// The request, for asking about it.
    pub request_id: String,
}
