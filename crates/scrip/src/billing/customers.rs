//! Whom the payment provider knows workspaces as, and whether there is something new about them.
//!
//! Invariant: one process looks at a customer at a time, so what was read first is never submitted last.

use crate::store::rows::customers;
pub use crate::store::rows::customers::Leased;
use crate::store::{Store, Unavailable};
use scrip_engine::WorkspaceId;

/// How long whoever looks may be silent before another looks. They say meanwhile that they still do, so that a customer
/// whose server was killed does not wait for as long as a look may take.
pub const LEASE_SECONDS: i64 = 15; // # assumed
/// Seconds until a customer is looked at again who could not be: after the first attempt, the second, and so on. The
/// last goes on for ever: nothing that was paid is given up.
const AGAIN: [i64; 6] = [1, 5, 30, 120, 600, 3600]; // # assumed

/// Whom a workspace is known as.
///
/// # Errors
/// When the store cannot answer.
pub async fn of(store: &Store, workspace: WorkspaceId) -> Result<Option<String>, Unavailable> {
    customers::of(store.reader(), workspace).await
}

/// Keeps another customer instead of one who is gone.
///
/// # Errors
/// When the store cannot write.
pub async fn replace(store: &Store, workspace: WorkspaceId, gone: &str, new: &str) -> Result<(), Unavailable> {
    customers::replace(store.reader(), workspace, gone, new).await
}

/// Whether there is something new about a workspace's customer that nobody has looked at.
///
/// # Errors
/// When the store cannot answer.
pub async fn waits(store: &Store, workspace: WorkspaceId) -> Result<bool, Unavailable> {
    customers::is_waiting(store.reader(), workspace).await
}

/// Keeps whom a workspace is known as. Whoever was there first stays: the answer says who that is.
///
/// # Errors
/// When the store cannot write.
pub async fn keep(store: &Store, workspace: WorkspaceId, customer: &str) -> Result<Option<String>, Unavailable> {
    let now = store.now(None).await?;
    customers::add(store.reader(), workspace, customer, now).await?;
    of(store, workspace).await
}

/// Says that there is something new about a customer; whether we know them.
///
/// # Errors
/// When the store cannot write.
pub async fn hint(store: &Store, customer: &str) -> Result<bool, Unavailable> {
    let now = store.now(None).await?;
    customers::hint(store.reader(), customer, now).await
}

/// The same of whom a workspace is known as.
///
/// # Errors
/// When the store cannot write.
pub async fn hint_workspace(store: &Store, workspace: WorkspaceId) -> Result<bool, Unavailable> {
    let now = store.now(None).await?;
    customers::hint_workspace(store.reader(), workspace, now).await
}

/// Says that there may be something new about anybody.
///
/// # Errors
/// When the store cannot write.
pub async fn hint_all(store: &Store) -> Result<usize, Unavailable> {
    let now = store.now(None).await?;
    customers::hint_all(store.reader(), now).await
}

/// Customers to be looked at by now, at most so many.
///
/// # Errors
/// When the store cannot write.
pub async fn lease(store: &Store, most: i64) -> Result<Vec<Leased>, Unavailable> {
    let now = store.now(None).await?;
    customers::lease(store.worker(), now, now.after_seconds(LEASE_SECONDS), most).await
}

/// The customer of a workspace, to be looked at at once; nothing when there is none, or somebody is looking.
///
/// # Errors
/// When the store cannot write.
pub async fn lease_one(store: &Store, workspace: WorkspaceId) -> Result<Option<Leased>, Unavailable> {
    let now = store.now(None).await?;
    customers::lease_one(store.worker(), workspace, now, now.after_seconds(LEASE_SECONDS)).await
}

/// Says that a customer is still being looked at; whether nobody else has taken over.
///
/// # Errors
/// When the store cannot write.
pub async fn renew(store: &Store, leased: &mut Leased) -> Result<bool, Unavailable> {
    let until = store.now(None).await?.after_seconds(LEASE_SECONDS);
    customers::renew(store.worker(), leased, until).await
}

/// Notes that a customer was looked at. What was hinted meanwhile is looked at again.
///
/// # Errors
/// When the store cannot write: they are looked at again.
pub async fn looked(store: &Store, leased: &Leased) -> Result<(), Unavailable> {
    customers::mark_reconciled(store.worker(), leased).await
}

/// Notes that a customer was looked at and is to be probed some seconds later, unless a hint comes before.
///
/// # Errors
/// When the store cannot write: they are looked at again.
pub async fn probe_later(store: &Store, leased: &Leased, seconds: i64) -> Result<(), Unavailable> {
    let due = store.now(None).await?.after_seconds(seconds);
    customers::probe_at(store.worker(), leased, due).await
}

/// Notes that a customer could not be looked at; the seconds until they are, unless there is something new about them.
///
/// # Errors
/// When the store cannot write: they are looked at when the lease ends.
pub async fn later(store: &Store, leased: &Leased) -> Result<i64, Unavailable> {
    let tried = usize::try_from((leased.attempt - 1).max(0)).unwrap_or(0).min(AGAIN.len() - 1);
    let due = store.now(None).await?.after_seconds(AGAIN[tried]);
    customers::retry_at(store.worker(), leased, due).await?;
    Ok(AGAIN[tried])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Options;
    use crate::tests::postgres::database;

    async fn a_hint_during_a_look_that_fails_is_not_put_off(store: &Store) {
        let workspace = WorkspaceId::new(7);
        keep(store, workspace, "cus_7").await.expect("it is kept");
        for hinted in [false, true] {
            let mut leased = lease(store, 1).await.expect("it can be leased");
            let leased = Leased { attempt: 9, ..leased.pop().expect("they are due") };
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
        let address = crate::store::Address::from(database.url());
        let store = Store::connect(&address, Options::small()).await.expect("the database answers");
        a_hint_during_a_look_that_fails_is_not_put_off(&store).await;
    }
}
