//! Rights: keys, members and invitations, as people and those who attack them use them.

use crate::operations::{self, Trace};
use futures_util::future::join_all;
use reqwest::Method;
use scrip_testing::app::{App, number, root, temporary, text};
use scrip_testing::people::Asker;
use scrip_testing::smtp::Sink;
use scrip_testing::stripe::Stripe;
use serde_json::{Value, json};

/// Returns the texts of a list, in its order.
fn words(value: &Value) -> Vec<&str> {
    value.as_array().expect("a list").iter().map(|word| word.as_str().expect("a text")).collect()
}

#[tokio::test]
async fn a_key_does_what_it_was_given_and_is_shown_once() {
    let mut app = App::start();
    {
        let business = app
            .workspace(json!({ "plan": "business", "interval": "month",
            "approve": [{ "review": "business_verification", "reason": "known" }] }))
            .await;
        let ada = business.owner().await.at(&business.id);
        let new = json!({ "name": "Robot", "capabilities": ["model:image-standard:run", "workflow:read"] });
        let made = ada.post(&app, "/v1/keys", new).await.expect(201);
        let secret = text(&made["secret"]);
        assert!(secret.starts_with("scrip_wk_test_") && secret.len() == 50, "{secret}");
        assert_eq!(made["last4"], secret[46..]);
        assert_eq!(words(&made["effective"]), ["workflow:read", "model:image-standard:run"]);
        let id = text(&made["id"]);
        let shown = ada.get(&app, &format!("/v1/keys/{id}")).await.expect(200);
        assert!(shown.get("secret").is_none(), "{shown}");
        assert_eq!(shown["last_used_at"], Value::Null);

        let robot = Asker::with(&secret);
        robot.run(&app, "image-standard").await.expect(202);
        let refused = robot.run(&app, "upscale").await.problem(403, "CAPABILITY_REQUIRED");
        assert_eq!(refused["capability"], "model:upscale:run");
        assert!(words(&refused["ceiling"]).contains(&"model:run"));
        assert_eq!(number(&robot.get(&app, "/v1/balance").await.expect(200)["available"]), 11_319);
        // The workspace of a key is its own: naming another finds none, whether it is there or not.
        let other = app.free().await;
        for id in [&other.id, "ws_0000000000001", "nonsense"] {
            robot.clone().about(id).get(&app, "/v1/balance").await.problem(404, "NOT_FOUND");
        }
        // Requests of the operator, an admin or a member are refused to every key.
        robot
            .post(&app, "/v1/keys", json!({ "name": "x", "capabilities": ["workflow:read"] }))
            .await
            .problem(403, "CAPABILITY_REQUIRED");
        robot.get(&app, "/v1/audit").await.problem(403, "CAPABILITY_REQUIRED");
        robot.get(&app, "/v1/workspaces").await.problem(403, "CAPABILITY_REQUIRED");
        robot.post(&app, "/v1/test_clocks", json!({})).await.problem(403, "CAPABILITY_REQUIRED");
        // Keys count in the header alone.
        app.bare(Method::GET, &format!("/v1/balance?key={secret}")).send().await.problem(401, "UNAUTHENTICATED");
        assert!(!app.log().contains(&secret[8..]), "no log has it");
        // A key with one wrong letter is no key.
        let mut wrong = secret.clone();
        wrong.replace_range(20..21, if &secret[20..21] == "a" { "b" } else { "a" });
        Asker::with(&wrong).get(&app, "/v1/balance").await.problem(401, "UNAUTHENTICATED");

        ada.delete(&app, &format!("/v1/keys/{id}")).await.expect(200);
        robot.get(&app, "/v1/balance").await.problem(401, "UNAUTHENTICATED");
        ada.delete(&app, &format!("/v1/keys/{id}")).await.problem(404, "NOT_FOUND");
    }
    app.verify();
}

