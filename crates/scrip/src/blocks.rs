//! People whom the operator has blocked.
//!
//! A block is kept by the person's id and by the mailbox behind their address: another spelling of it signs nobody in
//! either. On the embedded database the one process that owns it keeps the ids in memory; where several processes share
//! a database each asks there, so that a block holds at once in all of them.
//!
//! Invariant: who is blocked has no session, no key, no link and no mail, whatever process they ask.

use crate::acts;
use crate::email::person_of;
use crate::store::{Row, Store, Unavailable, Value, queries};
use scrip_engine::{Timestamp, UserId};
use std::collections::HashSet;
use std::sync::{PoisonError, RwLock};

/// Kind of the act that blocks a person, who is its name.
pub const BLOCKED_ACT: &str = "block_person";
/// Kind of the act that ends a block.
pub const UNBLOCKED_ACT: &str = "unblock_person";

/// A block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The blocked person.
    pub user: UserId,
    /// The operator's reason.
    pub reason: String,
    /// The operator, as the journal names them.
    pub actor: String,
    /// The instant of the block.
    pub at: Timestamp,
}

/// A person, as the store has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Their id.
    pub user: UserId,
    /// Their address.
    pub email: String,
    /// The instant at which they were added.
    pub created_at: Timestamp,
}

impl Block {
    fn read(row: &Row) -> Block {
        Block {
            user: UserId::new(row.integer(0) as u64),
            reason: row.text(1).to_owned(),
            actor: row.text(2).to_owned(),
            at: Timestamp::from_micros(row.integer(3)),
        }
    }
}

impl Known {
    fn read(row: &Row) -> Known {
        Known {
            user: UserId::new(row.integer(0) as u64),
            email: row.text(1).to_owned(),
            created_at: Timestamp::from_micros(row.integer(2)),
        }
    }
}

/// Returns a person by their id.
///
/// # Errors
/// When the store cannot answer.
pub async fn person(store: &Store, user: UserId) -> Result<Option<Known>, Unavailable> {
    Ok(store.query(queries::PERSON, vec![user.into()]).await?.first().map(Known::read))
}

/// Returns everybody whose address leads to the same mailbox.
///
/// # Errors
/// When the store cannot answer.
pub async fn people(store: &Store, email: &str) -> Result<Vec<Known>, Unavailable> {
    let wanted = person_of(email);
    let domain = wanted.rsplit_once('@').map_or("", |(_, domain)| domain);
    let mut found = Vec::new();
    // One large host has two names.
    let domains = if domain == "gmail.com" { vec![domain, "googlemail.com"] } else { vec![domain] };
    for domain in domains {
        let like = format!("%@{}", domain.replace(['%', '_'], "_"));
        let rows = store.query(queries::PEOPLE_LIKE, vec![Value::Text(like)]).await?;
        found.extend(rows.iter().map(Known::read).filter(|known| person_of(&known.email) == wanted));
    }
    Ok(found)
}

/// Returns the block of a person, by their id.
///
/// # Errors
/// When the store cannot answer.
pub async fn of(store: &Store, user: UserId) -> Result<Option<Block>, Unavailable> {
    Ok(store.query(queries::BLOCK, vec![user.into()]).await?.first().map(Block::read))
}

/// Returns the block of whoever has a mailbox, by any of its addresses.
///
/// # Errors
/// When the store cannot answer.
pub async fn of_mailbox(store: &Store, email: &str) -> Result<Option<Block>, Unavailable> {
    let named = vec![Value::Text(person_of(email))];
    Ok(store.query(queries::BLOCK_OF_MAILBOX, named).await?.first().map(Block::read))
}

/// Blocks a person with every spelling of their address that has signed in, ends their sessions, and takes the links
/// away that would sign them in. Each block is an act, so that one that is missing is found.
///
/// # Errors
/// When the store cannot write: then it must be asked for again.
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
            let texts = [&*person_of(&other.email), reason, actor].map(|text| Value::Text(text.to_owned()));
            let mut values: Vec<Value> = [other.user.into()].into_iter().chain(texts).collect();
            values.push(at.micros().into());
            values.push(store.seals().seal("blocks", &values));
            store.write(queries::NEW_BLOCK, values).await?;
        }
        store.write(queries::END_SESSIONS, vec![other.user.into()]).await?;
        store.write(queries::END_SIGN_IN_TOKENS, vec![Value::Text(other.email.clone())]).await?;
    }
    Ok(())
}

/// Ends the block of a person, with that of every other spelling of their address.
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
            store.write(queries::END_BLOCK, vec![other.user.into()]).await?;
        }
    }
    Ok(())
}

/// Ids of the blocked, in the memory of the one process that owns an embedded database.
#[derive(Debug, Default)]
pub struct Blocked(RwLock<HashSet<UserId>>);

impl Blocked {
    /// Reads the blocks again, after one was made or ended.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn refresh(&self, store: &Store) -> Result<(), Unavailable> {
        if store.is_shared() {
            return Ok(());
        }
        let rows = store.query(queries::BLOCKED, Vec::new()).await?;
        let ids = rows.iter().map(|row| UserId::new(row.integer(0) as u64)).collect();
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
            let values = vec![users[0].into(), (*last).into()];
            return Ok(!store.query(queries::BLOCKED_AMONG, values).await?.is_empty());
        }
        let blocked = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Ok(users.iter().any(|user| blocked.contains(user)))
    }
}
