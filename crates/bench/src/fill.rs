//! Fills a journal through the store, in this process: a server that opens it finds what a server would have written.
//!
//! Invariant: every entry was decided by the engine; nothing is written past the ledger.

use crate::engine::typical;
use indicatif::ProgressBar;
use scrip::benchmark::place::CATALOG;
use scrip::{Ledger, Origin};
use scrip_engine::{Amount, Ask, Command, HoldCommand, Mode, WorkspaceCommand, WorkspaceId, parse_catalog};
use scrip_store::{Options, Store, SubmitError};
use std::path::Path;

/// Number of submissions that are sent at a time and share a transaction.
const AT_ONCE: usize = 1_024;
/// Number of submissions after which the filler waits for the projections, well before the journal would.
const REST_EVERY: usize = 32_768;

/// Contents of a journal that was filled.
pub struct FilledJournal {
    /// Identifiers of the workspaces in it.
    pub workspaces: Vec<String>,
    /// Number of entries in the journal.
    pub entries: u64,
}

/// Fills a journal with about `entries` entries of a number of workspaces.
///
/// # Errors
/// When one of them is refused.
pub async fn fill(
    directory: &Path,
    entries: u64,
    workspaces: usize,
    bar: &ProgressBar,
) -> Result<FilledJournal, String> {
    let store = Store::open(directory, Options::default()).map_err(|error| error.to_string())?;
    let catalog = parse_catalog(CATALOG).map_err(|_| "the catalog of the benchmark has errors".to_owned())?;
    store.publish(CATALOG.to_owned(), catalog, "start".to_owned()).await.map_err(|error| error.to_string())?;
    let mut filling = Filling { ledger: &Ledger::new(store), bar, rest: 0, entries: 0 };
    let ids: Vec<WorkspaceId> = (0..workspaces).map(id).collect();
    filling.open(&ids).await?;
    let mut hold = 1;
    // Each workspace in turn, so that a workspace's entries lie apart as they do when months have passed.
    while filling.entries + 2 * ids.len() as u64 <= entries {
        filling.pairs(&ids, hold).await?;
        hold += 1;
    }
    let (entries, workspaces) = (filling.entries, ids.iter().map(ToString::to_string).collect());
    filling.catch_up().await?;
    Ok(FilledJournal { workspaces, entries })
}

/// Opens a number of workspaces, each as the engine's measurements have it.
///
/// # Errors
/// When one is refused.
pub async fn open(ledger: &Ledger, workspaces: usize) -> Result<Vec<String>, String> {
    let ids: Vec<WorkspaceId> = (0..workspaces).map(id).collect();
    let bar = ProgressBar::hidden();
    let mut filling = Filling { ledger, bar: &bar, rest: 0, entries: 0 };
    filling.open(&ids).await?;
    filling.catch_up().await?;
    Ok(ids.iter().map(ToString::to_string).collect())
}

/// Returns the identifier of the n-th workspace; they lie as far apart as random ones.
fn id(n: usize) -> WorkspaceId {
    WorkspaceId::new((n as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

struct Filling<'a> {
    ledger: &'a Ledger,
    bar: &'a ProgressBar,
    rest: usize,
    entries: u64,
}

impl Filling<'_> {
    async fn open(&mut self, ids: &[WorkspaceId]) -> Result<(), String> {
        let mut named = typical(Mode::Test)?;
        for some in ids.chunks(AT_ONCE) {
            for (step, command) in named.iter_mut().enumerate() {
                let all = some.iter().map(|id| {
                    if let Command::Workspace(WorkspaceCommand::Open { profile, .. }) = command {
                        profile.name = format!("filled {id}");
                    }
                    (*id, command.clone(), format!("open {step}"))
                });
                self.submit(all.collect()).await?;
            }
        }
        Ok(())
    }

    /// Makes a hold on each workspace, and captures it.
    async fn pairs(&mut self, ids: &[WorkspaceId], hold: u32) -> Result<(), String> {
        let ask = Ask::Credits(Amount::new(20).ok_or("an amount")?);
        let open = Command::Hold(HoldCommand::Open {
            ask,
            reference: "benchmark".to_owned(),
            seconds: None,
            off: None,
            behalf: None,
        });
        let capture = Command::Hold(HoldCommand::Capture { hold, amount: None });
        for some in ids.chunks(AT_ONCE) {
            for command in [&open, &capture] {
                let all = some.iter().map(|id| (*id, command.clone(), format!("{} {hold}", command.name())));
                self.submit(all.collect()).await?;
            }
        }
        Ok(())
    }

    async fn submit(&mut self, all: Vec<(WorkspaceId, Command, String)>) -> Result<(), String> {
        let asked = |(id, command, key)| (id, command, Origin::internal("benchmark", id, Some(key)));
        let many = all.len();
        for result in self.ledger.submit_many(all.into_iter().map(asked).collect()).await {
            result.map_err(|error| match error {
                SubmitError::Refused(refusal) => format!("an entry was refused: {}", refusal.code()),
                other => format!("an entry could not be written: {other:?}"),
            })?;
        }
        self.bar.inc(many as u64);
        self.entries += many as u64;
        self.rest += many;
        if self.rest >= REST_EVERY {
            self.catch_up().await?;
        }
        Ok(())
    }

    /// Waits for the projections, without a limit as long as they move.
    async fn catch_up(&mut self) -> Result<(), String> {
        let store = self.ledger.store();
        let position = store.projections();
        let mut reached = *position.borrow();
        while let Err(error) = store.await_projections().await {
            let now = *position.borrow();
            if now == reached {
                return Err(error.to_string());
            }
            reached = now;
        }
        self.rest = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workspaces_have_numbers_of_their_own() {
        let mut ids: Vec<u64> = (0..10_000).map(|n| id(n).get() as u64).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 10_000);
    }
}