#[tokio::test]
async fn a_key_that_is_asked_for_again_is_the_same_without_its_secret() {
    let app = App::start();
    let pro = app.workspace(json!({ "plan": "pro", "interval": "month" })).await;
    let ada = pro.owner().await.at(&pro.id);
    let new = json!({ "name": "Robot", "preset": "read-only" });
    let ask = || ada.call(&app, Method::POST, "/v1/keys").key("once").json(&new).send();
    let (first, second) = (ask().await, ask().await);
    assert_eq!(second.header("idempotent-replayed"), Some("true"));
    let (mut first, second) = (first.expect(201), second.expect(201));
    assert!(first["secret"].is_string() && second.get("secret").is_none());
    first.as_object_mut().expect("an object").remove("secret");
    assert_eq!(first, second);
    assert_eq!(ada.get(&app, "/v1/keys").await.expect(200)["data"].as_array().map(Vec::len), Some(1));
    // The same key of another person is another request.
    let eve = app.human("eve@example.com").await;
    pro.post("/v1/members", json!({ "email": eve.email, "role": "admin" })).await.expect(201);
    let hers = eve.at(&pro.id).call(&app, Method::POST, "/v1/keys").key("once").json(&new).send().await.expect(201);
    assert_ne!(hers["id"], second["id"]);
}

#[tokio::test]
async fn a_plan_that_goes_up_down_and_up_again_is_what_keys_may_do_on_the_next_request() {
    let app = App::start();
    let clock = app.clock("2026-01-10T00:00:00Z").await;
    let desk = app.workspace(json!({ "plan": "pro", "interval": "month", "test_clock": clock.id })).await;
    let (_, old) = desk.key(&["workflow:run"]).await;
    let path = format!("/v1/workspaces/{}/subscription", desk.id);
    let plan = |plan: &str| {
        let approve = json!([{ "review": "business_verification", "reason": "known" }]);
        desk.post(&path, json!({ "plan": plan, "interval": "month", "approve": approve }))
    };
    plan("business").await.expect(200);
    let (id, new) = desk.key(&["model:run"]).await;
    let (old, new) = (Asker::with(&old), Asker::with(&new));
    // A higher plan gives its capabilities to later keys; earlier keys keep what they have.
    old.run(&app, "image-standard").await.problem(403, "CAPABILITY_REQUIRED");
    new.run(&app, "image-standard").await.expect(202);
    plan("pro").await.expect(200);
    new.run(&app, "image-standard").await.expect(202);
    clock.advance("2026-02-10T00:00:00Z").await;
    new.run(&app, "image-standard").await.problem(403, "CAPABILITY_SUSPENDED");
    new.get(&app, "/v1/balance").await.problem(403, "CAPABILITY_SUSPENDED");
    old.get(&app, "/v1/balance").await.expect(200);
    let shown = desk.get(&format!("/v1/keys/{id}")).await.expect(200);
    assert_eq!((words(&shown["effective"]).len(), words(&shown["dormant"])), (0, vec!["model:run"]));
    plan("business").await.expect(200);
    new.run(&app, "image-standard").await.expect(202);
    // The operator freezes the key and unfreezes it; the owner cannot undo that.
    let owner = desk.owner().await.at(&desk.id);
    let freeze = format!("/v1/keys/{id}/freeze");
    desk.post(&freeze, json!({ "frozen": true, "reason": "seen elsewhere" })).await.expect(200);
    let asleep = new.run(&app, "image-standard").await.problem(403, "CAPABILITY_SUSPENDED");
    assert!(text(&asleep["detail"]).contains("seen elsewhere"), "{asleep}");
    owner.post(&app, &freeze, json!({ "frozen": false })).await.problem(403, "CAPABILITY_REQUIRED");
    desk.post(&freeze, json!({ "frozen": false })).await.expect(200);
    new.run(&app, "image-standard").await.expect(202);
}

