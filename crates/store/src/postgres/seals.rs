//! Seals of a PostgreSQL database, established when a process connects.
//!
//! Invariant: the rows of an older version are sealed in one transaction with the mark that records it, or not at all.

use super::{SharedState, reach, schema, values};
use crate::integrity::{
    self, CLAIMS_BEFORE, COUNT_CLAIMS, KEY, LAST_ACT, LAST_CATALOG, MARK, SealedTable, Seals, Start, StoredSettings,
};
use crate::{Row, Unavailable, Value, queries};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Transaction};

/// Advisory lock of the process that seals; the number is Scrip's own.
const SEALING: i64 = 0x5343_5249_5004;
/// Advisory lock of the process that adds an act; the number is Scrip's own.
const ACTING: i64 = 0x5343_5249_5005;

/// Returns the seals, after sealing the rows of an older version; with `again`, after sealing the rows of any.
///
/// # Errors
/// When the rows were sealed with another key, or this role may not write them.
pub(super) async fn establish(
    client: &mut Client,
    given: Option<integrity::Key>,
    is_upgraded: bool,
    again: bool,
) -> Result<Seals, Unavailable> {
    let transaction = client.transaction().await?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&SEALING]).await?;
    let sql = "SELECT NOT EXISTS (SELECT 1 FROM entries)";
    let is_empty: bool = transaction.query_one(sql, &[]).await?.get(0);
    let sql = "SELECT name, value FROM settings WHERE name = $1 OR name = $2";
    let rows = transaction.query(sql, &[&KEY, &MARK]).await?;
    let setting = |name: &str| rows.iter().find(|row| row.get::<_, &str>(0) == name).map(|row| row.get(1));
    let found = StoredSettings { key: setting(KEY), mark: setting(MARK), is_new: is_upgraded || is_empty };
    match Start::of(given, found, again)? {
        Start::Sealed(seals) => Ok(seals),
        Start::Unsealed(seals, made) => {
            seal(&transaction, &seals, made).await.map_err(schema::refuse_denied)?;
            transaction.commit().await?;
            Ok(seals)
        }
    }
}

async fn seal(
    transaction: &Transaction<'_>,
    seals: &Seals,
    made: Option<Vec<u8>>,
) -> Result<(), tokio_postgres::Error> {
    for (name, value) in made.map(|key| (KEY, key)).into_iter().chain([(MARK, seals.mark())]) {
        keep(transaction, seals, name, value).await?;
    }
    for table in SealedTable::all() {
        let rows = read(transaction, &table.select()).await?;
        let update = transaction.prepare(&table.update()).await?;
        for values in seals.reseal(table, &rows) {
            let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
            transaction.execute(&update, &values).await?;
        }
    }
    let before = integrity::claims_before(read(transaction, COUNT_CLAIMS).await?.first());
    keep(transaction, seals, CLAIMS_BEFORE, before).await?;
    let last = "SELECT n, seal FROM acts ORDER BY n DESC LIMIT $1 OFFSET $2";
    keep(transaction, seals, LAST_ACT, integrity::last_act(read(transaction, last).await?.first())).await?;
    let last = "SELECT version FROM catalogs ORDER BY version DESC LIMIT $1 OFFSET $2";
    keep(transaction, seals, LAST_CATALOG, integrity::last_catalog(read(transaction, last).await?.first())).await
}

/// Appends an act after the last one, one process at a time.
///
/// # Errors
/// When the database does not answer, or the last act does not carry its seal.
pub(super) async fn append_act(shared: &SharedState, act: &[Value]) -> Result<(), Unavailable> {
    let mut client = reach::take(&shared.pool).await?;
    let transaction = client.transaction().await?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&ACTING]).await?;
    let last = transaction.query_opt(queries::SETTING, &[&LAST_ACT]).await?;
    let last = last.as_ref().map(values::row).transpose()?;
    let (values, last) = shared.seals.next_act(last.as_ref(), act)?;
    keep(&transaction, &shared.seals, LAST_ACT, last).await?;
    let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
    transaction.execute(queries::NEW_ACT, &values).await?;
    Ok(transaction.commit().await?)
}

async fn read(transaction: &Transaction<'_>, sql: &str) -> Result<Vec<Row>, tokio_postgres::Error> {
    let rows = transaction.query(sql, &[&i64::MAX, &0_i64]).await?;
    let row = |row| values::row(row).expect("sealed columns are numbers, text or bytes");
    Ok(rows.iter().map(row).collect())
}

/// Writes a setting, with its seal.
pub(super) async fn keep(
    transaction: &Transaction<'_>,
    seals: &Seals,
    name: &str,
    value: Vec<u8>,
) -> Result<(), tokio_postgres::Error> {
    let values: Vec<Value> = seals.setting(name, value);
    let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
    transaction.execute(queries::KEEP_SETTING, &values).await.map(drop)
}
