//! The products and prices of an account, behind a socket: it enforces the rules of Stripe's that a sync can break, and
//! falls silent when a test tells it to.

use crate::payments::stripe::client::Client;
use crate::payments::stripe::key::SecretKey;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use reqwest::Url;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Objects on a page of a list, few enough that there are several pages.
const PAGE: usize = 3;

/// Point at which the account falls silent, and whether its last write is done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Silent {
    /// Silent after this number of writes, and does nothing any more.
    Dead(usize),
    /// Silent with this number of writes, the last of which is still done.
    Mute(usize),
}

/// Objects and counters of the account.
#[derive(Default)]
pub struct World {
    pub products: Vec<Value>,
    pub prices: Vec<Value>,
    /// Writes that were carried out; a retry under a known key is not counted.
    pub writes: usize,
    pub silent: Option<Silent>,
    pub livemode: bool,
    answers: BTreeMap<String, (String, u16, Value)>,
}

/// An account, served at a socket.
#[derive(Clone)]
pub struct Account(pub Arc<Mutex<World>>);

impl Account {
    /// Starts an empty account; returns it and a client of it.
    pub async fn open() -> (Account, Client) {
        let account = Account(Arc::default());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let router = Router::new().fallback(serve).with_state(account.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let key = SecretKey::new("sk_test_account").expect("it is one");
        (account, Client::new(&url, key).expect("it is here").impatient())
    }

    pub fn with<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        look(&mut self.0.lock().expect("no thread panicked"))
    }

    /// Describes what can be bought: the lookup key of each price, its amount, and whether it is its product's default.
    pub fn for_sale(&self) -> Vec<String> {
        self.with(|world| {
            let line = |price: &Value| {
                let product = world.products.iter().find(|product| product["id"] == price["product"])?;
                let default = if product["default_price"] == price["id"] { ", default" } else { "" };
                let (amount, currency, key) = (&price["unit_amount"], &price["currency"], &price["lookup_key"]);
                let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
                let is_for_sale = price["active"] == true && product["active"] == true;
                is_for_sale.then(|| format!("{} {amount} {}{default}", text(key), text(currency)))
            };
            let mut lines: Vec<String> = world.prices.iter().filter_map(line).collect();
            lines.sort();
            lines
        })
    }
}

async fn serve(
    State(account): State<Account>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> (StatusCode, String) {
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok());
    let (status, answer) = account.with(|world| world.answer(&method, &uri, key, &body));
    (StatusCode::from_u16(status).expect("a status"), answer.to_string())
}

fn refusal(code: &str, message: &str) -> (u16, Value) {
    (400, json!({ "error": { "type": "invalid_request_error", "code": code, "message": message } }))
}

/// Reads a form as nested values: `a[b]=1`.
fn read(form: &str) -> Value {
    let url = Url::parse(&format!("http://x/?{form}")).expect("a form");
    let mut read = json!({});
    for (name, value) in url.query_pairs() {
        let parts: Vec<&str> = name.split('[').map(|part| part.trim_end_matches(']')).collect();
        let mut place = &mut read;
        for part in parts {
            place = &mut place[part];
        }
        *place = match &*value {
            "true" => json!(true),
            "false" => json!(false),
            "" => Value::Null,
            text => text.parse::<i64>().map_or_else(|_| json!(text), |number| json!(number)),
        };
    }
    read
}

impl World {
    fn answer(&mut self, method: &Method, uri: &Uri, key: Option<&str>, body: &str) -> (u16, Value) {
        let silence = (500, json!({ "error": { "type": "api_error", "message": "silence" } }));
        if let Some(Silent::Dead(0) | Silent::Mute(0)) = self.silent {
            return silence;
        }
        let path: Vec<&str> = uri.path().trim_start_matches("/v1/").split('/').collect();
        if method == Method::GET {
            return self.answer_get(&path, &read(uri.query().unwrap_or_default()));
        }
        let key = key.expect("every write carries a key").to_owned();
        let request = format!("{path:?} {body}");
        if let Some((asked, status, answer)) = self.answers.get(&key) {
            let same = *asked == request;
            return if same { (*status, answer.clone()) } else { refusal("idempotency_error", "another request") };
        }
        let (status, answer) = self.answer_post(&path, &read(body));
        if status == 200 {
            self.writes += 1;
            self.answers.insert(key, (request, status, answer.clone()));
        }
        match &mut self.silent {
            Some(Silent::Dead(left)) => *left -= 1,
            Some(Silent::Mute(left)) => {
                *left -= 1;
                if *left == 0 {
                    return silence;
                }
            }
            None => {}
        }
        (status, answer)
    }

