//! Payments, subscription statuses and reversals that a workspace's ledger should have, from what Stripe says of its
//! customer.
//!
//! Invariant: pure. The result depends on Stripe's objects alone, and not on their history; a payment is named by what
//! it paid for (R7), never by the event that told of it.

use super::customer_state::CustomerState;
use super::{collection, marks, money};
use crate::operate::alerts::Alert;
use crate::payments::stripe::objects::checkout::{PaymentStatus, Session};
use crate::payments::stripe::objects::invoice::{BillingReason, Invoice, Line, Status as InvoiceStatus};
use crate::payments::stripe::objects::payment::{PaymentIntent, Status as IntentStatus};
use crate::payments::stripe::objects::subscription::{Status, Subscription};
use crate::payments::stripe::objects::{Metadata, Seconds};
use crate::payments::stripe::offers::{SaleItem, offer};
use scrip_engine::payments::{Goods, Payment, SubscriptionStatus};
use scrip_engine::{Amount, Interval, Name, Timestamp, Workspace, WorkspaceId};
use std::collections::BTreeMap;

/// A settled payment, and its place among the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettledPayment {
    /// Start of what was paid for, instant of its invoice, and whether it changed something that had begun: payments
    /// are recorded in the order of what they paid for, and in one second a change comes after what it changes.
    at: (Seconds, Seconds, bool),
    /// Payment as the ledger records it.
    pub payment: Payment,
}

/// Money of one payment that went back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reversal {
    /// Source of the payment's grants: its invoice or its payment intent.
    pub source: Name,
    /// Amount that was paid, in the currency's smallest unit.
    pub paid: u64,
    /// Part of it that has gone back or is claimed back, in the currency's smallest unit.
    pub reversed: u64,
    /// `true` while a dispute of the payment is open.
    pub disputed: bool,
}

/// A payment of a subscription that was declined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclinedPayment {
    /// Identifier of the subscription at Stripe.
    pub subscription: Name,
    /// Identifier of the unpaid invoice.
    pub invoice: Name,
    /// Number of the last attempt to collect it, starting at 1.
    pub attempt: u32,
}

/// Returns the settled payments in the order of what they paid for, and an alert for each that gives nothing.
pub fn payments(workspace: WorkspaceId, state: &CustomerState) -> (Vec<SettledPayment>, Vec<Alert>) {
    let mut settled = Vec::new();
    let mut alerts = Vec::new();
    // Stripe's list has the newest first, and the sort is stable, so payments of one instant stay in their order.
    let invoices = state.invoices.iter().rev().filter(|invoice| invoice.status == Some(InvoiceStatus::Paid));
    let money = money::by_invoice(state);
    let money_of = |invoice: &Invoice| money.get(invoice.id.as_str()).copied().unwrap_or_default();
    let sessions = state.sessions.iter().filter(|session| session.mode == "payment" && is_paid(session));
    let top_ups = state.payments.iter().filter(|payment| payment.status == IntentStatus::Succeeded);
    let found = invoices
        .filter_map(|invoice| of_invoice(workspace, state, invoice, money_of(invoice)).transpose())
        .chain(sessions.filter_map(|session| of_session(workspace, session).transpose()))
        .chain(top_ups.filter_map(|payment| of_top_up(workspace, payment).transpose()));
    for one in found {
        match one {
            Ok(payment) => settled.push(payment),
            Err(alert) => alerts.push(alert),
        }
    }
    settled.sort_by_key(|one| one.at);
    alerts.extend(two_at_once(workspace, state));
    (settled, alerts)
}

