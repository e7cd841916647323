//! Check that the rows of every workspace equal its entries folded again.
//!
//! Invariant: the check folds into temporary tables and leaves the stored ones unchanged. Both are read at one instant.

use super::fold::fold_all;
use crate::Unavailable;
use crate::projection::difference;
use crate::tables::{Engine, Table};
use tokio_postgres::{Client, IsolationLevel};

/// Folds the journal into tables of this connection and returns a description of every stored table that differs.
pub(super) async fn differences(client: &mut Client) -> Result<Vec<String>, Unavailable> {
    let stored: String = client.query_one("SELECT quote_ident(current_schema())", &[]).await?.get(0);
    let instant = client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).start().await?;
    // Rows are folded into tables of this connection alone, which shadow the stored ones.
    let folded: Vec<(&str, String)> = Table::projections_of(Engine::Postgres).collect();
    let fresh = folded
        .iter()
        .map(|(table, _)| format!("CREATE TEMP TABLE {table} (LIKE {stored}.{table} INCLUDING ALL) ON COMMIT DROP;"));
    instant.batch_execute(&fresh.collect::<String>()).await?;
    if let Err(error) = fold_all(&instant).await {
        return Ok(vec![format!("the journal cannot be folded: {}", Unavailable::from(error))]);
    }
    let mut found = Vec::new();
    for (table, columns) in &folded {
        let missing = instant.query_one(&count_others(table, columns, "pg_temp", &stored), &[]).await?.get(0);
        let extra = instant.query_one(&count_others(table, columns, &stored, "pg_temp"), &[]).await?.get(0);
        found.extend(difference(table, missing, extra));
    }
    Ok(found)
}

/// Returns the statement that counts the rows of one table that are not in another.
fn count_others(table: &str, columns: &str, of: &str, not_in: &str) -> String {
    format!(
        "SELECT COUNT(*) FROM (SELECT {columns} FROM {of}.{table} EXCEPT SELECT {columns} FROM {not_in}.{table}) AS others"
    )
}
