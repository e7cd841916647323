//! State of the simulator: objects by identifier, the timelines, the calls, and the deliveries of events.
//!
//! Invariant: a change of an object that Stripe reports with an event goes through [`State::update`] or is followed by
//! [`State::emit`], and an event shows its object as it was at that moment. Fields whose names start with `_` are never
//! shown to a caller.

use crate::agenda::{Agenda, Due};
use crate::calendar::{DAY, HOUR};
use crate::calls::Calls;
use crate::cards::{self, TestCard};
use crate::delivery::{self, Deliveries};
use crate::error::StripeError;
use crate::ids::Ids;
use crate::object::{self, Object};
use crate::{API_VERSION, Config, clock};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};

/// The request that is being answered, as events show it.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Identifier of the request.
    pub id: String,
    /// Idempotency key of the request.
    pub key: Option<String>,
}

/// Times of the drafts that renewals make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Drafts {
    /// Seconds between the end of a period and the renewal, which makes the draft.
    pub created_after: i64,
    /// Seconds for which a draft stays one unless a caller finalizes it.
    pub last_for: i64,
}

impl Default for Drafts {
    fn default() -> Drafts {
        Drafts { created_after: 0, last_for: HOUR }
    }
}

/// Times and effects of debits of bank accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Debits {
    /// Seconds after which a debit settles.
    pub settle_after: i64,
    /// `true` if a subscription is incomplete while its first payment is processing; else it is active at once.
    pub incomplete: bool,
}

impl Default for Debits {
    fn default() -> Debits {
        Debits { settle_after: 5 * DAY, incomplete: false }
    }
}

/// State of the simulator.
#[derive(Debug)]
pub struct State {
    /// Settings of the simulator.
    pub config: Config,
    /// Base URL, without a slash at the end.
    pub base: String,
    /// Reminders of what falls due.
    pub agenda: Agenda,
    /// Deliveries of events to webhook endpoints.
    pub deliveries: Deliveries,
    /// Requests that the API received.
    pub calls: Calls,
    /// Request that is being answered; `None` while time passes.
    pub origin: Option<Origin>,
    /// Lines for the next invoice of a subscription, by its identifier.
    pub pending_lines: HashMap<String, Vec<Value>>,
    /// Times of the drafts that renewals make.
    pub drafts: Drafts,
    /// Times and effects of debits of bank accounts.
    pub debits: Debits,
    ids: Ids,
    objects: HashMap<String, Object>,
    order: BTreeMap<String, Vec<String>>,
    cards: HashMap<String, (TestCard, bool)>,
    offset: i64,
    playing: Option<i64>,
}

impl State {
    /// Creates a state with nothing in it.
    pub fn new(config: Config, base: String) -> State {
        State {
            ids: Ids::new(config.seed),
            deliveries: Deliveries::new(&config),
            base,
            config,
            agenda: Agenda::default(),
            calls: Calls::default(),
            origin: None,
            pending_lines: HashMap::new(),
            drafts: Drafts::default(),
            debits: Debits::default(),
            objects: HashMap::new(),
            order: BTreeMap::new(),
            cards: HashMap::new(),
            offset: 0,
            playing: None,
        }
    }

    /// Returns a new identifier with a prefix.
    pub fn id(&mut self, prefix: &str) -> String {
        self.ids.next(prefix)
    }

    /// Returns the present instant, in seconds, on a test clock or on the wall.
    pub fn now(&self, clock: Option<&str>) -> i64 {
        match clock.and_then(|clock| self.objects.get(clock)) {
            Some(clock) => clock.int("frozen_time"),
            None => self.playing.unwrap_or_else(|| clock::now().saturating_add(self.offset)),
        }
    }

    /// Moves the wall clock on; [`crate::billing::play`] then plays what falls due meanwhile.
    pub fn move_wall(&mut self, seconds: i64) {
        self.offset = self.offset.saturating_add(seconds.max(0));
    }

    /// Takes the first thing that is due on a timeline by an instant, and sets the time to the instant of that thing.
    /// When nothing more is due, the time goes on to the given instant.
    pub fn next_due(&mut self, clock: Option<&str>, until: i64) -> Option<Due> {
        if let Some((at, due)) = self.agenda.take(clock, until) {
            self.set_time(clock, at);
            return Some(due);
        }
        match clock {
            Some(clock) => self.edit(clock, |clock| clock.set("frozen_time", until)),
            None => self.playing = None,
        }
        None
    }

    fn set_time(&mut self, clock: Option<&str>, at: i64) {
        match clock {
            Some(clock) => self.edit(clock, |clock| clock.set("frozen_time", at.max(clock.int("frozen_time")))),
            None => self.playing = Some(at),
        }
    }

    /// Returns the test clock that an object lives on, by its own field or by its customer's.
    pub fn clock_of(&self, object: &Object) -> Option<String> {
        if object.text("object") == "test_helpers.test_clock" {
            return Some(object.id().to_owned());
        }
        if let Some(clock) = object.maybe("test_clock").or(object.maybe("_test_clock")) {
            return Some(clock.to_owned());
        }
        let owner = ["customer", "invoice", "charge", "subscription"];
        let owner = owner.iter().find_map(|field| self.objects.get(object.text(field)))?;
        self.clock_of(owner)
    }

    /// Returns the present instant of an object, in seconds.
    pub fn now_of(&self, id: &str) -> i64 {
        let clock = self.objects.get(id).and_then(|object| self.clock_of(object));
        self.now(clock.as_deref())
    }

    /// Puts something that an object waits for on the agenda.
    pub fn remind(&mut self, id: &str, at: i64, due: Due) {
        let clock = self.objects.get(id).and_then(|object| self.clock_of(object));
        self.agenda.add(clock.as_deref(), at, due);
    }

