//! Rows of workspaces, folded in the transaction that appends their entries.
//!
//! A workspace whose rows are not where its entries begin (after a transfer, or a version that folded otherwise) is
//! listed in `unfolded`, and folded anew from its first entry.
//!
//! Invariant: `workspaces.seq` is the number of a workspace's newest entry, and its rows are the fold of its entries up
//! to that one.

use super::reach;
use super::rows::{self, FoldError, RowStatements};
use crate::Unavailable;
use crate::journal::{Body, GENESIS};
use crate::projection::{Changes, JournalEntry, RowKeys};
use scrip_engine::WorkspaceId;
use tokio_postgres::{Client, GenericClient};

/// Maximum number of entries that are folded at once.
const PAGE: i64 = 4_096;
/// Number of workspaces that are read of the list at once.
const WORKSPACES: i64 = 256;

/// Writes the rows that follow from the entries of this transaction; returns the workspaces whose rows are not where
/// their entries begin: then the transaction must be rolled back.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn write(
    client: &impl GenericClient,
    with: &RowStatements,
    entries: &[JournalEntry],
) -> Result<Vec<WorkspaceId>, FoldError> {
    let known = rows::read(client, with, &RowKeys::by(entries)).await?;
    Ok(rows::write(client, with, &Changes::fold(entries, known)).await?)
}

/// Folds the workspaces that are listed as unfolded. `progress` is called with the number of those that are folded and
/// of all.
///
/// # Errors
/// When the database does not answer, or an entry cannot be read.
pub(super) async fn catch_up(client: &mut Client, mut progress: impl FnMut(u64, u64)) -> Result<(), Unavailable> {
    let all = client.query_one("SELECT COUNT(*) FROM unfolded", &[]).await?.get::<_, i64>(0).unsigned_abs();
    let mut done = 0;
    loop {
        let listed = client.query("SELECT workspace FROM unfolded ORDER BY workspace LIMIT $1", &[&WORKSPACES]).await?;
        if listed.is_empty() {
            return Ok(());
        }
        let listed: Vec<i64> = listed.iter().map(|row| row.get(0)).collect();
        refold(client, &listed).await?;
        done += listed.len() as u64;
        progress(done, all.max(done));
    }
}

/// Lists every workspace as unfolded.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn list_all(client: &Client) -> Result<(), Unavailable> {
    let sql = "INSERT INTO unfolded SELECT workspace FROM entries UNION SELECT workspace FROM workspaces
               UNION SELECT workspace FROM runs UNION SELECT workspace FROM holds UNION SELECT workspace FROM usage
               UNION SELECT workspace FROM queue ON CONFLICT DO NOTHING";
    client.execute(sql, &[]).await?;
    Ok(())
}

/// Folds workspaces anew from their first entries, and takes them off the list. An append to one of them waits for the
/// end: it needs the row that is held here. The leases of their runs stay.
///
/// # Errors
/// When the database does not answer, an entry cannot be read, or one is missing at the end.
pub(super) async fn refold(client: &mut Client, workspaces: &[i64]) -> Result<(), Unavailable> {
    loop {
        match refold_once(client, workspaces).await {
            // An appender that holds some of the rows waits for others of them.
            Err(FoldError::Database(error)) if reach::is_retryable(&error) => {}
            done => return Ok(done?),
        }
    }
}

async fn refold_once(client: &mut Client, workspaces: &[i64]) -> Result<(), FoldError> {
    let transaction = client.transaction().await?;
    let with = RowStatements::prepare(&transaction).await?;
    let held = "INSERT INTO workspaces (workspace, opened, seq)
                SELECT workspace, 0, 0 FROM unnest($1::bigint[]) AS w (workspace) ORDER BY workspace
                ON CONFLICT (workspace) DO UPDATE SET seq = 0, next_due_at = NULL";
    transaction.execute(held, &[&workspaces]).await?;
    for table in ["runs", "holds", "usage"] {
        transaction.execute(&format!("DELETE FROM {table} WHERE workspace = ANY($1)"), &[&workspaces]).await?;
    }
    fold_pages(&transaction, &with, Some(workspaces)).await?;
    let gone = [
        "DELETE FROM workspaces WHERE workspace = ANY($1) AND seq = 0",
        "DELETE FROM queue WHERE workspace = ANY($1) AND NOT EXISTS (SELECT 1 FROM runs WHERE
         runs.workspace = queue.workspace AND runs.n = queue.n AND status IN ('queued', 'running'))",
        "DELETE FROM unfolded WHERE workspace = ANY($1)",
    ];
    for sql in gone {
        transaction.execute(sql, &[&workspaces]).await?;
    }
    Ok(transaction.commit().await?)
}

/// Folds the whole journal into the tables that this connection finds by their names.
///
/// # Errors
/// When the database does not answer, or an entry cannot be read.
pub(super) async fn fold_all(client: &impl GenericClient) -> Result<(), FoldError> {
    let with = RowStatements::prepare(client).await?;
    fold_pages(client, &with, None).await
}

/// Folds the entries of some workspaces, or of all, page by page.
async fn fold_pages(
    client: &impl GenericClient,
    with: &RowStatements,
    workspaces: Option<&[i64]>,
) -> Result<(), FoldError> {
    let of = if workspaces.is_some() { "workspace = ANY($4)" } else { "$4::bigint[] IS NULL" };
    let sql = format!(
        "SELECT workspace, seq, next_due_at, body FROM entries WHERE (workspace, seq) > ($1, $2) AND {of}
         ORDER BY workspace, seq LIMIT $3"
    );
    let page = client.prepare(&sql).await?;
    let mut after = (i64::MIN, 0);
    loop {
        let found = client.query(&page, &[&after.0, &after.1, &PAGE, &workspaces]).await?;
        let entries = found.iter().map(read_entry).collect::<Result<Vec<_>, FoldError>>()?;
        let Some(last) = entries.last() else { return Ok(()) };
        after = (last.workspace.get(), last.seq as i64);
        write(client, with, &entries).await?;
    }
}

fn read_entry(row: &tokio_postgres::Row) -> Result<JournalEntry, FoldError> {
    let (workspace, seq) = (WorkspaceId::new(row.get::<_, i64>(0) as u64), row.get::<_, i64>(1) as u64);
    let body: Body = serde_json::from_str(row.get(3))
        .map_err(|error| FoldError::Unreadable(format!("{workspace} entry {seq} cannot be read: {error}")))?;
    let (events, next_due_at) = (body.events.into(), row.get(2));
    Ok(JournalEntry { position: 0, workspace, seq, key: None, events, next_due_at, hash: GENESIS })
}
