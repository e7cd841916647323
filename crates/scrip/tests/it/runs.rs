//! Runs, as the people who pay for them see them.

use aws_lc_rs::digest;
use reqwest::Method;
use scrip_testing::app::{App, PATIENCE, each, number, root, temporary, text};
use serde_json::{Value, json};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_picture_is_quoted_run_delivered_and_only_then_paid() {
    let mut app = App::start();
    {
        let desk = app.free().await;
        assert_eq!(desk.credits().await, (250, 0));
        let asked = json!({ "model": "image-standard", "params": { "prompt": "a lake at dawn", "images": 2 } });
        let quote = desk.post("/v1/quotes", asked.clone()).await.expect(200);
        assert_eq!(
            (&quote["credits"], &quote["allowed"], &quote["balance_after"]),
            (&json!(20), &json!(true), &json!(230))
        );
        let lines: i64 = each(&quote["lines"], "credits").into_iter().map(number).sum();
        assert_eq!(lines, 20, "the lines are the whole price");
        assert_eq!(desk.credits().await, (250, 0), "a quote holds nothing");

        let mut order = asked;
        order["quote"] = quote["id"].clone();
        order["metadata"] = json!({ "board": "sketches" });
        let run = desk.run_to_end(order).await;
        assert_eq!(run["status"], "succeeded", "{run}");
        assert_eq!(run["credits"], json!({ "quoted": 20, "held": 0, "captured": 20, "released": 0 }));
        assert_eq!(run["metadata"]["board"], "sketches");
        assert_eq!(run["outputs"].as_array().map(Vec::len), Some(2));
        let mut hashes = Vec::new();
        for output in run["outputs"].as_array().expect("outputs") {
            // The link alone suffices: a browser has no key.
            let file = reqwest::get(text(&output["url"])).await.expect("the file is served");
            assert_eq!(file.headers()["content-type"], "image/png");
            let bytes = file.bytes().await.expect("the file is whole");
            assert_eq!(number(&output["bytes"]), bytes.len() as i64);
            let hash = hex(digest::digest(&digest::SHA256, &bytes).as_ref());
            assert_eq!(output["sha256"], hash);
            hashes.push(hash);
            let mut picture = png::Decoder::new(std::io::Cursor::new(&bytes[..])).read_info().expect("a PNG");
            let mut pixels = vec![0; picture.output_buffer_size().expect("a size")];
            picture.next_frame(&mut pixels).expect("every row decodes");
            assert!(pixels.iter().any(|value| *value != pixels[0]), "the picture shows something");
        }
        assert_ne!(hashes[0], hashes[1], "two images are two pictures");
        assert_eq!(desk.credits().await, (230, 0));
        assert_eq!(desk.run_shown(&run).await["credits"], run["credits"]);
    }
    app.verify();
}

#[tokio::test]
async fn whatever_goes_wrong_the_credits_come_back() {
    let mut app = App::start();
    {
        let desk = app.free().await;
        for (outcome, code) in [("fail", "PROVIDER_ERROR"), ("unusable", "UNUSABLE_OUTPUT"), ("refused", "REFUSED")] {
            let run = desk.run_to_end(json!({ "model": "upscale", "sandbox": { "outcome": outcome } })).await;
            assert_eq!((&run["status"], &run["error"]["code"]), (&json!("failed"), &json!(code)), "{run}");
            assert_eq!(run["credits"], json!({ "quoted": 35, "held": 0, "captured": 0, "released": 35 }));
            assert_eq!(run["outputs"], json!([]));
            assert_eq!(desk.credits().await, (250, 0), "{outcome}");
        }
    }
    app.verify();
}

