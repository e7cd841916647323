//! Entries of earlier versions in an embedded database, brought over to ids of people before it is used.
//!
//! Invariant: an entry, the profiles of its people and the mark of how far entries were brought over are written in one
//! transaction.

use super::{all_rows, bound, seals};
use crate::integrity::{PEOPLE_BY_ID, Seals};
use crate::journal::JournalRow;
use crate::originals::{
    self, AT_START_MAX, EARLIER, ENTRIES, ENTRY, PROFILE, Page, USER, USER_OF, entry_values, not_brought_over,
    position_of, profile_values, user_values,
};
use crate::{Options, Row, Unavailable, Value, clock, number_parameters, queries};
use rusqlite::{Connection, Transaction, TransactionBehavior};
use scrip_engine::UserId;
use std::collections::BTreeMap;
use std::path::Path;

/// Makes the trigger that forbids changes of entries again.
const STAY: &str = "CREATE TRIGGER entries_stay BEFORE UPDATE ON entries BEGIN SELECT RAISE(ABORT, 'journal entries never change'); END";

/// Brings all entries over, unless that was done.
///
/// # Errors
/// When an entry cannot be brought over, or there are too many for a start.
pub(super) fn establish(
    connection: &mut Connection,
    views: &Path,
    seals: &Seals,
    options: &Options,
) -> Result<(), Unavailable> {
    let from = mark(connection, seals)?;
    if from == i64::MAX {
        return Ok(());
    }
    let last: i64 = connection.query_row("SELECT COALESCE(MAX(position), 0) FROM entries", [], |row| row.get(0))?;
    if last > AT_START_MAX && !options.bring_over {
        return Err(not_brought_over());
    }
    if last > 0 {
        // The addresses are to be in no page that was given up either.
        connection.pragma_update(None, "secure_delete", true)?;
    }
    while bring_page(connection, seals, options)? {}
    if last > 0 {
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        connection.pragma_update(None, "secure_delete", false)?;
        drop_snapshots(views)?;
    }
    let transaction = connection.transaction()?;
    seals::keep(&transaction, seals, PEOPLE_BY_ID, i64::MAX.to_le_bytes().to_vec())?;
    Ok(transaction.commit()?)
}

fn mark(connection: &Connection, seals: &Seals) -> Result<i64, Unavailable> {
    let rows = read(connection, queries::SETTING, &[Value::Text(PEOPLE_BY_ID.to_owned())])?;
    Ok(position_of(rows.first().and_then(|row| seals.read_setting(PEOPLE_BY_ID, row)).as_deref()))
}

fn read(connection: &Connection, sql: &str, values: &[Value]) -> Result<Vec<Row>, Unavailable> {
    Ok(all_rows(&mut connection.prepare_cached(&number_parameters(sql))?, values)?)
}

fn write(connection: &Connection, sql: &str, values: &[Value]) -> Result<(), Unavailable> {
    connection.prepare_cached(&number_parameters(sql))?.execute(bound(values))?;
    Ok(())
}

/// Brings a page of entries over; returns `false` at the end of the journal.
fn bring_page(connection: &mut Connection, seals: &Seals, options: &Options) -> Result<bool, Unavailable> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let after = mark(&transaction, seals)?;
    let rows = read(&transaction, ENTRIES, &[Value::Integer(after), Value::Integer(options.bring_at_once)])?;
    let Some(page) = Page::of(rows.iter().map(JournalRow::read).collect())? else { return Ok(false) };
    let last = page.last;
    transaction.execute_batch("DROP TRIGGER entries_stay")?;
    let mut ids = BTreeMap::new();
    for email in page.strangers() {
        let user = user_of(&transaction, &email, seals, options)?;
        ids.insert(email, user);
    }
    let (entries, taken) = page.replace(&ids)?;
    for entry in &entries {
        write(&transaction, ENTRY, &entry_values(entry))?;
    }
    for (person, originals) in taken {
        let kept = read(&transaction, EARLIER, &[person.0.into(), person.1.into()])?;
        write(&transaction, PROFILE, &profile_values(person, originals, kept.first(), seals))?;
    }
    transaction.execute_batch(STAY)?;
    seals::keep(&transaction, seals, PEOPLE_BY_ID, last.to_le_bytes().to_vec())?;
    transaction.commit()?;
    Ok(true)
}

/// Returns the person of an address; a new one where there is none yet.
fn user_of(
    transaction: &Transaction<'_>,
    email: &str,
    seals: &Seals,
    options: &Options,
) -> Result<UserId, Unavailable> {
    let forms = (options.forms)(email);
    for form in &forms {
        if let Some(row) = read(transaction, USER_OF, &[Value::Text(form.clone())])?.first() {
            return Ok(UserId::new(row.integer(0) as u64));
        }
    }
    let user = UserId::new(u64::from_le_bytes(crate::crypto::random()));
    let form = forms.last().map_or(email, String::as_str);
    write(transaction, USER, &user_values(user, form, clock::now(), seals))?;
    Ok(user)
}

/// Puts the texts of people back into an entry of an earlier version, so that its hash can be checked.
///
/// # Errors
/// When the profiles cannot be read.
pub(super) fn restore(connection: &Connection, entry: &mut JournalRow) -> Result<(), rusqlite::Error> {
    if !entry.lacks_original() {
        return Ok(());
    }
    let sql = "SELECT earlier FROM profiles WHERE workspace = ?1";
    let rows = all_rows(&mut connection.prepare_cached(sql)?, &[entry.workspace.into()])?;
    originals::restore(entry, rows.iter().map(|row| row.text(0)));
    Ok(())
}

/// Deletes the snapshots of earlier versions, which have the addresses too.
fn drop_snapshots(views: &Path) -> Result<(), Unavailable> {
    if !views.exists() {
        return Ok(());
    }
    let views = Connection::open(views)?;
    views.pragma_update(None, "secure_delete", true)?;
    let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = 'snapshots')";
    if views.query_row(sql, [], |row| row.get(0))? {
        views.execute("DELETE FROM snapshots", [])?;
        views.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    }
    Ok(())
}