#[tokio::test]
async fn who_is_demoted_or_removed_loses_on_the_next_request_what_the_role_gave() {
    let mut app = App::serving("two-buckets");
    {
        let desk = app.workspace(json!({ "plan": "pro", "interval": "month" })).await;
        let ada = desk.owner().await.at(&desk.id);
        let human = desk.member("bob@example.com", "admin").await;
        let bob = human.at(&desk.id);
        let new = json!({ "name": "Bob's", "capabilities": ["model:run", "workflow:write"], "owner": "me" });
        let made = bob.post(&app, "/v1/keys", new).await.expect(201);
        let key = Asker::with(&text(&made["secret"]));
        let shared = json!({ "name": "Shared", "capabilities": ["model:run"] });
        let shared = Asker::with(&text(&bob.post(&app, "/v1/keys", shared).await.expect(201)["secret"]));
        let run = text(&bob.run(&app, "image").await.expect(202)["id"]);
        let done = bob.get(&app, &format!("/v1/runs/{run}?wait=30")).await.expect(200);
        let link = text(&done["outputs"][0]["url"]);
        app.bare(Method::GET, &link).send().await;
        assert_eq!(app.bare(Method::GET, &link).send().await.status, 200);

        let path = format!("/v1/members/{}", human.id);
        bob.get(&app, "/v1/audit").await.expect(200);
        ada.patch(&app, &path, json!({ "role": "member" })).await.expect(200);
        bob.get(&app, "/v1/audit").await.problem(403, "CAPABILITY_REQUIRED");
        bob.patch(&app, &path, json!({ "role": "admin" })).await.problem(403, "CAPABILITY_REQUIRED");
        bob.post(&app, "/v1/invitations", json!({ "email": "eve@example.com" }))
            .await
            .problem(403, "CAPABILITY_REQUIRED");
        let shown = bob.get(&app, &format!("/v1/keys/{}", text(&made["id"]))).await.expect(200);
        assert_eq!((words(&shown["effective"]), words(&shown["dormant"])), (vec!["model:run"], vec!["workflow:write"]));
        key.run(&app, "image").await.expect(202);

        ada.delete(&app, &path).await.expect(200);
        for asked in [
            "/v1/balance",
            "/v1/runs",
            "/v1/members",
            &format!("/v1/runs/{run}"),
            &format!("/v1/workspaces/{}", desk.id),
        ] {
            bob.get(&app, asked).await.problem(404, "NOT_FOUND");
        }
        bob.run(&app, "image").await.problem(404, "NOT_FOUND");
        key.run(&app, "image").await.problem(401, "UNAUTHENTICATED");
        app.bare(Method::GET, &link).send().await.problem(404, "NOT_FOUND");
        // The key of the workspace lives on, and is listed for review until an admin has reviewed it.
        shared.run(&app, "image").await.expect(202);
        let keys = ada.get(&app, "/v1/keys").await.expect(200);
        let [left] = &keys["data"].as_array().expect("a list")[..] else { panic!("{keys}") };
        assert_eq!(left["needs_review"], true);
        let reviewed = ada.patch(&app, &format!("/v1/keys/{}", text(&left["id"])), json!({ "reviewed": true })).await;
        assert_eq!(reviewed.expect(200)["needs_review"], false);
        // A removed member keeps the account, and their own workspace with everything in it.
        let own = Asker::with(&human.token).get(&app, "/v1/workspaces").await.expect(200);
        let [own] = &own["data"].as_array().expect("a list")[..] else { panic!("{own}") };
        human.at(&text(&own["id"])).run(&app, "sketch").await.expect(202);
        // A run that was under way finishes, and belongs to the workspace.
        assert_eq!(ada.get(&app, &format!("/v1/runs/{run}")).await.expect(200)["status"], "succeeded");
    }
    app.verify();
}

#[tokio::test]
async fn the_audit_log_says_who_did_what_and_what_was_before() {
    let app = App::serving("two-buckets");
    let desk = app.workspace(json!({ "plan": "pro", "interval": "month" })).await;
    let ada = desk.owner().await;
    let bob = desk.member("bob@example.com", "member").await;
    ada.at(&desk.id).run(&app, "image").await.expect(202);
    let change = ada.at(&desk.id).call(&app, Method::PATCH, &format!("/v1/members/{}", bob.id));
    change.header("Request-Id", "made-by-hand").json(&json!({ "role": "admin" })).send().await.expect(200);
    let log = ada.at(&desk.id).get(&app, "/v1/audit").await.expect(200);
    let acts: Vec<&str> =
        log["data"].as_array().expect("a list").iter().map(|act| act["act"].as_str().expect("a text")).collect();
    assert_eq!(acts, ["change_member", "add_member", "open_workspace"], "a run is no act of power");
    let act = &log["data"][0];
    assert_eq!((&act["actor"], &act["request_id"]), (&json!(ada.id), &json!("made-by-hand")));
    assert_eq!(act["before"]["team"]["members"][0]["role"], "member");
    assert_eq!(act["after"]["team"]["members"][0]["role"], "admin");
    assert!(text(&act["summary"]).contains("bob@example.com"), "{act}");
    assert!(text(&log["data"][1]["actor"]).starts_with("operator …"), "{log}");
    // The audit log comes in pages.
    let page = ada.at(&desk.id).get(&app, "/v1/audit?limit=2").await.expect(200);
    let next = text(&page["next_cursor"]);
    let rest = ada.at(&desk.id).get(&app, &format!("/v1/audit?limit=2&cursor={next}")).await.expect(200);
    assert_eq!(rest["data"][0], log["data"][2]);
    assert_eq!(rest["has_more"], false);
}

