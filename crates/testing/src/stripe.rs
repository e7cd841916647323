//! Stripe of one test's own: the simulator, the account filled from a catalog, and the settings of a server for it.

use crate::program::binary;
use reqwest::Method;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use stripe_simulator::{API_VERSION, Config, Simulator, resources, signature};
use tokio::runtime::{Builder, Runtime};

/// Key that the simulator accepts.
pub const KEY: &str = "sk_test_of_the_stories_0123456789";
/// Secret that signs the deliveries.
pub const SECRET: &str = "whsec_of_the_stories_0123456789abcdef";

/// Maximum number of times that the account is asked whether it has done something, and the pause between two.
const TRIES: u32 = 300;
const BETWEEN_TRIES: Duration = Duration::from_secs(1);

/// Variable with the key of an account of Stripe's own, in test mode.
const KEY_OF_ITS_OWN: &str = "SCRIP_TEST_STRIPE_KEY";

/// A Stripe account: the simulator's, or one of Stripe's own.
pub struct Stripe {
    /// Simulator with a runtime of its own, so that a test may wait for a program that calls it.
    simulated: Option<(Simulator, Runtime)>,
    url: String,
    key: String,
    client: reqwest::Client,
}

impl Drop for Stripe {
    fn drop(&mut self) {
        if let Some((simulator, runtime)) = self.simulated.take() {
            drop(simulator);
            runtime.shutdown_background();
        }
    }
}

impl Stripe {
    /// Opens an account where nothing is sold yet.
    pub fn open() -> Stripe {
        Stripe::with(Config { key: Some(KEY.to_owned()), ..Config::default() })
    }

    /// Opens an account of a simulator with other settings.
    pub fn with(config: Config) -> Stripe {
        let started = std::thread::spawn(move || {
            let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
            let simulator = runtime.block_on(Simulator::start(config)).expect("the simulator listens");
            (simulator, runtime)
        });
        let (simulator, runtime) = started.join().expect("the simulator starts");
        let url = simulator.base_url().to_owned();
        let client = reqwest::Client::builder().no_proxy().build().expect("a client can be made");
        Stripe { simulated: Some((simulator, runtime)), url, key: KEY.to_owned(), client }
    }

    /// Opens the account whose key the environment names, in Stripe's own test mode; the simulator's, if it names none.
    pub fn of_choice() -> Stripe {
        let Ok(key) = std::env::var(KEY_OF_ITS_OWN) else { return Stripe::open() };
        let is_of_test_mode = ["sk_test_", "rk_test_"].iter().any(|prefix| key.starts_with(prefix));
        assert!(is_of_test_mode, "{KEY_OF_ITS_OWN} must be a key of test mode: stories buy, refund and dispute");
        let url = "https://api.stripe.com".to_owned();
        let client = reqwest::Client::builder().build().expect("a client can be made");
        Stripe { simulated: None, url, key, client }
    }

    /// Opens an account that sells a catalog.
    pub fn selling(catalog: &Path) -> Stripe {
        let stripe = Stripe::open();
        stripe.sync(catalog);
        stripe
    }

