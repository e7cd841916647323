//! Schema of the database: migrated to this version by the owner of the tables, and only checked by any other role.
//!
//! Invariant: a process that finds the schema of its own version changes nothing, and so needs no right to; where
//! tables of another program are, none are made.

use super::reach::Reach;
use crate::{Unavailable, panic_text};
use futures_util::FutureExt;
use std::error::Error;
use std::panic::AssertUnwindSafe;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

mod migrations {
    refinery::embed_migrations!("src/migrations/postgres");
}

/// Name of the migration that adds the seals.
const SEALS: &str = "seals";

/// State in which the place for the tables was found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SchemaState {
    /// The place has no tables at all.
    Nothing,
    /// The migrations are those of this version.
    Current,
    /// Other migrations of Scrip were run.
    Another,
}

/// Brings the schema up to this version, where it is older. A named schema that is missing is made. Returns whether the
/// schema had no seals before.
pub(super) async fn migrate(client: &mut Client, reach: &Reach) -> Result<bool, Unavailable> {
    if find(client, reach).await? == SchemaState::Current {
        return Ok(false);
    }
    // One process at a time migrates: several may start at once.
    client.batch_execute("SELECT pg_advisory_lock(91537001)").await?;
    if let Some(schema) = reach.schema()
        && current(client).await?.is_none()
    {
        // The checked letters of the name need no escaping.
        client.batch_execute(&format!("CREATE SCHEMA IF NOT EXISTS \"{schema}\"")).await?;
    }
    // The library that runs them panics where a date or a checksum cannot be read.
    let runner = migrations::migrations::runner();
    let run = AssertUnwindSafe(runner.run_async(client)).catch_unwind().await;
    let run = run.map_err(|panic| unreadable(&panic_text(panic.as_ref())))?.map_err(to_unavailable)?;
    client.batch_execute("SELECT pg_advisory_unlock(91537001)").await?;
    Ok(run.applied_migrations().iter().any(|migration| migration.name() == SEALS))
}

/// Brings an empty database to the schema of an earlier version.
#[cfg(test)]
pub(crate) async fn migrate_to(client: &mut Client, version: i32) {
    let runner = migrations::migrations::runner().set_target(refinery::Target::Version(version));
    runner.run_async(client).await.expect("the earlier versions' statements are good");
}

/// Returns the error for rows that could not be sealed.
pub(super) fn refuse_denied(error: tokio_postgres::Error) -> Unavailable {
    match is_denied(&error) {
        true => Unavailable(
            "its rows are to be sealed, and this role may not write all of them: let the owner of the tables run \
             `scrip migrate` first"
                .to_owned(),
        ),
        false => error.into(),
    }
}

/// Returns `true` when there is no table yet. Writes nothing.
///
/// # Errors
/// When there are tables of another program.
pub(super) async fn is_new(client: &Client, reach: &Reach) -> Result<bool, Unavailable> {
    Ok(find(client, reach).await? == SchemaState::Nothing)
}

/// Returns the schema in which tables are found and made, if it exists.
async fn current(client: &Client) -> Result<Option<String>, Unavailable> {
    Ok(client.query_one("SELECT current_schema()::text", &[]).await?.get(0))
}

/// Returns the state of the place for the tables, without changing it.
async fn find(client: &Client, reach: &Reach) -> Result<SchemaState, Unavailable> {
    let Some(schema) = current(client).await? else {
        return match reach.schema() {
            Some(_) => writable(client).await,
            None => Err(Unavailable(
                "the database's address names no existing schema: name one with --database-schema, and it is made"
                    .to_owned(),
            )),
        };
    };
    let strangers = strangers(client).await?;
    let is_another = |found: &[(i64, String, String)]| match found.first() {
        Some((version, name, _)) => *version != 1 || name != "journal",
        None => !strangers.is_empty(),
    };
    let sql = "SELECT to_regclass('refinery_schema_history') IS NOT NULL";
    if !client.query_one(sql, &[]).await?.get::<_, bool>(0) {
        return if strangers.is_empty() { writable(client).await } else { Err(strange(&schema, &strangers)) };
    }
    let found = past_migrations(client).await?;
    if is_another(&found) {
        return Err(strange(&schema, &strangers));
    }
    let runner = migrations::migrations::runner();
    let known = runner.get_migrations().iter();
    let known = known.map(|known| (i64::from(known.version()), known.name().to_owned(), known.checksum().to_string()));
    let mut known: Vec<(i64, String, String)> = known.collect();
    known.sort();
    Ok(if found == known { SchemaState::Current } else { SchemaState::Another })
}

