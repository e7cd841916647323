//! Allowances in the embedded database: one thread counts, so a use that has room when it is judged has room until it
//! is written.
//!
//! Invariant: uses that come with an entry are written in the transaction of that entry.

use super::super::bound;
use super::Writer;
use super::claims::fails;
use crate::allowance::{Denial, Logs, values};
use crate::{Allowance, OverLimit, SubmitError, Unavailable, number_parameters, queries};
use rusqlite::OptionalExtension;

impl Writer {
    /// Judges the uses and claims of a request; they are written by [`Writer::count`].
    pub(super) fn judge_allowance(
        &mut self,
        allowance: &Allowance,
        failed: &mut Option<rusqlite::Error>,
    ) -> Result<Logs, SubmitError> {
        let mut logs = self.read_allowance(allowance).map_err(|error| fails(failed, error))?;
        let now = self.clock.now();
        match logs.take(allowance, now) {
            Ok(()) => Ok(logs),
            Err(Denial::OverLimit(exceeded)) => Err(SubmitError::OverLimit(exceeded)),
            Err(Denial::Refused(refusal)) => Err(SubmitError::Refused(refusal)),
        }
    }

    /// Counts uses that come without an entry, unless the batch has failed already.
    pub(super) fn spend_unless(
        &mut self,
        failed: &mut Option<rusqlite::Error>,
        allowance: &Allowance,
    ) -> Result<Result<(), OverLimit>, Unavailable> {
        if let Some(error) = failed {
            return Err(Unavailable(error.to_string()));
        }
        let counted = self.judge_allowance(allowance, failed);
        match counted.and_then(|counted| self.count(&counted, failed)) {
            Ok(()) => Ok(Ok(())),
            Err(SubmitError::OverLimit(exceeded)) => Ok(Err(exceeded)),
            Err(SubmitError::Unavailable(unavailable)) => Err(unavailable),
            Err(other) => Err(Unavailable(format!("{other:?}"))),
        }
    }

    fn read_allowance(&self, allowance: &Allowance) -> Result<Logs, rusqlite::Error> {
        let mut logs = Logs::default();
        for one in &allowance.uses {
            let mut statement = self.connection.prepare_cached(&number_parameters(queries::ALLOWANCE))?;
            let found = statement.query_row((one.kind, &one.subject), |row| row.get(0)).optional()?;
            logs.read.extend(found.map(|log| (one.key(), log)));
        }
        if let Some(limit) = &allowance.claims {
            let mut statement = self.connection.prepare_cached(&number_parameters(queries::CLAIMS_OF))?;
            logs.claims.insert(limit.scope.clone(), statement.query_row([&limit.scope], |row| row.get(0))?);
        }
        Ok(logs)
    }

    /// Writes the counted uses.
    pub(super) fn count(&self, logs: &Logs, failed: &mut Option<rusqlite::Error>) -> Result<(), SubmitError> {
        for (key, log, last) in logs.rows() {
            let written = self
                .connection
                .prepare_cached(&number_parameters(queries::KEEP_ALLOWANCE))
                .and_then(|mut statement| statement.execute(bound(&values(key, log, last))));
            written.map_err(|error| fails(failed, error))?;
        }
        Ok(())
    }
}
