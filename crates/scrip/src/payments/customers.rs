//! The Stripe customers of workspaces, their hints, and the leases under which they are reconciled.
//!
//! Invariant: one process at a time reconciles a customer, so a state that was read earlier is never submitted later;
//! and only reconciling that began after a hint clears the hint.

use super::Billing;
use crate::jobs::work::{Failure, Work};
use scrip_engine::WorkspaceId;
use scrip_store::rows::customers;
pub use scrip_store::rows::customers::LeasedCustomer;
use scrip_store::{Store, Unavailable};
use std::sync::Arc;
use std::time::Duration;

/// Lifetime of a customer's lease, in seconds. The process that reconciles renews it meanwhile, so that a customer
/// whose server was killed does not wait for as long as reconciling may take.
const LEASE_SECONDS: i64 = 15; // # assumed
/// Seconds until a customer that could not be reconciled is tried again: after the first attempt, the second, and so
/// on. The last one repeats for ever: no payment is given up.
const AGAIN: [i64; 6] = [1, 5, 30, 120, 600, 3600]; // # assumed

/// Returns the Stripe customer of a workspace.
///
/// # Errors
/// When the store cannot answer.
pub async fn of(store: &Store, workspace: WorkspaceId) -> Result<Option<String>, Unavailable> {
    customers::of(store.reader(), workspace).await
}

/// Replaces a workspace's customer that was deleted at Stripe.
///
/// # Errors
/// When the store cannot write.
pub async fn replace(store: &Store, workspace: WorkspaceId, gone: &str, new: &str) -> Result<(), Unavailable> {
    customers::replace(store.reader(), workspace, gone, new).await
}

/// Returns `true` if a hint at a workspace's customer is not reconciled yet.
///
/// # Errors
/// When the store cannot answer.
pub async fn waits(store: &Store, workspace: WorkspaceId) -> Result<bool, Unavailable> {
    customers::is_waiting(store.reader(), workspace).await
}

/// Adds the Stripe customer of a workspace, unless it has one; returns the one that it has then. `None` when it has
/// none, since `customer` is another workspace's.
///
/// # Errors
/// When the store cannot write.
pub async fn keep(store: &Store, workspace: WorkspaceId, customer: &str) -> Result<Option<String>, Unavailable> {
    let now = store.now(None).await?;
    customers::add(store.reader(), workspace, customer, now).await?;
    of(store, workspace).await
}

/// Hints that a customer has changed; `false` when no workspace has it.
///
/// # Errors
/// When the store cannot write.
pub async fn hint(store: &Store, customer: &str) -> Result<bool, Unavailable> {
    let now = store.now(None).await?;
    customers::hint(store.reader(), customer, now).await
}

/// Hints that the customer of a workspace has changed; `false` when it has none.
///
/// # Errors
/// When the store cannot write.
pub async fn hint_workspace(store: &Store, workspace: WorkspaceId) -> Result<bool, Unavailable> {
    let now = store.now(None).await?;
    customers::hint_workspace(store.reader(), workspace, now).await
}

/// Hints that every customer may have changed; returns their number.
///
/// # Errors
/// When the store cannot write.
pub async fn hint_all(store: &Store) -> Result<usize, Unavailable> {
    let now = store.now(None).await?;
    customers::hint_all(store.reader(), now).await
}

/// Leases at most `most` customers that are due to be reconciled.
///
/// # Errors
/// When the store cannot write.
pub async fn lease(store: &Store, most: i64) -> Result<Vec<LeasedCustomer>, Unavailable> {
    let now = store.now(None).await?;
    customers::lease(store.worker(), now, now.after_seconds(LEASE_SECONDS), most).await
}

/// Leases the customer of a workspace at once; `None` when it has none, or another process has the lease.
///
/// # Errors
/// When the store cannot write.
pub async fn lease_one(store: &Store, workspace: WorkspaceId) -> Result<Option<LeasedCustomer>, Unavailable> {
    let now = store.now(None).await?;
    customers::lease_one(store.worker(), workspace, now, now.after_seconds(LEASE_SECONDS)).await
}

/// Renews the lease of a customer; `false` when another process has taken it.
///
/// # Errors
/// When the store cannot write.
pub async fn renew(store: &Store, leased: &mut LeasedCustomer) -> Result<bool, Unavailable> {
    let until = store.now(None).await?.after_seconds(LEASE_SECONDS);
    customers::renew(store.worker(), leased, until).await
}

/// Marks a leased customer reconciled up to the hints it was leased with. Later hints have it reconciled again.
///
/// # Errors
/// When the store cannot write: the customer is reconciled again.
pub async fn mark_reconciled(store: &Store, leased: &LeasedCustomer) -> Result<(), Unavailable> {
    customers::mark_reconciled(store.worker(), leased).await
}

