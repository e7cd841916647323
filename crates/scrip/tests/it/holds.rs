//! Holds, for products that run models themselves.

use reqwest::Method;
use scrip_testing::app::{App, Clock, Desk, text};
use serde_json::{Value, json};

#[tokio::test]
async fn a_hold_is_captured_in_part_and_the_rest_comes_back() {
    let mut app = App::start();
    {
        let desk = app.free().await;
        let hold = desk.post("/v1/holds", json!({ "credits": 100, "reference": "render 1" })).await.expect(201);
        assert_eq!((&hold["status"], &hold["credits"]), (&json!("open"), &json!(100)));
        assert_eq!(desk.credits().await, (150, 100));
        let path = format!("/v1/holds/{}", text(&hold["id"]));
        let too_much =
            desk.post(&format!("{path}/capture"), json!({ "credits": 101 })).await.problem(422, "INVALID_REQUEST");
        assert_eq!(too_much["errors"][0]["pointer"], "/credits");
        let ended = desk.post(&format!("{path}/capture"), json!({ "credits": 60 })).await.expect(200);
        assert_eq!(
            (&ended["status"], &ended["captured"], &ended["released"]),
            (&json!("captured"), &json!(60), &json!(40))
        );
        assert_eq!(desk.credits().await, (190, 0));
        assert_eq!(desk.get(&path).await.expect(200), ended);
        assert_eq!(desk.credits().await, (190, 0));
    }
    app.verify();
}

#[tokio::test]
async fn a_hold_of_a_model_is_its_price_and_a_released_one_costs_nothing() {
    let mut app = App::start();
    {
        let desk = app.free().await;
        let ask = json!({ "model": "video-standard", "params": { "duration": 3 }, "reference": "film" });
        let hold = desk.post("/v1/holds", ask).await.expect(201);
        assert_eq!((&hold["credits"], &hold["model"]), (&json!(60), &json!("video-standard")));
        let path = format!("/v1/holds/{}/release", text(&hold["id"]));
        let first = desk.call(Method::POST, &path).key("give-back").send().await;
        let released = first.expect(200);
        assert_eq!((&released["status"], &released["released"]), (&json!("released"), &json!(60)));
        let again = desk.call(Method::POST, &path).key("give-back").send().await;
        assert_eq!(again.expect(200), released);
        assert_eq!(again.header("idempotent-replayed"), Some("true"));
        assert_eq!(desk.credits().await, (250, 0));
        for wrong in [
            json!({ "reference": "r" }),
            json!({ "credits": 1, "model": "upscale", "reference": "r" }),
            json!({ "credits": 1, "params": { "duration": 1 }, "reference": "r" }),
            json!({ "credits": 1 }),
            json!({ "credits": 1, "reference": "" }),
            json!({ "credits": 1, "reference": "r", "seconds": 0 }),
            json!({ "credits": 1, "reference": "r", "seconds": 2_592_001 }),
        ] {
            desk.post("/v1/holds", wrong).await.problem(422, "INVALID_REQUEST");
        }
        desk.post("/v1/holds", json!({ "credits": 251, "reference": "r" })).await.problem(402, "INSUFFICIENT_CREDITS");
    }
    app.verify();
}

