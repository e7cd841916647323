//! Nothing that decides credits, rights or sign-in can be changed in the database without `verify` saying so.
//!
//! Goal: one change in each column of each table, a row deleted and a row planted in each, on both engines; each is
//! found when the journal is opened and replayed, or is healed by that, or stands on a list of what is operational,
//! with its reason. Method: the tables and columns are asked of the database itself, so that a new one is judged
//! without a change here; a small story has rows in all of them, and every change is made in a copy of it.

mod belief;
mod story;

use crate::operate::verify::verify;
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use scrip_store::{Options, ShortJournal, Store};
use scrip_testing::postgres::{Database, database, query};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Columns by which no credits, no right and no sign-in is decided, with the reasons.
const OPERATIONAL: &[(&str, &str, &str)] = &[
    ("admissions", "workspace", "the requests of the last minute, for the rate limit: forgotten by a crash too"),
    ("admissions", "log", "the requests of the last minute, for the rate limit: forgotten by a crash too"),
    ("admissions", "last", "the requests of the last minute, for the rate limit: forgotten by a crash too"),
    ("allowances", "kind", "how often something was done of late, for the limits on it; no credits or rights"),
    ("allowances", "subject", "how often something was done of late, for the limits on it; no credits or rights"),
    ("allowances", "log", "how often something was done of late, for the limits on it; no credits or rights"),
    ("allowances", "last", "how often something was done of late, for the limits on it; no credits or rights"),
    ("alerts", "about", "told to an operator; what it is about was not done"),
    ("alerts", "kind", "told to an operator; what it is about was not done"),
    ("alerts", "workspace", "told to an operator; what it is about was not done"),
    ("alerts", "detail", "told to an operator; what it is about was not done"),
    ("alerts", "at", "told to an operator; what it is about was not done"),
    ("customers", "created_at", "no statement reads it"),
    ("customers", "hints", "when Stripe is read; what follows is decided by what Stripe says then"),
    ("customers", "reconciled", "when Stripe is read; what follows is decided by what Stripe says then"),
    ("customers", "due_at", "when Stripe is read; what follows is decided by what Stripe says then"),
    ("customers", "attempts", "when Stripe is read; what follows is decided by what Stripe says then"),
    ("customers", "lease_until", "which process reads Stripe, and until when"),
    ("identities", "created_at", "no statement reads it"),
    ("key_uses", "workspace", "shown beside a key; what the key may do is in its workspace"),
    ("key_uses", "n", "shown beside a key; what the key may do is in its workspace"),
    ("key_uses", "used_at", "shown beside a key; what the key may do is in its workspace"),
    ("mails", "due_at", "when a mail is sent; to whom and what it says is sealed"),
    ("mails", "attempts", "when a mail is sent; to whom and what it says is sealed"),
    ("mails", "lease_until", "which process sends a mail, and until when"),
    ("mails", "sent_at", "whether a mail is sent again: the same one, to the same address"),
    ("mails", "failed", "whether a mail is sent again: the same one, to the same address"),
    ("mails", "created_at", "no statement reads it"),
    ("operator_keys", "last_used_at", "shown beside a key; what the key may do is sealed"),
    ("stripe_events", "id", "hints: Stripe is read for what they are about"),
    ("stripe_events", "kind", "hints: Stripe is read for what they are about"),
    ("stripe_events", "customer", "hints: Stripe is read for what they are about"),
    ("stripe_events", "charge", "hints: Stripe is read for what they are about"),
    ("stripe_events", "created_at", "hints: Stripe is read for what they are about"),
    ("stripe_events", "received_at", "hints: Stripe is read for what they are about"),
    ("stripe_events", "handled_at", "hints: Stripe is read for what they are about"),
    ("purchases", "closed_at", "whether its checkout session is offered again: Stripe says whether it can be paid"),
    ("purchases", "created_at", "the order in which they are looked through"),
    ("purchases", "expires_at", "until when its checkout session is offered: Stripe says whether it can be paid"),
    ("queue", "due_at", "when a run is worked on; it is settled by its hold in the journal"),
    ("queue", "lease_until", "which process works on a run, and until when"),
    ("queue", "owner", "which process works on a run, and until when"),
    ("refinery_schema_history", "applied_on", "no statement reads it"),
    ("review_files", "file", "the order in which files are shown"),
    ("reviews", "n", "the order in which applications are shown"),
    ("spent", "hash", "an attempt at the identity provider, whose code is good once there"),
    ("spent", "expires_at", "an attempt at the identity provider, whose code is good once there"),
    ("test_clocks", "name", "shown; commands are judged by the instant, which is sealed"),
    ("users", "created_at", "no statement reads it"),
];

