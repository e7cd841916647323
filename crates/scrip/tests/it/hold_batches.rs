//! Batches of holds: many decisions about holds in one request.

use reqwest::Method;
use scrip_testing::app::{Answer, App, Desk, each, number, text};
use serde_json::{Value, json};

fn open(key: &str, desk: &Desk<'_>, credits: i64) -> Value {
    json!({ "key": key, "workspace": desk.id, "open": { "credits": credits, "reference": "batched" } })
}

fn capture(key: &str, hold: &Value) -> Value {
    json!({ "key": key, "hold": hold, "capture": {} })
}

/// Requests decisions; no key is sent beside theirs.
async fn decide(app: &App, decisions: &Value) -> Answer {
    app.call(Method::POST, "/v1/holds/batch").json(&json!({ "decisions": decisions })).send().await
}

/// Returns the answers to decisions, of a request that is good as a whole.
async fn answers(app: &App, decisions: &Value) -> Vec<Value> {
    let body = decide(app, decisions).await.expect(200);
    let keys = each(&body["answers"], "key");
    assert_eq!(keys, each(decisions, "key"), "one answer for each decision, in the order asked");
    body["answers"].as_array().expect("a list").clone()
}

fn statuses(answers: &[Value]) -> Vec<i64> {
    answers.iter().map(|answer| number(&answer["status"])).collect()
}

#[tokio::test]
async fn decisions_on_two_workspaces_are_each_answered_and_a_retry_changes_nothing() {
    let mut app = App::start();
    {
        let (one, two, other) = (app.free().await, app.free().await, app.free().await);
        let untouched = (other.credits().await, other.entries().await);
        let earlier = one.post("/v1/holds", json!({ "credits": 50, "reference": "earlier" })).await.expect(201);
        let kept = two.post("/v1/holds", json!({ "credits": 30, "reference": "kept" })).await.expect(201);
        let batch = json!([
            open("a", &one, 200),
            open("a", &two, 20),
            open("b", &one, 1),
            { "key": "c", "hold": earlier["id"], "capture": { "credits": 10 } },
            open("d", &one, 40),
            { "key": "e", "hold": kept["id"], "release": {} },
            { "key": "f", "workspace": one.id, "open": { "model": "image-standard", "reference": "r", "seconds": 60 } },
        ]);
        let first = answers(&app, &batch).await;
        assert_eq!(statuses(&first), [201, 201, 402, 200, 201, 200, 402]);
        // 250 - 50 - 200 leaves nothing for 1; the capture gives 40 back, which the next one takes whole.
        let refused = &first[2]["problem"];
        assert_eq!((&refused["code"], &refused["required"]), (&json!("INSUFFICIENT_CREDITS"), &json!(1)));
        assert_eq!((&refused["available"], &refused["status"]), (&json!(0), &json!(402)));
        assert!(refused["options"].is_array() && refused["detail"].is_string() && refused["request_id"].is_string());
        assert_eq!(refused["type"], "urn:scrip:problem:insufficient_credits");
        assert_eq!((&first[3]["hold"]["captured"], &first[3]["hold"]["released"]), (&json!(10), &json!(40)));
        assert_eq!(first[5]["hold"]["status"], "released");
        assert_eq!((one.credits().await, two.credits().await), ((0, 240), (230, 20)));
        for answer in first.iter().filter(|answer| answer["hold"].is_object()) {
            assert_eq!(answer["replayed"], false);
            let shown = app.get(&format!("/v1/holds/{}", text(&answer["hold"]["id"]))).await.expect(200);
            assert_eq!(shown, answer["hold"]);
            let told = app.get(&format!("/v1/entries/{}/explain", text(&answer["entry"]))).await.expect(200);
            assert!(told.to_string().contains(&text(&answer["hold"]["id"])), "{told}");
        }

        let entries = (one.entries().await, two.entries().await);
        let again = answers(&app, &batch).await;
        assert_eq!(statuses(&again), statuses(&first));
        for (first, again) in first.iter().zip(&again).filter(|(first, _)| first["hold"].is_object()) {
            assert_eq!((&again["hold"], &again["entry"]), (&first["hold"], &first["entry"]));
            assert_eq!(again["replayed"], true);
        }
        let part = answers(&app, &json!([batch[4], batch[0], open("new", &two, 5)])).await;
        assert_eq!((&part[0]["hold"], &part[1]["hold"]), (&first[4]["hold"], &first[0]["hold"]), "part, in any order");
        assert_eq!((statuses(&part), &part[2]["replayed"]), (vec![201; 3], &json!(false)));
        assert_eq!(one.entries().await, entries.0);
        assert_eq!(two.entries().await.len(), entries.1.len() + 1);
        assert_eq!((other.credits().await, other.entries().await), untouched);
    }
    app.verify();
}

