//! The worker of billing: passes events on, reconciles customers with hints, and sweeps for events that were not
//! delivered. It also tells the operator where the Stripe account does not sell what the catalog does.
//!
//! Invariant: only reconciling that began after a hint clears the hint.

use super::customers::{self, LEASE_SECONDS, Leased};
use super::purchases::NOT_SOLD;
use super::{Billing, inbox};
use crate::operate::alerts;
use crate::payments::stripe::client::Client;
use crate::payments::stripe::key::Mode;
use crate::payments::stripe::objects::event::Events;
use crate::payments::stripe::objects::{Range, Seconds};
use crate::payments::stripe::sync;
use crate::store::Unavailable;
use crate::store::rows::{alerts as rows, settings};
use scrip_engine::{Catalog, Timestamp};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// Delay after a publish before old prices are archived: by then every process sells the new version.
const ARCHIVE_AFTER: Duration = Duration::from_secs(5); // # assumed
/// Maximum number of customers that are reconciled at once.
const WAVE: i64 = 8; // # assumed
/// Maximum wait before the worker reads what other processes have stored: 1 second.
const EVERY: Duration = Duration::from_secs(1);
/// Interval at which Stripe's list of events is read for lost ones: 1 hour.
const SWEEP_EVERY: Duration = Duration::from_secs(3600); // # assumed
/// Maximum time to reconcile one customer: 120 seconds.
const PATIENCE: Duration = Duration::from_secs(120); // # assumed
/// Interval at which a customer's lease is renewed: a third of its lifetime.
const RENEW_EVERY: Duration = Duration::from_secs(LEASE_SECONDS as u64 / 3);
/// Overlap of a sweep with the last one, in seconds: clocks differ, and events come late.
const OVERLAP: i64 = 3600; // # assumed
/// Time for which Stripe lists events, in seconds: 30 days, less one day for safety.
const KEPT: i64 = 29 * 86_400;
/// Maximum number of event types that Stripe lists at once.
const TYPES_AT_ONCE: usize = 20;
/// Name of the setting that holds the instant of the last sweep.
const SWEPT: &str = "billing_swept";

impl Billing {
    /// Runs the worker for as long as the process lives.
    pub async fn run(self: Arc<Self>) {
        let mut swept = None::<tokio::time::Instant>;
        let mut compared = None;
        loop {
            let newest = self.ledger.store().catalogs().newest().map(|published| published.version);
            if newest != compared {
                if compared.is_none() {
                    tokio::spawn(Arc::clone(&self).check_endpoints());
                }
                compared = newest;
                tokio::spawn(Arc::clone(&self).compare());
            }
            if swept.is_none_or(|at| at.elapsed() >= SWEEP_EVERY) {
                swept = Some(tokio::time::Instant::now());
                if let Err(error) = self.sweep(false).await {
                    tracing::warn!(error, "a sweep of Stripe's events failed; it is tried again in an hour");
                }
            }
            match self.round().await {
                Ok(0) => {}
                Ok(_) => continue,
                Err(error) => tracing::warn!(%error, "due Stripe customers cannot be read; it is tried again"),
            }
            let _ = tokio::time::timeout(EVERY, self.wake.notified()).await;
        }
    }

    /// Creates at Stripe what a catalog sells, before that catalog is published.
    ///
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

    /// Logs how Stripe's products and prices differ from the newest catalog; runs in the background.
    async fn compare(self: Arc<Self>) {
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

    /// Passes events on and reconciles the customers that are due; returns the number of events and customers.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn round(self: &Arc<Self>) -> Result<usize, Unavailable> {
        let passed = match inbox::pass_on(self).await {
            Ok(passed) => passed,
            Err(inbox::InboxError::Store(error)) => return Err(error),
            Err(inbox::InboxError::Stripe(error)) => {
                tracing::warn!(%error, "events wait until Stripe says which customer they are about");
                0
            }
        };
        let leased = customers::lease(self.ledger.store(), WAVE).await?;
        let all = passed + leased.len();
        let mut looks = JoinSet::new();
        for customer in leased {
            let this = Arc::clone(self);
            looks.spawn(async move { this.reconcile_leased(customer).await });
        }
        while let Some(ended) = looks.join_next().await {
            match ended {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => tracing::warn!(%error, "a reconciliation could not be recorded; it is repeated"),
                Err(panic) => tracing::error!(%panic, "a reconciliation panicked; it is repeated"),
            }
        }
        Ok(all)
    }

    /// Reconciles or probes a leased customer, and stores the result; returns whether it succeeded.
    ///
    /// When the store cannot write the result or renew the lease.
    pub async fn reconcile_leased(&self, mut leased: Leased) -> Result<bool, Unavailable> {
        let store = self.ledger.store();
        let customer = leased.customer.clone();
        let (workspace, is_probe) = (leased.workspace, leased.is_probe());
        let work = async {
            match is_probe {
                true => self.probe(workspace, &customer).await,
                false => self.reconcile(workspace, &customer).await,
            }
        };
        let mut look = pin!(tokio::time::timeout(PATIENCE, work));
        let looked = loop {
            tokio::select! {
                looked = &mut look => break looked,
                () = tokio::time::sleep(RENEW_EVERY) => {
                    if !customers::renew(store, &mut leased).await? {
                        tracing::warn!(customer, "the lease of a customer was lost, because its reconciliation took \
                                                  too long; another process reconciles it");
                        return Ok(false);
                    }
                }
            }
        };
        let why = match looked {
            Ok(Ok(None)) => return customers::mark_reconciled(store, &leased).await.map(|()| true),
            Ok(Ok(Some(seconds))) => return customers::probe_later(store, &leased, seconds).await.map(|()| true),
            Ok(Err(trouble)) => trouble.to_string(),
            Err(_) => "the reconciliation took too long".to_owned(),
        };
        let again = customers::later(store, &leased).await?;
        tracing::warn!(customer, why, again_in_seconds = again, "a customer could not be reconciled");
        Ok(false)
    }

    /// Reads Stripe's list of events since the last sweep, and stores those that were not delivered. Events older than
    /// that list, and those of test clocks, are covered by a hint at every customer: with `everybody`, in test mode, or
    /// after too long a time. Returns the number of events read, and of customers hinted at.
    ///
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
        self.wake.notify_one();
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
