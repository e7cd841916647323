//! Claims of workspaces, beside the entries that make them.
//!
//! Invariant: a claim is written in the transaction of its workspace's entry, after that entry, and nowhere else; so a
//! claim that a reader sees belongs to a workspace that is open.

use super::inserts::Inserts;
use crate::integrity::Seals;
use crate::{Claim, Value};
use scrip_engine::WorkspaceId;
use std::collections::HashSet;
use tokio_postgres::Client;

/// Returns the statement that inserts claims and returns those that their workspace has now. A workspace that has the
/// claim already keeps it. A statement of another process for the same claim is waited for: afterwards one of them has
/// it, or none.
pub(super) fn inserts() -> Inserts {
    Inserts::new(
        "INSERT INTO claims (scope, claim, workspace, seal)",
        &["text", "text", "bigint", "bytea"],
        "ON CONFLICT (scope, claim) DO UPDATE SET workspace = excluded.workspace
         WHERE claims.workspace = excluded.workspace RETURNING scope, claim",
    )
}

/// Makes claims, each of which is given once, and returns those that other workspaces have.
pub(super) async fn make(
    client: &Client,
    inserts: &Inserts,
    mut claims: Vec<(&Claim, WorkspaceId)>,
    seals: &Seals,
) -> Result<HashSet<Claim>, tokio_postgres::Error> {
    if claims.is_empty() {
        return Ok(HashSet::new());
    }
    // Sorted in every process, so that no two wait for each other.
    claims.sort_by_key(|(claim, _)| (&claim.scope, &claim.what));
    let row = |(claim, workspace): &(&Claim, WorkspaceId)| -> Vec<Value> {
        let seal = seals.claim(claim, *workspace);
        vec![claim.scope.to_string().into(), claim.what.clone().into(), (*workspace).into(), seal]
    };
    let rows: Vec<Vec<Value>> = claims.iter().map(row).collect();
    inserts.prepare(client, rows.len()).await?;
    let made = inserts.insert(client, &rows).await?;
    let made: HashSet<(&str, &str)> = made.iter().map(|row| (row.get(0), row.get(1))).collect();
    let taken = claims.into_iter().filter(|(claim, _)| !made.contains(&(&*claim.scope, claim.what.as_str())));
    Ok(taken.map(|(claim, _)| claim.clone()).collect())
}
