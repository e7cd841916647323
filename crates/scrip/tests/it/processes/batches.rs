//! Batches: a process is killed while a batch of decisions is on its way.

use super::Peers;
use super::proxy::{Fate, Point};
use reqwest::Method;
use scrip_testing::app;
use scrip_testing::app::text;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Number of decisions in a batch.
const MANY: usize = 60;
/// Messages that the process never sends or hears: one before, one inside and one after its append, and the word that
/// it is committed.
const POINTS: [&str; 4] = [">Q BEGIN", ">Q COMMIT", "<C INSERT", "<C COMMIT"];

/// Requests decisions of one of the processes; returns each answer, or `None` when the process was killed meanwhile.
async fn decide(app: &app::App, decisions: &[Value]) -> Option<Vec<Value>> {
    let call = app.call(Method::POST, "/v1/holds/batch").json(&json!({ "decisions": decisions }));
    let answers = call.try_send().await?.expect(200);
    let answers = answers["answers"].as_array().expect("a list").clone();
    assert_eq!(answers.len(), decisions.len());
    assert!(answers.iter().all(|answer| answer["status"] == 201), "{answers:?}");
    Some(answers)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_whose_process_is_killed_is_there_up_to_a_decision_and_the_rest_is_done_when_asked_again() {
    let (mut peers, proxy) = Peers::through_a_proxy();
    let (mut holds, mut there) = (0, 0);
    for (round, point) in POINTS.into_iter().cycle().take(3 * POINTS.len()).enumerate() {
        let mut workspaces = Vec::new();
        // On one workspace no other commit can have happened meanwhile; on six, other appenders may commit.
        for _ in 0..[1, 6, 2][round / POINTS.len()] {
            let desk = peers.0[0].free().await;
            // The process that will be killed knows the workspace, and has a connection to append with.
            peers.desk(1, &desk.id).give(1_000).await;
            workspaces.push(desk.id);
        }
        let open = |n: usize| {
            let hold = json!({ "credits": 1, "reference": "killed" });
            json!({ "key": format!("{round}-{n}"), "workspace": workspaces[n % workspaces.len()], "open": hold })
        };
        let decisions: Vec<Value> = (0..MANY).map(open).collect();
        proxy.order(Point::Before(point), Fate::Mute);
        let asked = decide(&peers.0[1], &decisions);
        let killed = async {
            proxy.wait_for_cut().await;
            let process = peers.0[1].process().to_string();
            let sent = std::process::Command::new("kill").args(["-KILL", &process]).status().expect("kill is there");
            assert!(sent.success(), "it was running");
        };
        let (answer, ()) = tokio::join!(asked, killed);
        assert_eq!(answer, None, "{point}: it was killed before it could answer");

        let made = decide(&peers.0[0], &decisions).await.expect("the other one answers");
        let mut replayed: BTreeMap<&str, Vec<bool>> = BTreeMap::new();
        for (decision, answer) in decisions.iter().zip(&made) {
            let workspace = decision["workspace"].as_str().expect("a text");
            replayed.entry(workspace).or_default().push(answer["replayed"] == true);
        }
        for (workspace, replayed) in &replayed {
            let done = replayed.iter().filter(|was| **was).count();
            there += done;
            let is_prefix = replayed.iter().take(done).all(|was| *was);
            assert!(is_prefix, "{point}: of {workspace} a later one is there without an earlier one: {replayed:?}");
            if workspaces.len() == 1 {
                assert_eq!(done > 0, point == "<C COMMIT", "{point}: {done} are there");
            }
        }
        peers.0[1].restart();
        let again = decide(&peers.0[1], &decisions).await.expect("it is up again");
        for (again, made) in again.iter().zip(&made) {
            assert_eq!((&again["hold"]["id"], &again["replayed"]), (&made["hold"]["id"], &json!(true)));
        }
        let mut ids: Vec<String> = made.iter().map(|made| text(&made["hold"]["id"])).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), MANY, "each is its own");
        holds += MANY;
    }
    println!("{} kills: {there} of {holds} decisions were there before they were asked for again", 3 * POINTS.len());
    let report = peers.verify();
    assert_eq!(report["open_holds"], holds, "{report}");
}