#[tokio::test]
async fn caps_hold_and_name_the_tightest() {
    let app = App::serving("two-buckets");
    let desk = app.workspace(json!({ "plan": "pro", "interval": "month" })).await;
    let ada = desk.owner().await.at(&desk.id);
    let human = desk.member("bob@example.com", "member").await;
    let bob = human.at(&desk.id);
    let new = json!({ "name": "Robot", "capabilities": ["model:run"], "owner": "me", "spend_cap": { "credits": 20 } });
    let made = bob.post(&app, "/v1/keys", new).await.expect(201);
    let (id, key) = (text(&made["id"]), Asker::with(&text(&made["secret"])));
    // A leaked key costs no more than its cap, however many requests it is good for.
    let runs = (0..20).map(|_| key.run(&app, "image"));
    let answers = futures_util::future::join_all(runs).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 202).count(), 2);
    let refused =
        answers.iter().find(|answer| answer.status != 202).expect("one is refused").problem(402, "SPEND_CAP_REACHED");
    assert_eq!((&refused["cap"]["of"], &refused["cap"]["credits"]), (&json!(id), &json!(20)));
    assert_eq!(refused["resets_at"], Value::Null);
    // A member cannot raise their own cap.
    bob.patch(&app, &format!("/v1/keys/{id}"), json!({ "spend_cap": null })).await.problem(403, "CAPABILITY_REQUIRED");
    let path = format!("/v1/members/{}", human.id);
    bob.patch(&app, &path, json!({ "spend_cap": null })).await.problem(403, "CAPABILITY_REQUIRED");
    ada.patch(&app, &path, json!({ "spend_cap": { "credits": 30, "every": "month" } })).await.expect(200);
    ada.patch(&app, &format!("/v1/keys/{id}"), json!({ "spend_cap": null })).await.expect(200);
    let ran = futures_util::future::join_all((0..5).map(|_| key.run(&app, "image"))).await;
    assert_eq!(ran.iter().filter(|answer| answer.status == 202).count(), 3);
    let refused = bob.run(&app, "image").await.problem(402, "SPEND_CAP_REACHED");
    assert_eq!(refused["cap"]["of"], human.id);
    assert!(refused["resets_at"].is_string());
    ada.run(&app, "image").await.expect(202);
}

/// Starts a server that mails to a sink.
fn mailing(catalog: &str, sink: &Sink) -> App {
    mailing_with(catalog, sink, Vec::new())
}

/// Starts a server that mails to a sink, with more settings.
fn mailing_with(catalog: &str, sink: &Sink, mut more: Vec<(String, String)>) -> App {
    let told = [("SCRIP_SMTP_URL", sink.url()), ("SCRIP_MAIL_FROM", "Credits <no-reply@example.com>".to_owned())];
    more.extend(told.map(|(name, value)| (name.to_owned(), value)));
    App::with(&root().join(format!("catalogs/{catalog}.toml")), temporary(), more)
}

/// Signs a person in by the link in their mail, and returns the session.
async fn by_mail(app: &App, sink: &Sink, email: &str) -> String {
    app.bare(Method::POST, "/v1/sign_in").json(&json!({ "email": email })).send().await.expect(202);
    let mail = sink.next();
    assert_eq!(mail.to(), [email]);
    let link = mail.link();
    let (_, token) = link.split_once("/sign-in#").expect("a link that signs in");
    let body = json!({ "token": token, "cookie": false });
    text(&app.bare(Method::POST, "/v1/sessions").json(&body).send().await.expect(201)["token"])
}

