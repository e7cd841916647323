//! Sessions: signing in and out, as people and those who attack them do it.

use futures_util::future::join_all;
use reqwest::Method;
use scrip_testing::app::{Answer, App, Call, number, text};
use serde_json::{Value, json};
use std::path::Path;

/// Name of the cookie of a session.
const COOKIE: &str = "__Host-scrip_session";

/// A session in a cookie, with the data that its pages have.
struct CookieSession {
    cookie: String,
    csrf: String,
    shown: Value,
}

impl CookieSession {
    /// Reads the session that an answer opens.
    fn of(answer: &Answer) -> CookieSession {
        let shown = answer.expect(201);
        let cookie = set(answer).split(';').next().expect("a value").to_owned();
        CookieSession { csrf: text(&shown["csrf"]), cookie, shown }
    }

    fn token(&self) -> &str {
        self.cookie.split_once('=').expect("a name and a value").1
    }

    /// Returns a request from a page of the session.
    fn call<'a>(&self, app: &'a App, method: Method, path: &str) -> Call<'a> {
        app.bare(method, path).header("Cookie", &self.cookie)
    }

    /// Returns a request with everything that a change needs.
    fn change<'a>(&self, app: &'a App, method: Method, path: &str) -> Call<'a> {
        self.call(app, method, path).header("Scrip-CSRF", &self.csrf).header("Origin", &app.url)
    }

    async fn show(&self, app: &App) -> Answer {
        self.call(app, Method::GET, "/v1/session").send().await
    }
}

/// Returns the one cookie that an answer sets, with every attribute it must have.
#[track_caller]
fn set(answer: &Answer) -> String {
    let all: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
    assert_eq!(all.len(), 1, "{all:?}");
    let line = all[0].to_str().expect("ASCII").to_owned();
    let attributes: Vec<&str> = line.split("; ").skip(1).collect();
    let expected = ["Path=/", "Secure", "HttpOnly", "SameSite=Lax"];
    assert!(line.starts_with(&format!("{COOKIE}=")), "{line}");
    let ends = line.starts_with(&format!("{COOKIE}=;"));
    assert_eq!(attributes[..4], expected, "{line}");
    assert_eq!(attributes.len(), 4 + usize::from(ends), "{line}");
    assert!(!ends || attributes[4] == "Max-Age=0", "{line}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    line
}

/// Returns the token behind the `#` of a new link.
async fn link(app: &App, body: Value) -> String {
    let made = app.post("/v1/portal_links", body).await.expect(201);
    let url = text(&made["url"]);
    let token = url.strip_prefix(&format!("{}/sign-in#", app.url)).unwrap_or_else(|| panic!("{url}"));
    assert!(token.starts_with("st_") && token.len() == 39, "{token}");
    token.to_owned()
}

async fn redeem(app: &App, token: &str) -> Answer {
    app.bare(Method::POST, "/v1/sessions").json(&json!({ "token": token })).send().await
}

async fn sign_in(app: &App, email: &str) -> CookieSession {
    let token = link(app, json!({ "email": email })).await;
    CookieSession::of(&redeem(app, &token).await)
}

/// Opens a session without a cookie.
async fn bearer(app: &App, email: &str) -> String {
    let body = json!({ "token": link(app, json!({ "email": email })).await, "cookie": false });
    let answer = app.bare(Method::POST, "/v1/sessions").json(&body).send().await;
    assert!(answer.header("set-cookie").is_none());
    text(&answer.expect(201)["token"])
}

fn with_bearer<'a>(app: &'a App, method: Method, path: &str, token: &str) -> Call<'a> {
    app.bare(method, path).header("Authorization", &format!("Bearer {token}"))
}

/// Returns a problem without the id of its request.
fn bare(mut problem: Value) -> Value {
    problem["request_id"] = Value::Null;
    problem
}

