//! The client's calls against the simulator: sales, payments, refunds, cancellations, and answers lost on the way.

use super::client::{Client, VERSION};
use super::error::Error;
use super::key::{IdempotencyKey, SecretKey};
use super::objects::charge::{Charges, DisputeStatus, Disputes};
use super::objects::checkout::{self, LineItem, NewSession, PaymentIntentData, SubscriptionData};
use super::objects::customer::NewCustomer;
use super::objects::event::{Event, Events};
use super::objects::invoice::{BillingReason, Invoices, Status as Bill};
use super::objects::payment::{self, NewPayment};
use super::objects::portal::NewSession as NewPortalSession;
use super::objects::portal::{
    CancelFeature, Choice, Condition, Features, Flow, FlowItem, FlowSubscription, FlowUpdate, NewConfiguration,
    PeriodEndSchedule, Switch, UpdateFeature,
};
use super::objects::subscription::{EndChange, Status};
use super::objects::{Metadata, Range, Seconds, balance, credit_note};
use super::offers::{SaleItem, offer};
use super::sync::{apply, check, compare};
use crate::shipped;
use scrip_engine::{Catalog, Interval, parse_catalog};
use serde_json::{Value, json};
use stripe_simulator::calls::{Cut, Fault};
use stripe_simulator::{Config, Simulator};

const SECRET: &str = "sk_test_simulated";
const VISA: &str = "4242424242424242";
/// Card whose bank asks the customer to authenticate each time.
const CAUTIOUS: &str = "4000002760003184";

struct World {
    simulator: Simulator,
    client: Client,
}

fn catalog() -> Catalog {
    parse_catalog(shipped::find("canvas-tiers").expect("it is shipped")).expect("it is good")
}

fn key(text: &str) -> IdempotencyKey {
    IdempotencyKey::of(&[text])
}

impl World {
    /// Starts an account that sells the canvas tiers.
    async fn open() -> World {
        let simulator = Simulator::start(Config::default()).await.expect("a free port");
        let secret = SecretKey::new(SECRET).expect("it is one");
        let client = Client::new(simulator.base_url(), secret).expect("it is here").impatient();
        let plan = compare(&client, &catalog()).await.expect("it can be read");
        apply(&client, &plan, |_| ()).await.expect("nothing is in the way");
        World { simulator, client }
    }

    async fn customer(&self) -> String {
        let metadata = Metadata::from([("scrip_workspace".to_owned(), "ws_1".to_owned())]);
        let new = NewCustomer { email: Some("ada@example.com".to_owned()), metadata, ..NewCustomer::default() };
        self.client.create_customer(&new, &key("ws_1")).await.expect("it is made").id
    }

    async fn price(&self, sold: &SaleItem) -> String {
        let prices = self.client.prices().await.expect("they can be read");
        let sells = |price: &&super::objects::price::Price| price.lookup_key.as_ref() == Some(&sold.lookup_key());
        prices.iter().find(sells).expect("it is for sale").id.clone()
    }

    /// Opens a checkout session.
    async fn visit(&self, customer: &str, sold: &SaleItem, decision: &str) -> checkout::Session {
        let metadata = Metadata::from([("scrip_workspace".to_owned(), "ws_1".to_owned())]);
        let is_plan = sold.interval().is_some();
        let new = NewSession {
            currency: None,
            mode: if is_plan { "subscription" } else { "payment" },
            customer: customer.to_owned(),
            client_reference_id: "ws_1".to_owned(),
            line_items: vec![LineItem { price: self.price(sold).await, quantity: 1 }],
            success_url: "https://example.com/done".to_owned(),
            cancel_url: "https://example.com/".to_owned(),
            metadata: metadata.clone(),
            custom_text: None,
            expires_at: None,
            subscription_data: is_plan.then(|| SubscriptionData { metadata: metadata.clone() }),
            payment_intent_data: (!is_plan)
                .then_some(PaymentIntentData { metadata, setup_future_usage: Some("off_session") }),
        };
        self.client.create_checkout(&new, &key(decision)).await.expect("it is opened")
    }

