//! Buying: from what somebody wants to the page where it is paid.
//!
//! What was decided is written down before the provider is asked, and the provider's keys are made from it; so whoever
//! asks again, or takes over from a process that was killed, comes to the same page.
//!
//! Invariant: the provider is asked for no page before the engine has offered what is on it (R25).

use super::collection::{self, Collection, Stage};
use super::portal::{self, Changes};
use super::read::Seen;
use super::{Billing, customers, marks};
use crate::crypto::{hex, random, sha256};
use crate::email::Email;
use crate::store::Unavailable;
use crate::store::rows::purchases::{self, Purchase};
use crate::stripe::error::Refused;
use crate::stripe::form::form;
use crate::stripe::objects::Seconds;
use crate::stripe::objects::checkout::{
    CustomText, LineItem, NewSession, PaymentIntentData, Session, Status, SubscriptionData, Words,
};
use crate::stripe::objects::customer::{Customer, NewCustomer};
use crate::stripe::objects::price::Price;
use crate::stripe::objects::subscription::Subscription;
use crate::stripe::offers::{self, Sold};
use crate::stripe::pace::Busy;
use crate::stripe::{Error, IdempotencyKey};
use scrip_engine::{How, Mode, Offer, Refusal, Timestamp, Wanted, Workspace, money, offer, upgrade};
use std::collections::BTreeMap;

/// Beginning of what is said of a price that Stripe does not have.
pub(super) const NOT_SOLD: &str = "Stripe does not sell";

/// How long a page can be paid on, in seconds: between half an hour and a day, as the provider has it.
const PAGE_SECONDS: i64 = 3600; // # assumed
/// How long it must be to its end when it is opened, in seconds: the provider's half an hour, and one minute in which
/// it is asked.
const PAGE_SECONDS_LEAST: i64 = 1860; // # assumed

/// The longest id that the provider gives to anything.
const ID_MAX: usize = 255;
/// How often it is tried to decide on a plan while others do.
const DECISIONS: usize = 5; // # assumed

/// Where something is paid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The provider's page.
    pub url: String,
    /// What is offered there.
    pub offer: Offer,
    /// Until when it can be paid; a page where a subscription is changed does not say.
    pub expires_at: Option<Timestamp>,
}

/// Why there is no page.
#[derive(Debug)]
pub enum Denied {
    /// It is not sold, or not to them.
    Refused(Refusal),
    /// The provider refuses, or does not answer.
    Provider(Error),
    /// Too much is asked of the provider.
    Busy {
        /// Seconds after which to come again.
        retry_after: u32,
        /// Number of requests that the workspace has in a day; `None` where it is the pace of all requests.
        exceeded: Option<u32>,
    },
    /// The store cannot.
    Store(Unavailable),
    /// Stripe does not sell it at this price.
    NotSynced(String),
    /// Stripe has something that Scrip did not make so.
    Unexpected(String),
    /// The idempotency key was used to buy something else.
    KeyReused,
    /// The workspace is of the other mode than the provider's key.
    OtherMode,
}

impl From<Unavailable> for Denied {
    fn from(error: Unavailable) -> Denied {
        Denied::Store(error)
    }
}

impl From<Error> for Denied {
    fn from(error: Error) -> Denied {
        match error {
            Error::Busy(Busy { retry_after, exceeded }) => Denied::Busy { retry_after, exceeded },
            error => Denied::Provider(error),
        }
    }
}

