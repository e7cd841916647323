//! Every table, described once: its columns, its writer, its distribution, the rights on it, and which of its columns
//! are transferred, sealed and folded.
//!
//! The rights of the server's role, the statements that distribute a database, the transfer between the engines, the
//! seals, and the tables that are emptied before the journal is folded again are derived from this description.
//!
//! Invariant: the description equals the result of the migrations, on both engines. A test compares the two.

mod list;

pub use list::TABLES;

/// Kind of the values in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Number, instant in microseconds, or yes (1) and no (0).
    Integer,
    /// Text in UTF-8, without U+0000 on PostgreSQL.
    Text,
    /// Bytes of any value.
    Bytes,
}

/// Database engine that a store runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// The embedded database, SQLite.
    Sqlite,
    /// A PostgreSQL server, shared by processes.
    Postgres,
}

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Name of the column in SQL.
    pub name: &'static str,
    /// Kind of the column's values.
    pub kind: Kind,
    /// `true` when the column is among the ones that identify a sealed row.
    pub is_key: bool,
    /// `true` when the row's seal is over the column.
    pub is_sealed: bool,
    /// `true` when the column follows from entries alone. A lease and the next attempt at a run are the workers' own.
    pub is_folded: bool,
    /// Only engine that has the column; `None` where both do.
    pub only: Option<Engine>,
}

/// Part of the program that writes a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writer {
    /// Part that decides commands and appends entries: the writer on SQLite, the appender on PostgreSQL.
    Appender,
    /// Any part of a server, beside the journal; on SQLite the journal's thread writes for them.
    Server,
    /// Projector, which folds entries into rows.
    Projector,
    /// Limiter, which counts requests.
    Limiter,
    /// Migrations alone, at a start.
    Migrations,
}

/// Distribution of a table over the partitions of a journal or the nodes of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distribution {
    /// By workspace: every unique key of the table begins with the workspace.
    ByWorkspace,
    /// By claim: of one claim in all workspaces there is one row.
    ByClaim,
    /// Whole on every node: the table is small, and about all workspaces.
    Everywhere,
    /// Nowhere: the entry stands for a view or for another program's table.
    Nowhere,
}

/// Rights of the server's role on a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rights {
    /// Right to read rows.
    Read,
    /// Right to read and add: no row is ever changed or deleted.
    Add,
    /// Right to read, add and change.
    Change,
    /// Right to read, add, change and delete: rows are folded again, or have run out.
    Delete,
}

impl Rights {
    /// Returns the rights of the serving role on a table, as the privileges of PostgreSQL's `GRANT`.
    pub fn privileges(self) -> &'static str {
        match self {
            Rights::Read => "SELECT",
            Rights::Add => "SELECT, INSERT",
            Rights::Change => "SELECT, INSERT, UPDATE",
            Rights::Delete => "SELECT, INSERT, UPDATE, DELETE",
        }
    }
}

/// A table, or a view that is read as one.
#[derive(Debug)]
pub struct Table {
    /// Name of the table in SQL.
    pub name: &'static str,
    /// Columns of the table; empty where they are another program's.
    pub columns: &'static [Column],
    /// Part of the program that writes its rows.
    pub writer: Writer,
    /// Distribution of its rows.
    pub distribution: Distribution,
    /// Rights of the server's role on it.
    pub rights: Rights,
    /// `true` when its rows are transferred from one engine to the other.
    pub is_moved: bool,
    /// Column that the database numbers, where there is one.
    pub numbered: Option<&'static str>,
    /// `true` when each row's seal is also over the seal of the row before it, in the order of the key.
    pub is_chained: bool,
    /// Only engine that has the table; `None` where both do.
    pub only: Option<Engine>,
}

impl Column {
    /// Returns the column as one that identifies a sealed row, and is sealed.
    const fn key(self) -> Column {
        Column { is_key: true, is_sealed: true, ..self }
    }

    const fn in_seal(self) -> Column {
        Column { is_sealed: true, ..self }
    }

    const fn in_fold(self) -> Column {
        Column { is_folded: true, ..self }
    }

    const fn only(self, engine: Engine) -> Column {
        Column { only: Some(engine), ..self }
    }

    /// Returns whether a database engine has the column.
    pub fn is_on(&self, engine: Engine) -> bool {
        self.only.is_none_or(|only| only == engine)
    }
}

impl Table {
    /// Returns the table of a name.
    pub fn by_name(name: &str) -> Option<&'static Table> {
        TABLES.iter().find(|table| table.name == name)
    }

    /// Returns the tables that an engine has.
    pub fn on(engine: Engine) -> impl Iterator<Item = &'static Table> {
        TABLES.iter().filter(move |table| table.only.is_none_or(|only| only == engine))
    }

    /// Returns the tables of an engine that are folded from the journal, each with its folded columns.
    pub fn projections_of(engine: Engine) -> impl Iterator<Item = (&'static str, String)> {
        Table::on(engine).filter_map(move |table| {
            let columns: Vec<&str> = table
                .columns
                .iter()
                .filter(|column| column.is_folded && column.is_on(engine))
                .map(|it| it.name)
                .collect();
            (!columns.is_empty()).then(|| (table.name, columns.join(", ")))
        })
    }

    /// Returns the tables of an engine that are emptied before the journal is folded again.
    pub fn resettable_tables(engine: Engine) -> impl Iterator<Item = &'static str> {
        Table::on(engine).filter(|table| table.writer == Writer::Projector).map(|table| table.name)
    }

    /// Returns the table of the journal.
    pub fn journal() -> &'static Table {
        &TABLES[0]
    }

    /// Returns the tables beside the journal that are transferred.
    pub fn transferable_beside() -> impl Iterator<Item = &'static Table> {
        Table::transferable().filter(|table| table.writer != Writer::Appender)
    }

    /// Returns the journal and the tables beside it that are transferred.
    pub fn transferable() -> impl Iterator<Item = &'static Table> {
        TABLES.iter().filter(|table| table.is_moved)
    }

    /// Returns the tables with a distribution.
    pub fn by_distribution(distribution: Distribution) -> impl Iterator<Item = &'static str> {
        Table::on(Engine::Postgres).filter(move |table| table.distribution == distribution).map(|table| table.name)
    }

    /// Returns the columns that are transferred: those that both engines have.
    pub fn moved_columns(&self) -> impl Iterator<Item = &'static Column> {
        self.columns.iter().filter(|column| column.only.is_none())
    }

    /// Returns the statement that reads a page of rows from the embedded database, after a place, in order. The place,
    /// which only that database has, comes first in each.
    pub fn page(&self) -> String {
        let columns: Vec<&str> = self.moved_columns().map(|column| column.name).collect();
        let (columns, table) = (columns.join(", "), self.name);
        format!("SELECT rowid, {columns} FROM {table} WHERE rowid > $1 ORDER BY rowid LIMIT $2")
    }
}
