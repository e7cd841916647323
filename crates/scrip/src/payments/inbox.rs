//! The inbox: Stripe's events, stored by their ids before a delivery is answered, and passed on as hints at their
//! customers.
//!
//! Invariant: of an event only its id, type, customer and charge are stored. Its object is read again from Stripe, so a
//! stale, reordered or forged copy grants nothing.

use super::error::ReconcileError;
use super::signature::judge;
use super::{Billing, customers, marks};
use crate::jobs::local_leases::LocalLeases;
use crate::jobs::work::{Failure, Work};
use crate::operate::alerts::{self, Alert};
use crate::payments::stripe::Error;
use crate::payments::stripe::client::VERSION;
use crate::payments::stripe::error::StripeRefusal;
use crate::payments::stripe::objects::event::Event;
use scrip_store::rows::stripe_events::Event as Kept;
use scrip_store::rows::{purchases, stripe_events};
use scrip_store::{Store, Unavailable, WISH};
use serde_json::Value as Json;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Type of the event that ends an unpaid checkout session for ever.
const EXPIRED: &str = "checkout.session.expired";
/// Pause until an event is passed on again that could not be.
const AGAIN: Duration = Duration::from_secs(1);

/// Types of Stripe's events from which a command can follow; all others are ignored.
pub const TYPES: [&str; 27] = [
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
    "invoice.created",
    "invoice.paid",
    "invoice.payment_failed",
    "invoice.payment_action_required",
    "invoice.voided",
    "invoice.marked_uncollectible",
    "credit_note.created",
    "credit_note.voided",
    "customer.subscription.created",
    "customer.subscription.updated",
    "customer.subscription.deleted",
    "subscription_schedule.updated",
    "subscription_schedule.released",
    "subscription_schedule.canceled",
    "charge.refunded",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
    "payment_intent.processing",
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
];