/// Marks a leased customer reconciled, and has it probed `seconds` later unless a hint comes before.
///
/// # Errors
/// When the store cannot write: the customer is reconciled again.
pub async fn probe_later(store: &Store, leased: &LeasedCustomer, seconds: i64) -> Result<(), Unavailable> {
    let due = store.now(None).await?.after_seconds(seconds);
    customers::probe_at(store.worker(), leased, due).await
}

/// Has a customer that could not be reconciled tried again, at once if a hint came meanwhile; returns the seconds until
/// then.
///
/// # Errors
/// When the store cannot write: the customer is tried again when the lease ends.
pub async fn later(store: &Store, leased: &LeasedCustomer) -> Result<i64, Unavailable> {
    let tried = usize::try_from((leased.attempt - 1).max(0)).unwrap_or(0).min(AGAIN.len() - 1);
    let due = store.now(None).await?.after_seconds(AGAIN[tried]);
    customers::retry_at(store.worker(), leased, due).await?;
    Ok(AGAIN[tried])
}

/// Work of reconciling: customers with hints are read again at Stripe, and those that await a renewal are probed.
pub struct Customers(pub Arc<Billing>);

impl Work for Customers {
    type Lease = LeasedCustomer;
    /// Seconds until the customer is to be probed, if it is.
    type Success = Option<i64>;
    const RENEW_EVERY: Duration = Duration::from_secs(LEASE_SECONDS as u64 / 3);
    const PATIENCE: Duration = Duration::from_secs(120); // # assumed

    async fn lease(&self, most: usize) -> Result<Vec<LeasedCustomer>, Unavailable> {
        lease(self.0.ledger.store(), most as i64).await
    }

    async fn attempt(&self, leased: &LeasedCustomer) -> Result<Option<i64>, Failure> {
        let (workspace, customer) = (leased.workspace, &leased.customer);
        let result = match leased.is_probe() {
            true => self.0.probe(workspace, customer).await,
            false => self.0.reconcile(workspace, customer).await,
        };
        result.map_err(|error| Failure::Later(error.to_string()))
    }

    async fn renew(&self, leased: &mut LeasedCustomer) -> Result<bool, Unavailable> {
        renew(self.0.ledger.store(), leased).await
    }

    async fn record(&self, leased: &LeasedCustomer, result: &Result<Option<i64>, Failure>) -> Result<(), Unavailable> {
        let store = self.0.ledger.store();
        match result {
            Ok(None) => mark_reconciled(store, leased).await,
            Ok(Some(seconds)) => probe_later(store, leased, *seconds).await,
            Err(failure) => {
                let again = later(store, leased).await?;
                let (customer, why) = (&leased.customer, failure.cause());
                tracing::warn!(customer, why, again_in_seconds = again, "a customer could not be reconciled");
                Ok(())
            }
        }
    }

    async fn backlog(&self) -> Result<Option<u64>, Unavailable> {
        let store = self.0.ledger.store();
        customers::count_due(store.worker(), store.now(None).await?).await.map(Some)
    }

    async fn next_wake(&self) {
        self.0.hinted.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scrip_store::Options;
    use scrip_testing::postgres::database;

    async fn a_hint_during_a_look_that_fails_is_not_put_off(store: &Store) {
        let workspace = WorkspaceId::new(7);
        keep(store, workspace, "cus_7").await.expect("it is kept");
        for hinted in [false, true] {
            let mut leased = lease(store, 1).await.expect("it can be leased");
            let leased = LeasedCustomer { attempt: 9, ..leased.pop().expect("they are due") };
            if hinted {
                assert!(hint(store, "cus_7").await.expect("it is written"));
            }
            assert_eq!(later(store, &leased).await.expect("it is written"), 3600);
            assert_eq!(lease(store, 1).await.expect("it can be leased").len(), usize::from(hinted));
            assert!(hint(store, "cus_7").await.expect("it is written"));
        }
    }

    #[tokio::test]
    async fn a_hint_during_a_look_that_fails_is_not_put_off_in_files() {
        let directory = std::env::temp_dir().join(format!("scrip-customers-{}", std::process::id()));
        let store = Store::open(&directory, Options::small()).expect("it can be made");
        a_hint_during_a_look_that_fails_is_not_put_off(&store).await;
        drop(store);
        std::fs::remove_dir_all(&directory).expect("it is ours");
    }

    #[tokio::test]
    async fn a_hint_during_a_look_that_fails_is_not_put_off_in_postgres() {
        let database = database();
        let address = scrip_store::Address::from(database.url());
        let store = Store::connect(&address, Options::small()).await.expect("the database answers");
        a_hint_during_a_look_that_fails_is_not_put_off(&store).await;
    }
}
