//! Reviews: applications and their decisions. Documents 000 and 001 let a workspace apply with its company's details,
//! hear the decision by mail, and buy the plan only then (R25).

use crate::mails::{URL, mail_settings, until};
use reqwest::Method;
use scrip_testing::app::{App, Desk, each, root, temporary, text};
use scrip_testing::people::Human;
use scrip_testing::smtp::Sink;
use serde_json::{Value, json};

const REVIEW: &str = "business_verification";
/// Number of times that a server is killed in the middle of something.
const ROUNDS: usize = 20;
const PDF: &[u8] = b"%PDF-1.7 papers";

/// Starts a server that mails to a sink.
fn mailing(sink: &Sink) -> App {
    App::with(&root().join("catalogs/canvas-tiers.toml"), temporary(), mail_settings(&sink.url(), &[]))
}

fn application() -> Value {
    json!({ "review": REVIEW, "form": { "company": "Ada & Sons", "address": "1 Mill Lane\nOxford" } })
}

async fn apply_for_review(desk: &Desk<'_>) -> String {
    text(&desk.post("/v1/reviews", application()).await.expect(201)["id"])
}

async fn decide(desk: &Desk<'_>, id: &str, how: &str, reason: &str) -> Value {
    desk.post(&format!("/v1/reviews/{id}/{how}"), json!({ "reason": reason })).await.expect(200)
}

/// Adds a file to an application.
async fn add_file(
    app: &App,
    human: &Human,
    desk: &Desk<'_>,
    id: &str,
    kind: &str,
    bytes: &[u8],
) -> scrip_testing::app::Answer {
    let call = human.at(&desk.id).call(app, Method::POST, &format!("/v1/reviews/{id}/files?name=papers.pdf"));
    call.bytes(kind, bytes.to_vec()).send().await
}

/// Returns the number of mails of each kind about reviews.
fn outcomes(app: &App) -> String {
    app.query("SELECT kind, count(*) FROM mails WHERE kind LIKE 'review%' GROUP BY kind ORDER BY kind")
}

/// Puts the workspace on the plan that needs the review.
async fn choose(desk: &Desk<'_>) -> scrip_testing::app::Answer {
    let path = format!("/v1/workspaces/{}/subscription", desk.id);
    desk.post(&path, json!({ "plan": "business", "interval": "month" })).await
}

