//! Migrations by the API: the forecast happens, to every workspace and once, after any interruption; and the lines that
//! a catalog would leave behind are counted before it is published (R33).

use reqwest::Method;
use scrip_testing::app::{App, Desk, root, text};
use serde_json::{Value, json};
use std::time::Duration;

fn shipped_text() -> String {
    std::fs::read_to_string(root().join("catalogs/canvas-tiers.toml")).expect("the catalog is there")
}

/// Returns the catalog in which Pro costs 10 more by the month, gives less, and is faster; and Creator is not sold any
/// more.
fn changed_catalog() -> String {
    let text = shipped_text();
    let pro = text.find("id = \"pro\"\n").expect("there is a plan");
    let (before, after) = text.split_at(pro);
    let after = after
        .replacen("requests_per_minute = 100\n", "requests_per_minute = 300\nmembers = 3\n", 1)
        .replacen("amount = 3900\n", "amount = 4900\n", 1)
        .replacen("amount = 5000 ", "amount = 4000 ", 1)
        .replacen("{ amount = 5000 }", "{ amount = 4000 }", 1);
    format!("{before}{after}")
}

async fn publish(app: &App, toml: &str) -> u64 {
    app.post("/v1/catalogs", json!({ "toml": toml })).await.expect(201)["version"].as_u64().expect("a number")
}

async fn subscriber<'a>(app: &'a App, interval: &str, clock: Option<&str>) -> Desk<'a> {
    app.workspace(json!({ "plan": "pro", "interval": interval, "test_clock": clock })).await
}

/// Returns the changes of a workspace in an answer, in short.
fn changes(answer: &Value, desk: &Desk<'_>) -> Vec<String> {
    let rows = answer["data"].as_array().expect("a list");
    let row = rows.iter().find(|row| row["workspace"] == desk.id).unwrap_or_else(|| panic!("{} in {answer}", desk.id));
    let change = |change: &Value| {
        let or_none = |value: &Value| value.as_str().unwrap_or("none").to_owned();
        format!(
            "{}: {} to {}, {}, {} {}",
            text(&change["what"]),
            or_none(&change["before"]),
            or_none(&change["after"]),
            text(&change["effect"]),
            text(&change["takes_effect"]),
            &text(&change["from"])[..10]
        )
    };
    row["changes"].as_array().expect("a list").iter().map(change).collect()
}

