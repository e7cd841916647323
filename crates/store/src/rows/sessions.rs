//! Sessions of people who are signed in.
//!
//! Invariant: only the hash of a session is stored, and the session ends when its row is deleted.

use super::bytes;
use crate::{Handle, Unavailable, Value};
use scrip_engine::{Timestamp, UserId, WorkspaceId};

statements! {
    /// Adds a session of a person.
    NEW = "INSERT INTO sessions (hash, user_id, workspace, created_at, seen_at, expires_at, seal)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";
    /// Reads a session that has neither run out by an instant nor been idle since another.
    FIND = "SELECT sessions.user_id, users.email, sessions.workspace, sessions.seen_at, sessions.expires_at,
    sessions.created_at, sessions.seal, users.seal FROM sessions JOIN users ON users.id = sessions.user_id
    WHERE sessions.hash = $1 AND sessions.expires_at > $2 AND sessions.seen_at > $3
    AND NOT EXISTS (SELECT 1 FROM blocks WHERE blocks.user_id = sessions.user_id)";
    /// Records that a session was used at an instant, unless a use after another instant is recorded.
    SEEN = "UPDATE sessions SET seen_at = $2, seal = $4 WHERE hash = $1 AND seen_at <= $3";
    /// Ends a session by its hash.
    END = "DELETE FROM sessions WHERE hash = $1";
    /// Ends every session of a person.
    END_ALL = "DELETE FROM sessions WHERE user_id = $1";
    /// Ends the sessions of a person that reach one workspace.
    END_ALL_OF = "DELETE FROM sessions WHERE user_id = $1 AND workspace = $2";
    /// Deletes some sessions that have run out by an instant, or were idle since another.
    SWEEP = "DELETE FROM sessions WHERE hash IN (
    SELECT hash FROM sessions WHERE expires_at <= $1 OR seen_at <= $2 LIMIT $3)";
}

/// A session, as its row has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Hash of the session's secret.
    pub hash: [u8; 32],
    /// Person who is signed in.
    pub user: UserId,
    /// Only workspace that the session reaches; `None` when it reaches all of the person's.
    pub workspace: Option<WorkspaceId>,
    /// Instant at which the session was opened.
    pub created_at: Timestamp,
    /// Instant of the last recorded use.
    pub seen_at: Timestamp,
    /// Instant at which the session ends, whatever its use.
    pub expires_at: Timestamp,
}

impl Session {
    /// Returns the columns that its seal is over.
    fn columns(&self) -> Vec<Value> {
        let [created_at, seen_at, expires_at] = [self.created_at, self.seen_at, self.expires_at].map(Timestamp::micros);
        vec![
            bytes(&self.hash),
            self.user.into(),
            self.workspace.into(),
            created_at.into(),
            seen_at.into(),
            expires_at.into(),
        ]
    }
}

/// Adds a session with its seal.
///
/// # Errors
/// When the store cannot write.
pub async fn add(on: Handle<'_>, session: &Session) -> Result<(), Unavailable> {
    let mut values = session.columns();
    values.push(on.store().seals().seal("sessions", &values));
    on.write(NEW, values).await.map(drop)
}

/// Returns a session with the address of its person, if it has not run out by now, was used after an instant in
/// microseconds, and its row and the person's carry their seals. `None` for the session of a blocked person.
///
/// # Errors
/// When the store cannot answer.
pub async fn find(
    on: Handle<'_>,
    hash: &[u8; 32],
    now: Timestamp,
    idle_since: i64,
) -> Result<Option<(Session, String)>, Unavailable> {
    let rows = on.read(FIND, vec![bytes(hash), now.micros().into(), idle_since.into()]).await?;
    let found = rows.first().map(|row| {
        let session = Session {
            hash: *hash,
            user: row.user(0),
            workspace: row.maybe_workspace(2),
            created_at: row.instant(5),
            seen_at: row.instant(3),
            expires_at: row.instant(4),
        };
        (row, session)
    });
    let seals = on.store().seals();
    let sealed = found.filter(|(row, session)| {
        seals.is_sealed("sessions", &session.columns(), row.bytes(6))
            && seals.is_sealed("users", &row.0[..2], row.bytes(7))
    });
    Ok(sealed.map(|(row, session)| (session, row.text_owned(1))))
}

/// Records that a session was used at an instant, unless a use after another instant, in microseconds, is recorded.
///
/// # Errors
/// When the store cannot write.
pub async fn mark_seen(on: Handle<'_>, session: Session, now: Timestamp, before: i64) -> Result<(), Unavailable> {
    let session = Session { seen_at: now, ..session };
    let seal = on.store().seals().seal("sessions", &session.columns());
    let values = vec![bytes(&session.hash), now.micros().into(), before.into(), seal];
    on.write(SEEN, values).await.map(drop)
}

/// Ends a session; returns `false` when it does not exist.
///
/// # Errors
/// When the store cannot write.
pub async fn end(on: Handle<'_>, hash: &[u8; 32]) -> Result<bool, Unavailable> {
    Ok(on.write(END, vec![bytes(hash)]).await? == 1)
}

/// Ends every session of a person, or only the ones that reach a single workspace; returns their number.
///
/// # Errors
/// When the store cannot write.
pub async fn end_all(on: Handle<'_>, user: UserId, only: Option<WorkspaceId>) -> Result<usize, Unavailable> {
    match only {
        None => on.write(END_ALL, vec![user.into()]).await,
        Some(only) => on.write(END_ALL_OF, vec![user.into(), only.into()]).await,
    }
}

/// Deletes sessions that have run out by now, or were not used after an instant in microseconds, at most `most`;
/// returns their number.
///
/// # Errors
/// When the store cannot write.
pub async fn sweep(on: Handle<'_>, now: Timestamp, idle_since: i64, most: i64) -> Result<usize, Unavailable> {
    on.write(SWEEP, vec![now.micros().into(), idle_since.into(), most.into()]).await
}