/// Reason for which a delivery was not stored.
#[derive(Debug)]
pub enum ReceiveError {
    /// The delivery is not signed by Stripe, or is no event; a text for its sender.
    NotBelieved(&'static str),
    /// The store cannot write: Stripe must deliver the event again.
    Unavailable(Unavailable),
}

impl From<Unavailable> for ReceiveError {
    fn from(error: Unavailable) -> ReceiveError {
        ReceiveError::Unavailable(error)
    }
}

/// Stores the event of a delivery whose signature is valid.
///
/// # Errors
/// When the delivery is not believed, or the store cannot write.
pub async fn receive(billing: &Billing, signature: Option<&str>, body: &[u8]) -> Result<(), ReceiveError> {
    let now = billing.ledger.now(None).await?;
    judge(signature, body, &billing.secrets, now).map_err(|forged| ReceiveError::NotBelieved(forged.detail()))?;
    let event = serde_json::from_slice(body).map_err(|_| ReceiveError::NotBelieved("the body is not an event"))?;
    Ok(keep(billing, &event).await?)
}

/// Stores an event to be passed on; one of another mode or account raises an alert instead.
///
/// # Errors
/// When the store cannot write: Stripe must deliver the event again.
pub async fn keep(billing: &Billing, event: &Event) -> Result<(), Unavailable> {
    let store = billing.ledger.store();
    if let Some(alert) = strange(billing, event) {
        return alerts::raise(store, alert).await;
    }
    if event.api_version.as_deref().is_some_and(|version| version != VERSION) {
        let said = event.api_version.as_deref().unwrap_or_default();
        let detail = format!(
            "the webhook endpoint delivers API version {said}, and Scrip reads {VERSION}: objects are read in that \
             version all the same, but set the endpoint's version"
        );
        alerts::raise(store, Alert::new("wrong_version", said, None, detail)).await?;
    }
    // No command follows from other types: a customer that is just being created belongs to no workspace yet.
    if !TYPES.contains(&event.kind.as_str()) {
        return Ok(());
    }
    let object = &event.data.object;
    if event.kind == EXPIRED
        && let Some(session) = object["id"].as_str()
    {
        // The checkout session was not paid and no longer can be, so nothing else follows and Stripe need not be read.
        return purchases::close_session(store.reader(), session, store.now(None).await?).await;
    }
    let customer = match object["object"].as_str() {
        Some("customer") => object["id"].as_str(),
        _ => id_of(&object["customer"]),
    };
    let charge = if customer.is_none() { id_of(&object["charge"]) } else { None };
    if customer.is_none() && charge.is_none() {
        return Ok(());
    }
    let [customer, charge] = [customer, charge].map(|id| id.map(str::to_owned));
    let kept = Kept { id: event.id.clone(), kind: event.kind.clone(), customer, charge };
    stripe_events::add(store.reader(), &kept, (event.created.timestamp(), store.now(None).await?)).await?;
    billing.kept.notify_one();
    Ok(())
}

/// Returns the alert for an event that no customer of this server can have caused, if it is one.
fn strange(billing: &Billing, event: &Event) -> Option<Alert> {
    let mode = billing.client.mode();
    if !mode.is_of(event.livemode) {
        let detail = format!("an event of the other mode arrived; this server sells in {} mode", mode.name());
        return Some(Alert::new("wrong_mode", &event.id, None, detail));
    }
    let account = event.account.as_deref()?;
    let detail = format!("an event of the account {account} arrived, which this server does not sell for");
    Some(Alert::new("wrong_account", &event.id, None, detail))
}

/// Returns the id from a field that may hold an id or an object.
fn id_of(value: &Json) -> Option<&str> {
    value.as_str().or_else(|| value["id"].as_str())
}

/// Work of passing stored events on: each becomes a hint at its customer, and one that cannot be passed on waits and
/// holds up no other.
pub struct Events {
    billing: Arc<Billing>,
    leases: LocalLeases<String>,
}

impl Events {
    /// Returns the work for the sales of a server.
    pub fn new(billing: Arc<Billing>) -> Events {
        Events { billing, leases: LocalLeases::default() }
    }
}

impl Work for Events {
    type Lease = Kept;
    type Success = ();
    const RENEW_EVERY: Duration = Duration::from_secs(5);
    const PATIENCE: Duration = Duration::from_secs(120); // # assumed

    async fn lease(&self, most: usize) -> Result<Vec<Kept>, Unavailable> {
        let leased = self.leases.keys();
        let on = self.billing.ledger.store().worker();
        let waiting = stripe_events::waiting(on, (most + leased.len()) as i64).await?;
        Ok(self.leases.lease(waiting, most, &leased, |event| event.id.clone()))
    }

    async fn attempt(&self, event: &Kept) -> Result<(), Failure> {
        pass_on(&self.billing, event).await.map_err(|error| Failure::Later(error.to_string()))
    }

    async fn renew(&self, _event: &mut Kept) -> Result<bool, Unavailable> {
        Ok(true)
    }

    async fn record(&self, event: &Kept, result: &Result<(), Failure>) -> Result<(), Unavailable> {
        match result {
            Ok(()) => {
                let store = self.billing.ledger.store();
                stripe_events::mark_handled(store.worker(), &event.id, store.now(None).await?).await?;
                self.leases.end(&event.id);
                self.billing.hinted.notify_one();
            }
            Err(failure) => {
                let (event, cause) = (&event.id, failure.cause());
                tracing::warn!(event, cause, "an event waits to be passed on");
                self.leases.end_after(event.clone(), AGAIN);
            }
        }
        Ok(())
    }

    async fn backlog(&self) -> Result<Option<u64>, Unavailable> {
        stripe_events::count_waiting(self.billing.ledger.store().worker()).await.map(Some)
    }