#[tokio::test]
async fn what_is_foretold_is_what_happens_at_once_and_with_the_renewal() {
    let mut app = App::start();
    {
        let clock = app.clock("2026-01-10T00:00:00Z").await;
        let monthly = subscriber(&app, "month", Some(&clock.id)).await;
        let yearly = subscriber(&app, "year", Some(&clock.id)).await;
        let cancelled = subscriber(&app, "month", Some(&clock.id)).await;
        let path = format!("/v1/workspaces/{}/subscription", cancelled.id);
        cancelled.call(Method::DELETE, &path).send().await.expect(200);
        let free = app.workspace(json!({ "test_clock": clock.id })).await;
        clock.advance("2026-01-20T00:00:00Z").await;
        assert_eq!(publish(&app, &changed_catalog()).await, 2);
        let newer = subscriber(&app, "month", Some(&clock.id)).await;
        let desks = [&monthly, &yearly, &cancelled];
        let before: Vec<Value> = [desks[0].balance().await, desks[1].balance().await, desks[2].balance().await].into();

        let path = "/v1/catalogs/2/migrate";
        let told = app.post(path, json!({ "dry_run": true })).await.expect(200);
        assert_eq!((&told["version"], &told["dry_run"], &told["has_more"]), (&json!(2), &json!(true), &json!(false)));
        assert_eq!((&told["moved"], &told["worse_off"], &told["refused"]), (&json!(3), &json!(2), &json!(0)), "{told}");
        let at_once = "requests_per_minute: 100 to 300, better, at_once 2026-01-20";
        assert_eq!(
            changes(&told, &monthly),
            [
                at_once,
                "members: unlimited to 3, worse, at_renewal 2026-03-10",
                "grant allowance: 5000 credits every month to 4000 credits every month, worse, at_renewal 2026-03-10",
                "price: 39.00 USD a month to 49.00 USD a month, worse, at_renewal 2026-03-10",
            ]
        );
        assert_eq!(changes(&told, &cancelled), [at_once]);
        assert_eq!(changes(&told, &yearly), [at_once, "members: unlimited to 3, worse, at_renewal 2027-01-10"]);
        // The migration was forecast and not made.
        for (desk, before) in desks.iter().zip(&before) {
            assert_eq!(desk.balance().await, *before);
            assert_eq!(desk.get("/v1/entitlements").await.expect(200)["limits"]["requests_per_minute"], 100);
        }
        let audit = app.get("/v1/audit").await.expect(200);
        assert_eq!(audit["data"][0]["act"], "publish_catalog", "{audit}");

        let done =
            app.call(Method::POST, path).header("Request-Id", "move-1").json(&json!({})).send().await.expect(200);
        assert_eq!(done["data"], told["data"], "what is foretold is what happens");
        assert_eq!((&done["moved"], &done["dry_run"], &done["has_more"]), (&json!(3), &json!(false), &json!(false)));
        for (desk, before) in desks.iter().zip(&before) {
            assert_eq!(desk.balance().await["grants"], before["grants"], "a move gives nothing and takes nothing");
            let limits = desk.get("/v1/entitlements").await.expect(200)["limits"].clone();
            assert_eq!((&limits["requests_per_minute"], &limits["members"]), (&json!(300), &Value::Null));
            let log = desk.get("/v1/audit").await.expect(200);
            let line = &log["data"][0];
            assert_eq!((&line["act"], &line["request_id"]), (&json!("migrate_catalog"), &json!("move-1")), "{line}");
            assert!(text(&line["actor"]).starts_with("operator …"), "{line}");
        }
        let audit = app.get("/v1/audit").await.expect(200);
        let line = &audit["data"][0];
        assert_eq!((&line["act"], &line["request_id"]), (&json!("migrate_catalog"), &json!("move-1")), "{line}");
        assert_eq!(line["summary"], "Moved workspaces to the terms of catalog version 2");
        for desk in [&free, &newer] {
            let log = desk.get("/v1/audit").await.expect(200);
            assert_ne!(log["data"][0]["act"], "migrate_catalog", "it was on the newest terms");
        }
        // A second migration moves no workspace, and says so.
        for dry_run in [true, false] {
            let again = app.post(path, json!({ "dry_run": dry_run })).await.expect(200);
            assert_eq!((&again["moved"], &again["data"]), (&json!(0), &json!([])));
        }

        // The notice ends on February 19: the renewal before it has the old terms.
        clock.advance("2026-02-10T00:00:00Z").await;
        assert_eq!(monthly.credits().await.0, 5000);
        assert_eq!(monthly.get("/v1/entitlements").await.expect(200)["limits"]["members"], Value::Null);
        assert_eq!(cancelled.show().await["plan"], "free");
        clock.advance("2026-03-10T00:00:00Z").await;
        assert_eq!(monthly.credits().await.0, 4000);
        let limits = monthly.get("/v1/entitlements").await.expect(200)["limits"].clone();
        assert_eq!((&limits["requests_per_minute"], &limits["members"]), (&json!(300), &json!(3)));
    }
    app.verify();
}

