//! Workspaces: opening them, plans by hand, freezing, giving and taking back.

use reqwest::Method;
use scrip_testing::app::{App, each, text};
use serde_json::{Value, json};

#[tokio::test]
async fn a_workspace_is_opened_once_for_one_key_and_found_by_the_operators_own_id() {
    let mut app = App::start();
    {
        let body = json!({ "name": "Ada", "owner": { "email": "ada@example.com" }, "external_id": "shop/42" });
        let open = |body: &Value| app.call(Method::POST, "/v1/workspaces").key("open-ada").json(body).send();
        let first = open(&body).await.expect(201);
        let again = open(&body).await;
        assert_eq!(again.expect(201), first);
        assert_eq!(again.header("idempotent-replayed"), Some("true"));
        let mut other = body.clone();
        other["name"] = json!("Eve");
        open(&other).await.problem(422, "IDEMPOTENCY_KEY_REUSED");
        let taken = app.post("/v1/workspaces", body).await.problem(422, "INVALID_REQUEST");
        assert_eq!(taken["errors"][0]["pointer"], "/external_id");
        let found = app.get("/v1/workspaces?external_id=shop%2F42").await.expect(200);
        assert_eq!(each(&found["data"], "id"), [&first["id"]]);
        assert_eq!(app.get("/v1/workspaces?external_id=shop").await.expect(200)["data"], json!([]));
    }
    app.verify();
}

#[tokio::test]
async fn a_request_with_a_used_key_leaves_no_trace() {
    let mut app = App::start();
    {
        let body = |id: &str| json!({ "name": "Ada", "owner": { "email": "ada@example.com" }, "external_id": id });
        let open = |body: Value| app.call(Method::POST, "/v1/workspaces").key("open").json(&body).send();
        open(body("one")).await.expect(201);
        open(body("two")).await.problem(422, "IDEMPOTENCY_KEY_REUSED");
        // The refused request did not use up the name.
        app.post("/v1/workspaces", body("two")).await.expect(201);
    }
    app.verify();
}

#[tokio::test]
async fn the_free_credits_are_for_a_person_once() {
    let mut app = App::start();
    {
        let with = async |email: &str| app.workspace(json!({ "owner": { "email": email } })).await.credits().await;
        assert_eq!(with("grace@example.com").await, (250, 0));
        for again in ["Grace@Example.com", "grace+again@example.com"] {
            assert_eq!(with(again).await, (0, 0), "{again}");
        }
        assert_eq!(with("hopper@example.com").await, (250, 0));
    }
    app.verify();
}

#[tokio::test]
async fn workspaces_are_listed_in_the_order_they_were_opened() {
    let mut app = App::start();
    {
        let mut opened = Vec::new();
        for _ in 0..5 {
            opened.push(json!(app.free().await.id));
        }
        let first = app.get("/v1/workspaces?limit=2").await.expect(200);
        let second =
            app.get(&format!("/v1/workspaces?limit=3&cursor={}", text(&first["next_cursor"]))).await.expect(200);
        assert_eq!((&first["has_more"], &second["has_more"]), (&json!(true), &json!(false)));
        let listed: Vec<Value> =
            each(&first["data"], "id").into_iter().chain(each(&second["data"], "id")).cloned().collect();
        assert_eq!(listed, opened);
    }
    app.verify();
}

#[tokio::test]
async fn a_frozen_workspace_starts_nothing_and_says_why() {
    let mut app = App::start();
    {
        let desk = app.free().await;
        let run = desk.run(json!({ "model": "upscale", "sandbox": { "after": 3600 } })).await.expect(202);
        let freeze = format!("/v1/workspaces/{}/freeze", desk.id);
        desk.post(&freeze, json!({ "frozen": true })).await.problem(422, "INVALID_REQUEST");
        let frozen = desk.post(&freeze, json!({ "frozen": true, "reason": "an unpaid invoice" })).await.expect(200);
        assert_eq!((&frozen["status"], &frozen["frozen_reason"]), (&json!("frozen"), &json!("an unpaid invoice")));
        let refused = desk.run(json!({ "model": "image-standard" })).await.problem(403, "WORKSPACE_FROZEN");
        assert_eq!(refused["reason"], "an unpaid invoice");
        desk.post("/v1/holds", json!({ "credits": 5, "reference": "r" })).await.problem(403, "WORKSPACE_FROZEN");
        let quote = desk.post("/v1/quotes", json!({ "model": "image-standard" })).await.expect(200);
        assert_eq!(quote["refusal"]["code"], "WORKSPACE_FROZEN");
        // Runs that were started before may still be ended.
        desk.post(&format!("/v1/runs/{}/cancel", text(&run["id"])), json!({})).await.expect(200);
        assert_eq!(desk.credits().await, (250, 0));
        desk.post(&freeze, json!({ "frozen": false })).await.expect(200);
        desk.run_to_end(json!({ "model": "image-standard" })).await;
    }
    app.verify();
}

