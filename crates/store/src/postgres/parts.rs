//! Parts of a database: sets of workspaces whose rows are in one place, which one transaction can write without asking
//! another place.
//!
//! Invariant: this file alone knows how an engine divides the tables, beside the statements that divide them.

use crate::Unavailable;
use crate::clock::Stopwatch;
use scrip_engine::WorkspaceId;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio_postgres::Client;

/// Maximum number of workspaces whose places are remembered.
const KNOWN_MAX: usize = 1 << 20;
/// Time after which the places are asked for again: parts move between nodes.
const KNOWN_FOR: Duration = Duration::from_secs(60);
/// Number of strands over the partitions of one database, where each strand stands for a node.
const PARTITION_STRANDS: i32 = 2;
/// Reads the number of partitions, and whether the journal is distributed over nodes.
const DIVISION: &str = "SELECT (SELECT COUNT(*) FROM pg_inherits WHERE inhparent = 'entries'::regclass),
    to_regclass('pg_dist_partition') IS NOT NULL";
/// Reads whether Citus distributes the journal.
const DISTRIBUTED: &str = "SELECT EXISTS (SELECT 1 FROM pg_dist_partition WHERE logicalrelid = 'entries'::regclass)";
/// Reads the partition of workspaces, and its strand.
const PARTITIONS: &str = "SELECT asked, part::bigint, part % $2 FROM unnest($1::bigint[]) AS asked,
    generate_series(0, $3 - 1) AS part WHERE satisfies_hash_partition('entries'::regclass, $3, part, asked)";
/// Reads the shard of workspaces, and the strand of its node.
const SHARDS: &str = "SELECT asked, shardid, (array_position($2::int[], groupid) - 1)
    FROM unnest($1::bigint[]) AS asked
    JOIN pg_dist_placement ON shardid = get_shard_id_for_distribution_column('entries', asked)";
/// Reads the nodes that have shards of the journal.
const NODES: &str = "SELECT DISTINCT groupid FROM pg_dist_placement JOIN pg_dist_shard USING (shardid)
    WHERE logicalrelid = 'entries'::regclass ORDER BY groupid";

/// Division of the tables by workspace.
enum Division {
    /// All rows are in one place.
    Whole,
    /// Number of partitions of the journal in one database.
    Partitions(i32),
    /// Nodes of a Citus cluster that have shards of the journal.
    Citus(Vec<i32>),
}

/// Place of a workspace's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Number of the part.
    pub part: i64,
    /// Number of the strand, which writes the parts of one node.
    pub strand: usize,
}

/// Place of every workspace where there is one part.
const WHOLE: Place = Place { part: 0, strand: 0 };

/// Places of workspaces, as the database has divided them.
pub(super) struct Parts {
    division: Division,
    known: Mutex<(Stopwatch, HashMap<WorkspaceId, Place>)>,
}

impl Parts {
    /// Reads how the database is divided.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(super) async fn find(client: &Client) -> Result<Parts, Unavailable> {
        let row = client.query_one(DIVISION, &[]).await?;
        let (partitions, has_citus): (i64, bool) = (row.get(0), row.get(1));
        let division = if has_citus && client.query_one(DISTRIBUTED, &[]).await?.get(0) {
            Division::Citus(client.query(NODES, &[]).await?.iter().map(|row| row.get(0)).collect())
        } else if partitions > 0 {
            Division::Partitions(i32::try_from(partitions).unwrap_or(i32::MAX))
        } else {
            Division::Whole
        };
        Ok(Parts { division, known: Mutex::new((Stopwatch::start(), HashMap::new())) })
    }

    /// Returns the number of strands. Each writes on a connection of its own: a node that hangs holds up no other one.
    pub(super) fn strands(&self) -> usize {
        match &self.division {
            Division::Whole => 1,
            Division::Partitions(parts) => (*parts).min(PARTITION_STRANDS) as usize,
            Division::Citus(nodes) => nodes.len().max(1),
        }
    }

    /// Returns the setting by which the statements of an appender are planned once. Citus plans each for the workspaces
    /// that it names.
    pub(super) fn planning(&self) -> &'static str {
        match self.division {
            Division::Whole | Division::Partitions(_) => "SET plan_cache_mode = force_generic_plan",
            Division::Citus(_) => "SET plan_cache_mode = auto",
        }
    }

    /// Returns whether there is more than one part.
    pub(super) fn is_divided(&self) -> bool {
        !matches!(self.division, Division::Whole)
    }

    fn memory(&self) -> MutexGuard<'_, (Stopwatch, HashMap<WorkspaceId, Place>)> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.0.elapsed() > KNOWN_FOR || known.1.len() > KNOWN_MAX {
            *known = (Stopwatch::start(), HashMap::new());
        }
        known
    }

    /// Returns the place of a workspace, where it is known.
    pub(super) fn place(&self, workspace: WorkspaceId) -> Option<Place> {
        match self.division {
            Division::Whole => Some(WHOLE),
            _ => self.memory().1.get(&workspace).copied(),
        }
    }

    /// Returns the places of workspaces, in their order.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(super) async fn places(&self, client: &Client, workspaces: &[WorkspaceId]) -> Result<Vec<Place>, Unavailable> {
        if !self.is_divided() {
            return Ok(vec![WHOLE; workspaces.len()]);
        }
        let unknown: Vec<i64> = {
            let known = self.memory();
            workspaces.iter().filter(|id| !known.1.contains_key(id)).map(|id| id.get()).collect()
        };
        let mut found = HashMap::new();
        if !unknown.is_empty() {
            let rows = match &self.division {
                Division::Whole => Vec::new(),
                Division::Partitions(parts) => {
                    let strands = self.strands() as i32;
                    client.query(PARTITIONS, &[&unknown, &strands, parts]).await?
                }
                Division::Citus(nodes) => client.query(SHARDS, &[&unknown, nodes]).await?,
            };
            let place = |row: &tokio_postgres::Row| {
                // A node that came later has no strand of its own: the first one writes its parts.
                let strand = row.get::<_, Option<i32>>(2).and_then(|strand| usize::try_from(strand).ok()).unwrap_or(0);
                (WorkspaceId::new(row.get::<_, i64>(0) as u64), Place { part: row.get(1), strand })
            };
            found.extend(rows.iter().map(place));
        }
        let mut known = self.memory();
        known.1.extend(&found);
        let place = |id: &WorkspaceId| {
            let place = found.get(id).or_else(|| known.1.get(id)).copied();
            place.ok_or_else(|| Unavailable(format!("the database has no part for {id}")))
        };
        workspaces.iter().map(place).collect()
    }
}
