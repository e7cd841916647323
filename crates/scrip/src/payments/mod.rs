//! Sales through Stripe: customers, their payments, and the commands that follow for their workspaces.
//!
//! A delivery of Stripe's is a hint that a customer has changed, and no more: everything about that customer is read
//! again, and the commands that follow are submitted, which change nothing the second time. So the order and number of
//! the hints do not matter; and where none comes, a sweep is the same hint.
//!
//! Invariant: units are granted only for a payment that Stripe confirmed when it was read, and never twice (R7).

pub mod account;
pub mod collection;
mod customer_state;
pub mod customers;
mod downgrades;
mod endpoints;
pub mod error;
mod facts;
pub mod inbox;
mod money;
pub mod portal;
mod price_changes;
pub mod purchases;
pub mod reconcile;
mod renewal;
pub mod request_budget;
pub mod signature;
pub mod stripe;
pub mod sweep;
mod top_ups;

use crate::ledger::Ledger;
use crate::payments::stripe::objects::price::Price;
use crate::payments::stripe::{Client, Error, offers};
use account::StripeAccount;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// Metadata keys by which Scrip recognizes its objects at Stripe.
pub mod marks {
    /// Identifier of the workspace that an object belongs to.
    pub const WORKSPACE: &str = "scrip_workspace";
    /// Identifier of the purchase that a checkout session is for.
    pub const PURCHASE: &str = "scrip_purchase";
    /// Catalog version whose offer a checkout session shows.
    pub const CATALOG: &str = "scrip_catalog";
    /// Identifier of the price to which a plan changes at the end of the period.
    pub const CHANGE: &str = "scrip_change";
    /// Identifier of the pack that is bought.
    pub const PACK: &str = "scrip_pack";
    /// Number of the top-up that a payment is for.
    pub const TOP_UP: &str = "scrip_top_up";
    /// Identifier of the price that Scrip gave a subscription, because a migration gave notice of it.
    pub const REPRICED: &str = "scrip_repriced";
    /// Hash of the features and texts of a portal configuration.
    pub const PORTAL: &str = "scrip_portal";
}

/// Sales of one server through one Stripe account.
pub struct Billing {
    /// Ledger to which the commands are submitted.
    pub ledger: Arc<Ledger>,
    /// Client of the Stripe account.
    pub client: Client,
    /// Secrets with which webhook deliveries are signed; several while one is replaced.
    pub secrets: Vec<String>,
    /// Address to which customers come back: scheme and host.
    pub public_url: String,
    /// Prices that were read and sell something, by their ids; their amounts never change.
    prices: Mutex<HashMap<String, Arc<Price>>>,
    /// Workspaces whose renewals are probed, and since when.
    probed: Mutex<HashMap<scrip_engine::WorkspaceId, tokio::time::Instant>>,
    /// Portal configurations, by what a workspace may change to: when each was looked up, and its id.
    portals: Mutex<HashMap<String, (tokio::time::Instant, String)>>,
    /// Lock for the lookup of a portal configuration: of many portal sessions one asks Stripe.
    portal_lookup: tokio::sync::Mutex<()>,
    /// Version of the catalog that Stripe's prices were last compared with.
    compared: Mutex<Option<u32>>,
    /// Signal that an event was kept.
    kept: Notify,
    /// Signal that a customer was hinted at.
    hinted: Notify,
}

impl Billing {
    /// Sells through an account of Stripe's; checkout sessions lead back to `public_url`.
    pub fn new(ledger: Arc<Ledger>, account: StripeAccount, public_url: String) -> Billing {
        Billing {
            ledger,
            client: account.client,
            secrets: account.webhook_secrets,
            public_url,
            prices: Mutex::default(),
            probed: Mutex::default(),
            portals: Mutex::default(),
            portal_lookup: tokio::sync::Mutex::default(),
            compared: Mutex::default(),
            kept: Notify::new(),
            hinted: Notify::new(),
        }
    }

    /// Wakes the tasks that pass events on and reconcile customers, because an event was kept or a hint given.
    pub fn wake(&self) {
        self.kept.notify_one();
        self.hinted.notify_one();
    }

    /// Returns a price; one that sells something is read from Stripe once, since others can be corrected there.
    async fn price(&self, id: &str) -> Result<Arc<Price>, Error> {
        if let Some(price) = self.prices.lock().unwrap_or_else(PoisonError::into_inner).get(id) {
            return Ok(Arc::clone(price));
        }
        let price = Arc::new(self.client.price(id).await?);
        if offers::offer(&price).is_ok() {
            let mut prices = self.prices.lock().unwrap_or_else(PoisonError::into_inner);
            prices.insert(id.to_owned(), Arc::clone(&price));
        }
        Ok(price)
    }
}
