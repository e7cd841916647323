//! Sign-in tokens, each of which signs a person in once.
//!
//! Invariant: only the hash of a token is stored, and of many requests with one token at once only one succeeds.

use super::{bytes, text};
use crate::{Handle, Unavailable};
use scrip_engine::{Timestamp, WorkspaceId};

statements! {
    /// Adds a sign-in token.
    NEW = "INSERT INTO sign_in_tokens (hash, email, workspace, made_by, created_at, expires_at, seal)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";
    /// Reads a token that has not run out.
    FIND = "SELECT email, workspace, made_by, created_at, expires_at, seal FROM sign_in_tokens
    WHERE hash = $1 AND expires_at > $2";
    /// Uses a token up: the request that deletes the row signs in.
    USE = "DELETE FROM sign_in_tokens WHERE hash = $1 AND expires_at > $2";
    /// Deletes some tokens that have run out.
    SWEEP = "DELETE FROM sign_in_tokens WHERE hash IN (
    SELECT hash FROM sign_in_tokens WHERE expires_at <= $1 LIMIT $2)";
    /// Deletes the tokens that would sign the owner of an address in.
    END = "DELETE FROM sign_in_tokens WHERE email = $1";
}

/// A sign-in token that is to be stored.
#[derive(Clone, Debug)]
pub struct NewToken<'a> {
    /// Hash of the token.
    pub hash: [u8; 32],
    /// Address whose owner the token signs in.
    pub email: &'a str,
    /// Only workspace that the token's session will reach.
    pub workspace: Option<WorkspaceId>,
    /// Name of the token's maker, as the journal keeps it.
    pub made_by: &'a str,
    /// Instant at which the token was made.
    pub created_at: Timestamp,
    /// Instant from which the token is invalid.
    pub expires_at: Timestamp,
}

/// Address and workspace of a stored token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Address whose owner the token signs in.
    pub email: String,
    /// Only workspace that the token's session will reach.
    pub workspace: Option<WorkspaceId>,
}

/// Adds a sign-in token with its seal.
///
/// # Errors
/// When the store cannot write.
pub async fn add(on: Handle<'_>, token: &NewToken<'_>) -> Result<(), Unavailable> {
    let mut values = vec![
        bytes(&token.hash),
        text(token.email),
        token.workspace.into(),
        text(token.made_by),
        token.created_at.micros().into(),
        token.expires_at.micros().into(),
    ];
    values.push(on.store().seals().seal("sign_in_tokens", &values));
    on.write(NEW, values).await.map(drop)
}

/// Returns a token that has not run out by now and carries its seal.
///
/// # Errors
/// When the store cannot answer.
pub async fn find(on: Handle<'_>, hash: &[u8; 32], now: Timestamp) -> Result<Option<Token>, Unavailable> {
    let rows = on.read(FIND, vec![bytes(hash), now.micros().into()]).await?;
    let sealed = rows.first().filter(|row| {
        let columns = [&[bytes(hash)], &row.0[..5]].concat();
        on.store().seals().is_sealed("sign_in_tokens", &columns, row.bytes(5))
    });
    Ok(sealed.map(|row| Token { email: row.text_owned(0), workspace: row.maybe_workspace(1) }))
}

/// Uses a token up; returns `false` when it was used before or has run out.
///
/// # Errors
/// When the store cannot write.
pub async fn use_up(on: Handle<'_>, hash: &[u8; 32], now: Timestamp) -> Result<bool, Unavailable> {
    Ok(on.write(USE, vec![bytes(hash), now.micros().into()]).await? == 1)
}

/// Deletes tokens that have run out by now, at most `most`; returns their number.
///
/// # Errors
/// When the store cannot write.
pub async fn sweep(on: Handle<'_>, now: Timestamp, most: i64) -> Result<usize, Unavailable> {
    on.write(SWEEP, vec![now.micros().into(), most.into()]).await
}

/// Deletes the tokens that would sign the owner of an address in.
///
/// # Errors
/// When the store cannot write.
pub async fn end(on: Handle<'_>, email: &str) -> Result<(), Unavailable> {
    on.write(END, vec![text(email)]).await.map(drop)
}
