//! Random walks through the simulator: the built binary sells, Stripe's simulator collects, on test clocks of both.
//!
//! Goal: every paid grant cites a settled invoice or payment, once, and is what the plan or pack is sold with; no
//! workspace is sold two plans; every open invoice is shown; `scrip verify` finds nothing. Method: a seed gives a
//! buyer's steps over HTTP; payments are read at Stripe, grants in the workspace's entries. A failure prints the seed
//! and the story. The same steps, many more of them, are walked inside the process against a pure model of Stripe.
//!
//! `SELLING_WALKS=n` takes n walks, `SELLING_WALKS_FROM=n` begins at another seed.

use reqwest::Method;
use scrip_testing::app::{number, text};
use scrip_testing::dice::Dice;
use scrip_testing::shop::{BAD, Buyer, GOOD, Shop, date, id_in, instant};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use stripe_simulator::resources::portal;

/// Number of walks of an ordinary run.
const SAMPLE: u64 = 8;
/// Number of walks of one shop: its account searches everything it has for each answer.
const SHARE: u64 = 20;
/// Number of steps of a walk.
const STEPS: usize = 9;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// Card whose owner must confirm each payment.
const SECURE: &str = "pm_card_authenticationRequired";
/// IBANs: debits of the first settle, debits of the second are refused.
const IBAN: &str = "DE89370400440532013000";
const REFUSED: &str = "DE62370400440532013001";

/// Alerts that say that money and credits do not agree.
const BAD_ALERTS: [&str; 7] =
    ["wrong_price", "refused", "too_much", "not_sold", "wrong_amount", "wrong_workspace", "two_subscriptions"];

fn read_setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}

/// A buyer on a walk.
struct Walk<'a> {
    buyer: Buyer<'a>,
    dice: Dice,
    now: i64,
    offers: Vec<Value>,
    page: Option<Value>,
    story: Vec<String>,
}

impl<'a> Walk<'a> {
    async fn begin(shop: &'a Shop, seed: u64) -> Walk<'a> {
        let mut dice = Dice::new(seed);
        let now = instant("2026-01-05T00:00:00Z") + DAY * dice.roll(365) as i64;
        let buyer = shop.buyer(&date(now), json!({})).await;
        let billing = buyer.desk.get("/v1/billing").await.expect(200);
        let offers = billing["offers"].as_array().expect("a list").clone();
        Walk { buyer, dice, now, offers, page: None, story: Vec::new() }
    }

    fn shop(&self) -> &'a Shop {
        self.buyer.shop
    }

    /// Takes a step, and returns a description of its result.
    async fn step(&mut self) -> String {
        let hundred = *self.dice.pick(&[100, 50, 7]);
        match self.dice.roll(22) {
            0..=5 => self.wish().await,
            6 => self.portal_cancel().await,
            7 => self.portal_keep().await,
            8 => {
                let path = format!("/v1/workspaces/{}/subscription", self.buyer.desk.id);
                let answer = self.buyer.desk.app.call(Method::DELETE, &path).send().await;
                format!("cancels: {}", answer.status)
            }
            9 => {
                let card = *self.dice.pick(&[GOOD, GOOD, BAD]);
                self.buyer.card(card).await;
                format!("pays with {card} from now on")
            }
            10 => self.pay_invoice().await,
            11 => self.refund(hundred).await,
            12 => self.credit(hundred).await,
            13 => self.dispute().await,
            14 => {
                let amount = *self.dice.pick(&["-700", "-5000"]);
                let path = format!("/v1/customers/{}/balance_transactions", self.buyer.customer);
                self.shop().stripe.post(&path, &[("amount", amount), ("currency", "usd")]).await;
                format!("has {amount} more on the balance")
            }
            15 => self.top_up().await,
            16 | 17 => self.spend().await,
            _ => {
                let days = *self.dice.pick(&[0, 1, 6, 8, 20, 32]);
                self.pass(self.now + days * DAY + 3_600).await;
                format!("{days} days pass")
            }
        }
    }

