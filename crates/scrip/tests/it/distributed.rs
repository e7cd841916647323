//! Distribution: a journal in parts by workspace, in partitions of one database, which are served, and on several
//! nodes, which are not.

use scrip_testing::app::App;
use scrip_testing::journal::Journal;
use scrip_testing::postgres::{Database, database};
use serde_json::json;
use std::process::{Command, Output};
use std::sync::Arc;

fn scrip(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scrip"));
    command.args(arguments).env_remove("SCRIP_DATABASE_URL").env_remove("SCRIP_DATA");
    command.output().expect("the built binary starts")
}

/// Runs a verb, which must succeed, and returns its output.
fn output_of(arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = scrip(arguments);
    assert!(status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).expect("it prints text")
}

/// Runs a verb, which must be refused, and returns its error.
fn error_of(arguments: &[&str]) -> String {
    let Output { status, stderr, .. } = scrip(arguments);
    let text = String::from_utf8_lossy(&stderr).into_owned();
    assert_eq!(status.code(), Some(1), "{arguments:?}: {text}");
    text
}

fn part<'a>(url: &'a str, parts: &'a str) -> [&'a str; 8] {
    ["migrate", "--distributed", "partitions", "--parts", parts, "--run", "--to", url]
}

/// Returns the number of entries in each partition that has any.
fn parts(database: &Database) -> Vec<i64> {
    let found = database.query("SELECT count(*) FROM entries GROUP BY tableoid ORDER BY tableoid");
    found.lines().map(|count| count.parse().expect("a number")).collect()
}

#[tokio::test]
async fn a_journal_with_entries_is_parted_and_nobody_sees_a_difference() {
    let mut app = App::on_journal(Journal::Postgres(Arc::new(database())), Vec::new());
    for n in 0..40 {
        let desk = app.free().await;
        desk.post("/v1/holds", json!({ "credits": n + 1, "reference": "r" })).await.expect(201);
    }
    let told = error_of(&part(app.database().url(), "4"));
    assert!(told.contains("a scrip server is connected to this database: stop it first"), "{told}");
    let before = app.verify();
    let columns = "SELECT md5(string_agg(e::text, '|' ORDER BY position)) FROM
        (SELECT workspace, seq, position, at, idempotency_key, request_hash, next_due_at, body, previous_hash, hash
         FROM entries) AS e";
    let rows = app.database().query(columns);
    assert_eq!(output_of(&part(app.database().url(), "4")), "the journal is in 4 partitions\n");
    assert_eq!(app.database().query(columns), rows, "every column is as it was");
    let spread = parts(app.database());
    assert_eq!((spread.len(), spread.iter().sum::<i64>()), (4, 80), "{spread:?}");
    assert_eq!(app.verify(), before, "it replays to the same digest");
    assert!(error_of(&part(app.database().url(), "4")).contains("in parts already"));
    // Positions go on, rows stay, and the fold goes on where it was.
    app.restart();
    let desk = app.free().await;
    let hold = desk.post("/v1/holds", json!({ "credits": 1, "reference": "r" })).await.expect(201);
    let id = hold["id"].as_str().expect("an id");
    assert_eq!(desk.get(&format!("/v1/holds/{id}")).await.expect(200)["status"], "open");
    let positions = "SELECT count(*), count(DISTINCT position), min(position) FROM entries";
    assert_eq!(app.database().query(positions), "82|82|1");
    for sql in ["UPDATE entries SET at = 0", "DELETE FROM entries_0", "TRUNCATE entries", "TRUNCATE entries_3"] {
        let error = scrip_testing::postgres::query(app.database().url(), sql).expect_err("entries stay");
        assert!(error.contains("journal entries never change and are never deleted"), "{sql}: {error}");
    }
    assert_eq!(app.verify()["entries"], 82);
}

#[tokio::test]
async fn a_directory_moves_into_a_database_in_partitions() {
    let mut app = App::on_files(scrip_testing::app::temporary(), Vec::new());
    for _ in 0..20 {
        app.free().await;
    }
    app.kill();
    let (database, data) = (database(), app.data());
    output_of(&part(database.url(), "3"));
    output_of(&["migrate", "--from", data.to_str().expect("UTF-8"), "--to", database.url()]);
    assert_eq!(parts(&database).iter().sum::<i64>(), 20);
    app.move_to(database);
    app.restart();
    let desk = app.free().await;
    desk.post("/v1/holds", json!({ "credits": 1, "reference": "r" })).await.expect(201);
    assert_eq!(app.verify()["entries"], 22);
}

