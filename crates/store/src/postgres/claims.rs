//! What only one workspace may have, beside the entries that open workspaces.
//!
//! Invariant: a claim is written in the transaction of its workspace's entry, after that entry, and by nobody else; so
//! a claim that anybody sees is that of a workspace that is open.

use crate::integrity::Seals;
use crate::{Claim, Value};
use scrip_engine::WorkspaceId;
use std::collections::HashSet;
use tokio_postgres::Client;

/// What one workspace has already is no loss to it. Another process that is at the same claim is waited for: then it
/// has it or nobody does.
const SQL: &str = "INSERT INTO claims (scope, claim, workspace, seal)
    SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bytea[])
    ON CONFLICT (scope, claim) DO UPDATE SET workspace = excluded.workspace WHERE claims.workspace = excluded.workspace
    RETURNING scope, claim";

/// Makes claims, each of which is named once; those that other workspaces have.
pub(super) async fn make(
    client: &Client,
    mut claims: Vec<(&Claim, WorkspaceId)>,
    seals: &Seals,
) -> Result<HashSet<Claim>, tokio_postgres::Error> {
    if claims.is_empty() {
        return Ok(HashSet::new());
    }
    // In one order everywhere, so that no two processes wait for each other.
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
