//! Plan of a benchmark: the parts to measure, their sizes, and the place of the data.
//!
//! Invariant: a part that was not asked for is not measured, and the report says so.

use scrip_client::types::DECISIONS_MAX;
use scrip_engine::limits::HOLDS_MAX;
use std::path::PathBuf;
use std::time::Duration;

/// Number of connections of a part that is measured at one level alone, where that level was asked for.
const MANY_CONNECTIONS: usize = 64;
/// Number of connections that send batches: few, since each brings many decisions.
const BATCH_CONNECTIONS: usize = 4;

/// A part of the benchmark, by the number of its aims. P2 and P4 compare with programs that are not part of this
/// repository: `benches/run` measures them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// Pairs over HTTP against an echo
    P1,
    /// One workspace against many
    P3,
    /// One process on PostgreSQL against three
    P5,
    /// The tail of latencies at half load
    P6,
    /// A filled journal against an empty one, and how long it takes to start
    P7,
    /// Memory that workspaces take
    P8,
    /// Lag of the projections behind the journal
    P9,
    /// The engine alone, without HTTP
    P10,
    /// Many decisions a request
    P11,
    /// One workspace's holds while another does its worst
    P17,
}

impl Part {
    /// Returns `true` if the part can be measured on a database server, or on the embedded one.
    fn fits(self, on_server: bool) -> bool {
        match self {
            Part::P5 => on_server,
            Part::P7 | Part::P8 | Part::P17 => !on_server,
            _ => true,
        }
    }
}

/// Parts to measure, with their sizes.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Duration of each measurement, in seconds.
    pub seconds: f64,
    /// Number of workspaces that the load is spread over.
    pub workspaces: usize,
    /// Numbers of connections at which pairs are measured; at least one.
    pub connections: Vec<usize>,
    /// Number of entries that a journal is filled with before it is compared with an empty one; 0 leaves that out.
    pub entries: u64,
    /// The parts that were asked for; none means all.
    pub only: Vec<Part>,
    /// `true` if the store is a database server.
    pub on_server: bool,
    /// Directory of the data while the benchmark runs.
    pub directory: PathBuf,
}

impl Plan {
    /// Checks that the parts can be measured on this database.
    ///
    /// # Errors
    /// When a part was asked for that this database has not.
    pub fn check(&self) -> Result<(), String> {
        match self.only.iter().find(|part| !part.fits(self.on_server)) {
            Some(part) if self.on_server => {
                Err(format!("{part:?} is of the embedded database: leave --database-url out"))
            }
            Some(part) => Err(format!("{part:?} is of several processes on one database: name it with --database-url")),
            None if self.entries == 0 && self.only.iter().any(|part| matches!(part, Part::P7 | Part::P8)) => {
                Err("P7 and P8 need a journal that was filled: give --entries".to_owned())
            }
            None => Ok(()),
        }
    }

    /// Returns `true` if a part is to be measured.
    pub fn wants(&self, part: Part) -> bool {
        let asked = self.only.is_empty() || self.only.contains(&part);
        asked && part.fits(self.on_server) && (self.entries > 0 || !matches!(part, Part::P7 | Part::P8))
    }

    /// Returns `true` if one of these parts is to be measured.
    pub fn wants_any(&self, parts: &[Part]) -> bool {
        parts.iter().any(|part| self.wants(*part))
    }

    /// Returns `true` if figures that belong to no aim are to be measured as well.
    pub fn wants_all(&self) -> bool {
        self.only.is_empty()
    }

    /// Returns the duration of each measurement.
    pub fn window(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }

    /// Returns the number of connections of parts that are measured at one level alone: comparing needs the same level
    /// twice.
    pub fn level(&self) -> usize {
        let asked = &self.connections;
        if asked.contains(&MANY_CONNECTIONS) { MANY_CONNECTIONS } else { asked.iter().copied().max().unwrap_or(1) }
    }

    /// Returns the levels to measure: all, where that was asked for; else the one that the rest is compared with.
    pub fn levels(&self) -> Vec<usize> {
        match (self.wants_any(&[Part::P1, Part::P3]), self.wants_any(&[Part::P6, Part::P11])) {
            (true, _) => self.connections.clone(),
            (false, true) => vec![self.level()],
            (false, false) => Vec::new(),
        }
    }

    /// Returns the number of connections that send batches: a workspace may have a limited number of open holds, so
    /// that on a few workspaces only one batch may be open at once.
    pub fn batch_connections(&self) -> usize {
        if self.workspaces * HOLDS_MAX > 2 * BATCH_CONNECTIONS * DECISIONS_MAX { BATCH_CONNECTIONS } else { 1 }
    }

    /// Returns the number of workspaces of a filled journal: a hundredth of its entries, as in the aim. A short journal
    /// gets more of them, since the memory of a workspace cannot be read off a few.
    pub fn filled_workspaces(&self) -> usize {
        let entries = usize::try_from(self.entries).unwrap_or(usize::MAX);
        (entries / 100).max((entries / 5).min(100_000)).max(2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(only: &[Part], on_server: bool, entries: u64) -> Plan {
        let (connections, directory) = (vec![1, 16], PathBuf::new());
        Plan { seconds: 1.0, workspaces: 10, connections, entries, only: only.to_vec(), on_server, directory }
    }

    #[test]
    fn parts_are_measured_where_they_can_be() {
        let all = plan(&[], false, 1_000);
        assert!(all.wants(Part::P7) && all.wants(Part::P1) && !all.wants(Part::P5) && all.wants_all());
        let server = plan(&[], true, 1_000);
        assert!(server.wants(Part::P5) && !server.wants(Part::P8));
        assert!(!plan(&[], false, 0).wants(Part::P7), "nothing is filled");
        assert_eq!(plan(&[Part::P5], true, 0).check(), Ok(()));
        for wrong in [plan(&[Part::P5], false, 1), plan(&[Part::P7], true, 1), plan(&[Part::P8], false, 0)] {
            assert!(wrong.check().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn only_the_levels_that_are_needed_are_measured() {
        assert_eq!(plan(&[Part::P3], false, 0).levels(), [1, 16]);
        assert_eq!(plan(&[Part::P6], false, 0).levels(), [16]);
        assert!(plan(&[Part::P10], false, 0).levels().is_empty());
    }

    #[test]
    fn a_filled_journal_has_the_workspaces_of_the_aim() {
        let of = |entries| plan(&[], false, entries).filled_workspaces();
        assert_eq!((of(100_000_000), of(500_000), of(1_000), of(1)), (1_000_000, 100_000, 200, 2));
    }
}
