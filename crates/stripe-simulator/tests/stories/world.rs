//! World of every story: a simulator, a listener to its events, and calls of its API.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use stripe_simulator::{Config, Simulator, Webhook, signature};

pub const SECRET: &str = "whsec_of_the_story";

/// A delivery as the listener received it.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub signature: Option<String>,
    pub body: String,
    pub event: Value,
}

impl Delivery {
    /// Returns `true` if the delivery is signed with a secret.
    pub fn is_signed_with(&self, secret: &str) -> bool {
        let Some(header) = &self.signature else { return false };
        let at = header.split(',').find_map(|part| part.strip_prefix("t=")).and_then(|at| at.parse().ok());
        let Some(at) = at else { return false };
        let expected = signature::signature(secret, at, &self.body);
        header.split(',').any(|part| part == format!("v1={expected}"))
    }
}

/// Listener to events: the deliveries it received, and the number that it still refuses.
#[derive(Clone, Default)]
struct Inbox {
    received: Arc<Mutex<Vec<Delivery>>>,
    refusals: Arc<Mutex<u32>>,
}

async fn listen(State(inbox): State<Inbox>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let body = String::from_utf8(body.to_vec()).expect("a delivery is text");
    let signature =
        headers.get("stripe-signature").map(|value| value.to_str().expect("a signature is text").to_owned());
    let event = serde_json::from_str(&body).expect("a delivery is JSON");
    inbox.received.lock().expect("no thread panicked").push(Delivery { signature, body, event });
    let mut refusals = inbox.refusals.lock().expect("no thread panicked");
    if *refusals > 0 {
        *refusals -= 1;
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    StatusCode::OK
}

/// A simulator with a listener to its events.
pub struct World {
    pub stripe: Simulator,
    pub http: reqwest::Client,
    inbox: Inbox,
    listener: tokio::task::JoinHandle<()>,
}

impl Drop for World {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

/// An answer: its status, its headers and its body.
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Value,
}

impl World {
    pub async fn new() -> World {
        World::with(Config::default()).await
    }

    pub async fn with(config: Config) -> World {
        let inbox = Inbox::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let url = format!("http://{}/hook", listener.local_addr().expect("a listener has an address"));
        let routes = Router::new().route("/hook", post(listen)).with_state(inbox.clone());
        let listener = tokio::spawn(async move { axum::serve(listener, routes).await.expect("the listener serves") });
        let webhook = Some(Webhook { url, secret: SECRET.to_owned() });
        let stripe = Simulator::start(Config { webhook, ..config }).await.expect("a port is free");
        World { stripe, http: reqwest::Client::new(), inbox, listener }
    }

    /// Makes the listener refuse the next deliveries.
    pub fn refuse(&self, times: u32) {
        *self.inbox.refusals.lock().expect("no thread panicked") = times;
    }

    /// Returns every delivery that the listener received, once no more are under way.
    pub async fn deliveries(&self) -> Vec<Delivery> {
        self.stripe.quiet().await;
        self.inbox.received.lock().expect("no thread panicked").clone()
    }

    /// Returns the types of the events that the listener received.
    pub async fn types(&self) -> Vec<String> {
        self.deliveries().await.iter().map(|received| text(&received.event, "type")).collect()
    }

    /// Returns the types of the events that the listener received since the last call.
    pub async fn news(&self) -> Vec<String> {
        let types = self.types().await;
        self.inbox.received.lock().expect("no thread panicked").clear();
        types
    }

    pub async fn try_post(&self, path: &str, form: &[(&str, &str)], key: Option<&str>) -> reqwest::Result<Answer> {
        let url = format!("{}{path}", self.stripe.base_url());
        let body: Vec<String> = form.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        let mut request = self.http.post(url).bearer_auth("sk_test_1").body(body.join("&"));
        request = request.header("content-type", "application/x-www-form-urlencoded");
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let answer = request.send().await?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Ok(Answer { status, headers, body: answer.json().await? })
    }

    /// Posts and expects success.
    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Value {
        let answer = self.try_post(path, form, None).await.expect("it is answered");
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.body
    }

    /// Posts and expects a refusal; returns its status and the error.
    pub async fn expect_refusal(&self, path: &str, form: &[(&str, &str)]) -> (u16, Value) {
        let answer = self.try_post(path, form, None).await.expect("it is answered");
        assert!(answer.status >= 400, "{path}: {}", answer.body);
        (answer.status, answer.body["error"].clone())
    }

    pub async fn try_get(&self, path: &str) -> (u16, Value) {
        let url = format!("{}{path}", self.stripe.base_url());
        let answer = self.http.get(url).bearer_auth("sk_test_1").send().await.expect("it is answered");
        (answer.status().as_u16(), answer.json().await.expect("an answer is JSON"))
    }

    /// Gets and expects success.
    pub async fn get(&self, path: &str) -> Value {
        let (status, body) = self.try_get(path).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    pub async fn delete(&self, path: &str) -> Value {
        let url = format!("{}{path}", self.stripe.base_url());
        let answer = self.http.delete(url).bearer_auth("sk_test_1").send().await.expect("it is answered");
        assert_eq!(answer.status(), 200, "{path}");
        answer.json().await.expect("an answer is JSON")
    }

    /// Posts to the control API; returns the status and the answer.
    pub async fn control(&self, path: &str, body: Value) -> (u16, Value) {
        let url = format!("{}/_control{path}", self.stripe.base_url());
        let answer = self.http.post(url).json(&body).send().await.expect("it is answered");
        (answer.status().as_u16(), answer.json().await.expect("an answer is JSON"))
    }

    /// Reads from the control API.
    pub async fn read_control(&self, path: &str) -> Value {
        let url = format!("{}/_control{path}", self.stripe.base_url());
        let answer = self.http.get(url).send().await.expect("it is answered");
        answer.json().await.expect("an answer is JSON")
    }

    /// Creates a recurring price of a new product.
    pub async fn price(&self, name: &str, amount: &str, interval: &str) -> String {
        let product = id(&self.post("/v1/products", &[("name", name)]).await);
        let mut form = vec![("product", product.as_str()), ("currency", "usd"), ("unit_amount", amount)];
        if !interval.is_empty() {
            form.push(("recurring[interval]", interval));
        }
        id(&self.post("/v1/prices", &form).await)
    }

    /// Pays a session with a card.
    pub async fn pay(&self, session: &str, card: &str) -> (u16, Value) {
        self.control(&format!("/checkout/{session}/pay"), json!({"card": card})).await
    }

    /// Creates a customer with a card, on a test clock if one is given.
    pub async fn customer(&self, card: &str, clock: Option<&str>) -> String {
        let mut form = vec![("email", "ada@example.com")];
        form.extend(clock.map(|clock| ("test_clock", clock)));
        let customer = id(&self.post("/v1/customers", &form).await);
        self.card(&customer, card).await;
        customer
    }

    /// Gives a customer a default card.
    pub async fn card(&self, customer: &str, card: &str) -> String {
        let method = self.post(&format!("/v1/payment_methods/{card}/attach"), &[("customer", customer)]).await;
        let default = [("invoice_settings[default_payment_method]", method["id"].as_str().expect("it has a name"))];
        self.post(&format!("/v1/customers/{customer}"), &default).await;
        id(&method)
    }

    /// Creates a test clock at an instant.
    pub async fn clock(&self, at: &str) -> String {
        let frozen = instant(at).to_string();
        id(&self.post("/v1/test_helpers/test_clocks", &[("frozen_time", &frozen)]).await)
    }

    /// Advances a clock and waits until it is there.
    pub async fn advance(&self, clock: &str, at: &str) {
        let frozen = instant(at).to_string();
        let path = format!("/v1/test_helpers/test_clocks/{clock}");
        let answer = self.post(&format!("{path}/advance"), &[("frozen_time", &frozen)]).await;
        assert_eq!(answer["status"], "advancing");
        self.stripe.quiet().await;
        assert_eq!(self.get(&path).await["status"], "ready");
    }

    /// Subscribes a customer to a price.
    pub async fn subscribe(&self, customer: &str, price: &str) -> Value {
        self.post("/v1/subscriptions", &[("customer", customer), ("items[0][price]", price)]).await
    }
}

fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

pub fn id(object: &Value) -> String {
    text(object, "id")
}

pub fn text(object: &Value, field: &str) -> String {
    object[field].as_str().unwrap_or_else(|| panic!("no text in {field}: {object}")).to_owned()
}

/// Returns an instant in seconds.
pub fn instant(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().expect("an instant").as_second()
}
