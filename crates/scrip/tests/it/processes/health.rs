//! `/readyz` while the database is in trouble, and afterwards.

#![allow(clippy::disallowed_methods, reason = "how long an answer takes is what these stories are about")]

use super::cluster::Cluster;
use reqwest::Method;
use scrip_testing::app::{App, PATIENCE, half_a_request, temporary};
use scrip_testing::disk::Disk;
use scrip_testing::journal::Journal;
use scrip_testing::postgres::{Role, database, query};
use serde_json::json;
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

const UNWRITABLE: &str = "not ready: the store cannot be written";
const SILENT: &str = "not ready: the store does not answer";
/// Maximum time of an answer, whatever the state of the database.
const ANSWERED: Duration = Duration::from_millis(2_500);

fn on(cluster: &Cluster) -> App {
    App::on_journal(Journal::Postgres(Arc::new(cluster.database())), Vec::new())
}

/// A session that has run a statement in a transaction and goes on for as long as this lives.
struct Session(Child);

impl Session {
    fn of(url: &str, sql: &str) -> Session {
        let mut command = scrip_testing::postgres::psql(url);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("psql starts");
        let mut input = child.stdin.as_ref().expect("it is piped");
        writeln!(input, "BEGIN; {sql}; SELECT 'done';").expect("it reads");
        let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().expect("it is piped")));
        while lines.next().expect("it goes on").expect("it is text") != "done" {}
        Session(child)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_database_that_is_frozen_or_down_is_not_ready() {
    let cluster = Cluster::start();
    let app = on(&cluster);
    app.readiness("ready").await;
    let frozen = cluster.freeze();
    app.readiness(SILENT).await;
    let begun = Instant::now();
    let asked = (0..30).map(|_| app.bare(Method::GET, "/readyz").send());
    for answer in futures_util::future::join_all(asked).await {
        assert_eq!(answer.status, 503);
    }
    assert!(begun.elapsed() < ANSWERED, "{:?}", begun.elapsed());
    assert_eq!(app.bare(Method::GET, "/healthz").send().await.status, 200, "it is alive");
    drop(frozen);
    app.readiness("ready").await;
    // The cluster starts again by itself, so it is kept down by being killed again and again.
    let down = async {
        loop {
            if query(cluster.url(), "SELECT 1").is_ok() {
                cluster.kill();
            }
            let answer = app.bare(Method::GET, "/readyz").send().await;
            if answer.status == 503 {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, down).await.expect("a database that is down is noticed");
    app.readiness("ready").await;
}

#[tokio::test]
async fn a_database_that_is_read_only_is_not_ready() {
    let cluster = Cluster::start();
    let app = on(&cluster);
    let set = |value: &str| {
        query(cluster.url(), &format!("ALTER SYSTEM SET default_transaction_read_only = {value}")).expect("it is set");
        query(cluster.url(), "SELECT pg_reload_conf()").expect("it is read");
    };
    set("on");
    app.readiness(UNWRITABLE).await;
    // A read-only session may still change this setting.
    query(cluster.url(), "SET default_transaction_read_only = off; ALTER SYSTEM RESET default_transaction_read_only")
        .or_else(|_| {
            let url = format!("{}?options=-cdefault_transaction_read_only%3Doff", cluster.url());
            query(&url, "ALTER SYSTEM RESET default_transaction_read_only")
        })
        .expect("it is set back");
    query(cluster.url(), "SELECT pg_reload_conf()").expect("it is read");
    app.readiness("ready").await;
}

#[tokio::test]
async fn a_database_whose_disk_is_full_is_not_ready() {
    let disk = Disk::of_megabytes(192);
    let cluster = Cluster::start_in(&disk.0);
    let app = on(&cluster);
    let desk = app.free().await;
    desk.give(1_000_000).await;
    app.readiness("ready").await;
    disk.fill(0);
    let refused = async {
        for n in 0.. {
            let body = json!({ "credits": 1, "reference": format!("r{n}") });
            let asked = desk.call(Method::POST, "/v1/holds").once().json(&body).send().await;
            if asked.status == 503 {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, refused).await.expect("there is no room");
    app.readiness(UNWRITABLE).await;
    disk.free();
    app.readiness("ready").await;
}

#[tokio::test]
async fn a_table_that_is_locked_is_not_ready_and_an_endless_transaction_is() {
    let app = App::on_journal(Journal::Postgres(Arc::new(database())), Vec::new());
    let url = app.database().url().to_owned();
    let desk = app.free().await;
    {
        let _session = Session::of(&url, "LOCK TABLE settings IN ACCESS EXCLUSIVE MODE");
        app.readiness(SILENT).await;
    }
    app.readiness("ready").await;
    {
        // A transaction that writes and does not end, in any session, stops nothing.
        let _session = Session::of(&url, "SELECT pg_current_xact_id()");
        desk.post("/v1/holds", json!({ "credits": 1, "reference": "s" })).await.expect(201);
        app.readiness("ready").await;
    }
}

#[tokio::test]
async fn a_database_that_lets_nobody_in_or_takes_a_right_away_is_not_ready() {
    let role = Role::new();
    let database = Arc::new(database());
    let given = |sql: &str| database.query(&sql.replace("ROLE", role.name()));
    let mut migrate = Command::new(env!("CARGO_BIN_EXE_scrip"));
    migrate.args(["migrate", "--role", role.name(), "--database-url", database.url()]);
    let done = migrate.output().expect("it starts");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let url = role.url(&database);
    let app = App::on_journal(Journal::Postgres(Arc::clone(&database)), vec![]);
    app.readiness("ready").await;
    let name = database.query("SELECT current_database()");
    let cluster = std::env::var(scrip_testing::postgres::CLUSTER).expect("there is a cluster");
    query(&cluster, &format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false")).expect("it is set");
    let ended = format!("SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE datname = '{name}'");
    query(&cluster, &ended).expect("they are ended");
    app.readiness(UNWRITABLE).await;
    query(&cluster, &format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true")).expect("it is set");
    app.readiness("ready").await;
    drop(app);

    let app = App::on_files(temporary(), vec![("SCRIP_DATABASE_URL".to_owned(), url)]);
    app.readiness("ready").await;
    given("REVOKE UPDATE ON settings FROM ROLE");
    app.readiness(UNWRITABLE).await;
    given("GRANT UPDATE ON settings TO ROLE");
    app.readiness("ready").await;
}

#[tokio::test]
async fn a_server_that_stops_is_not_ready() {
    let app = App::on_journal(Journal::Postgres(Arc::new(database())), Vec::new());
    let stream = half_a_request(&app);
    app.readiness("ready").await;
    app.terminate();
    app.readiness("not ready: the server is stopping").await;
    drop(stream);
    app.wait_until_ended().await;
}