/// Returns the payment of an invoice: one period of one plan. `None` for an invoice that belongs to no subscription.
fn of_invoice(
    workspace: WorkspaceId,
    state: &CustomerState,
    invoice: &Invoice,
    money: money::Money,
) -> Result<Option<SettledPayment>, Alert> {
    let wrong = |kind, detail: String| Alert::new(kind, &invoice.id, Some(workspace), detail);
    let Some(subscription) = invoice.subscription() else { return Ok(None) };
    let details = invoice.parent.as_ref().and_then(|parent| parent.subscription_details.as_ref());
    if let Some(details) = details {
        is_of(workspace, &details.metadata).map_err(|marked| {
            wrong("wrong_workspace", format!("the metadata of the invoice's subscription names the workspace {marked}"))
        })?;
    }
    if money.whole() == 0 {
        return Err(wrong("nothing_paid", "the invoice is settled without money: nothing is given for it".to_owned()));
    }
    // An item that was put on the invoice by hand is paid with it, and is no period.
    let is_period = |line: &&Line| !line.is_proration() && !line.is_by_hand() && line.amount != 0;
    let whole: Vec<&Line> = invoice.lines.data.iter().filter(is_period).collect();
    let [line] = whole.as_slice() else {
        let detail = format!("the invoice has {} whole periods, and can only be read with one", whole.len());
        return Err(wrong("not_sold", detail));
    };
    let price = line.price().and_then(|price| state.prices.get(&price.id));
    let price = price.ok_or_else(|| wrong("not_sold", "the invoice names no price that Stripe knows".to_owned()))?;
    let sold = offer(price).map_err(|why| wrong("not_sold", format!("the price {}: {why}", price.id)))?;
    let SaleItem::Plan { plan, interval } = &sold.sold else {
        return Err(wrong("not_sold", format!("the price {} is a pack's, and cannot be subscribed to", price.id)));
    };
    if line.quantity.unwrap_or(1) != 1 || line.amount != sold.amount.get() {
        let detail = format!("the invoice asks {} for one of {}: {}", line.amount, sold.amount, price.id);
        return Err(wrong("wrong_amount", detail));
    }
    let known = state.subscriptions.iter().find(|known| known.id == subscription);
    let paid = i64::try_from(money.own_money()).ok().and_then(amount);
    let given = i64::try_from(money.given).ok().and_then(amount);
    let (Some(paid), Some(given)) = (paid, given) else {
        return Err(wrong("wrong_amount", "the amount is out of range".to_owned()));
    };
    let (anchor, start, end) = time_of(known, invoice, line, *interval);
    // The offer of the checkout session counts for its first invoice; renewals follow the catalog of their time.
    let begins = Some(invoice).filter(|invoice| invoice.billing_reason == Some(BillingReason::SubscriptionCreate));
    let payment = Payment {
        source: Name::from(invoice.id.as_str()),
        price: sold.amount,
        paid,
        given,
        currency: Name::from(invoice.currency.as_str()),
        bought: Goods::Period {
            plan: Name::from(plan.as_str()),
            interval: *interval,
            subscription: Name::from(subscription),
            anchor,
            start,
            end,
        },
        offered: begins.and(details).and_then(|details| version_shown(&details.metadata)),
        top_up: None,
    };
    let is_change = invoice.billing_reason == Some(BillingReason::SubscriptionUpdate);
    Ok(Some(SettledPayment { at: (line.period.start, invoice.created, is_change), payment }))
}

/// Returns anchor, start and end of the period that an invoice pays for: as invoiced, or from the payment on where the
/// period was over or its subscription had ended before, so that money never buys a time that has passed.
fn time_of(
    subscription: Option<&Subscription>,
    invoice: &Invoice,
    line: &Line,
    interval: Interval,
) -> (Timestamp, Timestamp, Timestamp) {
    let anchor = subscription.map_or(line.period.start, |known| known.billing_cycle_anchor);
    let over = subscription.filter(|known| collection::is_over(known)).and_then(|known| known.ended_at);
    let paid_at = invoice.status_transitions.paid_at;
    let too_late = |paid_at: &Seconds| *paid_at >= line.period.end || over.is_some_and(|over| over < *paid_at);
    match paid_at.filter(too_late) {
        Some(paid_at) => {
            let start = paid_at.timestamp();
            (start, start, start.nth(interval, 1))
        }
        None => (anchor.timestamp(), line.period.start.timestamp(), line.period.end.timestamp()),
    }
}

