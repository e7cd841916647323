//! Comparing: requests, callers and invitations that are the same, and those that only look like it.

use reqwest::Method;
use scrip_testing::app::{App, Call, root, temporary, text};
use scrip_testing::people::Asker;
use scrip_testing::smtp::Sink;
use serde_json::{Value, json};

/// Name of the cookie of a session.
const COOKIE: &str = "__Host-scrip_session";

/// Returns JSON of the same value as another client writes it: other spaces, another order, other escapes.
fn respell(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members =
                members.iter().rev().map(|(name, inner)| format!("\n\t{} : {}", respell(&json!(name)), respell(inner)));
            format!("{{{}\n}}", members.collect::<Vec<_>>().join(" , "))
        }
        Value::Array(items) => format!("[ {} ]", items.iter().map(respell).collect::<Vec<_>>().join(" , ")),
        Value::String(text) => {
            let letters = text.encode_utf16().map(|unit| format!("\\u{unit:04X}"));
            format!("\"{}\"", letters.collect::<String>())
        }
        other => other.to_string(),
    }
}

#[tokio::test]
async fn a_retry_is_the_same_request_however_its_json_is_written() {
    let mut app = App::serving("two-buckets");
    {
        let desk = app.workspace(json!({ "plan": "pro", "interval": "month" })).await;
        let workspace = format!("/v1/workspaces/{}", desk.id);
        let hold = async || {
            let hold = desk.post("/v1/holds", json!({ "credits": 5, "reference": "r" })).await.expect(201);
            format!("/v1/holds/{}", text(&hold["id"]))
        };
        let grant = text(&desk.give(7).await["id"]);
        let decision = json!({ "key": "k", "workspace": desk.id, "open": { "credits": 2, "reference": "r" } });
        let owner = json!({ "email": "retry@example.com" });
        // Requests, and for each a member with a value that makes another request.
        let asked: Vec<(Method, String, Value, &str, Value)> = vec![
            (
                Method::POST,
                "/v1/workspaces".to_owned(),
                json!({ "name": "n", "owner": owner, "external_id": "e" }),
                "/name",
                json!("m"),
            ),
            (
                Method::POST,
                format!("{workspace}/grants"),
                json!({ "amount": 1, "reason": "x", "source": "s" }),
                "/amount",
                json!(2),
            ),
            (Method::POST, format!("/v1/grants/{grant}/void"), json!({ "reason": "wrong" }), "/reason", json!("other")),
            (
                Method::POST,
                "/v1/holds".to_owned(),
                json!({ "credits": 3, "reference": "r", "seconds": 60 }),
                "/credits",
                json!(4),
            ),
            (Method::POST, format!("{}/capture", hold().await), json!({ "credits": 2 }), "/credits", json!(1)),
            (Method::POST, format!("{}/extend", hold().await), json!({ "seconds": 7200 }), "/seconds", json!(7300)),
            (
                Method::POST,
                "/v1/runs".to_owned(),
                json!({ "model": "image", "params": { "prompt": "ä", "images": 1 }, "metadata": { "b": "1", "a": "2" } }),
                "/params/prompt",
                json!("ö"),
            ),
            (
                Method::POST,
                "/v1/keys".to_owned(),
                json!({ "name": "n", "capabilities": ["model:run"], "models": ["image"] }),
                "/name",
                json!("m"),
            ),
            (
                Method::POST,
                "/v1/members".to_owned(),
                json!({ "email": "bob@example.com", "role": "admin" }),
                "/role",
                json!("member"),
            ),
            (
                Method::POST,
                "/v1/invitations".to_owned(),
                json!({ "email": "eve@example.com", "role": "member" }),
                "/email",
                json!("zoe@example.com"),
            ),
            (
                Method::POST,
                "/v1/holds/batch".to_owned(),
                json!({ "decisions": [decision] }),
                "/decisions/0/open/credits",
                json!(1),
            ),
            // This case is last: the workspace is frozen from then on.
            (
                Method::POST,
                format!("{workspace}/freeze"),
                json!({ "frozen": true, "reason": "r" }),
                "/reason",
                json!("s"),
            ),
        ];
        for (n, (method, path, body, differs, other)) in asked.into_iter().enumerate() {
            let key = format!("retry-{n}");
            let ask = |bytes: String| {
                let call = app.call(method.clone(), &path).key(&key);
                let call =
                    if path == "/v1/workspaces" || path.contains("batch") { call } else { call.workspace(&desk.id) };
                call.bytes("application/json", bytes.into_bytes()).send()
            };
            let first = ask(body.to_string()).await;
            assert!(first.status < 300, "{path}: {}", String::from_utf8_lossy(&first.bytes));
            let again = ask(respell(&body)).await;
            assert_eq!(again.status, first.status, "{path}: {}", String::from_utf8_lossy(&again.bytes));
            let mut changed = body.clone();
            *changed.pointer_mut(differs).expect("it is there") = other;
            let reused = ask(changed.to_string()).await;
            if path.contains("batch") {
                let result = |answer: &Value| answer["answers"][0].clone();
                assert_eq!(result(&again.json())["replayed"], true, "{}", again.json());
                assert_eq!(result(&reused.json())["problem"]["code"], "IDEMPOTENCY_KEY_REUSED", "{}", reused.json());
            } else {
                assert_eq!(again.header("idempotent-replayed"), Some("true"), "{path}");
                reused.problem(422, "IDEMPOTENCY_KEY_REUSED");
            }
        }
    }
    app.verify();
}