/// The statements that are printed are those that are run.
#[test]
fn printed_statements_run_at_the_prompt() {
    let database = database();
    output_of(&["migrate", "--database-url", database.url()]);
    database.query(&output_of(&["migrate", "--distributed", "partitions", "--parts", "2"]));
    assert_eq!(database.query("SELECT count(*) FROM pg_inherits WHERE inhparent = 'entries'::regclass"), "2");
    output_of(&["verify", "--database-url", database.url()]);
}

/// Stand-ins for the functions of Citus, which write the tables that Citus has. They check what Citus asks for: that
/// every unique key has the column by which a table is distributed.
const CITUS: &str = "CREATE TABLE pg_dist_partition (logicalrelid regclass, colocationid int);
    CREATE SEQUENCE groups;
    CREATE FUNCTION create_distributed_table(name text, by text, colocate_with text DEFAULT 'default') RETURNS void
    LANGUAGE plpgsql AS $$ BEGIN
        IF EXISTS (SELECT 1 FROM pg_index WHERE indrelid = name::regclass AND indisunique AND NOT EXISTS
            (SELECT 1 FROM pg_attribute WHERE attrelid = indrelid AND attnum = ANY(indkey) AND attname = by)) THEN
            RAISE 'a unique key of % does not have %', name, by;
        END IF;
        IF current_setting('citus.enable_unsafe_triggers', true) IS DISTINCT FROM 'on' AND EXISTS
            (SELECT 1 FROM pg_trigger WHERE tgrelid = name::regclass AND NOT tgisinternal) THEN
            RAISE '% has triggers', name;
        END IF;
        INSERT INTO pg_dist_partition SELECT name::regclass, CASE WHEN colocate_with IN ('default', 'none')
            THEN nextval('groups') ELSE (SELECT colocationid FROM pg_dist_partition WHERE logicalrelid = colocate_with::regclass)
            END;
    END $$;
    CREATE FUNCTION create_reference_table(name text) RETURNS void
    LANGUAGE sql AS $$ INSERT INTO pg_dist_partition VALUES (name::regclass, 0) $$";

/// A real cluster is not here; what stands for it shows that every table has its place, and that halves are refused.
#[test]
fn statements_for_a_cluster_of_nodes_give_every_table_its_place() {
    let database = database();
    let told = error_of(&["migrate", "--distributed", "citus", "--run", "--to", database.url()]);
    assert!(told.contains("the database needs the extension citus, 13 or newer, and it has none"), "{told}");
    output_of(&["migrate", "--database-url", database.url()]);
    database.query(CITUS);
    output_of(&["verify", "--database-url", database.url()]);
    database.query("INSERT INTO pg_dist_partition VALUES ('entries'::regclass, 1)");
    let told = error_of(&["verify", "--database-url", database.url()]);
    assert!(told.contains("is not distributed with the entries of its workspaces"), "{told}");
    database.query("DELETE FROM pg_dist_partition");
    database.query(&output_of(&["migrate", "--distributed", "citus"]));
    let missed =
        "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
                  AND oid NOT IN (SELECT logicalrelid FROM pg_dist_partition) ORDER BY 1";
    let missed = database.query(missed);
    assert_eq!(missed.lines().collect::<Vec<_>>(), ["pg_dist_partition", "refinery_schema_history"]);
}

#[tokio::test]
async fn a_partition_on_another_server_is_refused() {
    let mut app = App::on_files(scrip_testing::app::temporary(), Vec::new());
    app.free().await;
    app.kill();
    let (data, database) = (app.data(), database());
    output_of(&["migrate", "--database-url", database.url()]);
    // A foreign table cannot be under a unique index, so an operator who adds one has taken the journal's keys away.
    database.query(
        "CREATE EXTENSION postgres_fdw; CREATE SERVER other FOREIGN DATA WRAPPER postgres_fdw;
         ALTER TABLE entries RENAME TO entries_here;
         CREATE TABLE entries (LIKE entries_here INCLUDING DEFAULTS) PARTITION BY HASH (workspace);
         CREATE FOREIGN TABLE entries_there PARTITION OF entries FOR VALUES WITH (MODULUS 2, REMAINDER 0) SERVER other",
    );
    for refusing in [
        vec!["verify", "--database-url", database.url()],
        vec!["migrate", "--from", data.to_str().expect("UTF-8"), "--to", database.url()],
    ] {
        let told = error_of(&refusing);
        assert!(told.contains("are in foreign tables, which no unique key guards"), "{told}");
    }
}