async fn run(desk: &Desk<'_>) -> scrip_testing::app::Answer {
    desk.run(json!({ "model": "seedance-2.0-text-to-video", "params": { "duration": 5, "prompt": "a mill" } })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_rejected_is_applied_for_again_approved_and_taken_back() {
    let sink = Sink::start();
    let mut app = mailing(&sink);
    {
        let clock = app.clock("2026-01-10T00:00:00Z").await;
        let desk = app.workspace(json!({ "test_clock": clock.id })).await;
        let ada = desk.owner().await;
        let refused = choose(&desk).await.problem(403, "REVIEW_REQUIRED");
        assert_eq!((&refused["review"], &refused["apply_url"]), (&json!(REVIEW), &json!("/settings/business-apply")));

        // Ada applies, once for any number of repeated requests.
        let apply = async || {
            let call = ada.at(&desk.id).call(&app, Method::POST, "/v1/reviews").key("apply").json(&application());
            call.send().await
        };
        let first = apply().await.expect(201);
        assert_eq!((&first["status"], &first["applied_by"]), (&json!("submitted"), &json!(ada.id)));
        assert_eq!(first["form"], application()["form"]);
        let again = apply().await;
        assert_eq!((again.header("idempotent-replayed"), &again.expect(201)), (Some("true"), &first));
        ada.at(&desk.id).once(&app, "/v1/reviews", application()).await.problem(422, "INVALID_REQUEST");
        choose(&desk).await.problem(403, "REVIEW_REQUIRED");

        // The operator rejects it, once.
        let first = text(&first["id"]);
        let path = format!("/v1/reviews/{first}/reject");
        ada.at(&desk.id).post(&app, &path, json!({ "reason": "r" })).await.problem(403, "CAPABILITY_REQUIRED");
        desk.post(&path, json!({ "reason": "" })).await.problem(422, "INVALID_REQUEST");
        desk.post(&path, json!({})).await.problem(422, "INVALID_REQUEST");
        let reason = "the register does not know the company";
        let shown = decide(&desk, &first, "reject", reason).await;
        assert_eq!((&shown["status"], &shown["reason"]), (&json!("rejected"), &json!(reason)));
        let again = desk.post(&path, json!({ "reason": "another" })).await;
        assert!(again.header("scrip-entry").is_none() && again.expect(200) == shown);
        let mail = sink.next();
        assert_eq!(mail.whole().to(), [&*ada.email]);
        assert!(mail.header("Subject").starts_with("Not approved: business verification on"), "{mail:?}");
        assert!(mail.text().contains(reason) && mail.link() == format!("{URL}/settings/business-apply"), "{mail:?}");

        // Another application is approved, and that one alone can be.
        let second = apply_for_review(&desk).await;
        assert_ne!(first, second);
        for how in ["approve", "reject", "revoke"] {
            let path = format!("/v1/reviews/{first}/{how}");
            desk.post(&path, json!({ "reason": "r" })).await.problem(422, "INVALID_REQUEST");
        }
        decide(&desk, &second, "approve", "papers seen").await;
        decide(&desk, &second, "approve", "seen twice").await;
        let mail = sink.next();
        assert!(mail.whole().header("Subject").starts_with("Approved: business verification on"), "{mail:?}");
        assert!(mail.text().contains("The Business plan can be chosen now"), "{}", mail.text());
        assert_eq!((mail.link(), mail.to()), (format!("{URL}/settings/billing"), vec![&*ada.email]));

        // From now on, a choice of the plan needs no approval with it.
        assert_eq!(choose(&desk).await.expect(200)["plan"], "business");
        run(&desk).await.expect(202);
        clock.advance("2026-02-11T00:00:00Z").await;
        assert_eq!(desk.show().await["plan"], "business", "it renews");

        // The approval is taken back: no new period starts, and the paid one lasts to its end.
        let path = format!("/v1/reviews/{second}/reject");
        desk.post(&path, json!({ "reason": "r" })).await.problem(422, "INVALID_REQUEST");
        decide(&desk, &second, "revoke", "the company is no more").await;
        decide(&desk, &second, "revoke", "the company is no more").await;
        let mail = sink.next();
        assert!(mail.whole().header("Subject").starts_with("Taken back: business verification on"), "{mail:?}");
        assert!(mail.text().contains("the company is no more"), "{}", mail.text());
        run(&desk).await.problem(403, "REVIEW_REQUIRED");
        desk.run(json!({ "model": "image-standard" })).await.expect(202);
        assert_eq!(desk.show().await["plan"], "business");
        clock.advance("2026-03-11T00:00:00Z").await;
        assert_eq!(desk.show().await["plan"], "free", "it does not renew");

        let listed = app.get("/v1/reviews").await.expect(200);
        assert_eq!(each(&listed["data"], "status"), ["revoked", "rejected"]);
        let theirs = ada.at(&desk.id).get(&app, "/v1/reviews?status=rejected").await.expect(200);
        assert_eq!(each(&theirs["data"], "id"), [&first]);
        app.get("/v1/reviews?status=lost").await.problem(422, "INVALID_REQUEST");
        let page = app.get("/v1/reviews?limit=1").await.expect(200);
        let next = app.get(&format!("/v1/reviews?limit=1&cursor={}", text(&page["next_cursor"]))).await.expect(200);
        assert_eq!((each(&next["data"], "id"), &next["has_more"]), (vec![&json!(first)], &json!(false)));

        // The decision and the application are in the audit log, with their actors.
        let acts = desk.get("/v1/audit").await.expect(200);
        let acts: Vec<&Value> = acts["data"].as_array().expect("a list").iter().rev().collect();
        let about = |act: &&&Value| act["act"].as_str().is_some_and(|name| name.ends_with("_review"));
        let acts: Vec<(&str, bool)> = acts
            .iter()
            .filter(about)
            .map(|act| {
                assert!(act["request_id"].is_string(), "{act}");
                (act["act"].as_str().expect("a name"), act["actor"] == ada.id)
            })
            .collect();
        let expected = ["request_review", "reject_review", "request_review", "approve_review", "revoke_review"];
        let expected: Vec<(&str, bool)> = expected.iter().enumerate().map(|(n, act)| (*act, n == 0)).collect();
        assert_eq!(acts, expected);
    }
    app.kill();
    assert_eq!(outcomes(&app), "review_approved|1\nreview_rejected|1\nreview_revoked|1");
    let rest = sink.stop();
    assert!(rest.iter().all(|mail| !mail.header("Subject").contains("business verification")), "{rest:?}");
    app.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_tells_each_outcome_once() {
    let sink = Sink::start();
    let mut app = mailing(&sink);
    let id = app.free().await.id;
    let mut reviews = Vec::new();
    for n in 0..ROUNDS {
        // The server is killed during an application, or a decision.
        let path = match reviews.last() {
            Some(review) if n % 2 == 1 => format!("/v1/reviews/{review}/reject"),
            _ => "/v1/reviews".to_owned(),
        };
        let body = if n % 2 == 1 { json!({ "reason": "not yet" }) } else { application() };
        let send = async |app: &App| {
            let call = app.call(Method::POST, &path).workspace(&id).key(&format!("step-{n}")).json(&body);
            call.try_send().await
        };
        let killed = {
            let asked = send(&app);
            let kill = async {
                // Somewhere between the request's arrival and its answer.
                for _ in 0..n * 25 {
                    tokio::task::yield_now().await;
                }
                kill_process(app.process());
            };
            tokio::join!(asked, kill).0
        };
        app.restart();
        let answer = send(&app).await.expect("it serves again");
        let shown = if n % 2 == 1 { answer.expect(200) } else { answer.expect(201) };
        if let Some(before) = killed.filter(|answer| answer.status < 300) {
            assert_eq!(before.json()["id"], shown["id"], "what was answered is so");
        }
        reviews.push(text(&shown["id"]));
    }
    app.kill();
    let half = (ROUNDS / 2).to_string();
    assert_eq!(app.query("SELECT count(*) FROM reviews WHERE status = 'rejected'"), half);
    assert_eq!(app.query("SELECT count(*) FROM reviews"), half, "no application is there twice");
    assert_eq!(outcomes(&app), format!("review_rejected|{half}"));
    // The sender is gone, perhaps once too often for a mail to be tried again.
    app.query("UPDATE mails SET lease_until = 0, attempts = 0, failed = NULL");
    app.restart();
    until(&app, "SELECT count(*) FROM mails WHERE sent_at IS NOT NULL", &half).await;
    app.verify();
    // A server that was killed between sending a mail and recording it sends the mail again, with the same identifier.
    let arrived = sink.stop();
    let ids: std::collections::BTreeSet<&str> = arrived.iter().map(|mail| mail.header("Message-ID")).collect();
    assert_eq!(ids.len(), ROUNDS / 2);
    assert!(arrived.iter().all(|mail| mail.header("Subject").starts_with("Not approved")));
}

/// Kills a process with SIGKILL, while another task goes on with the server.
fn kill_process(process: u32) {
    let done = std::process::Command::new("kill").args(["-9", &process.to_string()]).status();
    assert!(done.expect("`kill` starts").success());
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_of_three_kinds_few_small_and_ones_own() {
    let mut app = App::start();
    {
        let desk = app.free().await;
        let (ada, bob) = (desk.owner().await, desk.member("bob@example.com", "member").await);
        let id = apply_for_review(&desk).await;
        let added = add_file(&app, &ada, &desk, &id, "application/pdf", PDF).await.expect(201);
        assert_eq!((&added["name"], &added["bytes"]), (&json!("papers.pdf"), &json!(PDF.len())));
        assert_eq!(
            add_file(&app, &ada, &desk, &id, "application/pdf", PDF).await.expect(201),
            added,
            "it is there already"
        );

        // The bytes of a file determine its type, and other types are refused.
        let png: &[u8] = b"\x89PNG\r\n\x1a\n...";
        for (kind, bytes) in [
            ("text/html", &b"<script>"[..]),
            ("application/pdf", b"<script>"),
            ("application/pdf", png),
            ("image/jpeg", png),
            ("image/svg+xml", b"<svg/>"),
            ("application/json", b"{}"),
            ("application/pdf", b""),
        ] {
            add_file(&app, &ada, &desk, &id, kind, bytes).await.problem(422, "INVALID_REQUEST");
        }
        let sized = |bytes: usize| [PDF, &vec![b' '; bytes - PDF.len()]].concat();
        add_file(&app, &ada, &desk, &id, "application/pdf", &sized(5_000_001)).await.problem(422, "INVALID_REQUEST");
        add_file(&app, &ada, &desk, &id, "application/pdf", &sized(5_000_000)).await.expect(201);
        for name in ["", "a%0d%0ab", &"n".repeat(201)] {
            let path = format!("/v1/reviews/{id}/files?name={name}");
            let call = ada.at(&desk.id).call(&app, Method::POST, &path).bytes("image/png", png.to_vec());
            call.send().await.problem(422, "INVALID_REQUEST");
        }
        let jpeg = |n: u8| [b"\xff\xd8\xff".as_slice(), &[n]].concat();
        let more = (0..12).map(|n| filed_owned(&app, &ada, &desk, &id, jpeg(n)));
        let more = futures_util::future::join_all(more).await;
        assert_eq!(more.iter().filter(|answer| answer.status == 201).count(), 8, "ten, however many come at once");
        for refused in more.iter().filter(|answer| answer.status != 201) {
            assert_eq!(refused.problem(422, "LIMIT_EXCEEDED")["limit"], 10);
        }
        let shown = ada.at(&desk.id).get(&app, &format!("/v1/reviews/{id}")).await.expect(200);
        assert_eq!(each(&shown["files"], "id").len(), 10);

        // Readers of the file: the operator and the admins, who may save it.
        let path = format!("/v1/review_files/{}", text(&added["id"]));
        for answer in [app.get(&path).await, ada.at(&desk.id).get(&app, &path).await] {
            assert_eq!((answer.status, &*answer.bytes), (200, PDF));
            assert_eq!(answer.header("content-disposition"), Some("attachment; filename*=UTF-8''papers.pdf"));
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
            assert_eq!(answer.header("content-type"), Some("application/pdf"));
        }
        bob.at(&desk.id).get(&app, &path).await.problem(403, "CAPABILITY_REQUIRED");
        add_file(&app, &bob, &desk, &id, "application/pdf", PDF).await.problem(403, "CAPABILITY_REQUIRED");
        app.bare(Method::GET, &path).send().await.problem(401, "UNAUTHENTICATED");
        for wrong in ["0", "11", "01", "x"] {
            let path = path.rsplit_once('_').expect("it has a number").0.to_owned();
            app.get(&format!("{path}_{wrong}")).await.problem(404, "NOT_FOUND");
        }
        let other = app.free().await;
        let eve = other.owner().await;
        let foreign = eve.at(&other.id).get(&app, &path).await.problem(404, "NOT_FOUND");
        let nothing = path.replace(&desk.id[3..], &other.id[3..]);
        assert_eq!(eve.at(&other.id).get(&app, &nothing).await.problem(404, "NOT_FOUND")["detail"], foreign["detail"]);
        add_file(&app, &eve, &other, &id, "application/pdf", b"%PDF- mine").await.problem(404, "NOT_FOUND");

        // A decided application takes no more files; the next one does.
        decide(&desk, &id, "reject", "not yet").await;
        add_file(&app, &ada, &desk, &id, "image/png", png).await.problem(422, "INVALID_REQUEST");
        let next = apply_for_review(&desk).await;
        add_file(&app, &ada, &desk, &id, "image/png", png).await.problem(422, "INVALID_REQUEST");
        add_file(&app, &ada, &desk, &next, "image/png", png).await.expect(201);

        // A form consists of texts, and not too many of them.
        let fields = |count: usize, size: usize| {
            let field = |n: usize| (format!("field {n}"), json!("x".repeat(size)));
            json!({ "review": REVIEW, "form": (0..count).map(field).collect::<serde_json::Map<_, _>>() })
        };
        for wrong in [fields(51, 1), fields(1, 2_001), json!({ "review": REVIEW, "form": { "a": 1 } }), json!({})] {
            other.post("/v1/reviews", wrong).await.problem(422, "INVALID_REQUEST");
        }
        other.post("/v1/reviews", json!({ "review": "horoscope" })).await.problem(422, "INVALID_REQUEST");
        other.post("/v1/reviews", fields(50, 2_000)).await.expect(201);
    }
    app.kill();
    app.restart();
    app.verify();
}

async fn filed_owned(
    app: &App,
    human: &Human,
    desk: &Desk<'_>,
    id: &str,
    bytes: Vec<u8>,
) -> scrip_testing::app::Answer {
    add_file(app, human, desk, id, "image/jpeg", &bytes).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_operator_approves_unasked_can_be_taken_back() {
    let sink = Sink::start();
    let mut app = mailing(&sink);
    {
        let approve = json!([{ "review": REVIEW, "reason": "known for long" }]);
        let desk = app.workspace(json!({ "plan": "business", "interval": "month", "approve": approve })).await;
        let listed = desk.get("/v1/reviews").await.expect(200)["data"].clone();
        assert_eq!(each(&listed, "status"), ["approved"]);
        assert_eq!(each(&listed, "applied_by"), [&Value::Null]);
        desk.post("/v1/reviews", application()).await.problem(422, "INVALID_REQUEST");
        decide(&desk, &text(&listed[0]["id"]), "revoke", "known no more").await;
        run(&desk).await.problem(403, "REVIEW_REQUIRED");
        // There had been no application, so the approval was not mailed; its withdrawal is.
        assert!(sink.next().header("Subject").starts_with("Taken back"));
        let second = apply_for_review(&desk).await;
        decide(&desk, &second, "approve", "papers seen").await;
        run(&desk).await.expect(202);
        assert!(sink.next().header("Subject").starts_with("Approved"));
    }
    app.verify();
}
