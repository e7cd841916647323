//! Stripe's portal, in which customers change, cancel and pay their subscriptions.
//!
//! The portal times a change by amounts and intervals, the catalog by its order of plans (R31). So a portal session
//! lists the changes that both time alike; an upgrade that was chosen already has a session of its own, where nothing
//! waits; and a change that neither can express is scheduled by Scrip (`downgrades`).
//!
//! Invariant: a portal session lists only plans whose reviews the workspace has (R25), upgrades at once and paid first,
//! and downgrades at the end of the period (R31).

use super::collection::Stage;
use super::error::Denial;
use super::{Billing, marks};
use crate::crypto::{hex, sha256};
use crate::payments::stripe::objects::portal::{
    CancelFeature, Choice, Condition, Features, Flow, FlowItem, FlowSubscription, FlowUpdate, NewConfiguration,
    NewSession, PeriodEndSchedule, Profile, Switch, UpdateFeature,
};
use crate::payments::stripe::objects::subscription::{EndChange, Status, Subscription};
use crate::payments::stripe::offers::{self, SaleItem};
use crate::payments::stripe::{Error, IdempotencyKey, pace};
use scrip_engine::{Amount, Catalogs, Interval, Name, OnUpgrade, Refusal, Terms, Workspace, is_downgrade};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::time::Duration;

/// Task that a portal session is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortalTask {
    /// Any task that the portal offers.
    Any,
    /// Cancellation of the current subscription.
    Cancel,
    /// Change of the payment method.
    Card,
}

/// Changes of plan that a portal session offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Changes {
    /// Changes that the portal times as the catalog does.
    TimedAlike,
    /// Upgrades, all of them at once.
    Upgrades,
}

/// Time for which a portal configuration is remembered: prices that are changed by hand at Stripe take effect here by
/// then.
const REMEMBERED: Duration = Duration::from_secs(600); // # assumed
/// Headline of the portal where an upgrade ends the remaining credits; Stripe allows 60 characters.
const FORFEITS: &str = "An upgrade ends the rest of your current credits.";

/// Returns `true` if the portal times a change as the catalog does, whether it compares amounts as they are or by the
/// day: a change that waits has a shorter interval, or the same and a lower amount; one that does not wait has the same
/// interval and no lower amount.
pub(super) fn is_timed_alike(waits: bool, from: (Interval, Amount), to: (Interval, Amount)) -> bool {
    match to.0.cmp(&from.0) {
        Ordering::Less => waits,
        Ordering::Equal => waits == (to.1 < from.1),
        Ordering::Greater => false,
    }
}

impl Billing {
    /// Opens a portal session for a workspace; returns its address.
    ///
    /// # Errors
    /// When no portal session can be opened; the reason.
    pub async fn portal(&self, workspace: &Workspace, task: PortalTask) -> Result<String, Denial> {
        self.is_of_this_mode(workspace)?;
        let flow = match task {
            // A frozen workspace may cancel and change its payment method, and buys nothing.
            PortalTask::Any => match &workspace.frozen {
                Some(reason) => {
                    return Err(Denial::Refused(Refusal::WorkspaceFrozen { reason: reason.to_string() }));
                }
                None => None,
            },
            PortalTask::Card => Some(Flow::PaymentMethodUpdate),
            PortalTask::Cancel => {
                let current = match &workspace.subscription.payment {
                    Some(_) => self.current(workspace).await?,
                    // After the grace there is no plan to end, but Stripe may still collect for a subscription.
                    None => match self.collection_there(workspace).await? {
                        Some(found) => self.client.subscription(&found.subscription).await?,
                        None => self.current(workspace).await?,
                    },
                };
                Some(Flow::SubscriptionCancel { subscription_cancel: FlowSubscription { subscription: current.id } })
            }
        };
        self.open_portal(workspace, flow, Changes::TimedAlike).await
    }

    /// Sets the current subscription to end with its period, or takes that back.
    ///
    /// # Errors
    /// When the end cannot be set; the reason.
    pub async fn end(&self, workspace: &Workspace, ending: bool) -> Result<(), Denial> {
        self.is_of_this_mode(workspace)?;
        let current = self.current(workspace).await?;
        Ok(self.end_there(&current, ending).await?)
    }