/// Columns that are operational in a database alone: in a directory they are sealed or folded.
const OPERATIONAL_IN_A_DATABASE: &[(&str, &str, &str)] =
    &[("entries", "position", "the order of folding among the entries of one transaction; each entry is folded once")];

/// Tables in which a missing row takes something away and gives no one anything, with the reasons.
const LOST: &[(&str, &str)] = &[
    ("admissions", "the requests of the last minute, for the rate limit: forgotten by a crash too"),
    ("alerts", "told to an operator; what it is about was not done"),
    ("allowances", "how often something was done of late, for the limits on it"),
    ("customers", "the workspace gets another customer, and Stripe's payments of the one before raise an alert"),
    ("identities", "the provider's word for the address is asked for again, as at the first time"),
    ("key_uses", "shown beside a key"),
    ("mails", "a mail that is not sent"),
    ("operator_grants", "a key that may grant so much a day grants nothing any more"),
    ("operator_keys", "a key that opens nothing any more"),
    ("stripe_events", "a hint; Stripe's list of events is read again"),
    ("purchases", "a checkout session that is not offered again: Stripe says whether it was paid"),
    ("review_files", "a file that an operator does not see; approving is theirs"),
    ("sessions", "a person has to sign in again"),
    ("settings", "a secret that is made anew: links and quotes that are out are void"),
    ("sign_in_tokens", "a link that opens no session"),
    ("snapshots", "the workspace is folded from its first entry"),
    ("spent", "an attempt at the identity provider, whose code is good once there"),
    ("test_clocks", "workspaces of test mode go on by the machine's clock"),
    (
        "users",
        "their sessions end; a sign-in with the address makes a new user, and what is once per person is a claim",
    ),
];

/// Tables in which a planted row gives no one anything, with the reasons.
const PLANTED: &[(&str, &str)] = &[
    ("admissions", "the requests of the last minute, for the rate limit: forgotten by a crash too"),
    ("alerts", "told to an operator; it asks for nothing"),
    ("allowances", "how often something was done of late, for the limits on it"),
    ("key_uses", "shown beside a key"),
    ("stripe_events", "a hint: Stripe is read for what it is about"),
    ("spent", "an attempt at the identity provider that is over"),
];

/// Tables without a row in a place that is open, with the reasons.
const EMPTY: &[(&str, &str)] = &[("unfolded", "workspaces that are folded anew: opening the place empties it")];

/// A column of a table, and whether it is part of the key.
struct Column {
    name: String,
    kind: String,
    is_key: bool,
}

struct Table {
    /// Schema of the table, for a table in another file.
    schema: &'static str,
    name: String,
    columns: Vec<Column>,
}

impl Table {
    fn path(&self) -> String {
        format!("{}{}", self.schema, self.name)
    }

    fn key(&self) -> Vec<&str> {
        self.columns.iter().filter(|column| column.is_key).map(|column| &*column.name).collect()
    }

    /// Returns the condition that selects a row: the first or the last by the key.
    fn row(&self, last: bool) -> String {
        let key = self.key();
        let order: Vec<String> = key.iter().map(|key| format!("{key} {}", if last { "DESC" } else { "ASC" })).collect();
        let (key, order) = (key.join(", "), order.join(", "));
        format!("({key}) = (SELECT {key} FROM {} ORDER BY {order} LIMIT 1)", self.path())
    }

    fn dump(&self, schema: &str) -> String {
        let columns: Vec<&str> = self.columns.iter().map(|column| &*column.name).collect();
        format!("SELECT {} FROM {schema}{} ORDER BY {}", columns.join(", "), self.name, self.key().join(", "))
    }
}

/// A database that can be copied and changed by hand.
enum Place {
    Directory(PathBuf),
    /// A database, and the statement that gives it back the rows that the schema `kept` has, if they were kept.
    Database(Arc<Database>, Arc<str>),
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Place::Directory(path) = self {
            let _ = std::fs::remove_dir_all(path);
        }
    }
}

impl Place {
    async fn open(&self, shortened: ShortJournal) -> Result<Store, String> {
        let options = Options { shortened, tell: crate::mail::notices::consequences, ..Options::small() };
        let opened = match self {
            Place::Directory(path) => Store::open(path, options),
            Place::Database(database, _) => Store::connect(database.url(), options).await,
        };
        opened.map_err(|error| error.to_string())
    }

