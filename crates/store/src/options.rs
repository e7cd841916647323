//! The way in which a store is opened and works.
//!
//! Invariant: the defaults are those of production; whatever differs is for tests, measurements and `scrip migrate`.

use super::integrity::Key;
use super::{Tell, beside};

/// Entries the projections may be behind, where nothing else is asked for.
const LAG_MAX: i64 = 100_000;
/// Entries of a generation of the index: more are written with fewer pages, and take more memory until they are.
pub(super) const GENERATION: usize = 65_536;
/// Workspaces that an appender on PostgreSQL remembers.
const KNOWN_MAX: usize = 100_000;

/// The way in which a store is opened and works.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Whether waiting submissions share a transaction. Off only to measure what that is worth.
    pub group_commit: bool,
    /// The most pages the journal may have; for tests of a full disk.
    pub pages_max: Option<u32>,
    /// Entries the projections may be behind; beyond that the journal waits for them.
    pub lag_max: i64,
    /// Entries that are gathered before the index of the embedded database is written, which is a generation of it.
    pub generation: usize,
    /// Workspaces that an appender on PostgreSQL remembers; beyond that it starts again from snapshots.
    pub known_max: usize,
    /// Where the journal's thread dies; for tests of what survives.
    pub crash: Option<Crash>,
    /// What entries bring about beside them.
    pub tell: Tell,
    /// The secret that seals rows and snapshots; without one, the data's own key does.
    pub secret: Option<Key>,
    /// Seals all rows again, as they are.
    pub reseal: bool,
    /// What is done about a journal that is shorter than what was seen of it.
    pub shortened: Shortened,
}

/// What is done about a journal that ends before an entry which its projections were folded from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shortened {
    /// It is not opened.
    Refuse,
    /// It is gone on with: the projections are folded again.
    Accept,
    /// It is opened to be replayed, and the projections stay as they are.
    Report,
}

/// A death of the journal's thread, as a crash of the process would be: nobody is told anything any more.
#[derive(Clone, Copy, Debug)]
pub struct Crash {
    /// At this transaction, counted from 1.
    pub commit: u64,
    /// Right after it was flushed, rather than right before.
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
            tell: beside::nobody,
            secret: None,
            reseal: false,
            shortened: Shortened::Refuse,
        }
    }
}

impl Options {
    /// Options for tests: a short one meets every limit that production meets only after many thousand entries.
    pub fn small() -> Options {
        Options { generation: 32, known_max: 2, ..Options::default() }
    }
}
