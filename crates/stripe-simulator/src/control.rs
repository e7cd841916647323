//! Control API: the acts of a test on the simulator that Stripe's own API does not have.
//!
//! JSON in and out, without a key. The routes, all below `/_control`:
//!
//! Acts of customers:
//! - `POST /checkout/{id}/pay` `{card, email?}`: pays a Checkout session with a card number or a test token.
//! - `POST /checkout/{id}/confirm` `{confirms?}`: confirms the payment that the session waits for, or does not.
//! - `POST /payment_intents/{id}/confirm` `{confirms?}`: the same for a payment intent that needs its owner.
//! - `POST /invoices/{id}/pay` `{card?}`: pays an open invoice as its hosted page does.
//! - `POST /portal/{id}/cancel` `{subscription, reason?}`, `/portal/{id}/keep` `{subscription}`, `/portal/{id}/switch`
//!   `{subscription, price}` and `/portal/{id}/card` `{card}`: the acts in a session of the portal.
//!
//! Acts of banks and of time:
//! - `POST /refunds/{id}/fail` `{reason?}`, `POST /charges/{id}/dispute` `{reason?}`, `POST /disputes/{id}/decide`
//!   `{won}`.
//! - `POST /drafts` `{created_after?, last_for?}`: seconds from a period's end to its renewal, which makes the draft of
//!   the invoice, and seconds for which the draft stays one. Defaults: at once, and one hour.
//! - `POST /debits` `{settle_after?, incomplete?}`: seconds after which a debit of a bank account settles, five days
//!   by default, and whether a subscription is incomplete meanwhile.
//! - `POST /payment_intents/{id}/settle` `{succeeds?}`: settles a debit now.
//! - `POST /clock/move` `{seconds}`: moves the wall clock on and plays what falls due.
//!
//! Faults between Stripe and its caller:
//! - `POST /faults`, with a [`Fault`]: makes the next calls fail, cuts their connections, or never answers them.
//!   `GET` and `DELETE` too.
//! - `GET /calls` and `DELETE /calls`: the requests that came, and their removal.
//!
//! Deliveries of events:
//! - `GET /deliveries`, and `GET /quiet`, which waits until none is waiting or under way.
//! - `POST /deliveries/hold` `{hold}`: keeps new ones back. `/deliveries/release` `{ids?, shuffle?}`: sends them in an
//!   order. `/deliveries/drop` `{ids}`. `/deliveries/again` `{id, forge?}`: once more, perhaps with a [`Forgery`].
//! - `POST /rules`, with a [`Rule`]: a rule for the next events of a type. `GET` and `DELETE` too.
//! - `POST /webhook_endpoints/{id}/roll` `{seconds?}`: gives an endpoint a new secret beside the old one.
//!
//! Invariant: nothing here is needed for anything that Stripe's own API can do.

use crate::app::App;
use crate::billing::payment::Attempt;
use crate::billing::{self, settlement};
use crate::calls::Fault;
use crate::cards::{self, TestCard};
use crate::delivery::{DeliveryStatus, Forgery, Rule};
use crate::error::{Answer, StripeError};
use crate::resources::checkout::{self, Completion};
use crate::resources::{disputes, invoices, portal, refunds, webhook_endpoints};
use crate::state::{Debits, Drafts};
use axum::extract::{Path, State as Shared};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// Maximum wait for quiet, before a delivery that never ends fails a test instead of hanging it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Routes of the control API, below `/_control`.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/checkout/{id}/pay", post(pay_checkout))
        .route("/checkout/{id}/confirm", post(confirm_checkout))
        .route("/payment_intents/{id}/confirm", post(confirm_intent))
        .route("/invoices/{id}/pay", post(pay_invoice))
        .route("/portal/{id}/{act}", post(act_in_portal))
        .route("/calls", get(calls).delete(forget_calls))
        .route("/faults", get(faults).post(add_fault).delete(clear_faults))
        .route("/clock/move", post(move_clock))
        .route("/drafts", post(set_drafts))
        .route("/debits", post(set_debits))
        .route("/payment_intents/{id}/settle", post(settle_intent))
        .route("/refunds/{id}/fail", post(fail_refund))
        .route("/charges/{id}/dispute", post(dispute_charge))
        .route("/disputes/{id}/decide", post(decide_dispute))
        .route("/webhook_endpoints/{id}/roll", post(roll_secret))
        .route("/deliveries", get(deliveries))
        .route("/deliveries/hold", post(hold))
        .route("/deliveries/release", post(release))
        .route("/deliveries/drop", post(drop_some))
        .route("/deliveries/again", post(resend))
        .route("/rules", get(rules).post(add_rule).delete(clear_rules))
        .route("/quiet", get(quiet))
}