#[tokio::test]
async fn a_link_signs_somebody_in_once_and_they_find_their_workspace() {
    let mut app = App::start();
    {
        let token = link(&app, json!({ "email": " Ada@Example.com " })).await;
        let opened = redeem(&app, &token).await;
        let ada = CookieSession::of(&opened);
        assert!(ada.token().starts_with("scrip_ps_") && ada.token().len() == 45);
        let (user, workspace) = (&ada.shown["user"], &ada.shown["workspace"]);
        assert!(text(&user["id"]).starts_with("usr_"), "{user}");
        assert_eq!((&user["email"], workspace), (&json!("ada@example.com"), &Value::Null));
        assert!(ada.shown.get("token").is_none(), "it is in the cookie alone");
        assert_eq!(ada.show(&app).await.expect(200), ada.shown);
        // Every failed sign-in is answered in the same words.
        let used = bare(redeem(&app, &token).await.problem(401, "UNAUTHENTICATED"));
        let mut wrong = token.clone();
        wrong.replace_range(38.., if token.ends_with('a') { "b" } else { "a" });
        for other in
            ["", "st_", &wrong, ada.token(), &app.key, "st_000000000000000000000000000000000000", &"x".repeat(9_000)]
        {
            assert_eq!(bare(redeem(&app, other).await.problem(401, "UNAUTHENTICATED")), used, "{other}");
        }
        let workspaces = app.get("/v1/workspaces").await.expect(200)["data"].clone();
        assert_eq!(workspaces.as_array().map(Vec::len), Some(1), "{workspaces}");
        assert_eq!(
            (&workspaces[0]["owner_email"], &workspaces[0]["mode"]),
            (&json!("ada@example.com"), &json!("test"))
        );
        let again = sign_in(&app, "ADA@example.com").await;
        assert_eq!(again.shown["user"], *user);
        assert_ne!(again.cookie, ada.cookie);
        assert_ne!(again.csrf, ada.csrf);
        assert_eq!(app.get("/v1/workspaces").await.expect(200)["data"].as_array().map(Vec::len), Some(1));
        // Sessions outlive the process.
        app.restart();
        assert_eq!(ada.show(&app).await.expect(200), ada.shown);
    }
    app.verify();
}

#[tokio::test]
async fn what_comes_once_in_a_lifetime_does_not_come_with_the_first_sign_in_too() {
    let mut app = App::start();
    {
        let desk = app.workspace(json!({ "owner": { "email": "ada@example.com" } })).await;
        assert_eq!(desk.credits().await, (250, 0));
        sign_in(&app, "Ada+again@example.com").await;
        sign_in(&app, "bob@example.com").await;
        let mut found = Vec::new();
        for workspace in app.get("/v1/workspaces").await.expect(200)["data"].as_array().expect("a list") {
            let balance = app.call(Method::GET, "/v1/balance").workspace(&text(&workspace["id"])).send().await;
            found.push((text(&workspace["owner_email"]), number(&balance.expect(200)["available"])));
        }
        let expected = [("ada@example.com", 250), ("ada+again@example.com", 0), ("bob@example.com", 250)];
        assert_eq!(found, expected.map(|(email, credits)| (email.to_owned(), credits)));
    }
    app.verify();
}

#[tokio::test]
async fn of_twenty_who_use_one_link_at_once_one_is_let_in() {
    let mut app = App::start();
    // As often as one address may guess.
    for round in 0..3 {
        let token = link(&app, json!({ "email": "ada@example.com" })).await;
        let answers = join_all((0..20).map(|_| redeem(&app, &token))).await;
        let (good, bad): (Vec<&Answer>, Vec<&Answer>) = answers.iter().partition(|answer| answer.status == 201);
        assert_eq!(good.len(), 1, "round {round}");
        CookieSession::of(good[0]).show(&app).await.expect(200);
        for answer in bad {
            answer.problem(401, "UNAUTHENTICATED");
        }
    }
    // And twenty people who come for the first time at once, each by two links.
    let links = join_all((0..40).map(|n| link(&app, json!({ "email": format!("new{}@example.com", n % 20) })))).await;
    let signed: Vec<CookieSession> =
        join_all(links.iter().map(|link| redeem(&app, link))).await.iter().map(CookieSession::of).collect();
    for n in 0..20 {
        assert_eq!(signed[n].shown["user"], signed[n + 20].shown["user"]);
    }
    assert_eq!(app.get("/v1/workspaces?limit=100").await.expect(200)["data"].as_array().map(Vec::len), Some(21));
    app.verify();
}