    async fn wish(&mut self) -> String {
        let offer = self.dice.pick(&self.offers).clone();
        let wish = match offer["pack"].as_str() {
            Some(pack) => json!({ "pack": pack }),
            None => json!({ "plan": offer["plan"], "interval": offer["interval"] }),
        };
        let answer = self.buyer.desk.post("/v1/checkout", wish.clone()).await;
        if answer.status != 201 {
            assert_eq!(answer.status, 422, "{wish}: {}", answer.json());
            return format!("{wish} is refused");
        }
        let page = answer.json();
        let (url, id) = (text(&page["url"]), id_in(&page));
        self.page = Some(page);
        if self.dice.roll(6) == 0 {
            return format!("{wish}: opens {id}, and does not pay");
        }
        let card = *self.dice.pick(&[GOOD, GOOD, GOOD, BAD, SECURE, IBAN, REFUSED]);
        let stripe = &self.shop().stripe;
        let (status, answer) = if id.starts_with("cs_") {
            let (status, answer) = stripe.control(&format!("/checkout/{id}/pay"), json!({ "card": card })).await;
            match answer["status"].as_str() {
                Some("needs_action") => stripe.control(&format!("/checkout/{id}/confirm"), json!({})).await,
                _ => (status, answer),
            }
        } else if id.starts_with("in_") {
            stripe.control(&format!("/invoices/{id}/pay"), json!({ "card": card })).await
        } else {
            return format!("{wish} at {url}: {}", self.switch(&offer, &id).await);
        };
        format!("{wish} on {id} with {card}: {status} {}", answer["status"])
    }

    /// Confirms a change in the portal.
    async fn switch(&self, offer: &Value, session: &str) -> String {
        let (Some(plan), Some(interval)) = (offer["plan"].as_str(), offer["interval"].as_str()) else {
            return "nothing to change".to_owned();
        };
        let price = self.buyer.price(&format!("scrip:plan:{plan}:{interval}")).await;
        let Some(subscription) = self.going().await.first().cloned() else { return "nothing is going on".to_owned() };
        let done = self.shop().account(|state| portal::switch(state, session, &subscription, &price));
        format!("{:?}", done.map_err(|_| "refused"))
    }

    /// Returns the subscriptions that go on, newest first.
    async fn going(&self) -> Vec<String> {
        let all = self.buyer.subscriptions().await;
        let goes = |one: &&Value| !matches!(one["status"].as_str(), Some("canceled" | "incomplete_expired"));
        all.as_array().expect("a list").iter().filter(goes).map(|one| text(&one["id"])).collect()
    }

    async fn portal_cancel(&self) -> String {
        let answer = self.buyer.desk.post("/v1/billing_portal", json!({ "flow": "cancel" })).await;
        let Some(subscription) = self.going().await.first().cloned() else { return "nothing to cancel".to_owned() };
        if answer.status != 201 {
            return format!("there is no portal to cancel in: {}", answer.status);
        }
        let session = id_in(&answer.json());
        let done = self.shop().account(|state| portal::cancel(state, &session, &subscription, None));
        format!("cancels {subscription} in the portal: {:?}", done.map_err(|_| "refused"))
    }

    async fn portal_keep(&self) -> String {
        let answer = self.buyer.desk.post("/v1/billing_portal", json!({})).await;
        let Some(subscription) = self.going().await.first().cloned() else { return "nothing to keep".to_owned() };
        let session = id_in(&answer.expect(201));
        let done = self.shop().account(|state| portal::keep(state, &session, &subscription));
        format!("keeps {subscription}: {:?}", done.map_err(|_| "refused"))
    }

    async fn list(&self, what: &str) -> Vec<Value> {
        let path = format!("/v1/{what}?customer={}&limit=100", self.buyer.customer);
        self.shop().stripe.get(&path).await["data"].as_array().expect("a list").clone()
    }

    async fn pay_invoice(&mut self) -> String {
        let open = self.list("invoices").await.into_iter().find(|one| one["status"] == "open");
        let Some(open) = open else { return "no invoice is open".to_owned() };
        let id = text(&open["id"]);
        let (status, _) = self.shop().stripe.control(&format!("/invoices/{id}/pay"), json!({ "card": GOOD })).await;
        format!("pays {id}: {status}")
    }

    async fn paid_charge(&mut self) -> Option<Value> {
        let charges = self.list("charges").await;
        let paid: Vec<&Value> = charges.iter().filter(|one| one["paid"] == true && one["disputed"] == false).collect();
        (!paid.is_empty()).then(|| (*self.dice.pick(&paid)).clone())
    }

    async fn refund(&mut self, percent: i64) -> String {
        let Some(charge) = self.paid_charge().await else { return "nothing to refund".to_owned() };
        let left = number(&charge["amount"]) - number(&charge["amount_refunded"]);
        let amount = left * percent / 100;
        if amount < 1 {
            return "nothing is left to refund".to_owned();
        }
        let (id, amount) = (text(&charge["id"]), amount.to_string());
        self.shop().stripe.post("/v1/refunds", &[("charge", &*id), ("amount", &*amount)]).await;
        format!("gets {amount} of {id} back")
    }

