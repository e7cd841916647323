//! People, by their id and by their address.
//!
//! Invariant: an address is stored in lower case and belongs to one person.

use super::text;
use crate::{Handle, Row, Unavailable};
use scrip_engine::{Timestamp, UserId};

statements! {
    /// Reads a person by the address.
    BY_ADDRESS = "SELECT id, seal FROM users WHERE email = $1";
    /// Adds a person, unless the id or the address exists.
    NEW = "INSERT INTO users (id, email, created_at, seal) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
    /// Reads people after one, with their addresses.
    AFTER = "SELECT id, email, created_at, seal FROM users WHERE id > $1 ORDER BY id LIMIT $2";
    /// Gives a person another address, unless another person has it.
    READDRESS = "UPDATE users SET email = $2, seal = $3
    WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM users WHERE email = $2)";
    /// Reads a person by the id.
    BY_ID = "SELECT id, email, created_at FROM users WHERE id = $1";
    /// Reads people by the end of their address.
    LIKE = "SELECT id, email, created_at FROM users WHERE email LIKE $1 ORDER BY id";
}

/// A person, as the row of a user has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Identifier of the person.
    pub user: UserId,
    /// Address of the person, in lower case.
    pub email: String,
    /// Instant at which the person was added.
    pub created_at: Timestamp,
}

impl User {
    fn read(row: &Row) -> User {
        User { user: row.user(0), email: row.text_owned(1), created_at: row.instant(2) }
    }
}

/// Returns whether a person has an address.
///
/// # Errors
/// When the store cannot answer.
pub async fn has_address(on: Handle<'_>, email: &str) -> Result<bool, Unavailable> {
    Ok(!on.read(BY_ADDRESS, vec![text(email)]).await?.is_empty())
}

/// Returns the person who has an address.
///
/// # Errors
/// When the store cannot answer, or the row does not carry its seal.
pub async fn by_address(on: Handle<'_>, email: &str) -> Result<Option<UserId>, Unavailable> {
    let rows = on.read(BY_ADDRESS, vec![text(email)]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    match on.store().seals().is_sealed("users", &[row.0[0].clone(), text(email)], row.bytes(1)) {
        true => Ok(Some(row.user(0))),
        false => Err(Unavailable("the row of a person is not what its seal says".to_owned())),
    }
}

/// Adds a person, unless the id or the address exists.
///
/// # Errors
/// When the store cannot write.
pub async fn add(on: Handle<'_>, user: UserId, email: &str, now: Timestamp) -> Result<(), Unavailable> {
    let seal = on.store().seals().seal("users", &[user.into(), text(email)]);
    on.write(NEW, vec![user.into(), text(email), now.micros().into(), seal]).await.map(drop)
}

/// Gives a person another address; returns `false` where another person has it.
///
/// # Errors
/// When the store cannot write.
pub async fn readdress(on: Handle<'_>, user: UserId, email: &str) -> Result<bool, Unavailable> {
    let mut values = vec![user.into(), text(email)];
    values.push(on.store().seals().seal("users", &values));
    Ok(on.write(READDRESS, values).await? > 0)
}

/// A page of people, and the place where the next one begins.
pub struct Page {
    /// People whose rows carry their seals.
    pub users: Vec<User>,
    /// Last id that was read; `None` when there was none.
    pub last: Option<UserId>,
}

/// Returns people after one, in the database's order of their ids, at most `most`; from the first with `None`.
///
/// # Errors
/// When the store cannot answer.
pub async fn after(on: Handle<'_>, last: Option<UserId>, most: i64) -> Result<Page, Unavailable> {
    let after = last.map_or(i64::MIN, UserId::get);
    let rows = on.read(AFTER, vec![after.into(), most.into()]).await?;
    let is_sealed = |row: &&Row| on.store().seals().is_sealed("users", &row.0[..2], row.bytes(3));
    Ok(Page {
        users: rows.iter().filter(is_sealed).map(User::read).collect(),
        last: rows.last().map(|row| row.user(0)),
    })
}

/// Returns a person by the id.
///
/// # Errors
/// When the store cannot answer.
pub async fn by_id(on: Handle<'_>, user: UserId) -> Result<Option<User>, Unavailable> {
    Ok(on.read(BY_ID, vec![user.into()]).await?.first().map(User::read))
}

/// Returns people whose address ends with a domain. A `%` or `_` in it stands for any letter.
///
/// # Errors
/// When the store cannot answer.
pub async fn at_domain(on: Handle<'_>, domain: &str) -> Result<Vec<User>, Unavailable> {
    let like = format!("%@{}", domain.replace(['%', '_'], "_"));
    Ok(on.read(LIKE, vec![text(&like)]).await?.iter().map(User::read).collect())
}
