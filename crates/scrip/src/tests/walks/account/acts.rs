//! Acts of people on Stripe's pages and in its dashboard.

use super::{Account, Card, Dispute, Note, Phase, Presence, Schedule, Subscription};
use std::collections::BTreeMap;

impl Account {
    /// Pays a checkout session; returns `true` if that completed it.
    pub fn pay_session(&mut self, id: &str, card: Card) -> bool {
        let session = self.sessions[id].clone();
        if session.status != "open" || card == Card::Declined {
            return false;
        }
        let method = self.method(card);
        let Some(price) = &session.price else {
            return self.set_up(id, &method);
        };
        let amount = self.prices[price].amount;
        if session.mode == "subscription" {
            self.subscribe(id, &method);
        } else {
            let intent = self.intent(&session.customer, amount, None, session.inner_metadata.clone());
            self.intent_mut(&intent).keeps = true;
            self.attempt(&intent, &method, Presence::Here);
            self.sessions.get_mut(id).expect("it is open").intent = Some(intent);
        }
        let processing = matches!(card, Card::Debit { .. }) && !self.is_session_settled(id);
        let session = self.sessions.get_mut(id).expect("it is open");
        session.status = "complete";
        session.payment_status = if processing { "unpaid" } else { "paid" };
        let customer = session.customer.clone();
        self.emit("checkout.session.completed", "checkout.session", id, &customer);
        true
    }

    /// Completes a checkout session in setup mode, which takes a payment method alone.
    fn set_up(&mut self, id: &str, method: &str) -> bool {
        let setup = self.id("seti");
        self.setups.insert(setup.clone(), method.to_owned());
        let session = self.sessions.get_mut(id).expect("it is open");
        (session.status, session.payment_status) = ("complete", "no_payment_required");
        session.setup = Some(setup);
        let customer = session.customer.clone();
        self.customers.get_mut(&customer).expect("it was made").methods.push(method.to_owned());
        self.emit("checkout.session.completed", "checkout.session", id, &customer);
        true
    }

    fn is_session_settled(&self, id: &str) -> bool {
        let session = &self.sessions[id];
        session.invoice.as_ref().is_some_and(|invoice| self.invoices[invoice].status == "paid")
    }

    fn subscribe(&mut self, session: &str, method: &str) {
        let known = self.sessions[session].clone();
        let price = known.price.clone().expect("a plan has a price");
        let (id, item) = (self.id("sub"), self.id("si"));
        let now = self.now;
        let subscription = Subscription {
            customer: known.customer.clone(),
            item,
            price: price.clone(),
            status: "incomplete",
            start: now,
            end: self.after(&price, now, 1),
            anchor: now,
            cancel_at_period_end: false,
            cancel_at: None,
            canceled_at: None,
            ended_at: None,
            schedule: None,
            default_method: Some(method.to_owned()),
            metadata: known.inner_metadata,
            latest_invoice: None,
            created: now,
            pending: None,
        };
        let period = (subscription.start, subscription.end);
        self.subscriptions.insert(id.clone(), subscription);
        self.customers.get_mut(&known.customer).expect("it was made").methods.push(method.to_owned());
        self.tell_of_subscription("customer.subscription.created", &id);
        let line = self.line_of(&id, &price, period);
        let invoice = self.draft(&known.customer, &id, "subscription_create", vec![line], false);
        let session = self.sessions.get_mut(session).expect("it is open");
        (session.subscription, session.invoice) = (Some(id), Some(invoice.clone()));
        self.finalize(&invoice);
        if self.invoices[&invoice].status == "open" {
            self.collect(&invoice, None, Presence::Here, true);
        }
    }