    /// Reads one of a customer's payment intents.
    async fn payment(&self, customer: &str, id: &str) -> payment::PaymentIntent {
        let all = self.client.payment_intents_of(customer, Range::default()).await.expect("they can be read");
        all.into_iter().find(|payment| payment.id == id).expect("it is there")
    }

    /// Cancels a subscription at once, as the account's owner can.
    async fn end(&self, subscription: &str) {
        let url = format!("{}/v1/subscriptions/{subscription}", self.simulator.base_url());
        let request = reqwest::Client::new().delete(url).bearer_auth(SECRET).header("Stripe-Version", VERSION);
        assert_eq!(request.send().await.expect("it answers").status(), 200);
    }

    /// Acts as a person or a bank through the simulator's control endpoints.
    async fn act(&self, path: &str, said: Value) -> Value {
        let url = format!("{}/_control{path}", self.simulator.base_url());
        let answer = reqwest::Client::new().post(url).json(&said).send().await.expect("it answers");
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.json().await.expect("it is JSON")
    }

    /// Opens a checkout session and pays it.
    async fn buy(&self, customer: &str, sold: &SaleItem, card: &str) -> checkout::Session {
        let visit = self.visit(customer, sold, "bought").await;
        self.act(&format!("/checkout/{}/pay", visit.id), json!({ "card": card })).await;
        self.client.checkout(&visit.id).await.expect("it can be read")
    }
}

fn pro() -> SaleItem {
    SaleItem::Plan { plan: "pro".to_owned(), interval: Interval::Month }
}

fn pack() -> SaleItem {
    SaleItem::Pack { pack: "credits-1000".to_owned() }
}

#[tokio::test]
async fn a_synced_account_has_nothing_to_be_done() {
    let world = World::open().await;
    assert_eq!(check(&world.client, &catalog()).await.expect("it can be read"), Vec::<String>::new());
    let mut dearer = catalog();
    for plan in &mut dearer.plans {
        plan.prices.iter_mut().for_each(|price| price.amount = price.amount.map(|amount| amount + amount));
    }
    dearer.packs.clear();
    let plan = compare(&world.client, &dearer).await.expect("it can be read");
    apply(&world.client, &plan, |_| ()).await.expect("nothing is in the way");
    assert_eq!(check(&world.client, &dearer).await.expect("it can be read"), Vec::<String>::new());
    assert!(world.client.account().await.expect("there is one").id.starts_with("acct_"));
}

#[tokio::test]
async fn a_plan_is_bought_and_its_bill_leads_to_what_was_sold() {
    let world = World::open().await;
    let client = &world.client;
    let customer = world.customer().await;
    let visit = world.buy(&customer, &pro(), VISA).await;
    assert_eq!(visit.status, Some(checkout::Status::Complete));
    assert_eq!(visit.payment_status, checkout::PaymentStatus::Paid);
    assert_eq!((visit.client_reference_id.as_deref(), visit.mode.as_str()), (Some("ws_1"), "subscription"));
    assert_eq!(visit.customer.as_ref().map(|customer| customer.id.as_str()), Some(&*customer));

    let subscription = visit.subscription.expect("it has begun").id;
    let subscription = client.subscription(&subscription).await.expect("it is there");
    assert_eq!((&subscription.status, subscription.cancel_at_period_end), (&Status::Active, false));
    assert_eq!(subscription.metadata.get("scrip_workspace").map(String::as_str), Some("ws_1"));
    let item = &subscription.items.data[0];
    assert_eq!(offer(&item.price).map(|offer| offer.sold), Ok(pro()));
    assert_eq!(
        client.subscriptions_of(&customer).await.expect("they can be read"),
        std::slice::from_ref(&subscription)
    );

    let latest = subscription.latest_invoice.expect("there is one").id;
    let which = Invoices { customer: Some(&customer), ..Invoices::default() };
    let [bill] = client.invoices(&which).await.expect("they can be read").try_into().expect("it is the only one");
    assert_eq!(bill.id, latest);
    assert_eq!((&bill.status, &bill.billing_reason), (&Some(Bill::Paid), &Some(BillingReason::SubscriptionCreate)));
    assert_eq!((bill.subscription(), bill.amount_paid), (Some(&*subscription.id), 3900));
    let line = &bill.lines.data[0];
    assert!(!line.is_proration());
    assert_eq!((line.period.start, line.period.end), (item.current_period_start, item.current_period_end));
    assert_eq!(line.price().map(|price| &price.id), Some(&item.price.id));

    let payments = client.invoice_payments(&bill.id).await.expect("they can be read");
    assert_eq!(payments.iter().map(|payment| &*payment.invoice.id).collect::<Vec<_>>(), [&*bill.id]);
    assert_eq!(payments, bill.payments.data);
    let paid = payments[0].payment.payment_intent.as_ref().expect("it was paid with one");
    assert_eq!(world.payment(&customer, &paid.id).await.amount_received, 3900);
}

