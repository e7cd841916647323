//! One balance that three processes spend at once.

use super::Peers;
use futures_util::future::join_all;
use reqwest::Method;
use scrip_testing::app::{number, text};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const CLIENTS: usize = 64;

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_clients_of_three_processes_get_exactly_what_the_balance_pays_for() {
    let peers = Peers::start(3);
    for round in 0_i64..20 {
        let id = peers.0[0].free().await.id;
        peers.desk(0, &id).give(3 + 140 * round).await;
        let balance = peers.desk(1, &id).credits().await.0;
        let run = round % 2 == 0;
        let (path, body, cost) = match run {
            true => ("/v1/runs", json!({ "model": "image-standard" }), 10),
            false => ("/v1/holds", json!({ "credits": 13, "reference": "race" }), 13),
        };
        let clients = (0..3 * CLIENTS).map(|client| {
            let desk = peers.desk(client % 3, &id);
            let body = &body;
            async move { desk.call(Method::POST, path).once().json(body).send().await }
        });
        let answers: Vec<(u16, Value)> =
            join_all(clients).await.iter().map(|answer| (answer.status, answer.json())).collect();
        let ids: BTreeSet<String> =
            answers.iter().filter_map(|(_, body)| Some(body["id"].as_str()?.to_owned())).collect();
        let accepted = answers.iter().filter(|(status, _)| matches!(status, 201 | 202)).count() as i64;
        assert_eq!(accepted, (balance / cost).min(3 * CLIENTS as i64), "round {round}: {balance} credits at {cost}");
        assert_eq!(ids.len() as i64, accepted, "every accepted one is its own");
        for (status, body) in &answers {
            let known = matches!(status, 201 | 202) || (*status == 402 && body["code"] == "INSUFFICIENT_CREDITS");
            assert!(known, "{status} {body}");
        }
        for at in 0..3 {
            let shown = peers.desk(at, &id).balance().await;
            assert_eq!(number(&shown["available"]), balance - accepted * cost, "{shown}");
            assert!(number(&shown["held"]) >= 0, "{shown}");
        }
        for (at, run) in ids.iter().filter(|_| run).enumerate() {
            let run = peers.desk(at % 3, &id).get(&format!("/v1/runs/{run}?wait=60")).await.expect(200);
            assert_eq!(run["status"], "succeeded");
        }
    }
    peers.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_balance_that_is_shown_was_one() {
    let peers = Peers::start(2);
    let mut shown = 0;
    for round in 0..60 {
        let id = peers.0[0].free().await.id;
        // One process decides holds and shows balances in one go, while the other one gives.
        let one = (0..24).map(|n| {
            let desk = peers.desk(0, &id);
            async move {
                if n % 3 == 0 {
                    let answer = desk.post("/v1/holds", json!({ "credits": 7, "reference": "race" })).await;
                    assert!(matches!(answer.status, 201 | 402), "{answer:?}");
                    return None;
                }
                Some(desk.credits().await)
            }
        });
        let other = (0..24).map(|_| async {
            peers.desk(1, &id).give(1_000).await;
            None
        });
        type BalanceRead<'a> = futures_util::future::BoxFuture<'a, Option<(i64, i64)>>;
        let mut asked: Vec<BalanceRead<'_>> = Vec::new();
        for (one, other) in one.zip(other) {
            asked.push(Box::pin(one));
            asked.push(Box::pin(other));
        }
        let seen: BTreeSet<(i64, i64)> = join_all(asked).await.into_iter().flatten().collect();
        let mut state = (0, 0);
        let mut real = BTreeSet::new();
        for entry in peers.desk(1, &id).entries().await {
            match text(&entry["command"]).as_str() {
                "open_hold" => state = (state.0 - 7, state.1 + 7),
                "grant" | "give" | "grant_credits" => state.0 += 1_000,
                "open_workspace" => state.0 += 250,
                other => panic!("{other}: {entry}"),
            }
            real.insert(state);
        }
        shown += seen.len();
        let phantoms: Vec<_> = seen.difference(&real).collect();
        assert!(phantoms.is_empty(), "round {round}: {phantoms:?} were shown and never were");
    }
    println!("{shown} different balances were shown");
    peers.verify();
}