#[tokio::test]
async fn other_cookies_of_the_host_sign_nobody_out() {
    let app = App::start();
    let ada = app.human("ada@example.com").await;
    let ours = format!("{COOKIE}={}", ada.token);
    let ask = async |lines: &[&[u8]]| {
        let mut call = app.bare(Method::GET, "/v1/session");
        for line in lines {
            call = call.raw_header("Cookie", line);
        }
        call.send().await.status
    };
    let with = |before: &[u8], after: &[u8]| [before, ours.as_bytes(), after].concat();
    for line in [
        with(b"", b""),
        with(b"a=b; ", b""),
        with(b"", b"; a=b"),
        with("city=Köln; ".as_bytes(), b""),
        with(b"", "; city=Köln".as_bytes()),
        with(b"latin=K\xf6ln; ", b"; more=\xff\xfe"),
        with(b"emoji=\xf0\x9f\x8e\xa8;", b";"),
        with(b"; ; =; =x; flag; ", b" ; ==="),
        with(b"quoted=\"a; b\"; ", b""),
        with(b"json={\"a\":1}; ", b"; b=%00%0a"),
        with(b"tab=\t;\t", b"\t"),
        with(b"__Host-scrip_session2=x; X__Host-scrip_session=x; __host-scrip_session=x; ", b""),
        with("__Host-scrip_sessi\u{f6}n=x; ".as_bytes(), b""),
        with(&[b"long=", &[b'x'; 4000][..], b"; "].concat(), b""),
    ] {
        assert_eq!(ask(&[&line]).await, 200, "{}", String::from_utf8_lossy(&line));
    }
    assert_eq!(ask(&["city=Köln".as_bytes(), ours.as_bytes(), b"latin=\xf6"]).await, 200, "in lines of their own");
    // Two sessions in one request count as none, and so does an invalid one.
    for line in [
        with(format!("{COOKIE}=; ").as_bytes(), b""),
        with(format!("{COOKIE}=\u{f6}; ").as_bytes(), b""),
        with(b"", format!("; {COOKIE}=ps_0").as_bytes()),
        with(b"", b"\xff"),
        with(b"x", b""),
        b"city=K\xf6ln".to_vec(),
    ] {
        assert_eq!(ask(&[&line]).await, 401, "{}", String::from_utf8_lossy(&line));
    }
}