/// Returns the payment of a pack by a checkout session. A complete session may not be paid yet (R7).
fn of_session(workspace: WorkspaceId, session: &Session) -> Result<Option<SettledPayment>, Alert> {
    let Some(pack) = session.metadata.get(marks::PACK) else { return Ok(None) };
    let wrong = |kind, detail: String| Alert::new(kind, &session.id, Some(workspace), detail);
    let reference = session.client_reference_id.as_deref().unwrap_or_default();
    let marked = is_of(workspace, &session.metadata);
    if marked.is_err() || reference != workspace.to_string() {
        return Err(wrong(
            "wrong_workspace",
            format!("the checkout session is for `{reference}`, and its customer is not"),
        ));
    }
    let paid = session.amount_total.and_then(amount).filter(|paid| !paid.is_zero());
    let (Some(paid), Some(currency), Some(intent)) = (paid, &session.currency, &session.payment_intent) else {
        return Err(wrong(
            "nothing_paid",
            "the checkout session is settled without money: nothing is given for it".to_owned(),
        ));
    };
    let payment = Payment {
        source: Name::from(intent.id.as_str()),
        price: paid,
        paid,
        given: Amount::ZERO,
        currency: Name::from(currency.as_str()),
        bought: Goods::Pack(Name::from(pack.as_str())),
        offered: version_shown(&session.metadata),
        top_up: None,
    };
    Ok(Some(SettledPayment { at: (session.created, session.created, false), payment }))
}

/// Returns the payment of a pack by a top-up; `None` if the payment intent is not a top-up's.
fn of_top_up(workspace: WorkspaceId, intent: &PaymentIntent) -> Result<Option<SettledPayment>, Alert> {
    let Some(n) = top_up_of(intent) else { return Ok(None) };
    let wrong = |kind, detail: String| Alert::new(kind, &intent.id, Some(workspace), detail);
    is_of(workspace, &intent.metadata).map_err(|marked| {
        wrong("wrong_workspace", format!("the metadata of the payment names the workspace {marked}"))
    })?;
    let pack = intent.metadata.get(marks::PACK);
    let paid = amount(intent.amount_received).filter(|paid| !paid.is_zero());
    let (Some(pack), Some(paid)) = (pack, paid) else {
        return Err(wrong("nothing_paid", "the payment names no pack, or no amount of money".to_owned()));
    };
    let payment = Payment {
        source: Name::from(intent.id.as_str()),
        price: paid,
        paid,
        given: Amount::ZERO,
        currency: Name::from(intent.currency.as_str()),
        bought: Goods::Pack(Name::from(pack.as_str())),
        offered: version_shown(&intent.metadata),
        top_up: Some(n),
    };
    Ok(Some(SettledPayment { at: (intent.created, intent.created, false), payment }))
}

/// Returns the catalog version that a checkout session showed, or a wish asked for, as its mark says.
fn version_shown(metadata: &Metadata) -> Option<u32> {
    metadata.get(marks::CATALOG)?.parse().ok()
}

/// Returns `true` if a payment is top-up number `n` of a workspace. The customer may have belonged to another workspace
/// before, which has the same numbers.
pub fn is_top_up(workspace: WorkspaceId, intent: &PaymentIntent, n: u32) -> bool {
    top_up_of(intent) == Some(n) && is_of(workspace, &intent.metadata).is_ok()
}

/// Returns the number of the top-up that a payment is for, if any.
fn top_up_of(intent: &PaymentIntent) -> Option<u32> {
    intent.metadata.get(marks::TOP_UP)?.parse().ok()
}

fn is_paid(session: &Session) -> bool {
    session.payment_status == PaymentStatus::Paid
}

/// Refuses an object with the mark of another workspace, and returns that mark. An object without a mark was made by
/// hand for the customer, who is known.
fn is_of(workspace: WorkspaceId, metadata: &Metadata) -> Result<(), String> {
    match metadata.get(marks::WORKSPACE) {
        Some(marked) if *marked != workspace.to_string() => Err(marked.clone()),
        _ => Ok(()),
    }
}

fn amount(units: i64) -> Option<Amount> {
    Amount::new(units)
}

/// Returns an alert if the customer has two active subscriptions: it pays twice and gets both, and the operator should
/// ask whether that is wanted.
fn two_at_once(workspace: WorkspaceId, state: &CustomerState) -> Option<Alert> {
    let mut going: Vec<&str> =
        state.subscriptions.iter().filter(|one| one.status == Status::Active).map(|one| one.id.as_str()).collect();
    going.sort_unstable();
    let detail = format!("the customer has the subscriptions {} at once: cancel one", going.join(" and "));
    (going.len() > 1).then(|| Alert::new("two_subscriptions", &going.join("+"), Some(workspace), detail))
}