#[tokio::test]
async fn a_forgotten_hold_gives_its_credits_back_when_its_time_is_over() {
    let mut app = App::start();
    {
        let clock = app.clock("2026-03-01T00:00:00Z").await;
        let desk = app.workspace(json!({ "test_clock": clock.id })).await;
        let hold = desk.post("/v1/holds", json!({ "credits": 100, "reference": "r", "seconds": 60 })).await.expect(201);
        assert_eq!(hold["expires_at"], "2026-03-01T00:01:00Z");
        clock.advance("2026-03-01T00:00:30Z").await;
        let path = format!("/v1/holds/{}", text(&hold["id"]));
        let longer = desk.post(&format!("{path}/extend"), json!({ "seconds": 60 })).await.expect(200);
        assert_eq!(longer["expires_at"], "2026-03-01T00:01:30Z");
        clock.advance("2026-03-01T00:01:29.999999Z").await;
        assert_eq!(desk.credits().await, (150, 100));
        clock.advance("2026-03-01T00:01:30Z").await;
        assert_eq!(desk.credits().await, (250, 0));
        let ended = desk.get(&path).await.expect(200);
        assert_eq!((&ended["status"], &ended["ended_at"]), (&json!("expired"), &json!("2026-03-01T00:01:30Z")));
        let late = desk.post(&format!("{path}/capture"), json!({})).await.problem(409, "HOLD_ENDED");
        assert_eq!((&late["ended_as"], &late["captured"]), (&json!("expired"), &json!(0)), "too late to capture");
    }
    app.verify();
}

/// A call that ended something, to be sent again: its address, body and key.
struct End {
    path: String,
    body: Value,
    key: &'static str,
}

/// Ends a hold of 100 in a given way, and returns the call that ended it, if it was a call.
async fn end_hold(desk: &Desk<'_>, clock: &Clock<'_>, how: &str) -> (String, Option<End>) {
    let ask = json!({ "credits": 100, "reference": how, "seconds": 60 });
    let hold = desk.post("/v1/holds", ask).await.expect(201);
    let path = format!("/v1/holds/{}", text(&hold["id"]));
    let (verb, body) = match how {
        "whole" => ("capture", json!({})),
        "part" => ("capture", json!({ "credits": 60 })),
        "released" => ("release", json!({})),
        _ => {
            let now = text(&hold["expires_at"]);
            clock.advance(&now).await;
            return (path, None);
        }
    };
    let end = End { path: format!("{path}/{verb}"), body, key: "the-end" };
    desk.call(Method::POST, &end.path).key(end.key).json(&end.body).send().await.expect(200);
    (path, Some(end))
}

/// R36: every further call about a hold that has ended is refused, except for the call that ended it.
#[tokio::test]
async fn a_hold_that_has_ended_is_not_ended_again() {
    let mut app = App::start();
    {
        let clock = app.clock("2026-03-01T00:00:00Z").await;
        for (how, ended_as, captured) in
            [("whole", "captured", 100), ("part", "captured", 60), ("released", "released", 0), ("late", "expired", 0)]
        {
            let desk = app.workspace(json!({ "test_clock": clock.id })).await;
            let (path, end) = end_hold(&desk, &clock, how).await;
            let shown = desk.get(&path).await.expect(200);
            let before = (desk.credits().await, desk.entries().await.len());
            for (verb, body) in [
                ("capture", json!({})),
                ("capture", json!({ "credits": 60 })),
                ("capture", json!({ "credits": 5000 })),
                ("release", json!({})),
                ("extend", json!({ "seconds": 60 })),
            ] {
                let path = format!("{path}/{verb}");
                let refused = desk.post(&path, body.clone()).await.problem(409, "HOLD_ENDED");
                assert_eq!(refused["ended_as"], ended_as, "{how}, then {verb} {body}");
                assert_eq!((&refused["captured"], &refused["released"]), (&json!(captured), &json!(100 - captured)));
                assert_eq!(refused["ended_at"], shown["ended_at"], "{how}, then {verb}");
                desk.call(Method::POST, &path).json(&body).send().await.problem(422, "INVALID_REQUEST");
                let Some(end) = &end else { continue };
                let again = desk.call(Method::POST, &path).key(end.key).json(&body).send().await;
                match path == end.path && body == end.body {
                    true => {
                        assert_eq!(again.header("idempotent-replayed"), Some("true"));
                        assert_eq!(again.expect(200), shown, "{how}, then the same call again");
                    }
                    false => drop(again.problem(422, "IDEMPOTENCY_KEY_REUSED")),
                }
            }
            assert_eq!((desk.credits().await, desk.entries().await.len()), before, "{how}: nothing has changed");
        }
    }
    app.verify();
}