#[tokio::test]
async fn who_cannot_be_moved_is_said_and_the_others_are_moved() {
    let mut app = App::start();
    {
        let late = app.clock("2026-01-10T00:00:00Z").await;
        let creator = app.workspace(json!({ "plan": "creator", "interval": "month" })).await;
        let pro = subscriber(&app, "month", None).await;
        let on_clock = subscriber(&app, "month", Some(&late.id)).await;
        let text_without =
            shipped_text().replace("id = \"creator\"\n", "id = \"maker\"\n").replace("\"creator\"", "\"maker\"");
        publish(&app, &text_without).await;
        for dry_run in [true, false] {
            let answer = app.post("/v1/catalogs/2/migrate", json!({ "dry_run": dry_run })).await.expect(200);
            assert_eq!((&answer["moved"], &answer["refused"]), (&json!(2), &json!(1)), "{answer}");
            let rows = answer["data"].as_array().expect("a list");
            let row =
                |desk: &Desk<'_>| rows.iter().find(|row| row["workspace"] == desk.id).expect("it is there").clone();
            assert_eq!(row(&creator)["refusal"], "version 2 does not sell `creator` by the month");
            assert_eq!((&row(&pro)["refusal"], &row(&on_clock)["refusal"]), (&Value::Null, &Value::Null));
            assert_eq!(row(&creator)["catalog_version"], 1);
        }
        assert_eq!(creator.show().await["plan"], "creator");
        // The next migration refuses the workspace again.
        let again = app.post("/v1/catalogs/2/migrate", json!({})).await.expect(200);
        assert_eq!((&again["moved"], &again["refused"]), (&json!(0), &json!(1)));
        for unknown in ["0", "3", "02", "-1", "two", "4294967296"] {
            let path = format!("/v1/catalogs/{unknown}/migrate");
            app.post(&path, json!({})).await.problem(404, "NOT_FOUND");
        }
        // There is nothing to be moved to the first.
        let first = app.post("/v1/catalogs/1/migrate", json!({})).await.expect(200);
        assert_eq!((&first["moved"], &first["data"]), (&json!(0), &json!([])));
        for (query, body) in [("?limit=0", json!({})), ("?cursor=x", json!({})), ("", json!({ "dry_run": 1 }))] {
            let path = format!("/v1/catalogs/2/migrate{query}");
            app.post(&path, body).await.problem(422, "INVALID_REQUEST");
        }
    }
    app.verify();
}

#[tokio::test]
async fn a_foretold_migration_is_listed_in_pages() {
    let mut app = App::start();
    {
        let mut desks = Vec::new();
        for n in 0..7 {
            desks.push(subscriber(&app, "month", None).await.id);
            if n % 3 == 0 {
                app.free().await;
            }
        }
        publish(&app, &changed_catalog()).await;
        for limit in [1, 2, 3, 7, 100] {
            let (mut found, mut cursor, mut pages) = (Vec::new(), None::<String>, 0);
            loop {
                let from = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
                let path = format!("/v1/catalogs/2/migrate?limit={limit}{from}");
                let page = app.post(&path, json!({ "dry_run": true })).await.expect(200);
                found.extend(page["data"].as_array().expect("a list").iter().map(|row| text(&row["workspace"])));
                pages += 1;
                cursor = page["next_cursor"].as_str().map(str::to_owned);
                assert_eq!(page["has_more"], cursor.is_some());
                if cursor.is_none() {
                    break;
                }
            }
            assert_eq!(found, desks, "in pages of {limit}, in the order of opening");
            assert_eq!(pages, desks.len().div_ceil(limit), "in pages of {limit}");
        }
    }
    app.verify();
}

/// The server is killed while workspaces are moved, again and again: the same request finishes the migration, and each
/// workspace is moved once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_that_is_broken_off_is_finished_by_the_same_request() {
    const MANY: usize = 200;
    let mut app = App::start();
    let mut all = Vec::new();
    for n in 0..MANY {
        all.push(subscriber(&app, if n % 2 == 0 { "month" } else { "year" }, None).await.id);
    }
    publish(&app, &changed_catalog()).await;
    let path = "/v1/catalogs/2/migrate";
    let (mut left, mut partial, mut done) = (MANY as u64, 0, false);
    for round in 0_u64.. {
        assert!(round < 500, "it never ends: {left} are left");
        let call = reqwest::Client::new().post(format!("{}{path}", app.url)).bearer_auth(&app.key);
        let sent = tokio::spawn(call.json(&json!({})).send());
        tokio::time::sleep(Duration::from_millis(4 + 3 * round)).await;
        app.kill();
        done |= sent.await.is_ok_and(|answer| answer.is_ok_and(|answer| answer.status() == 200));
        app.restart();
        let told = app.post(&format!("{path}?limit=1"), json!({ "dry_run": true })).await.expect(200);
        if told["moved"] == 0 {
            left = 0;
            break;
        }
        // The remaining workspaces show how far the migration came.
        let mut now = 0;
        let mut cursor = String::new();
        loop {
            let page = app.post(&format!("{path}?limit=100{cursor}"), json!({ "dry_run": true })).await.expect(200);
            now += page["moved"].as_u64().expect("a number");
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert!(now <= left, "no workspace is moved back");
        partial += usize::from(now < left);
        left = now;
    }
    assert!(partial > 0, "it was never broken off half way: {left} are left, answered {done}");
    let last = app.post(path, json!({})).await.expect(200);
    assert_eq!((&last["moved"], left), (&json!(0), 0));
    for (n, id) in all.iter().enumerate() {
        let entries = Desk { app: &app, id: id.clone() }.entries().await;
        let moves = entries.iter().filter(|entry| entry["command"] == "migrate_catalog").count();
        assert_eq!(moves, 1, "workspace {n}: {entries:?}");
    }
    let mails = app.query("SELECT COUNT(*) FROM mails WHERE kind = 'price_raised'");
    assert_eq!(mails.trim(), (MANY / 2).to_string(), "one mail a workspace whose price is higher");
    app.verify();
}