    /// Changes the plan in the portal: at once, or at the period's end where the configuration says so.
    ///
    /// # Errors
    /// With the reason, when the portal does not allow the change.
    pub fn switch(&mut self, visit: &str, subscription: &str, price: &str) -> Result<(), &'static str> {
        let configuration = &self.configurations[&self.visits[visit].configuration];
        let changing = &configuration["features"]["subscription_update"];
        let is_listed = changing["products"].as_object().into_iter().flatten().any(|(_, product)| {
            let prices = product["prices"].as_object();
            prices.into_iter().flatten().any(|(_, listed)| listed == price)
        });
        let conditions = changing["schedule_at_period_end"]["conditions"].as_object();
        let conditions: Vec<String> =
            conditions.into_iter().flatten().filter_map(|(_, one)| Some(one["type"].as_str()?.to_owned())).collect();
        let before = self.subscriptions[subscription].clone();
        if !is_listed || !before.goes_on() || before.pending.is_some() || before.price == price {
            return Err("the portal does not offer it");
        }
        if before.status != "active" {
            return Err("the portal changes nothing that is not paid");
        }
        let days = |price: &str| self.after(price, 0, 1);
        let waits = conditions.iter().any(|condition| match condition.as_str() {
            "decreasing_item_amount" => self.prices[price].amount < self.prices[&before.price].amount,
            "shortening_interval" => days(price) < days(&before.price),
            _ => false,
        });
        if waits {
            self.close_schedule(subscription, "released", "subscription_schedule.released");
            self.schedule(subscription, price);
            return Ok(());
        }
        self.switch_now(subscription, price)
    }

    /// Agrees on another price for the end of the period.
    pub fn schedule(&mut self, subscription: &str, price: &str) {
        let before = self.subscriptions[subscription].clone();
        let id = self.id("sub_sched");
        let until = self.after(price, before.end, 1);
        let phases = vec![
            Phase { start: before.start, end: before.end, price: before.price },
            Phase { start: before.end, end: until, price: price.to_owned() },
        ];
        let schedule = Schedule { subscription: subscription.to_owned(), status: "active", phases };
        self.schedules.insert(id.clone(), schedule);
        self.subscription_mut(subscription).schedule = Some(id.clone());
        self.emit("subscription_schedule.updated", "subscription_schedule", &id, &before.customer);
    }

    /// Changes the price at once: a new period that is paid first.
    pub fn switch_now(&mut self, subscription: &str, price: &str) -> Result<(), &'static str> {
        let before = self.subscriptions[subscription].clone();
        let method = before.default_method.clone();
        let method = method.or_else(|| self.customers[&before.customer].default_method.clone());
        let card = method.as_ref().map(|method| self.cards[method]);
        let owes = self.prices[price].amount + self.customers[&before.customer].balance > 0;
        if owes && matches!(card, None | Some(Card::Declined)) {
            return Err("the card is declined");
        }
        let waits = owes && matches!(card, Some(Card::Secure | Card::Debit { .. }));
        self.close_schedule(subscription, "released", "subscription_schedule.released");
        let end = self.after(price, self.now, 1);
        let line = self.line_of(subscription, price, (self.now, end));
        let invoice = self.draft(&before.customer, subscription, "subscription_update", vec![line], false);
        if waits {
            self.subscription_mut(subscription).pending = Some((price.to_owned(), invoice.clone()));
        } else {
            let now = self.now;
            self.switch_price(subscription, price, now);
        }
        self.finalize(&invoice);
        if self.invoices[&invoice].status == "open" {
            self.collect(&invoice, None, Presence::Here, true);
        }
        let changed = self.subscription_mut(subscription);
        // A customer who changes the plan wants to stay.
        (changed.cancel_at_period_end, changed.cancel_at) = (false, None);
        self.tell_of_subscription("customer.subscription.updated", subscription);
        Ok(())
    }

    /// Cancels in the portal, which announces the end by a flag or by its instant.
    pub fn cancel_in_portal(&mut self, subscription: &str, by_date: bool) -> bool {
        let before = self.subscriptions[subscription].clone();
        if !before.goes_on() || before.cancel_at_period_end || before.cancel_at.is_some() {
            return false;
        }
        self.close_schedule(subscription, "released", "subscription_schedule.released");
        let now = self.now;
        let changed = self.subscription_mut(subscription);
        changed.canceled_at = Some(now);
        if by_date {
            changed.cancel_at = Some(before.end)
        } else {
            changed.cancel_at_period_end = true
        }
        self.tell_of_subscription("customer.subscription.updated", subscription);
        true
    }

    /// Takes a cancellation back in the portal.
    pub fn keep_in_portal(&mut self, subscription: &str) -> bool {
        let before = self.subscriptions[subscription].clone();
        if !before.goes_on() || !(before.cancel_at_period_end || before.cancel_at.is_some()) {
            return false;
        }
        let changed = self.subscription_mut(subscription);
        (changed.cancel_at_period_end, changed.cancel_at, changed.canceled_at) = (false, None, None);
        self.tell_of_subscription("customer.subscription.updated", subscription);
        true
    }

    /// Ends a subscription at once, in the dashboard.
    pub fn end_now(&mut self, subscription: &str) -> bool {
        let alive = !matches!(self.subscriptions[subscription].status, "canceled" | "incomplete_expired");
        if alive {
            self.end(subscription);
        }
        alive
    }

    /// Sets the default payment method of a customer.
    pub fn set_card(&mut self, customer: &str, card: Card) {
        let method = self.method(card);
        let known = self.customers.get_mut(customer).expect("it was made");
        known.default_method = Some(method.clone());
        known.methods.push(method.clone());
        for subscription in self.subscriptions.values_mut().filter(|one| one.customer == customer) {
            if subscription.default_method.is_some() {
                subscription.default_method = Some(method.clone());
            }
        }
    }

    /// Refunds a charge, in part or whole; returns the refund, if that was possible.
    pub fn refund(&mut self, charge: &str, amount: i64) -> Option<String> {
        let found = self.charges.get_mut(charge).expect("it was made");
        let is_claimed =
            found.disputed && self.disputes.values().any(|one| one.charge == charge && one.status != "won");
        if found.status != "succeeded" || is_claimed || amount < 1 || amount > found.amount - found.refunded {
            return None;
        }
        found.refunded += amount;
        let customer = found.customer.clone();
        let id = self.id("re");
        self.refunds.insert(id.clone(), (charge.to_owned(), amount));
        self.emit("charge.refunded", "charge", charge, &customer);
        Some(id)
    }

    /// Issues a credit note on a paid invoice: into the balance, as a refund, or given back outside Stripe.
    pub fn credit(&mut self, invoice: &str, to_balance: i64, refund: i64, out_of_band: i64) -> bool {
        let found = self.invoices[invoice].clone();
        let amount = to_balance + refund + out_of_band;
        if found.status != "paid" || amount < 1 || amount > found.total - found.credited_before - found.credited_after {
            return false;
        }
        let mut refunds = Vec::new();
        if refund > 0 {
            let charge = found.intents.iter().rev().find_map(|intent| self.intents[intent].latest_charge.clone());
            let made = charge.and_then(|charge| self.refund(&charge, refund));
            let Some(made) = made else { return false };
            refunds.push((made, refund));
        }
        let id = self.id("cn");
        let note = Note {
            invoice: invoice.to_owned(),
            amount,
            before_payment: 0,
            after_payment: amount,
            refunds,
            out_of_band,
            status: "issued",
            created: self.now,
        };
        self.notes.insert(id.clone(), note);
        self.invoice_mut(invoice).credited_after += amount;
        self.move_balance(&found.customer, "credit_note", -to_balance, Some(invoice), Some(&id));
        self.emit("credit_note.created", "credit_note", &id, &found.customer);
        true
    }

    /// Issues a credit note on an open invoice, which lowers the amount due.
    pub fn credit_open(&mut self, invoice: &str, amount: i64) -> bool {
        let found = self.invoices[invoice].clone();
        if found.status != "open" || self.is_processing(invoice) || amount < 1 || amount > found.remaining() {
            return false;
        }
        let id = self.id("cn");
        let note = Note {
            invoice: invoice.to_owned(),
            amount,
            before_payment: amount,
            after_payment: 0,
            refunds: Vec::new(),
            out_of_band: 0,
            status: "issued",
            created: self.now,
        };
        self.notes.insert(id.clone(), note);
        let changed = self.invoice_mut(invoice);
        changed.credited_before += amount;
        changed.due -= amount;
        let (left, intent) = (changed.remaining(), changed.intents.last().cloned());
        self.emit("credit_note.created", "credit_note", &id, &found.customer);
        let intent = intent.expect("an open invoice has a payment");
        if left > 0 {
            self.intent_mut(&intent).amount = left;
        } else {
            self.intent_mut(&intent).status = "canceled";
            self.settle(invoice);
        }
        true
    }

    /// Opens a dispute about a charge.
    pub fn dispute(&mut self, charge: &str) -> bool {
        let found = self.charges.get_mut(charge).expect("it was made");
        if found.status != "succeeded" || found.disputed || found.refunded == found.amount {
            return false;
        }
        found.disputed = true;
        let (customer, amount) = (found.customer.clone(), found.amount - found.refunded);
        let id = self.id("du");
        let dispute = Dispute { charge: charge.to_owned(), amount, status: "needs_response", created: self.now };
        self.disputes.insert(id.clone(), dispute);
        self.emit("charge.dispute.created", "dispute", &id, &customer);
        true
    }

    /// Closes a dispute as won or lost; returns `false` if it was closed before.
    pub fn close_dispute(&mut self, id: &str, won: bool) -> bool {
        let found = self.disputes.get_mut(id).expect("it was made");
        if !matches!(found.status, "needs_response" | "under_review") {
            return false;
        }
        found.status = if won { "won" } else { "lost" };
        let customer = self.charges[&found.charge].customer.clone();
        self.emit("charge.dispute.closed", "dispute", id, &customer);
        true
    }

    /// Changes a customer's balance by hand, as the operator.
    pub fn adjust_balance(&mut self, customer: &str, amount: i64) {
        self.move_balance(customer, "adjustment", amount, None, None);
    }

    /// Voids an open invoice by hand, as the operator.
    pub fn void_by_hand(&mut self, invoice: &str) -> bool {
        if self.invoices[invoice].status != "open" || self.is_processing(invoice) {
            return false;
        }
        self.void(invoice);
        self.give_up_payment(invoice);
        true
    }

    /// Gives up an open invoice by hand, as the operator.
    pub fn give_up_by_hand(&mut self, invoice: &str) -> bool {
        if self.invoices[invoice].status != "open" || self.is_processing(invoice) {
            return false;
        }
        let now = self.now;
        let found = self.invoice_mut(invoice);
        (found.status, found.uncollectible_at) = ("uncollectible", Some(now));
        (found.advances, found.next_attempt) = (false, None);
        self.tell_of_invoice("invoice.marked_uncollectible", invoice);
        self.give_up_payment(invoice);
        true
    }

    /// Records that the payment of an invoice is not expected any more.
    pub(super) fn give_up_payment(&mut self, invoice: &str) {
        let Some(id) = self.invoices[invoice].subscription.clone() else { return };
        let first = self.invoices[invoice].reason == "subscription_create";
        let owes = self.unsettled_invoices(&id).iter().any(|one| self.invoices[one].status == "open");
        let found = self.subscription_mut(&id);
        if found.pending.as_ref().is_some_and(|(_, waits_for)| waits_for == invoice) {
            found.pending = None;
        }
        match found.status {
            "incomplete" if first => self.end(&id),
            "past_due" | "unpaid" if !owes => {
                found.status = "active";
                self.tell_of_subscription("customer.subscription.updated", &id);
            }
            _ => {}
        }
    }

    /// Puts an amount on the customer's next invoice by hand, as the operator.
    pub fn add_line(&mut self, customer: &str, amount: i64) {
        self.by_hand.entry(customer.to_owned()).or_default().push(amount);
    }

    pub(super) fn keep_metadata(&mut self, customer: &str, metadata: BTreeMap<String, String>) {
        self.customers.get_mut(customer).expect("it was made").metadata.extend(metadata);
    }
}