#[tokio::test]
async fn a_plan_is_called_off_taken_up_again_and_ended() {
    let world = World::open().await;
    let client = &world.client;
    let customer = world.customer().await;
    let id = world.buy(&customer, &pro(), VISA).await.subscription.expect("it has begun").id;
    let ends = |ends: bool| EndChange { cancel_at_period_end: Some(ends), ..EndChange::default() };
    let off = client.end_subscription(&id, ends(true), &key("off")).await.expect("it is called off");
    assert!(off.cancel_at_period_end && off.status == Status::Active && off.canceled_at.is_some());
    let on = client.end_subscription(&id, ends(false), &key("on")).await.expect("it is taken up");
    assert!(!on.cancel_at_period_end && on.cancel_at.is_none());
    world.end(&id).await;
    let over = client.subscription(&id).await.expect("it is there");
    assert!(over.status == Status::Canceled && over.ended_at.is_some());
    let types = ["customer.subscription.updated", "customer.subscription.deleted"];
    let events = client.events(&Events { types: &types, ..Events::default() }).await.expect("they can be read");
    let about = |event: &Event| event.data.object["id"].as_str().map(str::to_owned);
    let told: Vec<(&str, Option<String>)> = events.iter().map(|event| (&*event.kind, about(event))).collect();
    assert_eq!(told[0], ("customer.subscription.deleted", Some(id)));
    assert!(told.len() >= 3 && told[1..].iter().all(|(kind, _)| *kind == "customer.subscription.updated"), "{told:?}");
    assert!(events.iter().all(|event| event.api_version.as_deref() == Some(VERSION)));
}

#[tokio::test]
async fn a_change_that_waits_is_the_next_phase_of_a_schedule() {
    let world = World::open().await;
    let client = &world.client;
    let customer = world.customer().await;
    let id = world.buy(&customer, &pro(), VISA).await.subscription.expect("it has begun").id;
    let subscription = client.subscription(&id).await.expect("it is there");
    let schedule: Value =
        client.post(&["subscription_schedules"], &json!({ "from_subscription": id }), &key("s")).await.expect("made");
    let creator = SaleItem::Plan { plan: "creator".to_owned(), interval: Interval::Month };
    let (now, end) = (&schedule["phases"][0], subscription.items.data[0].current_period_end);
    let phases = json!({ "end_behavior": "release", "phases": [
        { "items": [{ "price": subscription.items.data[0].price.id, "quantity": 1 }],
          "start_date": now["start_date"], "end_date": end },
        { "items": [{ "price": world.price(&creator).await, "quantity": 1 }] },
    ] });
    let schedule = schedule["id"].as_str().expect("an id");
    let _changed: Value =
        client.post(&["subscription_schedules", schedule], &phases, &key("p")).await.expect("changed");
    let named = client.subscription(&id).await.expect("it is there").schedule.expect("it has one").id;
    let schedule = client.subscription_schedule(&named).await.expect("it is there");
    let (start, price) = schedule.next().expect("a change waits");
    assert_eq!(start, end);
    assert_eq!(price.object.as_deref().map(offer).map(|offer| offer.map(|offer| offer.sold)), Some(Ok(creator)));
}

