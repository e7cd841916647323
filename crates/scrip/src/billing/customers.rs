//! Whom the payment provider knows workspaces as, and whether there is something new about them.
//!
//! Invariant: one process looks at a customer at a time, so what was read first is never submitted last.

use crate::store::{Row, Store, Unavailable, Value, queries};
use scrip_engine::{Timestamp, WorkspaceId};

/// How long whoever looks may be silent before another looks. They say meanwhile that they still do, so that a customer
/// whose server was killed does not wait for as long as a look may take.
pub const LEASE_SECONDS: i64 = 15; // # assumed
/// Seconds until a customer is looked at again who could not be: after the first attempt, the second, and so on. The
/// last goes on for ever: nothing that was paid is given up.
const AGAIN: [i64; 6] = [1, 5, 30, 120, 600, 3600]; // # assumed

/// A customer who is there for this process to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leased {
    /// The workspace.
    pub workspace: WorkspaceId,
    /// Its customer.
    pub customer: String,
    /// How many hints there had been.
    hinted: i64,
    /// Which attempt this is, from 1; 0 is a probe, which no hint has caused.
    attempt: i64,
    /// When the lease ends, which is also what it is known by.
    until: i64,
}

impl Leased {
    /// Returns whether no hint came, and a renewal that is awaited is to be probed for.
    pub fn is_probe(&self) -> bool {
        self.attempt == 0
    }

    fn read(row: &Row, until: Timestamp) -> Leased {
        Leased {
            workspace: WorkspaceId::new(row.integer(0) as u64),
            customer: row.text(1).to_owned(),
            hinted: row.integer(2),
            attempt: row.integer(3),
            until: until.micros(),
        }
    }
}

/// Returns whether a leased row still names the customer that it was written with. Nothing is granted from another.
fn is_sealed(store: &Store, row: &Row) -> bool {
    store.seals().is_sealed("customers", &row.0[..2], row.bytes(4))
}