#[tokio::test]
async fn seven_of_ten_seconds_cost_seven_tenths() {
    let mut app = App::start();
    {
        let desk = app.free().await;
        let order = json!({ "model": "video-standard", "params": { "duration": 10, "resolution": "480p" },
                            "sandbox": { "delivered": { "duration": 7 } } });
        let run = desk.run_to_end(order).await;
        assert_eq!(run["status"], "partial", "{run}");
        assert_eq!(run["credits"], json!({ "quoted": 200, "held": 0, "captured": 140, "released": 60 }));
        assert_eq!(desk.credits().await, (110, 0));
        let file = reqwest::get(text(&run["outputs"][0]["url"])).await.expect("the file is served");
        assert_eq!(file.status(), 200);

        let order = json!({ "model": "image-standard", "params": { "images": 4 }, "sandbox": { "delivered": { "images": 3 } } });
        let run = desk.run_to_end(order).await;
        assert_eq!((&run["status"], &run["credits"]["captured"]), (&json!("partial"), &json!(30)));
        assert_eq!(desk.credits().await, (80, 0));
        let none =
            desk.run_to_end(json!({ "model": "image-standard", "sandbox": { "delivered": { "images": 0 } } })).await;
        assert_eq!((&none["status"], &none["credits"]["released"]), (&json!("failed"), &json!(10)));
        assert_eq!(desk.credits().await, (80, 0));
    }
    app.verify();
}

#[tokio::test]
async fn a_provider_that_never_answers_is_given_up_at_the_deadline_and_not_before() {
    let mut app = App::start();
    {
        let clock = app.clock("2026-03-01T00:00:00Z").await;
        let desk = app.workspace(json!({ "test_clock": clock.id })).await;
        let run = desk.run(json!({ "model": "upscale", "sandbox": { "outcome": "timeout" } })).await.expect(202);
        assert_eq!(desk.credits().await, (215, 35));
        let deadline = text(&run["expires_at"]);
        let at: i64 = deadline.parse::<scrip_engine::Timestamp>().expect("an instant").micros();
        clock.advance(&scrip_engine::Timestamp::from_micros(at - 1).to_string()).await;
        assert_eq!(desk.credits().await, (215, 35), "one microsecond early");
        clock.advance(&deadline).await;
        let run = desk.run_shown(&run).await;
        assert_eq!((&run["status"], &run["error"]["code"]), (&json!("failed"), &json!("TIMEOUT")), "{run}");
        assert_eq!(run["ended_at"], json!(deadline));
        assert_eq!(desk.credits().await, (250, 0));
    }
    app.verify();
}

#[tokio::test]
async fn a_result_that_comes_after_the_deadline_is_not_paid_for() {
    let mut app = App::start();
    {
        let clock = app.clock("2026-03-01T00:00:00Z").await;
        let desk = app.workspace(json!({ "test_clock": clock.id })).await;
        let run = desk.run(json!({ "model": "upscale", "sandbox": { "after": 86400 } })).await.expect(202);
        desk.running(&run).await;
        clock.advance("2026-03-03T00:00:00Z").await;
        let run = desk.run_shown(&run).await;
        assert_eq!((&run["status"], &run["credits"]["captured"]), (&json!("failed"), &json!(0)), "{run}");
        assert_eq!(run["outputs"], json!([]), "what came too late is not offered");
        assert_eq!(desk.credits().await, (250, 0));
    }
    app.verify();
}

#[tokio::test]
async fn a_canceled_run_gives_everything_back_whoever_was_faster() {
    let mut app = App::start();
    {
        let desk = app.free().await;
        let run = desk.run(json!({ "model": "upscale", "sandbox": { "after": 3600 } })).await.expect(202);
        assert_eq!(run["status"], "queued");
        let run = desk.running(&run).await;
        assert!(run["started_at"].is_string());
        let cancel = format!("/v1/runs/{}/cancel", text(&run["id"]));
        let canceled = desk.post(&cancel, json!({})).await.expect(200);
        assert_eq!((&canceled["status"], &canceled["credits"]["released"]), (&json!("canceled"), &json!(35)));
        let again = desk.post(&cancel, json!({})).await.problem(409, "HOLD_ENDED");
        assert_eq!((&again["ended_as"], &again["ended_at"]), (&json!("canceled"), &canceled["ended_at"]));
        assert_eq!((&again["captured"], &again["released"]), (&json!(0), &json!(35)));
        // Canceled at once: a worker may or may not have been faster; either way the first end stands.
        let mut paid = 0;
        for _ in 0..20 {
            let run = desk.run(json!({ "model": "image-standard" })).await.expect(202);
            let answer = desk.post(&format!("/v1/runs/{}/cancel", text(&run["id"])), json!({})).await;
            let ended = desk.run_shown(&run).await;
            if ended["status"] == "canceled" {
                answer.expect(200);
            } else {
                assert_eq!(answer.problem(409, "HOLD_ENDED")["ended_as"], ended["status"]);
            }
            let captured = number(&ended["credits"]["captured"]);
            assert_eq!((ended["status"] == "succeeded", captured), (captured == 10, captured), "{ended}");
            assert!(ended["status"] == "canceled" || captured == 10, "{ended}");
            paid += captured;
        }
        assert_eq!(desk.credits().await, (250 - paid, 0));
    }
    app.verify();
}

