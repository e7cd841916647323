//! Reads on snapshots of the database, beside the writing threads.
//!
//! Invariant: every connection is read-only.

use super::all_rows;
use crate::turns::Turns;
use crate::{Row, Unavailable, Value, number_parameters};
use rusqlite::{Connection, OpenFlags};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// Maximum number of idle connections that are kept open.
const IDLE_MAX: usize = 4;

/// View of a workspace's entries in order: the journal is in the order of commits, and the entries' places are a
/// projection.
const HISTORY: &str = "CREATE TEMP VIEW history AS
    SELECT entries.position, places.workspace, places.seq, entries.at, entries.idempotency_key, entries.request_hash,
    entries.next_due_at, entries.body, entries.previous_hash, entries.hash
    FROM views.places CROSS JOIN main.entries ON entries.position = places.position";

/// Pool of read-only connections to the journal with the projections attached.
pub(super) struct Readers {
    journal: PathBuf,
    views: PathBuf,
    idle: Arc<Mutex<Vec<Connection>>>,
    turns: Turns,
}

impl Readers {
    pub(super) fn new(journal: &Path, views: &Path, turns: Turns) -> Readers {
        Readers { journal: journal.to_owned(), views: views.to_owned(), idle: Arc::default(), turns }
    }

    /// Runs a query on an idle or new connection to the journal and the views, in its turn.
    pub(super) async fn query(&self, sql: &'static str, values: Vec<Value>) -> Result<Vec<Row>, Unavailable> {
        let (journal, views, idle) = (self.journal.clone(), self.views.clone(), Arc::clone(&self.idle));
        let read = move || {
            let kept = idle.lock().expect("no thread panics while it has the pool").pop();
            let connection = match kept {
                Some(connection) => connection,
                None => open(&journal, &views)?,
            };
            let found = all_rows(&mut connection.prepare_cached(&number_parameters(sql))?, &values)?;
            let mut idle = idle.lock().expect("no thread panics while it has the pool");
            if idle.len() < IDLE_MAX {
                idle.push(connection);
            }
            Ok(found)
        };
        self.turns.run(read).await?
    }
}

/// Opens a read-only connection to the journal with the projections attached.
pub(super) fn open(journal: &Path, views: &Path) -> Result<Connection, Unavailable> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(journal, flags)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.execute("ATTACH DATABASE ?1 AS views", [views.to_string_lossy()])?;
    connection.execute_batch(HISTORY)?;
    Ok(connection)
}
