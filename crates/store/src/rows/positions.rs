//! Positions up to which the projections of the embedded database are folded. On PostgreSQL rows are written with their
//! entries.
//!
//! Invariant: these functions only read; the projector writes the rows.

use crate::{Handle, Unavailable};

statements! {
    /// Reads the position up to which everything is folded.
    PROJECTED = "SELECT position FROM positions WHERE name = 'views'";
    /// Reads the names of rows that no projector writes.
    OTHERS = "SELECT name FROM positions WHERE name NOT IN ('views', 'index')";
}

/// Returns the position of the last entry of the journal that the projector has folded into rows; `None` before the
/// first one.
///
/// # Errors
/// When the store cannot answer.
pub async fn fold_position(on: Handle<'_>) -> Result<Option<i64>, Unavailable> {
    if on.store().is_shared() {
        return Ok(None);
    }
    Ok(on.read(PROJECTED, Vec::new()).await?.first().map(|row| row.integer(0)))
}

/// Returns the names of rows that no projector writes.
///
/// # Errors
/// When the store cannot answer.
pub async fn others(on: Handle<'_>) -> Result<Vec<String>, Unavailable> {
    if on.store().is_shared() {
        return Ok(Vec::new());
    }
    Ok(on.read(OTHERS, Vec::new()).await?.iter().map(|row| row.text_owned(0)).collect())
}