#[tokio::test]
async fn a_session_that_was_signed_out_is_dead_whoever_has_a_copy() {
    let app = App::start();
    let (first, second) = (sign_in(&app, "ada@example.com").await, sign_in(&app, "ada@example.com").await);
    let (token, bob) = (bearer(&app, "ada@example.com").await, sign_in(&app, "bob@example.com").await);
    let by_bearer = async |token: &str| with_bearer(&app, Method::GET, "/v1/session", token).send().await;
    let shown = by_bearer(&token).await.expect(200);
    assert_eq!(shown["user"], first.shown["user"]);

    let out = first.change(&app, Method::DELETE, "/v1/session").send().await;
    assert!(set(&out).starts_with(&format!("{COOKIE}=;")));
    assert_eq!(out.expect(200), json!({ "sessions": 1 }));
    first.show(&app).await.problem(401, "UNAUTHENTICATED");
    by_bearer(first.token()).await.problem(401, "UNAUTHENTICATED");
    first.change(&app, Method::DELETE, "/v1/session").send().await.problem(401, "UNAUTHENTICATED");
    for living in [&second, &bob] {
        living.show(&app).await.expect(200);
    }

    let other = bearer(&app, "ada@example.com").await;
    let out = with_bearer(&app, Method::DELETE, "/v1/session", &other).send().await;
    assert!(out.header("set-cookie").is_none(), "there was none");
    assert_eq!(out.expect(200), json!({ "sessions": 1 }));
    by_bearer(&other).await.problem(401, "UNAUTHENTICATED");

    let out = second.change(&app, Method::DELETE, "/v1/sessions").send().await;
    set(&out);
    assert_eq!(out.expect(200), json!({ "sessions": 2 }));
    second.show(&app).await.problem(401, "UNAUTHENTICATED");
    by_bearer(&token).await.problem(401, "UNAUTHENTICATED");
    bob.show(&app).await.expect(200);
}

#[tokio::test]
async fn a_change_by_cookie_must_come_from_our_own_pages() {
    let app = App::with(
        &scrip_testing::app::root().join("catalogs/canvas-tiers.toml"),
        scrip_testing::app::temporary(),
        vec![("SCRIP_PUBLIC_URL".to_owned(), "https://Credits.example.com:443/".to_owned())],
    );
    let here = Some("https://credits.example.com");
    let open = async |email: &str| {
        let made = app.post("/v1/portal_links", json!({ "email": email })).await.expect(201);
        let url = text(&made["url"]);
        CookieSession::of(&redeem(&app, url.rsplit_once('#').expect("a token is behind it").1).await)
    };
    let other = open("bob@example.com").await;
    let foreign_origins = [
        "https://evil.example",
        "http://credits.example.com",
        "https://credits.example.com:8443",
        "https://credits.example.com.evil.example",
        "https://a.credits.example.com",
        "null",
        "",
    ];
    for path in ["/v1/session", "/v1/sessions"] {
        let ada = open("ada@example.com").await;
        let mut flipped = ada.csrf.clone();
        flipped.replace_range(..1, if ada.csrf.starts_with('0') { "1" } else { "0" });
        let mut cases = vec![(None, here, None), (Some(flipped.as_str()), here, None), (Some(""), here, None)];
        cases.push((Some(other.csrf.as_str()), here, None));
        cases.extend(foreign_origins.map(|origin| (Some(ada.csrf.as_str()), Some(origin), None)));
        cases.push((Some(ada.csrf.as_str()), here, Some("cross-site")));
        cases.push((Some(ada.csrf.as_str()), None, Some("cross-site")));
        let send = async |(csrf, origin, site): (Option<&str>, Option<&str>, Option<&str>)| {
            let headers = [("Scrip-CSRF", csrf), ("Origin", origin), ("Sec-Fetch-Site", site)];
            let sent = headers.into_iter().filter_map(|(name, value)| Some((name, value?)));
            let call = ada.call(&app, Method::DELETE, path);
            sent.fold(call, |call, (name, value)| call.header(name, value)).send().await
        };
        for case in cases {
            send(case).await.problem(403, "CROSS_SITE_REQUEST");
            ada.show(&app).await.expect(200);
        }
        // Reading needs no proof, but is not for pages of another site either.
        for site in ["same-origin", "same-site", "none"] {
            let read = ada.call(&app, Method::GET, "/v1/session").header("Sec-Fetch-Site", site).send().await;
            read.expect(200);
        }
        let read = ada.call(&app, Method::GET, "/v1/session").header("Sec-Fetch-Site", "cross-site").send().await;
        read.problem(403, "CROSS_SITE_REQUEST");
        let good = if path == "/v1/session" { (here, Some("same-origin")) } else { (None, None) };
        send((Some(ada.csrf.as_str()), good.0, good.1)).await.expect(200);
    }
    // A browser never sends a bearer token by itself.
    let made = app.post("/v1/portal_links", json!({ "email": "ada@example.com" })).await.expect(201);
    let link = text(&made["url"]);
    let body = json!({ "token": link.rsplit_once('#').expect("a token").1, "cookie": false });
    let opened =
        app.bare(Method::POST, "/v1/sessions").header("Origin", "https://app.example").json(&body).send().await;
    let token = text(&opened.expect(201)["token"]);
    let call = with_bearer(&app, Method::DELETE, "/v1/session", &token).header("Origin", "https://app.example");
    call.header("Sec-Fetch-Site", "cross-site").send().await.expect(200);
}

