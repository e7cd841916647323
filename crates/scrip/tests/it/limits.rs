//! Limits: requests of a workspace as its plan allows, and guesses at keys, whatever address the sender claims.

use futures_util::future::join_all;
use reqwest::header::HeaderMap;
use scrip_testing::app::{Answer, App, Desk, number, root, temporary};
use scrip_testing::people::Asker;
use serde_json::{Value, json};

/// Number of guesses a minute that one address has.
const GUESSES: usize = 60;

/// Sends a key that does not exist, with a made-up address in the headers.
async fn guess(client: &reqwest::Client, app: &App, n: usize) -> (u16, HeaderMap, Value) {
    let forged = format!("198.51.{}.{}", n % 1_000 / 250, n % 250 + 1);
    let mut request = client.get(format!("{}/v1/workspaces", app.url)).bearer_auth(format!("sk_test_{n:032x}"));
    for name in ["x-forwarded-for", "x-real-ip", "true-client-ip"] {
        request = request.header(name, &forged);
    }
    let answer = request.header("forwarded", format!("for={forged}")).send().await.expect("it is answered");
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    (status, headers, answer.json().await.expect("a problem document"))
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().expect("a client can be made")
}

/// Goal: a caller who guesses is slowed down, and no other caller is. Method: ten thousand guesses that claim a
/// thousand addresses, all from one socket's, and then a request with a key that is known.
#[tokio::test]
async fn ten_thousand_guesses_over_a_thousand_forged_addresses_are_throttled() {
    let app = App::start();
    let client = client();
    let mut told = Vec::new();
    for hundred in 0..100 {
        told.extend(join_all((0..100).map(|n| guess(&client, &app, hundred * 100 + n))).await);
    }
    let unknown = told.iter().filter(|(status, ..)| *status == 401).count();
    // More are possible only if the test took longer than a minute.
    assert!((GUESSES..10 * GUESSES).contains(&unknown), "{unknown} guesses were looked up");
    for (status, headers, problem) in told {
        if status == 401 {
            assert_eq!(problem["code"], "UNAUTHENTICATED");
            continue;
        }
        assert_eq!(
            (status, &problem["code"], &problem["limit"]),
            (429, &"RATE_LIMITED".into(), &60.into()),
            "{problem}"
        );
        let wait = problem["retry_after"].as_u64().expect("a number");
        assert!((1..=60).contains(&wait), "{problem}");
        assert_eq!(headers["retry-after"], wait.to_string().as_str());
        assert_eq!(headers["request-id"].to_str().ok(), problem["request_id"].as_str());
    }
    app.get("/v1/workspaces").await.expect(200);
    // A request without any key is no guess.
    let none = client.get(format!("{}/v1/workspaces", app.url)).send().await.expect("it is answered");
    assert_eq!(none.status(), 401);
}

#[tokio::test]
async fn behind_a_trusted_proxy_each_client_has_its_own_guesses() {
    let environment = vec![("SCRIP_TRUSTED_PROXIES".to_owned(), "127.0.0.0/8,::1".to_owned())];
    let app = App::with(&root().join("catalogs/canvas-tiers.toml"), temporary(), environment);
    let client = client();
    let told = join_all((0..300).map(|n| guess(&client, &app, n % 3))).await;
    let unknown = told.iter().filter(|(status, ..)| *status == 401).count();
    assert_eq!(unknown, 3 * GUESSES, "three clients by way of one proxy");
}

#[test]
fn a_proxy_that_is_no_address_is_named() {
    let directory = temporary();
    let catalog = root().join("catalogs/canvas-tiers.toml");
    let mut scrip = std::process::Command::new(env!("CARGO_BIN_EXE_scrip"));
    scrip.args(["serve", "--listen", "127.0.0.1:0", "--trusted-proxies", "10.0.0.0/8,proxy.example.com"]);
    let output = scrip.arg("--data").arg(directory.join("data")).arg("--catalog").arg(catalog).output();
    let output = output.expect("the built binary starts");
    std::fs::remove_dir_all(directory).expect("it is ours");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("`proxy.example.com` is neither an address"), "{said}");
}

/// Makes a number of requests at once, over some keys in turn, in each of the ways of asking.
async fn ask(app: &App, keys: &[Asker], requests: usize) -> Vec<Answer> {
    let paths = ["/v1/balance", "/v1/entitlements?", "/v1/runs", "/v1/entries?limit=1"];
    let asked = (0..requests).map(|n| keys[n % keys.len()].get(app, paths[n / keys.len() % paths.len()]));
    join_all(asked).await
}

