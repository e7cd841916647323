//! What is sold through a payment provider: who buys, what they paid, and what follows from it for their workspace.
//!
//! What the provider delivers is a hint that something is new about a customer, and no more: everything about that
//! customer is read again, and what has to follow from it is submitted as commands that change nothing the second time.
//! So it does not matter which hints come, in which order or how often; and where none comes, a sweep is the same hint.
//!
//! Invariant: nothing is granted for what the provider did not say is paid when it was asked, and nothing twice (R7).

pub mod collection;
pub mod customers;
mod downgrades;
mod endpoints;
pub mod errand;
mod facts;
pub mod inbox;
mod money;
pub mod portal;
pub mod purchases;
mod read;
pub mod reconcile;
mod renewal;
mod repricing;
pub mod signature;
mod top_ups;
pub mod worker;

use crate::ledger::Ledger;
use crate::stripe::objects::price::Price;
use crate::stripe::{Client, Error, offers};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// What we write on the provider's objects to know them again.
pub mod marks {
    /// The workspace.
    pub const WORKSPACE: &str = "scrip_workspace";
    /// The purchase.
    pub const PURCHASE: &str = "scrip_purchase";
    /// The catalog version that a checkout session shows.
    pub const CATALOG: &str = "scrip_catalog";
    /// The price that a plan changes to with the period's end.
    pub const CHANGE: &str = "scrip_change";
    /// The pack.
    pub const PACK: &str = "scrip_pack";
    /// The number of an automatic purchase.
    pub const TOP_UP: &str = "scrip_top_up";
    /// The price that Scrip changed a subscription to, because a migration gave notice of it.
    pub const REPRICED: &str = "scrip_repriced";
    /// A portal's configuration.
    pub const PORTAL: &str = "scrip_portal";
}

/// Sells through a payment provider.
pub struct Billing {
    /// Where it is written.
    pub ledger: Arc<Ledger>,
    /// Who is asked.
    pub client: Client,
    /// The secrets that deliveries are signed with.
    pub secrets: Vec<String>,
    /// Where customers come back to: scheme and host.
    pub public_url: String,
    /// Prices that were read and sell something: what they cost never changes.
    prices: Mutex<HashMap<String, Arc<Price>>>,
    /// Workspaces whose renewals are probed for, and since when.
    probed: Mutex<HashMap<scrip_engine::WorkspaceId, tokio::time::Instant>>,
    /// Configurations of the portal, by what a workspace may change to, and when each was looked up.
    portals: Mutex<HashMap<String, (tokio::time::Instant, String)>>,
    /// Held while a configuration is looked up: of many visits one asks Stripe.
    portal_lookup: tokio::sync::Mutex<()>,
    /// Wakes the worker.
    wake: Notify,
}

impl Billing {
    /// Sells with a client of the provider's.
    pub fn new(ledger: Arc<Ledger>, client: Client, secrets: Vec<String>, public_url: String) -> Billing {
        Billing {
            ledger,
            client,
            secrets,
            public_url,
            prices: Mutex::default(),
            probed: Mutex::default(),
            portals: Mutex::default(),
            portal_lookup: tokio::sync::Mutex::default(),
            wake: Notify::new(),
        }
    }

    /// Wakes the worker, since there is something new.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// A price, read once if it sells something: what is written on one that does not can be put right.
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
