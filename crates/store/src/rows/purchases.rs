//! Purchases, written before Stripe is called, with the values that its idempotency keys are made from.
//!
//! Invariant: a row that does not carry its seal is ignored, since its checkout session might be another workspace's.

use super::text;
use crate::{Handle, Row, Unavailable, Value};
use scrip_engine::{Timestamp, WorkspaceId};

statements! {
    /// Adds a purchase, unless there is one with its id.
    NEW = "INSERT INTO purchases
    (id, workspace, what, catalog, amount, currency, session, url, created_at, expires_at, seal)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING";
    /// Reads purchases of a workspace that are not closed and run out after `$2`, newest first.
    OPEN = "SELECT id, workspace, what, catalog, amount, currency, session, url,
    created_at, expires_at, seal FROM purchases WHERE workspace = $1 AND closed_at IS NULL AND expires_at > $2 ORDER BY created_at DESC, id";
    /// Reads a purchase by its id, closed or not.
    BY_ID = "SELECT id, workspace, what, catalog, amount, currency, session, url, created_at, expires_at, seal
    FROM purchases WHERE id = $1";
    /// Gives a purchase its checkout session, unless it was closed meanwhile or has another.
    OFFER = "UPDATE purchases SET session = $2, url = $3, seal = $4
    WHERE id = $1 AND closed_at IS NULL AND (session IS NULL OR session = $2)";
    /// Closes a purchase, paid or not, unless it has another checkout session meanwhile.
    CLOSE = "UPDATE purchases SET closed_at = $2 WHERE id = $1 AND closed_at IS NULL AND COALESCE(session, '') = $3";
    /// Closes the purchase of a checkout session.
    CLOSE_SESSION = "UPDATE purchases SET closed_at = $2 WHERE session = $1 AND closed_at IS NULL";
}

/// A purchase that a person decided on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purchase {
    /// Identifier of the purchase.
    pub id: String,
    /// Identifier of the workspace that pays.
    pub workspace: WorkspaceId,
    /// Name of the purchased plan or pack, in the form that Stripe's idempotency key is made from.
    pub what: String,
    /// Number of the catalog version of its price.
    pub catalog: i64,
    /// Price, in the smallest unit of the currency.
    pub amount: i64,
    /// Currency of the price.
    pub currency: String,
    /// Identifier of the checkout session, once there is one.
    pub session: Option<String>,
    /// Address of the checkout session.
    pub url: Option<String>,
    /// Instant at which the purchase was decided on.
    pub created_at: Timestamp,
    /// Instant from which it cannot be paid.
    pub expires_at: Timestamp,
}

impl Purchase {
    fn read_sealed(on: Handle<'_>, row: &Row) -> Option<Purchase> {
        on.store().seals().is_sealed("purchases", &row.0[..8], row.bytes(10)).then(|| Purchase {
            id: row.text_owned(0),
            workspace: row.workspace(1),
            what: row.text_owned(2),
            catalog: row.integer(3),
            amount: row.integer(4),
            currency: row.text_owned(5),
            session: row.maybe_text(6),
            url: row.maybe_text(7),
            created_at: row.instant(8),
            expires_at: row.instant(9),
        })
    }

    /// Returns the columns that its seal is over.
    fn columns(&self) -> Vec<Value> {
        vec![
            text(&self.id),
            self.workspace.into(),
            text(&self.what),
            self.catalog.into(),
            self.amount.into(),
            text(&self.currency),
            self.session.clone().into(),
            self.url.clone().into(),
        ]
    }
}

/// Adds a purchase, unless there is one of its id or an open one for a plan.
///
/// # Errors
/// When the store cannot write.
pub async fn add(on: Handle<'_>, purchase: &Purchase) -> Result<(), Unavailable> {
    let mut values = purchase.columns();
    let seal = on.store().seals().seal("purchases", &values);
    values.extend([purchase.created_at.micros().into(), purchase.expires_at.micros().into(), seal]);
    on.write(NEW, values).await.map(drop)
}

/// Returns the purchases of a workspace that are not closed, newest first.
///
/// # Errors
/// When the store cannot answer.
pub async fn open(on: Handle<'_>, workspace: WorkspaceId) -> Result<Vec<Purchase>, Unavailable> {
    let rows = on.read(OPEN, vec![workspace.into(), 0.into()]).await?;
    Ok(rows.iter().filter_map(|row| Purchase::read_sealed(on, row)).collect())
}

/// Returns the checkout sessions of a workspace's purchases that are not closed, whether or not their rows carry their
/// seals: to close a session that is over is harmless.
///
/// # Errors
/// When the store cannot answer.
pub async fn open_sessions(on: Handle<'_>, workspace: WorkspaceId) -> Result<Vec<String>, Unavailable> {
    let rows = on.read(OPEN, vec![workspace.into(), 0.into()]).await?;
    Ok(rows.iter().filter_map(|row| row.maybe_text(6)).collect())
}

/// Returns a purchase by its id, closed or not.
///
/// # Errors
/// When the store cannot answer.
pub async fn by_id(on: Handle<'_>, id: &str) -> Result<Option<Purchase>, Unavailable> {
    let rows = on.read(BY_ID, vec![text(id)]).await?;
    Ok(rows.first().and_then(|row| Purchase::read_sealed(on, row)))
}

/// Gives a purchase its checkout session; `false` where it was closed meanwhile or has another.
///
/// # Errors
/// When the store cannot write.
pub async fn offer(on: Handle<'_>, purchase: &Purchase, session: &str, url: &str) -> Result<bool, Unavailable> {
    let offered = Purchase { session: Some(session.to_owned()), url: Some(url.to_owned()), ..purchase.clone() };
    let seal = on.store().seals().seal("purchases", &offered.columns());
    Ok(on.write(OFFER, vec![text(&purchase.id), text(session), text(url), seal]).await? > 0)
}

/// Closes a purchase, paid or not, unless it has another checkout session meanwhile.
///
/// # Errors
/// When the store cannot write.
pub async fn close(on: Handle<'_>, purchase: &Purchase, now: Timestamp) -> Result<(), Unavailable> {
    let session = purchase.session.as_deref().unwrap_or_default();
    on.write(CLOSE, vec![text(&purchase.id), now.micros().into(), text(session)]).await.map(drop)
}

/// Closes the purchase of a checkout session.
///
/// # Errors
/// When the store cannot write.
pub async fn close_session(on: Handle<'_>, session: &str, now: Timestamp) -> Result<(), Unavailable> {
    on.write(CLOSE_SESSION, vec![text(session), now.micros().into()]).await.map(drop)
}
