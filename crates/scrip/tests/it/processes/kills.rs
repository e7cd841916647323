//! Kills: servers are killed one after another, while clients work through all of them.

use super::Peers;
use scrip_testing::app::text;
use scrip_testing::load::{Load, again, check_totals};
use serde_json::json;
use std::process::Command;
use std::time::Duration;

const CYCLES: usize = 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_kills_of_one_of_three_lose_nothing_and_do_nothing_twice() {
    let mut peers = Peers::start(3);
    let mut load = Load::on(&peers.0[0], 8, 0x0dd5_ba11_5eed_f00d).await;
    for _ in 0..CYCLES {
        let wires = peers.wires();
        let killed = load.dice.below(wires.len());
        let mut asked = load.until(&wires, || peers.0[killed].kill()).await;
        // A client that was cut off goes to another server, while the one that was killed is still down.
        assert_eq!(again(&wires, Some(killed), &mut asked).await, 0, "the other servers turn no caller away");
        load.everything.extend(asked);
        peers.0[killed].restart();
    }
    let Load { acknowledged, cut_off, .. } = load;
    assert!(acknowledged > CYCLES && cut_off > CYCLES, "{acknowledged} acknowledged, {cut_off} cut off: no real load");
    println!("{CYCLES} kills: {acknowledged} acknowledged, {cut_off} cut off and asked again");
    again(&peers.wires(), None, &mut load.everything).await;
    check_totals(&peers.0[1], &load.everything, &load.workspaces).await;
    let report = peers.verify();
    assert_eq!(report["open_holds"], 0, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn when_one_is_killed_the_others_go_on_at_once() {
    let mut peers = Peers::start(3);
    let id = peers.0[0].free().await.id;
    for killed in 0..3 {
        let other = (killed + 1) % 3;
        peers.0[killed].kill();
        let written_and_read = async {
            let body = json!({ "credits": 2, "reference": "r" });
            let hold = peers.desk(other, &id).post("/v1/holds", body).await.expect(201);
            let path = format!("/v1/holds/{}", text(&hold["id"]));
            let shown = peers.desk((killed + 2) % 3, &id).get(&path).await.expect(200);
            assert_eq!(shown["id"], hold["id"]);
        };
        // No request is put off meanwhile.
        let taken = tokio::time::timeout(Duration::from_secs(2), written_and_read).await;
        taken.expect("a write can be read at once");
        peers.0[killed].restart();
    }
    peers.verify();
}

fn signal(process: u32, signal: &str) {
    let sent = Command::new("kill").args([signal, &process.to_string()]).status().expect("kill is there");
    assert!(sent.success(), "it was running");
}

#[tokio::test(flavor = "multi_thread")]
async fn when_one_freezes_the_other_goes_on_and_so_does_the_frozen_one() {
    let peers = Peers::start(2);
    let id = peers.0[0].free().await.id;
    signal(peers.0[0].process(), "-STOP");
    let hold = peers.desk(1, &id).post("/v1/holds", json!({ "credits": 2, "reference": "r" })).await.expect(201);
    let path = format!("/v1/holds/{}", text(&hold["id"]));
    assert_eq!(peers.desk(1, &id).get(&path).await.expect(200)["id"], hold["id"]);
    signal(peers.0[0].process(), "-CONT");
    assert_eq!(peers.desk(0, &id).get(&path).await.expect(200)["id"], hold["id"], "the frozen one goes on");
    assert_eq!(peers.desk(0, &id).credits().await, (248, 2));
    peers.verify();
}
