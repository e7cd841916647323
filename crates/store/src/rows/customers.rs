//! Stripe customers of workspaces. A customer has news when more hints have come than had come when it was last
//! reconciled.
//!
//! Invariant: one process has the lease of a customer at a time, and a row that does not carry its seal belongs to no
//! workspace.

use super::text;
use crate::{Handle, Row, Statement, Unavailable, Value};
use scrip_engine::{Timestamp, WorkspaceId};

statements! {
    /// Reads the Stripe customer of a workspace.
    OF = "SELECT customer, seal FROM customers WHERE workspace = $1";
    /// Adds a customer with a hint, unless the workspace or the customer has another.
    NEW = "INSERT INTO customers (workspace, customer, created_at, hints, reconciled, due_at, attempts, lease_until, seal)
    VALUES ($1, $2, $3, 1, 0, $3, 0, 0, $4) ON CONFLICT DO NOTHING";
    /// Gives a workspace another customer, unless that one is another workspace's already.
    REPLACE = "UPDATE customers SET customer = $3, hints = hints + 1, seal = $4
    WHERE workspace = $1 AND customer = $2 AND NOT EXISTS (SELECT 1 FROM customers WHERE customer = $3)";
    /// Hints at a customer.
    HINT = "UPDATE customers SET hints = hints + 1, due_at = $2,
    attempts = CASE WHEN attempts < 0 THEN 0 ELSE attempts END WHERE customer = $1";
    /// Hints at the customer of a workspace.
    HINT_WORKSPACE = "UPDATE customers SET hints = hints + 1, due_at = $2,
    attempts = CASE WHEN attempts < 0 THEN 0 ELSE attempts END WHERE workspace = $1";
    /// Hints at every customer.
    HINT_ALL = "UPDATE customers SET hints = hints + 1, due_at = $1,
    attempts = CASE WHEN attempts < 0 THEN 0 ELSE attempts END";
    /// Counts the customers that are due by now, leased or not.
    COUNT_DUE = "SELECT COUNT(*) FROM customers WHERE hints > reconciled AND due_at <= $1";
    /// Leases customers that are due by now.
    LEASE = "UPDATE customers SET lease_until = $2, attempts = attempts + 1 WHERE workspace IN (
    SELECT workspace FROM customers WHERE hints > reconciled AND due_at <= $1 AND lease_until <= $1
    ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED)
    RETURNING workspace, customer, hints, attempts, seal";
    /// Leases the customer of a workspace at once, unless another process has the lease.
    LEASE_ONE = "UPDATE customers SET lease_until = $3, hints = hints + 1,
    attempts = CASE WHEN attempts < 0 THEN 1 ELSE attempts + 1 END
    WHERE workspace = $1 AND lease_until <= $2 RETURNING workspace, customer, hints, attempts, seal";
    /// Extends a lease, unless another process has taken it.
    RENEW = "UPDATE customers SET lease_until = $2
    WHERE workspace = $1 AND lease_until = $3 RETURNING workspace";
    /// Marks the customer reconciled up to hint `$2`.
    RECONCILED = "UPDATE customers SET reconciled = $2, lease_until = 0, attempts = 0
    WHERE workspace = $1 AND lease_until = $3 RETURNING workspace";
    /// Marks the customer reconciled up to hint `$2`, and has it probed at `$4` unless a hint comes before: `attempts`
    /// below zero marks the probe.
    PROBE_AT = "UPDATE customers SET reconciled = $2, lease_until = 0,
    hints = CASE WHEN hints > $2 THEN hints ELSE hints + 1 END,
    due_at = CASE WHEN hints > $2 THEN due_at ELSE $4 END,
    attempts = CASE WHEN hints > $2 THEN 0 ELSE -1 END
    WHERE workspace = $1 AND lease_until = $3 RETURNING workspace";
    /// Sets the next attempt at a customer that could not be reconciled to `$2`, or to now when a hint came meanwhile.
    RETRY_AT = "UPDATE customers
    SET due_at = CASE WHEN hints > $4 THEN due_at ELSE $2 END, lease_until = 0
    WHERE workspace = $1 AND lease_until = $3 RETURNING workspace";
    /// Counts the hints at a workspace's customer, and the events that may be about it, that are not reconciled.
    WAITING = "SELECT (SELECT COUNT(*) FROM customers WHERE workspace = $1 AND hints > reconciled AND attempts >= 0)
    + (SELECT COUNT(*) FROM stripe_events WHERE handled_at IS NULL
       AND (customer IS NULL OR customer IN (SELECT customer FROM customers WHERE workspace = $1)))";
}

