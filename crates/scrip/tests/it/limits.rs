//! Guesses at keys: so many a minute from one address, whatever the sender says of itself.

use crate::app::{App, root, temporary};
use futures_util::future::join_all;
use reqwest::header::HeaderMap;
use serde_json::Value;

/// Guesses a minute that one address has.
const GUESSES: usize = 60;

/// Sends a key that nobody has, with an address that somebody made up.
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

/// Goal: whoever guesses is slowed down, and nobody else is. Method: ten thousand guesses that claim a thousand
/// addresses, all from one socket's, and then a request with a key that is known.
#[tokio::test]
async fn ten_thousand_guesses_over_a_thousand_forged_addresses_are_throttled() {
    let app = App::start();
    let client = client();
    let mut told = Vec::new();
    for hundred in 0..100 {
        told.extend(join_all((0..100).map(|n| guess(&client, &app, hundred * 100 + n))).await);
    }
    let unknown = told.iter().filter(|(status, ..)| *status == 401).count();
    // More only if it took longer than a minute.
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
    // Who sends no key at all guesses nothing.
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
    assert!(!output.status.success() && said.contains("`proxy.example.com` is no address"), "{said}");
}
