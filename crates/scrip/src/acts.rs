//! What operators did that is about no one workspace: catalogs, links that let somebody in, switches.
//!
//! Invariant: an act is written down before it is done, and what is written stays; so there is no act without its line.

use crate::store::{Store, Unavailable, Value, queries};
use scrip_engine::Timestamp;

/// An act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// Its number, from 1.
    pub n: i64,
    /// The act: `publish_catalog`, `migrate_catalog`, `portal_link`, `link_customer`, `make_operator_key`,
    /// `revoke_operator_key`, `block_person`, `unblock_person`, or what was switched:
    /// `model`, `provider`.
    pub kind: String,
    /// To what or whom.
    pub name: String,
    /// What else there is to say; of a switch, why it is off, or nothing when it is on.
    pub detail: String,
    /// Who did it.
    pub actor: String,
    /// The request they did it with.
    pub request: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// Writes down what is about to be done.
///
/// # Errors
/// When the store cannot write; then it must not be done.
pub async fn note(
    store: &Store,
    (kind, name, detail): (&str, &str, &str),
    (actor, request): (&str, Option<String>),
    at: Timestamp,
) -> Result<(), Unavailable> {
    let mut values: Vec<Value> =
        [kind, name, detail, actor].iter().map(|text| Value::Text((*text).to_owned())).collect();
    values.push(Value::Text(request.unwrap_or_default()));
    values.push(Value::Integer(at.micros()));
    store.append_act(values).await
}

/// Acts before one, newest first.
///
/// # Errors
/// When the store cannot answer.
pub async fn list(store: &Store, before: i64, limit: i64) -> Result<Vec<Act>, Unavailable> {
    let rows = store.query(queries::ACTS, vec![before.into(), limit.into()]).await?;
    let act = |row: &crate::store::Row| Act {
        n: row.integer(0),
        kind: row.text(1).to_owned(),
        name: row.text(2).to_owned(),
        detail: row.text(3).to_owned(),
        actor: row.text(4).to_owned(),
        request: Some(row.text(5).to_owned()).filter(|request| !request.is_empty()),
        at: Timestamp::from_micros(row.integer(6)),
    };
    Ok(rows.iter().map(act).collect())
}
