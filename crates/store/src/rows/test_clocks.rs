//! Clocks of test mode.
//!
//! Invariant: a clock only moves forward; [`crate::Store::set_clock`] moves it.

use crate::{Handle, Row, Unavailable};
use scrip_engine::Timestamp;

statements! {
    /// A test clock.
    BY_ID = "SELECT name, now FROM test_clocks WHERE id = $1";
    /// All test clocks.
    ALL_CLOCKS = "SELECT id, name, now FROM test_clocks ORDER BY id";
}

/// A test clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestClock {
    /// Its number.
    pub id: i64,
    /// Its name, which may be empty.
    pub name: String,
    /// The instant at which it stands.
    pub now: Timestamp,
}

/// Returns every test clock, by number.
///
/// # Errors
/// When the store cannot answer.
pub async fn all(on: Handle<'_>) -> Result<Vec<TestClock>, Unavailable> {
    let rows = on.read(ALL_CLOCKS, Vec::new()).await?;
    let read = |row: &Row| TestClock { id: row.integer(0), name: row.owned(1), now: row.instant(2) };
    Ok(rows.iter().map(read).collect())
}

/// Returns a test clock by its number.
///
/// # Errors
/// When the store cannot answer.
pub async fn by_id(on: Handle<'_>, id: i64) -> Result<Option<TestClock>, Unavailable> {
    let rows = on.read(BY_ID, vec![id.into()]).await?;
    Ok(rows.first().map(|row| TestClock { id, name: row.owned(0), now: row.instant(1) }))
}