/// Goal: document 003, R35: an invited person has access as soon as they accept. The invitation is theirs alone.
#[tokio::test]
async fn an_invitation_arrives_by_mail_and_is_access_as_soon_as_it_is_accepted() {
    let sink = Sink::start();
    let mut app = mailing("two-buckets", &sink);
    {
        let ada = by_mail(&app, &sink, "ada@example.com").await;
        let team = Asker::with(&ada).once(&app, "/v1/workspaces", json!({ "name": "Studio" })).await.expect(201);
        let id = text(&team["id"]);
        let ada = Asker::with(&ada).about(&id);
        // The plan has members or it has not; a personal workspace never has.
        let invite = json!({ "email": "bob@example.com" });
        let refused = ada.post(&app, "/v1/invitations", invite.clone()).await.problem(403, "FEATURE_NOT_IN_PLAN");
        assert_eq!((&refused["feature"], &refused["plans_that_include"]), (&json!("members"), &json!(["pro"])));
        let plan = json!({ "plan": "pro", "interval": "month" });
        app.post(&format!("/v1/workspaces/{id}/subscription"), plan).await.expect(200);
        let invited = ada.post(&app, "/v1/invitations", invite).await.expect(201);
        assert_eq!((&invited["email"], &invited["role"]), (&json!("bob@example.com"), &json!("member")));

        let mail = sink.next();
        assert_eq!(mail.to(), ["bob@example.com"]);
        assert!(mail.text().contains("ada@example.com") && mail.text().contains("Studio"), "{}", mail.text());
        let link = mail.link();
        let (_, token) = link.split_once("/invitations/").expect("a link to an invitation");
        let accept = json!({ "token": token });
        let bob = by_mail(&app, &sink, "bob@example.com").await;
        let eve = by_mail(&app, &sink, "eve@example.com").await;
        // Another person with the link is not let in, and without the link not even the invited person.
        Asker::with(&eve)
            .post(&app, "/v1/invitations/accept", accept.clone())
            .await
            .problem(403, "CAPABILITY_REQUIRED");
        for wrong in ["", ".", &text(&invited["id"]), &format!("{id}.0"), &format!("{}.{}", id, "0".repeat(32))] {
            let wrong = json!({ "token": wrong });
            Asker::with(&bob).post(&app, "/v1/invitations/accept", wrong).await.problem(404, "NOT_FOUND");
        }
        let bobs = Asker::with(&bob).about(&id);
        bobs.get(&app, "/v1/balance").await.problem(404, "NOT_FOUND");
        let person = Asker::with(&bob);
        let accepts = (0..20).map(|_| person.post(&app, "/v1/invitations/accept", accept.clone()));
        let answers = join_all(accepts).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
        bobs.run(&app, "image").await.expect(202);
        let members = ada.get(&app, "/v1/members").await.expect(200);
        let emails: Vec<String> =
            members["data"].as_array().expect("a list").iter().map(|m| text(&m["email"])).collect();
        assert_eq!(emails, ["ada@example.com", "bob@example.com"]);
        let theirs = Asker::with(&bob).get(&app, "/v1/workspaces").await.expect(200);
        assert_eq!(theirs["data"].as_array().map(Vec::len), Some(2), "their own and the team's");
        Asker::with(&bob).post(&app, "/v1/invitations/accept", accept).await.problem(404, "NOT_FOUND");
        // Members may leave by themselves, except for the last admin.
        let path = format!("/v1/members/{}", text(&members["data"][0]["id"]));
        ada.delete(&app, &path).await.problem(422, "INVALID_REQUEST");
        let path = format!("/v1/members/{}", text(&members["data"][1]["id"]));
        bobs.delete(&app, &path).await.expect(200);
        bobs.get(&app, "/v1/balance").await.problem(404, "NOT_FOUND");
    }
    app.verify();
}