#[tokio::test]
async fn nobody_is_signed_in_by_another_sites_page_or_as_somebody_else() {
    let app = App::start();
    let token = link(&app, json!({ "email": "eve@example.com" })).await;
    let body = json!({ "token": token });
    for (name, value) in [("Origin", "https://evil.example"), ("Sec-Fetch-Site", "cross-site")] {
        let planted = app.bare(Method::POST, "/v1/sessions").header(name, value).json(&body).send().await;
        assert!(planted.header("set-cookie").is_none());
        planted.problem(403, "CROSS_SITE_REQUEST");
    }
    // Eve's session and a made-up one are in the browser that Ada signs in with: she gets a new one, and both are dead.
    let eve = CookieSession::of(&redeem(&app, &token).await);
    let made_up = format!("{COOKIE}=ps_{}", "0".repeat(36));
    let token = link(&app, json!({ "email": "ada@example.com" })).await;
    let call = app.bare(Method::POST, "/v1/sessions").header("Cookie", &format!("a=b; {}; {made_up}", eve.cookie));
    let ada = CookieSession::of(&call.json(&json!({ "token": token })).send().await);
    assert_eq!(ada.shown["user"]["email"], "ada@example.com");
    assert_ne!(ada.cookie, eve.cookie);
    assert_ne!(ada.cookie, made_up);
    eve.show(&app).await.problem(401, "UNAUTHENTICATED");
    app.bare(Method::GET, "/v1/session").header("Cookie", &made_up).send().await.problem(401, "UNAUTHENTICATED");
    ada.show(&app).await.expect(200);

    // A header with two values names no caller.
    let bob = sign_in(&app, "bob@example.com").await;
    let nobody = async |headers: &[(&str, &str)]| {
        let call = app.bare(Method::GET, "/v1/session");
        let call = headers.iter().fold(call, |call, (name, value)| call.header(name, value));
        call.send().await.problem(401, "UNAUTHENTICATED");
    };
    let (ada_bearer, bob_bearer) = (format!("Bearer {}", ada.token()), format!("Bearer {}", bob.token()));
    nobody(&[]).await;
    nobody(&[("Cookie", &format!("{}; {}", ada.cookie, bob.cookie))]).await;
    nobody(&[("Cookie", &format!("{}; {}", ada.cookie, ada.cookie))]).await;
    nobody(&[("Cookie", &ada.cookie), ("Cookie", &bob.cookie)]).await;
    nobody(&[("Cookie", &format!("{}; {COOKIE}=", ada.cookie))]).await;
    nobody(&[("Cookie", &ada.cookie), ("Authorization", &ada_bearer)]).await;
    nobody(&[("Cookie", &ada.cookie), ("Authorization", "Basic YTpi")]).await;
    nobody(&[("Authorization", &ada_bearer), ("Authorization", &bob_bearer)]).await;
    nobody(&[("Cookie", &ada.cookie.replace("__Host-", ""))]).await;
    nobody(&[("Cookie", &format!("{COOKIE}=\"{}\"", ada.token()))]).await;
    nobody(&[("Authorization", &format!("Bearer {}", app.key))]).await;
    // Operator routes are closed to sessions.
    let body = json!({ "email": "ada@example.com" });
    let mint = with_bearer(&app, Method::POST, "/v1/portal_links", ada.token()).json(&body);
    mint.send().await.problem(403, "CAPABILITY_REQUIRED");
    let mint = app.bare(Method::POST, "/v1/portal_links").json(&body);
    mint.send().await.problem(401, "UNAUTHENTICATED");
}

