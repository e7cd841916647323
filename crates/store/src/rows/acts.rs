//! Acts of operators that are about no single workspace: only ever added to, each sealed together with the one before
//! it.
//!
//! Invariant: the newest act of a switch's name is the state of the switch.

use super::{settings, text};
use crate::integrity::{LAST_ACT, last_act};
use crate::{Handle, Row, Unavailable};
use scrip_engine::Timestamp;

statements! {
    /// Reads acts before one, newest first.
    BEFORE = "SELECT n, kind, name, reason, actor, request, at FROM acts WHERE n < $1 ORDER BY n DESC LIMIT $2";
    /// Reads acts that changed a switch.
    SWITCHES = "SELECT n, kind, name, reason, actor, request, at, seal,
    (SELECT before.seal FROM acts AS before WHERE before.n < acts.n ORDER BY before.n DESC LIMIT 1)
    FROM acts WHERE kind IN ('model', 'provider') AND n < $1 ORDER BY n DESC LIMIT $2";
    /// Reads acts that blocked people and ended blocks, oldest first.
    BLOCKS = "SELECT kind, name, reason FROM acts WHERE kind IN ('block_person', 'unblock_person') ORDER BY n";
    /// Reads the number and the seal of the last act.
    LAST = "SELECT n, seal FROM acts ORDER BY n DESC LIMIT 1";
}

/// An act of an operator, as its row has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// Number of the act, from 1.
    pub n: i64,
    /// Kind of the act: `publish_catalog`, `migrate_catalog`, `portal_link`, `link_customer`, `make_operator_key`,
    /// `revoke_operator_key`, `block_person`, `unblock_person`, or the kind of a switch: `model`, `provider`.
    pub kind: String,
    /// Name of the object or person that the act was done to.
    pub name: String,
    /// Detail of the act; for a switch, the reason why it is off, empty when it is on.
    pub detail: String,
    /// Name of the operator, as the journal keeps it.
    pub actor: String,
    /// Identifier of the request.
    pub request: Option<String>,
    /// Instant of the act.
    pub at: Timestamp,
}

impl Act {
    fn read(row: &Row) -> Act {
        Act {
            n: row.integer(0),
            kind: row.text_owned(1),
            name: row.text_owned(2),
            detail: row.text_owned(3),
            actor: row.text_owned(4),
            request: Some(row.text_owned(5)).filter(|request| !request.is_empty()),
            at: row.instant(6),
        }
    }
}

/// Appends an act after the one before it.
///
/// # Errors
/// When the store cannot write, or the last act does not carry its seal.
pub async fn add(
    on: Handle<'_>,
    (kind, name, detail): (&str, &str, &str),
    (actor, request): (&str, Option<&str>),
    at: Timestamp,
) -> Result<(), Unavailable> {
    let texts = [kind, name, detail, actor, request.unwrap_or_default()].map(text);
    on.store().append_act(texts.into_iter().chain([at.micros().into()]).collect()).await
}

/// Returns acts before one, newest first, at most `most`.
///
/// # Errors
/// When the store cannot answer.
pub async fn before(on: Handle<'_>, n: i64, most: i64) -> Result<Vec<Act>, Unavailable> {
    Ok(on.read(BEFORE, vec![n.into(), most.into()]).await?.iter().map(Act::read).collect())
}

/// Returns the acts that changed a switch, newest first, among at most `most` acts before one. An act that does not
/// carry its seal can only switch something off: that is the safe side.
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
    /// Kind of the act: `block_person` or `unblock_person`.
    pub kind: String,
    /// Identifier of the person, as the API shows it.
    pub name: String,
    /// Reason that the operator gave.
    pub reason: String,
}

/// Returns the acts that blocked people and ended blocks, oldest first.
///
/// # Errors
/// When the store cannot answer.
pub async fn blocks(on: Handle<'_>) -> Result<Vec<BlockAct>, Unavailable> {
    let rows = on.read(BLOCKS, Vec::new()).await?;
    Ok(rows
        .iter()
        .map(|row| BlockAct { kind: row.text_owned(0), name: row.text_owned(1), reason: row.text_owned(2) })
        .collect())
}

/// Returns whether the last act is the one that the setting `last_act` names.
///
/// # Errors
/// When the store cannot answer.
pub async fn is_last_noted(on: Handle<'_>) -> Result<bool, Unavailable> {
    let rows = on.read(LAST, Vec::new()).await?;
    Ok(settings::value(on, LAST_ACT).await?.is_some_and(|noted| noted == last_act(rows.first())))
}