/// Goal: a model or provider that an operator switches off starts no new run and the refusal says why; accepted runs
/// end as they would have.
#[tokio::test]
async fn what_is_switched_off_starts_nothing_and_says_why() {
    let mut app = App::start();
    {
        let desk = app.free().await;
        let ada = desk.owner().await.at(&desk.id);
        let new = json!({ "model": "image-standard", "params": {} });
        let ask = || desk.call(Method::POST, "/v1/runs").key("kept").json(&new).send();
        let accepted = ask().await.expect(202);
        let switch = |kind: &str, off: bool| {
            let call = app.call(Method::PUT, &format!("/v1/switches/{kind}"));
            let body = if off { json!({ "off": true, "reason": "it burns" }) } else { json!({ "off": false }) };
            async move { call.json(&body).send().await }
        };
        let before = desk.credits().await;
        for kind in ["models/image-standard", "providers/sandbox"] {
            assert_eq!(switch(kind, true).await.expect(200)["reason"], "it burns");
            let refused = ada.run(&app, "image-standard").await.problem(503, "UNAVAILABLE");
            assert!(text(&refused["detail"]).contains("it burns"), "{refused}");
            let hold = json!({ "model": "image-standard", "params": {}, "reference": "r" });
            desk.post("/v1/holds", hold).await.problem(503, "UNAVAILABLE");
            let quote = desk.post("/v1/quotes", new.clone()).await.expect(200);
            assert_eq!((&quote["allowed"], &quote["refusal"]["code"]), (&json!(false), &json!("UNAVAILABLE")));
            // A repeated request gets the answer of the accepted one.
            assert_eq!(ask().await.expect(202)["id"], accepted["id"]);
            if kind.starts_with("model") {
                ada.run(&app, "upscale").await.expect(202);
            }
            switch(kind, false).await.expect(200);
        }
        assert_eq!(desk.credits().await.0, before.0 - 35, "refused runs cost nothing");
        ada.run(&app, "image-standard").await.expect(202);
        switch("models/nothing", true).await.problem(404, "NOT_FOUND");
        ada.call(&app, Method::PUT, "/v1/switches/models/upscale")
            .json(&json!({ "off": true, "reason": "r" }))
            .send()
            .await
            .problem(403, "CAPABILITY_REQUIRED");
        // Every change is kept, with its actor and its request.
        let log = app.get("/v1/switches").await.expect(200);
        let log = log["data"].as_array().expect("a list");
        let told: Vec<(String, bool)> =
            log.iter().map(|change| (text(&change["name"]), change["off"] == true)).collect();
        let expected = [("sandbox", false), ("sandbox", true), ("image-standard", false), ("image-standard", true)];
        assert_eq!(told, expected.map(|(name, off)| (name.to_owned(), off)));
        assert!(
            log.iter()
                .all(|change| text(&change["actor"]).starts_with("operator …") && change["request_id"].is_string())
        );
    }
    app.verify();
}

/// Returns the audit lines of applying for a review and deciding it, in a workspace of the product that has one.
async fn review_audit_lines() -> Vec<Value> {
    let app = App::start();
    let desk = app.free().await;
    let ask = async |name: &'static str, path: String, body: Value| {
        let request = name.replace([' ', '/', '{', '}'], "-");
        let call = desk.call(Method::POST, &path).once().header("Request-Id", &request).json(&body);
        let answer = call.send().await;
        assert!((200..300).contains(&answer.status), "{name}: {}", answer.json());
        answer.json()
    };
    let new = json!({ "review": "business_verification" });
    let review = ask("POST /v1/reviews", "/v1/reviews".to_owned(), new).await;
    let review = format!("/v1/reviews/{}", text(&review["id"]));
    let reason = json!({ "reason": "r" });
    let file = desk.call(Method::POST, &format!("{review}/files?name=n")).bytes("application/pdf", b"%PDF-".to_vec());
    file.header("Request-Id", "POST--v1-reviews--id--files").send().await.expect(201);
    ask("POST /v1/reviews/{id}/reject", format!("{review}/reject"), reason.clone()).await;
    ask("POST /v1/reviews/{id}/approve", format!("{review}/approve"), reason.clone()).await;
    ask("POST /v1/reviews/{id}/revoke", format!("{review}/revoke"), reason).await;
    let log = desk.get("/v1/audit?limit=100").await.expect(200);
    log["data"].as_array().expect("a list").clone()
}