#[tokio::test]
async fn a_pack_is_bought_and_bought_again_without_its_buyer() {
    let world = World::open().await;
    let client = &world.client;
    let customer = world.customer().await;
    let visit = world.buy(&customer, &pack(), VISA).await;
    let payment = world.payment(&customer, &visit.payment_intent.expect("it was paid").id).await;
    assert_eq!((&payment.status, payment.amount_received), (&payment::Status::Succeeded, 1200));
    let again = NewPayment {
        amount: 1200,
        currency: "usd".to_owned(),
        customer: customer.clone(),
        payment_method: payment.payment_method.expect("it was kept").id,
        description: "1000 credits".to_owned(),
        metadata: pack().metadata(),
    };
    let first = client.pay_off_session(&again, &key("top-up 1")).await.expect("it is paid");
    let same = client.pay_off_session(&again, &key("top-up 1")).await.expect("it is paid");
    assert_eq!((&first.id, &first.status), (&same.id, &payment::Status::Succeeded));
    let all = client.payment_intents_of(&customer, Range::default()).await.expect("they can be read");
    assert_eq!(all.iter().map(|payment| payment.amount).collect::<Vec<_>>(), [1200, 1200]);
    let later = Range { gte: Some(Seconds(first.created.0 + 3600)), lt: None };
    assert_eq!(client.payment_intents_of(&customer, later).await.expect("they can be read"), []);
}

#[tokio::test]
async fn a_bank_that_wants_to_see_its_customer_says_so_and_names_the_payment() {
    let world = World::open().await;
    let client = &world.client;
    let customer = world.customer().await;
    let visit = world.visit(&customer, &pack(), "cautious").await;
    let said = world.act(&format!("/checkout/{}/pay", visit.id), json!({ "card": CAUTIOUS })).await;
    if said["status"] == "needs_action" {
        world.act(&format!("/checkout/{}/confirm", visit.id), json!({})).await;
    }
    let visit = client.checkout(&visit.id).await.expect("it can be read");
    let payment = world.payment(&customer, &visit.payment_intent.expect("it was paid").id).await;
    let again = NewPayment {
        amount: 1200,
        currency: "usd".to_owned(),
        customer: customer.clone(),
        payment_method: payment.payment_method.expect("it was kept").id,
        description: "1000 credits".to_owned(),
        metadata: pack().metadata(),
    };
    let error = client.pay_off_session(&again, &key("top-up 1")).await.expect_err("the customer is absent");
    let refused = error.refusal().unwrap_or_else(|| panic!("{error:?}"));
    assert_eq!((refused.status, refused.code.as_deref()), (402, Some("authentication_required")));
    let named = &refused.payment_intent.as_ref().expect("it is named").id;
    let failed = world.payment(&customer, named).await;
    assert_eq!(failed.status, payment::Status::RequiresPaymentMethod);
    let why = failed.last_payment_error.and_then(|error| error.code);
    assert_eq!(why.as_deref(), Some("authentication_required"));
}

#[tokio::test]
async fn money_goes_back_and_is_claimed_back() {
    let world = World::open().await;
    let client = &world.client;
    let customer = world.customer().await;
    let payment = world.buy(&customer, &pack(), VISA).await.payment_intent.expect("it was paid").id;
    let which = Charges { customer: Some(&customer), payment_intent: Some(&payment), created: None };
    let charge = client.charges(&which).await.expect("they can be read").remove(0);
    assert!(charge.paid && charge.status == "succeeded" && !charge.refunded);

    let part = json!({ "charge": charge.id, "amount": 500 });
    let _given_back: Value = client.post(&["refunds"], &part, &key("refund")).await.expect("it is given back");
    let charge = client.charge(&charge.id).await.expect("it is there");
    assert_eq!((charge.amount_refunded, charge.refunded, charge.disputed), (500, false, false));

    world.act(&format!("/charges/{}/dispute", charge.id), json!({})).await;
    let which = Disputes { charge: Some(&charge.id), created: None };
    let dispute = client.disputes(&which).await.expect("they can be read").remove(0);
    assert_eq!((&dispute.status, &dispute.charge.id), (&DisputeStatus::NeedsResponse, &charge.id));
    world.act(&format!("/disputes/{}/decide", dispute.id), json!({ "won": true })).await;
    let disputes = client.disputes(&which).await.expect("they can be read");
    assert_eq!(disputes.iter().map(|dispute| &dispute.status).collect::<Vec<_>>(), [&DisputeStatus::Won]);
}

