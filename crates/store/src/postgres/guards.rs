//! Conditions under which a database must not be served, partitioned or filled: a transfer that has not ended, a
//! connected server, tables that are divided in another way than this program divides them, a pooler in between.
//!
//! Invariant: a journal is served only where each workspace is whole in one part, under unique keys.

use super::reach::Reach;
use crate::integrity;
use crate::tables::{Distribution, Table};
use crate::{ShortJournal, Unavailable};
use scrip_engine::WorkspaceId;
use tokio_postgres::Client;

/// Workspaces whose rows were folded up to an entry that is missing.
const SHORTENED: &str = "FROM workspaces WHERE seq > 0 AND NOT EXISTS (
    SELECT 1 FROM entries WHERE entries.workspace = workspaces.workspace AND entries.seq = workspaces.seq)";
/// Number of times that two connections are asked for their sessions.
const SESSIONS_ASKED: usize = 3;
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

/// Oldest version of Citus on which a journal is served.
pub(super) const CITUS_MIN: u32 = 13;

/// Refuses a journal that is divided in a way in which it cannot be served: over other servers by foreign tables, which
/// have no unique keys, or over nodes with some of its tables alone.
///
/// # Errors
/// When the journal is divided so.
pub(super) async fn refuse_other_divisions(client: &Client) -> Result<(), Unavailable> {
    let sql = "SELECT EXISTS (SELECT 1 FROM pg_partition_tree('entries') JOIN pg_class ON pg_class.oid = relid
               WHERE relkind = 'f'), to_regclass('pg_dist_partition') IS NOT NULL";
    let row = client.query_one(sql, &[]).await?;
    if row.get(0) {
        return Err(Unavailable(
            "entries of this journal are in foreign tables, which no unique key guards: two entries of a workspace could \
             get one number (docs/SCALING.md)"
                .to_owned(),
        ));
    }
    if !row.get::<_, bool>(1) {
        return Ok(());
    }
    let sql = "SELECT to_regclass(name)::text FROM unnest($1::text[]) AS name
               WHERE (SELECT colocationid FROM pg_dist_partition WHERE logicalrelid = to_regclass(name))
               IS DISTINCT FROM (SELECT colocationid FROM pg_dist_partition WHERE logicalrelid = 'entries'::regclass)";
    let tables: Vec<&str> = Table::by_distribution(Distribution::ByWorkspace).collect();
    match client.query_opt(&format!("{sql} LIMIT 1"), &[&tables]).await? {
        None => Ok(()),
        Some(row) => Err(Unavailable(format!(
            "the table {} is not distributed with the entries of its workspaces: `scrip migrate --distributed citus` \
             prints how (docs/SCALING.md)",
            row.get::<_, &str>(0)
        ))),
    }
}

/// Refuses an address that leads to a pooler which gives every transaction another session: what a connection has
/// prepared, set or listens to would be another one's. A pooler that keeps a session to each client is no obstacle.
///
/// # Errors
/// When two connections had one session.
pub(super) async fn refuse_shared_sessions(reach: &Reach, client: &Client) -> Result<(), Unavailable> {
    let other = reach.connect().await?;
    let session = "SELECT pg_backend_pid()";
    for _ in 0..SESSIONS_ASKED {
        let first: i32 = client.query_one(session, &[]).await?.get(0);
        // While the other one is in a transaction, it has a session for itself: the one that was just given back.
        other.batch_execute("BEGIN").await?;
        let second = other.query_one(session, &[]).await;
        other.batch_execute("ROLLBACK").await?;
        if second?.get::<_, i32>(0) == first {
            return Err(Unavailable(
                "the database's address leads to a pooler that gives every transaction another session: name the \
                 database itself, or let the pooler keep a session to each client (pool_mode = session)"
                    .to_owned(),
            ));
        }
    }
    Ok(())
}