fn count(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

/// Creates two keys of a workspace.
async fn two_keys(desk: &Desk<'_>) -> [Asker; 2] {
    let (_, one) = desk.key(&["workflow:read"]).await;
    let (_, other) = desk.key(&["workflow:read"]).await;
    [Asker::with(&one), Asker::with(&other)]
}

/// Goal: R27, document 000: exactly 100 a minute on Pro, over all keys of the workspace.
#[tokio::test]
async fn a_workspace_on_pro_makes_a_hundred_requests_a_minute() {
    let app = App::start();
    let pro = app.workspace(json!({ "plan": "pro", "interval": "month" })).await;
    let keys = two_keys(&pro).await;
    let before = pro.show().await;
    let answers = ask(&app, &keys, 150).await;
    assert_eq!((count(&answers, 200), count(&answers, 429)), (100, 50));
    for answer in &answers {
        assert_eq!(answer.header("ratelimit-policy"), Some("\"workspace\";q=100;w=60"));
        let left = answer.header("ratelimit").expect("how it stands");
        assert!(left.starts_with("\"workspace\";r="), "{left}");
        if answer.status == 429 {
            let problem = answer.problem(429, "RATE_LIMITED");
            assert_eq!(problem["limit"], 100);
            let wait = number(&problem["retry_after"]);
            assert!((1..=60).contains(&wait), "{problem}");
            assert_eq!(answer.header("retry-after"), Some(wait.to_string().as_str()));
        }
    }
    // A request that is refused costs nothing and changes nothing, and a run least of all.
    keys[0].run(&app, "image-standard").await.problem(403, "CAPABILITY_REQUIRED");
    assert_eq!(pro.show().await, before);
    // People of the workspace share the limit, other workspaces do not, and the operator has none.
    pro.owner().await.at(&pro.id).get(&app, "/v1/balance").await.problem(429, "RATE_LIMITED");
    let other = app.workspace(json!({ "plan": "pro", "interval": "month" })).await;
    two_keys(&other).await[0].get(&app, "/v1/balance").await.expect(200);
    assert_eq!(pro.get("/v1/balance").await.header("ratelimit"), None);
    // A higher plan is a higher limit at once, with what was counted before.
    let subscription = format!("/v1/workspaces/{}/subscription", pro.id);
    let approve = json!([{ "review": "business_verification", "reason": "known" }]);
    pro.post(&subscription, json!({ "plan": "business", "interval": "month", "approve": approve })).await.expect(200);
    let answers = ask(&app, &keys, 1_000).await;
    assert_eq!((count(&answers, 200), count(&answers, 429)), (900, 100));
}

/// Goal: the same for Business, and none for Enterprise.
#[tokio::test]
async fn a_workspace_on_business_makes_a_thousand_and_on_enterprise_any_number() {
    let app = App::start();
    let approve = json!([{ "review": "business_verification", "reason": "known" }]);
    let business = app.workspace(json!({ "plan": "business", "interval": "month", "approve": approve })).await;
    let answers = ask(&app, &two_keys(&business).await, 1_200).await;
    assert_eq!((count(&answers, 200), count(&answers, 429)), (1_000, 200));
    let enterprise = app.workspace(json!({ "plan": "enterprise", "interval": "month", "allowance": 10 })).await;
    let answers = ask(&app, &two_keys(&enterprise).await, 1_200).await;
    assert_eq!(count(&answers, 200), 1_200);
    assert!(answers.iter().all(|answer| answer.header("ratelimit").is_none()));
}

/// Goal: requests for sign-in links are limited by mailbox and by the caller's address, and no answer tells whether an
/// account exists.
#[tokio::test]
async fn links_are_asked_for_so_often_for_one_address_and_so_often_from_one() {
    let app = App::start();
    app.human("ada@example.com").await;
    let ask = |email: String| {
        let asked = app.bare(reqwest::Method::POST, "/v1/sign_in");
        async move { asked.json(&json!({ "email": email })).send().await }
    };
    let (known, unknown) = (ask("ada@example.com".to_owned()).await, ask("nobody@example.com".to_owned()).await);
    assert_eq!((known.status, &known.bytes), (202, &unknown.bytes));
    for _ in 0..4 {
        ask(" Ada@Example.com".to_owned()).await.expect(202);
    }
    ask("ada@example.com".to_owned()).await.problem(429, "RATE_LIMITED");
    for n in 0..13 {
        ask(format!("bob{n}@example.com")).await.expect(202);
    }
    ask("eve@example.com".to_owned()).await.problem(429, "RATE_LIMITED");
}
