//! What is written beside an entry and with it: claims, mails, and rows of the tables beside the journal.
//!
//! Some of it comes with a submission; the rest is what an entry has to be told to people and kept for lists, whoever
//! caused it, the passing of time included. The store is handed a function for that when it is opened, and knows
//! nothing of what it says.
//!
//! Invariant: all of this is in the transaction of its entry, so that neither is ever without the other.

use super::Value;
use super::integrity::Seals;
use scrip_engine::{Catalogs, Dated, Timestamp, Workspace};
use std::borrow::Cow;

/// Something that only one workspace may have, for ever: a person's lifetime grants (R8), an operator's own id.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Claim {
    /// Which kind.
    pub scope: Cow<'static, str>,
    /// What of that kind.
    pub what: String,
}

/// A mail that is to be sent. Nothing in it is secret: whatever link it will have is made when it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMail {
    /// Its own for ever: another mail with this id is this one.
    pub id: String,
    /// What it is about.
    pub kind: String,
    /// Whom it is for: an address.
    pub recipient: String,
    /// What its text needs, as JSON.
    pub data: String,
}

impl NewMail {
    /// The values of [`super::queries::NEW_MAIL`].
    pub fn values(&self, now: Timestamp, seals: &Seals) -> Vec<Value> {
        let seal = self.seal(seals);
        self.sealed().into_iter().chain([now.micros().into(), seal]).collect()
    }

    /// Returns the seal of the mail's row.
    pub fn seal(&self, seals: &Seals) -> Value {
        seals.seal("mails", &self.sealed())
    }

    /// Returns the columns that the seal is over.
    pub fn sealed(&self) -> [Value; 4] {
        [&self.id, &self.kind, &self.recipient, &self.data].map(|text| Value::Text(text.clone()))
    }
}

/// A statement on a table beside the journal. It must fail for nobody: whoever shares its transaction would fail with
/// it.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// The statement.
    pub(crate) sql: &'static str,
    /// Its values.
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

/// What an entry brings about beside it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Told {
    /// What is mailed because of it.
    pub mails: Vec<NewMail>,
    /// What is kept of it for lists.
    pub rows: Vec<Statement>,
}

/// Says what an entry brings about, by the workspace right after it and what happened. It is asked at every entry, so
/// it must cost nothing where there is nothing to say.
pub type Tell = fn(&Catalogs, &Workspace, &[Dated]) -> Told;

/// Nobody is told anything.
pub fn nobody(_: &Catalogs, _: &Workspace, _: &[Dated]) -> Told {
    Told::default()
}
