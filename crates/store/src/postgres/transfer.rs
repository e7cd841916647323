//! Target of a transfer: a database that is filled with the journal of a data directory.
//!
//! Invariant: the entries in the database are a beginning of the source's journal, and its mark stays until all of them
//! are there.

use super::guards::{MOVING, refuse_other_divisions, refuse_the_served};
use super::reach::{Address, Reach};
use super::{PATIENCE, fold, migrate};
use crate::integrity::{self, Seals};
use crate::tables::{Kind, Table};
use crate::{Row, Unavailable, queries};
use std::pin::pin;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Transaction};

/// Advisory lock of the process that fills a database; the number is Scrip's own.
const LOCK: i64 = 0x5343_5249_5002;
/// Name of the mark after the transfer has ended.
const MOVED: &str = "moved";

/// Returns the type of a column as PostgreSQL has it.
fn type_of(kind: Kind) -> Type {
    match kind {
        Kind::Integer => Type::INT8,
        Kind::Text => Type::TEXT,
        Kind::Bytes => Type::BYTEA,
    }
}

/// State in which the target was found.
pub enum TargetState {
    /// The database has no journal.
    Empty,
    /// A transfer into it was interrupted: the position and the hash of the last entry that arrived, if there is one.
    Halfway(Option<(i64, Vec<u8>)>),
    /// A journal with this digest was transferred into it, and it may have been served since.
    Moved(Vec<u8>),
}

/// A database that is being filled. The advisory lock keeps every other process from filling it.
pub struct Target {
    client: Client,
}

impl Target {
    /// Connects, brings the schema up to this version, and takes the lock by which one process fills the database.
    ///
    /// # Errors
    /// When the database does not answer, has a journal of its own, is served, or another process fills it.
    pub async fn open(address: &Address) -> Result<(Target, TargetState), Unavailable> {
        let reach = Reach::of(address)?.with_name("move");
        let mut client = reach.connect().await?;
        migrate(&mut client, &reach).await?;
        refuse_other_divisions(&client).await?;
        // The server may not have noticed yet that the process with the lock was killed; it notices when it next
        // writes.
        client.batch_execute(&format!("SET lock_timeout = {}", PATIENCE.as_millis())).await?;
        let locked = client.execute("SELECT pg_advisory_lock($1)", &[&reach.lock(LOCK)]).await;
        locked.map_err(|error| {
            Unavailable(format!("another move into this database is under way: {}", describe(error)))
        })?;
        client.batch_execute("SET lock_timeout = 0").await?;
        let found = find(&client, &reach).await?;
        Ok((Target { client }, found))
    }

    /// Marks the database: it is not served until the mark is removed.
    ///
    /// # Errors
    /// When the database cannot write.
    pub async fn mark(&self, digest: &[u8], seals: &Seals) -> Result<(), Unavailable> {
        let values = seals.setting(MOVING, digest.to_vec());
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
        self.client.execute(queries::KEEP_SETTING, &values).await?;
        Ok(())
    }

    /// Appends the next entries: all of them or none.
    ///
    /// # Errors
    /// When the database cannot write.
    pub async fn append(&mut self, rows: &[Row]) -> Result<(), Unavailable> {
        let transaction = self.client.transaction().await?;
        copy(&transaction, Table::journal(), rows).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Begins to write the tables beside the journal again, from nothing.
    ///
    /// # Errors
    /// When the database cannot write.
    pub async fn beside(&mut self) -> Result<Beside<'_>, Unavailable> {
        let transaction = self.client.transaction().await?;
        for Table { name, .. } in Table::transferable_beside() {
            // The mark is a setting too, and stays.
            let but = if *name == "settings" { format!(" WHERE name <> '{MOVING}'") } else { String::new() };
            transaction.batch_execute(&format!("DELETE FROM {name}{but}")).await?;
        }
        Ok(Beside { transaction })
    }

    /// Sets the numbering of entries, acts and applications to go on after the last ones, and refreshes the planner's
    /// statistics.
    ///
    /// # Errors
    /// When the database cannot write.
    pub async fn settle(&self) -> Result<(), Unavailable> {
        for Table { name: table, numbered, .. } in Table::transferable() {
            let Some(number) = numbered else { continue };
            let sql = format!(
                "SELECT setval(pg_get_serial_sequence('{table}', '{number}'), MAX({number})) FROM {table}
                 HAVING MAX({number}) IS NOT NULL"
            );
            self.client.query(&sql, &[]).await?;
        }
        self.client.batch_execute("ANALYZE entries").await?;
        fold::list_all(&self.client).await
    }

