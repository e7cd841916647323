//! Mails that are to be sent, and the result of each.
//!
//! Invariant: no row contains a link, token or key: links are made when a mail is sent.

use super::text;
use crate::{Handle, NewMail, Row, Unavailable, queries};
use scrip_engine::Timestamp;

statements! {
    /// Reads one mail that is due by now.
    DUE = "SELECT id FROM mails
    WHERE due_at <= $1 AND lease_until <= $1 AND sent_at IS NULL AND failed IS NULL LIMIT 1";
    /// Counts the mails that are due by now, leased or not.
    COUNT_DUE = "SELECT COUNT(*) FROM mails WHERE due_at <= $1 AND sent_at IS NULL AND failed IS NULL";
    /// Leases mails that are due by now. An attempt counts when it begins.
    LEASE = "UPDATE mails SET lease_until = $2, attempts = attempts + 1 WHERE id IN (
    SELECT id FROM mails WHERE due_at <= $1 AND lease_until <= $1 AND sent_at IS NULL AND failed IS NULL
    ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED)
    RETURNING id, kind, recipient, data, attempts, seal";
    /// Marks a mail as sent, whichever process has sent it: a sent mail has no lease.
    SENT =
    "UPDATE mails SET sent_at = $2, lease_until = 0, failed = NULL WHERE id = $1 AND sent_at IS NULL RETURNING id";
    /// Postpones a mail that was not sent in this attempt.
    LATER = "UPDATE mails SET due_at = $3, lease_until = 0
    WHERE id = $1 AND attempts = $2 AND sent_at IS NULL RETURNING id";
    /// Gives up a mail that was not sent in this attempt.
    FAILED = "UPDATE mails SET failed = $3, lease_until = 0
    WHERE id = $1 AND attempts = $2 AND sent_at IS NULL RETURNING id";
}

/// A mail that is leased to this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeasedMail {
    /// Identifier of the mail.
    pub id: String,
    /// Kind of the mail, by which its text is chosen.
    pub kind: String,
    /// Address of the recipient.
    pub recipient: String,
    /// Values of its text, as JSON.
    pub data: String,
    /// Attempt number, starting at 1.
    pub attempt: i64,
    /// `true` when the row carries its seal: a mail to another address could sign its reader in.
    pub is_sealed: bool,
}

impl LeasedMail {
    fn read(on: Handle<'_>, row: &Row) -> LeasedMail {
        let [id, kind, recipient, data] = [0, 1, 2, 3].map(|column| row.text_owned(column));
        let is_sealed = on.store().seals().is_sealed("mails", &row.0[..4], row.bytes(5));
        LeasedMail { id, kind, recipient, data, attempt: row.integer(4), is_sealed }
    }
}

/// Adds a mail that is due at once, unless there is one of its id.
///
/// # Errors
/// When the store cannot write.
pub async fn add(on: Handle<'_>, mail: &NewMail, now: Timestamp) -> Result<(), Unavailable> {
    on.write(queries::NEW_MAIL, mail.values(now, on.store().seals())).await.map(drop)
}

/// Returns whether a mail is due by now.
///
/// # Errors
/// When the store cannot answer.
pub async fn is_any_due(on: Handle<'_>, now: Timestamp) -> Result<bool, Unavailable> {
    Ok(!on.read(DUE, vec![now.micros().into()]).await?.is_empty())
}

/// Counts the mails that are due by now, leased or not.
///
/// # Errors
/// When the store cannot answer.
pub async fn count_due(on: Handle<'_>, now: Timestamp) -> Result<u64, Unavailable> {
    let rows = on.read(COUNT_DUE, vec![now.micros().into()]).await?;
    Ok(rows.first().map_or(0, |row| row.integer(0).unsigned_abs()))
}

/// Leases mails that are due by now until an instant, at most `most`.
///
/// # Errors
/// When the store cannot write.
pub async fn lease(
    on: Handle<'_>,
    now: Timestamp,
    until: Timestamp,
    most: i64,
) -> Result<Vec<LeasedMail>, Unavailable> {
    let rows = on.take(LEASE, vec![now.micros().into(), until.micros().into(), most.into()]).await?;
    Ok(rows.iter().map(|row| LeasedMail::read(on, row)).collect())
}

/// Marks a mail as sent, whichever process has its lease by now: a mail that was sent is not sent again. Returns
/// `false` when it was marked before.
///
/// # Errors
/// When the store cannot write.
pub async fn mark_sent(on: Handle<'_>, id: &str, now: Timestamp) -> Result<bool, Unavailable> {
    Ok(!on.take(SENT, vec![text(id), now.micros().into()]).await?.is_empty())
}

/// Postpones a mail to an instant, if it was not sent and this attempt is the last one.
///
/// # Errors
/// When the store cannot write.
pub async fn put_off(on: Handle<'_>, id: &str, attempt: i64, until: Timestamp) -> Result<bool, Unavailable> {
    Ok(!on.take(LATER, vec![text(id), attempt.into(), until.micros().into()]).await?.is_empty())
}

/// Gives up a mail with the cause, if it was not sent and this attempt is the last one.
///
/// # Errors
/// When the store cannot write.
pub async fn give_up(on: Handle<'_>, id: &str, attempt: i64, cause: &str) -> Result<bool, Unavailable> {
    Ok(!on.take(FAILED, vec![text(id), attempt.into(), text(cause)]).await?.is_empty())
}
