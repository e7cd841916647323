//! Types of the API's requests and answers. The server answers with these very types, so that the two cannot drift
//! apart.
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
mod tasks;
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
pub use tasks::*;
pub use test_clocks::*;
pub use workspaces::*;

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Page<T> {
    /// Items of this page.
    pub data: Vec<T>,
    /// Cursor of the next page; absent on the last page.
    pub next_cursor: Option<String>,
    /// `true` if there is a next page.
    pub has_more: bool,
}

/// A refusal or an error, as RFC 9457 has it. Codes have members of their own beside these.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Problem {
    /// Type of the problem: `urn:scrip:problem:` and the code in lower case.
    #[serde(rename = "type")]
    pub kind: String,
    /// Title of the problem: its code in words.
    pub title: String,
    /// HTTP status of the answer.
    pub status: u16,
    /// Stable code of the problem.
    pub code: String,
    /// Remedy in words, for the person who must act.
    pub detail: String,
    /// Id of the request, for asking about it.
    pub request_id: String,
}