#[tokio::test]
async fn goodwill_is_given_once_for_one_source() {
    let mut app = App::start();
    {
        let desk = app.free().await;
        let grants = format!("/v1/workspaces/{}/grants", desk.id);
        let gift = json!({ "amount": 100, "reason": "sorry", "source": "ticket-7" });
        let made = desk.post(&grants, gift.clone()).await.expect(201);
        assert_eq!(
            (&made[0]["granted"], &made[0]["kind"], &made[0]["source"]),
            (&json!(100), &json!("goodwill"), &json!("ticket-7"))
        );
        // Another key, another amount, another day: the source was granted from.
        assert_eq!(desk.post(&grants, gift).await.expect(201), json!([]));
        assert_eq!(
            desk.post(&grants, json!({ "amount": 999, "reason": "sorry", "source": "ticket-7" })).await.expect(201),
            json!([])
        );
        assert_eq!(desk.credits().await, (350, 0));
        desk.post(&grants, json!({ "amount": 1, "reason": "sorry", "source": "ticket-8" })).await.expect(201);
        let pack = json!({ "pack": "credits-1000", "reason": "bought", "source": "invoice-1" });
        assert_eq!(desk.post(&grants, pack.clone()).await.expect(201)[0]["granted"], 1000);
        assert_eq!(desk.post(&grants, pack).await.expect(201), json!([]));
        assert_eq!(desk.credits().await, (1_351, 0));
        for wrong in [
            json!({ "pack": "credits-1", "reason": "r" }),
            json!({ "reason": "r" }),
            json!({ "amount": 5 }),
            json!({ "pack": "credits-1000", "amount": 5, "reason": "r" }),
            json!({ "amount": 5, "reason": "" }),
            json!({ "amount": 5, "reason": "r", "models": ["nothing"] }),
            json!({ "amount": 5, "reason": "r", "expires_at": "2020-01-01T00:00:00Z" }),
            json!({ "amount": 5, "reason": "r", "source": "x".repeat(201) }),
        ] {
            desk.post(&grants, wrong).await.problem(422, "INVALID_REQUEST");
        }
        assert_eq!(desk.credits().await, (1_351, 0));
    }
    app.verify();
}

#[tokio::test]
async fn a_voided_grant_gives_back_what_is_left_of_it_and_what_its_holds_return() {
    let mut app = App::start();
    {
        let desk = app.workspace(json!({ "plan": "creator", "interval": "month" })).await;
        let before = desk.credits().await.0;
        let gift = desk.give(100).await;
        // The month is drawn first, so a hold of everything reaches into the gift.
        let hold = desk.post("/v1/holds", json!({ "credits": before + 30, "reference": "r" })).await.expect(201);
        let void = format!("/v1/grants/{}/void", text(&gift["id"]));
        let voided = desk.post(&void, json!({ "reason": "a mistake" })).await.expect(200);
        assert_eq!((&voided["available"], &voided["held"], &voided["revoked"]), (&json!(0), &json!(30), &json!(70)));
        desk.post(&format!("/v1/holds/{}/release", text(&hold["id"])), json!({})).await.expect(200);
        assert_eq!(desk.credits().await, (before, 0));
        let again = desk.post(&void, json!({ "reason": "again" })).await.expect(200);
        assert_eq!((&again["held"], &again["revoked"]), (&json!(0), &json!(100)));
        desk.post(&void, json!({ "reason": "" })).await.problem(422, "INVALID_REQUEST");
        let missing = void.replace("/void", "9/void");
        desk.post(&missing, json!({ "reason": "r" })).await.problem(404, "NOT_FOUND");
    }
    app.verify();
}

#[tokio::test]
async fn a_plan_is_left_at_the_end_of_what_was_paid_and_can_be_kept_until_then() {
    let mut app = App::start();
    {
        let clock = app.clock("2026-03-05T12:00:00Z").await;
        let desk = app.workspace(json!({ "test_clock": clock.id, "plan": "creator", "interval": "month" })).await;
        let path = format!("/v1/workspaces/{}/subscription", desk.id);
        let cancel = async |undo: &str| desk.call(Method::DELETE, &format!("{path}{undo}")).send().await;
        assert_eq!(cancel("").await.expect(200)["status"], "canceling");
        assert_eq!(cancel("?undo=true").await.expect(200)["status"], "active");
        cancel("").await.expect(200);
        clock.advance("2026-04-05T11:59:59.999999Z").await;
        assert_eq!(desk.show().await["plan"], "creator");
        clock.advance("2026-04-05T12:00:00Z").await;
        let shown = desk.show().await;
        assert_eq!((&shown["plan"], &shown["period"]), (&json!("free"), &Value::Null));
        cancel("?undo=maybe").await.problem(422, "INVALID_REQUEST");
    }
    app.verify();
}

#[tokio::test]
async fn a_change_that_is_sent_again_shows_the_workspace_as_it_was_then() {
    let mut app = App::start();
    {
        let desk = app.free().await;
        let path = format!("/v1/workspaces/{}", desk.id);
        let rename = |name| app.call(Method::PATCH, &path).key(name).json(&json!({ "name": name })).send();
        let shown = rename("Atelier").await.expect(200);
        // Nothing has happened since, and then something does.
        for _ in 0..2 {
            let again = rename("Atelier").await;
            assert_eq!((again.expect(200), again.header("idempotent-replayed")), (shown.clone(), Some("true")));
            rename("Studio").await.expect(200);
        }
        assert_eq!(app.get(&path).await.expect(200)["name"], "Studio");
    }
    app.verify();
}
