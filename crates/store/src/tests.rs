//! Every table and every statement, checked on both engines.
//!
//! Goal: the description of the tables equals the result of the migrations, and no statement that ships is one that an
//! engine does not understand, or that the server's role may not run. Method: the schemas are read back; each statement
//! is run with null for all of its parameters, and may be refused for that alone.

use super::tables::{Distribution, Engine, Kind, Table, Writer};
use super::{Options, Store, Value, admit, queries, rows};
use rusqlite::Connection;
use scrip_testing::postgres::{Database, Role, database};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn directory(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("scrip-store-{name}-{}", std::process::id()))
}

/// Returns the columns of described tables, in the form of a database's schema: `table column type`.
fn described_columns<'t>(
    tables: impl Iterator<Item = &'t Table>,
    engine: Engine,
    kinds: [&str; 3],
) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for table in tables {
        for column in table.columns.iter().filter(|column| column.is_on(engine)) {
            let kind = match column.kind {
                Kind::Integer => kinds[0],
                Kind::Text => kinds[1],
                Kind::Bytes => kinds[2],
            };
            found.insert(format!("{} {} {kind}", table.name, column.name));
        }
    }
    found
}

/// Returns the columns that a file of the embedded database has.
fn columns_of(file: &Path) -> BTreeSet<String> {
    let file = Connection::open(file).expect("the store made it");
    let sql = "SELECT tables.name, columns.name, columns.type FROM sqlite_schema AS tables,
        pragma_table_info(tables.name) AS columns WHERE tables.type = 'table'";
    let mut statement = file.prepare(sql).expect("it is good");
    let read = |row: &rusqlite::Row<'_>| {
        let (table, column, kind): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let kind = if kind == "BIGINT" { "INTEGER" } else { &kind };
        Ok(format!("{table} {column} {kind}"))
    };
    let rows = statement.query_map([], read).expect("it can be asked");
    rows.collect::<Result<_, _>>().expect("it is text")
}

/// Returns the columns without the list of migrations, which belongs to the migration library.
fn without_migrations(columns: BTreeSet<String>) -> BTreeSet<String> {
    columns.into_iter().filter(|column| !column.starts_with("refinery_schema_history ")).collect()
}

#[tokio::test]
async fn the_embedded_database_has_the_tables_that_are_described() {
    let directory = directory("tables");
    drop(Store::open(&directory, Options::small()).expect("a directory can be made"));
    let kinds = ["INTEGER", "TEXT", "BLOB"];
    let (folded, kept): (Vec<_>, Vec<_>) =
        Table::on(Engine::Sqlite).partition(|table| table.writer == Writer::Projector);
    for (file, tables) in [("journal.db", kept), ("views.db", folded)] {
        let expected = described_columns(tables.into_iter(), Engine::Sqlite, kinds);
        assert_eq!(without_migrations(columns_of(&directory.join(file))), expected, "{file}");
    }
    std::fs::remove_dir_all(&directory).expect("it is ours");
}

async fn migrated_database() -> Database {
    let database = database();
    drop(Store::connect(database.url(), Options::small()).await.expect("the database answers"));
    database
}

