//! Entries name people by id: no address of a person is in an entry, a snapshot or an export, and explanations and the
//! audit log still say who it was.
//!
//! Method: people do in a workspace all that people do; then everything that is made of entries is searched for their
//! addresses, and what is read by people is searched for them as well.

use reqwest::Method;
use scrip_testing::app::{App, each, root, temporary, text};
use scrip_testing::journal::Journal;
use scrip_testing::people::Asker;
use scrip_testing::program::output;
use scrip_testing::smtp::Sink;
use serde_json::{Value, json};

/// Accepts the invitation of the next mail, as the person it is to.
async fn accept(app: &App, mails: &Sink, email: &str) {
    let link = mails.next().link();
    let token = link.rsplit_once("/invitations/").expect("an invitation").1.to_owned();
    let human = app.human(email).await;
    Asker::with(&human.token).post(app, "/v1/invitations/accept", json!({ "token": token })).await.expect(200);
}

fn emails(list: &Value) -> Vec<String> {
    each(&list["data"], "email").iter().map(|email| text(email)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_address_of_a_person_is_in_an_entry() {
    let mails = Sink::start();
    let environment = [("SCRIP_SMTP_URL", mails.url()), ("SCRIP_MAIL_FROM", "credits@example.com".to_owned())];
    let environment = environment.map(|(name, value)| (name.to_owned(), value)).to_vec();
    let mut app = App::with(&root().join("catalogs/canvas-tiers.toml"), temporary(), environment);
    let owner = json!({ "email": "ada@people.example" });
    let desk = app
        .workspace(json!({ "plan": "business", "interval": "month", "owner": owner,
        "approve": [{ "review": "business_verification", "reason": "seen" }] }))
        .await;
    assert_eq!(text(&desk.show().await["owner_email"]), "ada@people.example");
    desk.post("/v1/invitations", json!({ "email": "Bo@people.example" })).await.expect(201);
    assert_eq!(emails(&desk.get("/v1/invitations").await.expect(200)), ["bo@people.example"]);
    desk.post("/v1/invitations", json!({ "email": "bo@people.example" })).await.expect(201);
    // The first mail's invitation was withdrawn by the second.
    drop(mails.next());
    accept(&app, &mails, "bo@people.example").await;
    let gone = desk.post("/v1/invitations", json!({ "email": "dee@people.example" })).await.expect(201);
    drop(mails.next());
    desk.call(Method::DELETE, &format!("/v1/invitations/{}", text(&gone["id"]))).send().await.expect(200);
    let cy = desk.member("cy@people.example", "member").await;
    let list = desk.get("/v1/members").await.expect(200);
    assert_eq!(emails(&list), ["ada@people.example", "bo@people.example", "cy@people.example"]);
    desk.call(Method::DELETE, &format!("/v1/members/{}", cy.id)).send().await.expect(200);
    desk.call(Method::PATCH, &format!("/v1/workspaces/{}", desk.id))
        .json(&json!({ "name": "Lab" }))
        .send()
        .await
        .expect(200);
    desk.run_to_end(json!({ "model": "image-standard" })).await;

    let mut words = Vec::new();
    for entry in desk.entries().await {
        let explained = app.get(&format!("/v1/entries/{}/explain", text(&entry["id"]))).await.expect(200);
        words.push(text(&explained["summary"]));
    }
    let acts = desk.get("/v1/audit").await.expect(200);
    let acts: Vec<String> = each(&acts["data"], "summary").iter().map(|summary| text(summary)).collect();
    for who in [
        "Invited bo@people.example as a member",
        "Withdrew the invitation of bo@people.example",
        "Withdrew the invitation of dee@people.example",
        "joined as a member",
        "is no longer a member",
    ] {
        assert!(words.iter().any(|said| said.contains(who)), "{who}: {words:?}");
    }
    assert!(acts.iter().any(|said| said.contains("cy@people.example")), "{acts:?}");

    app.verify();
    let export = |format: &str| output(app.scrip(&["export", "--format", format]));
    let written = [
        app.query("SELECT body FROM entries"),
        match app.journal() {
            Journal::Postgres(database) => {
                database.query("SELECT state FROM snapshots UNION ALL SELECT body FROM runs")
            }
            Journal::Sqlite => {
                String::from_utf8_lossy(&std::fs::read(app.data().join("views.db")).expect("it is there")).into_owned()
            }
        },
        export("jsonl"),
        export("csv"),
    ];
    for (n, written) in written.iter().enumerate() {
        assert!(!written.contains("people.example"), "{n}: {written}");
    }
    assert!(written[0].contains("member_joined") && written[2].contains("member_joined"), "they were read");
    let profiles = app.query("SELECT count(*) FROM profiles WHERE email LIKE '%@people.example'");
    assert_eq!(profiles, "6", "four in the workspace, and one in the own workspace of each who signed in");
}
