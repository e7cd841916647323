//! Shortages: the database runs out of disk, or of connections, under servers that go on.

use super::Peers;
use super::cluster::Cluster;
use futures_util::future::join_all;
use reqwest::Method;
use scrip_testing::app::{Answer, App, PATIENCE};
use scrip_testing::disk::Disk;
use scrip_testing::load::{Load, SentRequest, Wire, again, check_totals};
use scrip_testing::postgres::query;
use serde_json::json;
use std::process::Command;
use tokio_postgres::NoTls;
use tokio_postgres::error::SqlState;

/// Requests holds until `many` were put off, and returns every request.
async fn put_off(wires: &[Wire], workspaces: &[String], name: &str, many: usize) -> Vec<SentRequest> {
    let (mut all, mut refused) = (Vec::new(), 0);
    for n in 0.. {
        assert!(n < 2_000, "{name}: hardly any request is put off");
        let body = json!({ "credits": 3, "reference": name, "seconds": 1 });
        let (workspace, through) = (workspaces[n % workspaces.len()].clone(), n % wires.len());
        let mut asked =
            SentRequest { key: format!("{name}-{n}"), workspace, path: "/v1/holds", body, id: None, through };
        match wires[through].send(&asked).await.expect("the server is up") {
            (201, _, body) => asked.id = body["id"].as_str().map(str::to_owned),
            (503, ..) => refused += 1,
            other => panic!("{asked:?}: {other:?}"),
        }
        all.push(asked);
        if refused == many {
            break;
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_whose_disk_is_full_says_so_and_goes_on_when_there_is_room() {
    let disk = Disk::of_megabytes(192);
    let cluster = Cluster::start_in(&disk.0);
    let peers = Peers::on(cluster.database(), 2);
    let mut load = Load::on(&peers.0[0], 8, 0xf111_ed00_d15c_f111).await;
    let wires = peers.wires();
    let mut panics = 0;
    for name in ["tables", "log"] {
        let mut asked = load.until(&wires, || disk.fill(0)).await;
        asked.extend(put_off(&wires, &load.workspaces, name, 20).await);
        if name == "log" {
            // The database's own log has no room left in the file it has: it cannot go on at all, nor come up again.
            let started = "SELECT pg_postmaster_start_time()";
            let before = query(cluster.url(), started);
            let _ = query(cluster.url(), "SELECT pg_switch_wal()");
            asked.extend(put_off(&wires, &load.workspaces, "down", 20).await);
            let down = async {
                while query(cluster.url(), "SELECT txid_current()").is_ok() && query(cluster.url(), started) == before {
                    tokio::task::yield_now().await;
                }
            };
            tokio::time::timeout(PATIENCE, down).await.expect("it stops when it cannot write its log");
            panics += 1;
        }
        for app in &peers.0 {
            assert_eq!(app.call(Method::GET, "/healthz").send().await.status, 200, "it is alive");
        }
        disk.free();
        let delayed = again(&wires, None, &mut asked).await;
        println!("{name}: {} asked, {delayed} told to come back when there was room", asked.len());
        load.everything.extend(asked);
    }
    assert_eq!(panics, 1);
    again(&wires, None, &mut load.everything).await;
    check_totals(&peers.0[1], &load.everything, &load.workspaces).await;
    peers.verify();
}

fn signal(app: &App, signal: &str) {
    let sent = Command::new("kill").args([signal, &app.process().to_string()]).status().expect("kill is there");
    assert!(sent.success(), "it was running");
}

/// Makes every kind of read and write by one server on the database, and returns the answers.
async fn everything(peers: &Peers, at: usize, id: &str, round: usize) -> Vec<Answer> {
    let desk = peers.desk(at, id);
    let keyed = |path: &str| desk.call(Method::POST, path).key(&format!("{path}-{round}"));
    vec![
        keyed("/v1/holds").json(&json!({ "credits": 7, "reference": "r" })).send().await,
        keyed("/v1/runs").json(&json!({ "model": "image-standard" })).send().await,
        keyed("/v1/test_clocks").json(&json!({ "name": "full" })).send().await,
        desk.call(Method::GET, "/v1/balance").send().await,
        desk.call(Method::GET, "/v1/workspaces").send().await,
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_finds_no_connection_free_says_so_and_goes_on_when_there_is_one() {
    let cluster = Cluster::start();
    let peers = Peers::on(cluster.database(), 2);
    let id = peers.0[0].free().await.id;
    for at in 0..2 {
        for answer in everything(&peers, at, &id, at).await {
            assert!(answer.status < 300, "{answer:?}");
        }
    }
    // The second server loses its connections while it cannot connect, and others take them all.
    let lost = format!("application_name = 'scrip {}'", peers.0[1].process());
    signal(&peers.0[1], "-STOP");
    peers.database().query(&format!("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE {lost}"));
    let left = format!("SELECT count(*) FROM pg_stat_activity WHERE {lost}");
    while peers.database().query(&left) != "0" {
        tokio::task::yield_now().await;
    }
    let mut others = Vec::new();
    let refused = loop {
        match tokio_postgres::connect(cluster.url(), NoTls).await {
            Ok((client, connection)) => {
                tokio::spawn(connection);
                others.push(client);
            }
            Err(error) => break error,
        }
    };
    assert_eq!(refused.code(), Some(&SqlState::TOO_MANY_CONNECTIONS), "{refused}");
    signal(&peers.0[1], "-CONT");

    for round in 2..6 {
        for answer in everything(&peers, 1, &id, round).await {
            answer.problem(503, "UNAVAILABLE");
            assert!(answer.header("retry-after").is_some(), "{answer:?}");
        }
        assert_eq!(peers.0[1].call(Method::GET, "/healthz").send().await.status, 200, "it is alive");
        // A server that has connections goes on with them, even if they are few for its requests.
        let some = (0..2).map(|n| everything(&peers, 0, &id, 10 * (1 + n) + round));
        let many = (0..40).map(|_| async { vec![peers.desk(0, &id).get("/v1/entries").await] });
        let (some, many) = tokio::join!(join_all(some), join_all(many));
        for answer in some.into_iter().chain(many).flatten() {
            assert!(answer.status < 300, "{answer:?}");
        }
    }
    let third = peers.0[0].second();
    let said = String::from_utf8_lossy(&third.stderr).into_owned();
    assert!(!third.status.success() && said.contains("too many clients"), "{said}");

    drop(others);
    for round in 2..6 {
        let back = async {
            while everything(&peers, 1, &id, round).await.iter().any(|answer| answer.status >= 300) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, back).await.expect("it goes on by itself");
    }
    let held = 7 * (2 + 4 + 4 + 4);
    let spent = 10 * (2 + 4 + 4 + 4);
    let done = async {
        while peers.desk(1, &id).credits().await != (250 - held - spent, held) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, done).await.expect("fourteen holds, and fourteen runs that come to their end");
    peers.verify();
}
