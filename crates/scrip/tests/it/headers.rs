//! Headers, addresses and methods that could change the meaning of a request: its caller, its object and its act.

use crate::matrix::{checksummed_key, well_formed};
use reqwest::Method;
use scrip_testing::app::{App, text};
use scrip_testing::people::Asker;
use serde_json::json;

/// A request with these headers, and the expected status, with a code where it is no success.
struct Case {
    why: &'static str,
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
    told: (u16, &'static str),
}

const FINE: (u16, &str) = (200, "");
const UNKNOWN: (u16, &str) = (401, "UNAUTHENTICATED");
const NONE: (u16, &str) = (404, "NOT_FOUND");

/// Returns the case of reading the balance with some headers.
fn look(why: &'static str, headers: &[(&'static str, String)], told: (u16, &'static str)) -> Case {
    Case { why, method: Method::GET, path: "/v1/balance".to_owned(), headers: headers.to_vec(), told }
}

fn bearer(token: &str) -> (&'static str, String) {
    ("Authorization", format!("Bearer {token}"))
}

fn cookie(token: &str) -> (&'static str, String) {
    ("Cookie", format!("__Host-scrip_session={token}"))
}

async fn check(app: &App, cases: Vec<Case>) {
    let mut failures = Vec::new();
    for case in &cases {
        let mut call = app.bare(case.method.clone(), &case.path);
        for (name, value) in &case.headers {
            call = call.header(name, value);
        }
        let answer = call.send().await;
        let code =
            if answer.status < 400 || answer.bytes.is_empty() { "".into() } else { answer.json()["code"].clone() };
        if answer.status != case.told.0 || code != case.told.1 {
            failures.push(format!("{}: {} {code} and not {:?}", case.why, answer.status, case.told));
        }
    }
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), cases.len(), failures.join("\n"));
}