    async fn credit(&mut self, percent: i64) -> String {
        let paid: Vec<Value> = self.list("invoices").await.into_iter().filter(|one| one["status"] == "paid").collect();
        if paid.is_empty() {
            return "nothing to credit".to_owned();
        }
        let invoice = self.dice.pick(&paid).clone();
        let amount = (number(&invoice["total"]) - number(&invoice["post_payment_credit_notes_amount"])) * percent / 100;
        // Money that went back by card already is not credited again.
        let refunded = self.list("charges").await.iter().any(|one| number(&one["amount_refunded"]) > 0);
        if amount < 1 || refunded {
            return "nothing is left to credit".to_owned();
        }
        let (id, amount) = (text(&invoice["id"]), amount.to_string());
        let form = [("invoice", &*id), ("amount", &*amount), ("credit_amount", &*amount)];
        self.shop().stripe.post("/v1/credit_notes", &form).await;
        format!("has {amount} of {id} credited to the balance")
    }

    async fn dispute(&mut self) -> String {
        let disputes = self.listed_disputes().await;
        if let Some(open) = disputes.iter().find(|one| one["status"] == "needs_response") {
            let (id, won) = (text(&open["id"]), self.dice.roll(2) == 0);
            let (status, _) =
                self.shop().stripe.control(&format!("/disputes/{id}/decide"), json!({ "won": won })).await;
            return format!("{id} is decided, won: {won}: {status}");
        }
        let Some(charge) = self.paid_charge().await else { return "nothing to dispute".to_owned() };
        let id = text(&charge["id"]);
        let (status, _) = self.shop().stripe.control(&format!("/charges/{id}/dispute"), json!({})).await;
        format!("disputes {id}: {status}")
    }

    async fn listed_disputes(&self) -> Vec<Value> {
        let mut all = Vec::new();
        for charge in self.list("charges").await {
            let path = format!("/v1/disputes?charge={}", text(&charge["id"]));
            all.extend(self.shop().stripe.get(&path).await["data"].as_array().expect("a list").clone());
        }
        all
    }

    async fn top_up(&mut self) -> String {
        let Some(pack) = self.offers.iter().find(|offer| offer["pack"].is_string()).cloned() else {
            return "there is no pack".to_owned();
        };
        let most = number(&pack["amount"]) * 2;
        let terms = json!({ "pack": pack["pack"], "below": 100, "monthly_max": most });
        let answer = self.buyer.desk.call(Method::PUT, "/v1/billing/top_up").json(&terms).send().await;
        format!("asks for top-ups: {}", answer.status)
    }

    async fn spend(&mut self) -> String {
        let (available, _) = self.buyer.desk.credits().await;
        let credits = available * *self.dice.pick(&[30, 100]) / 100;
        if credits < 1 {
            return "has nothing to spend".to_owned();
        }
        let hold = self.buyer.desk.post("/v1/holds", json!({ "credits": credits, "reference": "walk" })).await;
        if hold.status != 201 {
            return format!("may not hold {credits}: {}", hold.status);
        }
        if self.dice.roll(3) == 0 {
            return format!("holds {credits}");
        }
        let path = format!("/v1/holds/{}/capture", text(&hold.json()["id"]));
        self.buyer.desk.post(&path, json!({})).await.expect(200);
        format!("spends {credits}")
    }

    /// Lets time pass on both sides, with a stop where a renewal is due.
    async fn pass(&mut self, to: i64) {
        while self.now < to {
            let shown = self.buyer.desk.show().await;
            let end = shown["period"]["end"].as_str().map(instant);
            let stops = end.into_iter().flat_map(|end| [end + 60, end + 3_700, end + 90_000]);
            // A test clock moves by two periods at most.
            let most = to.min(self.now + 6 * DAY);
            let next = stops.filter(|stop| *stop > self.now).min().unwrap_or(to).min(most);
            self.now = next;
            self.buyer.pass(&date(next)).await;
        }
    }