/// Goal: every privileged act is in the audit log, with its actor and the request's id. Method: the table of operations
/// says which line each leaves, and each that leaves one in the audit log is done once.
#[tokio::test]
async fn every_act_of_power_is_in_the_audit_log_with_its_request() {
    let sink = Sink::start();
    let stripe = Stripe::open();
    let app = mailing_with("two-buckets", &sink, stripe.environment());
    let desk = app.workspace(json!({ "plan": "pro", "interval": "month" })).await;
    let (id, subscription) = (desk.id.clone(), format!("/v1/workspaces/{}/subscription", desk.id));
    let done = |what: &'static str, method: Method, path: String, body: Value| {
        let call = app
            .call(method, &path)
            .workspace(&id)
            .once()
            .header("Request-Id", &what.replace([' ', '/', '{', '}'], "-"));
        async move {
            let answer = call.json(&body).send().await;
            assert!((200..300).contains(&answer.status), "{what}: {}", String::from_utf8_lossy(&answer.bytes));
            answer.json()
        }
    };
    let (post, patch, delete) = (Method::POST, Method::PATCH, Method::DELETE);
    let key =
        done("POST /v1/keys", post.clone(), "/v1/keys".into(), json!({ "name": "k", "capabilities": ["model:run"] }))
            .await;
    let key = format!("/v1/keys/{}", text(&key["id"]));
    done("PATCH /v1/keys/{id}", patch.clone(), key.clone(), json!({ "name": "l" })).await;
    done("POST /v1/keys/{id}/freeze", post.clone(), format!("{key}/freeze"), json!({ "frozen": true, "reason": "r" }))
        .await;
    done("POST /v1/keys/{id}/rotate", post.clone(), format!("{key}/rotate"), json!({})).await;
    done("DELETE /v1/keys/{id}", delete.clone(), key, json!({})).await;
    let member =
        done("POST /v1/members", post.clone(), "/v1/members".into(), json!({ "email": "bob@example.com" })).await;
    let member = format!("/v1/members/{}", text(&member["id"]));
    done("PATCH /v1/members/{id}", patch.clone(), member.clone(), json!({ "role": "admin" })).await;
    done("DELETE /v1/members/{id}", delete.clone(), member, json!({})).await;
    let invite = json!({ "email": "eve@example.com" });
    let first = done("POST /v1/invitations", post.clone(), "/v1/invitations".into(), invite.clone()).await;
    sink.next();
    done("DELETE /v1/invitations/{id}", delete.clone(), format!("/v1/invitations/{}", text(&first["id"])), json!({}))
        .await;
    done("POST /v1/invitations", post.clone(), "/v1/invitations".into(), invite).await;
    let link = sink.next().link();
    let accept = json!({ "token": link.rsplit_once('/').expect("a token is at its end").1 });
    let eve = app.human("eve@example.com").await;
    let accepted = Asker::with(&eve.token).call(&app, Method::POST, "/v1/invitations/accept").json(&accept);
    accepted.header("Request-Id", "POST--v1-invitations-accept").send().await.expect(200);
    let workspace = format!("/v1/workspaces/{id}");
    done("PATCH /v1/workspaces/{id}", patch, workspace.clone(), json!({ "name": "Another" })).await;
    let frozen = json!({ "frozen": true, "reason": "r" });
    done("POST /v1/workspaces/{id}/freeze", post.clone(), format!("{workspace}/freeze"), frozen).await;
    let gift = json!({ "amount": 5, "reason": "r" });
    let grants = done("POST /v1/workspaces/{id}/grants", post.clone(), format!("{workspace}/grants"), gift).await;
    let void = format!("/v1/grants/{}/void", text(&grants[0]["id"]));
    done("POST /v1/grants/{id}/void", post.clone(), void, json!({ "reason": "r" })).await;
    done("DELETE /v1/workspaces/{id}/subscription", delete, subscription.clone(), json!({})).await;
    let plan = json!({ "plan": "pro", "interval": "year" });
    done("POST /v1/workspaces/{id}/subscription", post.clone(), subscription, plan).await;

    let put = || Method::PUT;
    let terms = json!({ "pack": "credits-500", "below": 100, "monthly_max": 5000 });
    done("PUT /v1/billing/top_up", put(), "/v1/billing/top_up".into(), terms).await;
    done("DELETE /v1/billing/top_up", Method::DELETE, "/v1/billing/top_up".into(), json!({})).await;
    let customer = json!({ "customer": stripe.customer().await });
    done("PUT /v1/workspaces/{id}/customer", put(), format!("{workspace}/customer"), customer).await;
    done("PUT /v1/switches/models/{id}", put(), "/v1/switches/models/image".into(), json!({ "off": false })).await;
    done("PUT /v1/switches/providers/{id}", put(), "/v1/switches/providers/sandbox".into(), json!({ "off": false }))
        .await;
    let post = Method::POST;
    let key = json!({ "name": "robot", "scopes": ["read"] });
    let key = done("POST /v1/operator_keys", post.clone(), "/v1/operator_keys".into(), key).await;
    let key = format!("/v1/operator_keys/{}", text(&key["id"]));
    done("DELETE /v1/operator_keys/{id}", Method::DELETE, key, json!({})).await;
    let link = json!({ "email": "ada@example.com" });
    done("POST /v1/portal_links", post.clone(), "/v1/portal_links".into(), link).await;
    let spammer = format!("/v1/people/{}/block", app.human("spam@example.com").await.id);
    let reason = json!({ "reason": "spam" });
    done("POST /v1/people/{id}/block", post.clone(), spammer.clone(), reason).await;
    done("DELETE /v1/people/{id}/block", Method::DELETE, spammer, json!({})).await;
    let toml = std::fs::read_to_string(root().join("catalogs/two-buckets.toml")).expect("it is there");
    let again = json!({ "toml": format!("{toml}\n# again\n") });
    done("POST /v1/catalogs", post.clone(), "/v1/catalogs".into(), again).await;
    done("POST /v1/catalogs/{version}/migrate", post, "/v1/catalogs/2/migrate".into(), json!({})).await;
    let all = app.get("/v1/audit?limit=100").await.expect(200);
    let all = all["data"].as_array().expect("a list");

    let log = app.call(Method::GET, "/v1/audit?limit=100").workspace(&id).send().await.expect(200);
    let mut log = log["data"].as_array().expect("a list").clone();
    log.splice(0..0, review_audit_lines().await);
    for (name, trace) in operations::all("").iter().filter_map(|row| Some((row.name(), row.trace?))) {
        let request = name.replace([' ', '/', '{', '}'], "-");
        let line = log.iter().find(|line| line["request_id"] == request);
        match trace {
            // The request that opened the workspace had no id of the story's.
            Trace::Log if name == "POST /v1/workspaces" => {
                let opened = log.last().expect("it was opened");
                assert_eq!(opened["act"], "open_workspace");
                assert!(text(&opened["request_id"]).starts_with("req_"), "{opened}");
            }
            Trace::Log => {
                let line = line.unwrap_or_else(|| panic!("{name} is not in the audit log"));
                assert!(!text(&line["actor"]).is_empty() && line["before"] != line["after"], "{name}: {line}");
            }
            Trace::All => {
                let line = all.iter().find(|line| line["request_id"] == request);
                let line = line.unwrap_or_else(|| panic!("{name} is not in the audit log of the operator"));
                assert!(text(&line["actor"]).starts_with("operator …") && line["before"] != line["after"], "{line}");
            }
            Trace::Nothing(why) => assert!(line.is_none() && !why.is_empty(), "{name} is in the audit log"),
        }
    }
}

