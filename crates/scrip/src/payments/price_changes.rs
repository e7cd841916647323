//! New prices for existing subscriptions: a price that a migration gave notice of is set at Stripe for the first
//! renewal that may cost it, and not before.
//!
//! Each time a customer is reconciled, Stripe's item is compared with the price that the ledger expects of the next
//! renewal. So a lost event does not matter, and a change that was taken back is taken back at Stripe as well.
//!
//! **Invariant:** an item is changed only where it has the price that was paid or one that Scrip gave it, never while
//! the subscription is to end or to change, and the current period is not settled anew.

use super::customer_state::CustomerState;
use super::error::ReconcileError;
use super::{Billing, collection, marks};
use crate::crypto::{hex, random};
use crate::operate::alerts::{self, Alert};
use crate::payments::stripe::objects::price::{Price, PriceChange};
use crate::payments::stripe::objects::subscription::{Item, ItemPrice, ItemPriceChange, Status, Subscription};
use crate::payments::stripe::offers::{Offer, SaleItem, offer};
use crate::payments::stripe::{Error, IdempotencyKey};
use scrip_engine::{Catalogs, PlanPrice, Terms, Workspace, money, renewal_sale};
use std::collections::BTreeMap;

/// Kind of the alert that Stripe did not take a new price.
const NOT_REPRICED: &str = "not_repriced";

/// Comparison of a subscription's item with the price that the ledger expects of its next renewal.
enum Comparison<'s> {
    /// Nothing can be compared, or the item's price was changed by hand.
    NotOurs,
    /// The item has the expected price.
    Agrees,
    /// The item should have another price, that of the offer.
    Differs(&'s Item, Offer),
}

/// Result of changing an item's price.
enum Answer {
    /// Unchanged: the item is not the one that was read.
    Left,
    /// Changed: the item has the new price.
    Changed,
    /// Changed, but the subscription was changed or renewed between the read and the change.
    Crossed,
}

