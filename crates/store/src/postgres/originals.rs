//! Entries of earlier versions in a PostgreSQL database, brought over to ids of people before it is used.
//!
//! Invariant: an entry, the profiles of its people and the mark of how far entries were brought over are written in one
//! transaction.

use super::{seals, values};
use crate::integrity::{PEOPLE_BY_ID, Seals};
use crate::journal::JournalRow;
use crate::originals::{
    self, AT_START_MAX, EARLIER, ENTRIES, ENTRY, PROFILE, Page, USER, USER_OF, entry_values, not_brought_over,
    position_of, profile_values, user_values,
};
use crate::{Options, Row, Unavailable, Value, clock, queries};
use scrip_engine::{UserId, WorkspaceId};
use std::collections::{BTreeMap, BTreeSet};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, GenericClient, Transaction};

/// Advisory lock of the process that brings entries over; the number is Scrip's own.
const BRINGING: i64 = 0x5343_5249_5006;
/// Lets entries change until the transaction ends, which makes the function again.
const MAY_CHANGE: &str = "CREATE OR REPLACE FUNCTION entries_stay() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RETURN NEW; END $$";
/// Makes the function that forbids changes of entries again.
const STAY: &str = "CREATE OR REPLACE FUNCTION entries_stay() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'journal entries never change and are never deleted'; END $$";
/// Reads the texts of people in entries of earlier versions.
const TEXTS: &str = "SELECT workspace, earlier FROM profiles WHERE workspace = ANY($1) AND earlier <> ''";

/// Brings all entries over, unless that was done.
///
/// # Errors
/// When an entry cannot be brought over, there are too many for a start, or this role may not write them.
pub(super) async fn establish(client: &mut Client, seals: &Seals, options: &Options) -> Result<(), Unavailable> {
    let from = mark(client, seals).await?;
    if from == i64::MAX {
        return Ok(());
    }
    let sql = "SELECT COALESCE(MAX(position), 0) FROM entries";
    let last: i64 = client.query_one(sql, &[]).await?.get(0);
    if last > AT_START_MAX && !options.bring_over {
        return Err(not_brought_over());
    }
    while bring_page(client, seals, options).await? {}
    Ok(())
}

async fn mark(client: &impl GenericClient, seals: &Seals) -> Result<i64, Unavailable> {
    let rows = read(client, queries::SETTING, &[Value::Text(PEOPLE_BY_ID.to_owned())]).await?;
    Ok(position_of(rows.first().and_then(|row| seals.read_setting(PEOPLE_BY_ID, row)).as_deref()))
}

fn parameters(values: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    values.iter().map(|value| value as _).collect()
}

async fn read(client: &impl GenericClient, sql: &str, values: &[Value]) -> Result<Vec<Row>, Unavailable> {
    client.query(sql, &parameters(values)).await?.iter().map(values::row).collect()
}

async fn write(transaction: &Transaction<'_>, sql: &str, values: &[Value]) -> Result<(), Unavailable> {
    transaction.execute(sql, &parameters(values)).await.map(drop).map_err(refuse_denied)
}

/// Returns the error for a role that may not write entries.
fn refuse_denied(error: tokio_postgres::Error) -> Unavailable {
    match error.code() {
        Some(&SqlState::INSUFFICIENT_PRIVILEGE) => not_brought_over(),
        _ => error.into(),
    }
}

/// Brings a page of entries over; returns `false` at the end of the journal.
async fn bring_page(client: &mut Client, seals: &Seals, options: &Options) -> Result<bool, Unavailable> {
    let transaction = client.transaction().await?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&BRINGING]).await?;
    let after = mark(&transaction, seals).await?;
    if after == i64::MAX {
        return Ok(false);
    }
    let rows = read(&transaction, ENTRIES, &[Value::Integer(after), Value::Integer(options.bring_at_once)]).await?;
    let Some(page) = Page::of(rows.iter().map(JournalRow::read).collect())? else {
        transaction.execute("DELETE FROM snapshots", &[]).await.map_err(refuse_denied)?;
        let done = i64::MAX.to_le_bytes().to_vec();
        seals::keep(&transaction, seals, PEOPLE_BY_ID, done).await.map_err(refuse_denied)?;
        transaction.commit().await?;
        return Ok(false);
    };
    let last = page.last;
    transaction.batch_execute(MAY_CHANGE).await.map_err(refuse_denied)?;
    let mut ids = BTreeMap::new();
    for email in page.strangers() {
        let user = user_of(&transaction, &email, seals, options).await?;
        ids.insert(email, user);
    }
    let (entries, taken) = page.replace(&ids)?;
    for entry in &entries {
        write(&transaction, ENTRY, &entry_values(entry)).await?;
    }
    for (person, originals) in taken {
        let kept = read(&transaction, EARLIER, &[person.0.into(), person.1.into()]).await?;
        write(&transaction, PROFILE, &profile_values(person, originals, kept.first(), seals)).await?;
    }
    transaction.batch_execute(STAY).await?;
    seals::keep(&transaction, seals, PEOPLE_BY_ID, last.to_le_bytes().to_vec()).await.map_err(refuse_denied)?;
    transaction.commit().await?;
    Ok(true)
}

/// Returns the person of an address; a new one where there is none yet.
async fn user_of(
    transaction: &Transaction<'_>,
    email: &str,
    seals: &Seals,
    options: &Options,
) -> Result<UserId, Unavailable> {
    let forms = (options.forms)(email);
    for form in &forms {
        if let Some(row) = read(transaction, USER_OF, &[Value::Text(form.clone())]).await?.first() {
            return Ok(UserId::new(row.integer(0) as u64));
        }
    }
    let user = UserId::new(u64::from_le_bytes(crate::crypto::random()));
    let form = forms.last().map_or(email, String::as_str);
    write(transaction, USER, &user_values(user, form, clock::now(), seals)).await?;
    Ok(user)
}

/// Reads entries, with the texts of people put back into those of earlier versions, whose hashes are of these texts.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn entries(client: &Client, rows: &[tokio_postgres::Row]) -> Result<Vec<JournalRow>, Unavailable> {
    let rows = rows.iter().map(|row| Ok(JournalRow::read(&values::row(row)?)));
    let mut entries = rows.collect::<Result<Vec<_>, Unavailable>>()?;
    let mut earlier: Vec<&mut JournalRow> = entries.iter_mut().filter(|entry| entry.lacks_original()).collect();
    if earlier.is_empty() {
        return Ok(entries);
    }
    let workspaces: BTreeSet<WorkspaceId> = earlier.iter().map(|entry| entry.workspace).collect();
    let workspaces: Vec<i64> = workspaces.into_iter().map(WorkspaceId::get).collect();
    let texts = client.query(TEXTS, &[&workspaces]).await?;
    let texts: Vec<(i64, &str)> = texts.iter().map(|row| (row.get(0), row.get(1))).collect();
    for entry in &mut earlier {
        let workspace = entry.workspace.get();
        originals::restore(entry, texts.iter().filter(|text| text.0 == workspace).map(|text| text.1));
    }
    Ok(entries)
}
