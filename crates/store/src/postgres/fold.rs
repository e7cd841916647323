//! Rows of workspaces, folded in the transaction that appends their entries.
//!
//! A workspace whose rows are not where its entries begin (after a transfer, or a version that folded otherwise) is
//! listed in `unfolded`, and folded anew from its first entry.
//!
//! Invariant: `workspaces.seq` is the number of a workspace's newest entry, and its rows are the fold of its entries up
//! to that one.

use super::inserts::Inserts;
use super::parts::Parts;
use super::reach;
use super::rows::{self, ChangedRows, FoldError, RowStatements, StandingRows};
use crate::journal::{Body, GENESIS};
use crate::projection::{Changes, JournalEntry, KnownRows, Moves, RowKeys};
use crate::{Unavailable, Value};
use scrip_engine::WorkspaceId;
use std::collections::{BTreeMap, BTreeSet};
use tokio_postgres::{Client, GenericClient};

/// Maximum number of entries that are folded at once.
const PAGE: i64 = 4_096;
/// Number of workspaces that are read of the list at once.
const WORKSPACES: i64 = 256;

/// Rows of a batch, once its workspaces stand at its entries.
pub(super) struct BegunFold {
    moved: StandingRows,
    known: KnownRows,
}

impl BegunFold {
    /// Returns the workspaces whose rows are not where their entries begin: then the transaction must be rolled back.
    pub(super) fn behind(&self, moves: &Moves) -> Vec<WorkspaceId> {
        let behind = moves.moved.keys().filter(|workspace| !self.moved.contains_key(workspace));
        behind.map(|workspace| WorkspaceId::new(*workspace as u64)).collect()
    }

    /// Returns the rows that follow from the entries.
    pub(super) fn rows(self, entries: &[JournalEntry]) -> ChangedRows {
        ChangedRows::of(&Changes::fold(entries, self.known), &self.moved)
    }
}

/// Moves the workspaces of entries on, and reads the rows that the entries change. All statements are sent before the
/// first one is answered; they are [prepared](rows::prepare_moves) before.
///
/// # Errors
/// When the database does not answer, or a row cannot be read.
pub(super) async fn begin(
    client: &impl GenericClient,
    with: &RowStatements,
    moves: &Moves,
    wanted: &RowKeys,
) -> Result<BegunFold, FoldError> {
    let moved = async { Ok(rows::make_moves(client, with, moves).await?) };
    let (moved, known) = tokio::try_join!(biased; moved, rows::read(client, with, wanted))?;
    Ok(BegunFold { moved, known })
}

/// Writes the rows that follow from entries.
async fn write(client: &impl GenericClient, with: &RowStatements, entries: &[JournalEntry]) -> Result<(), FoldError> {
    let moves = Moves::by(entries);
    rows::prepare_moves(client, with, &moves).await?;
    let rows = begin(client, with, &moves, &RowKeys::by(entries)).await?.rows(entries);
    rows.prepare(client, with).await?;
    Ok(rows.write(client, with).await?)
}

/// Folds the workspaces that are listed as unfolded. `progress` is called with the number of those that are folded and
/// of all. One that is broken off goes on where it was, and others may serve meanwhile.
///
/// # Errors
/// When the database does not answer, or an entry cannot be read.
pub(super) async fn catch_up(
    client: &mut Client,
    parts: &Parts,
    mut progress: impl FnMut(u64, u64),
) -> Result<(), Unavailable> {
    let all = client.query_one("SELECT COUNT(*) FROM unfolded", &[]).await?.get::<_, i64>(0).unsigned_abs();
    let mut done = 0;
    loop {
        let listed = client.query("SELECT workspace FROM unfolded ORDER BY workspace LIMIT $1", &[&WORKSPACES]).await?;
        if listed.is_empty() {
            return Ok(());
        }
        let ids: Vec<WorkspaceId> = listed.iter().map(|row| WorkspaceId::new(row.get::<_, i64>(0) as u64)).collect();
        let mut by_part: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        for (id, place) in ids.iter().zip(parts.places(client, &ids).await?) {
            by_part.entry(place.part).or_default().push(id.get());
        }
        for workspaces in by_part.values() {
            refold(client, workspaces).await?;
        }
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
    let held = Inserts::new(
        "INSERT INTO workspaces (workspace, opened, seq)",
        &["bigint", "bigint", "bigint"],
        "ON CONFLICT (workspace) DO UPDATE SET seq = 0, next_due_at = NULL",
    );
    // Sorted in every process: of two that wait for each other's rows, the database would abort one.
    let rows: BTreeSet<i64> = workspaces.iter().copied().collect();
    let rows: Vec<Vec<Value>> = rows.into_iter().map(|id| vec![id.into(), 0.into(), 0.into()]).collect();
    held.prepare(&transaction, rows.len()).await?;
    held.insert(&transaction, &rows).await?;
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
