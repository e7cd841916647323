//! Test clocks, which test workspaces may stand on.
//!
//! Invariant: a clock only moves forward; [`crate::Store::set_clock`] moves it.

use crate::{Handle, Row, Unavailable};
use scrip_engine::Timestamp;

statements! {
    /// Reads a test clock by its number.
    BY_ID = "SELECT name, now FROM test_clocks WHERE id = $1";
    /// Reads all test clocks, by number.
    ALL_CLOCKS = "SELECT id, name, now FROM test_clocks ORDER BY id";
}

/// A test clock, as its row has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestClock {
    /// Number of the clock.
    pub id: i64,
    /// Name of the clock, which may be empty.
    pub name: String,
    /// Present instant of the clock.
    pub now: Timestamp,
}

/// Returns every test clock, by number.
///
/// # Errors
/// When the store cannot answer.
pub async fn all(on: Handle<'_>) -> Result<Vec<TestClock>, Unavailable> {
    let rows = on.read(ALL_CLOCKS, Vec::new()).await?;
    let read = |row: &Row| TestClock { id: row.integer(0), name: row.text_owned(1), now: row.instant(2) };
    Ok(rows.iter().map(read).collect())
}

/// Returns a test clock by its number.
///
/// # Errors
/// When the store cannot answer.
pub async fn by_id(on: Handle<'_>, id: i64) -> Result<Option<TestClock>, Unavailable> {
    let rows = on.read(BY_ID, vec![id.into()]).await?;
    Ok(rows.first().map(|row| TestClock { id, name: row.text_owned(0), now: row.instant(1) }))
}