    fn answer_get(&self, path: &[&str], query: &Value) -> (u16, Value) {
        let of = match path {
            ["account"] => return (200, json!({ "id": "acct_1", "object": "account" })),
            ["products"] => &self.products,
            ["prices"] => &self.prices,
            _ => return refusal("resource_missing", "nothing is there"),
        };
        let mut newest = of.iter().rev().peekable();
        if let Some(last) = query["starting_after"].as_str() {
            newest.by_ref().find(|item| item["id"] == last);
        }
        let data: Vec<&Value> = newest.by_ref().take(PAGE).collect();
        (200, json!({ "object": "list", "data": data, "has_more": newest.peek().is_some() }))
    }

    fn answer_post(&mut self, path: &[&str], params: &Value) -> (u16, Value) {
        match path {
            ["products"] => self.make("prod", params, json!({ "default_price": null })),
            ["products", id] => self.change_product(id, params),
            ["prices"] => self.make_price(params),
            ["prices", id] => self.change_price(id, params),
            _ => refusal("resource_missing", "nothing is there"),
        }
    }

    fn make(&mut self, prefix: &str, params: &Value, more: Value) -> (u16, Value) {
        let all = if prefix == "prod" { &mut self.products } else { &mut self.prices };
        let n = all.len() + 1;
        let mut made = json!({ "id": format!("{prefix}_{n}"), "active": true, "livemode": self.livemode,
                               "created": n, "metadata": {} });
        merge(&mut made, more);
        merge(&mut made, params.clone());
        all.push(made.clone());
        (200, made)
    }

    fn make_price(&mut self, params: &Value) -> (u16, Value) {
        if !self.products.iter().any(|product| product["id"] == params["product"]) {
            return refusal("resource_missing", "no such product");
        }
        if let Err(refusal) = self.hand_over(params) {
            return refusal;
        }
        let mut params = params.clone();
        params.as_object_mut().expect("an object").remove("transfer_lookup_key");
        if let Some(recurring) = params.get_mut("recurring") {
            merge(recurring, json!({ "interval_count": 1, "usage_type": "licensed" }));
        }
        self.make("price", &params, json!({ "billing_scheme": "per_unit", "lookup_key": null, "recurring": null }))
    }

    /// Takes a lookup key from the price that has it, if the request asks for that.
    fn hand_over(&mut self, params: &Value) -> Result<(), (u16, Value)> {
        let key = &params["lookup_key"];
        for price in self.prices.iter_mut().filter(|price| !key.is_null() && price["lookup_key"] == *key) {
            if params["transfer_lookup_key"] != true {
                return Err(refusal("lookup_key_in_use", "another price has it"));
            }
            price["lookup_key"] = Value::Null;
        }
        Ok(())
    }

    fn change_product(&mut self, id: &str, params: &Value) -> (u16, Value) {
        let default = &params["default_price"];
        let is_of = |price: &Value| price["id"] == *default && price["product"] == id && price["active"] == true;
        if !default.is_null() && !self.prices.iter().any(is_of) {
            return refusal("resource_missing", "no such price of this product");
        }
        change_object(&mut self.products, id, params)
    }

    fn change_price(&mut self, id: &str, params: &Value) -> (u16, Value) {
        if params["active"] == false && self.products.iter().any(|product| product["default_price"] == id) {
            return refusal("default_price", "it is the default price of its product");
        }
        let known = ["active", "lookup_key", "transfer_lookup_key"];
        if params.as_object().expect("an object").keys().any(|name| !known.contains(&name.as_str())) {
            return refusal("parameter_unknown", "a price does not change");
        }
        if let Err(refusal) = self.hand_over(params) {
            return refusal;
        }
        let mut params = params.clone();
        params.as_object_mut().expect("an object").remove("transfer_lookup_key");
        change_object(&mut self.prices, id, &params)
    }
}

fn change_object(all: &mut [Value], id: &str, params: &Value) -> (u16, Value) {
    let Some(object) = all.iter_mut().find(|object| object["id"] == id) else {
        return refusal("resource_missing", "it is not there");
    };
    merge(object, params.clone());
    (200, object.clone())
}

fn merge(into: &mut Value, from: Value) {
    let from = if let Value::Object(from) = from { from } else { Map::new() };
    into.as_object_mut().expect("an object").extend(from);
}
