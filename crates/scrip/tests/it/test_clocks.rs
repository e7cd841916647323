//! Test clocks: time on command, and in true order.

use scrip_testing::app::{App, number, text};
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[tokio::test]
async fn a_year_of_month_ends_renews_twelve_times_in_true_order() {
    let mut app = App::start();
    {
        let clock = app.clock("2025-01-31T10:00:00Z").await;
        let mut desks = Vec::new();
        for _ in 0..3 {
            desks.push(app.workspace(json!({ "test_clock": clock.id, "plan": "creator", "interval": "month" })).await);
            let day = 10 + desks.len();
            clock.advance(&format!("2025-01-31T{day}:00:00Z")).await;
        }
        desks[0].run_to_end(json!({ "model": "upscale" })).await;
        clock.advance("2026-02-01T00:00:00Z").await;
        let ends = [
            "02-28", "03-31", "04-30", "05-31", "06-30", "07-31", "08-31", "09-30", "10-31", "11-30", "12-31", "01-31",
        ];
        let mut ticks = Vec::new();
        for (n, desk) in desks.iter().enumerate() {
            let renewals: Vec<Value> =
                desk.entries().await.into_iter().filter(|entry| entry["command"] == "tick").collect();
            assert_eq!(renewals.len(), 12);
            for (entry, end) in renewals.iter().zip(ends) {
                let year = if end == "01-31" { 2026 } else { 2025 };
                assert_eq!(entry["at"], format!("{year}-{end}T{}:00:00Z", 10 + n));
                ticks.push((text(&entry["at"]), n));
            }
            assert_eq!(desk.credits().await, (1_700, 0), "nothing rolls over and nothing is lost");
            assert_eq!(
                desk.show().await["period"],
                json!({ "start": format!("2026-01-31T{}:00:00Z", 10 + n), "end": format!("2026-02-28T{}:00:00Z", 10 + n) })
            );
        }
        ticks.sort();
        assert_eq!(ticks.iter().map(|(_, n)| *n).collect::<Vec<_>>(), [0, 1, 2].repeat(12));
    }
    app.verify();
}

#[tokio::test]
async fn a_paid_year_drips_by_the_month_and_every_credit_is_accounted_for() {
    let mut app = App::start();
    {
        let clock = app.clock("2024-02-29T00:00:00Z").await;
        let desk = app.workspace(json!({ "test_clock": clock.id, "plan": "pro", "interval": "year" })).await;
        assert_eq!(desk.credits().await, (5_500, 0));
        clock.advance("2025-02-28T00:00:00Z").await;
        let mut moved: BTreeMap<String, i64> = BTreeMap::new();
        for entry in desk.entries().await {
            for posting in entry["postings"].as_array().expect("postings") {
                *moved.entry(text(&posting["from"])).or_default() -= number(&posting["amount"]);
                *moved.entry(text(&posting["to"])).or_default() += number(&posting["amount"]);
            }
        }
        assert_eq!(
            moved["granted:cycle"],
            -13 * 5_500,
            "twelve months of the first year and one of the second: {moved:?}"
        );
        assert_eq!(moved["expired"], 12 * 5_500);
        assert_eq!(moved.values().sum::<i64>(), 0);
        assert_eq!(desk.credits().await, (5_500, 0));
    }
    app.verify();
}

#[tokio::test]
async fn a_clock_only_moves_forward_and_only_tests_stand_on_it() {
    let mut app = App::start();
    {
        let clock = app.clock("2026-03-01T00:00:00Z").await;
        let path = format!("/v1/test_clocks/{}/advance", clock.id);
        let back = app.post(&path, json!({ "to": "2026-02-28T23:59:59Z" })).await.problem(422, "INVALID_REQUEST");
        assert_eq!(back["errors"][0]["pointer"], "/to");
        clock.advance("2026-03-01T00:00:00Z").await;
        let live =
            json!({ "name": "Live", "owner": { "email": "live@example.com" }, "mode": "live", "test_clock": clock.id });
        assert_eq!(
            app.post("/v1/workspaces", live).await.problem(422, "INVALID_REQUEST")["errors"][0]["pointer"],
            "/test_clock"
        );
        let unknown =
            json!({ "name": "Lost", "owner": { "email": "lost@example.com" }, "test_clock": "tc_0000000000000" });
        assert_eq!(
            app.post("/v1/workspaces", unknown).await.problem(422, "INVALID_REQUEST")["errors"][0]["pointer"],
            "/test_clock"
        );
        app.get("/v1/test_clocks/tc_0000000000000").await.problem(404, "NOT_FOUND");
        assert_eq!(app.get("/v1/test_clocks").await.expect(200)["data"].as_array().map(Vec::len), Some(1));
        let desk = app.workspace(json!({ "mode": "live" })).await;
        let run = desk.run(json!({ "model": "upscale" })).await;
        let refused = run.problem(503, "MODEL_NOT_SERVED");
        assert_eq!((&refused["model"], &refused["mode"]), (&json!("upscale"), &json!("live")), "no play pictures");
    }
    app.verify();
}
