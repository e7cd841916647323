//! Holds, for products that dispatch their own runs.

use crate::app::{App, text};
use reqwest::Method;
use serde_json::json;

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
        // The first end stands, whatever comes later.
        for later in ["capture", "release"] {
            assert_eq!(desk.post(&format!("{path}/{later}"), json!({})).await.expect(200), ended);
        }
        assert_eq!(desk.post(&format!("{path}/extend"), json!({ "seconds": 60 })).await.expect(200), ended);
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
        let late = desk.post(&format!("{path}/capture"), json!({})).await.expect(200);
        assert_eq!((&late["status"], &late["captured"]), (&json!("expired"), &json!(0)), "too late to capture");
    }
    app.verify();
}