#[tokio::test]
async fn a_request_is_of_one_caller_or_of_nobody() {
    let app = App::start();
    let desk = app.workspace(json!({ "plan": "pro", "interval": "month" })).await;
    let ada = desk.owner().await;
    let (_, key) = desk.key(&["workflow:run", "workflow:read"]).await;
    let cookie = format!("{COOKIE}={}", ada.token);
    for bearer in [&app.key, &key, &ada.token, &"nonsense".to_owned()] {
        for line in [cookie.as_str(), &format!("{COOKIE}=nonsense"), &format!("a=b; {COOKIE}=")] {
            for (method, path) in
                [(Method::GET, "/v1/balance"), (Method::POST, "/v1/runs"), (Method::GET, "/v1/session")]
            {
                let call =
                    app.bare(method, path).workspace(&desk.id).header("Authorization", &format!("Bearer {bearer}"));
                call.header("Cookie", line).json(&json!({})).send().await.problem(401, "UNAUTHENTICATED");
            }
        }
    }
    // Cookies of other sites beside a key are ignored.
    let call = app.bare(Method::GET, "/v1/balance").header("Authorization", &format!("Bearer {key}"));
    call.header("Cookie", "a=b; __host-scrip_session=x").send().await.expect(200);
}

#[tokio::test]
async fn a_session_of_one_workspace_ends_its_own_kind_alone() {
    let app = App::start();
    let (desk, other) = (app.free().await, app.free().await);
    let email = text(&desk.show().await["owner_email"]);
    let everywhere = app.human(&email).await;
    let bound = app.human_of(json!({ "email": email, "workspace": desk.id })).await;
    let second = app.human_of(json!({ "email": email, "workspace": desk.id })).await;
    let elsewhere = app.human_of(json!({ "email": email, "workspace": other.id })).await;
    let status = async |token: &str| Asker::with(token).get(&app, "/v1/session").await.status;
    let ended = Asker::with(&bound.token).delete(&app, "/v1/sessions").await.expect(200);
    assert_eq!(ended, json!({ "sessions": 2 }));
    let left = [&bound, &second, &elsewhere, &everywhere].map(|human| human.token.clone());
    let mut standing = Vec::new();
    for token in &left {
        standing.push(status(token).await);
    }
    assert_eq!(standing, [401, 401, 200, 200]);
    let ended = Asker::with(&everywhere.token).delete(&app, "/v1/sessions").await.expect(200);
    assert_eq!(ended, json!({ "sessions": 2 }));
}

/// Goal: a link opens the invitation it was sent for, once, and no later one.
#[tokio::test]
async fn a_link_of_an_invitation_that_is_over_never_opens_another() {
    let sink = Sink::start();
    let told = [("SCRIP_SMTP_URL", sink.url()), ("SCRIP_MAIL_FROM", "Credits <no-reply@example.com>".to_owned())];
    let told = told.map(|(name, value)| (name.to_owned(), value)).to_vec();
    let mut app = App::with(&root().join("catalogs/two-buckets.toml"), temporary(), told);
    {
        let clock = app.clock("2026-01-10T00:00:00Z").await;
        let desk = app.workspace(json!({ "plan": "pro", "interval": "month", "test_clock": clock.id })).await;
        let bob = app.human("bob@example.com").await;
        let invite = async || {
            let made = desk.post("/v1/invitations", json!({ "email": "bob@example.com" })).await.expect(201);
            let link = sink.next().link();
            let token = link.rsplit_once("/invitations/").expect("a link to an invitation").1.to_owned();
            assert!(token.starts_with(&format!("{}.", text(&made["id"]))), "{token}");
            (text(&made["id"]), token)
        };
        let accept = async |token: &str| {
            Asker::with(&bob.token).post(&app, "/v1/invitations/accept", json!({ "token": token })).await
        };
        let mut dead = Vec::new();
        // Used up, and removed again.
        let (_, used) = invite().await;
        accept(&used).await.expect(200);
        dead.push(used);
        desk.call(Method::DELETE, &format!("/v1/members/{}", bob.id)).send().await.expect(200);
        // Taken back.
        let (id, withdrawn) = invite().await;
        desk.call(Method::DELETE, &format!("/v1/invitations/{id}")).send().await.expect(200);
        dead.push(withdrawn);
        // Replaced by a newer one.
        dead.push(invite().await.1);
        // Run out.
        dead.push(invite().await.1);
        clock.advance("2026-01-18T00:00:00Z").await;
        for token in &dead {
            accept(token).await.problem(404, "NOT_FOUND");
        }
        // None of them opens the next invitation; nor is the next one's signature good under another's name.
        let (id, good) = invite().await;
        let (_, signature) = good.split_once('.').expect("a name and a signature");
        for token in dead.iter().cloned().chain([format!("{}.{signature}", desk.id), format!("{}0.{signature}", id)]) {
            accept(&token).await.problem(404, "NOT_FOUND");
        }
        for old in &dead {
            let (name, _) = old.split_once('.').expect("a name and a signature");
            accept(&format!("{name}.{signature}")).await.problem(404, "NOT_FOUND");
        }
        accept(&good).await.expect(200);
        accept(&good).await.problem(404, "NOT_FOUND");
        // A member whom the operator adds needs no invitation: an open one is void from then on.
        desk.call(Method::DELETE, &format!("/v1/members/{}", bob.id)).send().await.expect(200);
        let (_, open) = invite().await;
        desk.post("/v1/members", json!({ "email": "bob@example.com" })).await.expect(201);
        desk.call(Method::DELETE, &format!("/v1/members/{}", bob.id)).send().await.expect(200);
        accept(&open).await.problem(404, "NOT_FOUND");
    }
    app.verify();
}

