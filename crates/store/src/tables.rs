//! Every table, described once: its columns, who writes it, how it is distributed, who may do what with it, and what of
//! it is moved, sealed and folded.
//!
//! Rights of a role that serves, the statements that distribute a database, a move between the engines, seals, and the
//! tables that are emptied before the journal is folded again are derived from this.
//!
//! Invariant: it is what the migrations make, on both engines. A test compares the two.

mod list;

pub use list::TABLES;

/// Kind of the values in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Numbers, instants in microseconds, and yes (1) or no (0).
    Integer,
    /// Text.
    Text,
    /// Bytes.
    Bytes,
}

/// A database engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// The embedded database.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// The column's name.
    pub name: &'static str,
    /// Kind of its values.
    pub kind: Kind,
    /// Whether it is among the columns that name a sealed row.
    pub is_key: bool,
    /// Whether the row's seal is over it.
    pub is_sealed: bool,
    /// Whether it follows from entries alone. A lease and the next attempt at a run are the workers' own.
    pub is_folded: bool,
    /// The only engine that has it; `None` where both do.
    pub only: Option<Engine>,
}

/// The part of a program that writes a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writer {
    /// The one that decides commands and appends entries: the writer on SQLite, an appender on PostgreSQL.
    Appender,
    /// Any part of a server, beside the journal; on SQLite the journal's thread does it for them.
    Server,
    /// The projector, which folds entries into rows.
    Projector,
    /// The limiter, which counts requests.
    Limiter,
    /// The migrations alone.
    Migrations,
}

/// Distribution of a table over the parts of a journal or the nodes of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distribution {
    /// By workspace: every unique key of the table begins with the workspace.
    ByWorkspace,
    /// Whole on every node: it is small, and about all workspaces.
    Everywhere,
    /// Nowhere: it is no table of its own.
    Nowhere,
}

/// What the role that serves may do with a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rights {
    /// Read its rows.
    Read,
    /// Read and add: no row is ever changed or taken away.
    Add,
    /// Read, add and change.
    Change,
    /// All of that, and delete: rows are thrown away and folded again, or their time is over.
    Delete,
}

impl Rights {
    /// Returns the rights as PostgreSQL's `GRANT` takes them.
    pub fn privileges(self) -> &'static str {
        match self {
            Rights::Read => "SELECT",
            Rights::Add => "SELECT, INSERT",
            Rights::Change => "SELECT, INSERT, UPDATE",
            Rights::Delete => "SELECT, INSERT, UPDATE, DELETE",
        }
    }
}

/// A table, or a view that is read like one.
#[derive(Debug)]
pub struct Table {
    /// The table's name.
    pub name: &'static str,
    /// The table's columns; empty where they are another program's affair.
    pub columns: &'static [Column],
    /// The part of a program that writes its rows.
    pub writer: Writer,
    /// The way in which it is distributed.
    pub distribution: Distribution,
    /// What the role that serves may do with it.
    pub rights: Rights,
    /// Whether its rows are moved from one engine to the other.
    pub is_moved: bool,
    /// The column that the database numbers, where it does.
    pub numbered: Option<&'static str>,
    /// Whether each row's seal is also over the seal of the row before it, in the order of the key.
    pub is_chained: bool,
    /// The only engine that has it; `None` where both do.
    pub only: Option<Engine>,
}

impl Column {
    /// A column that names a sealed row, and is sealed.
    const fn key(self) -> Column {
        Column { is_key: true, is_sealed: true, ..self }
    }

    const fn sealed(self) -> Column {
        Column { is_sealed: true, ..self }
    }

    const fn folded(self) -> Column {
        Column { is_folded: true, ..self }
    }

    const fn only(self, engine: Engine) -> Column {
        Column { only: Some(engine), ..self }
    }

    /// Returns whether an engine has the column.
    pub fn is_on(&self, engine: Engine) -> bool {
        self.only.is_none_or(|only| only == engine)
    }
}

impl Table {
    /// Returns the table of a name.
    pub fn named(name: &str) -> Option<&'static Table> {
        TABLES.iter().find(|table| table.name == name)
    }

    /// Returns the tables that an engine has.
    pub fn on(engine: Engine) -> impl Iterator<Item = &'static Table> {
        TABLES.iter().filter(move |table| table.only.is_none_or(|only| only == engine))
    }

    /// Returns the tables of an engine that are folded from the journal, each with the columns that follow from it.
    pub fn folded_on(engine: Engine) -> impl Iterator<Item = (&'static str, String)> {
        Table::on(engine).filter_map(|table| {
            let columns: Vec<&str> = table.columns.iter().filter(|column| column.is_folded).map(|it| it.name).collect();
            (!columns.is_empty()).then(|| (table.name, columns.join(", ")))
        })
    }

    /// Returns the tables of an engine that are emptied before the journal is folded again.
    pub fn emptied_on(engine: Engine) -> impl Iterator<Item = &'static str> {
        Table::on(engine).filter(|table| table.writer == Writer::Projector).map(|table| table.name)
    }

    /// Returns the journal.
    pub fn journal() -> &'static Table {
        &TABLES[0]
    }

    /// Returns the tables beside the journal that a move takes along.
    pub fn moved_beside() -> impl Iterator<Item = &'static Table> {
        Table::moved().filter(|table| table.writer != Writer::Appender)
    }

    /// Returns the journal and the tables beside it that a move takes along.
    pub fn moved() -> impl Iterator<Item = &'static Table> {
        TABLES.iter().filter(|table| table.is_moved)
    }

    /// Returns the tables that are distributed in a way.
    pub fn distributed(distribution: Distribution) -> impl Iterator<Item = &'static str> {
        Table::on(Engine::Postgres).filter(move |table| table.distribution == distribution).map(|table| table.name)
    }

    /// Returns the columns that a move takes along: those that both engines have.
    pub fn moved_columns(&self) -> impl Iterator<Item = &'static Column> {
        self.columns.iter().filter(|column| column.only.is_none())
    }

    /// Returns the statement that asks the embedded database for the rows after a place, in order. The place, which
    /// only that database has, comes first in each.
    pub fn page(&self) -> String {
        let columns: Vec<&str> = self.moved_columns().map(|column| column.name).collect();
        let (columns, table) = (columns.join(", "), self.name);
        format!("SELECT rowid, {columns} FROM {table} WHERE rowid > $1 ORDER BY rowid LIMIT $2")
    }
}
