//! Purchases: from a wish for a plan or pack to the checkout session in which it is paid.
//!
//! The decision is stored before Stripe is asked, and the idempotency keys are made from it; so a repeated request, or
//! a process that takes over from one that was killed, comes to the same checkout session.
//!
//! Invariant: no checkout session is opened before the engine has offered what is on it (R25).

use super::collection::{self, Collection, Stage};
use super::customer_state::CustomerState;
use super::error::Denial;
use super::portal::{self, Changes};
use super::{Billing, customers, marks};
use crate::crypto::{hex, random, sha256};
use crate::payments::stripe::error::StripeRefusal;
use crate::payments::stripe::form::form;
use crate::payments::stripe::objects::Seconds;
use crate::payments::stripe::objects::checkout::{
    CustomText, LineItem, NewSession, PaymentIntentData, Session, Status, SubscriptionData, Words,
};
use crate::payments::stripe::objects::customer::{Customer, NewCustomer};
use crate::payments::stripe::objects::price::Price;
use crate::payments::stripe::objects::subscription::Subscription;
use crate::payments::stripe::offers::{self, SaleItem};
use crate::payments::stripe::{Error, IdempotencyKey};
use crate::people::email::Email;
use scrip_engine::{How, Mode, Offer, PurchaseTarget, Refusal, Timestamp, Workspace, money, offer, upgrade};
use scrip_store::rows::profiles;
use scrip_store::rows::purchases::{self, Purchase};
use std::collections::BTreeMap;

/// Beginning of the message about a price that Stripe does not have.
pub(super) const NOT_SOLD: &str = "Stripe does not sell";

/// Lifetime of a checkout session, in seconds: Stripe allows between half an hour and a day.
const SESSION_SECONDS: i64 = 3600; // # assumed
/// Minimum remaining lifetime of a checkout session when it is opened, in seconds: Stripe's half an hour, and one
/// minute for the request.
const SESSION_SECONDS_LEAST: i64 = 1860; // # assumed

/// Maximum length of an id that Stripe gives an object, in bytes.
const ID_MAX: usize = 255;
/// Maximum number of attempts to decide on a plan while others decide at the same time.
const DECISIONS: usize = 5; // # assumed

/// Link to the place where an offer is paid: a checkout session, the portal or an invoice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentLink {
    /// Address to which the customer is led.
    pub url: String,
    /// Offer that is paid there.
    pub offer: Offer,
    /// Instant until which it can be paid; `None` for the portal and for an invoice.
    pub expires_at: Option<Timestamp>,
}

impl Billing {
    /// Returns the link by which a workspace pays for a plan or pack. A request repeated with its key gets the same
    /// link, and so does the same wish while its checkout session is open.
    ///
    /// # Errors
    /// When nothing can be paid; the reason.
    pub async fn buy(
        &self,
        workspace: &Workspace,
        wanted: &PurchaseTarget,
        key: Option<&str>,
    ) -> Result<PaymentLink, Denial> {
        self.is_of_this_mode(workspace)?;
        let now = self.ledger.now_of(workspace).await?;
        let mut offered = offer(workspace, &self.ledger.store().catalogs(), wanted, now).map_err(Denial::Refused)?;
        let sold = sale_item(wanted, &offered);
        let price = self.price_of(&sold, &offered).await?;
        if sold.interval().is_some()
            && let Some(url) = self.collection_link(workspace).await?
        {
            return Ok(PaymentLink { url, offer: offered, expires_at: None });
        }
        if offered.how != How::AtOnce {
            match self.ongoing_subscription(workspace).await? {
                Some(current) => {
                    let changes = self.changes_for(workspace, &current, &price, &offered);
                    if let Some(changes) = changes {
                        let url = self.change_link(workspace, &current, &price, changes).await?;
                        return Ok(PaymentLink { url, offer: offered, expires_at: None });
                    }
                }
                // The paid period lasts to its end, and a purchase meanwhile begins at once: there is no subscription
                // to change.
                None => offered.how = self.anew(workspace, &offered, now),
            }
        }
        let purchase = self.decide(workspace, &sold, &offered, key).await?;
        if let Some(url) = purchase.url {
            return Ok(PaymentLink { url, offer: offered, expires_at: Some(purchase.expires_at) });
        }
        let customer = self.customer(workspace).await?;
        let session = match self.open_checkout(workspace, &purchase, (&sold, &offered), &price, &customer).await {
            Err(Denial::Stripe(Error::Refused(refused))) if is_gone(&refused) => {
                let customer = self.another_customer(workspace, &customer).await?;
                self.open_checkout(workspace, &purchase, (&sold, &offered), &price, &customer).await?
            }
            opened => opened?,
        };
        let url = session.url.ok_or_else(|| Denial::Unexpected("Stripe opened no checkout session".to_owned()))?;
        let (session_id, expiry) = (session.id.clone(), IdempotencyKey::of(&["expire", &purchase.id]));
        if !purchases::offer(self.ledger.store().reader(), &purchase, &session.id, &url).await? {
            // This checkout session was shown to no customer; it is expired, so that two can never be paid.
            let _ = self.client.expire_checkout(&session_id, &expiry).await;
            return Err(conflict());
        }
        Ok(PaymentLink { url, offer: offered, expires_at: Some(purchase.expires_at) })
    }