    fn copy(&self, n: usize) -> Place {
        match self {
            Place::Directory(path) => {
                scrip_store::Sqlite::empty_logs(path).expect("no process has it open");
                let copy = path.with_extension(n.to_string());
                let _ = std::fs::remove_dir_all(&copy);
                std::fs::create_dir_all(&copy).expect("a directory");
                for name in ["journal.db", "views.db"] {
                    std::fs::copy(path.join(name), copy.join(name)).expect("a copy");
                }
                Place::Directory(copy)
            }
            Place::Database(database, restore) => {
                self.run(restore).expect("the rows were kept");
                Place::Database(Arc::clone(database), Arc::clone(restore))
            }
        }
    }

    /// Keeps the rows of a database, so that changes by hand can be taken back: a copy of it takes a second.
    fn keep(database: Arc<Database>) -> Place {
        let place = Place::Database(Arc::clone(&database), "".into());
        let tables = place.tables();
        let kept = |table: &Table| format!("CREATE TABLE kept.{0} AS SELECT * FROM {0};", table.name);
        let kept: String = tables.iter().map(kept).collect();
        place.run(&format!("CREATE SCHEMA kept; {kept}")).expect("the owner can");
        Place::Database(database, restore(&tables).into())
    }

    /// Returns the rows of a table as the story left them, however they were changed since.
    fn original(&self, table: &Table) -> String {
        let schema = if matches!(self, Place::Database(..)) { "kept." } else { table.schema };
        self.run(&table.dump(schema)).expect("a table")
    }

    /// Runs a statement by hand, and returns its rows, one a line.
    fn run(&self, sql: &str) -> Result<String, String> {
        match self {
            Place::Directory(path) => by_hand(path, sql).map_err(|error| error.to_string()),
            Place::Database(database, _) => query(database.url(), sql),
        }
    }

    fn tables(&self) -> Vec<Table> {
        match self {
            Place::Directory(_) => {
                let schemas = ["main.", "views."];
                let tables = schemas.iter().flat_map(|schema| {
                    let sql = format!("SELECT name FROM {schema}sqlite_master WHERE type = 'table' ORDER BY 1");
                    let names = self.run(&sql).expect("its tables");
                    names.lines().map(|name| (*schema, name.to_owned())).collect::<Vec<_>>()
                });
                let table = |(schema, name): (&'static str, String)| {
                    let named = schema.trim_end_matches('.');
                    let sql = format!("SELECT name, type, pk > 0 FROM pragma_table_info('{name}', '{named}')");
                    Table { schema, columns: columns(&self.run(&sql).expect("its columns")), name }
                };
                tables.map(table).collect()
            }
            Place::Database(..) => {
                let sql = "SELECT table_name FROM information_schema.tables
                           WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' ORDER BY 1";
                let names = self.run(sql).expect("its tables");
                let table = |name: &str| {
                    let sql = format!(
                        "SELECT column_name, data_type, EXISTS (SELECT 1 FROM information_schema.table_constraints t
                         JOIN information_schema.key_column_usage k USING (constraint_name, table_schema, table_name)
                         WHERE t.constraint_type = 'PRIMARY KEY' AND t.table_name = c.table_name
                         AND k.column_name = c.column_name)::int
                         FROM information_schema.columns c WHERE table_schema = current_schema() AND table_name = '{name}'
                         ORDER BY ordinal_position"
                    );
                    let columns = columns(&self.run(&sql).expect("its columns"));
                    Table { schema: "", columns, name: name.to_owned() }
                };
                names.lines().map(table).collect()
            }
        }
    }

    /// Returns another value for a column, of the same kind.
    fn another_value(&self, Column { name, kind, .. }: &Column) -> String {
        match (kind.to_lowercase().as_str(), self) {
            ("bigint" | "integer", _) => format!("COALESCE({name}, 0) + 1000"),
            ("blob", _) => format!("zeroblob(COALESCE(length({name}), 16))"),
            ("bytea", _) => format!("decode(repeat('00', COALESCE(length({name}), 16)), 'hex')"),
            _ => format!(
                "CASE WHEN replace({name}, '1', '2') <> {name} THEN replace({name}, '1', '2')
                 ELSE COALESCE({name}, '') || '7' END"
            ),
        }
    }

    /// Returns the objections of `verify`: none if the place can be opened and its replay finds no difference.
    fn objections(&self) -> Vec<String> {
        // A runtime of its own ends the tasks of the store and closes its connections.
        let judge = || tokio::runtime::Runtime::new().expect("a runtime").block_on(self.judge());
        tokio::task::block_in_place(judge)
    }

    async fn judge(&self) -> Vec<String> {
        let store = match self.open(ShortJournal::Report).await {
            Ok(store) => store,
            Err(error) => return vec![error],
        };
        match verify(&store, |_, _| ()).await {
            Ok(report) => report.differences,
            Err(error) => vec![error.to_string()],
        }
    }
}

