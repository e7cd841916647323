//! Test clocks: time that moves on command.
//!
//! Invariant: a clock never goes back, and while it advances nothing due is left out.

use crate::answer::one;
use crate::billing::{self, lines};
use crate::calendar::{DAY, Interval, Unit};
use crate::error::{Answer, StripeError, not_now};
use crate::lists::ListPage;
use crate::object::Object;
use crate::params::Params;
use crate::state::State;
use serde_json::json;

const KIND: &str = "test_helpers.test_clock";

/// `POST /v1/test_helpers/test_clocks`
///
/// # Errors
/// When a parameter cannot be used.
pub fn create(state: &mut State, params: &Params) -> Answer {
    let frozen = params.int("frozen_time")?.ok_or_else(|| StripeError::missing("frozen_time"))?;
    let name = params.optional("name");
    params.finish()?;
    let (id, now) = (state.id("clock_"), state.now(None));
    state.put(json!({
        "id": id, "object": KIND, "created": now, "deletes_after": now + 30 * DAY, "frozen_time": frozen,
        "livemode": false, "name": name, "status": "ready", "status_details": {},
    }));
    state.emit("test_helpers.test_clock.created", &id);
    one(state, &id)
}

/// `GET /v1/test_helpers/test_clocks/{id}`
///
/// # Errors
/// When there is none.
pub fn get(state: &State, id: &str, params: &Params) -> Answer {
    params.finish()?;
    state.find(KIND, id, "id")?;
    one(state, id)
}

/// Returns the latest instant to which a clock may be advanced in one step: two intervals of its shortest subscription,
/// or two years.
fn furthest(state: &State, id: &str, now: i64) -> i64 {
    let live = state.with("subscription", "test_clock", id);
    let live = live.filter(|one| !matches!(one.text("status"), "canceled" | "incomplete_expired"));
    let items = live.flat_map(|subscription| subscription.each("items"));
    let intervals = items.filter_map(|item| lines::interval(&Object::from(item.at("price").clone())));
    let furthest = intervals.map(|interval| interval.after(now, 2)).min();
    furthest.unwrap_or_else(|| Interval { unit: Unit::Year, count: 1 }.after(now, 2))
}

/// `POST /v1/test_helpers/test_clocks/{id}/advance`: answered at once; the time passes afterwards.
///
/// # Errors
/// When there is none, it is advancing already, or it cannot be advanced that far.
pub fn advance(state: &mut State, id: &str, params: &Params) -> Answer {
    let until = params.int("frozen_time")?.ok_or_else(|| StripeError::missing("frozen_time"))?;
    params.finish()?;
    let clock = state.find(KIND, id, "id")?;
    let now = clock.int("frozen_time");
    if clock.text("status") != "ready" {
        return Err(not_now("Test clock advancement underway, please try again later.", "test_clock_advancing"));
    }
    if until <= now {
        let message = format!("Test clock can only be advanced to a time after its frozen time ({now}).");
        return Err(StripeError::unusable("frozen_time", message));
    }
    if until > furthest(state, id, now) {
        let message = "Test clock cannot be advanced by more than two intervals of its shortest subscription, or by more than two years without one.";
        return Err(StripeError::unusable("frozen_time", message));
    }
    state.edit(id, |clock| {
        clock.set("status", "advancing");
        clock.set("status_details", json!({"advancing": {"target_frozen_time": until}}));
    });
    state.emit("test_helpers.test_clock.advancing", id);
    one(state, id)
}

/// Lets time pass on every clock that is advancing.
pub fn play(state: &mut State) {
    let advancing = state.with(KIND, "status", "advancing");
    let advancing: Vec<(String, i64)> = advancing
        .map(|clock| (clock.id().to_owned(), clock.int("status_details.advancing.target_frozen_time")))
        .collect();
    for (id, until) in advancing {
        billing::play(state, Some(&id), until);
        state.edit(&id, |clock| {
            clock.set("status", "ready");
            clock.set("status_details", json!({}));
        });
        state.emit("test_helpers.test_clock.ready", &id);
    }
}

/// `DELETE /v1/test_helpers/test_clocks/{id}`: with it go its customers and their subscriptions.
///
/// # Errors
/// When there is none.
pub fn delete(state: &mut State, id: &str, params: &Params) -> Answer {
    state.find(KIND, id, "id")?;
    params.finish()?;
    for kind in ["subscription_schedule", "subscription", "customer"] {
        let gone: Vec<String> = state.with(kind, "test_clock", id).map(|one| one.id().to_owned()).collect();
        for gone in gone {
            state.edit(&gone, |one| {
                *one = json!({"id": gone, "object": kind, "deleted": true, "_test_clock": id}).into();
            });
        }
    }
    state.agenda.forget(id);
    state.emit("test_helpers.test_clock.deleted", id);
    let frozen = state.must(id).int("frozen_time");
    state.edit(id, |clock| {
        *clock = json!({"id": id, "object": KIND, "deleted": true, "_frozen_time": frozen}).into();
    });
    one(state, id)
}

/// `GET /v1/test_helpers/test_clocks`
///
/// # Errors
/// When a parameter cannot be used.
pub fn list(state: &State, params: &Params) -> Answer {
    let page = ListPage::read(params)?;
    params.finish()?;
    page.of(state, KIND, "/v1/test_helpers/test_clocks", |_| true)
}