impl Billing {
    /// The page where a workspace pays for what it wants. The same request, by its key, comes to the same page, and so
    /// does the same wish while its page is open.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn buy(&self, workspace: &Workspace, wanted: &Wanted, key: Option<&str>) -> Result<Page, Denied> {
        self.is_of_this_mode(workspace)?;
        let now = self.ledger.now_of(workspace).await?;
        let mut offered = offer(workspace, &self.ledger.store().catalogs(), wanted, now).map_err(Denied::Refused)?;
        let sold = sold(wanted, &offered);
        let price = self.price_of(&sold, &offered).await?;
        if sold.interval().is_some()
            && let Some(url) = self.page_of_collection(workspace).await?
        {
            return Ok(Page { url, offer: offered, expires_at: None });
        }
        if offered.how != How::AtOnce {
            match self.still_going(workspace).await? {
                Some(current) => {
                    let changes = self.changes_for(workspace, &current, &price, &offered);
                    if let Some(changes) = changes {
                        let url = self.change_page(workspace, &current, &price, changes).await?;
                        return Ok(Page { url, offer: offered, expires_at: None });
                    }
                }
                // What is paid is had to its end, and what is bought meanwhile begins at once: there is nothing to
                // change.
                None => offered.how = self.anew(workspace, &offered, now),
            }
        }
        let purchase = self.decide(workspace, &sold, &offered, key).await?;
        if let Some(url) = purchase.url {
            return Ok(Page { url, offer: offered, expires_at: Some(purchase.expires_at) });
        }
        let customer = self.customer(workspace).await?;
        let session = match self.open_page(workspace, &purchase, (&sold, &offered), &price, &customer).await {
            Err(Denied::Provider(Error::Refused(refused))) if is_gone(&refused) => {
                let customer = self.another_customer(workspace, &customer).await?;
                self.open_page(workspace, &purchase, (&sold, &offered), &price, &customer).await?
            }
            opened => opened?,
        };
        let url = session.url.ok_or_else(|| Denied::Unexpected("Stripe opened no checkout session".to_owned()))?;
        let (session_id, expiry) = (session.id.clone(), IdempotencyKey::of(&["expire", &purchase.id]));
        if !purchases::offer(self.ledger.store().reader(), &purchase, &session.id, &url).await? {
            // Nobody has seen this page; it goes, so that nobody can pay on two.
            let _ = self.client.expire_checkout(&session_id, &expiry).await;
            return Err(given_up());
        }
        Ok(Page { url, offer: offered, expires_at: Some(purchase.expires_at) })
    }

    /// The page of what Stripe already collects for a plan: whoever subscribes anew meanwhile pays twice (R38). `None`
    /// when it collects nothing.
    ///
    /// # Errors
    /// A refusal while a payment is on its way: there is nothing to be done before it arrives.
    async fn page_of_collection(&self, workspace: &Workspace) -> Result<Option<String>, Denied> {
        let Some(seen) = self.plans_there(workspace).await? else { return Ok(None) };
        let Some(found) = collection::of_customer(&seen) else {
            return match collection::going_beside(&seen, workspace) {
                // What it pays is carried beside the current period: it is changed or cancelled in the portal.
                Some((_, true)) => Ok(Some(self.visit(workspace, None, Changes::TimedAlike).await?)),
                // It was just paid, and the ledger has not heard of it: it is read now.
                Some((uncounted, false)) => {
                    customers::hint_workspace(self.ledger.store(), workspace.id).await?;
                    self.wake();
                    let detail = format!("the subscription {} was just paid: look again in a moment", uncounted.id);
                    Err(Denied::Refused(Refusal::invalid("/plan", detail)))
                }
                None => Ok(None),
            };
        };
        match (found.stage, found.url) {
            (Stage::Free, _) => Ok(None),
            (Stage::OnItsWay, _) => {
                let plan = found.plan.map_or_else(|| "a plan".to_owned(), |(plan, _)| format!("`{plan}`"));
                let detail = format!(
                    "a payment for {plan} is on its way: it begins when the money arrives, and nothing else is sold \
                     meanwhile"
                );
                Err(Denied::Refused(Refusal::invalid("/plan", detail)))
            }
            (Stage::Open, Some(url)) => Ok(Some(url)),
            (Stage::Open | Stage::Collecting, _) => Ok(Some(self.visit(workspace, None, Changes::TimedAlike).await?)),
        }
    }

    /// Reads at Stripe what it collects of a workspace for a plan.
    ///
    /// # Errors
    /// When Stripe or the store cannot answer.
    pub(super) async fn collection_there(&self, workspace: &Workspace) -> Result<Option<Collection>, Denied> {
        Ok(self.plans_there(workspace).await?.and_then(|seen| collection::of_customer(&seen)))
    }

    /// Reads at Stripe what a workspace has to do with plans; `None` where that is nothing.
    async fn plans_there(&self, workspace: &Workspace) -> Result<Option<Seen>, Denied> {
        let Some(customer) = customers::of(self.ledger.store(), workspace.id).await? else { return Ok(None) };
        let read = async {
            let all = self.client.subscriptions_of(&customer).await?;
            if !all.iter().any(collection::is_ours) {
                return Ok(None);
            }
            self.read(&customer).await.map(Some)
        };
        match read.await {
            Ok(seen) => Ok(seen),
            Err(Error::Refused(refused)) if refused.status == 404 || is_gone(&refused) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns how something begins that is bought beside a period whose subscription is over: in its place, or what is
    /// less beside it.
    fn anew(&self, workspace: &Workspace, offered: &Offer, now: Timestamp) -> How {
        match offered.how {
            How::AtPeriodEnd(_) if workspace.subscription.payment.is_some() => How::AtOnce,
            _ => upgrade(workspace, &self.ledger.store().catalogs(), now),
        }
    }

    /// Returns the changes that the portal's page for one is to offer; `None` where the portal cannot time it as the
    /// catalog does, and Scrip schedules it.
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

    /// Refuses to sell play credits for money, and real ones for play money.
    ///
    /// # Errors
    /// [`Denied::OtherMode`].
    pub fn is_of_this_mode(&self, workspace: &Workspace) -> Result<(), Denied> {
        let same = self.client.mode().is_of(workspace.mode == Mode::Live);
        if same { Ok(()) } else { Err(Denied::OtherMode) }
    }

    /// Writes down what is to be bought, or finds what was: one open page for a wish, and one for any plan.
    async fn decide(
        &self,
        workspace: &Workspace,
        sold: &Sold,
        offered: &Offer,
        key: Option<&str>,
    ) -> Result<Purchase, Denied> {
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
                // What has no page yet may be too old to be given one.
                let least = if open.url.is_some() { 0 } else { PAGE_SECONDS_LEAST };
                if open.what == what && open.expires_at > now.after_seconds(least) {
                    return Ok(open);
                }
                if sold.interval().is_some() && open.what.starts_with("plan ") {
                    self.give_up(&open).await?;
                }
            }
            // Stripe counts whole seconds.
            let expires_at = Seconds::of(now.after_seconds(PAGE_SECONDS)).timestamp();
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
            // One of this key may have been there before: then that is the answer. Otherwise somebody else decided on a
            // plan at this instant, and stands in the way.
            match purchases::by_id(store.reader(), &id).await? {
                Some(kept) if kept.what == what => return Ok(kept),
                Some(_) => return Err(Denied::KeyReused),
                None => {}
            }
        }
        Err(given_up())
    }

    /// Closes the page of another plan, so that nobody subscribes to two. If it was paid meanwhile, that is looked at;
    /// if it was opened meanwhile, it stays, and whoever asks finds it there.
    async fn give_up(&self, open: &Purchase) -> Result<(), Denied> {
        if let Some(session) = &open.session {
            let key = IdempotencyKey::of(&["expire", &open.id]);
            let (status, refused) = match self.client.expire_checkout(session, &key).await {
                Ok(now) => (now.status, None),
                Err(error @ Error::Refused(_)) => match self.client.checkout(session).await {
                    Ok(now) => (now.status, Some(error)),
                    // There is no such page, so nobody pays on it.
                    Err(Error::Refused(refused)) if refused.status == 404 => (None, None),
                    Err(error) => return Err(error.into()),
                },
                Err(error) => return Err(error.into()),
            };
            match (status, refused) {
                (Some(Status::Complete), _) => {
                    let detail = "the page of another plan was just paid: look again in a moment";
                    return Err(Denied::Refused(Refusal::invalid("/plan", detail)));
                }
                // It was not closed: who may ask, or how often, is another matter than how it stands.
                (Some(Status::Open), Some(refused)) => return Err(refused.into()),
                _ => {}
            }
        }
        let store = self.ledger.store();
        Ok(purchases::close(store.reader(), open, store.now(None).await?).await?)
    }

    /// Whom the provider knows the workspace as; they are made there if need be, once.
    ///
    /// # Errors
    /// When the provider or the store cannot.
    pub async fn customer(&self, workspace: &Workspace) -> Result<String, Denied> {
        let store = self.ledger.store();
        if let Some(known) = customers::of(store, workspace.id).await? {
            return Ok(known);
        }
        let made = self.make_customer(workspace, "").await?;
        let kept = customers::keep(store, workspace.id, &made).await?;
        kept.ok_or_else(|| Denied::Unexpected(format!("{made} is another workspace's customer")))
    }

    /// A customer as the provider has them; nothing if it has no such one, or not any more.
    ///
    /// # Errors
    /// When the provider cannot say.
    pub async fn customer_there(&self, customer: &str) -> Result<Option<Customer>, Denied> {
        if customer.len() > ID_MAX {
            return Ok(None);
        }
        match self.client.customer(customer).await {
            Ok(found) => Ok(Some(found).filter(|found| !found.deleted)),
            Err(Error::Refused(refused)) if refused.status == 404 => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Somebody else for a workspace whose customer was deleted there.
    async fn another_customer(&self, workspace: &Workspace, gone: &str) -> Result<String, Denied> {
        let made = self.make_customer(workspace, gone).await?;
        customers::replace(self.ledger.store(), workspace.id, gone, &made).await?;
        self.customer(workspace).await
    }

    async fn make_customer(&self, workspace: &Workspace, instead_of: &str) -> Result<String, Denied> {
        let id = workspace.id.to_string();
        let email = Email::from_earlier(&workspace.profile.owner).map(|email| email.to_string());
        let known = email.clone().unwrap_or_default();
        let new = NewCustomer {
            email,
            name: None,
            metadata: BTreeMap::from([(marks::WORKSPACE.to_owned(), id.clone())]),
            test_clock: None,
        };
        Ok(self.client.create_customer(&new, &IdempotencyKey::of(&["customer", &id, instead_of, &known])).await?.id)
    }

    async fn open_page(
        &self,
        workspace: &Workspace,
        purchase: &Purchase,
        (sold, offered): (&Sold, &Offer),
        price: &str,
        customer: &str,
    ) -> Result<Session, Denied> {
        let mut metadata = BTreeMap::from([
            (marks::WORKSPACE.to_owned(), workspace.id.to_string()),
            (marks::PURCHASE.to_owned(), purchase.id.clone()),
            (marks::CATALOG.to_owned(), offered.version.to_string()),
        ]);
        if let Sold::Pack { pack } = sold {
            metadata.insert(marks::PACK.to_owned(), pack.clone());
        }
        let waits = matches!(offered.how, How::AtPeriodEnd(_));
        if waits {
            metadata.insert(marks::CHANGE.to_owned(), price.to_owned());
        }
        let is_plan = sold.interval().is_some() && !waits;
        let is_pack = sold.interval().is_none();
        let (back, message) = (self.back(workspace), told(offered));
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
            // Whoever lives by a test clock has another time there.
            expires_at: workspace.test_clock.is_none().then(|| Seconds::of(purchase.expires_at)),
            subscription_data: is_plan.then(|| SubscriptionData { metadata: metadata.clone() }),
            payment_intent_data: is_pack
                .then_some(PaymentIntentData { metadata, setup_future_usage: Some("off_session") }),
        };
        // Around a publish the same purchase shows something else, which is another decision.
        Ok(self.client.create_checkout(&new, &IdempotencyKey::of(&["checkout", &purchase.id, &form(&new)])).await?)
    }

    /// Returns the address that Stripe leads a customer back to. It is made here alone, so that no request can name
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

    /// The provider's price of something, by its lookup key.
    async fn price_of(&self, sold: &Sold, offered: &Offer) -> Result<String, Denied> {
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
        // Around a publish the lookup key is at the price of another version: both can be bought, by their ids.
        let all = self.client.prices().await?;
        match all.into_iter().find(|price| price.active && is_right(price)) {
            Some(price) => Ok(price.id),
            None => {
                Err(Denied::NotSynced(format!("{NOT_SOLD} {sold} for {}", money(offered.amount, &offered.currency))))
            }
        }
    }
}