/// R36: another end of a run that has ended is refused with the first end, except for the call that ended it.
#[tokio::test]
async fn a_run_that_has_ended_is_not_ended_again() {
    let mut app = App::start();
    {
        let desk = app.free().await;
        for (script, ended_as) in [
            (json!({}), "succeeded"),
            (json!({ "delivered": { "images": 1 } }), "partial"),
            (json!({ "outcome": "fail" }), "failed"),
            (json!({ "after": 3600 }), "canceled"),
        ] {
            let ask = json!({ "model": "image-standard", "params": { "images": 2 }, "sandbox": script });
            let (run, key) = match ended_as {
                "canceled" => {
                    let run = desk.run(ask).await.expect(202);
                    let path = format!("/v1/runs/{}/cancel", text(&run["id"]));
                    let end = desk.call(Method::POST, &path).key("the-end").json(&json!({})).send().await;
                    (end.expect(200), Some("the-end"))
                }
                _ => (desk.run_to_end(ask).await, None),
            };
            assert_eq!(run["status"], ended_as, "{run}");
            let before = (desk.credits().await, desk.entries().await.len());
            let path = format!("/v1/runs/{}/cancel", text(&run["id"]));
            for body in [json!({}), json!({})] {
                let refused = desk.post(&path, body).await.problem(409, "HOLD_ENDED");
                assert_eq!((&refused["ended_as"], &refused["ended_at"]), (&json!(ended_as), &run["ended_at"]));
                for amount in ["captured", "released"] {
                    assert_eq!(refused[amount], run["credits"][amount], "{ended_as}");
                }
            }
            if let Some(key) = key {
                let again = desk.call(Method::POST, &path).key(key).json(&json!({})).send().await;
                assert_eq!(again.header("idempotent-replayed"), Some("true"));
                assert_eq!(again.expect(200), run, "the call that ended it is answered as it was");
            }
            assert_eq!((desk.credits().await, desk.entries().await.len()), before, "{ended_as}: nothing has changed");
        }
    }
    app.verify();
}

#[tokio::test]
async fn where_the_catalog_says_so_a_cancel_costs_the_time_that_passed() {
    let directory = temporary();
    let shipped = std::fs::read_to_string(root().join("catalogs/canvas-tiers.toml")).expect("the catalog");
    let file = directory.join("catalog.toml");
    let id = "id = \"upscale\"";
    std::fs::write(&file, shipped.replace(id, &format!("{id}\ncancel = \"elapsed\"\ntimeout = \"60 minutes\"")))
        .expect("written");
    let mut app = App::with(&file, directory, Vec::new());
    {
        let clock = app.clock("2026-03-01T00:00:00Z").await;
        let desk = app.workspace(json!({ "test_clock": clock.id })).await;
        let quote = desk.post("/v1/quotes", json!({ "model": "upscale" })).await.expect(200);
        assert_eq!(quote["cancel"], "elapsed", "the quote says what a cancel costs");
        let run = desk.run(json!({ "model": "upscale", "sandbox": { "outcome": "timeout" } })).await.expect(202);
        desk.running(&run).await;
        clock.advance("2026-03-01T00:15:00Z").await;
        let run = desk.post(&format!("/v1/runs/{}/cancel", text(&run["id"])), json!({})).await.expect(200);
        // A quarter of 35 is 8.75, rounded up.
        assert_eq!(run["credits"], json!({ "quoted": 35, "held": 0, "captured": 9, "released": 26 }));
        assert_eq!(desk.credits().await, (241, 0));
    }
    app.verify();
}