#[tokio::test]
async fn what_a_retired_model_leaves_behind_is_counted_before_it_is_published() {
    let mut app = App::start();
    {
        let without = |models: &[&str]| {
            let mut text = shipped_text();
            let blocks = models.iter().flat_map(|model| {
                [format!("[[model]]\nid = \"{model}\""), format!("[[plan.trial]]\nmodel = \"{model}\"")]
            });
            for block in blocks {
                let Some(start) = text.find(&block) else { continue };
                let end = text[start + 2..].find("\n[[").expect("something follows") + start + 3;
                text.replace_range(start..end, "");
            }
            text
        };
        let gift = async |desk: &Desk<'_>, amount: i64, models: &[&str]| {
            let body = json!({ "amount": amount, "reason": "r", "models": models });
            desk.post(&format!("/v1/workspaces/{}/grants", desk.id), body).await.expect(201);
        };
        let (ada, bob, cy) = (app.free().await, subscriber(&app, "month", None).await, app.free().await);
        gift(&ada, 100, &["upscale"]).await;
        gift(&ada, 20, &["upscale", "image-standard"]).await;
        gift(&bob, 40, &["upscale"]).await;
        gift(&bob, 3, &["image-pro"]).await;
        let key = json!({ "name": "k", "capabilities": ["workflow:run"], "models": ["upscale"] });
        let key = text(&bob.post("/v1/keys", key).await.expect(201)["id"]);
        bob.post("/v1/keys", json!({ "name": "other", "capabilities": ["workflow:run"] })).await.expect(201);
        let check = async |toml: &str| app.post("/v1/catalogs/check", json!({ "toml": toml })).await;
        let none = check(&shipped_text()).await.expect(200);
        assert_eq!((&none["version"], &none["retired"], &none["has_more"]), (&json!(2), &json!([]), &json!(false)));

        let answer = check(&without(&["upscale"])).await.expect(200);
        let retired = &answer["retired"];
        assert_eq!(retired.as_array().map(Vec::len), Some(1), "{answer}");
        assert_eq!((&retired[0]["model"], &retired[0]["workspaces"]), (&json!("upscale"), &json!(2)));
        assert_eq!((&retired[0]["credits"], &retired[0]["trials"]), (&json!(140), &json!(0)), "{retired}");
        assert_eq!((&retired[0]["keys"], &retired[0]["key_ids"]), (&json!(1), &json!([key])), "{retired}");

        // With the other model of the gift nothing of that is left either; a trial is counted where it has begun.
        let answer = check(&without(&["upscale", "image-pro"])).await.expect(200);
        let of = |model: &str| {
            let list = answer["retired"].as_array().expect("a list").iter();
            list.into_iter().find(|retired| retired["model"] == model).expect("it is retired").clone()
        };
        assert_eq!(of("upscale")["credits"], 140);
        let pro = of("image-pro");
        assert_eq!((&pro["credits"], &pro["workspaces"]), (&json!(3), &json!(3)), "{pro}");
        assert_eq!((&pro["trials"], &pro["trial_runs"]), (&json!(2), &json!(6)), "both on Free may try it three times");
        drop(cy);
        // Nothing was published.
        assert_eq!(app.get("/v1/catalog").await.expect(200)["version"], 1);
        check("name = ").await.problem(422, "INVALID_REQUEST");
        check(&shipped_text().replace("name = \"canvas-tiers\"", "name = \"another\""))
            .await
            .problem(422, "INVALID_REQUEST");
    }
    app.verify();
}
