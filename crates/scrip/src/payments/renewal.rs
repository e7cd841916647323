//! Awaited renewals, and unwanted invoices: what Scrip does at Stripe about them.
//!
//! Stripe makes the invoice of a renewal as a draft, at the end of the period or up to an hour later, and finalizes it
//! an hour after that. Scrip finalizes and collects it as soon as it exists (R4), and voids unwanted ones (R38).
//!
//! **Invariant:** an invoice with a line that is not Scrip's is left to Stripe.

use super::customer_state::CustomerState;
use super::error::ReconcileError;
use super::{Billing, collection};
use crate::operate::alerts::{self, Alert};
use crate::payments::stripe::objects::invoice::{Invoice, Invoices, Status};
use crate::payments::stripe::objects::{Range, Seconds};
use crate::payments::stripe::{Error, IdempotencyKey};
use scrip_engine::{Finalize, Workspace, WorkspaceId};
use scrip_store::Unavailable;
use scrip_store::rows::settings;

/// Seconds between two probes while the bridge of a renewal lasts. New credits should come within 5 seconds of a draft,
/// and a worker wakes once a second.
const PROBE_ON_THE_BRIDGE: i64 = 2;
/// Seconds between two probes on the bridge once the invoice exists: Stripe, the customer or a bank has to act.
const PROBE_OF_AN_INVOICE: i64 = 30; // # assumed
/// Seconds between two probes for a missing draft when the bridge is over.
const PROBE_AFTER: i64 = 60; // # assumed
/// Seconds between two probes of what takes hours or days: Stripe sends events, and the probe covers lost ones.
const PROBE_RARELY: i64 = 900; // # assumed
/// Seconds of real time after which a workspace on a test clock that stands still is probed less often.
const PROBE_TIRES: u64 = 600; // # assumed
/// Seconds after its first probe at which a workspace counts as newly probed: 7 days, after the grace.
const PROBE_FORGOTTEN: u64 = 7 * 86_400;
/// Maximum number of workspaces whose first probe is remembered.
const PROBED_MAX: usize = 10_000;
/// Seconds by which a draft may be older than the period that it renews.
const SLACK: i64 = 60;

/// Returns the seconds until a renewal must be probed; `None` when no renewal is awaited.
pub fn next_probe(workspace: &Workspace, state: &CustomerState) -> Option<i64> {
    let subscription = &workspace.subscription;
    subscription.awaited_until?;
    let paid = subscription.payment.as_ref()?;
    let is_here = collection::newest_unsettled(state, &paid.subscription).is_some();
    let on_bridge = subscription.bridge_until.is_some();
    Some(match (on_bridge, is_here) {
        (true, false) => PROBE_ON_THE_BRIDGE,
        (true, true) => PROBE_OF_AN_INVOICE,
        (false, false) => PROBE_AFTER,
        (false, true) => PROBE_RARELY,
    })
}

impl Billing {
    /// Reads the invoices of an awaited renewal alone, and reconciles the customer when there is one to act on. Returns
    /// the seconds until the next probe, if any.
    ///
    /// # Errors
    /// When Stripe or the store cannot answer: the renewal is probed again.
    pub async fn probe(&self, workspace: WorkspaceId, customer: &str) -> Result<Option<i64>, ReconcileError> {
        let Some(known) = self.ledger.workspace(workspace).await? else { return Ok(None) };
        let subscription = &known.subscription;
        let (Some(paid), Some(period), Some(_)) =
            (&subscription.payment, subscription.period, subscription.awaited_until)
        else {
            return Ok(None);
        };
        let created = Some(Range { gte: Some(Seconds(Seconds::of(period.end).0 - SLACK)), lt: None });
        let which = Invoices { subscription: Some(&paid.subscription), created, ..Invoices::default() };
        let found = self.client.invoices(&which).await?;
        if found.iter().any(|invoice| invoice.status != Some(Status::Void)) {
            let again = self.reconcile(workspace, customer).await?;
            return Ok(again.map(|seconds| if self.is_tired(workspace) { seconds.max(PROBE_RARELY) } else { seconds }));
        }
        Ok(Some(match subscription.bridge_until {
            _ if self.is_tired(workspace) => PROBE_RARELY,
            Some(_) => PROBE_ON_THE_BRIDGE,
            None => PROBE_AFTER,
        }))
    }

    /// Returns `true` if a workspace in test mode has been probed for so long that its test clock must stand still.
    fn is_tired(&self, workspace: WorkspaceId) -> bool {
        let mut probed = self.probed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if probed.len() > PROBED_MAX {
            probed.clear();
        }
        let since = probed.entry(workspace).or_insert_with(tokio::time::Instant::now);
        let elapsed = since.elapsed().as_secs();
        if elapsed > PROBE_FORGOTTEN {
            *since = tokio::time::Instant::now();
        }
        elapsed > PROBE_TIRES && self.client.mode() == crate::payments::stripe::key::Mode::Test
    }

