//! The two ways to a store: one for handlers that answer requests, one for workers and sweeps.
//!
//! On PostgreSQL each has connections of its own, so that runs settle and time passes while every reader waits. On
//! SQLite both are the same, and the table that a statement writes decides which thread runs it.
//!
//! Invariant: only the store's own row functions pass statements; every other caller gets typed values.

use super::tables::{Table, Writer};
use super::turns::Turns;
use super::{Row, Store, Unavailable, Value};
use scrip_engine::WorkspaceId;

/// The part of the program that asks the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asker {
    /// A handler that answers a request.
    Reader,
    /// A worker or a sweep.
    Worker,
}

/// A way to a store, for one part of the program.
#[derive(Clone, Copy)]
pub struct Handle<'s> {
    store: &'s Store,
    asker: Asker,
}

impl Store {
    /// Returns the handle for handlers that answer requests.
    pub fn reader(&self) -> Handle<'_> {
        Handle { store: self, asker: Asker::Reader }
    }

    /// Returns the turns of work that takes a processor for long, which reads of rows take too where they are made in
    /// this process.
    pub fn turns(&self) -> &Turns {
        match self {
            Store::Sqlite(store) => &store.turns,
            Store::Postgres(store) => &store.turns,
        }
    }

    /// Returns the handle for workers and sweeps.
    pub fn worker(&self) -> Handle<'_> {
        Handle { store: self, asker: Asker::Worker }
    }
}

impl<'s> Handle<'s> {
    /// Returns the store that the handle is of.
    pub fn store(self) -> &'s Store {
        self.store
    }

    /// Waits until the projections show everything that was committed before this call.
    ///
    /// # Errors
    /// When the projector has stopped.
    pub async fn await_projections(self) -> Result<(), Unavailable> {
        match self.store {
            Store::Sqlite(sqlite) => sqlite.await_projections().await,
            // Rows are written with their entries.
            Store::Postgres(_) => Ok(()),
        }
    }

    /// Returns the rows of a statement that reads the journal and its projections in their present state. SQL is
    /// written with `$1 … $n`.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub(crate) async fn read(self, sql: &'static str, values: Vec<Value>) -> Result<Vec<Row>, Unavailable> {
        match (self.store, self.asker) {
            (Store::Sqlite(sqlite), _) => sqlite.query(sql, values).await,
            (Store::Postgres(postgres), Asker::Reader) => postgres.query(sql, values).await,
            (Store::Postgres(postgres), Asker::Worker) => postgres.lease(sql, values).await,
        }
    }

    /// Returns the rows of a statement that reads one workspace's entries, or joins them, and includes everything that
    /// was committed before this call. The workspace is its `$1`, and more values follow.
    ///
    /// # Errors
    /// When the store cannot answer, or the projector has stopped.
    pub(crate) async fn history(
        self,
        sql: &'static str,
        workspace: WorkspaceId,
        more: &[i64],
    ) -> Result<Vec<Row>, Unavailable> {
        self.await_projections().await?;
        if let Store::Sqlite(sqlite) = self.store {
            sqlite.await_index(workspace).await?;
        }
        let more = more.iter().copied().map(Value::Integer);
        self.read(sql, [workspace.into()].into_iter().chain(more).collect()).await
    }

    /// Runs a statement that writes a table beside the journal; returns the number of rows that it wrote.
    ///
    /// # Errors
    /// When the store cannot write.
    pub(crate) async fn write(self, sql: &'static str, values: Vec<Value>) -> Result<usize, Unavailable> {
        match (self.store, self.asker) {
            (Store::Sqlite(sqlite), _) => sqlite.write(sql, values).await,
            (Store::Postgres(postgres), Asker::Reader) => postgres.write(sql, values).await,
            (Store::Postgres(postgres), Asker::Worker) => postgres.write_for_work(sql, values).await,
        }
    }

    /// Runs a statement that writes a table and returns rows, such as a lease.
    ///
    /// # Errors
    /// When the store cannot write.
    pub(crate) async fn take(self, sql: &'static str, values: Vec<Value>) -> Result<Vec<Row>, Unavailable> {
        match (self.store, self.asker) {
            (Store::Sqlite(sqlite), _) if is_projection(sql) => sqlite.lease(sql, values).await,
            (Store::Sqlite(sqlite), _) => sqlite.take(sql, values).await,
            (Store::Postgres(postgres), Asker::Reader) => postgres.query(sql, values).await,
            (Store::Postgres(postgres), Asker::Worker) => postgres.lease(sql, values).await,
        }
    }
}

/// Returns the name of the table that a statement writes; `None` for one that reads.
fn written_table(sql: &str) -> Option<&str> {
    let mut words = sql.split_whitespace();
    match words.next()? {
        "UPDATE" => words.next(),
        "INSERT" | "DELETE" => words.nth(1),
        _ => None,
    }
}

/// Returns whether a statement writes a table that is the projector's.
fn is_projection(sql: &str) -> bool {
    written_table(sql).and_then(Table::by_name).is_some_and(|table| table.writer == Writer::Projector)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_names_the_table_it_writes() {
        assert_eq!(written_table("UPDATE queue SET due_at = $1"), Some("queue"));
        assert_eq!(written_table("INSERT INTO mails (id) VALUES ($1)"), Some("mails"));
        assert_eq!(written_table("DELETE FROM sessions\n WHERE hash = $1"), Some("sessions"));
        assert_eq!(written_table("SELECT 1 FROM queue"), None);
        assert!(is_projection("UPDATE queue SET due_at = $1") && !is_projection("UPDATE mails SET due_at = $1"));
    }
}