#[tokio::test]
async fn the_same_key_is_the_same_run_and_another_body_is_refused() {
    let mut app = App::start();
    {
        let desk = app.free().await;
        let send = |body: Value| desk.call(Method::POST, "/v1/runs").key("order-1").json(&body).send();
        let body = json!({ "model": "image-standard", "params": { "prompt": "one" } });
        let first = send(body.clone()).await;
        let run = first.expect(202);
        assert_eq!(first.header("idempotent-replayed"), None);
        for _ in 0..3 {
            let again = send(body.clone()).await;
            assert_eq!(again.expect(202)["id"], run["id"]);
            assert_eq!(again.header("idempotent-replayed"), Some("true"));
        }
        send(json!({ "model": "image-standard", "params": { "prompt": "two" } }))
            .await
            .problem(422, "IDEMPOTENCY_KEY_REUSED");
        let missing = desk.call(Method::POST, "/v1/runs").json(&body).send().await;
        missing.problem(422, "INVALID_REQUEST");
        desk.get(&format!("/v1/runs/{}?wait=60", text(&run["id"]))).await.expect(200);
        assert_eq!(desk.credits().await, (240, 0));
        // The same key of another workspace is another key.
        let other = app.free().await;
        let theirs = other.call(Method::POST, "/v1/runs").key("order-1").json(&body).send().await;
        assert_ne!(theirs.expect(202)["id"], run["id"]);
        assert_eq!(theirs.header("idempotent-replayed"), None);
    }
    app.verify();
}

#[tokio::test]
async fn a_quote_holds_for_what_it_was_for_and_for_a_quarter_of_an_hour() {
    let mut app = App::start();
    {
        let clock = app.clock("2026-03-01T00:00:00Z").await;
        let desk = app.workspace(json!({ "test_clock": clock.id })).await;
        let mut order = json!({ "model": "image-standard", "params": { "images": 2 } });
        let quote = desk.post("/v1/quotes", order.clone()).await.expect(200);
        assert_eq!(quote["expires_at"], "2026-03-01T00:15:00Z");
        order["quote"] = quote["id"].clone();
        order["params"]["images"] = json!(3);
        let other = desk.run(order.clone()).await.problem(409, "QUOTE_MISMATCH");
        assert_eq!(other["quote"]["credits"], 30);
        assert_eq!(
            other["quote"]["expires_at"], "2026-03-01T00:15:00Z",
            "a fresh quote is fresh on the workspace's clock"
        );
        order["quote"] = other["quote"]["id"].clone();
        desk.run_to_end(order.clone()).await;

        clock.advance("2026-03-01T00:15:00Z").await;
        let late = desk.run(order.clone()).await.problem(409, "QUOTE_EXPIRED");
        assert_eq!(late["quote"]["expires_at"], "2026-03-01T00:30:00Z");
        order["quote"] = late["quote"]["id"].clone();
        desk.run_to_end(order.clone()).await;
        assert_eq!(desk.credits().await, (190, 0));

        clock.advance("2026-03-01T00:30:00Z").await;
        desk.run(order.clone()).await.problem(409, "QUOTE_EXPIRED");
        let stranger = app.free().await;
        stranger.run(order.clone()).await.problem(422, "INVALID_REQUEST");
        order["quote"] = json!("qt_1.2.3.4");
        desk.run(order).await.problem(422, "INVALID_REQUEST");
        assert_eq!(desk.credits().await, (190, 0));
    }
    app.verify();
}

