//! Transfer of a data directory's journal, and of the tables beside it, into a PostgreSQL database.
//!
//! The rows that have arrived are the progress: entries go over in order, some thousands in a transaction, and a
//! transfer that was interrupted continues after the last one that arrived. Rows are copied without being interpreted:
//! every column arrives unchanged.
//!
//! Invariant: the database may be served only when it holds the whole journal and nothing else.

use super::integrity::{CLAIMS, Seals};
use super::postgres::transfer::{Beside, Target, TargetState};
use super::rows::entries;
use super::tables::Table;
use super::{Address, Row, Store, Unavailable, Value};
use std::sync::LazyLock;

/// Tables beside the journal, each with the statement that reads a page of it.
static PAGES: LazyLock<Vec<(&Table, String)>> =
    LazyLock::new(|| Table::transferable_beside().map(|table| (table, table.page())).collect());
/// Statement that reads a page of the journal: the place of an entry is its position, and its hash comes last.
static JOURNAL: LazyLock<String> = LazyLock::new(|| Table::journal().page());

/// A transfer that has begun.
pub struct Move<'a> {
    source: &'a Store,
    target: Target,
    digest: Vec<u8>,
    /// Position of the last entry that has arrived.
    pub reached: i64,
}

impl<'a> Move<'a> {
    /// Begins to transfer an embedded database with this digest, or continues; `None` when it was transferred before.
    ///
    /// # Errors
    /// When the database is neither empty nor a beginning of this journal. It is left as it was.
    pub async fn begin(source: &'a Store, address: &Address, digest: &[u8]) -> Result<Option<Move<'a>>, Unavailable> {
        let (target, found) = Target::open(address).await?;
        let other = |what: &str| Err(Unavailable(format!("{what}: name an empty database")));
        let reached = match found {
            TargetState::Empty => 0,
            TargetState::Moved(moved) if moved == digest => return Ok(None),
            TargetState::Moved(_) => {
                return other("another journal, or this one with fewer entries, was moved here before");
            }
            TargetState::Halfway(None) => 0,
            TargetState::Halfway(Some((position, hash))) => {
                let rows = source.query(&JOURNAL, vec![(position - 1).into(), 1.into()]).await?;
                match rows.first() {
                    Some(row) if row.integer(0) == position && row.bytes(row.0.len() - 1) == hash => position,
                    _ => return other("another directory's journal was being moved here"),
                }
            }
        };
        target.mark(digest, source.seals()).await?;
        Ok(Some(Move { source, target, digest: digest.to_vec(), reached }))
    }

    /// Copies the entries that have not arrived yet, `batch` in a transaction, and returns their number. `progress` is
    /// called with the number that has arrived and the number of all.
    ///
    /// # Errors
    /// When one of the two databases cannot answer. What has arrived stays there.
    pub async fn copy(&mut self, batch: i64, mut progress: impl FnMut(u64, u64)) -> Result<u64, Unavailable> {
        let (source, from) = (self.source, self.reached);
        let length = entries::last_position(source.reader()).await?;
        let mut rows = page(source, &JOURNAL, from, batch).await?;
        while let Some(last) = rows.last().map(|row| row.integer(0)) {
            // The next entries are read while these are sent.
            let (appended, next) = tokio::join!(self.target.append(&rows), page(source, &JOURNAL, last, batch));
            appended?;
            self.reached = last;
            progress(last.unsigned_abs(), length.unsigned_abs());
            rows = next?;
        }
        let beside = self.target.beside().await?;
        for (table, sql) in PAGES.iter() {
            copy_table(source, &beside, table, sql, batch).await?;
        }
        beside.commit().await?;
        self.target.settle().await?;
        Ok((self.reached - from).unsigned_abs())
    }

    /// Ends the transfer, when replaying both sides has given the same digest.
    ///
    /// # Errors
    /// When another program wrote to the database.
    pub async fn end(self) -> Result<(), Unavailable> {
        self.target.unmark(&self.digest, self.source.seals()).await
    }
}

async fn page(source: &Store, sql: &'static str, after: i64, most: i64) -> Result<Vec<Row>, Unavailable> {
    source.query(sql, vec![Value::Integer(after), Value::Integer(most)]).await
}

async fn copy_table(
    source: &Store,
    beside: &Beside<'_>,
    table: &Table,
    sql: &'static str,
    batch: i64,
) -> Result<(), Unavailable> {
    let mut after = 0;
    loop {
        let mut rows = page(source, sql, after, batch).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.integer(0);
        rows.iter_mut().filter(|row| row.0.iter().any(has_zero)).for_each(|row| take_zeros(table, row, source.seals()));
        beside.append(table, &rows).await?;
    }
}

/// Returns true for a text that only the embedded database accepts: earlier versions took U+0000 in an id or a name.
fn has_zero(value: &Value) -> bool {
    matches!(value, Value::Text(text) if text.contains('\0'))
}

/// Replaces each U+0000 of a row by a mark. Of the sealed tables only claims of an earlier version have such rows.
fn take_zeros(table: &Table, Row(values): &mut Row, seals: &Seals) {
    for value in values.iter_mut() {
        if let Value::Text(text) = value {
            *text = text.replace('\0', "\u{fffd}");
        }
    }
    if table.name == CLAIMS
        && let [_, columns @ .., seal] = &mut values[..]
    {
        *seal = seals.older_claim(columns);
    }
}

/// Folds the rows of a database that was filled. `progress` is called with the number of workspaces that are folded and
/// of all. It can be interrupted, and goes on where it was.
///
/// # Errors
/// When the database cannot write, or an entry cannot be read.
pub async fn fold(store: &Store, progress: impl FnMut(u64, u64)) -> Result<(), Unavailable> {
    match store {
        Store::Sqlite(_) => store.await_projections().await,
        Store::Postgres(postgres) => postgres.catch_up(progress).await,
    }
}