/// Returns a database with the schema of an earlier version.
async fn database_of_version(version: i32) -> Database {
    let database = database();
    let (mut client, driver) =
        tokio_postgres::connect(database.url(), tokio_postgres::NoTls).await.expect("it answers");
    tokio::spawn(driver);
    crate::postgres::migrate_to(&mut client, version).await;
    database
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgresql_database_has_the_tables_that_are_described() {
    let database = migrated_database().await;
    let lines = |sql: &str| -> BTreeSet<String> { database.query(sql).lines().map(str::to_owned).collect() };
    let found = lines(
        "SELECT table_name || ' ' || column_name || ' ' || data_type FROM information_schema.columns
         WHERE table_schema = current_schema()",
    );
    let expected = described_columns(Table::on(Engine::Postgres), Engine::Postgres, ["bigint", "text", "bytea"]);
    assert_eq!(without_migrations(found), expected);
    let found = lines(
        "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace
         AND relkind IN ('r', 'p', 'v', 'm')",
    );
    assert_eq!(found, Table::on(Engine::Postgres).map(|table| table.name.to_owned()).collect());
    // A part alone accepts each number and each key of a workspace once.
    let unique = lines(
        "SELECT indrelid::regclass || ' ' || attname FROM pg_index JOIN pg_attribute ON attrelid = indrelid
         AND attnum = indkey[0] JOIN pg_class ON pg_class.oid = indrelid
         WHERE indisunique AND relnamespace = current_schema()::regnamespace",
    );
    for table in Table::by_distribution(Distribution::ByWorkspace) {
        let first: Vec<&String> = unique.iter().filter(|index| index.starts_with(&format!("{table} "))).collect();
        assert_eq!(first, [&format!("{table} workspace")]);
    }
    let numbered = lines(
        "SELECT table_name || ' ' || column_name FROM information_schema.columns
         WHERE table_schema = current_schema() AND is_identity = 'YES'",
    );
    let expected = Table::on(Engine::Postgres).filter_map(|table| Some(format!("{} {}", table.name, table.numbered?)));
    assert_eq!(numbered, expected.filter(|column| !column.starts_with("history ")).collect());
}

/// Takes a directory back to before Stripe's events had their name.
const BEFORE_STRIPE_EVENTS: &str = "ALTER TABLE customers RENAME COLUMN hints TO hinted;
    ALTER TABLE customers RENAME COLUMN reconciled TO looked;
    DROP INDEX stripe_events_waiting; ALTER TABLE stripe_events RENAME TO provider_events;
    CREATE INDEX provider_events_waiting ON provider_events (received_at) WHERE handled_at IS NULL;
    DROP TABLE profiles; DELETE FROM refinery_schema_history WHERE name IN ('stripe_events', 'profiles')";
/// Makes a customer that has a hint, and an event, as they were written then.
const EVENT_AND_HINT: &str = "INSERT INTO customers
    (workspace, customer, created_at, hinted, looked, due_at, attempts, lease_until)
    VALUES (7, 'cus_7', 1, 2, 1, 1, 0, 0);
    INSERT INTO provider_events (id, kind, customer, created_at, received_at)
    VALUES ('evt_1', 'invoice.paid', 'cus_8', 1, 1)";

/// Asserts that the event and the hint of [`EVENT_AND_HINT`] are known.
async fn has_event_and_hint(store: &Store) {
    let events = rows::stripe_events::waiting(store.worker(), 10).await.expect("they can be read");
    assert_eq!(
        events.iter().map(|event| (&*event.id, event.customer.as_deref())).collect::<Vec<_>>(),
        [("evt_1", Some("cus_8"))]
    );
    let is_waiting = rows::customers::is_waiting(store.reader(), scrip_engine::WorkspaceId::new(7)).await;
    assert!(is_waiting.expect("it can be read"));
}

#[tokio::test]
async fn a_directory_of_before_keeps_its_hints_under_their_new_names() {
    let directory = directory("stripe-events");
    drop(Store::open(&directory, Options::small()).expect("a directory can be made"));
    let file = Connection::open(directory.join("journal.db")).expect("the store made it");
    file.execute_batch(&format!("{BEFORE_STRIPE_EVENTS}; {EVENT_AND_HINT}")).expect("it is good");
    drop(file);
    has_event_and_hint(&Store::open(&directory, Options::small()).expect("it is brought up")).await;
    std::fs::remove_dir_all(&directory).expect("it is ours");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_before_keeps_its_hints_under_their_new_names() {
    let database = database_of_version(13).await;
    database.query(EVENT_AND_HINT);
    let store = Store::connect(database.url(), Options::small()).await.expect("it is brought up");
    has_event_and_hint(&store).await;
}

#[test]
fn a_table_has_seals_when_something_of_it_is_sealed() {
    for table in super::tables::TABLES {
        let has_seals = table.columns.iter().any(|column| column.name == "seal");
        let is_sealed = table.columns.iter().any(|column| column.is_sealed);
        assert_eq!(has_seals, is_sealed, "{}", table.name);
        assert_eq!(is_sealed, table.columns.iter().any(|column| column.is_key), "{}", table.name);
    }
}

/// Returns the highest `$n` of a statement.
fn values_of(sql: &str) -> usize {
    (1..20).filter(|n| sql.contains(&format!("${n}"))).max().unwrap_or(0)
}

/// Returns every statement that both engines share.
fn statements() -> impl Iterator<Item = &'static str> {
    queries::ALL.iter().chain(rows::ALL.iter().flat_map(|(_, statements)| statements.iter())).copied()
}

/// Counts the SQL statements in the strings of a source file.
fn texts(file: &Path) -> usize {
    let text = std::fs::read_to_string(file).expect("a file of source can be read");
    ["SELECT ", "INSERT ", "UPDATE ", "DELETE "].iter().map(|word| text.matches(&format!("\"{word}")).count()).sum()
}

#[test]
fn every_statement_is_in_the_list_of_all() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    assert_eq!(texts(&source.join("queries.rs")), queries::ALL.len(), "queries.rs");
    let files = std::fs::read_dir(source.join("rows")).expect("the rows are there");
    let files = files.map(|file| file.expect("a directory of source can be listed").path());
    let mut names: Vec<String> =
        files.filter_map(|file| Some(file.file_stem()?.to_str()?.to_owned())).filter(|name| name != "mod").collect();
    names.sort();
    assert_eq!(names, rows::ALL.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    for (name, statements) in rows::ALL {
        assert_eq!(texts(&source.join(format!("rows/{name}.rs"))), statements.len(), "rows/{name}.rs");
    }
}

#[tokio::test]
async fn every_statement_is_understood_by_both_engines() {
    let database = database();
    let directory = directory("statements");
    let stores = [
        Store::open(&directory, Options::small()).expect("a directory can be made"),
        Store::connect(database.url(), Options::small()).await.expect("the database answers"),
    ];
    for sql in statements() {
        for on in stores.iter().flat_map(|store| [store.reader(), store.worker()]) {
            // Null is a value of every type; a refusal must be about the value.
            let values = vec![Value::Null; values_of(sql)];
            let answer = match sql.split_whitespace().next() {
                Some("SELECT") => on.read(sql, values).await.map(|_| ()),
                _ if sql.contains("RETURNING") || sql.contains("queue") => on.take(sql, values).await.map(|_| ()),
                _ => on.write(sql, values).await.map(|_| ()),
            };
            if let Err(error) = answer {
                let text = error.to_string().to_lowercase();
                let value = ["null", "mismatch"].iter().any(|word| text.contains(word));
                assert!(value, "{sql}: {error}");
            }
        }
    }
    drop(stores);
    std::fs::remove_dir_all(&directory).expect("it can go");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_role_that_serves_may_run_every_statement() {
    let role = Role::new();
    let database = database();
    admit(&database.url().into(), role.name()).await.expect("the owner may let a role in");
    let url = role.url(&database);
    let store = Store::connect(&*url, Options::small()).await.unwrap_or_else(|error| panic!("{error}"));
    for sql in statements() {
        let answer = store.query(sql, vec![Value::Null; values_of(sql)]).await;
        let text = answer.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(text.is_empty() || text.contains("null"), "{sql}: {text}");
    }
}

#[test]
fn the_statements_that_write_mails_name_no_link() {
    for sql in statements().filter(|sql| sql.contains("mails")) {
        for word in ["link", "token", "signature", "secret"] {
            assert!(!sql.contains(word), "{sql}");
        }
    }
}

/// Returns the files of a directory of source, and of those in it.
fn source_files(directory: &Path) -> Vec<PathBuf> {
    let entries =
        std::fs::read_dir(directory).expect("source can be listed").map(|entry| entry.expect("a file").path());
    entries.flat_map(|path| if path.is_dir() { source_files(&path) } else { vec![path] }).collect()
}

/// Returns the strings of a file of source that are statements.
fn statements_of(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).expect("a file of source can be read");
    let strings =
        text.split('"').skip(1).step_by(2).map(|string| string.split_whitespace().collect::<Vec<_>>().join(" "));
    strings
        .filter(|string| ["SELECT ", "INSERT ", "UPDATE ", "DELETE "].iter().any(|verb| string.starts_with(verb)))
        .collect()
}

/// Tables that are whole on every node: rows of several workspaces are written to them at once.
const WHOLE: &[&str] = &["INTO allowances", "UPDATE allowances", "INTO mails"];

/// A node that hangs holds up a statement over all parts; one that names its workspaces asks the part that has them.
#[test]
fn every_statement_over_several_workspaces_names_them() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/postgres");
    let mut named = 0;
    for file in source_files(&source) {
        // These ask for parts and tables, and read no row of a workspace.
        if file.ends_with("parts.rs") || file.ends_with("guards.rs") {
            continue;
        }
        for sql in statements_of(&file) {
            let place = format!("{}: {sql}", file.display());
            let is_whole = WHOLE.iter().any(|table| sql.contains(table));
            if sql.contains("unnest(") && !is_whole {
                assert!(sql.contains("workspace = ANY($1)"), "{place}");
                named += 1;
            }
            assert!(!sql.contains("LATERAL") && !sql.contains("SKIP LOCKED"), "no distributed engine runs it: {place}");
            assert!(
                !sql.contains("FOR UPDATE") || sql.contains("= ANY($1)") || sql.contains("workspace = $1"),
                "{place}"
            );
        }
    }
    assert!(named >= 8, "{named} statements were found");
}
