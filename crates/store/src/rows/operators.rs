//! Keys of operators, and the units that each has granted of its daily limit.
//!
//! Invariant: a key that does not carry its seal is no key, and a count that does not carry its seal allows no grant.

use super::{bytes, text};
use crate::{Handle, Row, Unavailable, Value};
use scrip_engine::Timestamp;

statements! {
    /// Reads operator keys, oldest first.
    KEYS = "SELECT hash, name, last4, created_at, scopes, grants_per_day, expires_at, revoked_at, last_used_at, seal
    FROM operator_keys ORDER BY created_at, hash";
    /// Adds an operator key, unless a valid one has its name.
    NEW = "INSERT INTO operator_keys (hash, name, last4, created_at, scopes, grants_per_day, expires_at, seal)
    SELECT $1, $2, $3, $4, $5, $6, $7, $8 WHERE NOT EXISTS (SELECT 1 FROM operator_keys
    WHERE name = $2 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $4))";
    /// Revokes an operator key.
    REVOKE = "UPDATE operator_keys SET revoked_at = $1, seal = $3
    WHERE hash = $2 AND revoked_at IS NULL";
    /// Records the instant of an operator key's use.
    USED = "UPDATE operator_keys SET last_used_at = $1 WHERE hash = $2";
    /// Begins the count of the units that an operator key grants in a day.
    NEW_GRANT = "INSERT INTO operator_grants (hash, day, amount, seal) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
    /// Reads the units that an operator key granted on the last day on which it granted any.
    GRANT = "SELECT day, amount, seal FROM operator_grants WHERE hash = $1";
    /// Sets the day and the units, unless they differ from `$5` and `$6` by now.
    SET_GRANT = "UPDATE operator_grants SET day = $2, amount = $3, seal = $4
    WHERE hash = $1 AND day = $5 AND amount = $6";
}

/// An operator key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// SHA-256 of the secret.
    pub hash: [u8; 32],
    /// Name of the key in lists.
    pub name: String,
    /// Last four letters of the secret.
    pub last4: String,
    /// Instant at which the key was made.
    pub created_at: Timestamp,
    /// Names of the key's scopes, separated by blanks.
    pub scopes: String,
    /// Number of units that the key may grant in a day of UTC; `None` without a limit.
    pub grants_per_day: Option<i64>,
    /// Instant from which the key is invalid; `None` without an end.
    pub expires_at: Option<Timestamp>,
    /// Instant at which the key was revoked.
    pub revoked_at: Option<Timestamp>,
    /// Instant of the last use, to a minute.
    pub last_used_at: Option<Timestamp>,
}

impl Key {
    fn read(row: &Row) -> Option<Key> {
        Some(Key {
            hash: row.bytes(0).try_into().ok()?,
            name: row.text_owned(1),
            last4: row.text_owned(2),
            created_at: row.instant(3),
            scopes: row.text_owned(4),
            grants_per_day: row.maybe_integer(5),
            expires_at: row.maybe_instant(6),
            revoked_at: row.maybe_instant(7),
            last_used_at: row.maybe_instant(8),
        })
    }

    /// Returns the columns that the key's seal is over.
    fn columns(&self) -> Vec<Value> {
        vec![
            bytes(&self.hash),
            text(&self.name),
            text(&self.last4),
            self.created_at.micros().into(),
            text(&self.scopes),
            self.grants_per_day.into(),
            self.expires_at.map(Timestamp::micros).into(),
            self.revoked_at.map(Timestamp::micros).into(),
        ]
    }
}

/// Units that a key granted on a day, counted in days since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayGrants {
    /// Last day on which the key granted units.
    pub day: i64,
    /// Number of units on that day.
    pub amount: i64,
}

/// Returns the keys that carry their seals, oldest first.
///
/// # Errors
/// When the store cannot answer.
pub async fn keys(on: Handle<'_>) -> Result<Vec<Key>, Unavailable> {
    let rows = on.read(KEYS, Vec::new()).await?;
    let is_sealed = |row: &&Row| on.store().seals().is_sealed("operator_keys", &row.0[..8], row.bytes(9));
    Ok(rows.iter().filter(is_sealed).filter_map(Key::read).collect())
}

/// Adds a key that is not revoked; returns `false` where a valid one has its name.
///
/// # Errors
/// When the store cannot write.
pub async fn add(on: Handle<'_>, key: &Key) -> Result<bool, Unavailable> {
    let mut values = Key { revoked_at: None, ..key.clone() }.columns();
    let seal = on.store().seals().seal("operator_keys", &values);
    // A new row has no column for the instant of revocation: its seal comes in that place.
    values[7] = seal;
    Ok(on.write(NEW, values).await? == 1)
}

/// Revokes a key at an instant, unless it is revoked.
///
/// # Errors
/// When the store cannot write.
pub async fn revoke(on: Handle<'_>, key: &Key, now: Timestamp) -> Result<(), Unavailable> {
    let columns = Key { revoked_at: Some(now), ..key.clone() }.columns();
    let seal = on.store().seals().seal("operator_keys", &columns);
    on.write(REVOKE, vec![now.micros().into(), bytes(&key.hash), seal]).await.map(drop)
}

/// Records that a key was used at an instant.
///
/// # Errors
/// When the store cannot write.
pub async fn mark_used(on: Handle<'_>, hash: &[u8; 32], now: Timestamp) -> Result<(), Unavailable> {
    on.write(USED, vec![now.micros().into(), bytes(hash)]).await.map(drop)
}

/// Begins the count of the units that a key grants in a day, at zero.
///
/// # Errors
/// When the store cannot write.
pub async fn begin_counting(on: Handle<'_>, hash: &[u8; 32]) -> Result<(), Unavailable> {
    let mut values = vec![bytes(hash), 0.into(), 0.into()];
    values.push(on.store().seals().seal("operator_grants", &values));
    on.write(NEW_GRANT, values).await.map(drop)
}

/// Returns the units that a key granted on the last day on which it granted any.
///
/// # Errors
/// When the store cannot answer, or the count is missing or does not carry its seal.
pub async fn grants_of_day(on: Handle<'_>, hash: &[u8; 32]) -> Result<DayGrants, Unavailable> {
    let rows = on.read(GRANT, vec![bytes(hash)]).await?;
    let sealed = rows.first().filter(|row| {
        let columns = [&[bytes(hash)], &row.0[..2]].concat();
        on.store().seals().is_sealed("operator_grants", &columns, row.bytes(2))
    });
    sealed
        .map(|row| DayGrants { day: row.integer(0), amount: row.integer(1) })
        .ok_or_else(|| Unavailable("the row of an operator key's grants of today is missing or not sealed".to_owned()))
}

/// Sets the units that a key granted; returns `false` where the row has changed since it was read.
///
/// # Errors
/// When the store cannot write.
pub async fn set_grants_of_day(
    on: Handle<'_>,
    hash: &[u8; 32],
    before: DayGrants,
    after: DayGrants,
) -> Result<bool, Unavailable> {
    let mut values = vec![bytes(hash), after.day.into(), after.amount.into()];
    let seal = on.store().seals().seal("operator_grants", &values);
    values.extend([seal, before.day.into(), before.amount.into()]);
    Ok(on.write(SET_GRANT, values).await? == 1)
}
