//! Whether the projections are what folding the journal again gives.

use super::projector::fold;
use crate::store::Unavailable;
use tokio_postgres::Client;

/// Entries folded in one transaction.
const BATCH_MAX: i64 = 4_096;

/// What is compared of each table. A lease and the next look at a run are the workers' own and follow from no entry.
const COMPARED: [(&str, &str); 5] = [
    ("workspaces", "workspace, opened, external_id, test_clock, next_due_at"),
    ("runs", "workspace, n, status, seq, body"),
    ("holds", "workspace, n, model, unit, amount, opened, extended, ended"),
    ("usage", "workspace, day, model, unit, runs, failed, captured"),
    ("queue", "workspace, n, test_clock, attempt"),
];

/// Empties the projections, to be folded again.
pub(super) const EMPTY: &str = "BEGIN; SELECT 1 FROM positions WHERE name = 'views' FOR UPDATE;
     DELETE FROM snapshots; DELETE FROM workspaces; DELETE FROM runs; DELETE FROM queue; DELETE FROM holds;
     DELETE FROM usage; DELETE FROM positions; COMMIT";

/// Tables of this connection alone, which hide the stored ones.
const FRESH: &str = "CREATE TEMP TABLE positions (LIKE public.positions INCLUDING ALL);
     CREATE TEMP TABLE workspaces (LIKE public.workspaces INCLUDING ALL);
     CREATE TEMP TABLE runs (LIKE public.runs INCLUDING ALL);
     CREATE TEMP TABLE queue (LIKE public.queue INCLUDING ALL);
     CREATE TEMP TABLE holds (LIKE public.holds INCLUDING ALL);
     CREATE TEMP TABLE usage (LIKE public.usage INCLUDING ALL)";

/// Folds the journal into tables of this connection and names every stored table that differs.
pub(super) async fn differences(client: &mut Client) -> Result<Vec<String>, Unavailable> {
    client.batch_execute(FRESH).await?;
    loop {
        match fold(client, BATCH_MAX).await {
            Ok(Some(_)) => {}
            Ok(None) => break,
            Err(error) => return Ok(vec![format!("the journal cannot be folded: {error}")]),
        }
    }
    let mut found = Vec::new();
    for (table, columns) in COMPARED {
        let extra = count(client, table, columns, "public", "pg_temp").await?;
        let missing = count(client, table, columns, "pg_temp", "public").await?;
        if extra + missing > 0 {
            found.push(format!(
                "projection {table}: {missing} rows are missing or differ, {extra} rows should not be as they are"
            ));
        }
    }
    Ok(found)
}

async fn count(client: &Client, table: &str, columns: &str, left: &str, right: &str) -> Result<i64, Unavailable> {
    let sql = format!(
        "SELECT COUNT(*) FROM (SELECT {columns} FROM {left}.{table} EXCEPT SELECT {columns} FROM {right}.{table}) AS more"
    );
    Ok(client.query_one(&sql, &[]).await?.get(0))
}
