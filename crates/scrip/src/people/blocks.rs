//! Blocks of people by the operator, and the checks for them.
//!
//! A block is kept by the person's id and by the mailbox behind the person's address: another spelling of the address
//! cannot sign in either. On the embedded database the one process that owns it keeps the ids in memory; where several
//! processes share a database each of them asks it, so that a block holds at once in all of them.
//!
//! Invariant: a blocked person has no session, no key, no link and no mail, in any process.

use crate::operate::acts;
use crate::people::email::person_of;
use scrip_engine::{Timestamp, UserId};
pub use scrip_store::rows::blocks::Block;
pub use scrip_store::rows::users::User as Known;
use scrip_store::rows::{blocks, sessions, sign_in_tokens, users};
use scrip_store::{Store, Unavailable};
use std::collections::HashSet;
use std::sync::{PoisonError, RwLock};

/// Kind of the act that blocks a person; the act's name is the person's id.
pub const BLOCKED_ACT: &str = "block_person";
/// Kind of the act that ends a block.
pub const UNBLOCKED_ACT: &str = "unblock_person";

/// Returns a person by the id.
///
/// # Errors
/// When the store cannot answer.
pub async fn person(store: &Store, user: UserId) -> Result<Option<Known>, Unavailable> {
    users::by_id(store.reader(), user).await
}

/// Returns all people whose address leads to the same mailbox.
///
/// # Errors
/// When the store cannot answer.
pub async fn people(store: &Store, email: &str) -> Result<Vec<Known>, Unavailable> {
    let wanted = person_of(email);
    let domain = wanted.rsplit_once('@').map_or("", |(_, domain)| domain);
    let mut found = Vec::new();
    // One large mail host has two names.
    let domains = if domain == "gmail.com" { vec![domain, "googlemail.com"] } else { vec![domain] };
    for domain in domains {
        let there = users::at_domain(store.reader(), domain).await?;
        found.extend(there.into_iter().filter(|known| person_of(&known.email) == wanted));
    }
    Ok(found)
}

/// Returns the block of a person, by the id.
///
/// # Errors
/// When the store cannot answer.
pub async fn of(store: &Store, user: UserId) -> Result<Option<Block>, Unavailable> {
    blocks::of(store.reader(), user).await
}

/// Returns the block of a mailbox, by any of its addresses.
///
/// # Errors
/// When the store cannot answer.
pub async fn of_mailbox(store: &Store, email: &str) -> Result<Option<Block>, Unavailable> {
    blocks::of_mailbox(store.reader(), &person_of(email)).await
}

/// Blocks a person with every spelling of the address that has signed in, ends the person's sessions, and deletes the
/// links that would sign the person in. Each block is an act, so that a missing one is found.
///
/// # Errors
/// When the store cannot write: then the block must be asked for again.
pub async fn block(
    store: &Store,
    known: &Known,
    reason: &str,
    (actor, request): (&str, Option<String>),
    at: Timestamp,
) -> Result<(), Unavailable> {
    for other in people(store, &known.email).await?.iter().chain([known]) {
        if of(store, other.user).await?.is_none() {
            let act = (BLOCKED_ACT, &*other.user.to_string(), reason);
            acts::note(store, act, (actor, request.clone()), at).await?;
            let block = Block { user: other.user, reason: reason.to_owned(), actor: actor.to_owned(), at };
            blocks::add(store.reader(), &block, &person_of(&other.email)).await?;
        }
        sessions::end_all(store.reader(), other.user, None).await?;
        sign_in_tokens::end(store.reader(), &other.email).await?;
    }
    Ok(())
}

/// Ends the block of a person, and that of every other spelling of the address.
///
/// # Errors
/// When the store cannot write.
pub async fn unblock(
    store: &Store,
    known: &Known,
    (actor, request): (&str, Option<String>),
    at: Timestamp,
) -> Result<(), Unavailable> {
    for other in people(store, &known.email).await?.iter().chain([known]) {
        if of(store, other.user).await?.is_some() {
            let act = (UNBLOCKED_ACT, &*other.user.to_string(), "");
            acts::note(store, act, (actor, request.clone()), at).await?;
            blocks::end(store.reader(), other.user).await?;
        }
    }
    Ok(())
}

/// Ids of blocked people, in the memory of the one process that owns an embedded database.
#[derive(Debug, Default)]
pub struct BlockedPeople(RwLock<HashSet<UserId>>);

impl BlockedPeople {
    /// Reads the blocks again, after one was made or ended.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn refresh(&self, store: &Store) -> Result<(), Unavailable> {
        if store.is_shared() {
            return Ok(());
        }
        let ids = blocks::users(store.reader()).await?.into_iter().collect();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = ids;
        Ok(())
    }

    /// Returns true if one of two people is blocked.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn has(&self, store: &Store, users: [Option<UserId>; 2]) -> Result<bool, Unavailable> {
        let users: Vec<UserId> = users.into_iter().flatten().collect();
        let Some(last) = users.last() else { return Ok(false) };
        if store.is_shared() {
            return blocks::is_any_of(store.reader(), [users[0], *last]).await;
        }
        let blocked = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Ok(users.iter().any(|user| blocked.contains(user)))
    }
}
