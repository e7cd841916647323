//! Rows that are written together with an entry: claims, mails, and rows of the tables beside the journal.
//!
//! Some of them come with a submission. The rest follows from the entry itself: the notices that people are sent and
//! the rows that lists are read from, whatever caused the entry, the passing of time included. The caller hands over a
//! function for that when it opens the store; the store knows nothing of the texts.
//!
//! Invariant: all of these rows are in the transaction of their entry, so that neither exists without the other.

use super::Value;
use super::integrity::Seals;
use scrip_engine::{Catalogs, DatedEvent, Timestamp, Workspace};
use std::borrow::Cow;

/// A name that only one workspace may ever have: a person's lifetime grants (R8), an operator's own id.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Claim {
    /// Scope of the claim: the kind of thing that is claimed.
    pub scope: Cow<'static, str>,
    /// Name of the claimed thing within the scope.
    pub what: String,
}

/// A mail that is to be sent. Nothing in it is secret: a link is made only when the mail is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMail {
    /// Identifier of the mail, unique for ever: a second mail with this id is taken for the first.
    pub id: String,
    /// Kind of the mail, by which its text is chosen.
    pub kind: String,
    /// Address of the recipient of the mail.
    pub recipient: String,
    /// Values that the text of the mail needs, as JSON.
    pub data: String,
}

impl NewMail {
    /// Returns the values of [`super::queries::NEW_MAIL`].
    pub fn values(&self, now: Timestamp, seals: &Seals) -> Vec<Value> {
        let seal = self.seal(seals);
        self.seal_columns().into_iter().chain([now.micros().into(), seal]).collect()
    }

    /// Returns the seal of the mail's row.
    pub fn seal(&self, seals: &Seals) -> Value {
        seals.seal("mails", &self.seal_columns())
    }

    /// Returns the columns that the seal is over.
    pub fn seal_columns(&self) -> [Value; 4] {
        [&self.id, &self.kind, &self.recipient, &self.data].map(|text| Value::Text(text.clone()))
    }
}

/// A statement on a table beside the journal. It must not fail for any values: every submission that shares its
/// transaction would fail with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// The statement in SQL, with `$1 … $n`.
    pub(crate) sql: &'static str,
    /// Values of the statement's parameters, in their order.
    pub(crate) values: Vec<Value>,
    /// The table whose row it adds, and the columns that the row's seal is over, where it has one. The seal is its last
    /// value.
    pub(crate) sealed: Option<(&'static str, Vec<Value>)>,
}

impl Statement {
    /// Returns a statement that writes no seal.
    pub(crate) fn new(sql: &'static str, values: Vec<Value>) -> Statement {
        Statement { sql, values, sealed: None }
    }

    /// Returns the values, with the seal.
    pub fn values(&self, seals: &Seals) -> Vec<Value> {
        let seal = self.sealed.as_ref().map(|(table, columns)| seals.seal(table, columns));
        self.values.iter().cloned().chain(seal).collect()
    }
}

/// Mails and rows that follow from an entry.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Consequences {
    /// Mails that are sent because of the entry.
    pub mails: Vec<NewMail>,
    /// Statements that keep the entry's rows for lists.
    pub rows: Vec<Statement>,
}

/// Returns the mails and rows that follow from an entry, by the workspace right after it and its events. It is called
/// for every entry, so it must cost nothing for an entry that brings none.
pub type Tell = fn(&Catalogs, &Workspace, &[DatedEvent]) -> Consequences;

/// Returns no mails and no rows: for tools and tests, whose entries tell members nothing.
pub fn no_consequences(_: &Catalogs, _: &Workspace, _: &[DatedEvent]) -> Consequences {
    Consequences::default()
}
