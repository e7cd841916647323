//! Clocks: processes whose machines disagree about the time.

use scrip_engine::Timestamp;
use scrip_testing::app::{App, Desk, temporary};
use scrip_testing::faketime::{fake_environment, instants};
use scrip_testing::journal::Journal;
use scrip_testing::postgres::database;
use serde_json::json;
use std::sync::Arc;

fn on_the_databases_clock(app: &App) -> Timestamp {
    let sql = "SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::bigint";
    Timestamp::from_micros(app.database().query(sql).parse().expect("microseconds"))
}

fn seconds(from: Timestamp, to: Timestamp) -> i64 {
    (to.micros() - from.micros()) / 1_000_000
}

#[tokio::test(flavor = "multi_thread")]
async fn clocks_ten_minutes_apart_are_the_databases_clock() {
    let directory = temporary();
    let (slow, fast) = (directory.join("slow"), directory.join("fast"));
    let set = |file: &std::path::Path, time: &str| std::fs::write(file, format!("{time}\n")).expect("written");
    set(&slow, "-5m");
    set(&fast, "+5m");
    let mut one = App::on_journal(Journal::Postgres(Arc::new(database())), fake_environment(&slow));
    let other = one.beside(fake_environment(&fast));
    let begun = on_the_databases_clock(&one);
    let id = one.free().await.id;
    for round in 0..60 {
        // Halfway the clocks are set while the processes run: one back by far, the other one on.
        if round == 20 {
            set(&slow, "-9h");
            set(&fast, "+9h");
        }
        if round == 40 {
            set(&slow, "+0");
            set(&fast, "-1d");
        }
        let app = if round % 2 == 0 { &one } else { &other };
        let desk = Desk { app, id: id.clone() };
        desk.post("/v1/holds", json!({ "credits": 1, "reference": "r", "seconds": 3600 })).await.expect(201);
    }
    let entries = Desk { app: &one, id }.entries().await;
    let (instants, ended) = (instants(&entries), on_the_databases_clock(&one));
    assert_eq!(entries.len(), 61);
    assert!(instants.is_sorted(), "{instants:?}");
    for at in instants {
        assert!(seconds(begun, at) >= -1 && seconds(at, ended) >= -1, "{at} is not between {begun} and {ended}");
    }
    drop(other);
    one.verify();
    std::fs::remove_dir_all(directory).expect("it is there");
}
