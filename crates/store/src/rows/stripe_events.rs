//! Stripe's events, which are hints: only the objects that they are about are stored, not their content.
//!
//! Invariant: an event is stored once by its id, and until it is passed on.

use super::text;
use crate::{Handle, Row, Statement, Unavailable};
use scrip_engine::{Timestamp, WorkspaceId};

statements! {
    /// Adds an event, unless it is known.
    NEW = "INSERT INTO stripe_events (id, kind, customer, charge, created_at, received_at, handled_at)
    VALUES ($1, $2, $3, $4, $5, $6, NULL) ON CONFLICT (id) DO NOTHING";
    /// Adds the wish of a workspace without a Stripe customer, unless it is known: it takes the place of an event of
    /// Stripe's.
    NEW_WISH = "INSERT INTO stripe_events (id, kind, customer, charge, created_at, received_at, handled_at)
    SELECT $1, $2, NULL, NULL, $3, $3, NULL WHERE NOT EXISTS (SELECT 1 FROM customers WHERE workspace = $4)
    ON CONFLICT (id) DO NOTHING";
    /// Reads events that are not passed on: first those that name their customer, then by age, oldest first.
    WAITING = "SELECT id, kind, customer, charge FROM stripe_events WHERE handled_at IS NULL
    ORDER BY customer IS NULL, received_at LIMIT $1";
    /// Counts the events that are not passed on.
    COUNT_WAITING = "SELECT COUNT(*) FROM stripe_events WHERE handled_at IS NULL";
    /// Marks an event as passed on.
    HANDLED = "UPDATE stripe_events SET handled_at = $2 WHERE id = $1";
}

/// The stored part of one of Stripe's events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Identifier of the event at Stripe.
    pub id: String,
    /// Kind of the event, as Stripe names it.
    pub kind: String,
    /// Customer that the event is about, where it names one.
    pub customer: Option<String>,
    /// Charge that the event is about, where it names no customer.
    pub charge: Option<String>,
}

impl Event {
    fn read(row: &Row) -> Event {
        Event { id: row.text_owned(0), kind: row.text_owned(1), customer: row.maybe_text(2), charge: row.maybe_text(3) }
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

/// Returns events that are not passed on, at most `most`.
///
/// # Errors
/// When the store cannot answer.
pub async fn waiting(on: Handle<'_>, most: i64) -> Result<Vec<Event>, Unavailable> {
    Ok(on.read(WAITING, vec![most.into()]).await?.iter().map(Event::read).collect())
}

/// Counts the events that are not passed on.
///
/// # Errors
/// When the store cannot answer.
pub async fn count_waiting(on: Handle<'_>) -> Result<u64, Unavailable> {
    let rows = on.read(COUNT_WAITING, Vec::new()).await?;
    Ok(rows.first().map_or(0, |row| row.integer(0).unsigned_abs()))
}

/// Marks an event as passed on.
///
/// # Errors
/// When the store cannot write.
pub async fn mark_handled(on: Handle<'_>, id: &str, now: Timestamp) -> Result<(), Unavailable> {
    on.write(HANDLED, vec![text(id), now.micros().into()]).await.map(drop)
}
