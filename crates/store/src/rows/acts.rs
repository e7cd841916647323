//! Acts of operators that are about no one workspace: only ever added to, each sealed together with the one before it.
//!
//! Invariant: of a switch the newest act of its name is how it stands.

use super::{settings, text};
use crate::integrity::{LAST_ACT, last_act};
use crate::{Handle, Row, Unavailable};
use scrip_engine::Timestamp;

statements! {
    /// Acts before one, newest first.
    BEFORE = "SELECT n, kind, name, reason, actor, request, at FROM acts WHERE n < $1 ORDER BY n DESC LIMIT $2";
    /// Acts that changed a switch.
    SWITCHES = "SELECT n, kind, name, reason, actor, request, at, seal,
    (SELECT before.seal FROM acts AS before WHERE before.n < acts.n ORDER BY before.n DESC LIMIT 1)
    FROM acts WHERE kind IN ('model', 'provider') AND n < $1 ORDER BY n DESC LIMIT $2";
    /// Acts that blocked people and ended blocks, oldest first.
    BLOCKS = "SELECT kind, name, reason FROM acts WHERE kind IN ('block_person', 'unblock_person') ORDER BY n";
    /// The last act.
    LAST = "SELECT n, seal FROM acts ORDER BY n DESC LIMIT 1";
}

/// An act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// Its number, from 1.
    pub n: i64,
    /// The act: `publish_catalog`, `migrate_catalog`, `portal_link`, `link_customer`, `make_operator_key`,
    /// `revoke_operator_key`, `block_person`, `unblock_person`, or what was switched:
    /// `model`, `provider`.
    pub kind: String,
    /// The object or person it was done to.
    pub name: String,
    /// Anything else to be said of it; of a switch, why it is off, or nothing when it is on.
    pub detail: String,
    /// The operator, as the journal names them.
    pub actor: String,
    /// The id of the request.
    pub request: Option<String>,
    /// The instant of the act.
    pub at: Timestamp,
}

impl Act {
    fn read(row: &Row) -> Act {
        Act {
            n: row.integer(0),
            kind: row.owned(1),
            name: row.owned(2),
            detail: row.owned(3),
            actor: row.owned(4),
            request: Some(row.owned(5)).filter(|request| !request.is_empty()),
            at: row.instant(6),
        }
    }
}

/// Adds an act after the one before it.
///
/// # Errors
/// When the store cannot write, or what came last is not what its seal says.
pub async fn add(
    on: Handle<'_>,
    (kind, name, detail): (&str, &str, &str),
    (actor, request): (&str, Option<&str>),
    at: Timestamp,
) -> Result<(), Unavailable> {
    let texts = [kind, name, detail, actor, request.unwrap_or_default()].map(text);
    on.store().append_act(texts.into_iter().chain([at.micros().into()]).collect()).await
}

/// Returns acts before one, newest first, at most so many.
///
/// # Errors
/// When the store cannot answer.
pub async fn before(on: Handle<'_>, n: i64, most: i64) -> Result<Vec<Act>, Unavailable> {
    Ok(on.read(BEFORE, vec![n.into(), most.into()]).await?.iter().map(Act::read).collect())
}

/// Returns acts before one that changed a switch, newest first, of at most so many. One that does not carry its seal
/// can only switch something off: that is the safe side.
///
/// # Errors
/// When the store cannot answer.
pub async fn switches(on: Handle<'_>, n: i64, most: i64) -> Result<Vec<Act>, Unavailable> {
    let rows = on.read(SWITCHES, vec![n.into(), most.into()]).await?;
    let seals = on.store().seals();
    let is_believed = |row: &&Row| !row.text(3).is_empty() || seals.is_act(&row.0[..7], row.bytes(8), row.bytes(7));
    Ok(rows.iter().filter(is_believed).map(Act::read).collect())
}

/// An act that blocked a person, or ended a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockAct {
    /// The act's kind.
    pub kind: String,
    /// The person's id, as it is shown.
    pub name: String,
    /// The operator's reason.
    pub reason: String,
}

/// Returns the acts that blocked people and ended blocks, oldest first.
///
/// # Errors
/// When the store cannot answer.
pub async fn blocks(on: Handle<'_>) -> Result<Vec<BlockAct>, Unavailable> {
    let rows = on.read(BLOCKS, Vec::new()).await?;
    Ok(rows.iter().map(|row| BlockAct { kind: row.owned(0), name: row.owned(1), reason: row.owned(2) }).collect())
}

/// Returns whether the last act is the one that was noted as the last.
///
/// # Errors
/// When the store cannot answer.
pub async fn is_last_noted(on: Handle<'_>) -> Result<bool, Unavailable> {
    let rows = on.read(LAST, Vec::new()).await?;
    Ok(settings::value(on, LAST_ACT).await?.is_some_and(|noted| noted == last_act(rows.first())))
}
