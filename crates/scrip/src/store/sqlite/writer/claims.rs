//! What only one workspace may have, beside the entry that opens it.
//!
//! Invariant: a claim is written in the transaction of its workspace's entry, after that entry, and by nobody else.

use super::Writer;
use crate::store::{Submission, SubmitError, Unavailable};
use rusqlite::OptionalExtension;

/// The batch fails, and with it whoever is in it.
fn fails(failed: &mut Option<rusqlite::Error>, error: rusqlite::Error) -> SubmitError {
    let unavailable = Unavailable(error.to_string());
    *failed = Some(error);
    unavailable.into()
}

impl Writer {
    /// Refuses a submission that claims what another workspace has. One thread writes, so what is free here stays so
    /// until [`Writer::claim`].
    pub(super) fn refuse_taken(
        &self,
        submission: &Submission,
        failed: &mut Option<rusqlite::Error>,
    ) -> Result<(), SubmitError> {
        let sql = "SELECT workspace FROM claims WHERE scope = ?1 AND claim = ?2";
        for claim in &submission.claims {
            let found = self.connection.prepare_cached(sql).and_then(|mut statement| {
                statement.query_row((claim.scope, &claim.what), |row| row.get::<_, i64>(0)).optional()
            });
            let holder = found.map_err(|error| fails(failed, error))?;
            if holder.is_some_and(|holder| holder != submission.workspace.get()) {
                return Err(SubmitError::Claimed(claim.clone()));
            }
        }
        Ok(())
    }

    /// Makes the claims of a submission whose entry was written.
    pub(super) fn claim(
        &self,
        submission: &Submission,
        failed: &mut Option<rusqlite::Error>,
    ) -> Result<(), SubmitError> {
        let sql = "INSERT INTO claims (scope, claim, workspace) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
        for claim in &submission.claims {
            let made = self
                .connection
                .prepare_cached(sql)
                .and_then(|mut statement| statement.execute((claim.scope, &claim.what, submission.workspace.get())));
            made.map_err(|error| fails(failed, error))?;
        }
        Ok(())
    }
}
