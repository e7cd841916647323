//! Options with which a store is opened.
//!
//! Invariant: the defaults are those of production; every other value is for tests, measurements and `scrip migrate`.

use super::integrity::Key;
use super::originals::Forms;
use super::{Tell, beside};

/// Maximum number of entries that the projections may be behind, by default.
const LAG_MAX: i64 = 100_000;
/// Number of entries in a generation of the index: larger ones write fewer pages, and take more memory until they are
/// written.
pub(super) const GENERATION: usize = 65_536;
/// Number of workspaces that an appender on PostgreSQL remembers.
const KNOWN_MAX: usize = 100_000;

/// Options with which a store is opened and works.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// `true` when waiting submissions share a transaction. Off only to measure the difference.
    pub group_commit: bool,
    /// Maximum number of pages of the journal's file; for tests of a full disk.
    pub pages_max: Option<u32>,
    /// Maximum number of entries that the projections may be behind; beyond that the journal waits for them.
    pub lag_max: i64,
    /// Number of entries that are gathered before the index of the embedded database is written, which is a generation
    /// of it.
    pub generation: usize,
    /// Number of workspaces that an appender on PostgreSQL remembers; beyond that it starts again from snapshots.
    pub known_max: usize,
    /// Point at which the journal's thread dies; for tests of recovery.
    pub crash: Option<Crash>,
    /// Function that returns the mails and rows which follow from an entry.
    pub tell: Tell,
    /// Secret that seals rows and snapshots; without one, the database's own key does.
    pub secret: Option<Key>,
    /// `true` to seal all rows again in their present state.
    pub reseal: bool,
    /// Reaction to a journal that is shorter than its projections.
    pub shortened: ShortJournal,
    /// Function that returns the forms under which a person of an address may be stored.
    pub forms: Forms,
    /// `true` to bring entries of earlier versions over, however many there are.
    pub bring_over: bool,
    /// Number of entries that are brought over in a transaction.
    pub bring_at_once: i64,
}

/// Reaction to a journal that ends before an entry which its projections were folded from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShortJournal {
    /// The journal is not opened.
    Refuse,
    /// The journal is opened, and the projections are folded again.
    Accept,
    /// The journal is opened to be replayed, and the projections are left unchanged.
    Report,
}

/// Death of the journal's thread, as in a crash of the process: no caller gets an answer any more.
#[derive(Clone, Copy, Debug)]
pub struct Crash {
    /// Number of the transaction, counted from 1.
    pub commit: u64,
    /// `true` to die right after the transaction was flushed, rather than right before.
    pub flushed: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            group_commit: true,
            pages_max: None,
            lag_max: LAG_MAX,
            generation: GENERATION,
            known_max: KNOWN_MAX,
            crash: None,
            tell: beside::no_consequences,
            secret: None,
            reseal: false,
            shortened: ShortJournal::Refuse,
            forms: |email| vec![email.trim().to_lowercase()],
            bring_over: false,
            bring_at_once: 5_000,
        }
    }
}

impl Options {
    /// Returns options for tests: small bounds are reached after a few entries, where production needs many thousand.
    pub fn small() -> Options {
        Options { generation: 32, known_max: 2, bring_at_once: 2, ..Options::default() }
    }
}
