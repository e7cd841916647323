//! Races: many requests at once over one balance, one trial, one key, one source.

use futures_util::future::join_all;
use reqwest::Method;
use scrip_testing::app::{App, Desk, number, text};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Sends the same request from a number of clients at once; returns the bodies by status.
async fn at_once(
    desk: &Desk<'_>,
    clients: usize,
    path: &str,
    body: &Value,
    key: Option<&str>,
) -> Vec<(u16, bool, Value)> {
    let send = |_| async {
        let call = desk.call(Method::POST, path);
        let call = if let Some(key) = key { call.key(key) } else { call.once() };
        let answer = call.json(body).send().await;
        (answer.status, answer.header("idempotent-replayed") == Some("true"), answer.json())
    };
    join_all((0..clients).map(send)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_clients_get_exactly_what_the_balance_pays_for() {
    let mut app = App::start();
    for round in 0_i64..20 {
        let desk = app.free().await;
        desk.give(3 + 17 * round).await;
        let balance = desk.credits().await.0;
        let run = round % 2 == 0;
        let (path, body, cost) = match run {
            true => ("/v1/runs", json!({ "model": "image-standard" }), 10),
            false => ("/v1/holds", json!({ "credits": 13, "reference": "race" }), 13),
        };
        let answers = at_once(&desk, 64, path, &body, None).await;
        let accepted = answers.iter().filter(|(status, ..)| *status == 202 || *status == 201).count() as i64;
        assert_eq!(accepted, (balance / cost).min(64), "round {round}: {balance} credits at {cost}");
        for (status, _, body) in &answers {
            let known = matches!(status, 201 | 202) || (*status == 402 && body["code"] == "INSUFFICIENT_CREDITS");
            assert!(known, "{status} {body}");
        }
        let ids: BTreeSet<String> =
            answers.iter().filter_map(|(_, _, body)| body["id"].as_str().map(str::to_owned)).collect();
        assert_eq!(ids.len() as i64, accepted, "every accepted one is its own");
        let now = desk.balance().await;
        assert_eq!(number(&now["available"]), balance - accepted * cost);
        for id in ids.iter().filter(|_| run) {
            assert_eq!(desk.get(&format!("/v1/runs/{id}?wait=60")).await.expect(200)["status"], "succeeded");
        }
    }
    app.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_at_once_at_a_trial_of_three_are_three() {
    let mut app = App::start();
    {
        let desk = app.free().await;
        let answers = at_once(&desk, 20, "/v1/runs", &json!({ "model": "image-pro" }), None).await;
        let admitted: Vec<&Value> =
            answers.iter().filter(|(status, ..)| *status == 202).map(|(_, _, body)| body).collect();
        assert_eq!(admitted.len(), 3);
        assert!(admitted.iter().all(|run| run["trial"] == "runs"));
        for (status, _, body) in answers.iter().filter(|(status, ..)| *status != 202) {
            assert_eq!((*status, &body["code"]), (403, &json!("TRIAL_EXHAUSTED")));
        }
        for run in admitted {
            desk.get(&format!("/v1/runs/{}?wait=60", text(&run["id"]))).await.expect(200);
        }
        assert_eq!(desk.credits().await, (250, 0));
    }
    app.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_used_twenty_times_at_once_is_one_run() {
    let mut app = App::start();
    {
        let desk = app.free().await;
        let answers = at_once(&desk, 20, "/v1/runs", &json!({ "model": "upscale" }), Some("the-one")).await;
        let ids: BTreeSet<String> = answers.iter().map(|(_, _, body)| text(&body["id"])).collect();
        assert_eq!(ids.len(), 1);
        assert!(answers.iter().all(|(status, ..)| *status == 202));
        assert_eq!(answers.iter().filter(|(_, replayed, _)| !replayed).count(), 1, "one made it, nineteen found it");
        let id = ids.first().expect("one");
        desk.get(&format!("/v1/runs/{id}?wait=60")).await.expect(200);
        assert_eq!(desk.credits().await, (215, 0));
    }
    app.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_payments_of_one_source_at_once_are_one_grant() {
    let mut app = App::start();
    {
        let desk = app.free().await;
        let path = format!("/v1/workspaces/{}/grants", desk.id);
        let body = json!({ "pack": "credits-1000", "reason": "bought", "source": "invoice-9" });
        let answers = at_once(&desk, 50, &path, &body, None).await;
        assert!(answers.iter().all(|(status, ..)| *status == 201));
        let made: usize = answers.iter().map(|(_, _, grants)| grants.as_array().expect("a list").len()).sum();
        assert_eq!(made, 1);
        assert_eq!(desk.credits().await, (1_250, 0));
        assert_eq!(desk.entries().await.len(), 2);
    }
    app.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn opening_with_one_key_at_once_is_one_workspace() {
    let mut app = App::start();
    {
        let body = json!({ "name": "n", "owner": { "email": "one@example.com" }, "external_id": "one" });
        let open = |_| app.call(Method::POST, "/v1/workspaces").key("open-one").json(&body).send();
        let answers = join_all((0..20).map(open)).await;
        let ids: BTreeSet<String> = answers.iter().map(|answer| text(&answer.expect(201)["id"])).collect();
        assert_eq!(ids.len(), 1);
        let id = ids.first().expect("one");
        let balance = app.call(Method::GET, "/v1/balance").workspace(id).send().await.expect(200);
        assert_eq!(balance["available"], 250);
        // Ten people with one address at once: exactly one of them gets the free credits.
        for round in 0..20 {
            let same = |n: usize| app.workspace(json!({ "owner": { "email": format!("two{round}+{n}@example.com") } }));
            let mut free = 0;
            for desk in join_all((0..10).map(same)).await {
                free += desk.credits().await.0;
            }
            assert_eq!(free, 250, "round {round}");
        }
        // The same with the operator's own id: one workspace gets it, the others are refused.
        for round in 0..20 {
            let same = async |n: usize| {
                let owner = json!({ "email": format!("three{n}@example.com") });
                let body = json!({ "name": "n", "owner": owner, "external_id": format!("x{round}") });
                app.post("/v1/workspaces", body).await.status
            };
            let statuses = join_all((0..10).map(same)).await;
            assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
        }
    }
    app.verify();
}
