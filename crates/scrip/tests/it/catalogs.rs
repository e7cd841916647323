//! Catalogs: publishing versions of the product.

use reqwest::Method;
use scrip_testing::app::{App, root};
use serde_json::json;

fn shipped_text() -> String {
    std::fs::read_to_string(root().join("catalogs/canvas-tiers.toml")).expect("the catalog is there")
}

#[tokio::test]
async fn a_broken_catalog_is_told_every_error_and_changes_nothing() {
    let mut app = App::start();
    {
        let desk = app.free().await;
        let before = app.get("/v1/catalog").await.expect(200);
        let broken = [
            shipped_text().replace("free_plan = \"free\"", "free_plan = \"fre\""),
            shipped_text().replace("credits = 10,", "credits = -10,"),
            shipped_text().replace("[[model]]", "[[modle]]"),
            "name = ".to_owned(),
            String::new(),
            shipped_text().replace("name = \"canvas-tiers\"", "name = \"another-product\""),
            format!("{}\n# {}", shipped_text(), "x".repeat(1 << 20)),
        ];
        for text in broken {
            let refused = app.post("/v1/catalogs", json!({ "toml": text })).await.problem(422, "INVALID_REQUEST");
            assert_eq!(refused["errors"][0]["pointer"], "/toml", "{refused}");
        }
        assert_eq!(app.get("/v1/catalog").await.expect(200), before);
        assert_eq!(app.get("/v1/catalogs").await.expect(200)["data"].as_array().map(Vec::len), Some(1));
        desk.run_to_end(json!({ "model": "image-standard" })).await;
    }
    app.verify();
}

#[tokio::test]
async fn a_raised_rate_reaches_everybody_and_a_paid_period_after_its_notice() {
    let mut app = App::start();
    {
        let clock = app.clock("2026-03-01T00:00:00Z").await;
        let early = app.workspace(json!({ "plan": "creator", "interval": "month", "test_clock": clock.id })).await;
        let dearer = shipped_text().replace("credits = 35, per = \"call\"", "credits = 70, per = \"call\"");
        assert_ne!(dearer, shipped_text());
        let dearer = format!("rate_notice = \"10 days\"\n{dearer}");
        let free = app.free().await;
        let published = app.post("/v1/catalogs", json!({ "toml": dearer })).await.expect(201);
        assert_eq!(published["version"], 2);
        assert_eq!(
            app.post("/v1/catalogs", json!({ "toml": dearer })).await.expect(201),
            published,
            "the same text is the same version"
        );
        let price = async |desk: &scrip_testing::app::Desk<'_>| {
            desk.post("/v1/quotes", json!({ "model": "upscale" })).await.expect(200)["credits"].clone()
        };
        assert_eq!(price(&early).await, 35, "a paid period has its notice");
        assert_eq!(price(&free).await, 70, "a free workspace is on the newest version, however old it is");
        assert_eq!(price(&app.free().await).await, 70);
        let rate = async |desk: &scrip_testing::app::Desk<'_>| {
            let shown = desk.get("/v1/catalog").await.expect(200);
            let models = shown["models"].as_array().expect("models are a list").clone();
            let upscale = models.into_iter().find(|model| model["id"] == "upscale").expect("it can be run");
            upscale["rate"]["credits"].clone()
        };
        assert_eq!(rate(&early).await, 35, "the catalog shows what the asking workspace would get");
        assert_eq!(rate(&free).await, 70);
        clock.advance("2026-03-10T23:59:59Z").await;
        assert_eq!(price(&early).await, 35);
        clock.advance("2026-03-11T00:00:00Z").await;
        assert_eq!(price(&early).await, 70);
        assert_eq!(rate(&early).await, 70);
    }
    app.verify();
}

#[tokio::test]
async fn anyone_may_see_the_catalog_and_only_the_operator_may_change_it() {
    let mut app = App::start();
    {
        let shown = reqwest::get(format!("{}/v1/catalog", app.url)).await.expect("an answer");
        assert_eq!(shown.status(), 200);
        for path in ["/v1/catalogs", "/v1/workspaces", "/v1/test_clocks", "/v1/balance", "/v1/runs"] {
            assert_eq!(reqwest::get(format!("{}{path}", app.url)).await.expect("an answer").status(), 401, "{path}");
        }
        let key = app.key.clone();
        let mut wrong = vec![
            key.to_uppercase(),
            key[..key.len() - 1].to_owned(),
            format!("{key}0"),
            key.replace("sk_", "wk_"),
            String::new(),
        ];
        let mut last = key.clone().into_bytes();
        let letter = last.last_mut().expect("a key has letters");
        *letter = if *letter == b'0' { b'1' } else { b'0' };
        wrong.push(String::from_utf8(last).expect("ASCII"));
        let client = reqwest::Client::new();
        for key in wrong {
            let answer =
                client.get(format!("{}/v1/catalogs", app.url)).bearer_auth(&key).send().await.expect("an answer");
            assert_eq!(answer.status(), 401, "{key}");
            assert_eq!(answer.headers()["www-authenticate"], "Bearer");
        }
        let twice =
            app.call(Method::GET, "/v1/catalogs").header("Authorization", &format!("Bearer {key}")).send().await;
        twice.problem(401, "UNAUTHENTICATED");
    }
    app.verify();
}