/// Refuses a place for new tables where this role can make none.
async fn writable(client: &Client) -> Result<SchemaState, Unavailable> {
    let sql = "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean,
        CASE WHEN current_schema() IS NULL THEN has_database_privilege(current_database(), 'CREATE')
        ELSE has_schema_privilege(current_schema(), 'CREATE') END";
    let row = client.query_one(sql, &[]).await?;
    match (row.get(0), row.get(1)) {
        (true, _) => Err(Unavailable("this database is read-only: name the one that takes writes".to_owned())),
        (false, false) => Err(Unavailable(
            "this role may not make tables there: let the owner of the database run `scrip migrate --role` with its name"
                .to_owned(),
        )),
        (false, true) => Ok(SchemaState::Nothing),
    }
}

/// Returns the migrations that were run: number, name and checksum of each.
async fn past_migrations(client: &Client) -> Result<Vec<(i64, String, String)>, Unavailable> {
    let sql = "SELECT version::bigint, name::text, checksum::text FROM refinery_schema_history ORDER BY version";
    let found = client.query(sql, &[]).await.map_err(|error| match is_denied(&error) {
        true => Unavailable(
            "this role may not read the schema: let the owner of the tables run `scrip migrate --role` with its name"
                .to_owned(),
        ),
        false => error.into(),
    })?;
    Ok(found.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect())
}

/// Returns the first tables and views of the schema, without the list of migrations and the objects of extensions.
async fn strangers(client: &Client) -> Result<Vec<String>, Unavailable> {
    let sql = "SELECT relname::text FROM pg_class
        WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
        AND relkind IN ('r', 'p', 'v', 'm', 'f') AND relname <> 'refinery_schema_history'
        AND NOT EXISTS (SELECT 1 FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid
        AND deptype = 'e') ORDER BY relname LIMIT 4";
    Ok(client.query(sql, &[]).await?.iter().map(|row| row.get(0)).collect())
}

fn strange(schema: &str, tables: &[String]) -> Unavailable {
    let more = if tables.len() > 3 { ", …" } else { "" };
    let named = match tables {
        [] => "migrations of another program".to_owned(),
        tables => format!("{}{more}", tables.iter().take(3).cloned().collect::<Vec<_>>().join(", ")),
    };
    Unavailable(format!(
        "this database is not empty: its tables are not those of scrip ({named}, in the schema `{schema}`), and nothing \
         was written; name an empty database, or give scrip a schema of its own in this one: --database-schema scrip"
    ))
}

fn unreadable(cause: &str) -> Unavailable {
    Unavailable(format!("the history of its schema cannot be read: {cause}"))
}

fn to_unavailable(error: refinery::Error) -> Unavailable {
    Unavailable(match is_denied(&error) {
        true => {
            "its schema is older than this version of scrip, and this role may not change it: let the owner of the \
                 tables run `scrip migrate` first"
                .to_owned()
        }
        false => format!(
            "its schema is not one this version of scrip knows; use the version that wrote it, or a newer one: {error}"
        ),
    })
}

/// Returns whether an error of the database is about a missing right.
fn is_denied(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let said = error.downcast_ref::<tokio_postgres::Error>();
        if said.and_then(tokio_postgres::Error::code) == Some(&SqlState::INSUFFICIENT_PRIVILEGE) {
            return true;
        }
        cause = error.source();
    }
    false
}