    /// Cancels every subscription that Stripe still collects although the workspace is not on its plan, because the
    /// plan has ended or was never paid; returns whether there was one.
    ///
    /// # Errors
    /// When a subscription cannot be cancelled: also while a payment is on its way, which cannot be stopped.
    pub async fn end_collection(&self, workspace: &Workspace) -> Result<bool, Denial> {
        self.is_of_this_mode(workspace)?;
        let mut ended = false;
        while let Some(found) = self.collection_there(workspace).await? {
            if found.stage == Stage::OnItsWay {
                let detail = "a payment is on its way and cannot be stopped: cancel when it has arrived";
                return Err(Denial::Refused(Refusal::invalid("", detail)));
            }
            if !self.end_at_once(&found.subscription).await? {
                break;
            }
            ended = true;
        }
        Ok(ended)
    }

    /// Sets at Stripe whether a subscription ends with its period. A scheduled change is released first, since Stripe
    /// refuses to set an end while there is one.
    pub(super) async fn end_there(&self, current: &Subscription, ending: bool) -> Result<(), Error> {
        // Each request is a decision of its own: repeating it sets the same end. Stripe's answer to an earlier request
        // with the same key would change nothing.
        let key = |what: &str| IdempotencyKey::of(&[what, &hex(&crate::crypto::random::<16>())]);
        if let Some(schedule) = &current.schedule {
            self.client.release_schedule(&schedule.id, &key("release")).await?;
        }
        // The portal sets a date, which is removed as one.
        let is_dated = !current.cancel_at_period_end && current.cancel_at.is_some();
        let change = match ending {
            false if is_dated => EndChange { cancel_at: Some(None), ..EndChange::default() },
            _ => EndChange { cancel_at_period_end: Some(ending), ..EndChange::default() },
        };
        self.client.end_subscription(&current.id, change, &key("end")).await?;
        Ok(())
    }

    /// Opens a portal session in which the current subscription is changed to another price; returns its address. A
    /// subscription that has the price already, and only ends, gets the whole portal: Stripe confirms no change to the
    /// same price.
    pub(super) async fn change_link(
        &self,
        workspace: &Workspace,
        current: &Subscription,
        price: &str,
        changes: Changes,
    ) -> Result<String, Denial> {
        let Some(item) = current.items.data.first() else {
            return Err(Denial::Unexpected(format!("the subscription {} has no items", current.id)));
        };
        if item.price.id == price {
            return self.open_portal(workspace, None, Changes::TimedAlike).await;
        }
        let items = vec![FlowItem { id: item.id.clone(), price: price.to_owned(), quantity: 1 }];
        let chosen = FlowUpdate { subscription: current.id.clone(), items };
        let flow = Flow::SubscriptionUpdateConfirm { subscription_update_confirm: chosen };
        self.open_portal(workspace, Some(flow), changes).await
    }

    /// Returns the subscription that the workspace's period was paid with, unless it is over: it may have been
    /// cancelled at once, or its customer deleted.
    pub(super) async fn ongoing_subscription(&self, workspace: &Workspace) -> Result<Option<Subscription>, Denial> {
        match self.current(workspace).await {
            Ok(current) => {
                let is_over = matches!(current.status, Status::Canceled | Status::IncompleteExpired);
                Ok(Some(current).filter(|_| !is_over))
            }
            Err(Denial::Stripe(Error::Refused(refused))) if refused.status == 404 => Ok(None),
            Err(denied) => Err(denied),
        }
    }

    /// Returns the subscription that the workspace's period was paid with.
    async fn current(&self, workspace: &Workspace) -> Result<Subscription, Denial> {
        let Some(paid) = &workspace.subscription.payment else {
            return Err(Denial::Refused(Refusal::invalid("", "the workspace has no subscription at Stripe")));
        };
        Ok(self.client.subscription(&paid.subscription).await?)
    }

