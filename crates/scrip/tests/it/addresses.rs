//! Addresses: one person, one mailbox, in any spelling and by any way in.

use reqwest::Method;
use scrip_testing::app::{App, number, root, temporary, text};
use scrip_testing::people::Human;
use scrip_testing::smtp::Sink;
use serde_json::{Value, json};

/// Texts that are no address, several addresses, or one of endlessly many spellings of one.
const NO_ADDRESS: [&str; 22] = [
    "",
    "zed",
    "\"zed\"@gmail.com",
    "\"z\\ed\"@gmail.com",
    "zed(comment)@gmail.com",
    "zed@gmail.com(comment)",
    "a@c.example,b@d.example",
    "a@c.example b@d.example",
    "<a@c.example>",
    "Ada <a@c.example>",
    "a@b@c.example",
    "a@c..example",
    "a@.example",
    "a@localhost",
    "a@[127.0.0.1]",
    "a@127.0.0.1",
    "a@c.example\r\nBcc: b@d.example",
    "a\u{85}@c.example",
    "\u{212a}ate@example.com",
    "ｚed@gmail.com",
    "büro@example.com",
    "a@xn--a.example",
];

/// Starts a server that mails to a sink.
fn mailing(catalog: &str, sink: &Sink) -> App {
    let told = [("SCRIP_SMTP_URL", sink.url()), ("SCRIP_MAIL_FROM", "Credits <no-reply@example.com>".to_owned())];
    let told = told.map(|(name, value)| (name.to_owned(), value)).to_vec();
    App::with(&root().join(format!("catalogs/{catalog}.toml")), temporary(), told)
}

/// Returns the available credits of a person's own workspace.
async fn own_credits(app: &App, human: &Human) -> i64 {
    let own = app.bare(Method::GET, "/v1/workspaces").header("Authorization", &format!("Bearer {}", human.token));
    let own = own.send().await.expect(200);
    number(&human.at(&text(&own["data"][0]["id"])).get(app, "/v1/balance").await.expect(200)["available"])
}

#[tokio::test]
async fn one_mailbox_is_welcomed_once_however_it_is_written() {
    let mut app = App::start();
    for (mailbox, spellings) in [
        ("zed@gmail.com", vec!["zed@ｇmail.com", "Z.E.D@gmail.com", "zed+1@GoogleMail.com", "zed@gmail\u{3002}com"]),
        (
            "user@xn--bcher-kva.example",
            vec!["user@bücher.example", "User@BÜCHER.example", "user+a@bu\u{308}cher.example"],
        ),
        ("kate@example.com", vec!["KATE@EXAMPLE.COM", "Kate+free@ex\u{ad}ample.com"]),
    ] {
        let first = app.human(mailbox).await;
        assert_eq!((first.email.as_str(), own_credits(&app, &first).await), (mailbox, 250));
        for spelling in spellings {
            let other = app.human(spelling).await;
            assert!(other.email.is_ascii(), "{spelling}: {}", other.email);
            let expected = if other.id == first.id { 250 } else { 0 };
            assert_eq!(own_credits(&app, &other).await, expected, "{spelling}");
        }
        // A workspace of the operator's for the same person gets no second welcome credits.
        let desk = app.workspace(json!({ "owner": { "email": mailbox.to_uppercase() } })).await;
        assert_eq!((desk.credits().await, desk.show().await["owner_email"].clone()), ((0, 0), json!(mailbox)));
    }
    app.verify();
}

#[tokio::test]
async fn what_is_no_address_comes_in_by_no_door() {
    let app = App::serving("two-buckets");
    let desk = app.workspace(json!({ "plan": "pro", "interval": "month" })).await;
    let members = desk.get("/v1/members").await.expect(200);
    for wrong in NO_ADDRESS {
        let email = json!({ "email": wrong });
        let doors: [(&str, Value, &str); 5] = [
            ("/v1/sign_in", email.clone(), "/email"),
            ("/v1/portal_links", email.clone(), "/email"),
            ("/v1/members", email.clone(), "/email"),
            ("/v1/invitations", email.clone(), "/email"),
            ("/v1/workspaces", json!({ "name": "n", "owner": email }), "/owner/email"),
        ];
        for (door, body, at) in doors {
            let call = app.call(Method::POST, door).once();
            let call = if door == "/v1/workspaces" { call } else { call.workspace(&desk.id) };
            let refused = call.json(&body).send().await.problem(422, "INVALID_REQUEST");
            assert_eq!(refused["errors"][0]["pointer"], at, "{door} {wrong:?}");
        }
        let check = json!({ "workspace": { "name": "n", "owner": email } });
        app.post("/v1/workspaces/check", check).await.problem(422, "INVALID_REQUEST");
    }
    assert_eq!(desk.get("/v1/members").await.expect(200), members);
    assert_eq!(desk.get("/v1/invitations").await.expect(200)["data"], json!([]));
    // Another spelling names the same member.
    let bob = desk.post("/v1/members", json!({ "email": "Bob@BÜCHER.example" })).await.expect(201);
    assert_eq!(bob["email"], "bob@xn--bcher-kva.example");
    let again = desk.post("/v1/members", json!({ "email": "bob@xn--bcher-kva.example" })).await.expect(201);
    assert_eq!(again["id"], bob["id"]);
    let invite = json!({ "email": "bob@bücher.example" });
    desk.post("/v1/invitations", invite).await.problem(422, "INVALID_REQUEST");
}