#[tokio::test]
async fn a_request_is_one_callers_or_nobodys() {
    let app = App::serving("two-buckets");
    let desk = app.workspace(json!({ "plan": "pro", "interval": "month" })).await;
    let (_, key) = desk.key(&["model:run"]).await;
    let (_, second) = desk.key(&["model:run"]).await;
    let session = desk.owner().await.token;
    let link = app.post("/v1/portal_links", json!({ "email": "ada@example.com" })).await.expect(201);
    let link = text(&link["url"]).split_once('#').expect("a token").1.to_owned();
    let here = ("Scrip-Workspace", desk.id.clone());
    let scheme = |how: String, told| look("how the key is written", &[("Authorization", how)], told);
    let mut cases = vec![
        look("the key", &[bearer(&key)], FINE),
        look("the same key twice", &[bearer(&key), bearer(&key)], UNKNOWN),
        look("two keys", &[bearer(&key), bearer(&second)], UNKNOWN),
        look("a key and nonsense", &[bearer(&key), bearer("x")], UNKNOWN),
        look("nonsense and a key", &[bearer("x"), bearer(&key)], UNKNOWN),
        look("the operator and a key", &[bearer(&app.key), bearer(&key), here.clone()], UNKNOWN),
        look("two keys in one line", &[bearer(&format!("{key}, {second}"))], UNKNOWN),
        look("two schemes in one line", &[bearer(&format!("{key}, Bearer {second}"))], UNKNOWN),
        look("a session", &[bearer(&session), here.clone()], FINE),
        look("a session in the cookie", &[cookie(&session), here.clone()], FINE),
        look("a session twice", &[cookie(&session), bearer(&session), here.clone()], UNKNOWN),
        look("two cookies", &[cookie(&session), cookie(&session), here.clone()], UNKNOWN),
        look("a cookie of another name", &[("Cookie", format!("scrip_session={session}")), here.clone()], UNKNOWN),
        look("a key in the cookie", &[cookie(&key), here.clone()], UNKNOWN),
        look("the operator's key in the cookie", &[cookie(&app.key), here.clone()], UNKNOWN),
        look("a link is no session", &[bearer(&link), here.clone()], UNKNOWN),
        look("a key beside a cookie", &[bearer(&key), cookie(&session)], UNKNOWN),
        look("the operator's key beside a cookie", &[bearer(&app.key), cookie(&session)], UNKNOWN),
        look("a bad key beside a cookie", &[bearer(&well_formed()), cookie(&session), here.clone()], UNKNOWN),
        scheme(format!("bearer {key}"), FINE),
        scheme(format!("BEARER {key}"), FINE),
        scheme(format!("Bearer   {key}"), FINE),
        scheme(format!("Bearer\t{key}"), UNKNOWN),
        scheme(key.clone(), UNKNOWN),
        scheme("Bearer".to_owned(), UNKNOWN),
        scheme("Bearer ".to_owned(), UNKNOWN),
        scheme(format!("Basic {key}"), UNKNOWN),
        scheme(format!("Token {key}"), UNKNOWN),
        scheme(format!("Bearer \"{key}\""), UNKNOWN),
        scheme(format!("Bearer {key} x"), UNKNOWN),
        scheme(format!("Bearer {}", key.to_uppercase()), UNKNOWN),
        scheme(format!("Bearer {}", key.replacen("wk_test_", "wk_live_", 1)), UNKNOWN),
        scheme(format!("Bearer {}", key.replacen("wk_test_", "sk_test_", 1)), UNKNOWN),
        scheme(format!("Bearer {}", checksummed_key(&key[..44].replacen("wk_test_", "wk_live_", 1))), UNKNOWN),
        scheme(format!("Bearer {}", checksummed_key(&key[..44].replacen("wk_test_", "sk_test_", 1))), UNKNOWN),
        scheme(format!("Bearer {}", checksummed_key(&key[..44].replacen("wk_test_", "sk_live_", 1))), UNKNOWN),
        scheme(format!("Bearer {}", checksummed_key(&app.key[..44].replacen("sk_test_", "sk_live_", 1))), UNKNOWN),
        scheme(format!("Bearer {}", checksummed_key(&app.key[..44].replacen("sk_test_", "wk_test_", 1))), UNKNOWN),
    ];
    for name in ["X-Api-Key", "Api-Key", "Proxy-Authorization", "X-Authorization", "X-Forwarded-Authorization"] {
        cases.push(look(name, &[(name, format!("Bearer {key}"))], UNKNOWN));
        cases.push(look(name, &[(name, key.clone())], UNKNOWN));
    }
    for query in ["key", "api_key", "access_token", "token", "authorization", "bearer"] {
        let path = format!("/v1/balance?{query}={key}");
        cases.push(Case { path, ..look("a key in the address", &[], UNKNOWN) });
    }
    check(&app, cases).await;
}

#[tokio::test]
async fn a_request_is_about_one_workspace_or_none() {
    let app = App::serving("two-buckets");
    let desk = app.workspace(json!({ "plan": "pro", "interval": "month" })).await;
    let other = app.free().await;
    let (_, key) = desk.key(&["model:run"]).await;
    let ada = desk.owner().await;
    let bound = app.human_of(json!({ "email": ada.email, "workspace": desk.id })).await;
    let at = |id: &str| ("Scrip-Workspace", id.to_owned());
    let (here, there) = (at(&desk.id), at(&other.id));
    let mut cases = vec![
        look("a key, its own", &[bearer(&key), here.clone()], FINE),
        look("a key, another", &[bearer(&key), there.clone()], NONE),
        look("a session, another", &[bearer(&ada.token), there.clone()], NONE),
        look("a cookie, another", &[cookie(&ada.token), there.clone()], NONE),
        look("a bound session", &[bearer(&bound.token)], FINE),
        look("a bound cookie, another", &[cookie(&bound.token), there.clone()], NONE),
        look("a session, none", &[bearer(&ada.token)], (422, "INVALID_REQUEST")),
        look("the operator, none", &[bearer(&app.key)], (422, "INVALID_REQUEST")),
    ];
    for token in [&key, &ada.token, &bound.token, &app.key] {
        cases.push(look("theirs, then another", &[bearer(token), here.clone(), there.clone()], NONE));
        cases.push(look("another, then theirs", &[bearer(token), there.clone(), here.clone()], NONE));
        cases.push(look("the same twice", &[bearer(token), here.clone(), here.clone()], NONE));
        for wrong in [format!("{}, {}", desk.id, other.id), String::new(), "x".to_owned(), desk.id.to_uppercase()] {
            cases.push(look("no id", &[bearer(token), ("Scrip-Workspace", wrong)], NONE));
        }
    }
    // Headers that could name a workspace, and do not.
    for name in ["X-Scrip-Workspace", "X-Workspace", "X-Tenant-Id"] {
        cases.push(look(name, &[bearer(&key), (name, other.id.clone())], FINE));
    }
    let keyed = |keys: &[&str]| {
        let mut headers = vec![bearer(&app.key), here.clone()];
        headers.extend(keys.iter().map(|key| ("Idempotency-Key", (*key).to_owned())));
        look("two idempotency keys", &headers, (422, "INVALID_REQUEST"))
    };
    cases.extend([keyed(&["a", "b"]), keyed(&["a", "a"]), keyed(&["a, b"]), keyed(&[""])]);
    check(&app, cases).await;
}