/// Body of a request to the control API; each route reads the fields that it needs.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Body {
    card: Option<String>,
    email: Option<String>,
    confirms: Option<bool>,
    succeeds: Option<bool>,
    seconds: Option<i64>,
    reason: Option<String>,
    won: Option<bool>,
    subscription: Option<String>,
    price: Option<String>,
    hold: Option<bool>,
    id: Option<String>,
    ids: Vec<String>,
    shuffle: Option<u64>,
    forge: Option<Forgery>,
}

fn respond(answer: Answer) -> Response {
    match answer {
        Ok(body) => Json(body).into_response(),
        Err(error) => {
            let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
            (status, Json(error.body("req_control"))).into_response()
        }
    }
}

/// Returns the card that a number or a token names; the plain Visa card if none is named.
fn card(body: &Body) -> Result<TestCard, StripeError> {
    let named = body.card.as_deref().unwrap_or("4242424242424242");
    let found = cards::by_number(named).or_else(|| cards::by_token(named));
    found.ok_or_else(|| StripeError::card("incorrect_number", None, "Your card number is incorrect."))
}

fn completion_answer(completion: Completion) -> Answer {
    match completion {
        Completion::Complete(url) => Ok(json!({"status": "complete", "url": url})),
        Completion::NeedsAction => Ok(json!({"status": "needs_action"})),
        Completion::Declined(error) => Err(error),
    }
}

fn attempt_answer(attempt: Attempt) -> Answer {
    match attempt {
        Attempt::Paid => Ok(json!({"status": "paid"})),
        Attempt::NeedsAction => Ok(json!({"status": "needs_action"})),
        Attempt::Processing => Ok(json!({"status": "processing"})),
        Attempt::Declined(error) => Err(error),
    }
}

async fn pay_checkout(Shared(app): Shared<App>, Path(id): Path<String>, Json(body): Json<Body>) -> Response {
    respond(app.with(|state| {
        let card = card(&body)?;
        completion_answer(checkout::complete(state, &id, card, body.email.as_deref())?)
    }))
}

async fn confirm_checkout(Shared(app): Shared<App>, Path(id): Path<String>, Json(body): Json<Body>) -> Response {
    respond(app.with(|state| {
        let confirms = body.confirms.unwrap_or(true);
        let done = if confirms { checkout::confirm(state, &id) } else { checkout::abandon_action(state, &id) };
        completion_answer(done?)
    }))
}

async fn confirm_intent(Shared(app): Shared<App>, Path(id): Path<String>, Json(body): Json<Body>) -> Response {
    respond(app.with(|state| attempt_answer(settlement::authenticate(state, &id, body.confirms.unwrap_or(true))?)))
}

async fn pay_invoice(Shared(app): Shared<App>, Path(id): Path<String>, Json(body): Json<Body>) -> Response {
    respond(app.with(|state| {
        let method = body.card.is_some().then(|| card(&body)).transpose()?;
        attempt_answer(invoices::pay_on_page(state, &id, method)?)
    }))
}