/// A customer that is leased to this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeasedCustomer {
    /// Workspace that has the customer.
    pub workspace: WorkspaceId,
    /// Identifier of the customer at Stripe.
    pub customer: String,
    /// Number of hints that had come when the lease began.
    pub hints: i64,
    /// Attempt number, starting at 1; 0 is a probe, which no hint has caused.
    pub attempt: i64,
    /// Instant at which the lease ends, in microseconds; it also identifies the lease.
    pub until: i64,
}

impl LeasedCustomer {
    /// Returns whether the lease is a probe for an awaited renewal, which no hint has caused.
    pub fn is_probe(&self) -> bool {
        self.attempt == 0
    }

    /// Reads a leased row that carries its seal; `None` for any other: its customer may be another workspace's.
    fn read_sealed(on: Handle<'_>, row: &Row, until: Timestamp) -> Option<LeasedCustomer> {
        on.store().seals().is_sealed("customers", &row.0[..2], row.bytes(4)).then(|| LeasedCustomer {
            workspace: row.workspace(0),
            customer: row.text_owned(1),
            hints: row.integer(2),
            attempt: row.integer(3),
            until: until.micros(),
        })
    }
}

/// Returns the Stripe customer of a workspace.
///
/// # Errors
/// When the store cannot answer, or the row does not carry its seal.
pub async fn of(on: Handle<'_>, workspace: WorkspaceId) -> Result<Option<String>, Unavailable> {
    let rows = on.read(OF, vec![workspace.into()]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    match on.store().seals().is_sealed("customers", &[workspace.into(), row.0[0].clone()], row.bytes(1)) {
        true => Ok(Some(row.text_owned(0))),
        false => Err(Unavailable(format!("the customer of {workspace} is not what its seal says"))),
    }
}

/// Adds the customer of a workspace with a hint, unless either has another.
///
/// # Errors
/// When the store cannot write.
pub async fn add(on: Handle<'_>, workspace: WorkspaceId, customer: &str, now: Timestamp) -> Result<(), Unavailable> {
    let mut values = vec![workspace.into(), text(customer)];
    let seal = on.store().seals().seal("customers", &values);
    values.extend([now.micros().into(), seal]);
    on.write(NEW, values).await.map(drop)
}

/// Replaces the customer of a workspace, unless the new one is another workspace's.
///
/// # Errors
/// When the store cannot write.
pub async fn replace(on: Handle<'_>, workspace: WorkspaceId, gone: &str, new: &str) -> Result<(), Unavailable> {
    let seal = on.store().seals().seal("customers", &[workspace.into(), text(new)]);
    on.write(REPLACE, vec![workspace.into(), text(gone), text(new), seal]).await.map(drop)
}

/// Returns whether a hint or an event about a workspace's customer is not reconciled.
///
/// # Errors
/// When the store cannot answer.
pub async fn is_waiting(on: Handle<'_>, workspace: WorkspaceId) -> Result<bool, Unavailable> {
    let rows = on.read(WAITING, vec![workspace.into()]).await?;
    Ok(rows.first().is_some_and(|row| row.integer(0) > 0))
}

/// Hints at a customer; `false` when no workspace has it.
///
/// # Errors
/// When the store cannot write.
pub async fn hint(on: Handle<'_>, customer: &str, now: Timestamp) -> Result<bool, Unavailable> {
    Ok(on.write(HINT, vec![text(customer), now.micros().into()]).await? > 0)
}

/// Hints at the customer of a workspace; `false` when it has none.
///
/// # Errors
/// When the store cannot write.
pub async fn hint_workspace(on: Handle<'_>, workspace: WorkspaceId, now: Timestamp) -> Result<bool, Unavailable> {
    Ok(on.write(HINT_WORKSPACE, vec![workspace.into(), now.micros().into()]).await? > 0)
}

/// Returns the statement that hints at the customer of a workspace with an entry, due at once.
pub fn hint_with_entry(workspace: WorkspaceId) -> Statement {
    Statement::new(HINT_WORKSPACE, vec![workspace.into(), 0.into()])
}

/// Hints at every customer; returns their number.
///
/// # Errors
/// When the store cannot write.
pub async fn hint_all(on: Handle<'_>, now: Timestamp) -> Result<usize, Unavailable> {
    on.write(HINT_ALL, vec![now.micros().into()]).await
}

/// Counts the customers that are due by now, leased or not.
///
/// # Errors
/// When the store cannot answer.
pub async fn count_due(on: Handle<'_>, now: Timestamp) -> Result<u64, Unavailable> {
    let rows = on.read(COUNT_DUE, vec![now.micros().into()]).await?;
    Ok(rows.first().map_or(0, |row| row.integer(0).unsigned_abs()))
}

/// Leases customers that are due by now until an instant, at most `most`.
///
/// # Errors
/// When the store cannot write.
pub async fn lease(
    on: Handle<'_>,
    now: Timestamp,
    until: Timestamp,
    most: i64,
) -> Result<Vec<LeasedCustomer>, Unavailable> {
    let rows = on.take(LEASE, vec![now.micros().into(), until.micros().into(), most.into()]).await?;
    Ok(rows.iter().filter_map(|row| LeasedCustomer::read_sealed(on, row, until)).collect())
}

/// Leases the customer of a workspace until an instant; `None` when it has none, or another process has the lease.
///
/// # Errors
/// When the store cannot write.
pub async fn lease_one(
    on: Handle<'_>,
    workspace: WorkspaceId,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<LeasedCustomer>, Unavailable> {
    let rows = on.take(LEASE_ONE, vec![workspace.into(), now.micros().into(), until.micros().into()]).await?;
    Ok(rows.first().and_then(|row| LeasedCustomer::read_sealed(on, row, until)))
}

/// Extends a lease to an instant, which identifies it from then on; `false` when another process has taken it.
///
/// # Errors
/// When the store cannot write.
pub async fn renew(on: Handle<'_>, leased: &mut LeasedCustomer, until: Timestamp) -> Result<bool, Unavailable> {
    let values = vec![leased.workspace.into(), until.micros().into(), leased.until.into()];
    let is_kept = !on.take(RENEW, values).await?.is_empty();
    leased.until = until.micros();
    Ok(is_kept)
}

/// Marks a leased customer as reconciled up to its hints.
///
/// # Errors
/// When the store cannot write.
pub async fn mark_reconciled(on: Handle<'_>, leased: &LeasedCustomer) -> Result<(), Unavailable> {
    on.take(RECONCILED, vec![leased.workspace.into(), leased.hints.into(), leased.until.into()]).await.map(drop)
}

/// Marks a leased customer as reconciled and has it probed at an instant, unless a hint comes before.
///
/// # Errors
/// When the store cannot write.
pub async fn probe_at(on: Handle<'_>, leased: &LeasedCustomer, due: Timestamp) -> Result<(), Unavailable> {
    let values: Vec<Value> =
        vec![leased.workspace.into(), leased.hints.into(), leased.until.into(), due.micros().into()];
    on.take(PROBE_AT, values).await.map(drop)
}

/// Sets the next attempt at a leased customer to an instant, or to now when a hint came meanwhile.
///
/// # Errors
/// When the store cannot write.
pub async fn retry_at(on: Handle<'_>, leased: &LeasedCustomer, due: Timestamp) -> Result<(), Unavailable> {
    let values: Vec<Value> =
        vec![leased.workspace.into(), due.micros().into(), leased.until.into(), leased.hints.into()];
    on.take(RETRY_AT, values).await.map(drop)
}
