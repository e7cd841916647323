//! The tables: brought up to this version by whoever owns them, and only looked at by whoever else serves.
//!
//! Invariant: a process that finds the schema it knows changes nothing of it, and so needs no right to.

use crate::store::Unavailable;
use std::error::Error;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

mod migrations {
    refinery::embed_migrations!("src/store/migrations/postgres");
}

/// Brings the schema up to this version, where it is not.
pub(super) async fn migrate(client: &mut Client) -> Result<(), Unavailable> {
    if is_current(client).await? {
        return Ok(());
    }
    // One process at a time: several may start at once.
    client.batch_execute("SELECT pg_advisory_lock(91537001)").await?;
    migrations::migrations::runner().run_async(client).await.map_err(refused)?;
    client.batch_execute("SELECT pg_advisory_unlock(91537001)").await?;
    Ok(())
}

/// Whether the migrations that were run are those that this version has.
async fn is_current(client: &Client) -> Result<bool, Unavailable> {
    let sql = "SELECT to_regclass('refinery_schema_history') IS NOT NULL";
    if !client.query_one(sql, &[]).await?.get::<_, bool>(0) {
        return Ok(false);
    }
    let sql = "SELECT version::bigint, name::text, checksum::text FROM refinery_schema_history ORDER BY version";
    let found = client.query(sql, &[]).await.map_err(|error| match is_denied(&error) {
        true => Unavailable(
            "this role may not read the schema: let the owner of the tables run `scrip migrate --role` with its name"
                .to_owned(),
        ),
        false => error.into(),
    })?;
    let found: Vec<(i64, String, String)> = found.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    let runner = migrations::migrations::runner();
    let known = runner.get_migrations().iter();
    let known = known.map(|known| (i64::from(known.version()), known.name().to_owned(), known.checksum().to_string()));
    let mut known: Vec<(i64, String, String)> = known.collect();
    known.sort();
    Ok(found == known)
}

fn refused(error: refinery::Error) -> Unavailable {
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

/// Whether the database said that a right is missing.
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
