//! Stages of what Stripe collects for a subscription, from the first payment to the last retry: no purchase that might
//! be paid twice is sold meanwhile (R38).
//!
//! **Invariant:** pure; one stage for each combination of statuses.

use super::customer_state::CustomerState;
use crate::payments::stripe::objects::charge::Charge;
use crate::payments::stripe::objects::checkout::{PaymentStatus, Status as SessionStatus};
use crate::payments::stripe::objects::invoice::{BillingReason, Invoice, Line, Status as InvoiceStatus};
use crate::payments::stripe::objects::payment::Status as IntentStatus;
use crate::payments::stripe::objects::subscription::{Status, Subscription};
use crate::payments::stripe::offers::{SaleItem, offer};
use scrip_engine::Workspace;
use serde::{Deserialize, Serialize};

/// Stage of what Stripe collects for a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Nothing is collected: the plan can be bought.
    Free,
    /// A payment is on its way; a debit takes days.
    OnItsWay,
    /// The invoice waits for the customer, who has to pay it or to confirm the payment.
    Open,
    /// Stripe collects the invoice by itself, now or with a retry.
    Collecting,
}

/// Collection by Stripe for a subscription, as the customer sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collection {
    /// Stage of the collection.
    pub stage: Stage,
    /// Identifier of the subscription, `sub_…`.
    pub subscription: String,
    /// Plan and interval, if the subscription has a price of Scrip's.
    pub plan: Option<(String, String)>,
    /// Identifier of the unsettled invoice, `in_…`, if there is one.
    pub invoice: Option<String>,
    /// Amount still to be paid, in the currency's smallest unit.
    pub amount: i64,
    /// Currency: an ISO 4217 code in lower case; empty without an invoice.
    pub currency: String,
    /// Address of Stripe's page on which the invoice is paid.
    pub url: Option<String>,
    /// Instant of the next attempt, in seconds of Unix time.
    pub next_attempt: Option<i64>,
}

/// Statuses that a stage follows from; those of invoice and payment are of the subscription's newest unsettled invoice,
/// or of its newest one.
#[derive(Clone, Copy, Debug)]
pub struct Statuses<'a> {
    /// Status of the subscription.
    pub subscription: &'a Status,
    /// Status of its invoice, if it has one.
    pub invoice: Option<&'a InvoiceStatus>,
    /// Statuses of the checkout session that began it, and of that session's payment.
    pub session: Option<(&'a SessionStatus, &'a PaymentStatus)>,
    /// Status of the invoice's payment, if there is one.
    pub payment: Option<&'a IntentStatus>,
}

/// Returns the stage of what is collected.
pub fn stage(statuses: &Statuses<'_>) -> Stage {
    let Statuses { subscription, invoice, session, payment } = *statuses;
    let is_over = matches!(subscription, Status::Canceled | Status::IncompleteExpired);
    let is_settled = matches!(invoice, Some(InvoiceStatus::Paid | InvoiceStatus::Void | InvoiceStatus::Uncollectible));
    let unpaid_session = matches!(session, Some((SessionStatus::Complete, PaymentStatus::Unpaid)));
    match (subscription, invoice) {
        _ if payment == Some(&IntentStatus::Processing) && !is_settled => Stage::OnItsWay,
        _ if is_over => Stage::Free,
        // A session that is complete and unpaid is a debit, unless its payment has failed.
        (_, None | Some(InvoiceStatus::Open)) if unpaid_session && payment.is_none() => Stage::OnItsWay,
        (Status::Incomplete, Some(InvoiceStatus::Open)) => Stage::Open,
        (Status::Incomplete, _) => Stage::Free,
        (Status::PastDue | Status::Unpaid, _) => Stage::Collecting,
        (_, Some(InvoiceStatus::Open)) if payment == Some(&IntentStatus::RequiresAction) => Stage::Open,
        (_, Some(InvoiceStatus::Open | InvoiceStatus::Draft)) => Stage::Collecting,
        (
            _,
            Some(InvoiceStatus::Paid | InvoiceStatus::Void | InvoiceStatus::Uncollectible | InvoiceStatus::Other(_)),
        )
        | (_, None) => Stage::Free,
    }
}

/// Returns what Stripe collects from a customer for a plan of Scrip's; of several the one that is nearest to being paid
/// twice.
pub fn of_customer(state: &CustomerState) -> Option<Collection> {
    let all = state.subscriptions.iter().filter(|one| is_ours(one)).filter_map(|one| of_subscription(state, one));
    all.min_by_key(|one| match one.stage {
        Stage::OnItsWay => 0,
        Stage::Open => 1,
        Stage::Collecting => 2,
        Stage::Free => 3,
    })
}