fn columns(lines: &str) -> Vec<Column> {
    let column = |line: &str| {
        let parts: Vec<&str> = line.split('|').collect();
        Column { name: parts[0].to_owned(), kind: parts[1].to_owned(), is_key: parts[2] == "1" }
    };
    lines.lines().map(column).collect()
}

/// Returns a statement that ends every other connection and gives each table the rows that were kept.
fn restore(tables: &[Table]) -> String {
    let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'";
    let one = |Table { name, .. }: &Table| {
        format!("DELETE FROM {name}; INSERT INTO {name} OVERRIDING SYSTEM VALUE SELECT * FROM kept.{name};")
    };
    let all: String = tables.iter().map(one).collect();
    format!("{others}; SET session_replication_role = replica; {all}")
}

fn by_hand(directory: &Path, sql: &str) -> Result<String, rusqlite::Error> {
    let connection = Connection::open(directory.join("journal.db"))?;
    connection.execute("ATTACH DATABASE ?1 AS views", [directory.join("views.db").to_string_lossy()])?;
    let mut statement = connection.prepare(sql)?;
    let columns = statement.column_count();
    let mut rows = statement.query([])?;
    let mut lines = Vec::new();
    while let Some(row) = rows.next()? {
        let value = |column: usize| {
            Ok(match row.get_ref(column)? {
                ValueRef::Null => String::new(),
                ValueRef::Integer(number) => number.to_string(),
                ValueRef::Real(number) => number.to_string(),
                ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
                ValueRef::Blob(bytes) => crate::crypto::hex(bytes),
            })
        };
        lines.push((0..columns).map(value).collect::<Result<Vec<_>, rusqlite::Error>>()?.join("|"));
    }
    Ok(lines.join("\n"))
}

/// Changes that were tried and not found, for comparison with the lists.
#[derive(Default)]
struct Silent {
    columns: BTreeSet<(String, String)>,
    lost: BTreeSet<String>,
    planted: BTreeSet<String>,
    /// Columns whose change was taken back by opening or replaying.
    healed: BTreeSet<(String, String)>,
    tried: usize,
    /// Number of changes that were met, tried or not.
    met: usize,
    /// One of this number of changes is tried.
    share: usize,
}

impl Silent {
    /// Returns true if the next change is among those that are tried.
    fn takes(&mut self) -> bool {
        self.met += 1;
        self.met.is_multiple_of(self.share.max(1))
    }

    /// Makes a change by hand; returns `true` if nothing objects and the change is still there.
    async fn is_silent(&mut self, story: &Place, table: &Table, column: &str, sql: &str) -> bool {
        if !self.takes() {
            return false;
        }
        self.tried += 1;
        let copy = story.copy(self.tried);
        if copy.run(sql).is_err() {
            // The database itself refuses it.
            return false;
        }
        if !copy.objections().is_empty() {
            return false;
        }
        let is_there = story.original(table) != copy.run(&table.dump(table.schema)).expect("a table");
        if !is_there {
            self.healed.insert((table.name.clone(), column.to_owned()));
        }
        is_there
    }
}