impl Billing {
    /// Sets the price of the next renewal at Stripe, where a migration has changed it.
    ///
    /// # Errors
    /// When Stripe or the store cannot answer. A refusal raises an alert, and the renewal costs the old price.
    pub(super) async fn reprice(&self, workspace: &Workspace, state: &CustomerState) -> Result<(), ReconcileError> {
        let Some(paid) = &workspace.subscription.payment else { return Ok(()) };
        let Some(known) = state.subscriptions.iter().find(|one| *one.id == *paid.subscription) else { return Ok(()) };
        let catalogs = self.ledger.catalogs_of(workspace).await?;
        let wanted = match compare(workspace, &catalogs, state, known) {
            Comparison::NotOurs => return Ok(()),
            Comparison::Agrees => {
                if workspace.subscription.repriced.is_some() || known.metadata.contains_key(marks::REPRICED) {
                    alerts::end(self.ledger.store(), NOT_REPRICED, &known.id).await?;
                }
                return Ok(());
            }
            Comparison::Differs(_, wanted) => wanted,
        };
        let answer = match self.price_that_sells(&wanted).await? {
            Some(price) if price.active => self.change_item(workspace, &catalogs, state, &price).await,
            // An archived price cannot be given to an item: it is active for the time of that request alone.
            Some(price) => {
                let is_active = |active: bool| PriceChange { active: Some(active), ..PriceChange::default() };
                self.client.update_price(&price.id, &is_active(true), &once()).await?;
                let answer = self.change_item(workspace, &catalogs, state, &price).await;
                self.client.update_price(&price.id, &is_active(false), &once()).await?;
                answer
            }
            None => {
                return self
                    .alert(workspace, known, &wanted, "Stripe has no such price; run `scrip stripe sync`")
                    .await;
            }
        };
        match answer {
            Ok(Answer::Left) => Ok(()),
            Ok(Answer::Changed) => {
                alerts::end(self.ledger.store(), NOT_REPRICED, &known.id).await?;
                Ok(())
            }
            Ok(Answer::Crossed) => {
                let why = "the subscription was changed or renewed at the same moment; check it at Stripe";
                self.alert(workspace, known, &wanted, why).await
            }
            Err(Error::Refused(refused)) if matches!(refused.status, 400 | 402 | 404) => {
                self.alert(workspace, known, &wanted, &refused.to_string()).await
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Gives the item a price, unless the customer has changed something since the read.
    ///
    /// Stripe has no request that depends on the item's state. So the subscription is read right before, and an invoice
    /// that came between the two shows that a change of the customer's was lost.
    async fn change_item(
        &self,
        workspace: &Workspace,
        catalogs: &Catalogs,
        state: &CustomerState,
        price: &Price,
    ) -> Result<Answer, Error> {
        let Some(paid) = &workspace.subscription.payment else { return Ok(Answer::Left) };
        let now = self.client.subscription(&paid.subscription).await?;
        let Comparison::Differs(item, wanted) = compare(workspace, catalogs, state, &now) else {
            return Ok(Answer::Left);
        };
        if offer(price).as_ref() != Ok(&wanted) {
            return Ok(Answer::Left);
        }
        let change = ItemPriceChange {
            items: vec![ItemPrice { id: item.id.clone(), price: price.id.clone() }],
            proration_behavior: "none",
            metadata: BTreeMap::from([(marks::REPRICED.to_owned(), price.id.clone())]),
        };
        let changed = self.client.reprice_subscription(&now.id, &change, &once()).await?;
        Ok(if changed.latest_invoice == now.latest_invoice { Answer::Changed } else { Answer::Crossed })
    }

    /// Returns Stripe's price that sells exactly the offer: the one with the lookup key, else another active one, else
    /// the newest archived one.
    async fn price_that_sells(&self, wanted: &Offer) -> Result<Option<Price>, Error> {
        let sells = |price: &Price| offer(price).as_ref() == Ok(wanted);
        if let Some(found) = self.client.price_by_lookup(&wanted.sold.lookup_key()).await?.filter(sells) {
            return Ok(Some(found));
        }
        let all = self.client.prices().await?.into_iter().filter(|price| sells(price));
        Ok(all.max_by_key(|price| (price.active, price.created)))
    }

    async fn alert(
        &self,
        workspace: &Workspace,
        subscription: &Subscription,
        wanted: &Offer,
        why: &str,
    ) -> Result<(), ReconcileError> {
        let Offer { sold, amount, currency } = wanted;
        let price = money(*amount, currency);
        let detail =
            format!("the price of {sold} could not be changed at Stripe to {price} from the next renewal on: {why}");
        let alert = Alert::new(NOT_REPRICED, &subscription.id, Some(workspace.id), detail);
        alerts::raise(self.ledger.store(), alert).await.map_err(ReconcileError::from)
    }
}

/// Compares a subscription's item with the price that the ledger expects of the renewal at the end of Stripe's current
/// period.
fn compare<'s>(
    workspace: &Workspace,
    catalogs: &Catalogs,
    state: &CustomerState,
    subscription: &'s Subscription,
) -> Comparison<'s> {
    let goes_on = matches!(subscription.status, Status::Active | Status::PastDue | Status::Trialing);
    if !goes_on || collection::is_ending(subscription) || may_change(state, subscription) {
        return Comparison::NotOurs;
    }
    let Some(period) = workspace.subscription.period else { return Comparison::NotOurs };
    let sold = SaleItem::Plan { plan: workspace.subscription.plan.to_string(), interval: period.interval };
    let is_it = |item: &&Item| item.quantity.unwrap_or(1) == 1 && offer(&item.price).is_ok_and(|it| it.sold == sold);
    let mut items = subscription.items.data.iter().filter(is_it);
    let (Some(item), None) = (items.next(), items.next()) else { return Comparison::NotOurs };
    let (end, now) = (item.current_period_end.timestamp(), workspace.at);
    let granting = Terms::of(workspace, catalogs, now).map(|terms| terms.granting().plan);
    let paid = granting.and_then(|plan| plan.price(period.interval));
    let next = renewal_sale(workspace, catalogs, end).map(|sale| sale.price);
    let offered =
        |price: &PlanPrice| Some(Offer { sold: sold.clone(), amount: price.amount?, currency: price.currency.clone() });
    let (Some(paid), Some(next), Ok(has)) = (paid.and_then(offered), next.and_then(offered), offer(&item.price)) else {
        return Comparison::NotOurs;
    };
    let is_ours = has == paid || subscription.metadata.get(marks::REPRICED) == Some(&item.price.id);
    match () {
        () if has == next => Comparison::Agrees,
        () if is_ours => Comparison::Differs(item, next),
        () => Comparison::NotOurs,
    }
}

/// Returns `true` if a change is scheduled for the end of the period, or may be.
fn may_change(state: &CustomerState, subscription: &Subscription) -> bool {
    subscription.schedule.as_ref().is_some_and(|schedule| {
        let known = state.schedules.iter().find(|known| known.id == schedule.id);
        known.is_none_or(|known| known.next().is_some())
    })
}

/// Returns a key that no other change has: repeating a change sets the same price.
fn once() -> IdempotencyKey {
    IdempotencyKey::of(&["reprice", &hex(&random::<16>())])
}