#[tokio::test]
async fn a_visit_that_is_ended_cannot_be_used() {
    let world = World::open().await;
    let client = &world.client;
    let customer = world.customer().await;
    let visit = world.visit(&customer, &pack(), "visit").await;
    assert!(visit.status == Some(checkout::Status::Open) && visit.url.is_some());
    assert_eq!(world.visit(&customer, &pack(), "visit").await.id, visit.id);
    let ended = client.expire_checkout(&visit.id, &key("end")).await.expect("it is ended");
    assert_eq!((ended.status, ended.url), (Some(checkout::Status::Expired), None));
    let all = client.checkouts_of(&customer).await.expect("they can be read");
    assert_eq!(all.iter().map(|visit| &visit.id).collect::<Vec<_>>(), [&visit.id]);
    let error = client.expire_checkout(&visit.id, &key("end it again")).await.expect_err("it is over");
    assert_eq!(error.refusal().map(|refused| refused.status), Some(400));
}

#[tokio::test]
async fn what_is_lost_on_the_way_is_done_once() {
    let world = World::open().await;
    for (n, cut) in [Cut::Before, Cut::After].into_iter().enumerate() {
        let fault = |times, cut| Fault {
            params: Default::default(),
            method: Some("POST".to_owned()),
            path: "/v1/customers".to_owned(),
            times,
            status: None,
            code: None,
            execute: false,
            cut: Some(cut),
        };
        let faults = |faults| world.simulator.app().with(|state| state.calls.faults = faults);
        let email = format!("{n}@example.com");
        let new = NewCustomer { email: Some(email.clone()), ..NewCustomer::default() };
        // Two answers are lost, and the third attempt is answered.
        faults(vec![fault(2, cut)]);
        let made = world.client.create_customer(&new, &key(&email)).await.expect("the third try is answered");
        // All answers are lost: the outcome is unknown, and repeating the decision finds it out.
        let (lost, decision) = (format!("lost-{email}"), key(&format!("lost {n}")));
        let new = NewCustomer { email: Some(lost.clone()), ..NewCustomer::default() };
        faults(vec![fault(3, cut)]);
        let unknown = world.client.create_customer(&new, &decision).await;
        assert!(matches!(unknown, Err(Error::Unknown(_))), "{cut:?}: {unknown:?}");
        let found = world.client.create_customer(&new, &decision).await.expect("it is answered");
        let made_of = |email: &str| {
            let wanted = [made.id.clone(), found.id.clone()];
            world.simulator.app().with(|state| {
                let customers = state.with("customer", "email", email);
                let ids: Vec<String> = customers.map(|customer| customer.id().to_owned()).collect();
                assert!(ids.iter().all(|id| wanted.contains(id)), "{ids:?}");
                ids.len()
            })
        };
        assert_eq!((made_of(&email), made_of(&lost)), (1, 1), "{cut:?}");
    }
}

#[tokio::test]
async fn a_renewals_draft_is_finalized_and_paid_at_once_or_voided() {
    let world = World::open().await;
    let client = &world.client;
    let customer = world.customer().await;
    let id = world.buy(&customer, &pro(), VISA).await.subscription.expect("it has begun").id;
    let drafts = Invoices { subscription: Some(&id), status: Some("draft"), ..Invoices::default() };
    for paid in [true, false] {
        let subscription = client.subscription(&id).await.expect("it is there");
        let end = subscription.items.data[0].current_period_end;
        let now = world.act("/clock/move", json!({ "seconds": 0 })).await["now"].as_i64().expect("an instant");
        world.act("/clock/move", json!({ "seconds": end.0 - now + 60 })).await;
        let [draft] = client.invoices(&drafts).await.expect("they can be read").try_into().expect("there is one");
        assert!(draft.auto_advance && draft.automatically_finalizes_at.is_some(), "{draft:?}");
        assert_eq!((draft.ending_balance, draft.amount_remaining), (None, 3900));
        let invoice = client.finalize_invoice(&draft.id, false, &key(&draft.id)).await.expect("it is finalized");
        assert_eq!((&invoice.status, invoice.auto_advance), (&Some(Bill::Open), false));
        assert_eq!((invoice.payments.data.len(), invoice.ending_balance), (1, Some(0)));
        if paid {
            let paid = client.pay_invoice(&draft.id, &key("pay")).await.expect("it is paid");
            assert_eq!((&paid.status, paid.amount_paid, paid.amount_remaining), (&Some(Bill::Paid), 3900, 0));
            let again = client.pay_invoice(&draft.id, &key("again")).await.expect_err("it is paid already");
            assert!(matches!(&again, Error::Refused(refused) if refused.status == 400), "{again:?}");
        } else {
            let void = client.void_invoice(&draft.id, &key("void")).await.expect("it is voided");
            assert_eq!((&void.status, void.status_transitions.voided_at.is_some()), (&Some(Bill::Void), true));
        }
    }
}

