//! Journals of the servers of the stories: `SCRIP_TEST_STORE` names the store that they run on.
//!
//! Invariant: a server that is started again finds the journal it had.

use crate::postgres::{Database, database};
use crate::program::binary;
use std::env::VarError;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

/// Variable that names the store that the stories run on.
const STORE: &str = "SCRIP_TEST_STORE";

/// Creates a database whose journal is in partitions.
fn partitioned_database() -> Database {
    let database = database();
    let mut command = Command::new(binary());
    command.args(["migrate", "--distributed", "partitions", "--parts", "4", "--run", "--to", database.url()]);
    let done = command.output().expect("the built binary starts");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    database.query(ONE_PART);
    database
}

/// Refuses a transaction that writes rows of two parts, as a node of a cluster would have to ask another one then.
const ONE_PART: &str = "CREATE FUNCTION one_part() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        id BIGINT := CASE WHEN TG_OP = 'DELETE' THEN OLD.workspace ELSE NEW.workspace END;
        part TEXT := (SELECT n FROM generate_series(0, 3) AS n WHERE satisfies_hash_partition('entries'::regclass, 4, n, id));
        before TEXT := current_setting('scrip.part', true);
    BEGIN
        IF before <> '' AND before <> part THEN
            RAISE EXCEPTION 'a transaction over two parts: % and % (% of %)', before, part, TG_OP, TG_TABLE_NAME;
        END IF;
        PERFORM set_config('scrip.part', part, true);
        RETURN NULL;
    END $$;
    CREATE TRIGGER one_part AFTER INSERT ON entries FOR EACH ROW EXECUTE FUNCTION one_part();
    CREATE TRIGGER one_part AFTER INSERT OR UPDATE OR DELETE ON workspaces FOR EACH ROW EXECUTE FUNCTION one_part();
    CREATE TRIGGER one_part AFTER INSERT OR UPDATE OR DELETE ON runs FOR EACH ROW EXECUTE FUNCTION one_part();
    CREATE TRIGGER one_part AFTER INSERT OR UPDATE OR DELETE ON queue FOR EACH ROW EXECUTE FUNCTION one_part();
    CREATE TRIGGER one_part AFTER INSERT OR UPDATE OR DELETE ON holds FOR EACH ROW EXECUTE FUNCTION one_part();
    CREATE TRIGGER one_part AFTER INSERT OR UPDATE OR DELETE ON usage FOR EACH ROW EXECUTE FUNCTION one_part();
    CREATE TRIGGER one_part AFTER INSERT OR UPDATE OR DELETE ON snapshots FOR EACH ROW EXECUTE FUNCTION one_part();
    CREATE TRIGGER one_part AFTER INSERT OR UPDATE OR DELETE ON key_uses FOR EACH ROW EXECUTE FUNCTION one_part();
    CREATE TRIGGER one_part AFTER INSERT OR UPDATE ON admissions FOR EACH ROW EXECUTE FUNCTION one_part()";

/// Place of a server's journal.
#[derive(Clone)]
pub enum Journal {
    /// A file of the server's data directory.
    Sqlite,
    /// A database of its own, which is dropped with the last server that uses it.
    Postgres(Arc<Database>),
}

impl Journal {
    /// Creates a new and empty journal in the store that the stories run on.
    pub fn create() -> Journal {
        match std::env::var(STORE).as_deref() {
            Ok("sqlite") | Err(VarError::NotPresent) => Journal::Sqlite,
            Ok("postgres") => Journal::Postgres(Arc::new(database())),
            Ok("partitions") => Journal::Postgres(Arc::new(partitioned_database())),
            other => panic!("{STORE} is sqlite, postgres or partitions, not {other:?}"),
        }
    }

    /// Returns the database of the journal; panics if it is in a file.
    pub fn database(&self) -> &Database {
        match self {
            Journal::Postgres(database) => database,
            Journal::Sqlite => panic!("the journal is in a file"),
        }
    }

    /// Runs a statement, and returns its rows, one a line, with columns separated by `|`. No server may use a journal
    /// in a file of this data directory while the statement writes to it.
    pub fn query(&self, data: &Path, sql: &str) -> String {
        if let Journal::Postgres(database) = self {
            return database.query(sql);
        }
        let connection = rusqlite::Connection::open(data.join("journal.db")).expect("the journal opens");
        let mut statement = connection.prepare(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        let columns = statement.column_count();
        let mut rows = statement.query([]).unwrap_or_else(|error| panic!("{sql}: {error}"));
        let mut lines = Vec::new();
        while let Some(row) = rows.next().unwrap_or_else(|error| panic!("{sql}: {error}")) {
            let text = |column| match row.get_ref(column).expect("the column is there") {
                rusqlite::types::ValueRef::Null => String::new(),
                rusqlite::types::ValueRef::Integer(number) => number.to_string(),
                other => String::from_utf8_lossy(other.as_bytes().expect("no column holds floats")).into_owned(),
            };
            lines.push((0..columns).map(text).collect::<Vec<_>>().join("|"));
        }
        lines.join("\n")
    }

    /// Sets the arguments or variables by which a command finds the journal, if it is not in the data directory.
    pub fn tell(&self, command: &mut Command) {
        if let Journal::Postgres(database) = self {
            command.arg("--database-url").arg(database.url());
        }
    }
}
