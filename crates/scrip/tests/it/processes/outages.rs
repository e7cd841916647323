//! Outages: the database itself is killed, cut off and frozen under servers that go on.

use super::Peers;
use super::cluster::Cluster;
use futures_util::future::join_all;
use reqwest::Method;
use scrip_testing::app::{Answer, PATIENCE, text};
use scrip_testing::load::{Load, again, check_totals};
use serde_json::json;
use std::time::Duration;

/// Number of times that the database is killed.
const KILLS: usize = 50;
/// Number of times that connections are cut.
const CUTS: usize = 50;
/// Maximum time of an answer while the database is frozen.
const ANSWERED: Duration = Duration::from_secs(12);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_killed_again_and_again_keeps_what_was_acknowledged() {
    let cluster = Cluster::start();
    let peers = Peers::on(cluster.database(), 2);
    let mut load = Load::on(&peers.0[0], 8, 0xdead_da7a_ba5e_5eed).await;
    let wires = peers.wires();
    let mut delayed = 0;
    for _ in 0..KILLS {
        let mut asked = load.until(&wires, || cluster.kill()).await;
        delayed += again(&wires, None, &mut asked).await;
        load.everything.extend(asked);
    }
    let Load { acknowledged, cut_off, .. } = load;
    assert!(acknowledged > KILLS && cut_off > KILLS, "{acknowledged} acknowledged, {cut_off} cut off: no real load");
    assert!(delayed > KILLS, "{delayed} answers said to come back later: it was hardly ever down");
    println!("{KILLS} kills: {acknowledged} acknowledged, {cut_off} told to come back, {delayed} times too early");
    again(&wires, None, &mut load.everything).await;
    check_totals(&peers.0[1], &load.everything, &load.workspaces).await;
    let report = peers.verify();
    assert_eq!(report["open_holds"], 0, "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_cut_in_the_middle_of_commits_lose_nothing() {
    let peers = Peers::start(2);
    let mut load = Load::on(&peers.0[0], 8, 0x0c07_c0ff_ee5e_ed00).await;
    let wires = peers.wires();
    let mut cut = 0;
    for cycle in 0..CUTS {
        // Connections inside a transaction first; every fifth time, all of them.
        let most = if cycle % 5 == 4 { 100 } else { 3 };
        let sql = format!(
            "SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE 'scrip%'
             ORDER BY state LIKE 'idle in%' DESC, state = 'active' DESC, random() LIMIT {most}) AS chosen"
        );
        let strike = || cut += peers.database().query(&sql).parse::<usize>().expect("a number");
        let mut asked = load.until(&wires, strike).await;
        again(&wires, None, &mut asked).await;
        load.everything.extend(asked);
    }
    println!("{cut} connections cut in {CUTS} rounds: {} acknowledged, {} cut off", load.acknowledged, load.cut_off);
    assert!(cut > 2 * CUTS && load.acknowledged > CUTS);
    again(&wires, None, &mut load.everything).await;
    check_totals(&peers.0[1], &load.everything, &load.workspaces).await;
    let report = peers.verify();
    assert_eq!(report["open_holds"], 0, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_mistyped_is_refused_although_nobody_can_be_asked() {
    let cluster = Cluster::start();
    let peers = Peers::on(cluster.database(), 1);
    let app = &peers.0[0];
    let approve = json!([{ "review": "business_verification", "reason": "known" }]);
    let desk = app.workspace(json!({ "plan": "business", "interval": "month", "approve": approve })).await;
    let key = json!({ "name": "Robot", "capabilities": ["model:run"] });
    let key = text(&desk.post("/v1/keys", key).await.expect(201)["secret"]);
    let link = app.post("/v1/portal_links", json!({ "email": "ada@example.com" })).await.expect(201);
    let link = json!({ "token": text(&link["url"]).split_once('#').expect("a token").1, "cookie": false });
    let session = text(&app.call(Method::POST, "/v1/sessions").json(&link).send().await.expect(201)["token"]);
    let look = async |token: &str| {
        let bearer = format!("Bearer {token}");
        let call = app.bare(Method::GET, "/v1/balance").header("Authorization", &bearer).workspace(&desk.id).send();
        tokio::time::timeout(ANSWERED, call).await.expect("it is answered")
    };
    let frozen = cluster.freeze();
    for token in [&key, &session] {
        // A well-formed token must be looked up in the database, and another one is refused without that.
        look(token).await.problem(503, "UNAVAILABLE");
        for place in [token.len() - 1, token.len() / 2, token.len() - 8] {
            let mut wrong = token.clone();
            wrong.replace_range(place..=place, if token[place..].starts_with('a') { "b" } else { "a" });
            look(&wrong).await.problem(401, "UNAUTHENTICATED");
        }
        look(&token[..token.len() - 1]).await.problem(401, "UNAUTHENTICATED");
        look(&format!("{token}0")).await.problem(401, "UNAUTHENTICATED");
    }
    drop(frozen);
    let again = async { while look(&key).await.status == 503 {} };
    tokio::time::timeout(PATIENCE, again).await.expect("the database is there again");
    look(&key).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_is_frozen_everybody_is_answered_and_afterwards_all_goes_on() {
    let cluster = Cluster::start();
    let peers = Peers::on(cluster.database(), 2);
    let id = peers.0[0].free().await.id;
    let hold = json!({ "credits": 7, "reference": "r" });
    let opened = text(&peers.desk(0, &id).post("/v1/holds", hold.clone()).await.expect(201)["id"]);
    let frozen = cluster.freeze();
    for round in 0..3 {
        let calls = (0..2).flat_map(|at| {
            let desk = peers.desk(at, &id);
            let keyed = |path: &str, key: String| desk.call(Method::POST, path).key(&key);
            let mut calls = vec![
                keyed("/v1/holds", format!("hold-{round}-{at}")).json(&hold),
                keyed("/v1/runs", format!("run-{round}-{at}")).json(&json!({ "model": "image-standard" })),
                keyed("/v1/test_clocks", format!("clock-{round}-{at}")).json(&json!({ "name": "frozen" })),
                desk.call(Method::GET, "/v1/balance"),
                desk.call(Method::GET, "/v1/workspaces"),
            ];
            // More requests than a process has connections to wait with.
            calls.extend((0..20).map(|_| desk.call(Method::GET, &format!("/v1/holds/{opened}"))));
            calls
        });
        let answers = tokio::time::timeout(ANSWERED, join_all(calls.map(scrip_testing::app::Call::send))).await;
        for answer in answers.expect("every caller is answered while the database is frozen") {
            answer.problem(503, "UNAVAILABLE");
            assert!(answer.header("retry-after").is_some(), "{answer:?}");
        }
        for app in &peers.0 {
            assert_eq!(app.call(Method::GET, "/healthz").send().await.status, 200, "it is alive");
        }
    }
    drop(frozen);
    for (round, at) in (0..3).flat_map(|round| [(round, 0), (round, 1)]) {
        let patiently = async |path: &str, key: String, body| -> Answer {
            let answered = async {
                loop {
                    let answer = peers.desk(1 - at, &id).call(Method::POST, path).key(&key).json(body).send().await;
                    if answer.status != 503 {
                        return answer;
                    }
                }
            };
            tokio::time::timeout(PATIENCE, answered).await.expect("it goes on by itself")
        };
        patiently("/v1/holds", format!("hold-{round}-{at}"), &hold).await.expect(201);
        let run = patiently("/v1/runs", format!("run-{round}-{at}"), &json!({ "model": "image-standard" })).await;
        let run = run.expect(202);
        let run = peers.desk(at, &id).get(&format!("/v1/runs/{}?wait=60", text(&run["id"]))).await.expect(200);
        assert_eq!(run["status"], "succeeded");
    }
    // Seven holds of seven, and six runs of ten; each keyed request made while it was frozen is carried out once.
    assert_eq!(peers.desk(0, &id).credits().await, (250 - 49 - 60, 49));
    peers.verify();
}