#[tokio::test]
async fn a_model_of_a_higher_plan_says_which_plans_have_it() {
    let mut app = App::start();
    {
        let desk = app.free().await;
        let order = json!({ "model": "seedance-2.0-text-to-video" });
        let quote = desk.post("/v1/quotes", order.clone()).await.expect(200);
        assert_eq!((&quote["allowed"], &quote["refusal"]["code"]), (&json!(false), &json!("MODEL_TIER_REQUIRED")));
        let refused = desk.run(order.clone()).await.problem(403, "MODEL_TIER_REQUIRED");
        assert_eq!(refused["plans_that_include"], json!(["business", "enterprise"]));
        assert_eq!(refused["upgrade_url"], "/settings/billing");
        let plan = json!({ "plan": "business", "interval": "month" });
        let subscription = format!("/v1/workspaces/{}/subscription", desk.id);
        desk.post(&subscription, plan).await.problem(403, "REVIEW_REQUIRED");
        let plan = json!({ "plan": "business", "interval": "month",
                           "approve": [{ "review": "business_verification", "reason": "papers seen" }] });
        desk.post(&subscription, plan).await.expect(200);
        desk.run(order).await.expect(202);
    }
    app.verify();
}

#[tokio::test]
async fn a_trial_of_three_runs_is_three_runs_that_delivered() {
    let mut app = App::start();
    {
        let desk = app.free().await;
        let order = json!({ "model": "image-pro" });
        let failed = desk.run_to_end(json!({ "model": "image-pro", "sandbox": { "outcome": "fail" } })).await;
        assert_eq!((&failed["trial"], &failed["status"]), (&json!("runs"), &json!("failed")));
        for left in [3, 2, 1] {
            let models = desk.get("/v1/entitlements").await.expect(200)["models"].clone();
            let model = models.as_array().expect("a list").iter().find(|model| model["id"] == "image-pro").cloned();
            assert_eq!(model.expect("the model")["trial_runs_left"], left);
            let run = desk.run_to_end(order.clone()).await;
            assert_eq!((&run["status"], &run["trial"]), (&json!("succeeded"), &json!("runs")), "{run}");
        }
        desk.give(1_000).await;
        let refused = desk.run(order.clone()).await.problem(403, "TRIAL_EXHAUSTED");
        assert_eq!(refused["plans_that_include"], json!(["pro", "business", "enterprise"]));
        let models = desk.get("/v1/entitlements").await.expect(200)["models"].clone();
        let model = models.as_array().expect("a list").iter().find(|model| model["id"] == "image-pro").cloned();
        assert_eq!(model.expect("the model")["trial_runs_left"], 0, "used up is not unknown");
        assert_eq!(desk.credits().await, (1_250, 0), "a trial costs no credits, and credits do not reopen it");
        let pro = json!({ "plan": "pro", "interval": "month" });
        desk.post(&format!("/v1/workspaces/{}/subscription", desk.id), pro).await.expect(200);
        assert_eq!(desk.run_to_end(order).await["credits"]["captured"], 25);
    }
    app.verify();
}

#[tokio::test]
async fn a_plan_that_makes_one_image_at_a_time_refuses_two() {
    let mut app = App::serving("weekly-yearly");
    {
        let desk = app.free().await;
        let refused = desk.run(json!({ "model": "flux-schnell", "params": { "images": 2 } })).await;
        let refused = refused.problem(422, "BATCH_LIMIT_EXCEEDED");
        assert_eq!((&refused["limit"], &refused["asked"]), (&json!(1), &json!(2)));
        desk.run(json!({ "model": "flux-schnell", "params": { "images": 1 } })).await.expect(202);
    }
    app.verify();
}