/// Returns the status of a subscription for the ledger; `None` for one that never began.
pub fn subscription_status(state: &CustomerState, subscription: &Subscription) -> Option<SubscriptionStatus> {
    match subscription.status {
        Status::Canceled | Status::IncompleteExpired => return Some(SubscriptionStatus::Ended),
        Status::Incomplete => return None,
        _ => {}
    }
    let end = subscription.items.data.iter().map(|item| item.current_period_end).max();
    let by_date = subscription.cancel_at.is_some_and(|at| end.is_some_and(|end| at <= end));
    let ending = subscription.cancel_at_period_end || by_date;
    let change = if ending { None } else { change(state, subscription) };
    let processing = collection::is_processing(state, &subscription.id);
    Some(SubscriptionStatus::Continues { ending, change, processing })
}

/// Returns the plan and interval that are scheduled for the end of the period, if any.
fn change(state: &CustomerState, subscription: &Subscription) -> Option<(Name, scrip_engine::Interval)> {
    let schedule = subscription.schedule.as_ref()?;
    let schedule = state.schedules.iter().find(|known| known.id == schedule.id)?;
    let (_, price) = schedule.next()?;
    match offer(state.prices.get(&price.id)?).ok()?.sold {
        SaleItem::Plan { plan, interval } => Some((Name::from(plan.as_str()), interval)),
        SaleItem::Pack { .. } => None,
    }
}

/// Returns the newest declined invoice of each subscription; the ledger remembers one.
pub fn declined_payments(state: &CustomerState) -> Vec<DeclinedPayment> {
    // A payment that is processing was tried and has not failed.
    let failed = |invoice: &&Invoice| !invoice.subscription().is_some_and(|one| collection::is_processing(state, one));
    let open = state.invoices.iter().filter(|invoice| invoice.status == Some(InvoiceStatus::Open)).filter(failed);
    let tried = open.filter_map(|invoice| {
        let attempt = u32::try_from(invoice.attempt_count).ok().filter(|attempt| *attempt > 0)?;
        Some((invoice.subscription()?, invoice, attempt))
    });
    let mut newest: BTreeMap<&str, (&Invoice, u32)> = BTreeMap::new();
    for (subscription, invoice, attempt) in tried {
        let known = newest.entry(subscription).or_insert((invoice, attempt));
        if (invoice.created, &invoice.id) > (known.0.created, &known.0.id) {
            *known = (invoice, attempt);
        }
    }
    let declined = newest.into_iter().map(|(subscription, (invoice, attempt))| {
        let (subscription, invoice) = (Name::from(subscription), Name::from(invoice.id.as_str()));
        DeclinedPayment { subscription, invoice, attempt }
    });
    declined.collect()
}

/// Returns how much of each payment went back or is claimed back (R9), for those payments that the workspace knows and
/// where something went back now or before. The amount is a part of everything that settled the payment, by card or
/// from the balance.
pub fn reversals(workspace: &Workspace, state: &CustomerState) -> Vec<Reversal> {
    let billed = money::by_invoice(state);
    let invoices = billed.iter().filter(|(_, money)| money.whole() > 0).map(|(id, money)| Reversal {
        source: Name::from(*id),
        paid: money.whole(),
        reversed: money.gone,
        disputed: money.disputed,
    });
    let sources = sources(state);
    let mut found: BTreeMap<Name, Reversal> = invoices.map(|one| (one.source.clone(), one)).collect();
    for charge in state.charges.iter().filter(|charge| charge.paid) {
        let intent = charge.payment_intent.as_ref().map(|intent| intent.id.as_str());
        let Some(source) = intent.and_then(|intent| sources.get(intent)) else { continue };
        if billed.contains_key(&**source) {
            continue;
        }
        let (gone, disputed) = money::reversed_amount(state, charge);
        let nothing = || Reversal { source: source.clone(), paid: 0, reversed: 0, disputed: false };
        let whole = found.entry(source.clone()).or_insert_with(nothing);
        whole.paid += charge.amount.max(0).unsigned_abs();
        whole.reversed += gone;
        whole.disputed |= disputed;
    }
    let is_known_source = |found: &Reversal| workspace.sources.contains(&found.source);
    let is_news = |found: &Reversal| found.reversed > 0 || found.disputed || is_known(workspace, &found.source);
    found.into_values().filter(|found| is_known_source(found) && is_news(found)).collect()
}