    /// Runs `scrip stripe sync` to fill the account; returns its output, a line for each change.
    pub fn sync(&self, catalog: &Path) -> String {
        let mut command = Command::new(binary());
        command.args(["stripe", "sync", "--apply", "--catalog"]).arg(catalog).envs(self.environment());
        let output = command.output().expect("the built binary starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("it is text")
    }

    /// Returns the settings of a server that sells here. Stripe itself reaches no server of a test, so that there is no
    /// webhook secret then.
    pub fn environment(&self) -> Vec<(String, String)> {
        let told = [("SCRIP_STRIPE_SECRET_KEY", &*self.key), ("SCRIP_STRIPE_API_URL", &*self.url)];
        // Stories make more requests to Stripe in a second than a product does, unless they are about that limit.
        let told = told.into_iter().chain([("SCRIP_STRIPE_REQUESTS_PER_SECOND", "1000000")]);
        let secret = self.simulated.is_some().then_some(("SCRIP_STRIPE_WEBHOOK_SECRETS", SECRET));
        told.chain(secret).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// Returns the base URL of the account.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the simulator; panics for an account of Stripe's own.
    pub fn simulator(&self) -> &Simulator {
        &self.simulated.as_ref().expect("only the simulator can be asked for this").0
    }

    /// Adds a webhook endpoint for a server, and returns its id.
    pub fn tell(&self, server: &str) -> String {
        self.simulator().app().with(|state| {
            let url = format!("{server}/hooks/stripe");
            resources::webhook_endpoints::open(state, &url, &["*".to_owned()], Some(API_VERSION), SECRET)
        })
    }

    async fn ask(&self, method: Method, path: &str, key: bool, body: String, kind: &str) -> (u16, Value) {
        let mut call = self.client.request(method, format!("{}{path}", self.url())).header("Content-Type", kind);
        if key {
            call = call.bearer_auth(&self.key).header("Stripe-Version", API_VERSION);
        }
        let answer = call.body(body).send().await.expect("the account answers");
        let status = answer.status().as_u16();
        (status, serde_json::from_slice(&answer.bytes().await.expect("a body")).unwrap_or(Value::Null))
    }

    /// Posts to the API, as the account's owner does in the dashboard; the parameters are a form's.
    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Value {
        let encoded = |text: &str| {
            let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
            let letter = |byte: u8| if safe(byte) { (byte as char).to_string() } else { format!("%{byte:02X}") };
            text.bytes().map(letter).collect::<String>()
        };
        let pairs = form.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
        let body = pairs.collect::<Vec<_>>().join("&");
        let kind = "application/x-www-form-urlencoded";
        let (status, answer) = self.ask(Method::POST, path, true, body, kind).await;
        assert_eq!(status, 200, "POST {path}: {answer}");
        answer
    }

    /// Reads from the API.
    pub async fn get(&self, path: &str) -> Value {
        let (status, answer) = self.ask(Method::GET, path, true, String::new(), "text/plain").await;
        assert_eq!(status, 200, "GET {path}: {answer}");
        answer
    }

    /// Reads from the API until the answer suits; an account of Stripe's own takes its time.
    pub async fn until(&self, path: &str, suits: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..TRIES {
            let found = self.get(path).await;
            if suits(&found) {
                return found;
            }
            tokio::time::sleep(BETWEEN_TRIES).await;
        }
        panic!("{path} never suits: {}", self.get(path).await);
    }

    /// Deletes an object by the API: a subscription is canceled at once.
    pub async fn delete(&self, path: &str) -> Value {
        let (status, answer) = self.ask(Method::DELETE, path, true, String::new(), "text/plain").await;
        assert_eq!(status, 200, "DELETE {path}: {answer}");
        answer
    }

    /// Posts to the control API; returns the status and the answer.
    pub async fn control(&self, path: &str, body: Value) -> (u16, Value) {
        let path = format!("/_control{path}");
        self.ask(Method::POST, &path, false, body.to_string(), "application/json").await
    }

    /// Creates a customer, and returns its id.
    pub async fn customer(&self) -> String {
        let made = self.post("/v1/customers", &[("email", "ada@example.com")]).await;
        made["id"].as_str().expect("it has an id").to_owned()
    }

    /// Waits until the simulator has nothing under way and nothing to deliver.
    pub async fn quiet(&self) {
        if let Some((simulator, _)) = &self.simulated {
            simulator.quiet().await;
        }
    }

    /// Returns the method and the path of each request that came.
    pub fn calls(&self) -> Vec<(String, String)> {
        let calls = &self.simulator().app().lock().calls;
        calls.list.iter().map(|call| (call.method.clone(), call.path.clone())).collect()
    }
}

/// Returns the header of a delivery that is signed now.
pub fn sign(secret: &str, body: &str) -> String {
    sign_aged(secret, body, 0)
}

/// Returns the header of a delivery that was signed some seconds ago.
#[allow(clippy::disallowed_methods, reason = "what is delivered is signed as of now")]
pub fn sign_aged(secret: &str, body: &str, age: i64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("it is after 1970");
    signature::header(&[secret.to_owned()], now.as_secs().cast_signed() - age, body)
}

/// Returns an event as the account would send it.
pub fn event(id: &str, kind: &str, object: Value) -> Value {
    json!({
        "id": id, "object": "event", "api_version": API_VERSION, "created": 1_700_000_000, "livemode": false,
        "type": kind, "data": { "object": object }, "pending_webhooks": 1,
        "request": { "id": null, "idempotency_key": null },
    })
}
