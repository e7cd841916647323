//! Settings of a deployment: values by name.
//!
//! Invariant: a value that does not carry its seal is ignored.

use super::text;
use crate::{Handle, Unavailable, queries};

statements! {
    /// Adds a setting that does not exist yet.
    NEW = "INSERT INTO settings (name, value, seal) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
}

/// Returns the value of a setting; `None` where it does not exist or does not carry its seal.
///
/// # Errors
/// When the store cannot answer.
pub async fn value(on: Handle<'_>, name: &str) -> Result<Option<Vec<u8>>, Unavailable> {
    let rows = on.read(queries::SETTING, vec![text(name)]).await?;
    Ok(rows.first().and_then(|row| on.store().seals().read_setting(name, row)))
}

/// Returns whether a setting exists, sealed or not.
///
/// # Errors
/// When the store cannot answer.
pub async fn has(on: Handle<'_>, name: &str) -> Result<bool, Unavailable> {
    Ok(!on.read(queries::SETTING, vec![text(name)]).await?.is_empty())
}

/// Writes a setting, in place of its former value.
///
/// # Errors
/// When the store cannot write.
pub async fn keep(on: Handle<'_>, name: &str, value: Vec<u8>) -> Result<(), Unavailable> {
    on.write(queries::KEEP_SETTING, on.store().seals().setting(name, value)).await.map(drop)
}

/// Adds a setting, unless it exists.
///
/// # Errors
/// When the store cannot write.
pub async fn add(on: Handle<'_>, name: &str, value: Vec<u8>) -> Result<(), Unavailable> {
    on.write(NEW, on.store().seals().setting(name, value)).await.map(drop)
}
