//! Blocks of people by the operator.
//!
//! Invariant: a block is kept by the person's id and by the mailbox behind the person's address.

use super::text;
use crate::{Handle, Row, Unavailable};
use scrip_engine::{Timestamp, UserId};

statements! {
    /// Blocks a person, unless the person is blocked already.
    NEW = "INSERT INTO blocks (user_id, person, reason, actor, at, seal)
    VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
    /// Ends the block of a person.
    END = "DELETE FROM blocks WHERE user_id = $1";
    /// Reads the block of a person by the id.
    OF = "SELECT user_id, reason, actor, at FROM blocks WHERE user_id = $1";
    /// Reads the ids of all blocked people.
    USERS = "SELECT user_id FROM blocks";
    /// Reads every block with its reason, in the order of the people's ids.
    ALL_REASONS = "SELECT user_id, reason FROM blocks ORDER BY user_id";
    /// Reads the blocks of two people.
    AMONG = "SELECT user_id FROM blocks WHERE user_id IN ($1, $2)";
    /// Reads the block of a mailbox.
    OF_MAILBOX = "SELECT user_id, reason, actor, at FROM blocks WHERE person = $1 LIMIT 1";
}

/// A block of a person, as its row has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Identifier of the blocked person.
    pub user: UserId,
    /// Reason that the operator gave.
    pub reason: String,
    /// Name of the operator, as the journal keeps it.
    pub actor: String,
    /// Instant of the block.
    pub at: Timestamp,
}

impl Block {
    fn read(row: &Row) -> Block {
        Block { user: row.user(0), reason: row.text_owned(1), actor: row.text_owned(2), at: row.instant(3) }
    }
}

/// Adds the block of the person with this mailbox, unless the person is blocked already.
///
/// # Errors
/// When the store cannot write.
pub async fn add(on: Handle<'_>, block: &Block, mailbox: &str) -> Result<(), Unavailable> {
    let Block { user, reason, actor, at } = block;
    let mut values = vec![(*user).into(), text(mailbox), text(reason), text(actor), at.micros().into()];
    values.push(on.store().seals().seal("blocks", &values));
    on.write(NEW, values).await.map(drop)
}

/// Ends the block of a person.
///
/// # Errors
/// When the store cannot write.
pub async fn end(on: Handle<'_>, user: UserId) -> Result<(), Unavailable> {
    on.write(END, vec![user.into()]).await.map(drop)
}

/// Returns the block of a person.
///
/// # Errors
/// When the store cannot answer.
pub async fn of(on: Handle<'_>, user: UserId) -> Result<Option<Block>, Unavailable> {
    Ok(on.read(OF, vec![user.into()]).await?.first().map(Block::read))
}

/// Returns the block of a mailbox.
///
/// # Errors
/// When the store cannot answer.
pub async fn of_mailbox(on: Handle<'_>, mailbox: &str) -> Result<Option<Block>, Unavailable> {
    Ok(on.read(OF_MAILBOX, vec![text(mailbox)]).await?.first().map(Block::read))
}

/// Returns the ids of all blocked people.
///
/// # Errors
/// When the store cannot answer.
pub async fn users(on: Handle<'_>) -> Result<Vec<UserId>, Unavailable> {
    Ok(on.read(USERS, Vec::new()).await?.iter().map(|row| row.user(0)).collect())
}

/// Returns whether one of two people is blocked.
///
/// # Errors
/// When the store cannot answer.
pub async fn is_any_of(on: Handle<'_>, [one, other]: [UserId; 2]) -> Result<bool, Unavailable> {
    Ok(!on.read(AMONG, vec![one.into(), other.into()]).await?.is_empty())
}

/// Returns all blocked people, by id, each with the operator's reason.
///
/// # Errors
/// When the store cannot answer.
pub async fn reasons(on: Handle<'_>) -> Result<Vec<(UserId, String)>, Unavailable> {
    Ok(on.read(ALL_REASONS, Vec::new()).await?.iter().map(|row| (row.user(0), row.text_owned(1))).collect())
}
