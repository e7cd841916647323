//! Deliveries of events to webhook endpoints: at least once, signed, tried again, and as hostile as a test wants them.
//!
//! Each pair of event and endpoint is a delivery. One delivery is under way to an endpoint at a time, in the order the
//! deliveries became due, so that a test sees the same order each time unless it asks for another.
//!
//! Invariant: a delivery that no test dropped ends only when its endpoint answered with success, or when the attempts
//! are used up.

use crate::object::Object;
use crate::{Config, signature};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::time::Duration;
use tokio::time::Instant;

/// Status of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// The delivery is sent when it is due.
    Waiting,
    /// The delivery is kept back until a test releases it.
    Held,
    /// The delivery is under way.
    Sending,
    /// The endpoint answered with success.
    Delivered,
    /// The attempts are used up.
    Failed,
    /// A test dropped the delivery: it is never sent.
    Dropped,
}

/// Faults that a test puts into a delivery.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Forgery {
    /// Secret that signs the delivery instead of the endpoint's.
    pub secret: Option<String>,
    /// Age of the signature, in seconds.
    pub age: i64,
    /// Fault of the header: `missing` for no signature, `wrong_scheme` for one by a scheme that proves nothing,
    /// `garbage` for text in place of a signature.
    pub header: Option<String>,
    /// Fields that are set before the delivery is signed, by path: what an honest sender might have sent.
    pub set: Map<String, Value>,
    /// Fields that are set after the delivery was signed, by path: a change by a third party on the way.
    pub alter: Map<String, Value>,
    /// Value of `livemode` that the event shows instead of the true one.
    pub livemode: Option<bool>,
    /// Account that the event claims to come from.
    pub account: Option<String>,
    /// API version that the event shows instead of the true one.
    pub api_version: Option<String>,
    /// `true` if the event shows the object as the first event about it did.
    pub stale: bool,
}

/// A rule for the next events of some types.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Type of the events; a `*` at its end stands for anything.
    pub event: String,
    /// Maximum number of events that the rule meets; all if it is left out.
    pub times: Option<u32>,
    /// `true` if the events are never sent.
    #[serde(default)]
    pub drop: bool,
    /// `true` if the events are kept back until a test releases them.
    #[serde(default)]
    pub hold: bool,
    /// Number of additional copies of each event.
    #[serde(default)]
    pub duplicate: u32,
    /// Additional delay of each event, in milliseconds.
    #[serde(default)]
    pub delay_ms: u64,
    /// Faults that are put into the events.
    pub forge: Option<Forgery>,
}

/// An event on its way to one endpoint.
#[derive(Clone, Debug, Serialize)]
pub struct Delivery {
    /// Identifier of the delivery.
    pub id: String,
    /// Identifier of the event.
    pub event: String,
    /// Type of the event, such as `invoice.paid`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Identifier of the webhook endpoint.
    pub endpoint: String,
    /// Status of the delivery; the control API calls it `standing`, beside the HTTP `status`.
    #[serde(rename = "standing")]
    pub status: DeliveryStatus,
    /// Number of attempts so far.
    pub attempts: u32,
    /// HTTP status of the last answer.
    #[serde(rename = "status")]
    pub answer_status: Option<u16>,
    /// Faults that are put into the delivery, if it is forged.
    pub forge: Option<Forgery>,
    /// `true` for a copy or a forgery, on which the event's success does not depend.
    pub extra: bool,
    #[serde(skip)]
    due: Instant,
}

/// Deliveries of all events to all endpoints.
#[derive(Debug)]
pub struct Deliveries {
    list: Vec<Delivery>,
    /// `true` while new deliveries are kept back.
    pub holding: bool,
    /// Rules for the next events.
    pub rules: Vec<Rule>,
    schedule: Vec<Duration>,
}

/// Returns `true` if a name fits a pattern, which may end in `*`.
pub fn fits(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => pattern == name,
    }
}

/// Returns `true` if a webhook endpoint listens for a type of event.
pub fn listens(endpoint: &Object, kind: &str) -> bool {
    let mut wanted = endpoint.at("enabled_events").as_array().into_iter().flatten().filter_map(Value::as_str);
    endpoint.text("status") == "enabled" && !endpoint.flag("deleted") && wanted.any(|one| fits(one, kind))
}

impl Deliveries {
    /// Creates an empty list with the configured pauses between attempts.
    pub fn new(config: &Config) -> Deliveries {
        Deliveries { list: Vec::new(), holding: false, rules: Vec::new(), schedule: config.delivery_retries.clone() }
    }

