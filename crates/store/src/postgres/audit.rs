//! Check that the projections equal the journal folded again.
//!
//! Invariant: the check folds into temporary tables and leaves the stored ones unchanged.

use super::projector::{BATCH_MAX, fold};
use crate::Unavailable;
use crate::projection::difference;
use crate::tables::{Engine, Table};
use tokio_postgres::Client;

/// Returns the statements that empty the projections, so that they are folded again.
pub(super) fn empty() -> String {
    let deleted = Table::resettable_tables(Engine::Postgres).map(|table| format!("DELETE FROM {table}; "));
    format!("BEGIN; SELECT 1 FROM positions WHERE name = 'views' FOR UPDATE; {}COMMIT", deleted.collect::<String>())
}

/// Folds the journal into tables of this connection and returns a description of every stored table that differs.
pub(super) async fn differences(client: &mut Client) -> Result<Vec<String>, Unavailable> {
    let stored: String = client.query_one("SELECT quote_ident(current_schema())", &[]).await?.get(0);
    // Projections are folded into tables of this connection alone, which shadow the stored ones.
    let folded: Vec<(&str, String)> = Table::projections_of(Engine::Postgres).collect();
    let fresh = folded.iter().map(|(table, _)| *table).chain(["positions"]);
    let fresh = fresh.map(|table| format!("CREATE TEMP TABLE {table} (LIKE {stored}.{table} INCLUDING ALL);"));
    client.batch_execute(&fresh.collect::<String>()).await?;
    loop {
        match fold(client, BATCH_MAX).await {
            Ok(Some(_)) => {}
            Ok(None) => break,
            Err(error) => return Ok(vec![format!("the journal cannot be folded: {error}")]),
        }
    }
    let mut found = Vec::new();
    for (table, columns) in &folded {
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

/// Returns the statement that counts the rows of one table that are not in another.
fn count_others(table: &str, columns: &str, of: &str, not_in: &str) -> String {
    format!(
        "SELECT COUNT(*) FROM (SELECT {columns} FROM {of}.{table} EXCEPT SELECT {columns} FROM {not_in}.{table}) AS others"
    )
}
