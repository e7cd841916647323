//! Entries of the journal, their explanations, and use by day and model.

use serde::{Deserialize, Serialize};

/// An amount that moved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Posting {
    /// What is counted.
    pub unit: String,
    /// From where.
    pub from: String,
    /// To where.
    pub to: String,
    /// How much.
    pub amount: i64,
}

/// A journal entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Entry {
    /// `en_…`
    pub id: String,
    /// Its place in the workspace, from 1.
    pub seq: u64,
    /// When it was decided.
    pub at: String,
    /// Who asked.
    pub actor: String,
    /// The command.
    pub command: String,
    /// What moved.
    pub postings: Vec<Posting>,
    /// The events, as the journal has them.
    pub events: serde_json::Value,
    /// Its hash.
    pub hash: String,
    /// The hash of the entry before.
    pub previous_hash: String,
}

/// An entry in words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Explanation {
    /// The entry.
    pub entry: String,
    /// When it was decided.
    pub at: String,
    /// In one sentence.
    pub summary: String,
    /// Event by event.
    pub lines: Vec<ExplanationLine>,
    /// What changed, grant by grant.
    pub balances: Vec<BalanceChange>,
}

/// An event in words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ExplanationLine {
    /// When it took effect.
    pub at: String,
    /// In words.
    pub text: String,
    /// What moved.
    pub postings: Vec<Posting>,
}

/// What an entry changed in a grant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct BalanceChange {
    /// `gr_…`
    pub grant: String,
    /// What is counted.
    pub unit: String,
    /// Available before.
    pub available_before: i64,
    /// Available after.
    pub available_after: i64,
    /// Held before.
    pub held_before: i64,
    /// Held after.
    pub held_after: i64,
}

/// Use of one model in one unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct UsageRow {
    /// The day, in UTC; absent when summed over days.
    pub day: Option<String>,
    /// The model; empty for holds of a plain amount; absent when summed over models.
    pub model: Option<String>,
    /// What is counted.
    pub unit: String,
    /// Runs and holds that ended.
    pub runs: i64,
    /// How many of them delivered nothing.
    pub failed: i64,
    /// What was spent.
    pub captured: i64,
}

/// Use between two days.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Usage {
    /// The first day.
    pub from: String,
    /// The last day.
    pub to: String,
    /// `day`, `model` or both.
    pub rows: Vec<UsageRow>,
}
