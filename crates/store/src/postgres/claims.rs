//! Claims of workspaces, beside the entries that make them.
//!
//! Invariant: a claim is written in the transaction of its workspace's entry, after that entry, and nowhere else; so a
//! claim that a reader sees belongs to a workspace that is open.

use crate::integrity::Seals;
use crate::{Claim, Value};
use scrip_engine::WorkspaceId;
use std::collections::HashSet;
use tokio_postgres::Client;

/// Inserts claims and returns those that their workspace has now. A workspace that has the claim already keeps it. A
/// statement of another process for the same claim is waited for: afterwards one of them has it, or none.
const SQL: &str = "INSERT INTO claims (scope, claim, workspace, seal)
    SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bytea[])
    ON CONFLICT (scope, claim) DO UPDATE SET workspace = excluded.workspace WHERE claims.workspace = excluded.workspace
    RETURNING scope, claim";

/// Makes claims, each of which is given once, and returns those that other workspaces have.
pub(super) async fn make(
    client: &Client,
    mut claims: Vec<(&Claim, WorkspaceId)>,
    seals: &Seals,
) -> Result<HashSet<Claim>, tokio_postgres::Error> {
    if claims.is_empty() {
        return Ok(HashSet::new());
    }
    // Sorted in every process, so that no two wait for each other.
    claims.sort_by_key(|(claim, _)| (&claim.scope, &claim.what));
    let scopes: Vec<&str> = claims.iter().map(|(claim, _)| &*claim.scope).collect();
    let whats: Vec<&str> = claims.iter().map(|(claim, _)| claim.what.as_str()).collect();
    let workspaces: Vec<i64> = claims.iter().map(|(_, workspace)| workspace.get()).collect();
    let sealed: Vec<Value> = claims.iter().map(|(claim, workspace)| seals.claim(claim, *workspace)).collect();
    let made = client.query(SQL, &[&scopes, &whats, &workspaces, &sealed]).await?;
    let made: HashSet<(&str, &str)> = made.iter().map(|row| (row.get(0), row.get(1))).collect();
    let taken = claims.into_iter().filter(|(claim, _)| !made.contains(&(&*claim.scope, claim.what.as_str())));
    Ok(taken.map(|(claim, _)| claim.clone()).collect())
}
