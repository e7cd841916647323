//! Rows that are written beside an entry: claims, mails, and rows for lists.
//!
//! Invariant: a claim is written in the transaction of its workspace's entry, after that entry, and nowhere else; so
//! are an entry's mails and its rows for lists.

use super::super::bound;
use super::Writer;
use crate::{NewMail, Statement, Submission, SubmitError, Unavailable, Value, number_parameters, queries};
use rusqlite::OptionalExtension;

/// Records the error as the batch's, and returns it for the submission: every submission of the batch fails with it.
pub(super) fn fails(failed: &mut Option<rusqlite::Error>, error: rusqlite::Error) -> SubmitError {
    let unavailable = Unavailable(error.to_string());
    *failed = Some(error);
    unavailable.into()
}

impl Writer {
    /// Refuses a submission that claims a name of another workspace. One thread writes, so a name that is free here
    /// stays free until [`Writer::claim`].
    pub(super) fn refuse_taken(
        &self,
        submission: &Submission,
        failed: &mut Option<rusqlite::Error>,
    ) -> Result<(), SubmitError> {
        let sql = "SELECT workspace FROM claims WHERE scope = ?1 AND claim = ?2";
        for claim in &submission.claims {
            let found = self.connection.prepare_cached(sql).and_then(|mut statement| {
                statement.query_row((&claim.scope, &claim.what), |row| row.get::<_, i64>(0)).optional()
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
        let sql = "INSERT INTO claims (scope, claim, workspace, seal) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
        for claim in &submission.claims {
            let mut values: Vec<Value> = [claim.scope.to_string(), claim.what.clone()].map(Value::Text).to_vec();
            values.extend([submission.workspace.into(), self.seals.claim(claim, submission.workspace)]);
            let prepared = self.connection.prepare_cached(sql);
            let made = prepared.and_then(|mut statement| statement.execute(bound(&values)));
            made.map_err(|error| fails(failed, error))?;
        }
        Ok(())
    }

    /// Writes the mails of an entry that was written. They are due by the machine's clock, whatever clock the workspace
    /// is on.
    pub(super) fn write_mails<'m>(
        &mut self,
        mails: impl Iterator<Item = &'m NewMail>,
        failed: &mut Option<rusqlite::Error>,
    ) -> Result<(), SubmitError> {
        let mut mails = mails.peekable();
        if mails.peek().is_none() {
            return Ok(());
        }
        let now = self.clock.now();
        mails.try_for_each(|mail| self.beside(queries::NEW_MAIL, &mail.values(now, &self.seals), failed))
    }

    /// Writes the rows that are kept beside an entry that was written.
    pub(super) fn write_rows<'s>(
        &self,
        mut rows: impl Iterator<Item = &'s Statement>,
        failed: &mut Option<rusqlite::Error>,
    ) -> Result<(), SubmitError> {
        rows.try_for_each(|row| self.beside(row.sql, &row.values(&self.seals), failed))
    }

    fn beside(&self, sql: &str, values: &[Value], failed: &mut Option<rusqlite::Error>) -> Result<(), SubmitError> {
        let prepared = self.connection.prepare_cached(&number_parameters(sql));
        let written = prepared.and_then(|mut statement| statement.execute(bound(values)));
        written.map(drop).map_err(|error| fails(failed, error))
    }
}
