//! Operator keys: made for some scopes, listed, used up, expired, revoked, replaced.

use crate::matrix::checksummed_key;
use crate::openapi::committed_document;
use reqwest::Method;
use scrip_testing::app::{Answer, App, Call, PATIENCE, each, number, text};
use scrip_testing::journal::Journal;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

/// Requests that a key of one scope may make, beside reads, which are in the scope `read`.
const MAY: [(&str, &[&str]); 5] = [
    (
        "holds",
        &[
            "post /v1/quotes",
            "post /v1/runs",
            "get /v1/runs",
            "get /v1/runs/{id}",
            "post /v1/runs/{id}/cancel",
            "get /v1/runs/{id}/events",
            "post /v1/holds",
            "post /v1/holds/batch",
            "get /v1/holds/{id}",
            "post /v1/holds/{id}/capture",
            "post /v1/holds/{id}/release",
            "post /v1/holds/{id}/extend",
        ],
    ),
    ("grants", &["post /v1/workspaces/{id}/grants"]),
    ("links", &["post /v1/portal_links", "post /v1/checkout", "post /v1/billing_portal"]),
    (
        "workspaces",
        &["post /v1/workspaces", "get /v1/workspaces", "get /v1/workspaces/{id}", "patch /v1/workspaces/{id}"],
    ),
    (
        "catalog",
        &[
            "post /v1/catalogs",
            "get /v1/catalogs",
            "post /v1/catalogs/check",
            "post /v1/catalogs/{version}/migrate",
            "get /v1/catalog",
        ],
    ),
];

/// Creates a key with a name and some scopes.
async fn make(app: &App, name: &str, scopes: &[&str], more: Value) -> Value {
    let mut body = json!({ "name": name, "scopes": scopes });
    for (member, value) in more.as_object().expect("an object") {
        body[member] = value.clone();
    }
    app.call(Method::POST, "/v1/operator_keys").json(&body).send().await.expect(201)
}

fn by<'a>(app: &'a App, key: &Value, method: Method, path: &str) -> Call<'a> {
    by_secret(app, &text(&key["secret"]), method, path)
}

fn by_secret<'a>(app: &'a App, secret: &str, method: Method, path: &str) -> Call<'a> {
    app.bare(method, path).header("Authorization", &format!("Bearer {secret}"))
}

/// Returns `true` if a secret is accepted as an operator's.
async fn is_good(app: &App, secret: &str) -> bool {
    let answer = by_secret(app, secret, Method::GET, "/v1/workspaces").send().await;
    assert!([200, 401].contains(&answer.status), "{}", String::from_utf8_lossy(&answer.bytes));
    answer.status == 200
}

/// Returns the keys of a name, as they are listed.
async fn list_keys(app: &App, name: &str) -> Vec<Value> {
    let page = app.get("/v1/operator_keys").await.expect(200);
    let keys = page["data"].as_array().expect("a list").clone();
    assert!(keys.iter().all(|key| key.get("secret").is_none()), "a list tells no secret");
    keys.into_iter().filter(|key| key["name"] == name).collect()
}

