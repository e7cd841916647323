//! Identities of people at identity providers, by issuer and subject.
//!
//! Invariant: a subject of an identity provider is one person for ever, whatever address it has there.

use super::text;
use crate::{Handle, Row, Unavailable};
use scrip_engine::{Timestamp, UserId};

statements! {
    /// Reads the address of the person that has a subject at an identity provider.
    BY_SUBJECT = "SELECT identities.user_id, users.email, identities.seal, users.seal FROM identities
    JOIN users ON users.id = identities.user_id WHERE identities.issuer = $1 AND identities.subject = $2";
    /// Adds a subject of an identity provider, unless it is known, or the person has another one there.
    NEW = "INSERT INTO identities (issuer, subject, user_id, created_at, seal)
    VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
}

/// Returns the address of the person that has a subject at an identity provider.
///
/// # Errors
/// When the store cannot answer, or the row does not carry its seal: the address alone would let another person in.
pub async fn address_of(on: Handle<'_>, issuer: &str, subject: &str) -> Result<Option<String>, Unavailable> {
    let named = [text(issuer), text(subject)];
    let rows = on.read(BY_SUBJECT, named.to_vec()).await?;
    let seals = on.store().seals();
    let is_sealed = |row: &Row| {
        let columns = [&named[..], &row.0[..1]].concat();
        seals.is_sealed("identities", &columns, row.bytes(2)) && seals.is_sealed("users", &row.0[..2], row.bytes(3))
    };
    match rows.first() {
        None => Ok(None),
        Some(row) if is_sealed(row) => Ok(Some(row.text_owned(1))),
        Some(_) => Err(Unavailable("the row of an identity is not what its seal says".to_owned())),
    }
}

/// Adds a subject of an identity provider, unless it is known, or the person has another one there.
///
/// # Errors
/// When the store cannot write.
pub async fn add(
    on: Handle<'_>,
    (issuer, subject): (&str, &str),
    user: UserId,
    now: Timestamp,
) -> Result<(), Unavailable> {
    let mut values = vec![text(issuer), text(subject), user.into()];
    let seal = on.store().seals().seal("identities", &values);
    values.extend([now.micros().into(), seal]);
    on.write(NEW, values).await.map(drop)
}
