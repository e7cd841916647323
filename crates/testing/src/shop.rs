//! Shop: a server, the Stripe account it sells through, and a buyer.

use crate::app::{App, Clock, Desk, PATIENCE, root, temporary, text};
use crate::stripe::Stripe;
use reqwest::Method;
use serde_json::{Value, json};
use std::path::Path;
use stripe_simulator::resources::portal;
use stripe_simulator::state::State;

/// Payment method whose charges succeed.
pub const GOOD: &str = "pm_card_visa";
/// Payment method that can be kept and is declined whenever it is charged.
pub const BAD: &str = "pm_card_chargeCustomerFail";

/// Public address of the shop, independent of the address of its server.
pub const ADDRESS: &str = "https://shop.example";

/// A server and the account it sells through. The server is dropped first.
pub struct Shop {
    pub app: App,
    pub stripe: Stripe,
    /// Webhook endpoint of the account; `None` if it delivers no events.
    endpoint: Option<String>,
}

/// A workspace with a clock of its own, and a customer who lives by the same time.
pub struct Buyer<'a> {
    pub shop: &'a Shop,
    pub desk: Desk<'a>,
    pub customer: String,
    clock: Clock<'a>,
    /// Test clock of the account.
    pub time: String,
}

/// Returns an instant in seconds.
pub fn instant(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().expect("an instant").as_second()
}

/// Returns the instant of a number of seconds.
pub fn date(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).expect("an instant").to_string()
}

/// Returns the id at the end of a page's address.
pub fn id_in(page: &Value) -> String {
    let url = text(&page["url"]);
    url.rsplit_once('/').expect("an id is at its end").1.to_owned()
}

impl Shop {
    /// Opens a shop on one of the shipped catalogs.
    pub fn open(catalog: &str) -> Shop {
        let mut shop = Shop::silent(catalog);
        shop.tell();
        shop
    }

    /// Adds a webhook endpoint, so that the server gets the account's events.
    pub fn tell(&mut self) {
        self.endpoint = Some(self.stripe.tell(&self.app.url));
    }

    /// Opens a shop without a webhook endpoint.
    pub fn silent(catalog: &str) -> Shop {
        Shop::with(Stripe::open(), catalog)
    }

    /// Opens a shop without a webhook endpoint, with an account of Stripe's own if there is a key for one.
    pub fn of_choice(catalog: &str) -> Shop {
        Shop::with(Stripe::of_choice(), catalog)
    }

    /// Opens a shop on a catalog file that the story changes; Stripe has nothing of it yet.
    pub fn of_file(file: &Path) -> Shop {
        Shop::open_unsynced(Stripe::open(), file)
    }

    fn with(stripe: Stripe, catalog: &str) -> Shop {
        let file = root().join(format!("catalogs/{catalog}.toml"));
        stripe.sync(&file);
        Shop::open_unsynced(stripe, &file)
    }

    fn open_unsynced(stripe: Stripe, file: &Path) -> Shop {
        let mut environment = stripe.environment();
        environment.push(("SCRIP_PUBLIC_URL".to_owned(), ADDRESS.to_owned()));
        let app = App::with(file, temporary(), environment);
        Shop { app, stripe, endpoint: None }
    }

    /// Starts the server again, after a kill if it runs, and moves the webhook endpoint to its new address.
    pub async fn restart(&mut self) {
        self.app.restart();
        if let Some(endpoint) = &self.endpoint {
            let url = format!("{}/hooks/stripe", self.app.url);
            self.stripe.post(&format!("/v1/webhook_endpoints/{endpoint}"), &[("url", &url)]).await;
        }
    }