    /// Returns the link to what Stripe already collects for a plan, since a customer that subscribes anew meanwhile
    /// pays twice (R38). `None` when Stripe collects nothing.
    ///
    /// A refusal while a payment is on its way: nothing can be done before it arrives.
    async fn collection_link(&self, workspace: &Workspace) -> Result<Option<String>, Denial> {
        let Some(state) = self.plans_there(workspace).await? else { return Ok(None) };
        let Some(found) = collection::of_customer(&state) else {
            return match collection::going_beside(&state, workspace) {
                // The other subscription's period is carried beside the current one: it is changed or cancelled in the
                // portal.
                Some((_, true)) => Ok(Some(self.open_portal(workspace, None, Changes::TimedAlike).await?)),
                // The other subscription was just paid, and the ledger does not know yet: the customer is reconciled
                // now.
                Some((uncounted, false)) => {
                    customers::hint_workspace(self.ledger.store(), workspace.id).await?;
                    self.wake();
                    let detail = format!("the subscription {} was just paid: try again in a moment", uncounted.id);
                    Err(Denial::Refused(Refusal::invalid("/plan", detail)))
                }
                None => Ok(None),
            };
        };
        match (found.stage, found.url) {
            (Stage::Free, _) => Ok(None),
            (Stage::OnItsWay, _) => {
                let plan = found.plan.map_or_else(|| "a plan".to_owned(), |(plan, _)| format!("`{plan}`"));
                let detail = format!(
                    "a payment for {plan} is on its way: the plan begins when the money arrives, and nothing else is \
                     sold meanwhile"
                );
                Err(Denial::Refused(Refusal::invalid("/plan", detail)))
            }
            (Stage::Open, Some(url)) => Ok(Some(url)),
            (Stage::Open | Stage::Collecting, _) => {
                Ok(Some(self.open_portal(workspace, None, Changes::TimedAlike).await?))
            }
        }
    }

    /// Reads from Stripe what it collects from a workspace for a plan.
    ///
    /// # Errors
    /// When Stripe or the store cannot answer.
    pub(super) async fn collection_there(&self, workspace: &Workspace) -> Result<Option<Collection>, Denial> {
        Ok(self.plans_there(workspace).await?.and_then(|state| collection::of_customer(&state)))
    }