/// Goal: the answers of every GET that a key may call, to a key that is for one model, or does not read.
#[tokio::test]
async fn a_key_that_does_not_read_sees_its_own_runs_and_nothing_of_people() {
    let mut app = App::start();
    {
        let desk = app
            .workspace(json!({ "plan": "business", "interval": "month",
                "approve": [{ "review": "business_verification", "reason": "known" }] }))
            .await;
        desk.post("/v1/members", json!({ "email": "private.person@example.com" })).await.expect(201);
        let joined = desk.post("/v1/members", json!({ "email": "other.person@example.com" })).await;
        let about_people = joined.header("scrip-entry").expect("an entry").to_owned();
        let key = async |new: Value| {
            let made = desk.post("/v1/keys", new).await.expect(201);
            Asker::with(&text(&made["secret"]))
        };
        let one = json!({ "name": "Game", "capabilities": ["model:image-standard:run"], "models": ["image-standard"],
                          "spend_cap": { "credits": 100 } });
        let keys = [
            ("for one model", key(one).await),
            ("for all models", key(json!({ "name": "Runs", "capabilities": ["model:run"] })).await),
            ("that reads, for one model", {
                key(json!({ "name": "Reads", "capabilities": ["workflow:read", "model:run"], "models": ["image-standard"] })).await
            }),
        ];
        let reader = key(json!({ "name": "All", "capabilities": ["workflow:read", "model:run"] })).await;
        let run = |secret: &str| json!({ "model": "image-standard", "params": { "prompt": secret, "images": 1 } });
        let theirs = desk.run_to_end(run("SECRET PROMPT")).await;
        let theirs_id = text(&theirs["id"]);
        let link = text(&theirs["outputs"][0]["url"]);
        let secrets = ["SECRET PROMPT", "private.person", "other.person", theirs_id.as_str()];
        let sees = |answer: &scrip_testing::app::Answer, what: &str| {
            let body = String::from_utf8_lossy(&answer.bytes).into_owned();
            for secret in secrets.iter().filter(|secret| !what.contains(*secret)) {
                assert!(!body.contains(secret), "{what}: {secret}: {body}");
            }
        };
        let owner = text(&desk.show().await["owner_email"]);
        for (name, key) in &keys {
            let begun = key.once(&app, "/v1/runs", run("MINE")).await;
            let own_entry = begun.header("scrip-entry").expect("an entry").to_owned();
            let own = text(&begun.expect(202)["id"]);
            let done = key.get(&app, &format!("/v1/runs/{own}?wait=30")).await.expect(200);
            assert_eq!((&done["status"], &done["params"]["prompt"]), (&json!("succeeded"), &json!("MINE")), "{name}");
            let asset = text(&done["outputs"][0]["url"]);
            assert_eq!(app.bare(Method::GET, &asset).send().await.status, 200, "{name}");
            // Each address that a key may call, with the expected status.
            for (path, status) in [
                ("/v1/catalog".to_owned(), 200),
                ("/v1/balance".to_owned(), 200),
                ("/v1/entitlements".to_owned(), 200),
                ("/v1/entries?limit=100".to_owned(), 200),
                ("/v1/usage".to_owned(), 200),
                ("/v1/runs?limit=100".to_owned(), 200),
                ("/v1/runs?limit=1".to_owned(), 200),
                ("/v1/runs?status=succeeded".to_owned(), 200),
                (format!("/v1/workspaces/{}", desk.id), 200),
                (format!("/v1/entries/{own_entry}/explain"), 200),
                (format!("/v1/entries/{about_people}/explain"), 404),
                (format!("/v1/runs/{own}/events"), 200),
                (format!("/v1/runs/{theirs_id}"), 404),
                (format!("/v1/runs/{theirs_id}?wait=1"), 404),
                (format!("/v1/runs/{theirs_id}/events"), 404),
                ("/v1/members".to_owned(), 403),
                ("/v1/invitations".to_owned(), 403),
                ("/v1/keys".to_owned(), 403),
                ("/v1/audit".to_owned(), 403),
                ("/v1/reviews".to_owned(), 403),
                ("/v1/billing".to_owned(), 403),
                ("/v1/workspaces".to_owned(), 403),
            ] {
                let answer = key.get(&app, &path).await;
                assert_eq!(answer.status, status, "{name} {path}: {}", String::from_utf8_lossy(&answer.bytes));
                sees(&answer, &path);
                assert!(!String::from_utf8_lossy(&answer.bytes).contains(&owner), "{name} {path}");
            }
            key.post(&app, &format!("/v1/runs/{theirs_id}/cancel"), json!({})).await.problem(404, "NOT_FOUND");
            let listed = key.get(&app, "/v1/runs").await.expect(200);
            assert_eq!(
                (listed["data"].as_array().map(Vec::len), &listed["data"][0]["id"]),
                (Some(1), &json!(own)),
                "{name}"
            );
            let usage = key.get(&app, "/v1/usage?by=model").await.expect(200);
            assert_eq!(
                usage["rows"],
                json!([{ "model": "image-standard", "unit": "credits", "runs": 1, "failed": 0, "captured": 10, "day": null }]),
                "{name}"
            );
        }
        // A key that reads sees every run, and nothing of people either.
        for path in [format!("/v1/runs/{theirs_id}"), "/v1/runs".to_owned(), "/v1/usage".to_owned()] {
            reader.get(&app, &path).await.expect(200);
        }
        assert_eq!(reader.get(&app, "/v1/runs").await.expect(200)["data"].as_array().map(Vec::len), Some(4));
        let entries = reader.get(&app, "/v1/entries?limit=100").await;
        assert!(!String::from_utf8_lossy(&entries.bytes).contains("person@"), "{entries:?}");
        reader.get(&app, &format!("/v1/entries/{about_people}/explain")).await.problem(404, "NOT_FOUND");
        // People see everything in their workspace.
        let ada = desk.owner().await.at(&desk.id);
        let told = ada.get(&app, &format!("/v1/entries/{about_people}/explain")).await.expect(200);
        assert!(text(&told["summary"]).contains("other.person@example.com"), "{told}");
        assert_eq!(app.bare(Method::GET, &link).send().await.status, 200);
    }
    app.verify();
}

#[tokio::test]
async fn every_answer_keeps_browsers_from_guessing() {
    let app = App::start();
    let bare = |method: Method, path: &str| -> Call<'_> { app.bare(method, path) };
    for call in [
        bare(Method::GET, "/v1/catalog"),
        bare(Method::GET, "/v1/nothing"),
        bare(Method::GET, "/healthz"),
        bare(Method::GET, "/readyz"),
        bare(Method::GET, "/openapi.json"),
        bare(Method::DELETE, "/v1/catalog"),
        bare(Method::GET, "/v1/balance"),
        bare(Method::POST, "/v1/sign_in"),
        bare(Method::POST, "/v1/sessions").bytes("application/json", vec![b'x'; (2 << 20) + 1]),
        app.call(Method::GET, "/v1/workspaces"),
    ] {
        let answer = call.send().await;
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{answer:?}");
        assert!(answer.status < 400 || answer.header("content-type") == Some("application/problem+json"), "{answer:?}");
    }
}
