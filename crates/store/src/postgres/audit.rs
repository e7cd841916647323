//! Whether the projections are what folding the journal again gives.

use super::projector::{BATCH_MAX, fold};
use crate::Unavailable;
use crate::projection::{FOLDED, difference};
use tokio_postgres::Client;

/// Empties the projections, to be folded again.
pub(super) const EMPTY: &str = "BEGIN; SELECT 1 FROM positions WHERE name = 'views' FOR UPDATE;
     DELETE FROM snapshots; DELETE FROM workspaces; DELETE FROM runs; DELETE FROM queue; DELETE FROM holds;
     DELETE FROM usage; DELETE FROM positions; COMMIT";

/// Projections that are folded into tables of this connection alone, which hide the stored ones.
const FRESH: [&str; 6] = ["positions", "workspaces", "runs", "queue", "holds", "usage"];

/// Folds the journal into tables of this connection and names every stored table that differs.
pub(super) async fn differences(client: &mut Client) -> Result<Vec<String>, Unavailable> {
    let stored: String = client.query_one("SELECT quote_ident(current_schema())", &[]).await?.get(0);
    let fresh = FRESH.map(|table| format!("CREATE TEMP TABLE {table} (LIKE {stored}.{table} INCLUDING ALL);"));
    client.batch_execute(&fresh.concat()).await?;
    loop {
        match fold(client, BATCH_MAX).await {
            Ok(Some(_)) => {}
            Ok(None) => break,
            Err(error) => return Ok(vec![format!("the journal cannot be folded: {error}")]),
        }
    }
    let mut found = Vec::new();
    for (table, columns) in FOLDED {
        let missing = client.query_one(&count_others(table, columns, "pg_temp", &stored), &[]).await?.get(0);
        let extra = client.query_one(&count_others(table, columns, &stored, "pg_temp"), &[]).await?.get(0);
        found.extend(difference(table, missing, extra));
    }
    let is_nowhere = format!(
        "SELECT EXISTS (SELECT 1 FROM {stored}.positions AS place WHERE position > 0 AND NOT EXISTS (
         SELECT 1 FROM entries WHERE entries.position = place.position AND entries.xid = place.xid))"
    );
    if client.query_one(&is_nowhere, &[]).await?.get(0) {
        found.push("projection positions: it names no entry".to_owned());
    }
    Ok(found)
}

/// The rows of one table that are not in another.
fn count_others(table: &str, columns: &str, of: &str, not_in: &str) -> String {
    format!(
        "SELECT COUNT(*) FROM (SELECT {columns} FROM {of}.{table} EXCEPT SELECT {columns} FROM {not_in}.{table}) AS others"
    )
}