    /// Finalizes and collects the invoices of an awaited renewal; returns whether anything was done (R4).
    pub(super) async fn collect(&self, workspace: &Workspace, state: &CustomerState) -> Result<bool, ReconcileError> {
        let subscription = &workspace.subscription;
        let (Some(paid), Some(_), false) = (&subscription.payment, subscription.awaited_until, subscription.cancel)
        else {
            return Ok(false);
        };
        let catalogs = self.ledger.store().catalogs();
        let finalize = catalogs.get(workspace.catalog).map(|known| known.catalog.finalize);
        let ending = state.subscriptions.iter().any(|one| *one.id == *paid.subscription && collection::is_ending(one));
        if finalize != Some(Finalize::Scrip) || ending {
            return Ok(false);
        }
        let mut done = false;
        for draft in collection::drafts_to_finalize(state, &paid.subscription) {
            let open = match self.client.finalize_invoice(&draft.id, true, &key("finalize", draft)).await {
                Ok(open) => open,
                // Stripe was faster, or the draft is gone: the customer is read again.
                Err(Error::Refused(refused)) if is_settled_otherwise(refused.status) => {
                    done = true;
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            done = true;
            self.pay_open(&open).await?;
        }
        let untried = state.invoices.iter().filter(|invoice| {
            invoice.status == Some(Status::Open)
                && invoice.subscription() == Some(&*paid.subscription)
                && invoice.attempt_count == 0
                && !collection::is_processing(state, &paid.subscription)
                && collection::is_scrips(state, invoice)
        });
        for open in untried {
            done |= self.pay_open(open).await?;
        }
        Ok(done)
    }

    /// Collects an open invoice; returns whether that was tried. A decline is read from the invoice.
    async fn pay_open(&self, invoice: &Invoice) -> Result<bool, ReconcileError> {
        if invoice.status != Some(Status::Open) || invoice.amount_remaining <= 0 {
            return Ok(false);
        }
        match self.client.pay_invoice(&invoice.id, &key("collect", invoice)).await {
            Ok(_) => Ok(true),
            Err(Error::Refused(refused)) if refused.status == 402 || is_settled_otherwise(refused.status) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    /// Voids unwanted invoices, and cancels subscriptions that were set to end and have nothing left to give; returns
    /// whether anything was done (R38). An invoice that Scrip may not void is the operator's to settle: an alert says
    /// so.
    pub(super) async fn give_up_unwanted(
        &self,
        workspace: &Workspace,
        state: &CustomerState,
    ) -> Result<bool, ReconcileError> {
        for invoice in collection::operator_invoices(state) {
            let detail = "the invoice is open, its subscription is over, and it has a line that is not Scrip's: collect it \
                          or void it at Stripe";
            let alert = Alert::new("open_invoice", &invoice.id, Some(workspace.id), detail);
            alerts::raise(self.ledger.store(), alert).await?;
        }
        let mut done = false;
        for invoice in collection::unwanted_invoices(state) {
            done |= self.void(invoice).await?;
        }
        let current = workspace.subscription.payment.as_ref().map(|paid| &*paid.subscription);
        for one in state.subscriptions.iter().filter(|one| collection::is_ours(one)) {
            if current != Some(&*one.id) && collection::is_ending_unpaid(state, one) {
                done |= self.end_at_once(&one.id).await?;
            }
        }
        Ok(done)
    }

    async fn void(&self, invoice: &Invoice) -> Result<bool, ReconcileError> {
        let voided = async {
            if invoice.status == Some(Status::Draft) {
                self.client.finalize_invoice(&invoice.id, false, &key("close", invoice)).await?;
            }
            self.client.void_invoice(&invoice.id, &key("void", invoice)).await
        };
        match voided.await {
            Ok(_) => Ok(true),
            // The invoice was paid or voided meanwhile; Stripe sends an event, and the customer is read again.
            Err(Error::Refused(refused)) if is_settled_otherwise(refused.status) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Cancels a subscription at Stripe at once; returns whether it still existed.
    pub(super) async fn end_at_once(&self, subscription: &str) -> Result<bool, Error> {
        match self.client.cancel_subscription(subscription).await {
            Ok(_) => Ok(true),
            Err(Error::Refused(refused)) if is_settled_otherwise(refused.status) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Stores what Stripe collects from a workspace, as of the last read, for the workspace's page.
    pub(super) async fn keep_collection(
        &self,
        workspace: WorkspaceId,
        found: Option<collection::Collection>,
    ) -> Result<(), ReconcileError> {
        if self.kept_collection(workspace).await? == found {
            return Ok(());
        }
        let value = serde_json::to_vec(&found).map_err(|error| ReconcileError::Ledger(error.to_string()))?;
        settings::keep(self.ledger.store().reader(), &setting(workspace), value).await?;
        Ok(())
    }

    /// Returns what Stripe collects from a workspace, as of the last read.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn kept_collection(&self, workspace: WorkspaceId) -> Result<Option<collection::Collection>, Unavailable> {
        let kept = settings::value(self.ledger.store().reader(), &setting(workspace)).await?;
        Ok(kept.and_then(|kept| serde_json::from_slice(&kept).ok()).flatten())
    }
}

/// Returns the name of the setting that holds what is collected from a workspace.
fn setting(workspace: WorkspaceId) -> String {
    format!("collection:{workspace}")
}

fn key(what: &str, invoice: &Invoice) -> IdempotencyKey {
    IdempotencyKey::of(&[what, &invoice.id])
}

/// Returns `true` if the status says that the object has changed since it was read, or is gone.
fn is_settled_otherwise(status: u16) -> bool {
    matches!(status, 400 | 404)
}