/// R27, R28, R30: holds of a product that runs models itself are bound by the plan's limits, and by those of the member
/// that the hold is for.
#[tokio::test]
async fn a_hold_on_behalf_of_somebody_is_bound_as_their_run_is() {
    let mut app = App::start();
    {
        let plan = json!({ "plan": "pro", "interval": "month" });
        let desk = app.workspace(plan).await;
        let new = json!({ "email": "bob@example.com" });
        let bob = text(&desk.post("/v1/members", new).await.expect(201)["id"]);
        let cap = json!({ "spend_cap": { "credits": 100 } });
        let path = format!("/v1/members/{bob}");
        desk.call(Method::PATCH, &path).json(&cap).send().await.expect(200);
        let ask = |credits: i64, whose: Value| json!({ "credits": credits, "reference": "r", "on_behalf_of": whose });
        let hold = desk.post("/v1/holds", ask(80, json!({ "member": bob }))).await.expect(201);
        assert_eq!(hold["on_behalf_of"], json!({ "member": bob }));
        let refused = desk.post("/v1/holds", ask(21, json!({ "member": bob }))).await.problem(402, "SPEND_CAP_REACHED");
        assert_eq!((&refused["cap"]["of"], &refused["cap"]["spent"]), (&json!(bob), &json!(80)));
        let shown = desk.get("/v1/members").await.expect(200);
        assert!(shown.to_string().contains("\"spent\":80"), "{shown}");
        let batch = json!({ "decisions": [
            { "key": "k1", "workspace": desk.id, "open": ask(21, json!({ "member": bob })) },
            { "key": "k2", "workspace": desk.id, "open": ask(20, json!({ "member": bob })) },
        ]});
        let answers =
            app.call(Method::POST, "/v1/holds/batch").json(&batch).send().await.expect(200)["answers"].clone();
        assert_eq!((&answers[0]["problem"]["code"], &answers[1]["status"]), (&json!("SPEND_CAP_REACHED"), &json!(201)));
        let released = desk.post(&format!("/v1/holds/{}/release", text(&hold["id"])), json!({})).await.expect(200);
        assert_eq!(released["on_behalf_of"], hold["on_behalf_of"]);
        desk.post("/v1/holds", ask(80, json!({ "member": bob }))).await.expect(201);
        for (whose, pointer) in [
            (json!({ "member": "usr_0000000000000" }), "/on_behalf_of/member"),
            (json!({ "key": format!("key_{}_9", &desk.id[3..]) }), "/on_behalf_of/key"),
            (json!({}), "/on_behalf_of"),
        ] {
            let wrong = desk.post("/v1/holds", ask(1, whose)).await.problem(422, "INVALID_REQUEST");
            assert_eq!(wrong["errors"][0]["pointer"], pointer);
        }
        // A hold that is not counted has no rate-limit fields, and uses nothing of the limit.
        let plain = json!({ "credits": 1, "reference": "r" });
        let counted = json!({ "credits": 1, "reference": "r", "count_request": true });
        assert_eq!(desk.post("/v1/holds", plain.clone()).await.header("ratelimit"), None);
        let mut answers = Vec::new();
        for _ in 0..101 {
            answers.push(desk.post("/v1/holds", counted.clone()).await);
        }
        assert!(answers[0].header("ratelimit").is_some_and(|told| told.starts_with("\"workspace\";r=99;")));
        assert!(answers[..100].iter().all(|answer| answer.status == 201));
        answers[100].problem(429, "RATE_LIMITED");
        desk.post("/v1/holds", plain).await.expect(201);
        let batch = json!({ "decisions": [{ "key": "k3", "workspace": desk.id, "open": counted }] });
        let answers =
            app.call(Method::POST, "/v1/holds/batch").json(&batch).send().await.expect(200)["answers"].clone();
        assert_eq!((&answers[0]["status"], &answers[0]["problem"]["code"]), (&json!(429), &json!("RATE_LIMITED")));
    }
    app.verify();
}
