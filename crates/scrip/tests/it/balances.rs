//! Balances: the answers to people about their credits: ways out, entries in words, usage.

use reqwest::Method;
use scrip_testing::app::{App, Desk, each, number, text};
use serde_json::{Value, json};

/// Opens a workspace with 500 credits a month, of which a hold has 400, and asks for a film that costs 300.
async fn short_of_credits(app: &App) -> (scrip_testing::app::Clock<'_>, Desk<'_>, Value) {
    let clock = app.clock("2026-03-05T12:00:00Z").await;
    let desk = app.workspace(json!({ "test_clock": clock.id, "plan": "basic", "interval": "month" })).await;
    let hold = desk.post("/v1/holds", json!({ "credits": 400, "reference": "an export", "seconds": 2_592_000 })).await;
    (clock, desk, hold.expect(201))
}

/// Follows a way out of a refusal.
async fn follow(
    desk: &Desk<'_>,
    clock: &scrip_testing::app::Clock<'_>,
    way: &Value,
    hold: Option<&Value>,
    order: &mut Value,
) {
    match text(&way["kind"]).as_str() {
        "smaller" => {
            for (name, value) in way["params"].as_object().expect("params") {
                order["params"][name] = value.clone();
            }
            let quote = desk.post("/v1/quotes", order.clone()).await.expect(200);
            assert_eq!(quote["credits"], way["credits"], "the smaller run costs what was said");
        }
        "pack" => {
            let pack = json!({ "pack": way["pack"], "reason": "bought" });
            let granted = desk.post(&format!("/v1/workspaces/{}/grants", desk.id), pack).await.expect(201);
            let sum: i64 = each(&granted, "granted").into_iter().map(number).sum();
            assert_eq!(way["credits"], sum);
        }
        "plan" => {
            let plan = json!({ "plan": way["plan"], "interval": way["interval"] });
            desk.post(&format!("/v1/workspaces/{}/subscription", desk.id), plan).await.expect(200);
        }
        "renewal" => clock.advance(&text(&way["at"])).await,
        "held" => {
            let hold = hold.expect("only what is held is offered");
            desk.post(&format!("/v1/holds/{}/release", text(&hold["id"])), json!({})).await.expect(200);
        }
        other => panic!("an unknown way out: {other}"),
    }
}

#[tokio::test]
async fn every_way_out_of_too_small_a_balance_is_true() {
    let mut app = App::serving("shared-balance");
    let mut kinds = Vec::new();
    for index in 0.. {
        let (clock, desk, hold) = short_of_credits(&app).await;
        let mut order = json!({ "model": "seedance", "params": { "duration": 15, "prompt": "waves" } });
        let refused = desk.run(order.clone()).await.problem(402, "INSUFFICIENT_CREDITS");
        assert_eq!(
            (&refused["required"], &refused["available"], &refused["held"]),
            (&json!(300), &json!(100), &json!(400))
        );
        assert_eq!(refused["retryable"], true, "the hold may give it back");
        assert_eq!(desk.credits().await, (100, 400), "a refusal changes nothing");
        let options = refused["options"].as_array().expect("options").clone();
        let Some(way) = options.get(index) else { break };
        follow(&desk, &clock, way, Some(&hold), &mut order).await;
        let run = desk.run(order).await;
        assert_eq!(run.status, 202, "{way}: {}", run.json());
        kinds.push(text(&way["kind"]));
    }
    for kind in ["smaller", "pack", "plan", "renewal", "held"] {
        assert!(kinds.iter().any(|known| known == kind), "no way out was of kind {kind}: {kinds:?}");
    }
    app.verify();
}

