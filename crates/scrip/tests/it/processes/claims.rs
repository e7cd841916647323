//! Claims of several processes: lifetime credits are given once to a person, and are never lost, while processes open
//! workspaces, and die.

use super::Peers;
use futures_util::future::join_all;
use reqwest::Method;
use scrip_testing::app::text;
use serde_json::{Value, json};
use std::process::Command;

/// Credits that a person gets once.
const FREE: i64 = 250;

#[tokio::test(flavor = "multi_thread")]
async fn one_person_at_several_processes_at_once_has_the_free_credits_once() {
    let peers = Peers::start(3);
    for round in 0..40 {
        let open = |n: usize| {
            let owner = json!({ "email": format!("one{round}+{n}@example.com") });
            peers.0[n % 3].workspace(json!({ "owner": owner }))
        };
        let mut free = Vec::new();
        for desk in join_all((0..9).map(open)).await {
            free.push(desk.credits().await.0);
        }
        assert_eq!(free.iter().sum::<i64>(), FREE, "round {round}: {free:?}");
        let open = async |n: usize| {
            let owner = json!({ "email": format!("other{round}-{n}@example.com") });
            let body = json!({ "name": "n", "owner": owner, "external_id": format!("x{round}") });
            peers.0[n % 3].post("/v1/workspaces", body).await
        };
        let answers = join_all((0..9).map(open)).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1, "round {round}: {answers:?}");
        for refused in answers.iter().filter(|answer| answer.status != 201) {
            assert_eq!(refused.problem(422, "INVALID_REQUEST")["errors"][0]["pointer"], "/external_id");
        }
    }
    let report = peers.verify();
    assert_eq!(report["workspaces"], 40 * 10, "{report}");
}

/// Opens a workspace of a person, and returns its id, unless the process went away.
async fn open(peers: &Peers, at: usize, person: &str, try_: &str) -> Option<String> {
    let body = json!({ "name": try_, "owner": { "email": format!("{person}+{try_}@example.com") } });
    let call = peers.0[at].call(Method::POST, "/v1/workspaces").key(&format!("{try_}-{person}"));
    let answer = call.json(&body).try_send().await?;
    Some(text(&answer.expect(201)["id"]))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_dies_while_it_opens_takes_nobodys_free_credits_with_it() {
    let mut peers = Peers::start(2);
    let (mut opened, mut cut_off) = (0, 0);
    for cycle in 0..4 {
        let people: Vec<String> = (0..120).map(|n| format!("person{cycle}-{n}")).collect();
        let written = || peers.database().query("SELECT count(*) FROM entries").parse::<i64>().expect("a number");
        let (before, process) = (written(), peers.0[0].process().to_string());
        let killed = tokio::task::spawn_blocking({
            let database = peers.database().url().to_owned();
            move || {
                let sql = "SELECT count(*) FROM entries";
                let written = || scrip_testing::postgres::query(&database, sql).expect("it answers").parse::<i64>();
                while written().expect("a number") < before + 10 {}
                assert!(Command::new("kill").args(["-KILL", &process]).status().expect("kill is there").success());
            }
        });
        let first = join_all(people.iter().map(|person| open(&peers, 0, person, "first"))).await;
        killed.await.expect("it was killed in the middle");
        opened += first.iter().flatten().count();
        cut_off += first.iter().filter(|opened| opened.is_none()).count();
        // Half of the clients repeat their request; the others give it up and come back with a new one.
        let mut free = Vec::new();
        for (n, person) in people.iter().enumerate() {
            let tries: &[&str] = if n % 2 == 0 { &["first", "second"] } else { &["second", "first"] };
            let mut credits = 0;
            for try_ in tries {
                let id = open(&peers, 1, person, try_).await.expect("this one lives");
                credits += peers.desk(1, &id).credits().await.0;
            }
            free.push(credits);
        }
        assert!(free.iter().all(|credits| *credits == FREE), "cycle {cycle}: {free:?}");
        peers.0[0].restart();
    }
    println!("{opened} openings were answered, {cut_off} cut off");
    assert!(cut_off > 0, "no caller was cut off");
    peers.verify();
}

#[tokio::test]
async fn a_claim_whose_workspace_was_never_opened_is_let_go() {
    let peers = Peers::start(1);
    let open = async |more: Value| peers.0[0].workspace(more).await.credits().await.0;
    // A row of an older version that died between a claim and the entry of the claim.
    peers.database().query(
        "INSERT INTO claims (scope, claim, workspace) VALUES
         ('person', encode(sha256('left@example.com'), 'hex'), 42), ('external_id', 'left', 43)",
    );
    let left = json!({ "owner": { "email": "Left@example.com" }, "external_id": "left" });
    assert_eq!(open(left).await, FREE);
    assert_eq!(open(json!({ "owner": { "email": "left+again@example.com" } })).await, 0);
    assert_eq!(peers.database().query("SELECT count(*) FROM claims WHERE workspace IN (42, 43)"), "0");
    peers.verify();
}