    /// Stores a new object, and returns its identifier.
    pub fn put(&mut self, value: Value) -> String {
        let object = Object::from(value);
        let (id, kind) = (object.id().to_owned(), object.text("object").to_owned());
        self.order.entry(kind).or_default().push(id.clone());
        self.objects.insert(id.clone(), object);
        id
    }

    /// Returns an object by its identifier, of any kind.
    pub fn get(&self, id: &str) -> Option<&Object> {
        self.objects.get(id)
    }

    /// Returns an object that another one refers to.
    pub fn must(&self, id: &str) -> &Object {
        self.objects.get(id).expect("objects refer to objects that are kept")
    }

    /// Returns an object that a caller names, which must be of a kind and not deleted. `param` is the parameter that
    /// names it, `id` if the path does.
    ///
    /// # Errors
    /// When there is none.
    pub fn find(&self, kind: &str, id: &str, param: &str) -> Result<&Object, StripeError> {
        let found = self.objects.get(id).filter(|found| found.text("object") == kind && !found.flag("deleted"));
        found.ok_or_else(|| StripeError::no_such(kind.rsplit('.').next().unwrap_or(kind), id, param))
    }

    /// Returns all objects of a kind, oldest first.
    pub fn all(&self, kind: &str) -> impl DoubleEndedIterator<Item = &Object> {
        let ids = self.order.get(kind).map(Vec::as_slice).unwrap_or_default();
        ids.iter().filter_map(|id| self.objects.get(id))
    }

    /// Returns all objects of a kind with a text in a field, oldest first.
    pub fn with<'a>(
        &'a self,
        kind: &str,
        field: &'a str,
        text: &'a str,
    ) -> impl DoubleEndedIterator<Item = &'a Object> {
        self.all(kind).filter(move |object| object.text(field) == text)
    }

    /// Returns an object as callers and events see it: without the fields that the simulator keeps for itself.
    pub fn to_api(&self, object: &Object) -> Object {
        let mut shown = object.clone();
        let hidden: Vec<String> = object
            .value()
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, _)| name)
            .filter(|name| name.starts_with('_'))
            .cloned()
            .collect();
        hidden.iter().for_each(|name| shown.remove(name));
        if object.text("object") == "event" {
            shown.set("pending_webhooks", self.deliveries.pending_count(object.id()));
        }
        shown
    }

    /// Changes an object without an event.
    pub fn edit(&mut self, id: &str, change: impl FnOnce(&mut Object)) {
        if let Some(object) = self.objects.get_mut(id) {
            change(object);
        }
    }

    /// Changes an object and emits an event, if anything changed.
    pub fn update(&mut self, id: &str, event: &str, change: impl FnOnce(&mut Object)) {
        let Some(before) = self.objects.get(id).cloned() else { return };
        self.edit(id, change);
        self.emit_changes(&before, event);
    }

    /// Emits an event with the changes of an object since an earlier state, if there are any.
    pub fn emit_changes(&mut self, before: &Object, event: &str) {
        let before_shown = self.to_api(before);
        let after = self.to_api(self.must(before.id()));
        if let Some(previous) = object::previous_attributes(before_shown.value(), after.value()) {
            self.emit_with(event, before.id(), Some(previous));
        }
    }

    /// Removes an object altogether.
    pub fn remove(&mut self, id: &str) {
        if let Some(object) = self.objects.remove(id)
            && let Some(order) = self.order.get_mut(object.text("object"))
        {
            order.retain(|kept| kept != id);
        }
    }

    /// Emits an event that shows an object in its present state.
    pub fn emit(&mut self, event: &str, id: &str) {
        self.emit_with(event, id, None);
    }

    fn emit_with(&mut self, kind: &str, id: &str, previous: Option<Value>) {
        let snapshot = self.to_api(self.must(id)).into();
        self.emit_snapshot(kind, snapshot, previous);
    }

    /// Emits an event that shows a given state of an object.
    pub fn emit_snapshot(&mut self, kind: &str, snapshot: Value, previous: Option<Value>) {
        let clock = self.clock_of(&Object::from(snapshot.clone()));
        let mut data = json!({ "object": snapshot });
        if let Some(previous) = previous {
            data["previous_attributes"] = previous;
        }
        let origin = self.origin.clone();
        let event = json!({
            "id": self.id("evt_"), "object": "event", "api_version": API_VERSION,
            "created": self.now(clock.as_deref()), "data": data, "livemode": false, "pending_webhooks": 0,
            "request": {
                "id": origin.as_ref().map(|origin| origin.id.clone()),
                "idempotency_key": origin.and_then(|origin| origin.key),
            },
            "type": kind,
        });
        let id = self.put(event);
        let listening = self.all("webhook_endpoint").filter(|endpoint| delivery::listens(endpoint, kind));
        let endpoints = listening.map(|endpoint| endpoint.id().to_owned()).collect();
        let event = self.must(&id).clone();
        self.deliveries.announce(&event, endpoints);
    }

    /// Stores the behaviour of a payment method's card, and whether its owner set it up for payments in absence.
    pub fn remember_card(&mut self, payment_method: &str, card: TestCard, set_up: bool) {
        self.cards.insert(payment_method.to_owned(), (card, set_up));
    }

    /// Returns the card of a payment method, and `true` if it is set up for payments in its owner's absence.
    pub fn card(&self, payment_method: &str) -> (TestCard, bool) {
        let known = self.cards.get(payment_method).copied();
        known.unwrap_or_else(|| (cards::by_token("pm_card_visa").expect("the plain card is in the table"), false))
    }
}
