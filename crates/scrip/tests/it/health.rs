//! `/readyz` while the data directory is in trouble, and afterwards.

#![allow(clippy::disallowed_methods, reason = "how long an answer takes is what these stories are about")]

use reqwest::Method;
use rusqlite::Connection;
use scrip_testing::app::{App, PATIENCE, temporary};
use scrip_testing::disk::Disk;
use serde_json::json;
use std::process::Command;
use std::time::{Duration, Instant};

const UNWRITABLE: &str = "not ready: the store cannot be written";
const SILENT: &str = "not ready: the store does not answer";
const BEHIND: &str = "not ready: the projections stand still";
/// Maximum time of an answer, whatever the state of the store.
const ANSWERED: Duration = Duration::from_millis(2_500);

fn fresh() -> App {
    App::on_files(temporary(), Vec::new())
}

/// Opens a connection of another program to a database of a server, which keeps every other writer out.
fn lock_database(app: &App, name: &str) -> Connection {
    let connection = Connection::open(app.data().join(name)).expect("it is there");
    connection.busy_timeout(Duration::from_secs(30)).expect("it is a number");
    connection.execute_batch("BEGIN IMMEDIATE").expect("no other connection writes for a moment");
    connection
}

#[tokio::test]
async fn a_disk_that_is_full_is_not_ready_and_one_with_room_is() {
    let disk = Disk::of_megabytes(24);
    let directory = disk.0.join("scrip");
    std::fs::create_dir(&directory).expect("a directory can be made");
    let app = App::on_files(directory, Vec::new());
    app.readiness("ready").await;
    disk.fill(0);
    app.readiness(UNWRITABLE).await;
    assert!(app.log().contains("No space left"), "{}", app.log());
    let answer = app.bare(Method::GET, "/healthz").send().await;
    assert_eq!(answer.status, 200, "it is alive");
    disk.free();
    app.readiness("ready").await;
    let left: Vec<String> = std::fs::read_dir(app.data())
        .expect("it is there")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("probe"))
        .collect();
    assert_eq!(left, Vec::<String>::new());
}

#[tokio::test]
async fn a_journal_that_another_program_holds_is_not_ready_and_everybody_is_answered() {
    let app = fresh();
    let connection = lock_database(&app, "journal.db");
    app.readiness(SILENT).await;
    // Many requests at once are answered as soon as one.
    let begun = Instant::now();
    let asked = (0..50).map(|_| app.bare(Method::GET, "/readyz").send());
    for answer in futures_util::future::join_all(asked).await {
        assert_eq!(answer.status, 503);
    }
    assert!(begun.elapsed() < ANSWERED, "{:?}", begun.elapsed());
    app.readiness(UNWRITABLE).await;
    drop(connection);
    app.readiness("ready").await;
}

#[tokio::test]
async fn projections_that_stand_still_are_not_ready() {
    let app = fresh();
    let connection = lock_database(&app, "views.db");
    let desk = app.free().await;
    desk.call(Method::POST, "/v1/holds").once().json(&json!({ "credits": 1, "reference": "r" })).send().await;
    app.readiness(BEHIND).await;
    drop(connection);
    app.readiness("ready").await;
}

#[tokio::test]
async fn a_directory_that_was_moved_away_is_not_ready() {
    let app = fresh();
    app.readiness("ready").await;
    let elsewhere = app.directory.join("elsewhere");
    std::fs::rename(app.data(), &elsewhere).expect("it can be moved");
    app.readiness(UNWRITABLE).await;
    std::fs::rename(&elsewhere, app.data()).expect("it can be moved back");
    app.readiness("ready").await;
}

/// Checks that a server is not ready once a file or directory that it has open is moved away or replaced.
async fn check_replaced_file(name: &str) {
    let app = fresh();
    let (file, kept) = (app.data().join(name), app.data().join("kept.db"));
    std::fs::rename(&file, &kept).expect("it can be moved");
    app.readiness(UNWRITABLE).await;
    std::fs::write(&file, "").expect("it can be written");
    let noticed = async {
        while !app.log().contains("another file than the one opened") {
            app.readiness(UNWRITABLE).await;
        }
    };
    tokio::time::timeout(PATIENCE, noticed).await.expect("another file is noticed");
    std::fs::rename(&kept, &file).expect("it can be moved back");
    app.readiness("ready").await;
}

#[tokio::test]
async fn a_journal_that_was_replaced_is_not_ready() {
    check_replaced_file("journal.db").await;
}

#[tokio::test]
async fn projections_that_were_replaced_are_not_ready() {
    check_replaced_file("views.db").await;
}

#[tokio::test]
async fn a_directory_that_nobody_may_write_in_is_not_ready() {
    let disk = Disk::of_megabytes(24);
    let directory = disk.0.join("scrip");
    std::fs::create_dir(&directory).expect("a directory can be made");
    let app = App::on_files(directory, Vec::new());
    let flagged = |flag: &str| {
        let done = Command::new("chattr").arg(flag).arg(app.data()).status();
        assert!(done.expect("chattr is there").success(), "a directory of a tmpfs can be made immutable by root");
    };
    flagged("+i");
    app.readiness(UNWRITABLE).await;
    flagged("-i");
    app.readiness("ready").await;
}

#[tokio::test]
async fn a_probe_costs_a_row_a_second_however_many_ask() {
    let app = fresh();
    let asked = (0..200).map(|_| app.bare(Method::GET, "/readyz").send());
    for answer in futures_util::future::join_all(asked).await {
        assert_eq!((answer.status, &answer.bytes[..]), (200, &b"ready\n"[..]));
    }
    let mut app = app;
    app.kill();
    assert_eq!(app.query("SELECT count(*) FROM settings WHERE name = 'probe'"), "1");
    app.verify();
}