    /// Changes the account in a way that its API cannot.
    pub fn account<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        self.stripe.simulator().app().with(act)
    }

    /// Pays a checkout session; returns the answer of the control API.
    pub async fn pay_with(&self, page: &Value, card: &str) -> (u16, Value) {
        self.stripe.control(&format!("/checkout/{}/pay", id_in(page)), json!({ "card": card })).await
    }

    /// Pays a checkout session with a card whose charges succeed.
    pub async fn pay(&self, page: &Value) {
        let (status, answer) = self.pay_with(page, GOOD).await;
        assert_eq!((status, &answer["status"]), (200, &json!("complete")), "{answer}");
    }

    /// Waits until every event of the account was taken up and its customer reconciled.
    pub async fn settle(&self, desk: &Desk<'_>) {
        self.stripe.quiet().await;
        let path = format!("/v1/workspaces/{}/customer", desk.id);
        let settled = async {
            while self.app.get(&path).await.expect(200)["waits"] == true {
                tokio::task::yield_now().await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, settled).await;
        assert!(waited.is_ok(), "{} is never looked at; the server's log:\n{}", desk.id, self.app.log());
    }

    /// Waits until the server has logged some words a number of times; returns the lines.
    pub async fn wait_for_log(&self, words: &str, times: usize) -> Vec<String> {
        let lines = || self.app.log().lines().filter(|line| line.contains(words)).map(str::to_owned).collect();
        let logged = async {
            loop {
                let found: Vec<String> = lines();
                if found.len() >= times {
                    return found;
                }
                tokio::task::yield_now().await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, logged).await;
        waited.unwrap_or_else(|_| panic!("{words}: not {times} times in the server's log:\n{}", self.app.log()))
    }

    /// Opens a checkout session and pays it.
    pub async fn buy(&self, desk: &Desk<'_>, wish: Value) -> Value {
        let page = desk.post("/v1/checkout", wish).await.expect(201);
        self.pay(&page).await;
        self.settle(desk).await;
        page
    }

    /// Returns the kinds of all alerts, oldest first.
    pub async fn alerts(&self) -> Vec<String> {
        let page = self.app.get("/v1/alerts?limit=100").await.expect(200);
        let kinds = page["data"].as_array().expect("a list").iter().rev().map(|alert| text(&alert["kind"]));
        kinds.collect()
    }

    /// Opens a buyer who lives by test clocks, at Scrip and in the account, with a card.
    pub async fn buyer(&self, now: &str, more: Value) -> Buyer<'_> {
        let clock = self.app.clock(now).await;
        let mut body = json!({ "test_clock": clock.id });
        for (name, value) in more.as_object().expect("an object") {
            body[name] = value.clone();
        }
        let desk = self.app.workspace(body).await;
        let frozen = instant(now).to_string();
        let time = self.stripe.post("/v1/test_helpers/test_clocks", &[("frozen_time", &frozen)]).await;
        let time = text(&time["id"]);
        let made = self.stripe.post("/v1/customers", &[("test_clock", &time), ("email", "ada@example.com")]).await;
        let buyer = Buyer { shop: self, desk, customer: text(&made["id"]), clock, time };
        buyer.card(GOOD).await;
        buyer.link().await;
        buyer
    }
}