#[tokio::test]
async fn a_run_can_be_followed_to_its_end() {
    let mut app = App::start();
    {
        let desk = app.free().await;
        let run = desk.run(json!({ "model": "upscale", "sandbox": { "after": 1 } })).await.expect(202);
        let path = format!("/v1/runs/{}/events", text(&run["id"]));
        let stream = desk.call(Method::GET, &path).stream().await;
        assert_eq!(stream.headers()["content-type"], "text/event-stream");
        // Another reader who follows the run sees its present state, independent of other readers.
        let second = desk.call(Method::GET, &path).stream().await;
        let elsewhere = app.free().await;
        elsewhere.run(json!({ "model": "image-standard" })).await.expect(202);
        let (whole, second) = tokio::join!(stream.text(), tokio::time::timeout(PATIENCE, second.text()));
        let (whole, second) = (whole.expect("it is whole"), second.expect("it ends").expect("it is whole"));
        assert_eq!(
            second.lines().rfind(|line| line.starts_with("data:")),
            whole.lines().rfind(|line| line.starts_with("data:"))
        );
        let events: Vec<Value> = whole
            .lines()
            .filter_map(|line| line.strip_prefix("data:"))
            .map(|data| serde_json::from_str(data).expect("JSON"))
            .collect();
        let last = events.last().expect("at least one event");
        assert_eq!(last["status"], "succeeded");
        let order = ["queued", "running", "succeeded"];
        let places: Vec<usize> =
            events.iter().filter_map(|event| order.iter().position(|name| event["status"] == *name)).collect();
        assert_eq!(places.len(), events.len(), "{whole}");
        assert!(places.is_sorted_by(|one, next| one < next), "each state once and in order: {whole}");
        // A late reader gets the end at once.
        let late = desk.get(&format!("/v1/runs/{}/events", text(&run["id"]))).await;
        assert_eq!(String::from_utf8_lossy(&late.bytes).matches("event: run").count(), 1);
    }
    app.verify();
}

#[tokio::test]
async fn a_caller_may_wait_for_a_run_or_for_as_long_as_it_likes() {
    let mut app = App::start();
    {
        let desk = app.free().await;
        let slow =
            desk.post("/v1/runs?wait=1", json!({ "model": "upscale", "sandbox": { "after": 3600 } })).await.expect(202);
        assert!(["queued", "running"].contains(&text(&slow["status"]).as_str()), "{slow}");
        let fast = desk.run(json!({ "model": "image-standard" })).await.expect(202);
        let fast = desk.get(&format!("/v1/runs/{}?wait=60", text(&fast["id"]))).await.expect(200);
        assert_eq!(fast["status"], "succeeded");
        for wrong in ["61", "-1", "1.5", "x", "", "4294967296"] {
            desk.get(&format!("/v1/runs/{}?wait={wrong}", text(&fast["id"]))).await.problem(422, "INVALID_REQUEST");
        }
    }
    app.verify();
}

#[tokio::test]
async fn runs_are_listed_newest_first_page_by_page() {
    let mut app = App::start();
    {
        let desk = app.free().await;
        let mut made = Vec::new();
        for n in 0..7 {
            let outcome = if n % 3 == 0 { "fail" } else { "succeed" };
            let run = desk.run_to_end(json!({ "model": "image-standard", "sandbox": { "outcome": outcome } })).await;
            made.insert(0, run["id"].clone());
        }
        let mut seen = Vec::new();
        let mut path = "/v1/runs?limit=3".to_owned();
        loop {
            let page = desk.get(&path).await.expect(200);
            let ids = each(&page["data"], "id");
            assert!(ids.len() <= 3);
            seen.extend(ids.into_iter().cloned());
            assert_eq!(page["has_more"], page["next_cursor"].is_string());
            let Some(cursor) = page["next_cursor"].as_str() else { break };
            path = format!("/v1/runs?limit=3&cursor={cursor}");
        }
        assert_eq!(seen, made);
        let failed = desk.get("/v1/runs?status=failed").await.expect(200);
        assert_eq!(failed["data"].as_array().map(Vec::len), Some(3));
        for wrong in
            ["limit=0", "limit=101", "limit=x", "cursor=zzz", "cursor=c_-1", "limt=3", "limit=1&limit=2", "status=lost"]
        {
            desk.get(&format!("/v1/runs?{wrong}")).await.problem(422, "INVALID_REQUEST");
        }
        let stranger = app.free().await;
        assert_eq!(stranger.get("/v1/runs").await.expect(200)["data"], json!([]));
    }
    app.verify();
}