/// Whom a workspace is known as.
///
/// # Errors
/// When the store cannot answer.
pub async fn of(store: &Store, workspace: WorkspaceId) -> Result<Option<String>, Unavailable> {
    let rows = store.query(queries::CUSTOMER, vec![workspace.into()]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    match store.seals().is_sealed("customers", &[workspace.into(), row.0[0].clone()], row.bytes(1)) {
        true => Ok(Some(row.text(0).to_owned())),
        false => Err(Unavailable(format!("the customer of {workspace} is not what its seal says"))),
    }
}

/// Keeps another customer instead of one who is gone.
///
/// # Errors
/// When the store cannot write.
pub async fn replace(store: &Store, workspace: WorkspaceId, gone: &str, new: &str) -> Result<(), Unavailable> {
    let names = [gone, new].map(|name| Value::Text(name.to_owned()));
    let seal = store.seals().seal("customers", &[workspace.into(), names[1].clone()]);
    let values = [workspace.into()].into_iter().chain(names).chain([seal]).collect();
    store.write(queries::ANOTHER_CUSTOMER, values).await.map(drop)
}

/// Whether there is something new about a workspace's customer that nobody has looked at.
///
/// # Errors
/// When the store cannot answer.
pub async fn waits(store: &Store, workspace: WorkspaceId) -> Result<bool, Unavailable> {
    let rows = store.query(queries::CUSTOMER_WAITS, vec![workspace.into()]).await?;
    Ok(rows.first().is_some_and(|row| row.integer(0) > 0))
}

/// Keeps whom a workspace is known as. Whoever was there first stays: the answer says who that is.
///
/// # Errors
/// When the store cannot write.
pub async fn keep(store: &Store, workspace: WorkspaceId, customer: &str) -> Result<Option<String>, Unavailable> {
    let now = store.now(None).await?;
    let mut values = vec![workspace.into(), Value::Text(customer.to_owned())];
    let seal = store.seals().seal("customers", &values);
    values.extend([now.micros().into(), seal]);
    store.write(queries::NEW_CUSTOMER, values).await?;
    of(store, workspace).await
}

/// Says that there is something new about a customer; whether we know them.
///
/// # Errors
/// When the store cannot write.
pub async fn hint(store: &Store, customer: &str) -> Result<bool, Unavailable> {
    let now = store.now(None).await?;
    Ok(store.write(queries::HINT, vec![Value::Text(customer.to_owned()), now.micros().into()]).await? > 0)
}

/// The same of whom a workspace is known as.
///
/// # Errors
/// When the store cannot write.
pub async fn hint_workspace(store: &Store, workspace: WorkspaceId) -> Result<bool, Unavailable> {
    let now = store.now(None).await?;
    Ok(store.write(queries::HINT_WORKSPACE, vec![workspace.into(), now.micros().into()]).await? > 0)
}

/// Says that there may be something new about anybody.
///
/// # Errors
/// When the store cannot write.
pub async fn hint_all(store: &Store) -> Result<usize, Unavailable> {
    let now = store.now(None).await?;
    store.write(queries::HINT_ALL, vec![now.micros().into()]).await
}

/// Customers to be looked at by now, at most so many.
///
/// # Errors
/// When the store cannot write.
pub async fn lease(store: &Store, most: i64) -> Result<Vec<Leased>, Unavailable> {
    let now = store.now(None).await?;
    let until = now.after_seconds(LEASE_SECONDS);
    let values = vec![now.micros().into(), until.micros().into(), most.into()];
    let rows = store.write_for_work(queries::LEASE_CUSTOMERS, values).await?;
    Ok(rows.iter().filter(|row| is_sealed(store, row)).map(|row| Leased::read(row, until)).collect())
}

/// The customer of a workspace, to be looked at at once; nothing when there is none, or somebody is looking.
///
/// # Errors
/// When the store cannot write.
pub async fn lease_one(store: &Store, workspace: WorkspaceId) -> Result<Option<Leased>, Unavailable> {
    let now = store.now(None).await?;
    let until = now.after_seconds(LEASE_SECONDS);
    let values = vec![workspace.into(), now.micros().into(), until.micros().into()];
    let rows = store.write_for_work(queries::LEASE_CUSTOMER, values).await?;
    Ok(rows.first().filter(|row| is_sealed(store, row)).map(|row| Leased::read(row, until)))
}

/// Says that a customer is still being looked at; whether nobody else has taken over.
///
/// # Errors
/// When the store cannot write.
pub async fn renew(store: &Store, leased: &mut Leased) -> Result<bool, Unavailable> {
    let until = store.now(None).await?.after_seconds(LEASE_SECONDS).micros();
    let values = vec![leased.workspace.into(), until.into(), leased.until.into()];
    let kept = !store.write_for_work(queries::RENEW_LEASE, values).await?.is_empty();
    leased.until = until;
    Ok(kept)
}

/// Notes that a customer was looked at. What was hinted meanwhile is looked at again.
///
/// # Errors
/// When the store cannot write: they are looked at again.
pub async fn looked(store: &Store, leased: &Leased) -> Result<(), Unavailable> {
    let values = vec![leased.workspace.into(), leased.hinted.into(), leased.until.into()];
    store.write_for_work(queries::LOOKED, values).await.map(drop)
}

/// Notes that a customer was looked at and is to be probed some seconds later, unless a hint comes before.
///
/// # Errors
/// When the store cannot write: they are looked at again.
pub async fn probe_later(store: &Store, leased: &Leased, seconds: i64) -> Result<(), Unavailable> {
    let due = store.now(None).await?.after_seconds(seconds);
    let values = vec![leased.workspace.into(), leased.hinted.into(), leased.until.into(), due.micros().into()];
    store.write_for_work(queries::PROBE_LATER, values).await.map(drop)
}

/// Notes that a customer could not be looked at; the seconds until they are, unless there is something new about them.
///
/// # Errors
/// When the store cannot write: they are looked at when the lease ends.
pub async fn later(store: &Store, leased: &Leased) -> Result<i64, Unavailable> {
    let tried = usize::try_from((leased.attempt - 1).max(0)).unwrap_or(0).min(AGAIN.len() - 1);
    let due = store.now(None).await?.after_seconds(AGAIN[tried]);
    let values = vec![leased.workspace.into(), due.micros().into(), leased.until.into(), leased.hinted.into()];
    store.write_for_work(queries::LOOK_LATER, values).await?;
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
            let (sql, now) = (queries::HINT, store.now(None).await.expect("it answers"));
            let again = vec![Value::Text("cus_7".to_owned()), now.micros().into()];
            store.write(sql, again).await.expect("it is written");
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