    /// Compares the payments at Stripe with the grants that they gave.
    async fn judge(&self) -> Result<(), String> {
        let given = self.given_credits().await;
        let invoices = self.list("invoices").await;
        let sold: BTreeMap<(String, String), i64> = self
            .offers
            .iter()
            .filter_map(|one| {
                let name = (one["plan"].as_str()?.to_owned(), one["interval"].as_str()?.to_owned());
                Some((name, number(&one["credits"])))
            })
            .collect();
        let mut known = BTreeSet::new();
        for invoice in invoices.iter().filter(|one| one["status"] == "paid" && number(&one["total"]) > 0) {
            let id = text(&invoice["id"]);
            let price = text(&invoice["lines"]["data"][0]["pricing"]["price_details"]["price"]);
            let price = self.shop().stripe.get(&format!("/v1/prices/{price}")).await;
            let name = (text(&price["metadata"]["scrip_plan"]), text(&price["metadata"]["scrip_interval"]));
            let whole = sold[&name];
            let got = given.get(&id).copied().unwrap_or_default();
            let monthly = name.1 == "year" && got < whole && got > 0 && whole % 12 == 0 && got % (whole / 12) == 0;
            if got != whole && !monthly {
                return Err(format!("{id} paid {name:?} and gave {got} of {whole}"));
            }
            known.insert(id);
        }
        let packs: BTreeMap<String, i64> = self
            .offers
            .iter()
            .filter_map(|one| Some((one["pack"].as_str()?.to_owned(), number(&one["credits"]))))
            .collect();
        for intent in self.list("payment_intents").await {
            let Some(pack) = intent["metadata"]["scrip_pack"].as_str() else { continue };
            let id = text(&intent["id"]);
            let got = given.get(&id).copied().unwrap_or_default();
            let due = if intent["status"] == "succeeded" { packs[pack] } else { 0 };
            if got != due {
                return Err(format!("{id}, {}, gave {got} of the pack's {due}", intent["status"]));
            }
            known.insert(id);
        }
        if let Some(odd) = given.keys().find(|source| !known.contains(*source)) {
            return Err(format!("{odd} gave {}, and is no settled payment", given[odd]));
        }
        let going = self.going().await;
        if going.len() > 1 {
            return Err(format!("a customer is sold two plans: {going:?}"));
        }
        let open = invoices.iter().find(|one| one["status"] == "open");
        let shown = self.buyer.desk.get("/v1/billing").await.expect(200)["collecting"].clone();
        match open {
            Some(open) if shown.is_null() => Err(format!("no workspace owns {}, which is open", open["id"])),
            _ => Ok(()),
        }
    }

    /// Returns the credits that payments gave, by their source.
    async fn given_credits(&self) -> BTreeMap<String, i64> {
        let mut given = BTreeMap::new();
        for entry in self.buyer.desk.entries().await {
            for event in entry["events"].as_array().expect("a list") {
                let event = if event.is_array() { &event[1] } else { event };
                let issued = &event["grant_issued"];
                let paid = matches!(issued["kind"].as_str(), Some("cycle" | "pack" | "bonus"));
                if paid && issued["unit"] == "credits" {
                    *given.entry(text(&issued["source"])).or_default() += number(&issued["amount"]);
                }
            }
        }
        given
    }
}

/// Takes the walk of a seed.
async fn walk(shop: &Shop, seed: u64) {
    let mut walk = Walk::begin(shop, seed).await;
    for _ in 0..STEPS {
        let at = date(walk.now);
        let said = walk.step().await;
        walk.buyer.settle().await;
        let stands = walk.buyer.stands().await;
        walk.story.push(format!("  {at} {said}; {stands:?}"));
    }
    walk.pass(walk.now + 40 * DAY).await;
    let alerts: Vec<String> = shop.alerts().await.into_iter().filter(|kind| BAD_ALERTS.contains(&&**kind)).collect();
    let judged = walk.judge().await;
    let story = || format!("SELLING_WALKS_FROM={seed}:\n{}", walk.story.join("\n"));
    assert!(alerts.is_empty(), "alerts: {alerts:?}; {}", story());
    judged.unwrap_or_else(|wrong| panic!("{wrong}; {}", story()));
}

/// Takes the walks of some seeds, in a shop of their own.
async fn walks(catalog: &str, from: u64, until: u64) {
    let mut shop = Shop::open(catalog);
    let mut dice = Dice::new(from);
    let drafts = json!({ "created_after": *dice.pick(&[0, 300, 3600]), "last_for": 3600 });
    assert_eq!(shop.stripe.control("/drafts", drafts).await.0, 200);
    for seed in from..until {
        walk(&shop, seed).await;
    }
    shop.app.verify();
}

async fn share(part: u64) {
    let (from, count) =
        (read_setting("SELLING_WALKS_FROM").unwrap_or(0), read_setting("SELLING_WALKS").unwrap_or(SAMPLE));
    let half = count.div_ceil(2);
    let (mut seed, until) = (from + part * half, from + ((part + 1) * half).min(count));
    while seed < until {
        let next = (seed + SHARE).min(until);
        let catalog = *["canvas-tiers", "weekly-yearly"].get(part as usize).expect("there are two parts");
        walks(catalog, seed, next).await;
        println!("walks {seed} to {next} of {catalog}");
        seed = next;
    }
}

#[tokio::test]
async fn walks_through_tiers_give_what_was_paid() {
    share(0).await;
}

#[tokio::test]
async fn walks_through_weeks_and_years_give_what_was_paid() {
    share(1).await;
}