    /// Opens a portal session for a task, or for the whole portal; returns its address.
    pub(super) async fn open_portal(
        &self,
        workspace: &Workspace,
        flow_data: Option<Flow>,
        changes: Changes,
    ) -> Result<String, Denial> {
        let customer = self.customer(workspace).await?;
        let configuration = self.configuration(workspace, changes).await?;
        let mut new = NewSession { customer, configuration, return_url: self.back(workspace), flow_data };
        // Each portal session is a decision of its own; one that is never used has no effect.
        let key = || IdempotencyKey::of(&["visit", &hex(&crate::crypto::random::<16>())]);
        match self.client.create_portal_session(&new, &key()).await {
            // The remembered configuration is gone or was switched off.
            Err(Error::Refused(refused)) if refused.param.as_deref() == Some("configuration") => {
                self.portals
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .retain(|_, (_, id)| *id != new.configuration);
                new.configuration = self.configuration(workspace, changes).await?;
                Ok(self.client.create_portal_session(&new, &key()).await?.url)
            }
            session => Ok(session?.url),
        }
    }

    /// Returns the configuration for a workspace, which is remembered for all that may change to the same: it costs
    /// Stripe no request while it is. Its lookup is background work, counted for no workspace.
    async fn configuration(&self, workspace: &Workspace, changes: Changes) -> Result<String, Denial> {
        let kind = self.kind_of_portal(workspace, changes).await?;
        if let Some(known) = self.remembered_portal(&kind) {
            return Ok(known);
        }
        let _lookup = self.portal_lookup.lock().await;
        if let Some(known) = self.remembered_portal(&kind) {
            return Ok(known);
        }
        let id = pace::work(self.look_up_configuration(workspace, changes)).await?;
        let remembered = (tokio::time::Instant::now(), id.clone());
        self.portals.lock().unwrap_or_else(PoisonError::into_inner).insert(kind, remembered);
        Ok(id)
    }

    fn remembered_portal(&self, kind: &str) -> Option<String> {
        let portals = self.portals.lock().unwrap_or_else(PoisonError::into_inner);
        let known = portals.get(kind).filter(|(since, _)| since.elapsed() < REMEMBERED);
        known.map(|(_, id)| id.clone())
    }

    /// Returns a key made of everything that a configuration follows from, besides the prices at Stripe.
    async fn kind_of_portal(&self, workspace: &Workspace, changes: Changes) -> Result<String, Denial> {
        let catalogs = self.ledger.store().catalogs();
        let now = self.ledger.now(workspace.test_clock).await?;
        let newest = catalogs.in_force(now, workspace.test_clock);
        let version = newest.map_or(0, |newest| newest.version);
        let current = current_price(workspace, &catalogs);
        let plan = &workspace.subscription.plan;
        let required = newest.iter().flat_map(|newest| &newest.catalog.plans).flat_map(|plan| &plan.requires);
        let mut approved: Vec<&Name> = required.filter(|review| workspace.approvals.contains(*review)).collect();
        approved.sort_unstable();
        approved.dedup();
        let forfeits = forfeits(workspace, &catalogs);
        Ok(format!("{version} {plan} {current:?} {approved:?} {changes:?} {forfeits}"))
    }

    /// Finds the configuration at Stripe, or creates it, once for all workspaces that may change to the same.
    async fn look_up_configuration(&self, workspace: &Workspace, changes: Changes) -> Result<String, Denial> {
        let features = Features {
            invoice_history: Switch { enabled: true },
            payment_method_update: Switch { enabled: true },
            subscription_cancel: CancelFeature { enabled: true, mode: "at_period_end" },
            subscription_update: self.plan_changes(workspace, changes).await?,
        };
        let forfeits = forfeits(workspace, &self.ledger.store().catalogs());
        let business_profile = forfeits.then_some(Profile { headline: FORFEITS });
        let wanted = serde_json::to_vec(&(&features, &business_profile)).expect("features are plain data");
        let mark = hex(&sha256(&[&wanted])[..12]);
        let there = self.client.portal_configurations().await?;
        let known = there.into_iter().find(|one| one.active && one.metadata.get(marks::PORTAL) == Some(&mark));
        match known {
            Some(known) => Ok(known.id),
            None => {
                let metadata = BTreeMap::from([(marks::PORTAL.to_owned(), mark.clone())]);
                let new = NewConfiguration { features, business_profile, metadata, default_return_url: None };
                let key = IdempotencyKey::of(&["portal", &mark]);
                Ok(self.client.create_portal_configuration(&new, &key).await?.id)
            }
        }
    }

