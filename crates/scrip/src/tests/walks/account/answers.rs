//! Requests to the account, and its answers in Stripe's JSON, as far as Scrip reads it.

use super::params::{metadata, number, parse, text};
use super::{
    Account, Attempt, Customer, Intent, Invoice, Line, Phase, Presence, Price, Product, Schedule, StoredAnswer,
};
use super::{DAY, Dispute};
use super::{Session, Visit};
use crate::payments::stripe::client::ModelRequest;
use serde_json::{Value, json};

/// Refusal of a request: status, code and message.
struct Refusal(u16, &'static str, String);

type Answer = Result<Value, Refusal>;

fn missing(what: &str, id: &str, param: &str) -> Refusal {
    Refusal(404, "resource_missing", format!("No such {what}: {id} ({param})"))
}

fn not_now(why: &str) -> Refusal {
    Refusal(400, "invoice_not_editable", why.to_owned())
}

fn list(data: Vec<Value>) -> Answer {
    Ok(json!({ "object": "list", "data": data, "has_more": false }))
}

impl Account {
    /// Answers a request: status and body. A decision is carried out once for its key.
    pub fn answer(&mut self, asked: ModelRequest<'_>) -> (u16, String) {
        let request = format!("{} {}?{}", asked.method, asked.path, asked.form);
        if let Some(kept) = asked.key.and_then(|key| self.kept.get(key)) {
            if kept.request != request {
                let error = json!({ "error": { "type": "idempotency_error", "message": "another request" } });
                return (400, error.to_string());
            }
            return (kept.status, kept.body.clone());
        }
        if asked.method != "GET" {
            self.asked.push(format!("{} {}", asked.method, asked.path));
        }
        let params = parse(asked.form);
        let path: Vec<&str> = asked.path.split('/').collect();
        let (status, body) = match self.route(asked.method, &path, &params) {
            Ok(body) => (200, body),
            Err(Refusal(status, code, message)) => {
                let kind = if status == 402 { "card_error" } else { "invalid_request_error" };
                let param = (code == "resource_missing" && message.contains("(customer)")).then_some("customer");
                (status, json!({ "error": { "type": kind, "code": code, "message": message, "param": param } }))
            }
        };
        let body = body.to_string();
        if let Some(key) = asked.key {
            let kept = StoredAnswer { at: self.now, request, status, body: body.clone() };
            self.kept.insert(key.to_owned(), kept);
        }
        (status, body)
    }

    fn route(&mut self, method: &str, path: &[&str], params: &Value) -> Answer {
        match (method, path) {
            ("GET", ["products"]) => list(self.products.iter().rev().map(|(id, one)| product(id, one)).collect()),
            ("POST", ["products"]) => self.create_product(params),
            ("POST", ["products", id]) => self.update_product(id, params),
            ("GET", ["prices"]) => self.list_prices(params),
            ("GET", ["prices", id]) => {
                self.prices.get(*id).map(|one| price(id, one)).ok_or_else(|| missing("price", id, "id"))
            }
            ("POST", ["prices"]) => self.create_price(params),
            ("POST", ["prices", id]) => self.update_price(id, params),
            ("POST", ["customers"]) => self.create_customer(params),
            ("GET", ["customers", id]) => {
                self.customers.get(*id).map(|one| customer(id, one)).ok_or_else(|| missing("customer", id, "id"))
            }
            ("GET", ["customers", id, "payment_methods"]) => {
                let methods = self.customers[*id].methods.iter().rev();
                list(methods.map(|method| json!({ "id": method, "object": "payment_method" })).collect())
            }
            ("GET", ["customers", id, "balance_transactions"]) => {
                let of_it = self.balance.iter().rev().filter(|one| one.customer == *id);
                list(of_it.map(movement).collect())
            }
            ("POST", ["checkout", "sessions"]) => self.create_session(params),
            ("GET", ["checkout", "sessions"]) => {
                let of_it =
                    self.sessions.iter().rev().filter(|(_, one)| text(params, "/customer") == Some(&one.customer));
                list(of_it.map(|(id, one)| self.session(id, one)).collect())
            }
            ("GET", ["checkout", "sessions", id]) => {
                self.sessions.get(*id).map(|one| self.session(id, one)).ok_or_else(|| missing("session", id, "id"))
            }
            ("POST", ["checkout", "sessions", id, "expire"]) => self.expire_by_request(id),
            ("GET" | "POST" | "DELETE", ["subscriptions", ..]) => self.route_subscription(method, path, params),
            ("GET", ["setup_intents", id]) => {
                let method = self.setups.get(*id).ok_or_else(|| missing("setup_intent", id, "id"))?;
                Ok(json!({ "id": id, "object": "setup_intent", "payment_method": method }))
            }
            ("POST", ["subscription_schedules"]) => self.create_schedule(params),
            ("POST", ["subscription_schedules", id]) => self.set_phases(id, params),
            ("GET", ["subscription_schedules", id]) => Ok(self.schedule_of(id)),
            ("POST", ["subscription_schedules", id, "release"]) => self.release(id),
            ("GET" | "POST", ["invoices", ..]) => self.route_invoice(method, path, params),
            ("POST", ["payment_intents"]) => self.pay_off_session(params),
            ("GET", ["payment_intents"]) => {
                let of_it =
                    self.intents.iter().rev().filter(|(_, one)| text(params, "/customer") == Some(&one.customer));
                list(of_it.map(|(id, one)| intent(id, one)).collect())
            }
            ("GET", ["charges"]) => {
                let of_it =
                    self.charges.iter().rev().filter(|(_, one)| text(params, "/customer") == Some(&one.customer));
                list(of_it.map(|(id, _)| self.charge_of(id)).collect())
            }
            ("GET", ["disputes"]) => {
                let of_it = self.disputes.iter().rev().filter(|(_, one)| text(params, "/charge") == Some(&one.charge));
                list(of_it.map(|(id, one)| self.dispute_of(id, one)).collect())
            }
            ("GET", ["credit_notes"]) => {
                let of_it = self.notes.iter().rev().filter(|(_, one)| text(params, "/invoice") == Some(&one.invoice));
                list(of_it.map(|(id, _)| self.note_of(id)).collect())
            }
            ("GET", ["events"]) => list(self.events.iter().rev().map(event).collect()),
            ("GET", ["webhook_endpoints"]) => list(Vec::new()),
            ("GET", ["billing_portal", "configurations"]) => {
                let all = self.configurations.iter().rev();
                list(all.map(|(id, one)| configuration(id, one)).collect())
            }
            ("POST", ["billing_portal", "configurations"]) => {
                let id = self.id("bpc");
                self.configurations.insert(id.clone(), params.clone());
                Ok(configuration(&id, params))
            }
            ("POST", ["billing_portal", "sessions"]) => self.visit(params),
            _ => Err(Refusal(404, "unknown_route", format!("{method} {}", path.join("/")))),
        }
    }

    fn create_product(&mut self, params: &Value) -> Answer {
        let id = self.id("prod");
        let product = Product {
            name: text(params, "/name").unwrap_or_default().to_owned(),
            active: true,
            metadata: metadata(params, "/metadata"),
            default_price: None,
            created: self.now,
        };
        self.products.insert(id.clone(), product);
        Ok(self::product(&id, &self.products[&id]))
    }

    fn update_product(&mut self, id: &str, params: &Value) -> Answer {
        let product = self.products.get_mut(id).ok_or_else(|| missing("product", id, "id"))?;
        if let Some(active) = text(params, "/active") {
            product.active = active == "true";
        }
        if let Some(name) = text(params, "/name") {
            product.name = name.to_owned();
        }
        if let Some(price) = text(params, "/default_price") {
            product.default_price = Some(price.to_owned()).filter(|price| !price.is_empty());
        }
        Ok(self::product(id, &self.products[id]))
    }

    fn list_prices(&self, params: &Value) -> Answer {
        let keys = params.pointer("/lookup_keys").and_then(Value::as_object);
        let key = keys.and_then(|keys| keys.values().next()).and_then(Value::as_str);
        let active = text(params, "/active").map(|active| active == "true");
        let wanted = self.prices.iter().rev().filter(|(_, one)| {
            key.is_none_or(|key| one.lookup_key.as_deref() == Some(key)) && active.is_none_or(|is| one.active == is)
        });
        list(wanted.map(|(id, one)| price(id, one)).collect())
    }

    fn create_price(&mut self, params: &Value) -> Answer {
        let id = self.id("price");
        let lookup_key = text(params, "/lookup_key").map(str::to_owned);
        self.take_key(lookup_key.as_deref());
        let price = Price {
            product: text(params, "/product").expect("a product").to_owned(),
            active: true,
            amount: number(params, "/unit_amount").expect("an amount"),
            currency: text(params, "/currency").expect("a currency").to_owned(),
            interval: text(params, "/recurring/interval").map(str::to_owned),
            lookup_key,
            metadata: metadata(params, "/metadata"),
            created: self.now,
        };
        self.prices.insert(id.clone(), price);
        Ok(self::price(&id, &self.prices[&id]))
    }

    fn take_key(&mut self, key: Option<&str>) {
        for price in self.prices.values_mut().filter(|one| key.is_some() && one.lookup_key.as_deref() == key) {
            price.lookup_key = None;
        }
    }

    fn update_price(&mut self, id: &str, params: &Value) -> Answer {
        let key = text(params, "/lookup_key").map(str::to_owned);
        self.take_key(key.as_deref());
        let price = self.prices.get_mut(id).ok_or_else(|| missing("price", id, "id"))?;
        if let Some(active) = text(params, "/active") {
            price.active = active == "true";
        }
        if key.is_some() {
            price.lookup_key = key;
        }
        Ok(self::price(id, &self.prices[id]))
    }

    fn create_customer(&mut self, params: &Value) -> Answer {
        let id = self.id("cus");
        let made = Customer { email: text(params, "/email").map(str::to_owned), ..Customer::default() };
        self.customers.insert(id.clone(), made);
        self.keep_metadata(&id, metadata(params, "/metadata"));
        Ok(customer(&id, &self.customers[&id]))
    }

    fn create_session(&mut self, params: &Value) -> Answer {
        let customer = text(params, "/customer").unwrap_or_default().to_owned();
        if !self.customers.contains_key(&customer) {
            return Err(missing("customer", &customer, "customer"));
        }
        let id = self.id("cs");
        let mode = text(params, "/mode").expect("a mode").to_owned();
        let inner = if mode == "payment" { "/payment_intent_data/metadata" } else { "/subscription_data/metadata" };
        let session = Session {
            status: "open",
            payment_status: "unpaid",
            customer,
            reference: text(params, "/client_reference_id").map(str::to_owned),
            price: text(params, "/line_items/0/price").map(str::to_owned),
            metadata: metadata(params, "/metadata"),
            inner_metadata: metadata(params, inner),
            subscription: None,
            intent: None,
            invoice: None,
            setup: None,
            created: self.now,
            expires_at: number(params, "/expires_at").unwrap_or(self.now + DAY),
            mode,
        };
        let is_active = |price: &String| self.prices.get(price).is_some_and(|price| price.active);
        if !session.price.as_ref().map_or(session.mode == "setup", is_active) {
            return Err(Refusal(400, "resource_missing", "the price is not active".to_owned()));
        }
        self.sessions.insert(id.clone(), session);
        Ok(self.session(&id, &self.sessions[&id]))
    }

    fn expire_by_request(&mut self, id: &str) -> Answer {
        let session = self.sessions.get(id).ok_or_else(|| missing("session", id, "id"))?;
        if session.status != "open" {
            return Err(Refusal(
                400,
                "session_not_open",
                "Only Checkout Sessions that are open can expire.".to_owned(),
            ));
        }
        self.expire_session(id);
        Ok(self.session(id, &self.sessions[id]))
    }

    fn route_subscription(&mut self, method: &str, path: &[&str], params: &Value) -> Answer {
        let Some(id) = path.get(1).copied() else {
            let of_it =
                self.subscriptions.iter().rev().filter(|(_, one)| text(params, "/customer") == Some(&one.customer));
            return list(of_it.map(|(id, _)| self.subscription_of(id)).collect());
        };
        let known = self.subscriptions.get(id).ok_or_else(|| missing("subscription", id, "id"))?.clone();
        let is_over = matches!(known.status, "canceled" | "incomplete_expired");
        match method {
            "GET" => {}
            _ if is_over => return Err(missing("subscription", id, "id")),
            "DELETE" => self.end(id),
            _ => {
                let ends = text(params, "/cancel_at_period_end").or(text(params, "/cancel_at")).is_some();
                if known.schedule.is_some() && ends {
                    return Err(Refusal(400, "schedule", "The subscription is managed by a schedule".to_owned()));
                }
                let now = self.now;
                let changed = self.subscription_mut(id);
                if let Some(method) = text(params, "/default_payment_method") {
                    changed.default_method = Some(method.to_owned());
                }
                if let Some(ending) = text(params, "/cancel_at_period_end") {
                    changed.cancel_at_period_end = ending == "true";
                    changed.canceled_at = (ending == "true").then_some(now);
                }
                if let Some(at) = text(params, "/cancel_at") {
                    changed.cancel_at = at.parse().ok();
                }
                self.tell_of_subscription("customer.subscription.updated", id);
            }
        }
        Ok(self.subscription_of(id))
    }

    fn create_schedule(&mut self, params: &Value) -> Answer {
        let subscription = text(params, "/from_subscription").unwrap_or_default().to_owned();
        let known =
            self.subscriptions.get(&subscription).ok_or_else(|| missing("subscription", &subscription, "id"))?;
        if known.schedule.is_some() || !known.goes_on() {
            return Err(Refusal(400, "schedule", "it is managed by a schedule already, or over".to_owned()));
        }
        let phases = vec![Phase { start: known.start, end: known.end, price: known.price.clone() }];
        let id = self.id("sub_sched");
        let schedule = Schedule { subscription: subscription.clone(), status: "active", phases };
        self.schedules.insert(id.clone(), schedule);
        self.subscription_mut(&subscription).schedule = Some(id.clone());
        Ok(self.schedule_of(&id))
    }

    fn set_phases(&mut self, id: &str, params: &Value) -> Answer {
        let known = self.schedules.get(id).ok_or_else(|| missing("schedule", id, "id"))?.clone();
        let price = text(params, "/phases/1/items/0/price").expect("a second phase").to_owned();
        if known.status != "active" || !self.prices.contains_key(&price) {
            return Err(Refusal(400, "schedule", "it is not active, or there is no such price".to_owned()));
        }
        let start = known.phases[0].end;
        let end = self.after(&price, start, 1);
        let schedule = self.schedules.get_mut(id).expect("it was found");
        schedule.phases.truncate(1);
        schedule.phases.push(Phase { start, end, price });
        let customer = self.subscriptions[&known.subscription].customer.clone();
        self.emit("subscription_schedule.updated", "subscription_schedule", id, &customer);
        Ok(self.schedule_of(id))
    }

    fn release(&mut self, id: &str) -> Answer {
        let schedule = self.schedules.get(id).ok_or_else(|| missing("schedule", id, "id"))?.clone();
        if schedule.status != "active" {
            return Err(Refusal(400, "schedule", "it is not active".to_owned()));
        }
        self.close_schedule(&schedule.subscription, "released", "subscription_schedule.released");
        Ok(self.schedule_of(id))
    }

    fn route_invoice(&mut self, method: &str, path: &[&str], params: &Value) -> Answer {
        let Some(id) = path.get(1).copied() else {
            let (customer, subscription) = (text(params, "/customer"), text(params, "/subscription"));
            let since = number(params, "/created/gte").unwrap_or(i64::MIN);
            let wanted = self.invoices.iter().rev().filter(|(_, one)| {
                customer.is_none_or(|customer| one.customer == customer)
                    && subscription.is_none_or(|id| one.subscription.as_deref() == Some(id))
                    && one.created >= since
            });
            return list(wanted.map(|(id, one)| self.invoice_of(id, one)).collect());
        };
        let status = self.invoices.get(id).ok_or_else(|| missing("invoice", id, "id"))?.status;
        match (method, path.get(2).copied()) {
            ("GET", None) => {}
            ("POST", Some("finalize")) if status == "draft" => self.finalize_by_request(id, params),
            ("POST", Some("finalize")) => return Err(not_now("it is finalized already")),
            ("POST", Some("pay")) => self.pay_by_request(id)?,
            ("POST", Some("void")) if !matches!(status, "open" | "uncollectible") => {
                return Err(not_now("only open invoices can be voided"));
            }
            ("POST", Some("void")) if self.is_processing(id) => return Err(not_now("a payment of it is processing")),
            ("POST", Some("void")) => {
                self.void(id);
                self.give_up_payment(id);
            }
            _ => return Err(Refusal(404, "unknown_route", path.join("/"))),
        }
        Ok(self.invoice_of(id, &self.invoices[id]))
    }

    fn finalize_by_request(&mut self, id: &str, params: &Value) {
        let now = self.now;
        if let Some(advances) = text(params, "/auto_advance") {
            self.invoice_mut(id).advances = advances == "true";
        }
        let advances = self.invoices[id].advances;
        self.finalize(id);
        if advances && self.invoices[id].status == "open" {
            self.invoice_mut(id).next_attempt = Some(now + super::HOUR);
        }
    }

    fn pay_by_request(&mut self, id: &str) -> Result<(), Refusal> {
        match self.invoices[id].status {
            "draft" => self.finalize(id),
            "open" | "uncollectible" => {}
            _ => return Err(not_now("it is not open")),
        }
        if self.invoices[id].status == "paid" {
            return Ok(());
        }
        if self.is_processing(id) {
            return Err(not_now("a payment of it is processing"));
        }
        match self.collect(id, None, Presence::Away, false) {
            Some(Attempt::Paid | Attempt::Processing) => Ok(()),
            Some(Attempt::Declined) => Err(Refusal(402, "card_declined", "Your card was declined.".to_owned())),
            Some(Attempt::NeedsAction) => {
                Err(Refusal(402, "invoice_payment_intent_requires_action", "It must be confirmed.".to_owned()))
            }
            None => Err(Refusal(400, "resource_missing", "There is no default_payment_method.".to_owned())),
        }
    }

    fn pay_off_session(&mut self, params: &Value) -> Answer {
        let customer = text(params, "/customer").unwrap_or_default().to_owned();
        let method = text(params, "/payment_method").unwrap_or_default().to_owned();
        let amount = number(params, "/amount").expect("an amount");
        let id = self.intent(&customer, amount, None, metadata(params, "/metadata"));
        match self.attempt(&id, &method, Presence::Away) {
            Attempt::Paid | Attempt::Processing => Ok(intent(&id, &self.intents[&id])),
            Attempt::Declined => Err(Refusal(402, "card_declined", "Your card was declined.".to_owned())),
            Attempt::NeedsAction => {
                // A payment that needs its owner, and was requested without the owner's presence, is declined.
                self.intent_mut(&id).status = "requires_payment_method";
                Err(Refusal(402, "authentication_required", "It must be confirmed.".to_owned()))
            }
        }
    }

    fn visit(&mut self, params: &Value) -> Answer {
        let id = self.id("bps");
        let customer = text(params, "/customer").unwrap_or_default().to_owned();
        let configuration = text(params, "/configuration").unwrap_or_default().to_owned();
        let flow = params.get("flow_data").cloned().unwrap_or(Value::Null);
        let answer = json!({ "id": id, "url": format!("https://stripe.example/p/{id}"), "customer": customer });
        self.visits.insert(id, Visit { configuration, flow });
        Ok(answer)
    }

    fn session(&self, id: &str, session: &Session) -> Value {
        let amount = session.price.as_ref().map(|price| self.prices[price].amount);
        let url = (session.status == "open").then(|| format!("https://stripe.example/c/{id}"));
        json!({
            "id": id, "object": "checkout.session", "livemode": false, "status": session.status,
            "payment_status": session.payment_status, "mode": session.mode, "url": url, "customer": session.customer,
            "client_reference_id": session.reference, "metadata": session.metadata,
            "subscription": session.subscription, "payment_intent": session.intent, "invoice": session.invoice,
            "setup_intent": session.setup,
            "amount_total": amount, "currency": "usd", "created": session.created, "expires_at": session.expires_at,
        })
    }

    fn subscription_of(&self, id: &str) -> Value {
        let one = &self.subscriptions[id];
        json!({
            "id": id, "object": "subscription", "livemode": false, "status": one.status, "customer": one.customer,
            "items": { "has_more": false, "data": [{
                "id": one.item, "price": price(&one.price, &self.prices[&one.price]), "quantity": 1,
                "current_period_start": one.start, "current_period_end": one.end,
            }] },
            "cancel_at_period_end": one.cancel_at_period_end, "cancel_at": one.cancel_at,
            "canceled_at": one.canceled_at, "ended_at": one.ended_at, "latest_invoice": one.latest_invoice,
            "schedule": one.schedule, "pause_collection": null, "trial_end": null,
            "default_payment_method": one.default_method, "billing_cycle_anchor": one.anchor,
            "metadata": one.metadata, "start_date": one.created, "created": one.created,
        })
    }

    fn schedule_of(&self, id: &str) -> Value {
        let one = &self.schedules[id];
        let phases = one.phases.iter().map(|phase| {
            json!({ "start_date": phase.start, "end_date": phase.end, "items": [{ "price": phase.price, "quantity": 1 }] })
        });
        let phases: Vec<Value> = phases.collect();
        let current = (one.status == "active")
            .then(|| json!({ "start_date": one.phases[0].start, "end_date": one.phases[0].end }));
        json!({
            "id": id, "object": "subscription_schedule", "status": one.status, "subscription": one.subscription,
            "current_phase": current, "phases": phases, "end_behavior": "release",
        })
    }

    fn invoice_of(&self, id: &str, one: &Invoice) -> Value {
        let metadata = one.subscription.as_ref().map(|subscription| &self.subscriptions[subscription].metadata);
        let parent = one.subscription.as_ref().map(|subscription| {
            json!({ "type": "subscription_details",
                "subscription_details": { "subscription": subscription, "metadata": metadata } })
        });
        let lines: Vec<Value> = one.lines.iter().map(|line| self.line(line, one)).collect();
        let payments = one.intents.iter().map(|intent| {
            let found = &self.intents[intent];
            let status = match found.status {
                "succeeded" => "paid",
                "canceled" => "canceled",
                _ => "open",
            };
            json!({
                "id": format!("inpay_{intent}"), "invoice": id, "currency": "usd", "status": status,
                "amount_paid": (status == "paid").then_some(found.received), "created": found.created,
                "payment": { "type": "payment_intent", "payment_intent": intent },
            })
        });
        let payments: Vec<Value> = payments.collect();
        let url = one.finalized_at.map(|_| format!("https://stripe.example/i/{id}"));
        json!({
            "id": id, "object": "invoice", "livemode": false, "status": one.status, "customer": one.customer,
            "billing_reason": one.reason, "parent": parent, "currency": "usd", "total": one.total,
            "amount_due": one.due, "amount_paid": one.paid, "amount_remaining": one.remaining(),
            "starting_balance": one.starting_balance, "ending_balance": one.ending_balance,
            "pre_payment_credit_notes_amount": one.credited_before,
            "post_payment_credit_notes_amount": one.credited_after, "auto_advance": one.advances,
            "automatically_finalizes_at": one.finalizes_at, "attempt_count": one.attempts,
            "next_payment_attempt": one.next_attempt,
            "lines": { "has_more": false, "data": lines }, "payments": { "has_more": false, "data": payments },
            "status_transitions": {
                "finalized_at": one.finalized_at, "paid_at": one.paid_at, "voided_at": one.voided_at,
                "marked_uncollectible_at": one.uncollectible_at,
            },
            "metadata": one.metadata, "hosted_invoice_url": url, "created": one.created,
        })
    }

    fn line(&self, line: &Line, invoice: &Invoice) -> Value {
        let price = line.price.as_ref();
        let pricing =
            price.map(|price| json!({ "price_details": { "price": price, "product": self.prices[price].product } }));
        let parent = match &line.item {
            Some(_) => json!({ "subscription_item_details": {
                "subscription": invoice.subscription, "proration": false } }),
            None => json!({ "invoice_item_details": {
                "invoice_item": format!("ii_{}", line.id), "subscription": null, "proration": false } }),
        };
        json!({
            "id": line.id, "amount": line.amount, "currency": "usd", "quantity": 1,
            "period": { "start": line.period.0, "end": line.period.1 }, "pricing": pricing, "parent": parent,
            "metadata": {},
        })
    }

    fn charge_of(&self, id: &str) -> Value {
        let one = &self.charges[id];
        json!({
            "id": id, "object": "charge", "livemode": false, "status": one.status, "paid": one.status == "succeeded",
            "amount": one.amount, "amount_refunded": one.refunded, "currency": one.currency,
            "customer": one.customer, "payment_intent": one.intent, "refunded": one.refunded == one.amount,
            "disputed": one.disputed, "metadata": {}, "created": one.created,
        })
    }

    fn dispute_of(&self, id: &str, one: &Dispute) -> Value {
        json!({
            "id": id, "object": "dispute", "livemode": false, "status": one.status, "amount": one.amount,
            "currency": "usd", "charge": one.charge, "payment_intent": self.charges[&one.charge].intent,
            "reason": "fraudulent", "created": one.created,
        })
    }

    fn note_of(&self, id: &str) -> Value {
        let one = &self.notes[id];
        let refunds: Vec<Value> =
            one.refunds.iter().map(|(id, amount)| json!({ "refund": id, "amount_refunded": amount })).collect();
        let transaction = self.balance.iter().find(|movement| movement.note.as_deref() == Some(id));
        json!({
            "id": id, "object": "credit_note", "livemode": false, "status": one.status, "amount": one.amount,
            "currency": "usd", "customer": self.invoices[&one.invoice].customer, "invoice": one.invoice,
            "pre_payment_amount": one.before_payment, "post_payment_amount": one.after_payment,
            "out_of_band_amount": (one.out_of_band > 0).then_some(one.out_of_band),
            "customer_balance_transaction": transaction.map(|movement| &movement.id), "refunds": refunds,
            "metadata": {}, "created": one.created, "voided_at": null,
        })
    }
}

fn product(id: &str, one: &Product) -> Value {
    json!({
        "id": id, "object": "product", "active": one.active, "livemode": false, "name": one.name,
        "metadata": one.metadata, "default_price": one.default_price, "created": one.created,
    })
}

fn price(id: &str, one: &Price) -> Value {
    let recurring = one
        .interval
        .as_ref()
        .map(|interval| json!({ "interval": interval, "interval_count": 1, "usage_type": "licensed" }));
    json!({
        "id": id, "object": "price", "active": one.active, "livemode": false, "currency": one.currency,
        "unit_amount": one.amount, "billing_scheme": "per_unit", "recurring": recurring,
        "lookup_key": one.lookup_key, "metadata": one.metadata, "product": one.product, "created": one.created,
    })
}

fn customer(id: &str, one: &Customer) -> Value {
    json!({
        "id": id, "object": "customer", "livemode": false, "email": one.email, "name": null,
        "metadata": one.metadata, "invoice_settings": { "default_payment_method": one.default_method },
        "test_clock": "clock_1",
    })
}

fn movement(one: &super::Movement) -> Value {
    json!({
        "id": one.id, "object": "customer_balance_transaction", "livemode": false, "type": one.kind,
        "amount": one.amount, "ending_balance": one.ending, "currency": "usd", "customer": one.customer,
        "invoice": one.invoice, "credit_note": one.note, "metadata": {}, "created": one.created,
    })
}

fn intent(id: &str, one: &Intent) -> Value {
    json!({
        "id": id, "object": "payment_intent", "livemode": false, "status": one.status, "amount": one.amount,
        "amount_received": one.received, "currency": one.currency, "customer": one.customer,
        "payment_method": one.method, "latest_charge": one.latest_charge, "last_payment_error": null,
        "metadata": one.metadata, "created": one.created,
    })
}

fn configuration(id: &str, one: &Value) -> Value {
    let mark = metadata(one, "/metadata");
    json!({ "id": id, "object": "billing_portal.configuration", "active": true, "livemode": false, "metadata": mark })
}

/// Returns an event as it is delivered.
pub fn event(one: &super::Event) -> Value {
    json!({
        "id": one.id, "object": "event", "type": one.kind, "livemode": false, "api_version": null, "account": null,
        "data": { "object": { "id": one.subject, "object": one.object, "customer": one.customer } },
        "created": one.created,
    })
}