#[tokio::test]
async fn a_key_is_good_for_one_request_at_one_address() {
    let mut app = App::start();
    {
        let desk = app.free().await;
        let single = json!({ "credits": 20, "reference": "batched" });
        desk.call(Method::POST, "/v1/holds").key("single").json(&single).send().await.expect(201);
        let made = answers(&app, &json!([open("single", &desk, 20), open("batch", &desk, 20)])).await;
        assert_eq!(statuses(&made), [422, 201]);
        assert_eq!(made[0]["problem"]["code"], "IDEMPOTENCY_KEY_REUSED");
        let other_way = desk.call(Method::POST, "/v1/holds").key("batch").json(&single).send().await;
        other_way.problem(422, "IDEMPOTENCY_KEY_REUSED");
        let changed = answers(&app, &json!([open("batch", &desk, 21)])).await;
        assert_eq!(changed[0]["problem"]["code"], "IDEMPOTENCY_KEY_REUSED");
        // The same body with other spaces and the members in another order is the same request.
        let spaced = format!(
            r#"{{ "decisions": [ {{ "open": {{"reference": "batched", "credits": 20}}, "workspace": "{}", "key":"batch" }} ] }}"#,
            desk.id
        );
        let call = app.call(Method::POST, "/v1/holds/batch").bytes("application/json", spaced.into_bytes());
        let again = call.send().await.expect(200);
        assert_eq!((&again["answers"][0]["hold"], &again["answers"][0]["replayed"]), (&made[1]["hold"], &json!(true)));
        assert_eq!(desk.credits().await, (210, 40));
    }
    app.verify();
}

#[tokio::test]
async fn a_hundred_at_a_balance_for_fifty_are_the_first_fifty() {
    let mut app = App::start();
    {
        let desk = app.free().await;
        desk.give(100).await;
        let batch: Vec<Value> = (0..100).map(|n| open(&format!("k{n}"), &desk, 7)).collect();
        let made = answers(&app, &json!(batch)).await;
        let (first, rest) = made.split_at(50);
        assert!(first.iter().all(|answer| answer["status"] == 201), "{first:?}");
        assert!(rest.iter().all(|answer| answer["problem"]["code"] == "INSUFFICIENT_CREDITS"), "{rest:?}");
        assert_eq!(desk.credits().await, (0, 350));
        // An end sees the hold that the request opened, and the first end stands even within one request.
        let id = &first[0]["hold"]["id"];
        let ends = json!([capture("e0", id), { "key": "e1", "hold": id, "release": {} }, open("e2", &desk, 1)]);
        let ended = answers(&app, &ends).await;
        assert_eq!(statuses(&ended), [200, 409, 402]);
        let again = &ended[1]["problem"];
        assert_eq!((&again["code"], &again["ended_as"]), (&json!("HOLD_ENDED"), &json!("captured")));
        assert_eq!((&again["ended_at"], &again["captured"]), (&ended[0]["hold"]["ended_at"], &json!(7)));
        assert_eq!(statuses(&answers(&app, &json!([ends[0]])).await), [200], "the decision that ended it is a replay");
        assert_eq!(desk.credits().await, (0, 343));
    }
    app.verify();
}

#[tokio::test]
async fn a_thousand_are_taken_and_one_more_is_refused() {
    let mut app = App::start();
    {
        let desks = [app.free().await, app.free().await];
        for desk in &desks {
            desk.give(1_000).await;
        }
        let mut batch: Vec<Value> = (0..1_001).map(|n| open(&format!("k{n}"), &desks[n % 2], 1)).collect();
        let whole = decide(&app, &json!(batch)).await.problem(422, "INVALID_REQUEST");
        assert_eq!(whole["errors"][0]["pointer"], "/decisions");
        assert_eq!(desks[0].credits().await, (1_250, 0));
        decide(&app, &json!([])).await.problem(422, "INVALID_REQUEST");
        batch.pop();
        let made = answers(&app, &json!(batch)).await;
        assert!(made.iter().all(|answer| answer["status"] == 201));
        let ends: Vec<Value> =
            made.iter().map(|made| capture(&text(&made["key"]).replace('k', "c"), &made["hold"]["id"])).collect();
        let captured = answers(&app, &json!(ends)).await;
        assert!(captured.iter().all(|answer| answer["hold"]["captured"] == 1));
        let again = answers(&app, &json!(ends)).await;
        assert!(
            again
                .iter()
                .zip(&captured)
                .all(|(again, first)| again["hold"] == first["hold"] && again["replayed"] == true)
        );
        for desk in &desks {
            assert_eq!(desk.credits().await, (750, 0));
        }
    }
    app.verify();
}