    /// Returns the changes of plan that a configuration offers: of the plans on sale whose reviews the workspace has.
    async fn plan_changes(&self, workspace: &Workspace, changes: Changes) -> Result<UpdateFeature, Denial> {
        let catalogs = self.ledger.store().catalogs();
        let now = self.ledger.now(workspace.test_clock).await?;
        let newest = catalogs.in_force(now, workspace.test_clock);
        let current = current_price(workspace, &catalogs);
        let approved = |review: &Name| workspace.approvals.contains(review);
        let mut products: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let catalog = newest.map(|newest| &*newest.catalog);
        let plans = catalog.map_or(&[][..], |catalog| &catalog.plans);
        for plan in plans.iter().filter(|plan| !plan.custom && plan.requires.iter().all(approved)) {
            for price in &plan.prices {
                let (Some(amount), Some(catalog)) = (price.amount, catalog) else { continue };
                let to = (&*plan.id, price.interval);
                let is_offered = current.as_ref().is_none_or(|(interval, paid)| {
                    let from = (&*workspace.subscription.plan, *interval);
                    let waits = is_downgrade(catalog, from, to);
                    match changes {
                        Changes::Upgrades => !waits,
                        Changes::TimedAlike => {
                            from == to || is_timed_alike(waits, (*interval, *paid), (price.interval, amount))
                        }
                    }
                });
                let sold = SaleItem::Plan { plan: plan.id.to_string(), interval: price.interval };
                let found = if is_offered { self.client.price_by_lookup(&sold.lookup_key()).await? } else { None };
                // A price whose metadata does not say that it sells this plan would be paid, and give nothing.
                if let Some(found) = found.filter(|found| offers::offer(found).is_ok_and(|offer| offer.sold == sold)) {
                    products.entry(found.product.id).or_default().push(found.id);
                }
            }
        }
        let conditions = ["decreasing_item_amount", "shortening_interval"];
        let conditions = conditions.into_iter().map(|kind| Condition { kind }).collect();
        Ok(UpdateFeature {
            enabled: !products.is_empty(),
            default_allowed_updates: vec!["price"],
            products: products.into_iter().map(|(product, prices)| Choice { product, prices }).collect(),
            proration_behavior: "none",
            billing_cycle_anchor: Some("now"),
            schedule_at_period_end: (changes == Changes::TimedAlike).then_some(PeriodEndSchedule { conditions }),
        })
    }
}

/// Returns `true` if an upgrade ends what a workspace has left.
fn forfeits(workspace: &Workspace, catalogs: &Catalogs) -> bool {
    let terms = Terms::of(workspace, catalogs, workspace.at);
    terms.is_some_and(|terms| terms.on_upgrade() == OnUpgrade::Forfeit)
}

/// Returns the interval and the price of the period that a workspace pays for; `None` where it pays for none.
pub(super) fn current_price(workspace: &Workspace, catalogs: &Catalogs) -> Option<(Interval, Amount)> {
    let subscription = &workspace.subscription;
    let sold = catalogs.get(subscription.sold.unwrap_or(workspace.catalog))?;
    let interval = subscription.period.filter(|_| subscription.payment.is_some())?.interval;
    Some((interval, sold.catalog.plan(&subscription.plan)?.price(interval)?.amount?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_listed_where_amounts_as_they_are_and_by_the_day_time_it_as_the_catalog_does() {
        let intervals = [(Interval::Week, 7), (Interval::Month, 30), (Interval::Year, 365)];
        let amounts = [100, 1_000, 5_000, 36_000, 60_000];
        let mut listed = 0;
        for (from, from_days) in intervals {
            for (to, to_days) in intervals {
                for (old, new) in amounts.iter().flat_map(|old| amounts.iter().map(move |new| (*old, *new))) {
                    let amount = |units| Amount::new(units).expect("small");
                    // The portal's timing, for either way of comparing amounts.
                    let as_it_is = to_days < from_days || new < old;
                    let by_the_day = to_days < from_days || new * from_days < old * to_days;
                    for waits in [false, true] {
                        if is_timed_alike(waits, (from, amount(old)), (to, amount(new))) {
                            assert_eq!((as_it_is, by_the_day), (waits, waits), "{old} {from:?} to {new} {to:?}");
                            listed += 1;
                        }
                    }
                }
            }
        }
        assert!(listed > 100, "it lists something");
    }
}
