//! Sign-in with an identity provider: a local one, at the socket, which records its requests and lies when a test tells
//! it to.

use aws_lc_rs::digest;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use reqwest::{Method, Url};
use scrip_testing::app::{Answer, App, root, temporary};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

const SESSION: &str = "__Host-scrip_session";
const ATTEMPT: &str = "__Host-scrip_oidc";
const CLIENT: &str = "scrip at home";
const SECRET: &str = "a:b c/d+é";

/// Deviation of the identity provider from the standard.
#[derive(Clone, Debug)]
enum Lie {
    None,
    /// A claim of the ID token has another value; `null` leaves it out.
    Claim(&'static str, Value),
    /// The whole ID token is replaced by this text.
    Token(String),
    /// Codes can be used again and again.
    Codes,
    /// The token endpoint answers with a status and a body.
    Answer(u16, String),
    /// A member of its metadata has another value.
    About(&'static str, Value),
}

/// Request that a code was given for.
struct CodeRequest {
    nonce: String,
    challenge: String,
    redirect_uri: String,
}

struct Inner {
    issuer: String,
    lie: Lie,
    given: HashMap<String, CodeRequest>,
    codes: usize,
    /// Number of requests to the token endpoint.
    asked: usize,
}

/// An identity provider on this machine.
#[derive(Clone)]
struct Provider(Arc<Mutex<Inner>>);

/// Encodes base 64 for addresses, by its definition: six bits a letter.
fn base64url(bytes: &[u8]) -> String {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bits: String = bytes.iter().map(|byte| format!("{byte:08b}")).collect();
    let letter = |six: &[u8]| {
        let six = format!("{:0<6}", String::from_utf8_lossy(six));
        char::from(alphabet[usize::from_str_radix(&six, 2).expect("bits")])
    };
    bits.as_bytes().chunks(6).map(letter).collect()
}

impl Provider {
    async fn start() -> Provider {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let issuer = format!("http://{}", listener.local_addr().expect("it listens"));
        let inner = Inner { issuer, lie: Lie::None, given: HashMap::new(), codes: 0, asked: 0 };
        let provider = Provider(Arc::new(Mutex::new(inner)));
        let routes = Router::new()
            .route("/.well-known/openid-configuration", get(about))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .with_state(provider.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        provider
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().expect("no thread panicked")
    }

    fn tells(&self, lie: Lie) {
        self.inner().lie = lie;
    }

    /// Starts a server that people sign in to with the identity provider, whose metadata a server uses for an hour.
    fn server(&self) -> App {
        let issuer = self.inner().issuer.clone();
        let told = [("ISSUER", issuer.as_str()), ("CLIENT_ID", CLIENT), ("CLIENT_SECRET", SECRET)];
        let environment = told.map(|(name, value)| (format!("SCRIP_OIDC_{name}"), value.to_owned()));
        App::with(&root().join("catalogs/canvas-tiers.toml"), temporary(), environment.to_vec())
    }
}

async fn about(State(provider): State<Provider>) -> Json<Value> {
    let inner = provider.inner();
    let mut about = json!({
        "issuer": inner.issuer,
        "authorization_endpoint": format!("{}/authorize?tenant=7", inner.issuer),
        "token_endpoint": format!("{}/token", inner.issuer),
        "jwks_uri": format!("{}/keys", inner.issuer),
    });
    if let Lie::About(member, value) = &inner.lie {
        about[*member] = value.clone();
    }
    Json(about)
}

/// Signs Ada in, and redirects her back.
async fn authorize(State(provider): State<Provider>, Query(asked): Query<HashMap<String, String>>) -> Response {
    let mut inner = provider.inner();
    for (name, value) in [
        ("tenant", "7"),
        ("response_type", "code"),
        ("client_id", CLIENT),
        ("scope", "openid email"),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(asked.get(name).map(String::as_str), Some(value), "{name}");
    }
    inner.codes += 1;
    let code = format!("code-{}", inner.codes);
    let given = CodeRequest {
        nonce: asked["nonce"].clone(),
        challenge: asked["code_challenge"].clone(),
        redirect_uri: asked["redirect_uri"].clone(),
    };
    inner.given.insert(code.clone(), given);
    let mut back = Url::parse(&asked["redirect_uri"]).expect("an address");
    let pairs = [("code", code.as_str()), ("state", asked["state"].as_str()), ("session_state", "x")];
    back.query_pairs_mut().extend_pairs(pairs);
    (StatusCode::FOUND, [(header::LOCATION, back.to_string())]).into_response()
}

/// Returns an ID token for a code, once, to the client that the code was given to.
async fn token(State(provider): State<Provider>, headers: HeaderMap, form: String) -> Response {
    let form = Url::parse(&format!("http://form/?{form}")).expect("a form");
    let asked: HashMap<String, String> = form.query_pairs().into_owned().collect();
    let mut inner = provider.inner();
    inner.asked += 1;
    let wrong = |why: &str| (StatusCode::BAD_REQUEST, Json(json!({ "error": why }))).into_response();
    if let Lie::Answer(status, body) = &inner.lie {
        return (StatusCode::from_u16(*status).expect("a status"), body.clone()).into_response();
    }
    // `scrip at home` and its secret, each as in a form, joined by a colon, in base 64.
    let basic = "Basic c2NyaXAlMjBhdCUyMGhvbWU6YSUzQWIlMjBjJTJGZCUyQiVDMyVBOQ==";
    let by_post = matches!(inner.lie, Lie::About("token_endpoint_auth_methods_supported", _));
    let by_basic = headers.get("authorization").is_some_and(|value| value == basic);
    let posted = asked.get("client_id").is_some_and(|id| id == CLIENT)
        && asked.get("client_secret").is_some_and(|secret| secret == SECRET);
    if (by_basic, posted) != (!by_post, by_post) {
        return wrong("invalid_client");
    }
    let code = asked.get("code").cloned().unwrap_or_default();
    let again = matches!(inner.lie, Lie::Codes);
    let Some(given) = inner.given.remove(&code) else { return wrong("invalid_grant") };
    let verifier = asked.get("code_verifier").cloned().unwrap_or_default();
    let proved = base64url(digest::digest(&digest::SHA256, verifier.as_bytes()).as_ref()) == given.challenge;
    if !proved || verifier.len() < 43 || asked.get("redirect_uri") != Some(&given.redirect_uri) {
        return wrong("invalid_grant");
    }
    if asked.get("grant_type").map(String::as_str) != Some("authorization_code") {
        return wrong("unsupported_grant_type");
    }
    let mut claims = json!({ "iss": inner.issuer, "aud": CLIENT, "sub": "ada", "exp": 4_000_000_000_i64, "iat": 1,
                             "nonce": given.nonce, "email": "Ada@Example.com", "email_verified": true });
    if let Lie::Claim(claim, value) = &inner.lie {
        claims[*claim] = value.clone();
        if value.is_null() {
            claims.as_object_mut().expect("an object").remove(*claim);
        }
    }
    if again {
        inner.given.insert(code, given);
    }
    let part = |value: &Value| base64url(value.to_string().as_bytes());
    let mut token = format!("{}.{}.c2ln", part(&json!({ "alg": "RS256" })), part(&claims));
    if let Lie::Token(text) = &inner.lie {
        token.clone_from(text);
    }
    Json(json!({ "access_token": "a", "token_type": "Bearer", "id_token": token })).into_response()
}

/// A browser that has begun to sign in: its cookies, and the address that leads back.
struct SignInAttempt {
    cookie: String,
    back: String,
}

/// Returns the cookies that an answer sets, whole, by name.
fn set(answer: &Answer) -> HashMap<String, String> {
    let lines = answer.headers.get_all("set-cookie").iter().map(|line| line.to_str().expect("ASCII").to_owned());
    lines.map(|line| (line.split_once('=').expect("a name").0.to_owned(), line)).collect()
}

async fn start(app: &App) -> Answer {
    app.bare(Method::GET, "/v1/oidc/start").send().await
}

/// Begins in a browser, and lets the identity provider sign Ada in.
async fn begin(app: &App) -> SignInAttempt {
    let answer = start(app).await;
    assert_eq!(answer.status, 302);
    let set = set(&answer);
    let line = &set[ATTEMPT];
    let value = line.strip_suffix("; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=600");
    let cookie = value.unwrap_or_else(|| panic!("{line}")).to_owned();
    assert_eq!(set.len(), 1, "no session is open yet");
    let to = answer.header("location").expect("somewhere to go");
    let sent = app.bare(Method::GET, to).send().await;
    assert_eq!(sent.status, 302);
    SignInAttempt { cookie, back: sent.header("location").expect("the way back").to_owned() }
}

/// Returns to the server with these cookies.
async fn back(app: &App, way: &str, cookies: &str) -> Answer {
    let call = app.bare(Method::GET, way).header("Sec-Fetch-Site", "cross-site");
    call.header("Cookie", cookies).send().await
}

/// Checks that an answer signs no one in.
#[track_caller]
fn expect_unauthenticated(answer: &Answer, why: &str) {
    assert!(!set(answer).contains_key(SESSION), "{why}");
    assert_eq!((answer.status, &answer.json()["code"]), (401, &json!("UNAUTHENTICATED")), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_whose_address_the_provider_verified_is_signed_in() {
    let provider = Provider::start().await;
    let mut app = provider.server();
    for lie in [
        Lie::None,
        Lie::Claim("aud", json!([CLIENT])),
        Lie::Claim("azp", json!(CLIENT)),
        // Some identity providers write a text instead of a boolean.
        Lie::Claim("email_verified", json!("true")),
        // The same person signs in with another address at the identity provider.
        Lie::Claim("email", json!("lovelace@example.com")),
        Lie::About("token_endpoint_auth_methods_supported", json!(["client_secret_post"])),
    ] {
        provider.tells(lie.clone());
        // A new start reads the identity provider's metadata again.
        app.restart();
        let begun = begin(&app).await;
        let answer = back(&app, &begun.back, &begun.cookie).await;
        assert_eq!((answer.status, answer.header("location")), (303, Some("/")), "{lie:?}: {}", app.log());
        let set = set(&answer);
        assert_eq!(set.len(), 2);
        assert_eq!(set[ATTEMPT], format!("{ATTEMPT}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0"));
        let cookie = set[SESSION].strip_suffix("; Path=/; Secure; HttpOnly; SameSite=Lax").expect("every attribute");
        let shown = app.bare(Method::GET, "/v1/session").header("Cookie", cookie).send().await.expect(200);
        assert_eq!(shown["user"]["email"], "ada@example.com");
        assert_eq!(shown["workspace"], Value::Null);
    }
    let workspaces = app.get("/v1/workspaces").await.expect(200);
    assert_eq!(workspaces["data"].as_array().map(Vec::len), Some(1), "she is one person");
    // A person who gets Ada's address at the identity provider does not get her account.
    provider.tells(Lie::Claim("sub", json!("eve")));
    let begun = begin(&app).await;
    expect_unauthenticated(&back(&app, &begun.back, &begun.cookie).await, "her address is another subject's now");
    app.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_lies_signs_nobody_in() {
    let provider = Provider::start().await;
    let app = provider.server();
    let claim = |name: &'static str, value: Value| Lie::Claim(name, value);
    for lie in [
        claim("nonce", json!("another")),
        claim("nonce", Value::Null),
        claim("aud", json!("another")),
        claim("aud", json!(["another", CLIENT])),
        claim("azp", json!("another")),
        claim("iss", json!("https://id.example.com")),
        claim("exp", json!(1_000_000_000)),
        claim("exp", Value::Null),
        claim("nbf", json!(3_900_000_000_i64)),
        claim("nbf", json!("now")),
        claim("email_verified", json!(false)),
        claim("email_verified", Value::Null),
        claim("email_verified", json!("false")),
        claim("email", json!("\u{212a}ate@example.com")),
        claim("email", json!("\"ada\"@example.com")),
        claim("email", Value::Null),
        claim("email", json!("ada")),
        claim("email", json!("ada@example.com\r\nbob@example.com")),
        claim("sub", Value::Null),
        Lie::Token(String::new()),
        Lie::Token("a.b.c".to_owned()),
        Lie::Token("e30.e30".to_owned()),
        Lie::Token("e30.W10.x".to_owned()),
        Lie::Answer(400, r#"{"error": "invalid_grant"}"#.to_owned()),
    ] {
        provider.tells(lie.clone());
        let begun = begin(&app).await;
        expect_unauthenticated(&back(&app, &begun.back, &begun.cookie).await, &format!("{lie:?}"));
    }
    // An answer that no identity provider gives: sign-in is unavailable, and no session opens.
    for (status, body) in [
        (500, String::new()),
        (200, "<html>".to_owned()),
        (200, "{}".to_owned()),
        (302, String::new()),
        (200, format!("{{\"id_token\": \"{}\"}}", "x".repeat(300_000))),
    ] {
        provider.tells(Lie::Answer(status, body));
        let begun = begin(&app).await;
        let answer = back(&app, &begun.back, &begun.cookie).await;
        assert!(set(&answer).is_empty());
        answer.problem(503, "UNAVAILABLE");
    }
    assert_eq!(app.get("/v1/workspaces").await.expect(200)["data"], json!([]), "no person signed in");
    let log = app.log();
    assert!(log.contains("`email_verified`") && log.contains("`nonce`") && !log.contains(SECRET), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_way_back_is_good_once_and_in_the_browser_that_began() {
    let provider = Provider::start().await;
    let app = provider.server();
    let (ada, eve) = (begin(&app).await, begin(&app).await);
    // Eve's callback in Ada's browser, or in one that never began.
    expect_unauthenticated(&back(&app, &eve.back, &ada.cookie).await, "the state of another browser");
    expect_unauthenticated(&back(&app, &eve.back, "a=b").await, "no attempt");
    expect_unauthenticated(&back(&app, &eve.back, &format!("{}; {}", eve.cookie, ada.cookie)).await, "two attempts");
    expect_unauthenticated(
        &back(&app, &eve.back, &format!("{ATTEMPT}=x.y.z")).await,
        "an attempt that the server did not begin",
    );
    let mut changed = eve.cookie.clone();
    changed.pop();
    expect_unauthenticated(&back(&app, &eve.back, &changed).await, "a signature that is none");
    // Without a code, without a state, with an error, from another identity provider.
    let way = Url::parse(&eve.back).expect("an address");
    let with = |change: &dyn Fn(&str) -> Option<String>| {
        let mut changed = way.clone();
        let pairs = way.query_pairs().filter_map(|(name, value)| match change(&name) {
            Some(other) if other.is_empty() => None,
            Some(other) => Some((name.into_owned(), other)),
            None => Some((name.into_owned(), value.into_owned())),
        });
        let pairs: Vec<(String, String)> = pairs.collect();
        changed.query_pairs_mut().clear().extend_pairs(pairs);
        changed.to_string()
    };
    let without = |gone: &'static str| with(&move |name| (name == gone).then(String::new));
    expect_unauthenticated(&back(&app, &without("code"), &eve.cookie).await, "no code");
    expect_unauthenticated(&back(&app, &without("state"), &eve.cookie).await, "no state");
    let other = with(&|name| (name == "state").then(|| "0".repeat(32)));
    expect_unauthenticated(&back(&app, &other, &eve.cookie).await, "a state that is none");
    expect_unauthenticated(
        &back(&app, &format!("{}&iss=https%3A%2F%2Fevil.example", eve.back), &eve.cookie).await,
        "another issuer",
    );
    let denied = format!("{}/v1/oidc/callback?error=access_denied", app.url);
    expect_unauthenticated(&back(&app, &denied, &eve.cookie).await, "she said no");
    assert_eq!(provider.inner().asked, 0, "the provider was not bothered with any of that");
    back(&app, &format!("{}&state=x", eve.back), &eve.cookie).await.problem(422, "INVALID_REQUEST");

    // A code that another browser got proves nothing here.
    let code = Url::parse(&ada.back).expect("an address");
    let code = code.query_pairs().find(|(name, _)| name == "code").expect("a code").1.into_owned();
    let stolen = with(&|name| (name == "code").then(|| code.clone()));
    expect_unauthenticated(&back(&app, &stolen, &eve.cookie).await, "the code of another browser");
    expect_unauthenticated(&back(&app, &eve.back, &eve.cookie).await, "the attempt was used");

    // Twice, at an identity provider whose codes are good for ever, one after the other and at once.
    provider.tells(Lie::Codes);
    let begun = begin(&app).await;
    assert_eq!(back(&app, &begun.back, &begun.cookie).await.status, 303);
    expect_unauthenticated(&back(&app, &begun.back, &begun.cookie).await, "it was used");
    let begun = begin(&app).await;
    let tries = (0..20).map(|_| back(&app, &begun.back, &begun.cookie));
    let answers = futures_util::future::join_all(tries).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 303).count(), 1);
    // The cookies of the browser before the sign-in are dead afterwards.
    let before = begin(&app).await;
    let first = set(&back(&app, &before.back, &before.cookie).await)[SESSION].clone();
    let first = first.split(';').next().expect("a value");
    let again = begin(&app).await;
    assert_eq!(back(&app, &again.back, &format!("{}; {first}", again.cookie)).await.status, 303);
    let replayed = app.bare(Method::GET, "/v1/session").header("Cookie", first).send().await;
    replayed.problem(401, "UNAUTHENTICATED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_none_or_named_in_part_is_not_used() {
    let provider = Provider::start().await;
    let issuer = provider.inner().issuer.clone();
    for (member, value) in [
        ("issuer", json!("https://id.example.com")),
        ("issuer", json!(format!("{issuer}/"))),
        ("issuer", Value::Null),
        ("authorization_endpoint", json!("http://id.example.com/authorize")),
        ("authorization_endpoint", json!("javascript:alert(1)")),
        ("token_endpoint", Value::Null),
    ] {
        provider.tells(Lie::About(member, value.clone()));
        let answer = start(&provider.server()).await;
        assert!(set(&answer).is_empty(), "{member} {value}");
        answer.problem(503, "UNAVAILABLE");
    }
    provider.tells(Lie::About("token_endpoint", json!("http://id.example.com/token")));
    let app = provider.server();
    let begun = begin(&app).await;
    back(&app, &begun.back, &begun.cookie).await.problem(503, "UNAVAILABLE");

    let mut app = App::start();
    start(&app).await.problem(404, "NOT_FOUND");
    back(&app, "/v1/oidc/callback?code=a&state=b", "a=b").await.problem(404, "NOT_FOUND");
    app.kill();
    for (told, why) in [
        (vec![("ISSUER", "https://id.example.com")], "name all or none"),
        (vec![("ISSUER", "http://id.example.com"), ("CLIENT_ID", "a"), ("CLIENT_SECRET", "b")], "https address"),
    ] {
        let told = told.into_iter().map(|(name, value)| (format!("SCRIP_OIDC_{name}"), value.to_owned()));
        app.set_environment(told.collect());
        let refused = app.second();
        assert!(!refused.status.success());
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(said.contains(why), "{said}");
    }
}

/// Goal: the cost of wrong callbacks for the identity provider is bounded, whatever it costs their sender. Method:
/// three hundred attempts from one address, each begun as it should be, and a count at the identity provider.
#[tokio::test(flavor = "multi_thread")]
async fn wrong_codes_ask_the_provider_so_often_and_no_more() {
    let provider = Provider::start().await;
    let app = provider.server();
    let mut refused = 0;
    for _ in 0..300 {
        let begun = begin(&app).await;
        let mut way = Url::parse(&begun.back).expect("an address");
        let state = way.query_pairs().find(|(name, _)| name == "state").expect("a state").1.into_owned();
        way.query_pairs_mut().clear().append_pair("code", "wrong").append_pair("state", &state);
        refused += usize::from(back(&app, way.as_str(), &begun.cookie).await.status == 429);
    }
    let asked = provider.inner().asked;
    assert!((1..=60).contains(&asked), "the provider was asked {asked} times");
    assert!(refused >= 240, "{refused} were refused");
}

/// Goal: an identity provider that takes a connection and does not answer delays no caller for longer than one request.
/// Method: eight begin at once, and one more right after.
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_hangs_is_asked_once_and_not_again_for_a_while() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let issuer = format!("http://{}", listener.local_addr().expect("it listens"));
    let told = [("ISSUER", issuer.as_str()), ("CLIENT_ID", CLIENT), ("CLIENT_SECRET", SECRET)];
    let environment = told.map(|(name, value)| (format!("SCRIP_OIDC_{name}"), value.to_owned()));
    let app = App::with(&root().join("catalogs/canvas-tiers.toml"), temporary(), environment.to_vec());
    let taken = Arc::new(Mutex::new(Vec::new()));
    let keeps = Arc::clone(&taken);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("the server connects");
            keeps.lock().expect("no thread panicked").push(stream);
        }
    });
    let begun = tokio::time::Instant::now();
    for answer in futures_util::future::join_all((0..8).map(|_| start(&app))).await {
        answer.problem(503, "UNAVAILABLE");
    }
    assert!(begun.elapsed().as_secs() < 9, "they waited for {:?}", begun.elapsed());
    let again = tokio::time::Instant::now();
    start(&app).await.problem(503, "UNAVAILABLE");
    assert!(again.elapsed().as_secs() < 2, "it waited for {:?}", again.elapsed());
    assert_eq!(taken.lock().expect("no thread panicked").len(), 1, "it was asked once");
}
