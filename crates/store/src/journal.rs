//! The form of a journal row: its body and its place in the hash chain.
//!
//! Invariant: the hash of a row is over all of its columns and the hash of the row before it (I4).

use super::{Commit, Idempotency, Submission, SubmitError};
use crate::crypto::sha256;
use scrip_engine::{DatedEvent, Entry, Timestamp, Workspace, WorkspaceId, is_privileged};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Hash before a workspace's first entry.
pub const GENESIS: [u8; 32] = [0; 32];

/// Content of an entry's `body` column, as JSON.
#[derive(Debug, Serialize, Deserialize)]
pub struct Body {
    /// Name of the person, key or operator that submitted the command.
    pub actor: String,
    /// Name of the command.
    pub command: String,
    /// Identifier of the request, where the command is an act for the audit log.
    #[serde(default)]
    pub request: Option<String>,
    /// Claims that the workspace makes with the entry: scope and name. Entries of older versions have none here.
    #[serde(default)]
    pub claims: Vec<(String, String)>,
    /// Events of the entry, each with its instant.
    pub events: Vec<DatedEvent>,
}

/// A [`Body`] that is about to be written.
#[derive(Serialize)]
struct NewBody<'a> {
    actor: &'a str,
    command: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    claims: Vec<(&'a str, &'a str)>,
    events: &'a [DatedEvent],
}

/// Effect of a submission, in the form in which it is written.
pub struct SealedEntry {
    /// Body of the entry: [`Body`] as JSON.
    pub body: String,
    /// Events of the entry, each with its instant.
    pub events: Arc<[DatedEvent]>,
    /// Instant of the workspace's next change by itself, in microseconds.
    pub next_due_at: Option<i64>,
    /// Hash of the entry, which is its place in the chain.
    pub hash: [u8; 32],
}

impl SealedEntry {
    /// Seals the events of a submission after the entry with hash `previous`; `after` is the workspace that they leave.
    pub fn new(
        previous: &[u8; 32],
        submission: &Submission,
        after: &Workspace,
        events: Vec<DatedEvent>,
    ) -> SealedEntry {
        let command = submission.command.name();
        let request = submission.request.as_deref().filter(|_| is_privileged(command));
        let claims = submission.claims.iter().map(|claim| (&*claim.scope, &*claim.what)).collect();
        let body = NewBody { actor: &submission.actor, command, request, claims, events: &events };
        let body = serde_json::to_string(&body).expect("events have no maps with other keys than text");
        let next_due_at = after.next_due_at().map(Timestamp::micros);
        let (key, request) =
            submission.idempotency.as_ref().map_or((&[][..], &[][..]), |key| (&key.key[..], &key.request[..]));
        let hash = chain(previous, after.id, after.seq, after.at, key, request, next_due_at, &body);
        SealedEntry { body, events: events.into(), next_due_at, hash }
    }
}

/// The entry that an idempotency key was used for before.
pub struct EarlierEntry {
    /// Number of the entry in its workspace.
    pub seq: u64,
    /// Instant at which the entry was decided.
    pub at: Timestamp,
    /// Hash of the request that the entry answered.
    pub request: Vec<u8>,
    /// Body of the entry: [`Body`] as JSON.
    pub body: String,
}

impl EarlierEntry {
    /// Returns the answer to a submission with the same key, without the workspace.
    ///
    /// # Errors
    /// When the key was used for another request.
    pub fn answer(self, submission: &Submission) -> Result<Commit, SubmitError> {
        let EarlierEntry { seq, at, request, body } = self;
        let is_same =
            |known: &Idempotency| request == known.request || known.earlier.is_some_and(|earlier| request == earlier);
        if !submission.idempotency.as_ref().is_some_and(is_same) {
            return Err(SubmitError::KeyReused);
        }
        let body: Body = serde_json::from_str(&body).map_err(|error| SubmitError::Bug(error.to_string()))?;
        Ok(Commit { seq, at, events: body.events.into(), replayed: true, before: None, workspace: None })
    }
}

/// A row of the journal, column by column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalRow {
    /// Position of the row among all entries.
    pub position: i64,
    /// Identifier of the workspace.
    pub workspace: WorkspaceId,
    /// Number of the entry in its workspace.
    pub seq: u64,
    /// Instant at which the entry was decided.
    pub at: Timestamp,
    /// Hash of the idempotency key.
    pub idempotency_key: Option<Vec<u8>>,
    /// Hash of the request.
    pub request_hash: Option<Vec<u8>>,
    /// Instant of the workspace's next change by itself, in microseconds.
    pub next_due_at: Option<i64>,
    /// Body of the entry: [`Body`] as JSON.
    pub body: String,
    /// Body that the hash is of, where an earlier version wrote another one; see [`crate::originals`].
    pub original: Option<String>,
    /// Hash of the workspace's entry before this one.
    pub previous_hash: Vec<u8>,
    /// Hash of this entry.
    pub hash: Vec<u8>,
}

impl JournalRow {
    /// Returns the entry that the row holds.
    ///
    /// # Errors
    /// When the body is of a form that neither this nor any earlier version of Scrip writes.
    pub fn entry(&self) -> Result<Entry, serde_json::Error> {
        let Body { actor, command, events, .. } = serde_json::from_str(&self.body)?;
        Ok(Entry { workspace: self.workspace, seq: self.seq, at: self.at, actor, command, events })
    }