    /// Makes the deliveries of an event.
    pub fn announce(&mut self, event: &Object, endpoints: Vec<String>) {
        let kind = event.text("type");
        let mut rule = None;
        if let Some(place) = self.rules.iter().position(|rule| fits(&rule.event, kind)) {
            rule = Some(self.rules[place].clone());
            if let Some(times) = &mut self.rules[place].times {
                *times = times.saturating_sub(1);
                if *times == 0 {
                    self.rules.remove(place);
                }
            }
        }
        for endpoint in endpoints {
            let place = self.add(event, &endpoint);
            let Some(rule) = &rule else { continue };
            let delivery = &mut self.list[place];
            delivery.due += Duration::from_millis(rule.delay_ms);
            delivery.forge = rule.forge.clone();
            if rule.hold {
                delivery.status = DeliveryStatus::Held;
            }
            if rule.drop {
                delivery.status = DeliveryStatus::Dropped;
            }
            for _ in 0..rule.duplicate {
                self.duplicate(place);
            }
        }
    }

    fn add(&mut self, event: &Object, endpoint: &str) -> usize {
        self.list.push(Delivery {
            id: format!("whd_{}", self.list.len() + 1),
            event: event.id().to_owned(),
            kind: event.text("type").to_owned(),
            endpoint: endpoint.to_owned(),
            status: if self.holding { DeliveryStatus::Held } else { DeliveryStatus::Waiting },
            attempts: 0,
            answer_status: None,
            forge: None,
            extra: false,
            due: Instant::now(),
        });
        self.list.len() - 1
    }

    /// Makes a copy of a delivery that is sent as well.
    fn duplicate(&mut self, place: usize) -> usize {
        let mut copy = self.list[place].clone();
        copy.id = format!("whd_{}", self.list.len() + 1);
        copy.extra = true;
        copy.attempts = 0;
        copy.answer_status = None;
        if !matches!(copy.status, DeliveryStatus::Held) {
            copy.status = DeliveryStatus::Waiting;
        }
        self.list.push(copy);
        self.list.len() - 1
    }

    /// Returns all deliveries in the order in which they were made.
    pub fn all(&self) -> &[Delivery] {
        &self.list
    }

    /// Returns one delivery by its identifier.
    pub fn get(&self, id: &str) -> Option<&Delivery> {
        self.list.iter().find(|delivery| delivery.id == id)
    }

    fn get_mut(&mut self, id: &str) -> Option<&mut Delivery> {
        self.list.iter_mut().find(|delivery| delivery.id == id)
    }

    /// Returns the number of endpoints that an event has not reached yet.
    pub fn pending_count(&self, event: &str) -> usize {
        let open = |delivery: &&Delivery| {
            delivery.event == event
                && !delivery.extra
                && matches!(delivery.status, DeliveryStatus::Waiting | DeliveryStatus::Held | DeliveryStatus::Sending)
        };
        self.list.iter().filter(open).count()
    }

    /// Returns `true` if every endpoint accepted an event.
    pub fn has_succeeded(&self, event: &str) -> bool {
        let mut of_event = self.list.iter().filter(|delivery| delivery.event == event && !delivery.extra);
        of_event.all(|delivery| delivery.status == DeliveryStatus::Delivered)
    }

    /// Returns `true` if no delivery waits or is under way. Deliveries that are held count as quiet.
    pub fn are_quiet(&self) -> bool {
        !self.list.iter().any(|delivery| matches!(delivery.status, DeliveryStatus::Waiting | DeliveryStatus::Sending))
    }

    /// Sends held deliveries, in the order in which they are named; all of them if none is.
    pub fn release(&mut self, ids: &[String]) {
        let held = self.list.iter().filter(|delivery| delivery.status == DeliveryStatus::Held);
        let ids: Vec<String> = if ids.is_empty() { held.map(|held| held.id.clone()).collect() } else { ids.to_vec() };
        let now = Instant::now();
        for (rank, id) in (0_u64..).zip(ids) {
            if let Some(delivery) = self.get_mut(&id).filter(|delivery| delivery.status == DeliveryStatus::Held) {
                delivery.status = DeliveryStatus::Waiting;
                // Deliveries go out in the order they are due, and these are due in this order.
                delivery.due = now + Duration::from_nanos(rank);
            }
        }
    }

