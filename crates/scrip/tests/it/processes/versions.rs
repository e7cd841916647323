//! Schemas of other versions: one that is newer than the binary, and one that becomes so while it serves.

use super::Peers;
use reqwest::Method;
use scrip_testing::app::text;
use scrip_testing::load::{Load, again, check_totals};
use serde_json::json;

/// Row that a later version of the binary writes when it has migrated the schema.
const LATER: &str = "INSERT INTO refinery_schema_history (version, name, applied_on, checksum)
                     VALUES (99, 'later', '2026-01-01T00:00:00Z', '1')";

/// Tables that requests, workers and the folding of the journal use all the time.
const BUSY: [&str; 5] = ["entries", "workspaces", "runs", "queue", "holds"];
const OTHERS: [&str; 8] =
    ["settings", "operator_keys", "catalogs", "test_clocks", "claims", "mails", "snapshots", "usage"];

/// Returns the statement that adds a column that may be empty.
fn wider(table: &str) -> String {
    format!("ALTER TABLE {table} ADD COLUMN later TEXT")
}

/// Other statements that only add to the schema.
const MORE: [&str; 3] = [
    "CREATE TABLE later (workspace BIGINT NOT NULL PRIMARY KEY, told TEXT)",
    "CREATE INDEX entries_by_later ON entries (workspace, later) WHERE later IS NOT NULL",
    LATER,
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_later_version_brings_the_schema_up_every_request_keeps_working() {
    let mut peers = Peers::start(2);
    let mut load = Load::on(&peers.0[0], 8, 0x0dd1_71fe_5c3e_3a00).await;
    let wires = peers.wires();
    // Each in a transaction of its own, as migrations are: a transaction that changes two tables may end in a deadlock
    // with one that reads both.
    for statement in BUSY.map(wider).iter().map(String::as_str).chain(MORE) {
        let asked = load.until(&wires, || drop(peers.database().query(statement))).await;
        load.everything.extend(asked);
    }
    OTHERS.map(wider).iter().for_each(|statement| drop(peers.database().query(statement)));
    let asked = load.until(&wires, || ()).await;
    load.everything.extend(asked);
    println!("{} asked while the schema was brought up", load.everything.len());
    assert_eq!(load.cut_off, 0, "no caller was told to come back");
    let mut everything = std::mem::take(&mut load.everything);
    assert_eq!(again(&wires, None, &mut everything).await, 0, "nor when they asked again");
    check_totals(&peers.0[1], &everything, &load.workspaces).await;

    // A server that is started now belongs to the later version; this one says so, and changes nothing.
    let entries = peers.database().query("SELECT count(*), max(position) FROM entries");
    let refused = peers.0[1].second();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success(), "it started over a schema it does not know");
    assert!(said.contains("its schema is not one this version of scrip knows"), "{said}");
    assert_eq!(peers.database().query("SELECT count(*), max(position) FROM entries"), entries);
    peers.desk(0, &load.workspaces[0]).give(1).await;

    peers.0.iter_mut().for_each(scrip_testing::app::App::kill);
    peers.database().query("DELETE FROM refinery_schema_history WHERE version = 99");
    peers.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_only_a_later_version_can_read_is_not_guessed_at() {
    let peers = Peers::start(2);
    let (other, id) = (peers.0[0].free().await.id, peers.0[0].free().await.id);
    for at in 0..2 {
        assert_eq!(peers.desk(at, &id).credits().await, (250, 0));
    }
    let workspace = peers.database().query("SELECT workspace FROM entries ORDER BY position DESC LIMIT 1");
    peers.database().query(&format!(
        "INSERT INTO entries (workspace, seq, at, body, previous_hash, hash)
         SELECT workspace, 2, at, jsonb_set(body::jsonb, '{{events}}', '[{{\"later\": 1}}]')::text, hash, sha256('later')
         FROM entries WHERE workspace = {workspace}"
    ));
    let body = json!({ "credits": 1, "reference": "later" });
    let mut holds = Vec::new();
    for at in 0..2 {
        let desk = peers.desk(at, &id);
        let hold = desk.call(Method::POST, "/v1/holds").key("later").json(&body).send().await;
        for answer in [hold, desk.get("/v1/balance").await] {
            answer.problem(503, "UNAVAILABLE");
            assert!(answer.header("retry-after").is_some(), "{answer:?}");
        }
        // No other session uses it.
        let desk = peers.desk(at, &other);
        holds.push(text(&desk.post("/v1/holds", body.clone()).await.expect(201)["id"]));
        assert_eq!(desk.credits().await.1, holds.len() as i64);
    }
    // Other workspaces' rows do not wait for it.
    for hold in &holds {
        peers.0[0].get(&format!("/v1/holds/{hold}")).await.expect(200);
    }

    peers.database().query(
        "ALTER TABLE entries DISABLE TRIGGER entries_stay; DELETE FROM entries WHERE hash = sha256('later');
         ALTER TABLE entries ENABLE TRIGGER entries_stay",
    );
    for at in 0..2 {
        peers.desk(at, &id).call(Method::POST, "/v1/holds").key("later").json(&body).send().await.expect(201);
    }
    assert_eq!(peers.desk(0, &id).credits().await, (249, 1));
    peers.verify();
}