    /// Reads a workspace's customer from Stripe; `None` if it has none, or never subscribed to a plan of Scrip's.
    async fn plans_there(&self, workspace: &Workspace) -> Result<Option<CustomerState>, Denial> {
        let Some(customer) = customers::of(self.ledger.store(), workspace.id).await? else { return Ok(None) };
        let read = async {
            let all = self.client.subscriptions_of(&customer).await?;
            if !all.iter().any(collection::is_ours) {
                return Ok(None);
            }
            self.read(&customer).await.map(Some)
        };
        match read.await {
            Ok(state) => Ok(state),
            Err(Error::Refused(refused)) if refused.status == 404 || is_gone(&refused) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns how a purchase begins that is made beside a period whose subscription is over: a lower plan at once
    /// instead of at the period's end, and otherwise as an upgrade.
    fn anew(&self, workspace: &Workspace, offered: &Offer, now: Timestamp) -> How {
        match offered.how {
            How::AtPeriodEnd(_) if workspace.subscription.payment.is_some() => How::AtOnce,
            _ => upgrade(workspace, &self.ledger.store().catalogs(), now),
        }
    }

    /// Returns the changes that the portal should offer for a purchase; `None` where the portal cannot time it as the
    /// catalog does, so that Scrip schedules it.
    fn changes_for(
        &self,
        workspace: &Workspace,
        current: &Subscription,
        price: &str,
        offered: &Offer,
    ) -> Option<Changes> {
        let How::AtPeriodEnd(_) = offered.how else { return Some(Changes::Upgrades) };
        let is_kept = current.items.data.first().is_none_or(|item| item.price.id == price);
        let paid = portal::current_price(workspace, &self.ledger.store().catalogs());
        let alike = match (paid, offered.interval) {
            (Some(paid), Some(interval)) => portal::is_timed_alike(true, paid, (interval, offered.amount)),
            _ => true,
        };
        (is_kept || alike).then_some(Changes::TimedAlike)
    }

    /// Refuses to sell test credits for money, and real credits for test money.
    ///
    /// # Errors
    /// [`Denial::OtherMode`].
    pub fn is_of_this_mode(&self, workspace: &Workspace) -> Result<(), Denial> {
        let same = self.client.mode().is_of(workspace.mode == Mode::Live);
        if same { Ok(()) } else { Err(Denial::OtherMode) }
    }

    /// Stores the decision to buy, or finds the one that was: one open purchase for a wish, and one for any plan.
    async fn decide(
        &self,
        workspace: &Workspace,
        sold: &SaleItem,
        offered: &Offer,
        key: Option<&str>,
    ) -> Result<Purchase, Denial> {
        let store = self.ledger.store();
        let what = what(sold, offered);
        let id = match key {
            Some(key) => hex(&sha256(&[&workspace.id.get().to_le_bytes(), key.as_bytes()])[..12]),
            None => hex(&random::<12>()),
        };
        let id = format!("pur_{id}");
        for _ in 0..DECISIONS {
            let now = store.now(None).await?;
            for open in purchases::open(store.reader(), workspace.id).await? {
                // A purchase without a checkout session may be too old to be given one.
                let least = if open.url.is_some() { 0 } else { SESSION_SECONDS_LEAST };
                if open.what == what && open.expires_at > now.after_seconds(least) {
                    return Ok(open);
                }
                if sold.interval().is_some() && open.what.starts_with("plan ") {
                    self.give_up(&open).await?;
                }
            }
            // Stripe counts whole seconds.
            let expires_at = Seconds::of(now.after_seconds(SESSION_SECONDS)).timestamp();
            let decided = Purchase {
                id: id.clone(),
                workspace: workspace.id,
                what: what.clone(),
                catalog: i64::from(offered.version),
                amount: offered.amount.get(),
                currency: offered.currency.to_string(),
                session: None,
                url: None,
                created_at: now,
                expires_at,
            };
            purchases::add(store.reader(), &decided).await?;
            // A purchase of this key may exist already: then it is the answer. Otherwise another request decided on a
            // plan at this instant, and its purchase is in the way.
            match purchases::by_id(store.reader(), &id).await? {
                Some(kept) if kept.what == what => return Ok(kept),
                Some(_) => return Err(Denial::KeyReused),
                None => {}
            }
        }
        Err(conflict())
    }

    /// Closes the purchase of another plan, so that no customer subscribes to two. If its checkout session was paid
    /// meanwhile, the new purchase is refused; if one was opened meanwhile, it stays, and the next request finds it.
    async fn give_up(&self, open: &Purchase) -> Result<(), Denial> {
        if let Some(session) = &open.session {
            let key = IdempotencyKey::of(&["expire", &open.id]);
            let (status, refused) = match self.client.expire_checkout(session, &key).await {
                Ok(now) => (now.status, None),
                Err(error @ Error::Refused(_)) => match self.client.checkout(session).await {
                    Ok(now) => (now.status, Some(error)),
                    // The checkout session does not exist, so it cannot be paid.
                    Err(Error::Refused(refused)) if refused.status == 404 => (None, None),
                    Err(error) => return Err(error.into()),
                },
                Err(error) => return Err(error.into()),
            };
            match (status, refused) {
                (Some(Status::Complete), _) => {
                    let detail = "the checkout session of another plan was just paid: try again in a moment";
                    return Err(Denial::Refused(Refusal::invalid("/plan", detail)));
                }
                // It was not expired: the refusal is about the key or the rate.
                (Some(Status::Open), Some(refused)) => return Err(refused.into()),
                _ => {}
            }
        }
        let store = self.ledger.store();
        Ok(purchases::close(store.reader(), open, store.now(None).await?).await?)
    }

    /// Returns the Stripe customer of a workspace, which is created once if it has none.
    ///
    /// # Errors
    /// When Stripe or the store cannot answer.
    pub async fn customer(&self, workspace: &Workspace) -> Result<String, Denial> {
        let store = self.ledger.store();
        if let Some(known) = customers::of(store, workspace.id).await? {
            return Ok(known);
        }
        let made = self.make_customer(workspace, "").await?;
        let kept = customers::keep(store, workspace.id, &made).await?;
        kept.ok_or_else(|| Denial::Unexpected(format!("{made} is the customer of another workspace")))
    }

    /// Reads a customer from Stripe; `None` if it does not exist or was deleted.
    ///
    /// # Errors
    /// When Stripe cannot answer.
    pub async fn customer_there(&self, customer: &str) -> Result<Option<Customer>, Denial> {
        if customer.len() > ID_MAX {
            return Ok(None);
        }
        match self.client.customer(customer).await {
            Ok(found) => Ok(Some(found).filter(|found| !found.deleted)),
            Err(Error::Refused(refused)) if refused.status == 404 => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Creates another customer for a workspace whose customer was deleted at Stripe.
    async fn another_customer(&self, workspace: &Workspace, gone: &str) -> Result<String, Denial> {
        let made = self.make_customer(workspace, gone).await?;
        customers::replace(self.ledger.store(), workspace.id, gone, &made).await?;
        self.customer(workspace).await
    }

    async fn make_customer(&self, workspace: &Workspace, instead_of: &str) -> Result<String, Denial> {
        let id = workspace.id.to_string();
        let kept = match workspace.profile.owner {
            Some(owner) => profiles::address(self.ledger.store().reader(), workspace.id, owner).await?,
            None => None,
        };
        let email = kept.and_then(|kept| Email::from_earlier(&kept)).map(|email| email.to_string());
        let known = email.clone().unwrap_or_default();
        let new = NewCustomer {
            email,
            name: None,
            metadata: BTreeMap::from([(marks::WORKSPACE.to_owned(), id.clone())]),
            test_clock: None,
        };
        Ok(self.client.create_customer(&new, &IdempotencyKey::of(&["customer", &id, instead_of, &known])).await?.id)
    }

    async fn open_checkout(
        &self,
        workspace: &Workspace,
        purchase: &Purchase,
        (sold, offered): (&SaleItem, &Offer),
        price: &str,
        customer: &str,
    ) -> Result<Session, Denial> {
        let mut metadata = BTreeMap::from([
            (marks::WORKSPACE.to_owned(), workspace.id.to_string()),
            (marks::PURCHASE.to_owned(), purchase.id.clone()),
            (marks::CATALOG.to_owned(), offered.version.to_string()),
        ]);
        if let SaleItem::Pack { pack } = sold {
            metadata.insert(marks::PACK.to_owned(), pack.clone());
        }
        let waits = matches!(offered.how, How::AtPeriodEnd(_));
        if waits {
            metadata.insert(marks::CHANGE.to_owned(), price.to_owned());
        }
        let is_plan = sold.interval().is_some() && !waits;
        let is_pack = sold.interval().is_none();
        let (back, message) = (self.back(workspace), describe(offered));
        let new = NewSession {
            mode: match () {
                () if waits => "setup",
                () if is_plan => "subscription",
                () => "payment",
            },
            customer: customer.to_owned(),
            client_reference_id: workspace.id.to_string(),
            line_items: (!waits).then(|| LineItem { price: price.to_owned(), quantity: 1 }).into_iter().collect(),
            currency: waits.then(|| offered.currency.to_string()),
            success_url: format!("{back}?checkout={{CHECKOUT_SESSION_ID}}"),
            cancel_url: back,
            metadata: metadata.clone(),
            custom_text: Some(CustomText { submit: Words { message: message.clone() } }),
            // A workspace on a test clock has another time than Stripe.
            expires_at: workspace.test_clock.is_none().then(|| Seconds::of(purchase.expires_at)),
            subscription_data: is_plan.then(|| SubscriptionData { metadata: metadata.clone() }),
            payment_intent_data: is_pack
                .then_some(PaymentIntentData { metadata, setup_future_usage: Some("off_session") }),
        };
        // Around a publish the same purchase may show another offer, which is another decision.
        Ok(self.client.create_checkout(&new, &IdempotencyKey::of(&["checkout", &purchase.id, &form(&new)])).await?)
    }

    /// Returns the address to which Stripe leads a customer back. It is made here alone, so that no request can name
    /// another site.
    pub(super) fn back(&self, workspace: &Workspace) -> String {
        let catalogs = self.ledger.store().catalogs();
        let link = catalogs.get(workspace.catalog).and_then(|known| known.catalog.links.upgrade.clone());
        match link {
            Some(path) if path.starts_with('/') && !path.starts_with("//") => format!("{}{path}", self.public_url),
            Some(url) if url.starts_with("https://") => url,
            _ => self.public_url.clone(),
        }
    }

    /// Returns the id of Stripe's price for an offer, found by its lookup key.
    async fn price_of(&self, sold: &SaleItem, offered: &Offer) -> Result<String, Denial> {
        let key = sold.lookup_key();
        let found = self.client.price_by_lookup(&key).await?;
        let is_right = |price: &Price| {
            let found = offers::offer(price);
            found.is_ok_and(|found| {
                found.sold == *sold && found.amount == offered.amount && *found.currency == *offered.currency
            })
        };
        match found {
            Some(price) if is_right(&price) => return Ok(price.id),
            _ => {}
        }
        // Around a publish the lookup key is at another version's price: both prices can be bought, by their ids.
        let all = self.client.prices().await?;
        match all.into_iter().find(|price| price.active && is_right(price)) {
            Some(price) => Ok(price.id),
            None => {
                Err(Denial::NotSynced(format!("{NOT_SOLD} {sold} for {}", money(offered.amount, &offered.currency))))
            }
        }
    }
}

/// Returns `true` if Stripe refuses because the customer was deleted.
fn is_gone(refused: &StripeRefusal) -> bool {
    refused.code.as_deref() == Some("resource_missing") && refused.param.as_deref() == Some("customer")
}

/// Returns the refusal of a purchase that another one came before.
fn conflict() -> Denial {
    let detail = "another plan was requested at the same instant: send the request for the plan that you want again";
    Denial::Refused(Refusal::invalid("/plan", detail))
}

/// Describes an offer on the checkout session: its credits, how many are a bonus, how long they last, and what ends
/// with it or when it begins.
fn describe(offer: &Offer) -> String {
    let every = offer.interval.map(|interval| format!(" a {}", interval.name())).unwrap_or_default();
    let mut words = format!("{} credits{every}", offer.credits);
    if !offer.bonus.is_zero() {
        words += &format!(", {} of them a bonus", offer.bonus);
    }
    let mut words = match (offer.interval, offer.expires) {
        (None, Some(span)) => words + &format!("; they last {span}."),
        (None, None) => words + "; they never expire.",
        _ => words + ".",
    };
    if let How::AtPeriodEnd(at) = offer.how {
        let (name, price) = (&offer.name, money(offer.amount, &offer.currency));
        words = format!("Your plan changes to {name} on {at}: {price}{every}, {words} Nothing is paid before that.");
    }
    if let Some(warning) = offer.how.warning() {
        words += &format!(" {warning}.");
    }
    words
}

/// Returns the plan or pack that Stripe sells for a wish.
fn sale_item(wanted: &PurchaseTarget, offered: &Offer) -> SaleItem {
    match (wanted, offered.interval) {
        (PurchaseTarget::Plan(plan, _), Some(interval)) => SaleItem::Plan { plan: plan.to_string(), interval },
        (PurchaseTarget::Plan(name, None) | PurchaseTarget::Pack(name), _) => SaleItem::Pack { pack: name.to_string() },
        (PurchaseTarget::Plan(plan, Some(interval)), None) => {
            SaleItem::Plan { plan: plan.to_string(), interval: *interval }
        }
    }
}

/// Describes a purchase in one line: two wishes with the same line are one purchase.
fn what(sold: &SaleItem, offered: &Offer) -> String {
    let kind = if sold.interval().is_some() { "plan" } else { "pack" };
    format!("{kind} {} {} {}", sold.lookup_key(), offered.amount, offered.currency)
}