#[tokio::test]
async fn a_run_that_no_month_can_pay_is_not_told_to_wait_for_the_next() {
    let mut app = App::serving("shared-balance");
    for index in 0.. {
        let clock = app.clock("2026-03-05T12:00:00Z").await;
        let desk = app.workspace(json!({ "test_clock": clock.id, "plan": "basic", "interval": "month" })).await;
        // 500 are there, and the film costs 600: the shortfall is less than a month brings, but a month starts anew.
        let mut order = json!({ "model": "seedance", "params": { "duration": 15, "resolution": "1080p" } });
        let refused = desk.run(order.clone()).await.problem(402, "INSUFFICIENT_CREDITS");
        assert_eq!((&refused["required"], &refused["available"]), (&json!(600), &json!(500)), "{refused}");
        let options = refused["options"].as_array().expect("options").clone();
        assert!(options.iter().all(|way| way["kind"] != "renewal"), "{refused}");
        let Some(way) = options.get(index) else { break };
        follow(&desk, &clock, way, None, &mut order).await;
        let run = desk.run(order).await;
        assert_eq!(run.status, 202, "{way}: {}", run.json());
    }
    app.verify();
}

#[tokio::test]
async fn whoever_paid_for_a_year_is_only_offered_what_starts_at_once() {
    let mut app = App::start();
    let mut offered = 0;
    for index in 0.. {
        let clock = app.clock("2026-03-05T12:00:00Z").await;
        let desk = app.workspace(json!({ "test_clock": clock.id, "plan": "pro", "interval": "year" })).await;
        let hold = desk.post("/v1/holds", json!({ "credits": 5_400, "reference": "r", "seconds": 2_592_000 })).await;
        let hold = hold.expect(201);
        let mut order = json!({ "model": "video-pro", "params": { "duration": 40 } });
        let refused = desk.run(order.clone()).await.problem(402, "INSUFFICIENT_CREDITS");
        let options = refused["options"].as_array().expect("options").clone();
        let Some(way) = options.get(index) else { break };
        let approve = json!([{ "review": "business_verification", "reason": "papers seen" }]);
        if way["kind"] == "plan" {
            let plan = json!({ "plan": way["plan"], "interval": way["interval"], "approve": approve });
            desk.post(&format!("/v1/workspaces/{}/subscription", desk.id), plan).await.expect(200);
            offered += 1;
        } else {
            follow(&desk, &clock, way, Some(&hold), &mut order).await;
        }
        let run = desk.run(order).await;
        assert_eq!(run.status, 202, "{way}: {}", run.json());
    }
    assert_eq!(offered, 1, "a higher plan is one way out");
    app.verify();
}

#[tokio::test]
async fn every_change_of_a_balance_is_in_the_entries_and_explained() {
    let mut app = App::start();
    {
        let desk = app.free().await;
        desk.give(40).await;
        desk.run_to_end(json!({ "model": "upscale" })).await;
        desk.run_to_end(json!({ "model": "upscale", "sandbox": { "outcome": "fail" } })).await;
        let entries = desk.entries().await;
        let commands: Vec<String> = entries.iter().map(|entry| text(&entry["command"])).collect();
        assert_eq!(entries.len(), 8, "{commands:?}");
        let mut before = "0".repeat(64);
        let mut sum = 0;
        for (index, entry) in entries.iter().enumerate() {
            assert_eq!(entry["seq"], index as i64 + 1);
            assert_eq!(entry["previous_hash"], before, "the chain is whole");
            before = text(&entry["hash"]);
            let postings = entry["postings"].as_array().expect("postings").iter();
            for posting in postings.filter(|posting| posting["unit"] == "credits") {
                assert!(number(&posting["amount"]) > 0, "{posting}");
                let side = |side: &str| i64::from(text(&posting[side]).ends_with(":available"));
                sum += number(&posting["amount"]) * (side("to") - side("from"));
            }
            let told = desk.get(&format!("/v1/entries/{}/explain", text(&entry["id"]))).await.expect(200);
            assert_eq!(told["entry"], entry["id"]);
            assert!(
                !text(&told["summary"]).is_empty() && told["lines"].as_array().is_some_and(|lines| !lines.is_empty())
            );
            for change in told["balances"].as_array().expect("balances") {
                assert_ne!(
                    (&change["available_before"], &change["held_before"]),
                    (&change["available_after"], &change["held_after"])
                );
            }
        }
        assert_eq!(sum, 255, "the postings are the balance");
        assert_eq!(desk.credits().await, (255, 0));
        let known = text(&entries[0]["id"]);
        desk.get(&format!("/v1/entries/{}9/explain", known)).await.problem(404, "NOT_FOUND");
        let page = desk.get("/v1/entries?limit=3").await.expect(200);
        assert_eq!((page["data"].as_array().map(Vec::len), &page["has_more"]), (Some(3), &json!(true)));
        assert_eq!(page["data"][0]["seq"], 8, "newest first");
    }
    app.verify();
}