    async fn next_wake(&self) {
        self.billing.kept.notified().await;
    }
}

/// Passes a stored event on: finds its customer, and hints at it.
///
/// # Errors
/// When the store cannot answer, or Stripe could not.
pub async fn pass_on(billing: &Billing, event: &Kept) -> Result<(), InboxError> {
    if event.kind == WISH {
        let workspace = event.id.split(':').nth(1).and_then(|id| id.parse().ok());
        return match workspace {
            Some(workspace) => Ok(billing.pass_on_top_up(workspace).await?),
            None => Ok(()),
        };
    }
    let customer = match (&event.customer, &event.charge) {
        (None, Some(charge)) => customer_of(billing, charge).await?,
        (customer, _) => customer.clone(),
    };
    match customer {
        Some(customer) => hint_at(billing, (&event.id, &event.kind), &customer).await,
        None => Ok(()),
    }
}

/// Reason for which an event waits.
#[derive(Debug)]
pub enum InboxError {
    /// The store cannot answer or write.
    Store(Unavailable),
    /// Stripe refused a request or did not answer.
    Stripe(Error),
}

impl fmt::Display for InboxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InboxError::Store(error) => error.fmt(f),
            InboxError::Stripe(error) => error.fmt(f),
        }
    }
}

impl From<Unavailable> for InboxError {
    fn from(error: Unavailable) -> InboxError {
        InboxError::Store(error)
    }
}

impl From<ReconcileError> for InboxError {
    fn from(trouble: ReconcileError) -> InboxError {
        match trouble {
            ReconcileError::Ledger(error) => InboxError::Store(Unavailable(error)),
            ReconcileError::Stripe(error) => InboxError::Stripe(error),
        }
    }
}

/// Returns the customer of a charge; `None` if the charge has none or does not exist.
async fn customer_of(billing: &Billing, charge: &str) -> Result<Option<String>, InboxError> {
    match billing.client.charge(charge).await {
        Ok(charge) => Ok(charge.customer.map(|customer| customer.id)),
        Err(Error::Refused(refused)) if is_missing(&refused) => Ok(None),
        Err(error) => Err(InboxError::Stripe(error)),
    }
}

/// Hints at a customer. One with Scrip's mark that no workspace has may have paid without getting credits: an alert
/// says so. A deleted customer has lost its mark, and may have been a workspace's when it paid what now goes back.
async fn hint_at(billing: &Billing, (event, kind): (&str, &str), customer: &str) -> Result<(), InboxError> {
    let store: &Store = billing.ledger.store();
    if customers::hint(store, customer).await? {
        return Ok(());
    }
    match billing.client.customer(customer).await {
        Ok(found) if found.deleted && goes_back(kind) => {
            let detail = format!(
                "the event {event} is about a refund or dispute of a deleted customer: no credits were taken back for \
                 it; if the customer belonged to a workspace, take them back by hand"
            );
            Ok(alerts::raise(store, Alert::new("deleted_customer", customer, None, detail)).await?)
        }
        Ok(found) => {
            if let Some(workspace) = found.metadata.get(marks::WORKSPACE) {
                let detail = format!(
                    "the event {event} is about a customer whose metadata names {workspace}, which is not linked to \
                     that customer: if they belong together, link them with `scrip billing link`"
                );
                alerts::raise(store, Alert::new("unknown_customer", customer, None, detail)).await?;
            }
            Ok(())
        }
        // The customer was deleted, or belongs to another product.
        Err(Error::Refused(refused)) if is_missing(&refused) => Ok(()),
        Err(error) => Err(InboxError::Stripe(error)),
    }
}

/// Returns `true` if an event of this type is about money that goes back or is claimed back.
fn goes_back(kind: &str) -> bool {
    ["charge.refunded", "charge.dispute.", "refund."].iter().any(|start| kind.starts_with(start))
}

/// Returns `true` if the object does not exist. Any other refusal is about the key or the rate: the event waits.
fn is_missing(refused: &StripeRefusal) -> bool {
    refused.status == 404
}