#[tokio::test]
async fn mail_goes_where_every_server_can_send_it_and_spellings_share_a_throttle() {
    let sink = Sink::start();
    let app = mailing("two-buckets", &sink);
    let ask = |email: &str| app.bare(Method::POST, "/v1/sign_in").json(&json!({ "email": email })).send();
    ask("User@BÜCHER.example").await.expect(202);
    let mail = sink.next();
    assert_eq!(mail.to(), ["user@xn--bcher-kva.example"]);
    let link = mail.link();
    let token = link.split_once("/sign-in#").expect("a link that signs in").1.to_owned();
    let session = json!({ "token": token, "cookie": false });
    let session = app.bare(Method::POST, "/v1/sessions").json(&session).send().await.expect(201);
    assert_eq!(session["user"]["email"], "user@xn--bcher-kva.example");
    let desk = app.workspace(json!({ "plan": "pro", "interval": "month" })).await;
    desk.post("/v1/invitations", json!({ "email": "bob@日本語.jp" })).await.expect(201);
    assert_eq!(sink.next().to(), ["bob@xn--wgv71a119e.jp"]);
    // Five links in a quarter of an hour to one mailbox, in any spelling.
    for spelling in ["USER@bücher.example", "user+1@xn--bcher-kva.example", "user+2@Bücher.example"] {
        ask(spelling).await.expect(202);
    }
    let app = &app;
    let refused = futures_util::future::join_all((3..8).map(|n| {
        let body = json!({ "email": format!("user+{n}@bücher.example") });
        async move { app.bare(Method::POST, "/v1/sign_in").json(&body).send().await.status }
    }));
    assert!(refused.await.iter().filter(|status| **status == 429).count() >= 4);
}

/// Goal: addresses that an earlier version stored count in the one form from the first start on. Method: its rows, as
/// it wrote them.
#[tokio::test]
async fn whoever_was_welcomed_before_is_not_welcomed_again_in_another_spelling() {
    let sink = Sink::start();
    let mut app = mailing("canvas-tiers", &sink);
    let names = ["user@xn--bcher-kva.example", "mallory@example.org", "zoe@example.com", "zoe2@example.com"];
    let mut before = Vec::new();
    for name in names {
        before.push(app.human(name).await);
    }
    app.kill();
    for (now, then) in [
        ("user@xn--bcher-kva.example", "user@bücher.example"),
        ("mallory@example.org", "\"mallory\"@example.org"),
        // Two at one mailbox: the second came later.
        ("zoe@example.com", "zoe@example.com"),
        ("zoe2@example.com", "zoe@ex\u{ad}ample.com"),
    ] {
        app.query(&format!("UPDATE users SET email = '{then}' WHERE email = '{now}'"));
    }
    app.query("DELETE FROM settings WHERE name = 'one form of addresses'");
    app.seal();
    app.restart();
    for (written, whose) in [
        ("user@bücher.example", 0),
        ("user@xn--bcher-kva.example", 0),
        ("mallory@example.org", 1),
        ("zoe@example.com", 2),
        ("zoe@ex\u{ad}ample.com", 3),
    ] {
        assert_eq!(app.human(written).await.id, before[whose].id, "{written}");
    }
    // By mail, which arrives at the mailbox of the spelling, each person is the same as before.
    for (written, whose) in [("zoe@ex\u{ad}ample.com", 3), ("Zoe@example.com", 2)] {
        let asked = app.bare(Method::POST, "/v1/sign_in").json(&json!({ "email": written }));
        asked.send().await.expect(202);
        let mail = sink.next();
        assert_eq!(mail.to(), ["zoe@example.com"]);
        let token = mail.link().split_once("/sign-in#").expect("a link that signs in").1.to_owned();
        let session = json!({ "token": token, "cookie": false });
        let session = app.bare(Method::POST, "/v1/sessions").json(&session).send().await.expect(201);
        assert_eq!(session["user"]["id"], before[whose].id, "{written}");
    }
    let alerts = app.get("/v1/alerts").await.expect(200);
    let alert = &alerts["data"][0];
    assert_eq!(alert["kind"], "one_mailbox_of_two", "{alerts}");
    assert!(text(&alert["detail"]).contains(&before[3].id), "{alert}");
    app.verify();
}