    /// Returns the identifier of the request that the entry came with, where it was kept.
    pub fn request(&self) -> Option<String> {
        serde_json::from_str::<Body>(&self.body).ok()?.request
    }

    /// Returns the claims that the workspace makes with the entry: scope and name.
    pub fn claims(&self) -> Vec<(String, String)> {
        serde_json::from_str::<Body>(&self.body).map(|body| body.claims).unwrap_or_default()
    }

    /// Returns the hash that the row should have.
    pub fn expected_hash(&self) -> [u8; 32] {
        let optional = |bytes: &Option<Vec<u8>>| bytes.clone().unwrap_or_default();
        chain(
            &self.previous_hash,
            self.workspace,
            self.seq,
            self.at,
            &optional(&self.idempotency_key),
            &optional(&self.request_hash),
            self.next_due_at,
            self.original.as_ref().unwrap_or(&self.body),
        )
    }

    /// Returns whether the row is an entry of an earlier version whose original body is to be put back before its hash
    /// is checked.
    pub fn lacks_original(&self) -> bool {
        let words = ["{\"workspace_opened\":", "{\"invited\":", "{\"member_joined\":"];
        words.iter().any(|word| self.body.contains(word)) && self.hash != self.expected_hash()
    }

    /// Checks that this row follows a workspace's entry of a given number and hash, and that its own hash is right.
    ///
    /// # Errors
    /// Describes the fault (I4).
    pub fn follows(&self, workspace: WorkspaceId, seq: u64, hash: &[u8]) -> Result<(), String> {
        let JournalRow { seq: at, .. } = self;
        if (self.workspace, self.seq) != (workspace, seq + 1) {
            return Err(format!("entry {} is not where it should be (I4)", seq + 1));
        }
        if self.previous_hash != hash {
            return Err(format!("entry {at} is not chained to the entry before it (I4)"));
        }
        match self.hash == self.expected_hash() {
            true => Ok(()),
            false => Err(format!("the content of entry {at} is not what its hash says (I4)")),
        }
    }

    /// Reads a row of the table `entries`, whose columns are in their order.
    pub fn read(row: &super::Row) -> JournalRow {
        let optional = |column: usize| Some(row.bytes(column).to_vec()).filter(|bytes| !bytes.is_empty());
        JournalRow {
            position: row.integer(0),
            workspace: WorkspaceId::new(row.integer(1) as u64),
            seq: row.integer(2) as u64,
            at: Timestamp::from_micros(row.integer(3)),
            idempotency_key: optional(4),
            request_hash: optional(5),
            next_due_at: row.maybe_integer(6),
            body: row.text(7).to_owned(),
            original: None,
            previous_hash: row.bytes(8).to_vec(),
            hash: row.bytes(9).to_vec(),
        }
    }
}

/// Returns the hash of an entry: of every column of its row and of the entry before it (I4).
#[allow(clippy::too_many_arguments, reason = "the hash is over every column of the row")]
pub fn chain(
    previous: &[u8],
    workspace: WorkspaceId,
    seq: u64,
    at: Timestamp,
    key: &[u8],
    request: &[u8],
    next_due_at: Option<i64>,
    body: &str,
) -> [u8; 32] {
    let numbers = [workspace.get(), seq as i64, at.micros(), next_due_at.unwrap_or(-1), key.len() as i64];
    let numbers = numbers.map(i64::to_le_bytes);
    sha256(&[previous, numbers.as_flattened(), key, request, body.as_bytes()])
}

/// Returns the digest of a whole journal: a hash over the last entry of each workspace, in the order of their ids.
pub fn digest(last: impl Iterator<Item = (WorkspaceId, u64, [u8; 32])>) -> [u8; 32] {
    let mut all = Vec::new();
    for (workspace, seq, hash) in last {
        all.extend(workspace.get().to_le_bytes());
        all.extend(seq.to_le_bytes());
        all.extend(hash);
    }
    sha256(&[&all])
}

#[cfg(test)]
mod tests {
    use super::*;
    use scrip_engine::{By, Command};

    #[test]
    fn what_an_earlier_version_stored_is_answered_and_another_request_is_not() {
        let asked = |request: [u8; 16], earlier: Option<[u8; 16]>| Submission {
            allowance: Default::default(),
            workspace: WorkspaceId::new(1),
            command: Command::Tick,
            by: By::Operator,
            actor: String::new(),
            request: None,
            idempotency: Some(Idempotency { key: [0; 16], request, earlier }),
            claims: Vec::new(),
            mails: Vec::new(),
            rows: Vec::new(),
            wants_workspace: false,
        };
        let stored = |request: [u8; 16]| {
            let body = r#"{"actor":"","command":"tick","events":[]}"#.to_owned();
            EarlierEntry { seq: 3, at: Timestamp::from_micros(5), request: request.to_vec(), body }
        };
        for (kept, request, earlier, is_same) in [
            ([1; 16], [1; 16], None, true),
            ([1; 16], [1; 16], Some([2; 16]), true),
            ([2; 16], [1; 16], Some([2; 16]), true),
            ([2; 16], [1; 16], None, false),
            ([2; 16], [1; 16], Some([3; 16]), false),
        ] {
            let answer = stored(kept).answer(&asked(request, earlier));
            match answer {
                Ok(committed) => assert!(is_same && committed.replayed && committed.seq == 3),
                Err(error) => assert!(!is_same && matches!(error, SubmitError::KeyReused), "{error:?}"),
            }
        }
    }
}