/// Returns the source of each payment intent: its invoice, or itself where it has none.
fn sources(state: &CustomerState) -> BTreeMap<&str, Name> {
    let billed = state.invoices.iter().flat_map(|invoice| {
        let paid = invoice.payments.data.iter().filter_map(|payment| payment.payment.payment_intent.as_ref());
        paid.map(|intent| (intent.id.as_str(), Name::from(invoice.id.as_str())))
    });
    let by_themselves = state.charges.iter().filter_map(|charge| charge.payment_intent.as_ref());
    let by_themselves = by_themselves.map(|intent| (intent.id.as_str(), Name::from(intent.id.as_str())));
    by_themselves.chain(billed).collect()
}

/// Returns `true` if the workspace has taken something back for a payment, which may have to be given again.
fn is_known(workspace: &Workspace, source: &Name) -> bool {
    let taken = workspace.grants.iter().any(|grant| grant.source == *source && !grant.reclaim.is_zero());
    let period = workspace.subscription.payment.as_ref().filter(|payment| payment.source == *source);
    taken || workspace.disputes.contains(source) || period.is_some_and(|payment| payment.reversed.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::sync::Arc;

    fn invoice(id: &str, reason: &str) -> Value {
        json!({
            "id": id, "livemode": false, "status": "paid", "customer": "cus_1", "billing_reason": reason,
            "currency": "usd", "total": 1500, "amount_due": 1500, "amount_paid": 1500, "attempt_count": 1,
            "created": 100, "next_payment_attempt": null, "metadata": {}, "hosted_invoice_url": null,
            "status_transitions": { "finalized_at": 100, "paid_at": 100, "voided_at": null },
            "parent": { "subscription_details": { "subscription": "sub_1", "metadata": {} } },
            "lines": { "has_more": false, "data": [{ "id": "il_1", "amount": 1500, "currency": "usd", "quantity": 1,
                "period": { "start": 100, "end": 200 }, "metadata": {}, "parent": null,
                "pricing": { "price_details": { "price": "price_1", "product": "prod_1" } } }] },
            "payments": { "has_more": false, "data": [] },
        })
    }

    fn sources_in_order(invoices: &[(&str, &str)]) -> Vec<String> {
        let price = json!({ "id": "price_1", "active": true, "livemode": false, "currency": "usd", "unit_amount": 1500,
            "billing_scheme": "per_unit", "lookup_key": null, "product": "prod_1", "created": 1,
            "recurring": { "interval": "month", "interval_count": 1, "usage_type": "licensed" },
            "metadata": { "scrip_plan": "pro", "scrip_interval": "month" } });
        let price = serde_json::from_value(price).expect("it is a price");
        let invoices =
            invoices.iter().map(|(id, reason)| serde_json::from_value(invoice(id, reason)).expect("it is an invoice"));
        let prices = BTreeMap::from([("price_1".to_owned(), Arc::new(price))]);
        let (settled, alerts) = payments(
            WorkspaceId::new(1),
            &CustomerState { invoices: invoices.collect(), prices, ..CustomerState::default() },
        );
        assert_eq!(alerts, []);
        settled.iter().map(|one| one.payment.source.to_string()).collect()
    }

    #[test]
    fn invoices_of_one_second_are_recorded_in_the_order_of_what_they_paid_for() {
        let (begun, changed) = (("in_b", "subscription_create"), ("in_a", "subscription_update"));
        for listed in [[changed, begun], [begun, changed]] {
            assert_eq!(sources_in_order(&listed), ["in_b", "in_a"], "however they are listed");
        }
        let (first, second) = (("in_z", "subscription_update"), ("in_y", "subscription_update"));
        assert_eq!(
            sources_in_order(&[second, first]),
            ["in_z", "in_y"],
            "of two changes the list has the newest first"
        );
        assert_eq!(sources_in_order(&[first, second]), ["in_y", "in_z"]);
    }
}