/// Goal: where operators have a listening address of their own, their keys and routes work there alone, and keys of
/// users never work there.
#[tokio::test]
async fn operators_on_an_address_of_their_own_are_nobody_elsewhere() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let apart = free.local_addr().expect("it has an address").to_string();
    drop(free);
    let told = vec![("SCRIP_OPERATOR_LISTEN".to_owned(), apart.clone())];
    let app = App::with(&root().join("catalogs/two-buckets.toml"), temporary(), told);
    let there = |path: &str| format!("http://{apart}{path}");
    let new = json!({ "name": "Studio", "owner": { "email": "ada@example.com" }, "plan": "pro", "interval": "month" });
    app.post("/v1/workspaces", new.clone()).await.problem(401, "UNAUTHENTICATED");
    let id = text(&app.post(&there("/v1/workspaces"), new).await.expect(201)["id"]);
    let make = app.call(Method::POST, &there("/v1/keys")).workspace(&id);
    let made = make.json(&json!({ "name": "k", "capabilities": ["model:run"] })).send().await.expect(201);
    let key = Asker::with(&text(&made["secret"]));
    key.get(&app, "/v1/balance").await.expect(200);
    key.get(&app, &there("/v1/balance")).await.problem(401, "UNAUTHENTICATED");

    let link = app.post(&there("/v1/portal_links"), json!({ "email": "ada@example.com" })).await.expect(201);
    let token = text(&link["url"]).split_once('#').expect("a link").1.to_owned();
    let body = json!({ "token": token, "cookie": false });
    let session = text(&app.bare(Method::POST, "/v1/sessions").json(&body).send().await.expect(201)["token"]);
    let ada = Asker::with(&session).about(&id);
    ada.get(&app, "/v1/members").await.expect(200);
    for path in ["/v1/members", "/v1/session", "/v1/workspaces"] {
        ada.get(&app, &there(path)).await.problem(401, "UNAUTHENTICATED");
    }
    // Public operations work on both addresses.
    for address in ["/v1/catalog".to_owned(), there("/v1/catalog")] {
        assert_eq!(app.bare(Method::GET, &address).send().await.status, 200);
    }
}