/// Every operation of the API's document, by a key of each scope: operations outside the table are refused and no
/// others.
#[tokio::test]
async fn each_scope_is_for_its_requests_and_for_no_others() {
    let mut app = App::start();
    {
        let mut keys = vec![("read", make(&app, "read", &["read"], json!({})).await)];
        for (scope, _) in MAY {
            keys.push((scope, make(&app, scope, &[scope], json!({})).await));
        }
        keys.push(("all", make(&app, "all", &["all"], json!({})).await));
        let document = committed_document();
        let mut seen = BTreeSet::new();
        for (path, operations) in document["paths"].as_object().expect("paths") {
            for (method, operation) in operations.as_object().expect("operations") {
                // An operation that is open to all needs no scope.
                let is_public =
                    operation["security"].as_array().is_some_and(|all| all.iter().any(|one| *one == json!({})));
                let is_for_people =
                    path.starts_with("/v1/session") || path.starts_with("/v1/oidc") || path == "/v1/invitations/accept";
                if is_public || is_for_people {
                    continue;
                }
                let name = format!("{method} {path}");
                let filled =
                    path.replace("{id}", "x").replace("{version}", "0").replace("{n}", "1").replace("{file}", "1");
                for (scope, key) in &keys {
                    let asked = by(&app, key, method.to_uppercase().parse().expect("a method"), &filled);
                    let asked = if method == "get" { asked } else { asked.once().json(&json!({})) };
                    let answer = asked.send().await;
                    let table = MAY.iter().find(|(of, _)| of == scope).map_or(&[][..], |(_, list)| *list);
                    let may = *scope == "all" || *scope == "read" && method == "get" || table.contains(&name.as_str());
                    let is_refused = answer.status == 403 && answer.json()["code"] == "CAPABILITY_REQUIRED";
                    assert_eq!(!is_refused, may, "{scope}: {name}: {}", String::from_utf8_lossy(&answer.bytes));
                    if is_refused {
                        assert_eq!(answer.json()["ceiling"], json!([format!("operator:{scope}")]), "{name}");
                    }
                }
                seen.insert(name);
            }
        }
        let open_to_all = BTreeSet::from(["get /v1/catalog"]);
        let stale: Vec<&str> = MAY.iter().flat_map(|(_, list)| list.iter().copied()).collect();
        let stale: Vec<&str> =
            stale.into_iter().filter(|name| !seen.contains(*name) && !open_to_all.contains(name)).collect();
        assert_eq!(stale, Vec::<&str>::new(), "these are no requests");
    }
    app.verify();
}

/// A plan that is not paid for is as good as credits, so a key that opens workspaces opens them on the free plan.
#[tokio::test]
async fn a_key_that_opens_workspaces_gives_no_plans_away() {
    let mut app = App::start();
    {
        let key = make(&app, "signup", &["workspaces"], json!({})).await;
        let open = |more: Value| {
            let mut body = json!({ "name": "New", "owner": { "email": "new@example.com" } });
            for (name, value) in more.as_object().expect("an object") {
                body[name] = value.clone();
            }
            by(&app, &key, Method::POST, "/v1/workspaces").once().json(&body).send()
        };
        open(json!({})).await.expect(201);
        let refused = open(json!({ "plan": "pro", "interval": "month" })).await.problem(403, "CAPABILITY_REQUIRED");
        assert_eq!(refused["capability"], "operator:all");
    }
    app.verify();
}

/// Twenty requests at once, by one key with a daily maximum: the credits given never exceed it, and a refusal gives
/// nothing.
#[tokio::test]
async fn a_key_gives_no_more_in_a_day_than_it_may() {
    let mut app = App::start();
    {
        let desk = app.free().await;
        let before = desk.credits().await.0;
        let path = format!("/v1/workspaces/{}/grants", desk.id);
        let key = make(&app, "support", &["grants", "read"], json!({ "grants_per_day": 100 })).await;
        assert_eq!(key["grants_per_day"], 100);
        let give = |n: usize, amount: i64| {
            let body = json!({ "amount": amount, "reason": "sorry" });
            by(&app, &key, Method::POST, &path).key(&format!("sorry-{n}")).json(&body).send()
        };
        // A pack counts with the credits that it gives, and a refused grant counts for nothing.
        let pack = by(&app, &key, Method::POST, &path)
            .once()
            .json(&json!({ "pack": "credits-1000", "reason": "paid elsewhere" }));
        pack.send().await.problem(429, "RATE_LIMITED");
        give(100, 101).await.problem(429, "RATE_LIMITED");
        let unknown = by(&app, &key, Method::POST, "/v1/workspaces/ws_0000000000001/grants").once();
        unknown.json(&json!({ "amount": 50, "reason": "sorry" })).send().await.problem(404, "NOT_FOUND");
        give(0, 10).await.expect(201);
        give(0, 10).await.expect(201);
        let answers: Vec<Answer> = futures_util::future::join_all((1..20).map(|n| give(n, 10))).await;
        let (given, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 201);
        assert_eq!((given.len(), refused.len()), (9, 10), "ten of ten with the first, which counted once");
        for answer in refused {
            let problem = answer.problem(429, "RATE_LIMITED");
            assert_eq!(problem["limit"], 100);
            assert!((1..=86_401).contains(&number(&problem["retry_after"])), "until the day ends: {problem}");
        }
        assert_eq!(desk.credits().await.0, before + 100);
        // Another key has a daily maximum of its own.
        let other = make(&app, "support two", &["grants"], json!({})).await;
        let body = json!({ "amount": 1000, "reason": "sorry" });
        by(&app, &other, Method::POST, &path).once().json(&body).send().await.expect(201);
    }
    app.verify();
}

