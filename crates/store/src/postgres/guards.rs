//! Conditions under which a database must not be served, partitioned or filled: a transfer that has not ended, a
//! connected server, parts whose transactions have no common order.
//!
//! Invariant: a journal is served only where all of it is on one cluster.

use super::reach::Reach;
use crate::integrity;
use crate::{ShortJournal, Unavailable};
use scrip_engine::WorkspaceId;
use tokio_postgres::Client;

/// Workspaces whose rows were folded up to an entry that is missing.
const SHORTENED: &str = "FROM workspaces WHERE seq > 0 AND NOT EXISTS (
    SELECT 1 FROM entries WHERE entries.workspace = workspaces.workspace AND entries.seq = workspaces.seq)";
/// Name of the setting that exists until a transfer has ended. Its value is the digest of the journal.
pub(super) const MOVING: &str = "moving";

/// Refuses a database that another process of Scrip is connected to.
///
/// # Errors
/// When such a process is connected.
pub(super) async fn refuse_the_served(client: &Client, reach: &Reach, but: &str) -> Result<(), Unavailable> {
    let (ours, but) = (reach.application(""), reach.application(but));
    let sql = "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database()
               AND starts_with(application_name, $1) AND application_name <> $2)";
    match client.query_one(sql, &[&ours, &but]).await?.get(0) {
        true => Err(Unavailable("a scrip server is connected to this database: stop it first".to_owned())),
        false => Ok(()),
    }
}

/// Refuses a database that a transfer has begun to fill.
///
/// # Errors
/// When its transfer has not ended.
pub(super) async fn refuse_halves(client: &Client) -> Result<(), Unavailable> {
    match client.query_opt("SELECT 1 FROM settings WHERE name = $1", &[&MOVING]).await? {
        None => Ok(()),
        Some(_) => Err(Unavailable(
            "a move into this database has not ended: run `scrip migrate --from DIR --to URL` again, which continues, \
             or drop the database"
                .to_owned(),
        )),
    }
}

/// Refuses a journal of which a workspace's entries end before the one that its rows were folded up to; where that is
/// accepted, the workspace is folded again.
///
/// # Errors
/// When the journal is shortened and that is not accepted.
pub(super) async fn refuse_the_shortened(client: &Client, shortened: ShortJournal) -> Result<(), Unavailable> {
    match shortened {
        ShortJournal::Refuse => {
            let found = client.query_opt(&format!("SELECT workspace, seq {SHORTENED} LIMIT 1"), &[]).await?;
            found.map_or(Ok(()), |row| Err(Unavailable(shortened_text(&row))))
        }
        ShortJournal::Accept => {
            let sql = format!("INSERT INTO unfolded SELECT workspace {SHORTENED} ON CONFLICT DO NOTHING");
            client.execute(&sql, &[]).await?;
            Ok(())
        }
        ShortJournal::Report => Ok(()),
    }
}

/// Refuses to fold workspaces of which entries are missing at the end.
///
/// # Errors
/// When one of them is shortened.
pub(super) async fn refuse_shortened_workspaces(client: &Client, workspaces: &[i64]) -> Result<(), Unavailable> {
    let sql = format!("SELECT workspace, seq {SHORTENED} AND workspace = ANY($1) LIMIT 1");
    let found = client.query_opt(&sql, &[&workspaces]).await?;
    found.map_or(Ok(()), |row| Err(Unavailable(shortened_text(&row))))
}

/// Returns a description of each workspace of which entries are missing at the end.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn end_differences(client: &Client) -> Result<Vec<String>, Unavailable> {
    let found = client.query(&format!("SELECT workspace, seq {SHORTENED} ORDER BY workspace"), &[]).await?;
    Ok(found.iter().map(shortened_text).collect())
}

fn shortened_text(row: &tokio_postgres::Row) -> String {
    integrity::shorter_workspace(WorkspaceId::new(row.get::<_, i64>(0) as u64), row.get(1))
}

/// Refuses a journal whose parts are on several nodes: each node numbers its own transactions, in no common order.
///
/// # Errors
/// When the journal is on several nodes.
pub(super) async fn refuse_several_nodes(client: &Client) -> Result<(), Unavailable> {
    let sql = "SELECT EXISTS (SELECT 1 FROM pg_partition_tree('entries') JOIN pg_class ON pg_class.oid = relid
               WHERE relkind = 'f'), to_regclass('pg_dist_partition') IS NOT NULL";
    let row = client.query_one(sql, &[]).await?;
    let (mut several, citus): (bool, bool) = (row.get(0), row.get(1));
    if citus {
        let sql = "SELECT EXISTS (SELECT 1 FROM pg_dist_partition WHERE logicalrelid = 'entries'::regclass)";
        several |= client.query_one(sql, &[]).await?.get::<_, bool>(0);
    }
    if !several {
        return Ok(());
    }
    Err(Unavailable(
        "the entries of this journal are on several nodes, whose transactions have no common order: projections of \
         them would miss entries (docs/SCALING.md)"
            .to_owned(),
    ))
}
