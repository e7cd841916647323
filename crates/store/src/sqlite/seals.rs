//! Seals of an embedded database, established when it is opened.
//!
//! Invariant: the rows of an older version are sealed in one transaction with the mark that records it, or not at all.

use super::{all_rows, bound};
use crate::integrity::{
    self, CLAIMS_BEFORE, COUNT_CLAIMS, KEY, LAST_ACT, LAST_CATALOG, MARK, SealedTable, Seals, Start, StoredSettings,
};
use crate::{Row, Unavailable, Value, number_parameters, queries};
use rusqlite::{Connection, Error, OptionalExtension, Transaction, TransactionBehavior};

/// Returns the seals, after sealing the rows of an older version; with `again`, after sealing the rows of any.
///
/// # Errors
/// When the rows were sealed with another key, or cannot be written.
pub(super) fn establish(
    connection: &mut Connection,
    given: Option<integrity::Key>,
    is_upgraded: bool,
    again: bool,
) -> Result<Seals, Unavailable> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let is_empty =
        transaction.query_row("SELECT NOT EXISTS (SELECT 1 FROM entries)", [], |row| row.get::<_, bool>(0))?;
    let setting = |name: &str| {
        let sql = "SELECT value FROM settings WHERE name = ?1";
        transaction.query_row(sql, [name], |row| row.get::<_, Vec<u8>>(0)).optional()
    };
    let found = StoredSettings { key: setting(KEY)?, mark: setting(MARK)?, is_new: is_upgraded || is_empty };
    let (seals, made) = match Start::of(given, found, again)? {
        Start::Sealed(seals) => return Ok(seals),
        Start::Unsealed(seals, made) => (seals, made),
    };
    for (name, value) in made.map(|key| (KEY, key)).into_iter().chain([(MARK, seals.mark())]) {
        keep(&transaction, &seals, name, value)?;
    }
    for table in SealedTable::all() {
        let rows = read(&transaction, &table.select())?;
        let mut update = transaction.prepare(&number_parameters(&table.update()))?;
        for values in seals.reseal(table, &rows) {
            update.execute(bound(&values))?;
        }
    }
    let last = "SELECT n, seal FROM acts ORDER BY n DESC LIMIT $1 OFFSET $2";
    keep(&transaction, &seals, LAST_ACT, integrity::last_act(read(&transaction, last)?.first()))?;
    let last = "SELECT version FROM catalogs ORDER BY version DESC LIMIT $1 OFFSET $2";
    keep(&transaction, &seals, LAST_CATALOG, integrity::last_catalog(read(&transaction, last)?.first()))?;
    let before = integrity::claims_before(read(&transaction, COUNT_CLAIMS)?.first());
    keep(&transaction, &seals, CLAIMS_BEFORE, before)?;
    transaction.commit()?;
    Ok(seals)
}

fn read(transaction: &Transaction<'_>, sql: &str) -> Result<Vec<Row>, Error> {
    all_rows(&mut transaction.prepare_cached(&number_parameters(sql))?, &[Value::Integer(i64::MAX), Value::Integer(0)])
}

/// Writes a setting, with its seal.
pub(super) fn keep(connection: &Connection, seals: &Seals, name: &str, value: Vec<u8>) -> Result<(), Error> {
    let values = seals.setting(name, value);
    connection.prepare_cached(&number_parameters(queries::KEEP_SETTING))?.execute(bound(&values)).map(drop)
}