/// Tries one of `share` changes, and compares those that were not found with the lists: changes that were not tried are
/// on none.
async fn try_changes(story: Place, share: usize) {
    assert_eq!(story.copy(0).objections(), Vec::<String>::new(), "the story itself is sound");
    let tables = story.tables();
    let mut silent = Silent { share, ..Silent::default() };
    for table in &tables {
        let (path, name) = (table.path(), &table.name);
        if EMPTY.iter().any(|(empty, _)| empty == name) {
            continue;
        }
        let count = story.run(&format!("SELECT COUNT(*) FROM {path}")).expect("a number");
        assert_ne!(count, "0", "the story has no row in {name}");
        let rows = if count == "1" { vec![true] } else { vec![false, true] };
        for column in &table.columns {
            for last in &rows {
                let to = story.another_value(column);
                let sql = format!("UPDATE {path} SET {} = {to} WHERE {}", column.name, table.row(*last));
                // A date that cannot be read keeps a directory from being opened; any other date is as good as the true
                // one.
                let is_date = column.name == "applied_on" && share == 1;
                if is_date || silent.is_silent(&story, table, &column.name, &sql).await {
                    silent.columns.insert((name.clone(), column.name.clone()));
                }
            }
        }
        for last in &rows {
            let sql = format!("DELETE FROM {path} WHERE {}", table.row(*last));
            if silent.is_silent(&story, table, "", &sql).await {
                silent.lost.insert(name.clone());
            }
        }
        // A copy of another row, with a key of its own and the other's seal.
        let key = table.key();
        let planted = |all: bool| {
            let value = |column: &Column| {
                let is_text =
                    matches!(&*column.kind.to_lowercase(), "text" | "blob" | "bytea") && column.name != "seal";
                let is_other = Some(&&*column.name) == key.last() || all && (column.is_key || is_text);
                if is_other { story.another_value(column) } else { column.name.clone() }
            };
            let (names, values): (Vec<String>, Vec<String>) =
                table.columns.iter().map(|column| (column.name.clone(), value(column))).unzip();
            let (names, values) = (names.join(", "), values.join(", "));
            format!("INSERT INTO {path} ({names}) SELECT {values} FROM {path} WHERE {}", table.row(true))
        };
        let sql = planted(story.copy(0).run(&planted(false)).is_err());
        if silent.is_silent(&story, table, "", &sql).await {
            silent.planted.insert(name.clone());
        }
    }
    let is_here = |table: &str| tables.iter().any(|known| known.name == table);
    let has = |table: &str, name: &str| {
        tables.iter().any(|known| known.name == table && known.columns.iter().any(|column| column.name == name))
    };
    let more = if matches!(story, Place::Database(..)) { OPERATIONAL_IN_A_DATABASE } else { &[] };
    let columns = OPERATIONAL.iter().chain(more).filter(|(table, column, _)| has(table, column));
    let columns: BTreeSet<(String, String)> =
        columns.map(|(table, column, _)| (table.to_string(), column.to_string())).collect();
    let of = |list: &[(&str, &str)]| -> BTreeSet<String> {
        list.iter().map(|(table, _)| table.to_string()).filter(|table| is_here(table)).collect()
    };
    println!("{} of {} changes tried, {} healed", silent.tried, silent.met, silent.healed.len());
    if share > 1 {
        assert!(silent.columns.is_subset(&columns), "changed unseen: {:?}", silent.columns.difference(&columns));
        assert!(silent.lost.is_subset(&of(LOST)), "lost unseen: {:?}", silent.lost);
        assert!(silent.planted.is_subset(&of(PLANTED)), "planted unseen: {:?}", silent.planted);
        return;
    }
    // A change that is healed on one engine may be silent on the other.
    silent.columns.extend(columns.intersection(&silent.healed).cloned());
    assert_eq!(silent.columns, columns, "columns that can be changed unseen, and the list of those that may");
    assert_eq!(silent.lost, of(LOST), "tables that can lose a row unseen, and the list of those that may");
    assert_eq!(silent.planted, of(PLANTED), "tables that can be given a row unseen, and the list of those that may");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_in_a_directory_is_found_or_operational() {
    let path = std::env::temp_dir().join(format!("scrip-tamper-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    let place = Place::Directory(path.clone());
    story::tell(&place.open(ShortJournal::Refuse).await.unwrap_or_else(|error| panic!("{error}"))).await;
    for trigger in ["entries_stay", "entries_last", "acts_stay", "acts_last"] {
        place.run(&format!("DROP TRIGGER {trigger}")).expect("a process that may write the file can");
    }
    try_changes(place, 1).await;
}

/// Tries a sample of the changes, and all of them with `TAMPER_SHARE=1`.
#[tokio::test(flavor = "multi_thread")]
async fn every_change_in_a_database_is_found_or_operational() {
    let database = Arc::new(database());
    let place = Place::Database(Arc::clone(&database), "".into());
    story::tell(&place.open(ShortJournal::Refuse).await.unwrap_or_else(|error| panic!("{error}"))).await;
    for sql in [
        "DROP TRIGGER entries_stay ON entries",
        "DROP TRIGGER entries_last ON entries",
        "ALTER TABLE entries ALTER position SET GENERATED BY DEFAULT",
    ] {
        place.run(sql).expect("the owner can");
    }
    let place = Place::keep(database);
    let share = std::env::var("TAMPER_SHARE").map_or(16, |share| share.parse().expect("TAMPER_SHARE is a number"));
    try_changes(place, share).await;
}