#[tokio::test]
async fn a_balance_and_what_is_taken_back_of_an_invoice_can_be_read() {
    let world = World::open().await;
    let client = &world.client;
    let customer = world.customer().await;
    let id = world.buy(&customer, &pro(), VISA).await.subscription.expect("it has begun").id;
    let invoice = client.subscription(&id).await.expect("it is there").latest_invoice.expect("there is one").id;
    let url = format!("{}/v1/credit_notes", world.simulator.base_url());
    let form = format!("invoice={invoice}&amount=900&refund_amount=500&credit_amount=400");
    let request = reqwest::Client::new().post(url).bearer_auth(SECRET).header("Stripe-Version", VERSION);
    let answer = request.header("content-type", "application/x-www-form-urlencoded").body(form).send().await;
    assert_eq!(answer.expect("it answers").status(), 200);

    let notes = client.credit_notes_of(&invoice).await.expect("they can be read");
    let [note] = notes.try_into().expect("there is one");
    assert_eq!((&note.status, note.amount), (&credit_note::Status::Issued, 900));
    assert_eq!((note.pre_payment_amount, note.post_payment_amount, note.out_of_band_amount), (0, 900, None));
    assert_eq!((note.refunds.len(), note.refunds[0].amount_refunded, &*note.invoice.id), (1, 500, &*invoice));
    let changes = client.customer_balance_transactions(&customer, Range::default()).await.expect("they can be read");
    let [change] = changes.try_into().expect("there is one");
    assert_eq!((&change.kind, change.amount, change.ending_balance), (&balance::Kind::CreditNote, -400, -400));
    assert_eq!(note.customer_balance_transaction.map(|change| change.id), Some(change.id));
    assert_eq!((change.credit_note.map(|note| note.id), &*change.customer.id), (Some(note.id), &*customer));
}

#[tokio::test]
async fn the_endpoints_of_an_account_say_where_events_go() {
    let world = World::open().await;
    let url = "https://example.com/hooks/stripe".to_owned();
    world.simulator.add_webhook(&stripe_simulator::Webhook { url: url.clone(), secret: "whsec_1".to_owned() });
    let endpoints = world.client.webhook_endpoints().await.expect("they can be read");
    let [endpoint] = endpoints.try_into().expect("there is one");
    assert_eq!((endpoint.url, &*endpoint.status), (url, "enabled"));
    assert_eq!((endpoint.enabled_events, endpoint.api_version.as_deref()), (vec!["*".to_owned()], Some(VERSION)));
}

#[tokio::test]
async fn a_list_of_many_pages_is_whole() {
    let world = World::open().await;
    for n in 0..230 {
        let new = NewCustomer { name: Some(format!("Customer {n}")), ..NewCustomer::default() };
        world.client.create_customer(&new, &key(&format!("customer {n}"))).await.expect("it is made");
    }
    let which = Events { types: &["customer.created"], ..Events::default() };
    let events = world.client.events(&which).await.expect("they can be read");
    let mut about: Vec<&str> = events.iter().filter_map(|event| event.data.object["id"].as_str()).collect();
    about.sort_unstable();
    about.dedup();
    assert_eq!((events.len(), about.len()), (230, 230));
}