async fn act_in_portal(
    Shared(app): Shared<App>,
    Path((id, act)): Path<(String, String)>,
    Json(body): Json<Body>,
) -> Response {
    respond(app.with(|state| {
        let subscription = body.subscription.as_deref().unwrap_or_default();
        match act.as_str() {
            "cancel" => portal::cancel(state, &id, subscription, body.reason.as_deref())?,
            "keep" => portal::keep(state, &id, subscription)?,
            "switch" => {
                let price = body.price.as_deref().unwrap_or_default();
                return Ok(json!({"waits_for": portal::switch(state, &id, subscription, price)?}));
            }
            "card" => return Ok(json!({"payment_method": portal::set_card(state, &id, card(&body)?)?})),
            _ => return Err(StripeError::new(404, "invalid_request_error", "The portal has no such act.")),
        }
        Ok(json!({}))
    }))
}

async fn calls(Shared(app): Shared<App>) -> Response {
    Json(&app.lock().calls.list).into_response()
}

async fn forget_calls(Shared(app): Shared<App>) -> Response {
    app.lock().calls.list.clear();
    Json(json!({})).into_response()
}

async fn faults(Shared(app): Shared<App>) -> Response {
    Json(&app.lock().calls.faults).into_response()
}

async fn add_fault(Shared(app): Shared<App>, Json(fault): Json<Fault>) -> Response {
    app.lock().calls.faults.push(fault);
    Json(json!({})).into_response()
}

async fn clear_faults(Shared(app): Shared<App>) -> Response {
    app.lock().calls.faults.clear();
    Json(json!({})).into_response()
}

async fn move_clock(Shared(app): Shared<App>, Json(body): Json<Body>) -> Response {
    let now = app.with(|state| {
        state.move_wall(body.seconds.unwrap_or_default());
        let now = state.now(None);
        billing::play(state, None, now);
        now
    });
    Json(json!({"now": now})).into_response()
}

async fn set_drafts(Shared(app): Shared<App>, Json(drafts): Json<Drafts>) -> Response {
    if drafts.created_after < 0 || drafts.last_for < 0 {
        return respond(Err(StripeError::invalid("Drafts cannot be made, and cannot end, before their time.")));
    }
    app.lock().drafts = drafts;
    Json(drafts).into_response()
}

async fn set_debits(Shared(app): Shared<App>, Json(debits): Json<Debits>) -> Response {
    if debits.settle_after < 0 {
        return respond(Err(StripeError::invalid("A debit cannot settle before it was made.")));
    }
    app.lock().debits = debits;
    Json(debits).into_response()
}

async fn settle_intent(Shared(app): Shared<App>, Path(id): Path<String>, Json(body): Json<Body>) -> Response {
    respond(app.with(|state| {
        settlement::settle_debit(state, &id, body.succeeds)?;
        crate::answer::one(state, &id)
    }))
}

async fn fail_refund(Shared(app): Shared<App>, Path(id): Path<String>, Json(body): Json<Body>) -> Response {
    let reason = body.reason.unwrap_or_else(|| "expired_or_canceled_card".to_owned());
    respond(app.with(|state| refunds::fail(state, &id, &reason)))
}

async fn dispute_charge(Shared(app): Shared<App>, Path(id): Path<String>, Json(body): Json<Body>) -> Response {
    respond(app.with(|state| {
        let charge = state.find("charge", &id, "id")?;
        if !charge.flag("paid") || charge.flag("disputed") {
            return Err(StripeError::invalid("This charge cannot be disputed."));
        }
        let dispute = disputes::open(state, &id, body.reason.as_deref().unwrap_or("fraudulent"));
        crate::answer::one(state, &dispute)
    }))
}

async fn decide_dispute(Shared(app): Shared<App>, Path(id): Path<String>, Json(body): Json<Body>) -> Response {
    respond(app.with(|state| {
        disputes::decide(state, &id, body.won.unwrap_or_default())?;
        crate::answer::one(state, &id)
    }))
}