#[tokio::test]
async fn a_request_is_for_what_its_method_and_address_say() {
    let app = App::serving("two-buckets");
    let desk = app.workspace(json!({ "plan": "pro", "interval": "month" })).await;
    let (id, _) = desk.key(&["model:run"]).await;
    let (_, reader) = desk.key(&["workflow:read"]).await;
    let admin = desk.owner().await;
    let path = format!("/v1/keys/{id}");
    let mut cases = Vec::new();
    let ask = |why: &'static str, method: Method, path: &str, more: (&'static str, &str), told| Case {
        why,
        method,
        path: path.to_owned(),
        headers: vec![bearer(&admin.token), ("Scrip-Workspace", desk.id.clone()), (more.0, more.1.to_owned())],
        told,
    };
    let wrong = (405, "METHOD_NOT_ALLOWED");
    for name in ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "_method"] {
        cases.push(ask(name, Method::GET, &path, (name, "DELETE"), FINE));
        cases.push(ask(name, Method::POST, &path, (name, "DELETE"), wrong));
        cases.push(ask(name, Method::HEAD, &path, (name, "DELETE"), FINE));
    }
    cases.push(ask("a method in the address", Method::GET, &format!("{path}?_method=DELETE"), ("X-A", ""), FINE));
    for method in [Method::OPTIONS, Method::TRACE, Method::PUT, Method::from_bytes(b"PURGE").expect("a method")] {
        cases.push(ask("another method", method, &path, ("X-A", ""), wrong));
    }
    for address in ["/v1/balance/", "//v1/balance", "/V1/balance", "/v1/Balance", "/v1/balance;x=1", "/v1/%62alance"] {
        cases.push(ask("another address", Method::GET, address, ("X-A", ""), NONE));
    }
    // A header of a proxy does not change the address of the request.
    for name in ["X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Path", "X-Forwarded-Prefix", "X-Forwarded-User"] {
        cases.push(Case {
            path: "/v1/audit".to_owned(),
            ..look(name, &[bearer(&reader)], (403, "CAPABILITY_REQUIRED"))
        });
        let more = (name, "/v1/balance".to_owned());
        let told = (403, "CAPABILITY_REQUIRED");
        cases.push(Case { path: "/v1/audit".to_owned(), ..look(name, &[bearer(&reader), more], told) });
        cases.push(Case { path: "/v1/balance".to_owned(), ..look(name, &[(name, "/v1/catalog".to_owned())], UNKNOWN) });
    }
    // A HEAD request shows no more than a GET.
    cases.push(Case { method: Method::HEAD, ..look("nobody", &[], (401, "")) });
    check(&app, cases).await;
    let kept = Asker::with(&admin.token).about(&desk.id).get(&app, &path).await.expect(200);
    assert_eq!(kept["frozen_reason"], json!(null), "the key is there");
}
