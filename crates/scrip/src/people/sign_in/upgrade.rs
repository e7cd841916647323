//! Upgrade of people and claims of earlier versions to the one form of addresses, once.
//!
//! Earlier versions stored an address as it was written, in lower case: a person with an internationalized domain in
//! two spellings was two people, and lifetime grants were claimed under each. A claim under an old spelling stays and
//! counts under the one form too. Of two people who come to one address, the older gets it; the other is stored as
//! before and is known by that very spelling.
//!
//! Invariant: no two people are merged, no claim is lost, and the journal is only read. A second upgrade, or two
//! processes at once, change nothing more.

use crate::crypto::{hex, sha256};
use crate::operate::alerts::{self, Alert};
use crate::people::email::{Email, earlier_person, person_of};
use scrip_engine::{Event, UserId, WorkspaceEvent};
use scrip_store::rows::{claims, profiles, settings, users};
use scrip_store::{Claim, Store, Unavailable};

/// Name of the setting which records that the upgrade was done.
const DONE: &str = "one form of addresses";
/// Number of rows that are read at a time.
const PAGE: i64 = 1_000;

/// Collision of two people at one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collision {
    /// Person who stays stored in the former spelling.
    pub user: UserId,
    /// Former spelling of the person's address.
    pub kept_as: Email,
    /// Address in the one form, which another person has.
    pub address: Email,
}

/// Returns the claim on grants that a person gets once in a lifetime (R8).
pub fn claim_of(person: &str) -> Claim {
    Claim { scope: "person".into(), what: hex(&sha256(&[person.as_bytes()])) }
}

/// Brings the addresses that an earlier version stored to their one form, once. A person whose address another person
/// has is left unchanged, and an alert is raised.
///
/// # Errors
/// When the store cannot answer.
pub async fn run(store: &Store) -> Result<(), Unavailable> {
    if is_done(store).await? {
        return Ok(());
    }
    let claims = renew_claims(store).await?;
    if claims > 0 {
        tracing::info!(claims, "claims of older versions now use one form of each address");
    }
    for Collision { user, kept_as, address } in readdress_people(store).await? {
        let detail = format!(
            "{user} is stored as {kept_as}, and another person has the same mailbox as {address}: each signs in with \
             the stored address; to join the two, make the one a member of the other's workspaces"
        );
        alerts::raise(store, Alert::new("one_mailbox_of_two", &user.to_string(), None, detail)).await?;
    }
    finish(store).await
}

/// Returns whether the upgrade was done before.
///
/// # Errors
/// When the store cannot answer.
pub async fn is_done(store: &Store) -> Result<bool, Unavailable> {
    settings::has(store.reader(), DONE).await
}

/// Records that the upgrade was done.
///
/// # Errors
/// When the store cannot write.
pub async fn finish(store: &Store) -> Result<(), Unavailable> {
    settings::add(store.reader(), DONE, Vec::new()).await
}

/// Adds each claim that an address has in the one form and was made in another; returns their number. For a store that
/// was just opened: the index has all of its entries.
///
/// # Errors
/// When the store cannot write.
pub async fn renew_claims(store: &Store) -> Result<usize, Unavailable> {
    store.await_projections().await?;
    let (mut after, mut added) = (String::new(), 0);
    loop {
        let page = claims::of_people(store.reader(), &after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(added) };
        after.clone_from(&last.what);
        for known in &page {
            let owner = known.opening.events.iter().find_map(|dated| match &dated.1 {
                Event::Workspace(WorkspaceEvent::WorkspaceOpened { profile, .. }) => profile.owner,
                _ => None,
            });
            let Some(owner) = owner else { continue };
            let Some(owner) = profiles::address(store.reader(), known.workspace, owner).await? else { continue };
            let (earlier, now) = (claim_of(&earlier_person(&owner)), claim_of(&person_of(&owner)));
            if earlier.what == known.what && now != earlier {
                added += usize::from(claims::add_older(store.reader(), &now, known.workspace).await?);
            }
        }
    }
}

/// Gives each person the one form of the address; returns the people whose address another person has.
///
/// # Errors
/// When the store cannot write.
pub async fn readdress_people(store: &Store) -> Result<Vec<Collision>, Unavailable> {
    let mut strangers = Vec::new();
    let mut after = None;
    loop {
        let page = users::after(store.reader(), after, PAGE).await?;
        let Some(last) = page.last else { break };
        after = Some(last);
        for known in page.users {
            let address = Email::from_earlier(&known.email).filter(|address| address.as_str() != known.email);
            strangers.extend(address.map(|address| (known.created_at, known.user.get(), known.email, address)));
        }
    }
    // The older person comes first.
    strangers.sort();
    let mut collisions = Vec::new();
    for (_, user, kept_as, address) in strangers {
        let user = UserId::new(user as u64);
        if !users::readdress(store.reader(), user, address.as_str()).await? {
            let kept_as = Email::restore(kept_as);
            collisions.push(Collision { user, kept_as, address });
        }
    }
    Ok(collisions)
}