impl Buyer<'_> {
    /// Makes the server reconcile the customer now.
    pub async fn reconcile(&self) {
        self.shop.stripe.quiet().await;
        let path = format!("/v1/workspaces/{}/customer/sync", self.desk.id);
        self.desk.app.post(&path, Value::Null).await.expect(200);
    }

    /// Lets time pass on both sides, and reconciles the customer.
    pub async fn live(&self, to: &str) {
        self.here(to).await;
        self.there(to).await;
        self.reconcile().await;
    }

    /// Subscribes to a month of a plan, with the card that is kept, without reconciling.
    pub async fn subscribe(&self, plan: &str) {
        let price = self.price(&format!("scrip:plan:{plan}:month")).await;
        let form = [("customer", self.customer.as_str()), ("items[0][price]", &price)];
        self.shop.stripe.post("/v1/subscriptions", &form).await;
    }

    /// Changes to a month of a higher plan, as the portal is set up to do it, without reconciling.
    pub async fn upgrade(&self, plan: &str) {
        let subscription = self.subscriptions().await[0].clone();
        let item = text(&subscription["items"]["data"][0]["id"]);
        let price = self.price(&format!("scrip:plan:{plan}:month")).await;
        let form = [
            ("items[0][id]", item.as_str()),
            ("items[0][price]", &price),
            ("billing_cycle_anchor[type]", "now"),
            ("proration_behavior", "none"),
            ("payment_behavior", "error_if_incomplete"),
        ];
        self.shop.stripe.post(&format!("/v1/subscriptions/{}", text(&subscription["id"])), &form).await;
    }

    /// Returns the instant at which the subscription's period ends at Stripe.
    pub async fn billed_until(&self) -> String {
        date(self.subscriptions().await[0]["items"]["data"][0]["current_period_end"].as_i64().expect("seconds"))
    }

    /// Leaves nothing in the account that goes on being invoiced.
    pub async fn leave(self) {
        assert_eq!(self.shop.alerts().await, Vec::<String>::new());
        self.shop.stripe.delete(&format!("/v1/test_helpers/test_clocks/{}", self.time)).await;
    }

    /// Links the workspace to its customer.
    async fn link(&self) {
        let path = format!("/v1/workspaces/{}/customer", self.desk.id);
        let link = json!({ "customer": self.customer });
        self.desk.app.call(Method::PUT, &path).json(&link).send().await.expect(200);
        self.settle().await;
    }

    pub async fn settle(&self) {
        self.shop.settle(&self.desk).await;
    }

    /// Keeps a card to be charged from now on.
    pub async fn card(&self, card: &str) {
        let stripe = &self.shop.stripe;
        let path = format!("/v1/payment_methods/{card}/attach");
        let method = text(&stripe.post(&path, &[("customer", &self.customer)]).await["id"]);
        let default = [("invoice_settings[default_payment_method]", method.as_str())];
        stripe.post(&format!("/v1/customers/{}", self.customer), &default).await;
        for subscription in self.subscriptions().await.as_array().expect("a list") {
            let path = format!("/v1/subscriptions/{}", text(&subscription["id"]));
            stripe.post(&path, &[("default_payment_method", &method)]).await;
        }
    }

    /// Returns the buyer's subscriptions, newest first.
    pub async fn subscriptions(&self) -> Value {
        let path = format!("/v1/subscriptions?customer={}", self.customer);
        self.shop.stripe.get(&path).await["data"].clone()
    }

    /// Returns the newest subscription's id.
    pub async fn subscription(&self) -> String {
        text(&self.subscriptions().await[0]["id"])
    }

    /// Lets time pass at Scrip alone.
    pub async fn here(&self, to: &str) {
        self.clock.advance(to).await;
    }

    /// Lets time pass in the account alone.
    pub async fn there(&self, to: &str) {
        let stripe = &self.shop.stripe;
        let path = format!("/v1/test_helpers/test_clocks/{}", self.time);
        stripe.post(&format!("{path}/advance"), &[("frozen_time", &instant(to).to_string())]).await;
        stripe.until(&path, |clock| clock["status"] == "ready").await;
        stripe.quiet().await;
    }

    /// Lets time pass on both sides, and lets the server reconcile.
    pub async fn pass(&self, to: &str) {
        self.here(to).await;
        self.there(to).await;
        self.settle().await;
    }

    pub async fn buy(&self, wish: Value) -> Value {
        self.shop.buy(&self.desk, wish).await
    }

    /// Opens a session of the portal, and returns its id.
    pub async fn portal(&self, visit: Value) -> String {
        id_in(&self.desk.post("/v1/billing_portal", visit).await.expect(201))
    }

    /// Changes to another plan, on the page to which the checkout leads.
    pub async fn change(&self, plan: &str, interval: &str) -> Value {
        let wish = json!({ "plan": plan, "interval": interval });
        let page = self.desk.post("/v1/checkout", wish).await.expect(201);
        let session = id_in(&page);
        if session.starts_with("cs_") {
            // A change that the portal cannot put off is confirmed in a checkout session that takes no money.
            self.shop.pay(&page).await;
            self.settle().await;
            return page;
        }
        let price = self.price(&format!("scrip:plan:{plan}:{interval}")).await;
        let subscription = self.subscription().await;
        let done = self.shop.account(|state| portal::switch(state, &session, &subscription, &price));
        assert_eq!(done.expect("the portal changes it"), None, "Stripe asks for no confirmation");
        self.settle().await;
        page
    }

    /// Cancels the subscription in the portal.
    pub async fn cancel(&self) {
        let session = self.portal(json!({ "flow": "cancel" })).await;
        let subscription = self.subscription().await;
        self.shop.account(|state| portal::cancel(state, &session, &subscription, None)).expect("the portal cancels it");
        self.settle().await;
    }

    /// Takes the cancellation back in the portal.
    pub async fn keep(&self) {
        let session = self.portal(json!({})).await;
        let subscription = self.subscription().await;
        self.shop.account(|state| portal::keep(state, &session, &subscription)).expect("the portal keeps it");
        self.settle().await;
    }

    /// Agrees on another price for the end of the period, in a schedule of two phases.
    pub async fn agree(&self, price: &str) {
        let stripe = &self.shop.stripe;
        let subscription = self.subscriptions().await[0].clone();
        let from = [("from_subscription", subscription["id"].as_str().expect("an id"))];
        let schedule = stripe.post("/v1/subscription_schedules", &from).await;
        let phase = &schedule["phases"][0];
        let (start, end) = (phase["start_date"].to_string(), phase["end_date"].to_string());
        let now = text(&subscription["items"]["data"][0]["price"]["id"]);
        let form = [
            ("phases[0][items][0][price]", now.as_str()),
            ("phases[0][items][0][quantity]", "1"),
            ("phases[0][start_date]", &start),
            ("phases[0][end_date]", &end),
            ("phases[1][items][0][price]", price),
            ("phases[1][items][0][quantity]", "1"),
            ("proration_behavior", "none"),
            ("end_behavior", "release"),
        ];
        stripe.post(&format!("/v1/subscription_schedules/{}", text(&schedule["id"])), &form).await;
        self.settle().await;
    }

    /// Takes back the change that was agreed for the period's end.
    pub async fn release(&self) {
        let schedule = text(&self.subscriptions().await[0]["schedule"]);
        self.shop.stripe.post(&format!("/v1/subscription_schedules/{schedule}/release"), &[]).await;
        self.settle().await;
    }

    /// Returns the id of a price by its lookup key.
    pub async fn price(&self, key: &str) -> String {
        let found = self.shop.stripe.get(&format!("/v1/prices?lookup_keys[]={key}")).await;
        text(&found["data"][0]["id"])
    }

    /// Returns the newest charge of the buyer.
    pub async fn charge(&self) -> Value {
        let path = format!("/v1/charges?customer={}", self.customer);
        self.shop.stripe.get(&path).await["data"][0].clone()
    }

    /// Returns plan, interval, status and the credits that are available.
    pub async fn stands(&self) -> (String, String, String, i64) {
        let shown = self.desk.show().await;
        let interval = shown["interval"].as_str().unwrap_or("none").to_owned();
        (text(&shown["plan"]), interval, text(&shown["status"]), self.desk.credits().await.0)
    }

    #[track_caller]
    pub fn is(stands: &(String, String, String, i64), plan: &str, interval: &str, status: &str, credits: i64) {
        let (a, b, c, d) = stands;
        assert_eq!((a.as_str(), b.as_str(), c.as_str(), *d), (plan, interval, status, credits));
    }
}