/// A key that is revoked through one server is good on no other once the answer is there; and its last use is recorded.
#[tokio::test]
async fn a_revoked_key_is_good_nowhere_at_once() {
    let mut app = App::start();
    {
        let second = matches!(app.journal(), Journal::Postgres(_)).then(|| app.beside(Vec::new()));
        let servers: Vec<&App> = std::iter::once(&app).chain(second.as_ref()).collect();
        for round in 0..3 {
            let name = format!("robot {round}");
            let key = make(&app, &name, &["read"], json!({})).await;
            let secret = text(&key["secret"]);
            assert!(secret.starts_with("scrip_sk_test_") && text(&key["id"]).starts_with("opk_"), "{key}");
            let begun = Instant::now();
            for server in &servers {
                while !is_good(server, &secret).await {
                    assert!(begun.elapsed() < PATIENCE, "a new key is soon good everywhere");
                    // Unknown keys are counted by the address of their sender.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
            let is_used = async || list_keys(&app, &name).await[0]["last_used_at"].is_string();
            while !is_used().await {
                assert!(begun.elapsed() < PATIENCE, "its use is never written down");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            let path = format!("/v1/operator_keys/{}", text(&key["id"]));
            assert_eq!(app.call(Method::DELETE, &path).send().await.expect(200)["id"], key["id"]);
            for server in &servers {
                assert!(!is_good(server, &secret).await, "the answer to its revocation is there");
            }
            app.call(Method::DELETE, &path).send().await.expect(200);
            assert!(list_keys(&app, &name).await[0]["revoked_at"].is_string());
            // The name of a revoked key is free again.
            let again = make(&app, &name, &["read"], json!({})).await;
            let path = format!("/v1/operator_keys/{}", text(&again["id"]));
            app.call(Method::DELETE, &path).send().await.expect(200);
        }
        let audit = app.get("/v1/audit?limit=100").await.expect(200);
        let acts: Vec<&Value> = each(&audit["data"], "act");
        let count = |act: &str| acts.iter().filter(|known| ***known == act).count();
        // The key of the first start was made as well.
        assert_eq!((count("make_operator_key"), count("revoke_operator_key")), (7, 6));
        app.call(Method::DELETE, "/v1/operator_keys/opk_0000000000000000").send().await.problem(404, "NOT_FOUND");
        drop(second);
    }
    app.verify();
}

#[allow(clippy::disallowed_methods, reason = "a key ends by the machine's time")]
#[tokio::test]
async fn a_key_ends_at_the_instant_that_was_said() {
    let mut app = App::start();
    {
        let ends = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(2);
        let key = make(&app, "short", &["read"], json!({ "expires_at": ends.to_string() })).await;
        let secret = text(&key["secret"]);
        assert!(is_good(&app, &secret).await);
        let begun = Instant::now();
        while is_good(&app, &secret).await {
            assert!(begun.elapsed() < PATIENCE, "it never ends");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(jiff::Timestamp::now() >= ends, "not before");
        // Only a good key keeps its name.
        make(&app, "short", &["read"], json!({})).await;
    }
    app.verify();
}

#[tokio::test]
async fn what_makes_no_key_is_told_what_is_wrong() {
    let mut app = App::start();
    {
        make(&app, "taken", &["read"], json!({})).await;
        let cases = [
            (json!({ "scopes": ["read"] }), "/name"),
            (json!({ "name": "", "scopes": ["read"] }), "/name"),
            (json!({ "name": "a\u{1b}b", "scopes": ["read"] }), "/name"),
            (json!({ "name": "taken", "scopes": ["all"] }), "/name"),
            (json!({ "name": "new" }), "/scopes"),
            (json!({ "name": "new", "scopes": [] }), "/scopes"),
            (json!({ "name": "new", "scopes": ["everything"] }), "/scopes/0"),
            (json!({ "name": "new", "scopes": ["all", "read"] }), "/scopes"),
            (json!({ "name": "new", "scopes": ["read"], "grants_per_day": 5 }), "/grants_per_day"),
            (json!({ "name": "new", "scopes": ["all"], "grants_per_day": 5 }), "/grants_per_day"),
            (json!({ "name": "new", "scopes": ["grants"], "grants_per_day": 0 }), "/grants_per_day"),
            (json!({ "name": "new", "scopes": ["read"], "expires_at": "2026-01-01T00:00:00Z" }), "/expires_at"),
            (json!({ "name": "new", "scopes": ["read"], "expires_at": "tomorrow" }), "/expires_at"),
        ];
        for (body, pointer) in cases {
            let answer = app.call(Method::POST, "/v1/operator_keys").json(&body).send().await;
            let problem = answer.problem(422, "INVALID_REQUEST");
            assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}: {problem}");
        }
        assert_eq!(list_keys(&app, "new").await, Vec::<Value>::new());
    }
    app.verify();
}

/// The first start's key is good until the operator sets another one; then it is revoked, and without the other one a
/// new one is made. A key with the old prefix is good as well, and the log says that it should be replaced.
#[tokio::test]
async fn a_key_that_is_given_replaces_the_one_that_was_made() {
    let mut app = App::start();
    let made = app.key.clone();
    assert!(made.starts_with("scrip_sk_test_"));
    let old = checksummed_key(&format!("sk_test_{:030}", 7));
    for given in [checksummed_key(&format!("scrip_sk_live_{:030}", 5)), old.clone()] {
        app.set_environment(vec![("SCRIP_OPERATOR_KEY".to_owned(), given.clone())]);
        app.restart();
        assert!(is_good(&app, &given).await && !is_good(&app, &made).await);
        app.key = given.clone();
        let environment = list_keys(&app, "environment").await;
        assert_eq!((environment.len(), &environment[0]["scopes"]), (1, &json!(["all"])));
        let path = format!("/v1/operator_keys/{}", text(&environment[0]["id"]));
        let refused = app.call(Method::DELETE, &path).send().await.problem(422, "INVALID_REQUEST");
        assert!(text(&refused["detail"]).contains("SCRIP_OPERATOR_KEY"), "{refused}");
        assert!(list_keys(&app, "first").await[0]["revoked_at"].is_string());
    }
    assert!(app.log().contains("begins like one of Stripe's"), "{}", app.log());
    app.set_environment(Vec::new());
    app.restart();
    assert!(app.key != old && is_good(&app, &app.key).await, "a new one was made and shown");
    assert!(!is_good(&app, &old).await && !is_good(&app, &made).await);
    // The key that the server made is good as long as it is the only one, over any number of starts.
    let key = app.key.clone();
    app.restart();
    assert!(app.key == key && is_good(&app, &key).await);
    app.verify();
}