/// Returns what Stripe collects for a subscription; `None` when it collects nothing.
pub fn of_subscription(state: &CustomerState, subscription: &Subscription) -> Option<Collection> {
    let invoice = newest_unsettled(state, &subscription.id).or_else(|| newest(state, &subscription.id));
    let session = state
        .sessions
        .iter()
        .find(|session| session.subscription.as_ref().is_some_and(|made| made.id == subscription.id));
    let statuses = Statuses {
        subscription: &subscription.status,
        invoice: invoice.and_then(|invoice| invoice.status.as_ref()),
        session: session.and_then(|session| Some((session.status.as_ref()?, &session.payment_status))),
        payment: invoice.and_then(|invoice| payment_of(state, invoice)),
    };
    let stage = stage(&statuses);
    let item = subscription.items.data.first();
    let price = item.and_then(|item| offer(&item.price).ok());
    let open = invoice.filter(|invoice| is_unsettled(invoice));
    (stage != Stage::Free).then(|| Collection {
        stage,
        subscription: subscription.id.clone(),
        plan: price.as_ref().and_then(|price| match &price.sold {
            SaleItem::Plan { plan, interval } => Some((plan.clone(), interval.name().to_owned())),
            SaleItem::Pack { .. } => None,
        }),
        invoice: open.map(|invoice| invoice.id.clone()),
        amount: open.map_or(0, |invoice| invoice.amount_remaining.max(0)),
        currency: open.map_or_else(String::new, |invoice| invoice.currency.clone()),
        url: open.and_then(|invoice| invoice.hosted_invoice_url.clone()),
        next_attempt: open.and_then(|invoice| invoice.next_payment_attempt).map(|at| at.0),
    })
}

/// Returns `true` if a payment of a subscription's newest unsettled invoice is on its way.
pub fn is_processing(state: &CustomerState, subscription: &str) -> bool {
    let invoice = newest_unsettled(state, subscription);
    invoice.and_then(|invoice| payment_of(state, invoice)) == Some(&IntentStatus::Processing)
}

/// Returns `true` if a subscription pays for a plan of Scrip's.
pub fn is_ours(subscription: &Subscription) -> bool {
    subscription.items.data.iter().any(|item| offer(&item.price).is_ok_and(|offer| offer.sold.interval().is_some()))
}

/// Returns `true` if Scrip may settle an invoice by itself: it belongs to a subscription, and every line of it has a
/// price of a plan of Scrip's and was not added by hand.
pub fn is_scrips(state: &CustomerState, invoice: &Invoice) -> bool {
    let of_ours = |line: &Line| {
        let price = line.price().and_then(|price| state.prices.get(&price.id));
        !line.is_by_hand() && price.is_some_and(|price| offer(price).is_ok_and(|offer| offer.sold.interval().is_some()))
    };
    invoice.subscription().is_some() && !invoice.lines.data.is_empty() && invoice.lines.data.iter().all(of_ours)
}

/// Returns the drafts of a subscription's renewals that Scrip finalizes: those that Stripe would advance by itself,
/// with no line that is not Scrip's.
pub fn drafts_to_finalize<'s>(state: &'s CustomerState, subscription: &str) -> Vec<&'s Invoice> {
    let is_draft = |invoice: &&Invoice| {
        invoice.status == Some(InvoiceStatus::Draft)
            && invoice.subscription() == Some(subscription)
            && invoice.billing_reason == Some(BillingReason::SubscriptionCycle)
            && invoice.auto_advance
            && is_scrips(state, invoice)
    };
    state.invoices.iter().filter(is_draft).collect()
}

/// Returns the unwanted invoices: not settled, of a subscription that is over or that was cancelled unpaid, with every
/// line Scrip's and no payment on its way (R38).
pub fn unwanted_invoices(state: &CustomerState) -> Vec<&Invoice> {
    let is_unwanted = |invoice: &&Invoice| {
        let subscription = state.subscriptions.iter().find(|one| invoice.subscription() == Some(one.id.as_str()));
        // The invoice of a renewal was made after the end that was cancelled, so the cancellation is of that renewal.
        let is_renewal = invoice.billing_reason == Some(BillingReason::SubscriptionCycle);
        let given_up = subscription.is_some_and(|one| is_over(one) || is_ending(one) && (is_renewal || is_late(one)));
        is_unsettled(invoice)
            && given_up
            && is_scrips(state, invoice)
            && payment_of(state, invoice) != Some(&IntentStatus::Processing)
            && !has_pending_charge(state, invoice)
    };
    state.invoices.iter().filter(is_unwanted).collect()
}