    /// Drops deliveries that wait or are held: they are never sent.
    pub fn discard(&mut self, ids: &[String]) {
        for delivery in self.list.iter_mut().filter(|delivery| ids.contains(&delivery.id)) {
            if matches!(delivery.status, DeliveryStatus::Waiting | DeliveryStatus::Held) {
                delivery.status = DeliveryStatus::Dropped;
            }
        }
    }

    /// Sends a delivery once more, also after success, with faults if any are given.
    pub fn resend(&mut self, id: &str, forge: Option<Forgery>) -> Option<String> {
        let place = self.list.iter().position(|delivery| delivery.id == id)?;
        let copy = self.duplicate(place);
        let copy = &mut self.list[copy];
        copy.status = DeliveryStatus::Waiting;
        copy.forge = forge;
        copy.due = Instant::now();
        Some(copy.id.clone())
    }

    /// Takes the next delivery that may go out, or returns the instant at which there is one.
    pub fn next(&mut self, now: Instant) -> Result<String, Option<Instant>> {
        let busy: Vec<String> = self
            .list
            .iter()
            .filter(|one| one.status == DeliveryStatus::Sending)
            .map(|one| one.endpoint.clone())
            .collect();
        let waiting = self.list.iter_mut().filter(|one| one.status == DeliveryStatus::Waiting);
        let Some(first) = waiting.filter(|one| !busy.contains(&one.endpoint)).min_by_key(|one| one.due) else {
            return Err(None);
        };
        if first.due > now {
            return Err(Some(first.due));
        }
        first.status = DeliveryStatus::Sending;
        first.attempts += 1;
        Ok(first.id.clone())
    }

    /// Records the result of an attempt: the status of the answer, or `None` if there was no answer in time.
    pub fn record(&mut self, id: &str, status: Option<u16>) {
        let schedule = self.schedule.clone();
        let Some(delivery) = self.get_mut(id) else { return };
        delivery.answer_status = status;
        let retry = usize::try_from(delivery.attempts).unwrap_or(usize::MAX).checked_sub(1);
        delivery.status = match retry.and_then(|retry| schedule.get(retry)) {
            _ if status.is_some_and(|status| (200..300).contains(&status)) => DeliveryStatus::Delivered,
            // A forgery that is refused is not sent again.
            _ if delivery.forge.is_some() => DeliveryStatus::Failed,
            None => DeliveryStatus::Failed,
            Some(pause) => {
                delivery.due = Instant::now() + *pause;
                DeliveryStatus::Waiting
            }
        };
    }
}

/// A request that is ready to be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Parcel {
    /// Address of the endpoint.
    pub url: String,
    /// Value of the header with the signature.
    pub signature: Option<String>,
    /// Body, exactly as it is signed.
    pub body: String,
}

/// Packs an event for an endpoint. `first` is the first event about the same object, which a stale delivery shows;
/// `now` is the instant of sending, in seconds.
pub fn pack(event: &Object, endpoint: &Object, forge: &Forgery, first: Option<&Object>, now: i64) -> Parcel {
    let mut event = event.clone();
    if let Some(version) = endpoint.maybe("api_version") {
        event.set("api_version", version);
    }
    if let Some(first) = first {
        event.set("data.object", first.at("data.object").clone());
    }
    if let Some(livemode) = forge.livemode {
        event.set("livemode", livemode);
    }
    if let Some(account) = &forge.account {
        event.set("account", account.as_str());
    }
    if let Some(version) = &forge.api_version {
        event.set("api_version", version.as_str());
    }
    forge.set.iter().for_each(|(path, value)| event.set(path, value.clone()));
    let signed = to_text(&event);
    let valid = endpoint.each("_secrets");
    let valid = valid.iter().filter(|secret| secret.is_null("until") || secret.int("until") > now);
    let secrets: Vec<String> = match &forge.secret {
        Some(secret) => vec![secret.clone()],
        None => valid.map(|secret| secret.text("secret").to_owned()).collect(),
    };
    let header = signature::header(&secrets, now - forge.age, &signed);
    let header = match forge.header.as_deref() {
        Some("missing") => None,
        Some("wrong_scheme") => Some(header.replace("v1=", "v0=")),
        Some(_) => Some("garbage".to_owned()),
        None => Some(header),
    };
    forge.alter.iter().for_each(|(path, value)| event.set(path, value.clone()));
    let body = if forge.alter.is_empty() { signed } else { to_text(&event) };
    Parcel { url: endpoint.text("url").to_owned(), signature: header, body }
}

fn to_text(event: &Object) -> String {
    serde_json::to_string_pretty(event).expect("JSON can always be written")
}
