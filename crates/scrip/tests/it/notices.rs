//! Notices: the mails that people get without having asked, once each, from entries by any actor.

use crate::mails::{URL, mail_settings};
use scrip_testing::app::{App, Desk, root, temporary, text};
use scrip_testing::smtp::Sink;
use serde_json::json;

fn mailing(catalog: &str, sink: &Sink) -> App {
    App::with(&root().join(format!("catalogs/{catalog}.toml")), temporary(), mail_settings(&sink.url(), &[]))
}

/// Returns the kinds of the mails that are kept, with the number of each.
fn kinds(app: &App) -> String {
    app.query("SELECT kind, count(*) FROM mails GROUP BY kind ORDER BY kind")
}

async fn spend(desk: &Desk<'_>, images: i64) {
    desk.run_to_end(json!({ "model": "image-standard", "params": { "images": images } })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_low_balance_is_told_once_each_time_it_is_crossed() {
    let sink = Sink::start();
    let mut app = mailing("canvas-tiers", &sink);
    {
        let desk = app.free().await;
        let ada = text(&desk.show().await["owner_email"]);
        desk.member("cy@example.com", "admin").await;
        desk.member("bo@example.com", "member").await;
        // 250 credits, and 50 is the line: strictly below it is low.
        for _ in 0..5 {
            spend(&desk, 4).await;
        }
        assert_eq!(desk.credits().await, (50, 0));
        spend(&desk, 1).await;
        let mut to = Vec::new();
        for _ in 0..2 {
            let mail = sink.next();
            assert!(mail.whole().header("Subject").ends_with("is running low on canvas-tiers"), "{mail:?}");
            assert!(mail.text().contains("40 credits left") && mail.text().contains("50 credits"), "{}", mail.text());
            assert!(mail.text().contains("This mail is sent once each time"), "{}", mail.text());
            assert_eq!(mail.link(), format!("{URL}/settings/billing"));
            to.push(mail.to()[0].to_owned());
        }
        to.sort();
        assert_eq!(to, [&*ada, "cy@example.com"], "all admins, and no other member");
        spend(&desk, 1).await;
        // Up again, and below again: that is an entry, and too soon for another mail.
        desk.give(100).await;
        spend(&desk, 4).await;
        spend(&desk, 4).await;
        spend(&desk, 1).await;
        let entries = desk.entries().await;
        let told = |entry: &&serde_json::Value| entry["events"].to_string().contains("credits_low");
        assert_eq!(entries.iter().filter(told).count(), 2);
    }
    app.kill();
    assert_eq!(kinds(&app), "credits_low|2");
    app.restart();
    app.kill();
    assert!(sink.stop().is_empty(), "each is sent once");
    let ids = app.query("SELECT id FROM mails ORDER BY id");
    for id in ids.lines() {
        let parts: Vec<&str> = id.split(':').collect();
        assert!(parts.len() == 4 && parts[0].starts_with("ws_") && parts[2] == "credits_low", "{id}");
    }
    app.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pack_that_will_expire_is_told_of_by_the_clock_of_its_workspace() {
    let sink = Sink::start();
    let mut app = mailing("canvas-tiers", &sink);
    {
        let clock = app.clock("2026-01-10T00:00:00Z").await;
        let desk = app.workspace(json!({ "test_clock": clock.id })).await;
        let path = format!("/v1/workspaces/{}/grants", desk.id);
        let pack = app.get("/v1/catalog").await.expect(200)["packs"][0]["id"].clone();
        let sold = json!({ "pack": pack, "source": "invoice-1", "reason": "bought by phone" });
        let made = desk.post(&path, sold).await.expect(201);
        let expires = text(&made[0]["expires_at"]);
        assert_eq!(expires, "2026-04-10T00:00:00Z");
        // One mail announces the expiry of the pack.
        clock.advance("2026-04-01T00:00:00Z").await;
        clock.advance("2026-04-09T00:00:00Z").await;
        let mail = sink.next();
        assert!(mail.whole().header("Subject").contains("credits on canvas-tiers"), "{mail:?}");
        assert!(mail.text().contains("1000 credits of the workspace"), "{}", mail.text());
        assert!(mail.text().contains("10 April 2026, 00:00 UTC"), "{}", mail.text());
        assert_eq!(mail.link(), format!("{URL}/settings/billing"));
        clock.advance("2026-06-01T00:00:00Z").await;
    }
    app.kill();
    assert_eq!(kinds(&app), "grant_expiring|1", "once, and not again when it has expired");
    assert!(sink.stop().is_empty());
    app.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_keeps_outputs_for_a_shorter_time_is_told_of() {
    let sink = Sink::start();
    let mut app = mailing("two-buckets", &sink);
    {
        let clock = app.clock("2026-01-10T00:00:00Z").await;
        let plan = json!({ "test_clock": clock.id, "plan": "starter", "interval": "month" });
        let desk = app.workspace(plan).await;
        let path = format!("/v1/workspaces/{}/subscription", desk.id);
        desk.call(reqwest::Method::DELETE, &path).send().await.expect(200);
        clock.advance("2026-02-11T00:00:00Z").await;
        let mail = sink.next();
        assert!(mail.whole().header("Subject").ends_with("keeps its outputs for a shorter time"), "{mail:?}");
        assert!(mail.text().contains("keeps outputs for 3 months"), "{}", mail.text());
        assert!(mail.text().contains("kept until 12 March 2026, 00:00 UTC at least"), "{}", mail.text());
    }
    app.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crossing_that_nobody_could_be_mailed_of_harms_nobody() {
    // Without a mail server mails become files; there is one for each admin.
    let mut app = App::start();
    {
        let desk = app.free().await;
        for _ in 0..5 {
            spend(&desk, 4).await;
        }
        spend(&desk, 1).await;
        let told = async {
            while !app.data().join("mails").is_dir() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(scrip_testing::app::PATIENCE, told).await.expect("a mail becomes a file");
    }
    app.kill();
    assert_eq!(kinds(&app), "credits_low|1");
    app.verify();
}