#[tokio::test]
async fn what_cannot_be_read_is_pointed_at_and_nothing_of_the_request_happens() {
    let mut app = App::start();
    {
        let desk = app.free().await;
        let with = |member: &str, value: Value| {
            let mut decision = open("wrong", &desk, 5);
            decision["open"][member] = value;
            decision
        };
        let (ws, hold) = (&desk.id, json!({ "credits": 5, "reference": "r" }));
        let some = format!("hd_{}_1", &ws[3..]);
        for (wrong, pointer) in [
            (with("credits", json!("5")), "/decisions/3/open/credits"),
            (with("credits", json!(0)), "/decisions/3/open/credits"),
            (with("model", json!("upscale")), "/decisions/3/open/credits"),
            (with("credit", json!(5)), "/decisions/3/open/credit"),
            (with("seconds", json!(0)), "/decisions/3/open/seconds"),
            (with("reference", json!("")), "/decisions/3/open/reference"),
            (json!({ "key": "w", "workspace": ws, "open": { "credits": 5 } }), "/decisions/3/open/reference"),
            (
                json!({ "key": "w", "workspace": ws, "open": { "model": "upscale", "reference": "r", "params": { "x": null } } }),
                "/decisions/3/open/params/x",
            ),
            (json!({ "workspace": ws, "open": hold }), "/decisions/3/key"),
            (json!({ "key": "", "workspace": ws, "open": hold }), "/decisions/3/key"),
            (json!({ "key": "two words", "workspace": ws, "open": hold }), "/decisions/3/key"),
            (json!({ "key": "k1", "workspace": ws, "open": hold }), "/decisions/3/key"),
            (json!({ "key": "w", "workspace": ws, "open": hold, "more": 1 }), "/decisions/3/more"),
            (json!({ "key": "w", "workspace": 7, "open": hold }), "/decisions/3/workspace"),
            (json!({ "key": "w", "workspace": null, "hold": some, "release": {} }), "/decisions/3/workspace"),
            (json!({ "key": "w", "open": hold }), "/decisions/3"),
            (json!({ "key": "w", "workspace": ws, "hold": some, "open": hold }), "/decisions/3"),
            (json!({ "key": "w", "workspace": ws, "release": {} }), "/decisions/3"),
            (json!({ "key": "w", "hold": some }), "/decisions/3"),
            (json!({ "key": "w", "hold": some, "capture": {}, "release": {} }), "/decisions/3"),
            (json!({ "key": "w", "hold": some, "capture": [] }), "/decisions/3/capture"),
            (json!({ "key": "w", "hold": some, "capture": { "credits": -1 } }), "/decisions/3/capture/credits"),
            (json!({ "key": "w", "hold": "nonsense", "capture": { "credits": 0 } }), "/decisions/3/capture/credits"),
            (json!({ "key": "w", "hold": some, "release": { "credits": 1 } }), "/decisions/3/release/credits"),
            (json!(["w", ws, hold]), "/decisions/3"),
        ] {
            let good = |n: usize| open(&format!("k{n}"), &desk, 5);
            let batch = json!([good(0), good(1), good(2), wrong, good(4)]);
            let problem = decide(&app, &batch).await.problem(422, "INVALID_REQUEST");
            assert_eq!(problem["errors"][0]["pointer"], pointer, "{wrong}: {problem}");
        }
        app.call(Method::POST, "/v1/holds/batch").json(&json!({})).send().await.problem(422, "INVALID_REQUEST");
        assert_eq!(desk.entries().await.len(), 1, "it was opened, and nothing else happened");
    }
    app.verify();
}

#[tokio::test]
async fn what_is_not_there_or_not_allowed_is_that_decisions_own_answer() {
    let mut app = App::start();
    {
        let (desk, frozen) = (app.free().await, app.free().await);
        let path = format!("/v1/workspaces/{}/freeze", frozen.id);
        app.post(&path, json!({ "frozen": true, "reason": "a story" })).await.expect(200);
        let hold = desk.post("/v1/holds", json!({ "credits": 5, "reference": "r" })).await.expect(201);
        let opening =
            |workspace: &str| json!({ "key": "x", "workspace": workspace, "open": { "credits": 1, "reference": "r" } });
        let batch = json!([
            opening("nonsense"),
            opening("ws_0000000000000"),
            capture("x", &json!("nonsense")),
            capture("x", &json!(format!("hd_{}_99", &desk.id[3..]))),
            open("x", &frozen, 1),
            { "key": "y", "hold": hold["id"], "capture": { "credits": 6 } },
            { "key": "z", "workspace": desk.id, "open": { "model": "no-such", "reference": "r" } },
            open("fine", &desk, 1),
        ]);
        let made = answers(&app, &batch).await;
        assert_eq!(statuses(&made), [404, 404, 404, 404, 403, 422, 422, 201], "{made:?}");
        assert_eq!(made[4]["problem"]["code"], "WORKSPACE_FROZEN");
        assert_eq!(made[5]["problem"]["errors"][0]["pointer"], "/decisions/5/capture/credits");
        assert_eq!(made[6]["problem"]["errors"][0]["pointer"], "/decisions/6/open/model");
        // The header is not needed. Where it is given, other workspaces do not exist for the request.
        let call = frozen.call(Method::POST, "/v1/holds/batch");
        let body = json!({ "decisions": [open("h", &desk, 1), { "key": "i", "hold": hold["id"], "release": {} }] });
        let elsewhere = call.json(&body).send().await.expect(200);
        assert_eq!(each(&elsewhere["answers"], "status"), [&json!(404), &json!(404)]);
        assert_eq!(desk.credits().await, (244, 6));
    }
    app.verify();
}