#[tokio::test]
async fn usage_is_summed_by_day_and_model() {
    let mut app = App::start();
    {
        let clock = app.clock("2026-03-31T23:59:00Z").await;
        let desk = app.workspace(json!({ "test_clock": clock.id })).await;
        desk.run_to_end(json!({ "model": "image-standard" })).await;
        desk.run_to_end(json!({ "model": "image-standard", "sandbox": { "outcome": "fail" } })).await;
        clock.advance("2026-04-01T00:00:00Z").await;
        desk.run_to_end(json!({ "model": "upscale" })).await;
        let row = |day: Value, model: Value, runs: i64, failed: i64, captured: i64| {
            let (unit, counts) = ("credits", (runs, failed, captured));
            json!({ "day": day, "model": model, "unit": unit, "runs": counts.0, "failed": counts.1, "captured": counts.2 })
        };
        // Captured holds of a model count as its runs; released ones, and those without a model, do not.
        for (ask, end) in [
            (json!({ "model": "upscale", "reference": "r" }), "capture"),
            (json!({ "model": "upscale", "reference": "r" }), "release"),
            (json!({ "credits": 7, "reference": "r" }), "capture"),
            (json!({ "credits": 7, "reference": "r" }), "release"),
        ] {
            let hold = desk.post("/v1/holds", ask).await.expect(201);
            desk.post(&format!("/v1/holds/{}/{end}", text(&hold["id"])), json!({})).await.expect(200);
        }
        let usage = desk.get("/v1/usage").await.expect(200);
        let both = json!([
            row(json!("2026-03-31"), json!("image-standard"), 2, 1, 10),
            row(json!("2026-04-01"), json!(""), 0, 0, 7),
            row(json!("2026-04-01"), json!("upscale"), 2, 0, 70)
        ]);
        assert_eq!(usage["rows"], both);
        assert_eq!(usage["to"], "2026-04-01", "today is the workspace's today");
        let by_day = desk.get("/v1/usage?by=day&from=2026-04-01").await.expect(200);
        assert_eq!(by_day["rows"], json!([row(json!("2026-04-01"), Value::Null, 2, 0, 77)]));
        let by_model = desk.get("/v1/usage?by=model").await.expect(200);
        assert_eq!(by_model["rows"].as_array().map(Vec::len), Some(3));
        for wrong in
            ["by=member", "from=yesterday", "from=2026-04-02", "from=2020-01-01", "to=2026-13-01", "from=2026-02-30"]
        {
            desk.get(&format!("/v1/usage?{wrong}")).await.problem(422, "INVALID_REQUEST");
        }
    }
    app.verify();
}

#[tokio::test]
async fn entitlements_say_what_is_locked_and_why() {
    let mut app = App::start();
    {
        let desk = app.free().await;
        let shown = desk.get("/v1/entitlements").await.expect(200);
        assert_eq!(shown["plan"], "free");
        for model in shown["models"].as_array().expect("models") {
            let quote = desk.post("/v1/quotes", json!({ "model": model["id"] })).await.expect(200);
            assert_eq!(model["locked"] == false, quote["allowed"] == true, "{model} {quote}");
            assert_eq!(model["reason"], quote["refusal"]["code"], "{model}");
        }
        let nobody = app.call(Method::GET, "/v1/entitlements").send().await;
        nobody.problem(422, "INVALID_REQUEST");
    }
    app.verify();
}