/// Returns the invoices that are left to the operator: not settled, of a subscription that is over, so that Stripe no
/// longer collects them, and with a line that is not Scrip's, so that Scrip does not void them.
pub fn operator_invoices(state: &CustomerState) -> Vec<&Invoice> {
    let is_left = |invoice: &&Invoice| {
        let subscription = state.subscriptions.iter().find(|one| invoice.subscription() == Some(one.id.as_str()));
        is_unsettled(invoice)
            && subscription.is_some_and(|one| is_over(one) && is_ours(one))
            && !is_scrips(state, invoice)
            && payment_of(state, invoice) != Some(&IntentStatus::Processing)
    };
    state.invoices.iter().filter(is_left).collect()
}

/// Returns a subscription that goes on at Stripe beside the one that the workspace's period was paid with, and whether
/// the ledger counts its payment. If not, the ledger does not know of the payment yet, or gives nothing for it.
pub fn going_beside<'s>(state: &'s CustomerState, workspace: &Workspace) -> Option<(&'s Subscription, bool)> {
    let current = workspace.subscription.payment.as_ref().map(|paid| &*paid.subscription);
    let carried = workspace.subscription.carried.iter().filter_map(|carried| carried.payment.as_ref());
    let counted: Vec<&str> = carried.map(|paid| &*paid.subscription).collect();
    let goes_on = |one: &&Subscription| {
        matches!(one.status, Status::Active | Status::Trialing | Status::PastDue | Status::Unpaid)
    };
    let beside = state.subscriptions.iter().find(|one| is_ours(one) && goes_on(one) && current != Some(&*one.id));
    beside.map(|one| (one, counted.contains(&one.id.as_str())))
}

/// Returns `true` if a subscription is over.
pub fn is_over(subscription: &Subscription) -> bool {
    matches!(subscription.status, Status::Canceled | Status::IncompleteExpired)
}

/// Returns `true` if a subscription was set to end.
pub fn is_ending(subscription: &Subscription) -> bool {
    subscription.cancel_at_period_end || subscription.cancel_at.is_some()
}

/// Returns `true` if the last invoice of a subscription could not be collected so far.
fn is_late(subscription: &Subscription) -> bool {
    matches!(subscription.status, Status::PastDue | Status::Unpaid)
}

/// Returns `true` if a subscription was set to end and its last invoice was never paid, so that it gives nothing more.
pub fn is_ending_unpaid(state: &CustomerState, subscription: &Subscription) -> bool {
    let last = newest(state, &subscription.id).and_then(|invoice| invoice.status.as_ref());
    let unpaid = matches!(last, Some(InvoiceStatus::Void | InvoiceStatus::Uncollectible | InvoiceStatus::Open));
    is_ending(subscription) && !is_over(subscription) && (unpaid || is_late(subscription))
}

/// Returns the newest invoice of a subscription that is a draft or open.
pub fn newest_unsettled<'s>(state: &'s CustomerState, subscription: &str) -> Option<&'s Invoice> {
    let of_it = state.invoices.iter().filter(|invoice| invoice.subscription() == Some(subscription));
    of_it.filter(|invoice| is_unsettled(invoice)).max_by_key(|invoice| invoice.created)
}

fn newest<'s>(state: &'s CustomerState, subscription: &str) -> Option<&'s Invoice> {
    let of_it = state.invoices.iter().filter(|invoice| invoice.subscription() == Some(subscription));
    of_it.max_by_key(|invoice| invoice.created)
}

fn is_unsettled(invoice: &Invoice) -> bool {
    matches!(invoice.status, Some(InvoiceStatus::Draft | InvoiceStatus::Open))
}

/// Returns the status of an invoice's payment: one that is processing counts before any other.
fn payment_of<'s>(state: &'s CustomerState, invoice: &Invoice) -> Option<&'s IntentStatus> {
    let intents = invoice.payments.data.iter().filter_map(|payment| payment.payment.payment_intent.as_ref());
    let known = intents.filter_map(|intent| state.payments.iter().find(|payment| payment.id == intent.id));
    let statuses: Vec<&IntentStatus> = known.map(|payment| &payment.status).collect();
    let processing = statuses.iter().find(|status| ***status == IntentStatus::Processing);
    processing.or(statuses.last()).copied()
}

fn has_pending_charge(state: &CustomerState, invoice: &Invoice) -> bool {
    let intents = invoice.payments.data.iter().filter_map(|payment| payment.payment.payment_intent.as_ref());
    let ids: Vec<&str> = intents.map(|intent| intent.id.as_str()).collect();
    let of_it =
        |charge: &&Charge| charge.payment_intent.as_ref().is_some_and(|intent| ids.contains(&intent.id.as_str()));
    state.charges.iter().filter(of_it).any(|charge| charge.status == "pending")
}

#[cfg(test)]
mod tests;
