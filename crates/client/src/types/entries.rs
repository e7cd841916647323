//! Entries of the journal, their explanations, and use by day and model.

use serde::{Deserialize, Serialize};

/// An amount of one unit that an entry moves from one account to another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Posting {
    /// Unit that the amount counts.
    pub unit: String,
    /// Account that the amount leaves.
    pub from: String,
    /// Account that the amount goes to.
    pub to: String,
    /// Number of units moved.
    pub amount: i64,
}

/// One row of the journal: the events of a command in one workspace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Entry {
    /// Id of the entry, `en_…`.
    pub id: String,
    /// Number of the entry in its workspace, starting at 1.
    pub seq: u64,
    /// Instant at which the command was decided.
    pub at: String,
    /// Caller or worker that gave the command.
    pub actor: String,
    /// Name of the command.
    pub command: String,
    /// Amounts that the entry moved.
    pub postings: Vec<Posting>,
    /// Events of the entry, as the journal keeps them.
    pub events: serde_json::Value,
    /// Hash of the entry.
    pub hash: String,
    /// Hash of the entry before it in the workspace.
    pub previous_hash: String,
}

/// An entry in words, with the balances before and after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Explanation {
    /// Id of the entry.
    pub entry: String,
    /// Instant at which the command was decided.
    pub at: String,
    /// The entry in one sentence.
    pub summary: String,
    /// The entry's events in words, in their order.
    pub lines: Vec<ExplanationLine>,
    /// Changes of the balance, grant by grant.
    pub balances: Vec<BalanceChange>,
}

/// One event in words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ExplanationLine {
    /// Instant at which the event took effect.
    pub at: String,
    /// The event in words.
    pub text: String,
    /// Amounts that the event moved.
    pub postings: Vec<Posting>,
}

/// Change of one grant by an entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct BalanceChange {
    /// Id of the grant, `gr_…`.
    pub grant: String,
    /// Unit that the grant counts.
    pub unit: String,
    /// Number of available units before the entry.
    pub available_before: i64,
    /// Number of available units after the entry.
    pub available_after: i64,
    /// Number of held units before the entry.
    pub held_before: i64,
    /// Number of held units after the entry.
    pub held_after: i64,
}

/// Use of one model in one unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct UsageRow {
    /// Day in UTC; absent when summed over days.
    pub day: Option<String>,
    /// Id of the model; empty for holds of a plain amount; absent when summed over models.
    pub model: Option<String>,
    /// Unit that is counted.
    pub unit: String,
    /// Number of runs and holds that ended.
    pub runs: i64,
    /// Number of those that delivered nothing.
    pub failed: i64,
    /// Number of units spent.
    pub captured: i64,
}

/// Use between two days.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Usage {
    /// First day, in UTC.
    pub from: String,
    /// Last day, in UTC.
    pub to: String,
    /// Rows by `day`, by `model` or by both.
    pub rows: Vec<UsageRow>,
}