/// Features of a portal that offers the plans `creator` and `pro`.
async fn features(world: &World) -> Features {
    let mut products = Vec::new();
    for plan in ["creator", "pro"] {
        let sold = SaleItem::Plan { plan: plan.to_owned(), interval: Interval::Month };
        let price = world.client.price(&world.price(&sold).await).await.expect("it is there");
        products.push(Choice { product: price.product.id, prices: vec![price.id] });
    }
    let on = Switch { enabled: true };
    Features {
        invoice_history: on,
        payment_method_update: on,
        subscription_cancel: CancelFeature { enabled: true, mode: "at_period_end" },
        subscription_update: UpdateFeature {
            enabled: true,
            default_allowed_updates: vec!["price"],
            products,
            proration_behavior: "none",
            billing_cycle_anchor: Some("now"),
            schedule_at_period_end: Some(PeriodEndSchedule {
                conditions: vec![Condition { kind: "decreasing_item_amount" }],
            }),
        },
    }
}

#[tokio::test]
async fn a_customer_is_led_to_the_portal_and_what_was_done_there_can_be_read() {
    let world = World::open().await;
    let client = &world.client;
    let customer = world.customer().await;
    let id = world.buy(&customer, &pro(), VISA).await.subscription.expect("it has begun").id;
    let new = NewConfiguration {
        business_profile: None,
        features: features(&world).await,
        metadata: Metadata::from([("scrip_portal".to_owned(), "all".to_owned())]),
        default_return_url: Some("https://example.com/".to_owned()),
    };
    let made = client.create_portal_configuration(&new, &key("portal")).await.expect("it is made");
    assert!(made.active && !made.livemode && made.metadata == new.metadata);
    assert_eq!(client.portal_configurations().await.expect("they can be read"), std::slice::from_ref(&made));
    let subscription = client.subscription(&id).await.expect("it is there");
    let item = subscription.items.data[0].id.clone();
    let creator = world.price(&SaleItem::Plan { plan: "creator".to_owned(), interval: Interval::Month }).await;
    let flows = [
        None,
        Some(Flow::PaymentMethodUpdate),
        Some(Flow::SubscriptionCancel { subscription_cancel: FlowSubscription { subscription: id.clone() } }),
        Some(Flow::SubscriptionUpdateConfirm {
            subscription_update_confirm: FlowUpdate {
                subscription: id.clone(),
                items: vec![FlowItem { id: item, price: creator.clone(), quantity: 1 }],
            },
        }),
    ];
    let mut visit = String::new();
    for (n, flow_data) in flows.into_iter().enumerate() {
        let (configuration, return_url) = (made.id.clone(), "https://example.com/".to_owned());
        let new = NewPortalSession { customer: customer.clone(), configuration, return_url, flow_data };
        let opened = client.create_portal_session(&new, &key(&format!("visit {n}"))).await.expect("it is opened");
        assert!(opened.customer == customer && opened.url.starts_with("http"), "{opened:?}");
        visit = opened.id;
    }
    // The portal ends a subscription by a date, which is removed as a date.
    world.act(&format!("/portal/{visit}/cancel"), json!({ "subscription": id })).await;
    let ending = client.subscription(&id).await.expect("it is there");
    assert_eq!(ending.cancel_at, Some(ending.items.data[0].current_period_end));
    let never = EndChange { cancel_at: Some(None), ..EndChange::default() };
    let kept = client.end_subscription(&id, never, &key("keep")).await.expect("it goes on");
    assert!(kept.cancel_at.is_none() && kept.status == Status::Active);
    // A downgrade waits for the period's end, in a schedule.
    world.act(&format!("/portal/{visit}/switch"), json!({ "subscription": id, "price": creator })).await;
    let schedule = client.subscription(&id).await.expect("it is there").schedule.expect("it waits").id;
    let schedule = client.subscription_schedule(&schedule).await.expect("it is there");
    let next = schedule.next().map(|(start, price)| (start, price.id.as_str()));
    assert_eq!(next, Some((kept.items.data[0].current_period_end, &*creator)));
}