#[tokio::test]
async fn a_link_for_one_workspace_makes_a_session_for_that_one() {
    let app = App::start();
    let desk = app.free().await;
    let token = link(&app, json!({ "email": "ada@example.com", "workspace": desk.id })).await;
    let ada = CookieSession::of(&redeem(&app, &token).await);
    assert_eq!(ada.shown["workspace"], json!(desk.id));
    assert_eq!(ada.show(&app).await.expect(200)["workspace"], json!(desk.id));
    let other = app.free().await;
    let body = json!({ "email": "ada@example.com", "workspace": desk.id });
    let contradicted = other.call(Method::POST, "/v1/portal_links").json(&body).send().await;
    contradicted.problem(404, "NOT_FOUND");
    for missing in ["ws_0000000000000", "ws_", "x", ""] {
        let body = json!({ "email": "ada@example.com", "workspace": missing });
        app.post("/v1/portal_links", body).await.problem(404, "NOT_FOUND");
    }
}

#[tokio::test]
async fn nobody_learns_whether_an_address_is_known() {
    let app = App::start();
    sign_in(&app, "ada@example.com").await;
    let ask = async |email: &str| {
        let call = app.bare(Method::POST, "/v1/sign_in").header("Request-Id", "asked");
        let answer = call.json(&json!({ "email": email })).send().await;
        let mut headers: Vec<(String, String)> = Vec::new();
        for (name, value) in answer.headers.iter().filter(|(name, _)| *name != "date") {
            headers.push((name.to_string(), value.to_str().expect("ASCII").to_owned()));
        }
        (answer.status, headers, answer.bytes)
    };
    let known = ask("ada@example.com").await;
    assert_eq!(known.0, 202);
    assert_eq!(serde_json::from_slice::<Value>(&known.2).expect("JSON"), json!({ "expires_in": 900 }));
    assert!(!known.1.iter().any(|(name, _)| name == "set-cookie"));
    assert_eq!(ask("nobody@example.com").await, known);
    assert_eq!(ask("Ada@Example.com").await, known);
    for (path, good) in [
        ("/v1/sign_in", json!({ "email": "ada@example.com" })),
        ("/v1/portal_links", json!({ "email": "ada@example.com" })),
        ("/v1/sessions", json!({ "token": "st_" })),
    ] {
        let mut body = good.clone();
        body["more"] = json!(1);
        app.call(Method::POST, path).json(&body).send().await.problem(422, "INVALID_REQUEST");
    }
}

/// Adds every file below a directory, with its bytes.
fn files(directory: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(directory).expect("it is there") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push((path.display().to_string(), std::fs::read(&path).expect("it can be read")));
        }
    }
}

#[tokio::test]
async fn no_link_and_no_session_is_written_down() {
    let mut app = App::on_files(scrip_testing::app::temporary(), vec![("SCRIP_LOG".to_owned(), "trace".to_owned())]);
    let used = link(&app, json!({ "email": "ada@example.com" })).await;
    let unused = link(&app, json!({ "email": "ada@example.com" })).await;
    let ada = CookieSession::of(&redeem(&app, &used).await);
    redeem(&app, &used).await.problem(401, "UNAUTHENTICATED");
    let token = bearer(&app, "bob@example.com").await;
    with_bearer(&app, Method::GET, "/v1/session", &token).send().await.expect(200);
    ada.change(&app, Method::DELETE, "/v1/session").send().await.expect(200);
    app.kill();
    let mut found = Vec::new();
    files(&app.directory, &mut found);
    let has = |what: &str| {
        let holds = |(_, bytes): &&(String, Vec<u8>)| bytes.windows(what.len()).any(|window| window == what.as_bytes());
        found.iter().filter(holds).map(|(path, _)| path.clone()).collect::<Vec<_>>()
    };
    assert!(has("bob@example.com").iter().any(|path| path.contains("journal.db")), "the search finds what is there");
    assert!(has("/v1/session").iter().any(|path| path.contains("log-")), "the log is searched too");
    for secret in [&used, &unused, ada.token(), &token, &ada.csrf] {
        assert_eq!(has(secret), Vec::<String>::new());
        // Nor is the secret without its prefix and checksum.
        assert_eq!(has(&secret[3..secret.len() - 6]), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_time_that_no_session_may_last_keeps_the_server_from_starting() {
    let mut app = App::start();
    app.kill();
    app.set_environment(vec![("SCRIP_SESSION_IDLE".to_owned(), "60".to_owned())]);
    let refused = app.second();
    assert!(!refused.status.success());
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("session_idle is 300 to 34560000 seconds, not 60"), "{said}");
}