/// Whether a refusal says that the customer is not there any more.
fn is_gone(refused: &Refused) -> bool {
    refused.code.as_deref() == Some("resource_missing") && refused.param.as_deref() == Some("customer")
}

/// Another wish came between.
fn given_up() -> Denied {
    let detail = "another plan was asked for at the same instant: ask again for the one that it is to be";
    Denied::Refused(Refusal::invalid("/plan", detail))
}

/// What the page says of an offer: what it brings, how much of that is a bonus, how long it lasts, and what ends with
/// it or when it begins.
fn told(offer: &Offer) -> String {
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

/// What a wish is for the provider.
fn sold(wanted: &Wanted, offered: &Offer) -> Sold {
    match (wanted, offered.interval) {
        (Wanted::Plan(plan, _), Some(interval)) => Sold::Plan { plan: plan.to_string(), interval },
        (Wanted::Plan(name, None) | Wanted::Pack(name), _) => Sold::Pack { pack: name.to_string() },
        (Wanted::Plan(plan, Some(interval)), None) => Sold::Plan { plan: plan.to_string(), interval: *interval },
    }
}

/// What is bought, in one line: two wishes of one line are one.
fn what(sold: &Sold, offered: &Offer) -> String {
    let kind = if sold.interval().is_some() { "plan" } else { "pack" };
    format!("{kind} {} {} {}", sold.lookup_key(), offered.amount, offered.currency)
}
