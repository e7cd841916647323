//! Events of Stripe's: hints, so only what they are about is kept, and not what they say.
//!
//! Invariant: an event is kept once by its id, and until it is passed on.

use super::text;
use crate::{Handle, Row, Statement, Unavailable};
use scrip_engine::{Timestamp, WorkspaceId};

statements! {
    /// Adds an event, unless it is known.
    NEW = "INSERT INTO provider_events (id, kind, customer, charge, created_at, received_at, handled_at)
    VALUES ($1, $2, $3, $4, $5, $6, NULL) ON CONFLICT (id) DO NOTHING";
    /// Adds a wish of a workspace that has no customer, unless it is known: in place of an event that would tell of it.
    NEW_WISH = "INSERT INTO provider_events (id, kind, customer, charge, created_at, received_at, handled_at)
    SELECT $1, $2, NULL, NULL, $3, $3, NULL WHERE NOT EXISTS (SELECT 1 FROM customers WHERE workspace = $4)
    ON CONFLICT (id) DO NOTHING";
    /// Events that are not passed on: those that name their customer first, then oldest first.
    WAITING = "SELECT id, kind, customer, charge FROM provider_events WHERE handled_at IS NULL
    ORDER BY customer IS NULL, received_at LIMIT $1";
    /// Marks an event as passed on.
    HANDLED = "UPDATE provider_events SET handled_at = $2 WHERE id = $1";
}

/// An event, as far as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Stripe's id of it.
    pub id: String,
    /// Its kind.
    pub kind: String,
    /// The customer it is about, where it names one.
    pub customer: Option<String>,
    /// The charge it is about, where it names no customer.
    pub charge: Option<String>,
}

impl Event {
    fn read(row: &Row) -> Event {
        Event { id: row.owned(0), kind: row.owned(1), customer: row.maybe_text(2), charge: row.maybe_text(3) }
    }
}

/// Adds an event that was made and received at these instants, unless it is known.
///
/// # Errors
/// When the store cannot write.
pub async fn add(
    on: Handle<'_>,
    event: &Event,
    (created_at, received_at): (Timestamp, Timestamp),
) -> Result<(), Unavailable> {
    let values = vec![
        text(&event.id),
        text(&event.kind),
        event.customer.clone().into(),
        event.charge.clone().into(),
        created_at.micros().into(),
        received_at.micros().into(),
    ];
    on.write(NEW, values).await.map(drop)
}

/// Returns the statement that adds a wish of a workspace with an entry, if the workspace has no customer.
pub fn wish_with_entry(id: &str, kind: &str, at: Timestamp, workspace: WorkspaceId) -> Statement {
    Statement::new(NEW_WISH, vec![text(id), text(kind), at.micros().into(), workspace.into()])
}

/// Returns events that are not passed on, at most so many.
///
/// # Errors
/// When the store cannot answer.
pub async fn waiting(on: Handle<'_>, most: i64) -> Result<Vec<Event>, Unavailable> {
    Ok(on.read(WAITING, vec![most.into()]).await?.iter().map(Event::read).collect())
}

/// Marks an event as passed on.
///
/// # Errors
/// When the store cannot write.
pub async fn mark_handled(on: Handle<'_>, id: &str, now: Timestamp) -> Result<(), Unavailable> {
    on.write(HANDLED, vec![text(id), now.micros().into()]).await.map(drop)
}