    /// Removes the mark: from now on the database may be served.
    ///
    /// # Errors
    /// When the database cannot write, or the mark is missing.
    pub async fn unmark(self, digest: &[u8], seals: &Seals) -> Result<(), Unavailable> {
        let seal = &seals.setting(MOVED, digest.to_vec())[2];
        let sql = "UPDATE settings SET name = $1, seal = $4 WHERE name = $2 AND value = $3";
        match self.client.execute(sql, &[&MOVED, &MOVING, &digest, seal]).await? {
            1 => Ok(()),
            _ => Err(Unavailable("the mark of this move is gone: another program wrote to the database".to_owned())),
        }
    }
}

/// Tables beside the journal, while they are written: all of them or none.
pub struct Beside<'a> {
    transaction: Transaction<'a>,
}

impl Beside<'_> {
    /// Appends rows to one of the tables.
    ///
    /// # Errors
    /// When the database cannot write.
    pub async fn append(&self, table: &Table, rows: &[Row]) -> Result<(), Unavailable> {
        copy(&self.transaction, table, rows).await
    }

    /// Commits the rows of all the tables.
    ///
    /// # Errors
    /// When the database cannot write.
    pub async fn commit(self) -> Result<(), Unavailable> {
        Ok(self.transaction.commit().await?)
    }
}

/// Writes rows unchanged. The first column of each is its place in the table that it comes from. `COPY` writes the
/// positions it is given, although they are generated otherwise.
async fn copy(transaction: &Transaction<'_>, table: &Table, rows: &[Row]) -> Result<(), Unavailable> {
    let columns = table.moved_columns().map(|column| (column.name, type_of(column.kind)));
    let (names, types): (Vec<&str>, Vec<Type>) = columns.unzip();
    let sql = format!("COPY {} ({}) FROM STDIN (FORMAT binary)", table.name, names.join(", "));
    let mut writer = pin!(BinaryCopyInWriter::new(transaction.copy_in(&sql).await?, &types));
    for Row(values) in rows {
        writer.as_mut().write_raw(values[1..].iter()).await?;
    }
    writer.finish().await?;
    Ok(())
}

async fn find(client: &Client, reach: &Reach) -> Result<TargetState, Unavailable> {
    let sql = "SELECT name, value FROM settings WHERE name = $1 OR name = $2 ORDER BY name = $1 DESC LIMIT 1";
    let mark = client.query_opt(sql, &[&MOVING, &MOVED]).await?;
    match mark {
        Some(row) if row.get::<_, &str>(0) == MOVING => {
            let last = client.query_opt("SELECT position, hash FROM entries ORDER BY position DESC LIMIT 1", &[]);
            Ok(TargetState::Halfway(last.await?.map(|row| (row.get(0), row.get(1)))))
        }
        Some(row) => Ok(TargetState::Moved(row.get(1))),
        None => {
            refuse_the_used(client, reach).await?;
            Ok(TargetState::Empty)
        }
    }
}

/// Refuses a database that has rows in its tables or a connected server. A database with Scrip's schema and without a
/// mark is otherwise taken for empty.
async fn refuse_the_used(client: &Client, reach: &Reach) -> Result<(), Unavailable> {
    // The settings of the seals are made with the schema.
    let own = integrity::SETTINGS.map(|name| format!("'{name}'")).join(", ");
    let rows = |table: &Table| match table.name {
        "settings" => format!("settings WHERE name NOT IN ({own})"),
        name => name.to_owned(),
    };
    let any: Vec<String> =
        Table::transferable().map(|table| format!("EXISTS (SELECT 1 FROM {})", rows(table))).collect();
    if client.query_one(&format!("SELECT {}", any.join(" OR ")), &[]).await?.get(0) {
        return Err(Unavailable("this database has a journal of its own: name an empty one".to_owned()));
    }
    refuse_the_served(client, reach, "move").await
}

fn describe(error: tokio_postgres::Error) -> String {
    Unavailable::from(error).to_string()
}