#[tokio::test]
async fn a_signed_link_altered_in_any_way_leads_nowhere() {
    let mut app = App::start();
    {
        let desk = app.free().await;
        let run = desk.run_to_end(json!({ "model": "image-standard" })).await;
        let other = desk.run_to_end(json!({ "model": "image-standard" })).await;
        let url = text(&run["outputs"][0]["url"]);
        let get = async |url: &str| reqwest::get(url).await.expect("an answer").status().as_u16();
        assert_eq!(get(&url).await, 200);
        let (base, query) = url.split_once('?').expect("a query");
        for (place, letter) in query.char_indices().filter(|(_, letter)| letter.is_ascii_hexdigit()) {
            let name = &query[..place];
            if !name.contains("expires=") || (name.contains('&') && !name.contains("signature=")) {
                continue;
            }
            let forged = format!("{base}?{}{}{}", name, if letter == '1' { '2' } else { '1' }, &query[place + 1..]);
            assert_eq!(get(&forged).await, 404, "{forged}");
        }
        let theirs = text(&other["outputs"][0]["asset"]);
        let mine = text(&run["outputs"][0]["asset"]);
        for forged in [
            url.replace(&mine, &theirs),
            url.replace(&mine, &mine.to_uppercase()),
            url.replace("_0?", "_1?"),
            url.replace("_0?", "_00?"),
            url.replace("signature=", "signature=0"),
            url[..url.len() - 1].to_owned(),
        ] {
            assert_eq!(get(&forged).await, 404, "{forged}");
        }
    }
    app.verify();
}

/// A quote and a run get the same answer: accepted, or refused for the same reason.
#[tokio::test]
async fn a_quote_and_a_run_are_answered_alike() {
    let mut app = App::serving("weekly-yearly");
    {
        let asks = [
            json!({ "model": "flux-schnell" }),
            json!({ "model": "flux-schnell", "params": { "images": 4 } }),
            json!({ "model": "flux-schnell", "params": { "steps": 4, "guidance": 4, "scheduler": "euler" } }),
            json!({ "model": "flux-schnell", "params": { "steps": 12 } }),
            json!({ "model": "flux-dev" }),
            json!({ "model": "uncensored" }),
            json!({ "model": "beta" }),
            json!({ "model": "video", "params": { "duration": 40 } }),
            json!({ "model": "video", "params": { "duration": 41 } }),
            json!({ "model": "lora-training" }),
            json!({ "model": "nothing" }),
        ];
        let plans = [
            json!({}),
            json!({ "plan": "starter", "interval": "week" }),
            json!({ "plan": "ultra", "interval": "week" }),
        ];
        let mut met = std::collections::BTreeSet::new();
        for plan in &plans {
            for (mode, state) in [("test", "poor"), ("test", "rich"), ("test", "frozen"), ("live", "rich")] {
                let mut more = plan.clone();
                more["mode"] = json!(mode);
                let desk = app.workspace(more).await;
                if state != "poor" {
                    desk.give(5_000).await;
                }
                if state == "frozen" {
                    desk.post(
                        &format!("/v1/workspaces/{}/freeze", desk.id),
                        json!({ "frozen": true, "reason": "abuse" }),
                    )
                    .await
                    .expect(200);
                }
                // Several times: the later ones may meet a limit that the first has used up.
                for ask in asks.iter().chain(&asks).chain(&asks) {
                    let quote = desk.post("/v1/quotes", ask.clone()).await;
                    let run = desk.run(ask.clone()).await;
                    let (said, code) = match quote.status {
                        200 => {
                            let quote = quote.expect(200);
                            (quote["allowed"] == true, quote["refusal"]["code"].clone())
                        }
                        _ => (false, quote.json()["code"].clone()),
                    };
                    assert_eq!(said, run.status == 202, "{mode} {state} {plan} {ask}");
                    let answered = if said { Value::Null } else { run.json()["code"].clone() };
                    assert_eq!(code, answered, "{mode} {state} {plan} {ask}");
                    met.insert(answered.to_string());
                }
            }
        }
        for code in [
            "MODEL_NOT_SERVED",
            "MODEL_TIER_REQUIRED",
            "FEATURE_NOT_IN_PLAN",
            "BATCH_LIMIT_EXCEEDED",
            "WORKSPACE_FROZEN",
            "ALLOWANCE_EXHAUSTED",
            "INSUFFICIENT_CREDITS",
            "INVALID_REQUEST",
        ] {
            assert!(met.contains(&json!(code).to_string()), "{code} was not met: {met:?}");
        }
        assert!(met.contains("null"), "some are accepted");
    }
    app.verify();
}
