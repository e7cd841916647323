//! Brings people and claims of earlier versions to the one form of addresses, once.
//!
//! Earlier versions kept an address as it was written, in lower case: people with an internationalized domain in two
//! spellings are two, and what a person gets once was claimed under each. A claim under an old spelling stays and
//! counts under the one form too. Of two people who come to one address, the older gets it; the other is kept as before
//! and is known by that very spelling.
//!
//! Invariant: nobody is merged, nobody loses a claim, and the journal is read only. Done again, or by two processes at
//! once, it changes nothing more.

use crate::crypto::{hex, sha256};
use crate::email::{Email, earlier_person, person_of};
use crate::store::journal::Body;
use crate::store::{Claim, Store, Unavailable, Value, queries};
use scrip_engine::{Event, UserId, WorkspaceEvent};

/// The setting that says that all of it was done.
const DONE: &str = "one form of addresses";
/// Rows that are read at a time.
const PAGE: i64 = 1_000;

/// Two people at one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collision {
    /// The person who is kept in the spelling of before.
    pub user: UserId,
    /// That spelling.
    pub kept_as: Email,
    /// The address, which another person has.
    pub address: Email,
}

/// Returns the claim on what a person gets once in a lifetime (R8).
pub fn claim_of(person: &str) -> Claim {
    Claim { scope: "person".into(), what: hex(&sha256(&[person.as_bytes()])) }
}

/// Says whether all of it was done before.
///
/// # Errors
/// When the store cannot answer.
pub async fn is_done(store: &Store) -> Result<bool, Unavailable> {
    Ok(!store.query(queries::SETTING, vec![Value::Text(DONE.to_owned())]).await?.is_empty())
}

/// Records that all of it was done.
///
/// # Errors
/// When the store cannot write.
pub async fn finish(store: &Store) -> Result<(), Unavailable> {
    store.write(queries::NEW_SETTING, store.seals().setting(DONE, Vec::new())).await.map(drop)
}

/// Adds each claim that an address has in the one form and was made in another; returns their number. For a store that
/// was just opened: it knows where all of its entries are.
///
/// # Errors
/// When the store cannot write.
pub async fn renew_claims(store: &Store) -> Result<usize, Unavailable> {
    store.projected().await?;
    let (mut after, mut added) = (String::new(), 0);
    loop {
        let rows = store.query(queries::CLAIMS_OF_PEOPLE, vec![after.into(), PAGE.into()]).await?;
        let Some(last) = rows.last() else { return Ok(added) };
        after = last.text(0).to_owned();
        for row in &rows {
            let body: Body = serde_json::from_str(row.text(2)).map_err(|error| Unavailable(error.to_string()))?;
            let owner = body.events.iter().find_map(|dated| match &dated.1 {
                Event::Workspace(WorkspaceEvent::WorkspaceOpened { profile, .. }) => Some(&profile.owner),
                _ => None,
            });
            let Some(owner) = owner else { continue };
            let (earlier, now) = (claim_of(&earlier_person(owner)), claim_of(&person_of(owner)));
            if earlier.what == row.text(0) && now != earlier {
                let mut values: Vec<Value> = vec![now.scope.to_string().into(), now.what.into(), row.integer(1).into()];
                values.push(store.seals().older_claim(&values));
                added += store.write(queries::NEW_CLAIM, values).await?;
            }
        }
    }
}

/// Gives each person the one form of their address; returns those whose address another has.
///
/// # Errors
/// When the store cannot write.
pub async fn readdress_people(store: &Store) -> Result<Vec<Collision>, Unavailable> {
    let mut strangers = Vec::new();
    let mut after = i64::MIN;
    loop {
        let rows = store.query(queries::USERS, vec![after.into(), PAGE.into()]).await?;
        let Some(last) = rows.last() else { break };
        after = last.integer(0);
        for row in &rows {
            if !store.seals().is_sealed("users", &row.0[..2], row.bytes(3)) {
                continue;
            }
            let kept_as = row.text(1);
            if let Some(address) = Email::from_earlier(kept_as).filter(|address| address.as_str() != kept_as) {
                strangers.push((row.integer(2), row.integer(0), kept_as.to_owned(), address));
            }
        }
    }
    // The older first.
    strangers.sort();
    let mut collisions = Vec::new();
    for (_, user, kept_as, address) in strangers {
        let mut values: Vec<Value> = vec![user.into(), address.to_string().into()];
        values.push(store.seals().seal("users", &values));
        if store.write(queries::READDRESS, values).await? == 0 {
            let (user, kept_as) = (UserId::new(user as u64), Email::restore(kept_as));
            collisions.push(Collision { user, kept_as, address });
        }
    }
    Ok(collisions)
}
