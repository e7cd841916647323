//! The background work of billing beside its customers: sweeps for events that were not delivered, and comparisons of
//! what the Stripe account sells with what the catalog does.
//!
//! Invariant: a sweep only hints; reconciling decides what follows.

use super::purchases::NOT_SOLD;
use super::{Billing, customers, inbox};
use crate::operate::alerts;
use crate::payments::stripe::client::Client;
use crate::payments::stripe::key::Mode;
use crate::payments::stripe::objects::event::Events;
use crate::payments::stripe::objects::{Range, Seconds};
use crate::payments::stripe::sync;
use scrip_engine::{Catalog, Timestamp};
use scrip_store::Unavailable;
use scrip_store::rows::{alerts as rows, settings};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// Delay after a publish before old prices are archived: by then every process sells the new version.
const ARCHIVE_AFTER: Duration = Duration::from_secs(5); // # assumed
/// Overlap of a sweep with the last one, in seconds: clocks differ, and events come late.
const OVERLAP: i64 = 3600; // # assumed
/// Time for which Stripe lists events, in seconds: 30 days, less one day for safety.
const KEPT: i64 = 29 * 86_400;
/// Maximum number of event types that Stripe lists at once.
const TYPES_AT_ONCE: usize = 20;
/// Name of the setting that holds the instant of the last sweep.
const SWEPT: &str = "billing_swept";

impl Billing {
    /// Creates at Stripe what a catalog sells, before that catalog is published.
    ///
    /// # Errors
    /// When Stripe refuses or does not answer: the catalog must not be published.
    pub async fn prepare(&self, catalog: &Catalog) -> Result<(), sync::Fault> {
        sync::prepare(&self.client, catalog).await
    }

    /// Archives at Stripe what a published version no longer sells, once every process knows that version.
    pub fn archive_later(self: &Arc<Self>, version: u32) {
        let this = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(ARCHIVE_AFTER).await;
            let catalogs = this.ledger.store().catalogs();
            let Some(newest) = catalogs.newest().filter(|newest| newest.version == version) else { return };
            if let Err(error) = sync::archive(&this.client, &newest.catalog).await {
                tracing::warn!(version, %error, "old prices can still be bought at Stripe: run `scrip stripe sync --apply`");
            }
        });
    }

    /// Ends the alert about prices that Stripe lacks, if it sells everything now.
    pub async fn end_alerts_of_sync(&self) {
        let (store, about) = (self.ledger.store(), format!("not_synced:{NOT_SOLD}"));
        if rows::is_any(store.reader(), &about).await.is_ok_and(|is_any| !is_any) {
            return;
        }
        let catalogs = store.catalogs();
        let Some(newest) = catalogs.newest() else { return };
        let sells_all = match sync::compare(&self.client, &newest.catalog).await {
            Ok(plan) => plan.in_the_way.is_empty() && plan.steps.iter().all(sync::Step::is_archiving),
            Err(_) => false,
        };
        if sells_all && let Err(error) = alerts::end(store, "not_synced", NOT_SOLD).await {
            tracing::warn!(%error, "an alert that no longer holds could not be closed; it is tried again");
        }
    }

    /// Compares Stripe's products and prices with the newest catalog, once for each version, and the webhook endpoints
    /// with the needed events, once; logs how they differ.
    pub async fn compare(&self) {
        let newest = self.ledger.store().catalogs().newest().map(|published| published.version);
        let last = {
            let mut compared = self.compared.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *compared, newest)
        };
        if last.is_none() {
            self.check_endpoints().await;
        }
        if last != newest {
            self.compare_prices().await;
        }
    }

    /// Logs how Stripe's products and prices differ from the newest catalog.
    async fn compare_prices(&self) {
        let catalogs = self.ledger.store().catalogs();
        let Some(newest) = catalogs.newest() else { return };
        let version = newest.version;
        match sync::check(&self.client, &newest.catalog).await {
            Ok(all) if all.is_empty() => {
                tracing::info!(version, "Stripe's products and prices agree with the catalog");
                self.end_alerts_of_sync().await;
            }
            Ok(all) => all.iter().for_each(|difference| {
                tracing::warn!(
                    version,
                    difference,
                    "Stripe's products and prices differ from the catalog: run `scrip stripe sync`"
                );
            }),
            Err(error) => tracing::warn!(version, %error, "Stripe's products and prices could not be read"),
        }
    }

    /// Reads Stripe's list of events since the last sweep, and stores those that were not delivered. Events older than
    /// that list, and those of test clocks, are covered by a hint at every customer: with `everybody`, in test mode, or
    /// after too long a time. Returns the number of events read, and of customers hinted at.
    ///
    /// # Errors
    /// When Stripe or the store cannot answer.
    pub async fn sweep(&self, everybody: bool) -> Result<(usize, usize), String> {
        let store = self.ledger.store();
        let unavailable = |error: Unavailable| error.to_string();
        let now = store.now(None).await.map_err(unavailable)?;
        let last = settings::value(store.worker(), SWEPT).await.map_err(unavailable)?;
        let last = last.and_then(|last| Some(i64::from_le_bytes(last.try_into().ok()?)));
        let oldest = now.after_seconds(-KEPT);
        let since = last.map(|last| Timestamp::from_micros(last).after_seconds(-OVERLAP));
        let mut looked_at = 0;
        if everybody || since.is_none_or(|since| since < oldest) || self.client.mode() == Mode::Test {
            looked_at = customers::hint_all(store).await.map_err(unavailable)?;
        }
        let found = events_since(&self.client, since.unwrap_or(oldest).max(oldest)).await?;
        for event in &found {
            inbox::keep(self, event).await.map_err(unavailable)?;
        }
        let swept = now.micros().to_le_bytes().to_vec();
        settings::keep(store.reader(), SWEPT, swept).await.map_err(unavailable)?;
        self.wake();
        Ok((found.len(), looked_at))
    }
}

async fn events_since(
    client: &Client,
    since: Timestamp,
) -> Result<Vec<crate::payments::stripe::objects::event::Event>, String> {
    let created = Some(Range { gte: Some(Seconds::of(since)), lt: None });
    let mut found = Vec::new();
    for types in inbox::TYPES.chunks(TYPES_AT_ONCE) {
        let which = Events { created, types, delivery_success: None };
        found.extend(client.events(&which).await.map_err(|error| error.to_string())?);
    }
    Ok(found)
}