async fn roll_secret(Shared(app): Shared<App>, Path(id): Path<String>, Json(body): Json<Body>) -> Response {
    let seconds = body.seconds.unwrap_or(24 * 3600);
    respond(app.with(|state| Ok(json!({"secret": webhook_endpoints::roll(state, &id, seconds)?}))))
}

async fn deliveries(Shared(app): Shared<App>) -> Response {
    Json(app.lock().deliveries.all()).into_response()
}

async fn hold(Shared(app): Shared<App>, Json(body): Json<Body>) -> Response {
    app.lock().deliveries.holding = body.hold.unwrap_or(true);
    Json(json!({})).into_response()
}

async fn release(Shared(app): Shared<App>, Json(body): Json<Body>) -> Response {
    let released = app.with(|state| {
        let held = state.deliveries.all().iter().filter(|one| one.status == DeliveryStatus::Held);
        let mut ids = if body.ids.is_empty() { held.map(|one| one.id.clone()).collect() } else { body.ids };
        if let Some(seed) = body.shuffle {
            shuffle(&mut ids, seed);
        }
        state.deliveries.release(&ids);
        ids
    });
    Json(json!({"released": released})).into_response()
}

/// Shuffles a list; the same seed gives the same order.
fn shuffle(list: &mut [String], seed: u64) {
    let mut random = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    for last in (1..list.len()).rev() {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let place = usize::try_from(random >> 33).unwrap_or_default() % (last + 1);
        list.swap(last, place);
    }
}

async fn drop_some(Shared(app): Shared<App>, Json(body): Json<Body>) -> Response {
    app.lock().deliveries.discard(&body.ids);
    app.ended.notify_waiters();
    Json(json!({})).into_response()
}

async fn resend(Shared(app): Shared<App>, Json(body): Json<Body>) -> Response {
    let id = body.id.unwrap_or_default();
    let copy = app.with(|state| state.deliveries.resend(&id, body.forge));
    respond(copy.map(|id| json!({"id": id})).ok_or_else(|| StripeError::no_such("delivery", &id, "id")))
}

async fn rules(Shared(app): Shared<App>) -> Response {
    Json(&app.lock().deliveries.rules).into_response()
}

async fn add_rule(Shared(app): Shared<App>, Json(rule): Json<Rule>) -> Response {
    app.lock().deliveries.rules.push(rule);
    Json(json!({})).into_response()
}

async fn clear_rules(Shared(app): Shared<App>) -> Response {
    app.lock().deliveries.rules.clear();
    Json(json!({})).into_response()
}

/// Waits until no delivery waits or is under way, and no test clock is advancing.
async fn quiet(Shared(app): Shared<App>) -> Response {
    let reached = tokio::time::timeout(PATIENCE, wait_for_quiet(&app)).await.is_ok();
    let status = if reached { StatusCode::OK } else { StatusCode::GATEWAY_TIMEOUT };
    let list: Value = serde_json::to_value(app.lock().deliveries.all()).unwrap_or_default();
    (status, Json(json!({"quiet": reached, "deliveries": list}))).into_response()
}

/// Waits until no delivery waits or is under way, and no test clock is advancing.
pub async fn wait_for_quiet(app: &App) {
    loop {
        let ended = app.ended.notified();
        {
            let state = app.lock();
            let advancing = state.with("test_helpers.test_clock", "status", "advancing").next().is_some();
            if state.deliveries.are_quiet() && !advancing {
                return;
            }
        }
        let _ = tokio::time::timeout(Duration::from_millis(50), ended).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_an_order_and_loses_nothing() {
        let list = || (0..20).map(|n| n.to_string()).collect::<Vec<_>>();
        let mixed = |seed| {
            let mut list = list();
            shuffle(&mut list, seed);
            list
        };
        assert_eq!(mixed(1), mixed(1));
        assert_ne!(mixed(1), mixed(2));
        assert_ne!(mixed(1), list());
        let mut sorted = mixed(1);
        sorted.sort_by_key(|n| n.parse::<u32>().unwrap());
        assert_eq!(sorted, list());
    }
}
