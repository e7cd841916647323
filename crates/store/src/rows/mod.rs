//! Typed rows: every statement that is not an engine's own, in one file for each subject, each behind a function.
//!
//! A function takes the handle to use and returns a struct. Sealed columns are sealed and checked here.
//!
//! Invariant: no statement and no number of a column leaves this folder.

/// Declares statements, and lists all of a file, so that a test can prepare each on both engines.
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $sql:expr;)*) => {
        $($(#[$doc])* const $name: &str = $sql;)*

        /// Every statement of this file.
        #[cfg(test)]
        pub(crate) const ALL: &[&str] = &[$($name),*];
    };
}

pub mod acts;
pub mod alerts;
pub mod allowances;
pub mod blocks;
pub mod catalogs;
pub mod claims;
pub mod customers;
pub mod entries;
pub mod identities;
pub mod key_uses;
pub mod mails;
pub mod operators;
pub mod profiles;
pub mod purchases;
pub mod queue;
pub mod review_files;
pub mod reviews;
pub mod runs;
pub mod seals;
pub mod sessions;
pub mod settings;
pub mod sign_in_tokens;
pub mod snapshots;
pub mod spent;
pub mod stripe_events;
pub mod test_clocks;
pub mod usage;
pub mod users;
pub mod workspaces;

use super::{Row, Value};
use scrip_engine::{Timestamp, UserId, WorkspaceId};

/// Every statement of every subject, by the file it is in.
#[cfg(test)]
pub(crate) const ALL: &[(&str, &[&str])] = &[
    ("acts", acts::ALL),
    ("alerts", alerts::ALL),
    ("allowances", allowances::ALL),
    ("blocks", blocks::ALL),
    ("catalogs", catalogs::ALL),
    ("claims", claims::ALL),
    ("customers", customers::ALL),
    ("entries", entries::ALL),
    ("identities", identities::ALL),
    ("key_uses", key_uses::ALL),
    ("mails", mails::ALL),
    ("operators", operators::ALL),
    ("profiles", profiles::ALL),
    ("purchases", purchases::ALL),
    ("queue", queue::ALL),
    ("review_files", review_files::ALL),
    ("reviews", reviews::ALL),
    ("runs", runs::ALL),
    ("seals", seals::ALL),
    ("sessions", sessions::ALL),
    ("settings", settings::ALL),
    ("sign_in_tokens", sign_in_tokens::ALL),
    ("snapshots", snapshots::ALL),
    ("spent", spent::ALL),
    ("stripe_events", stripe_events::ALL),
    ("test_clocks", test_clocks::ALL),
    ("usage", usage::ALL),
    ("users", users::ALL),
    ("workspaces", workspaces::ALL),
];

fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

fn bytes(value: &[u8]) -> Value {
    Value::Bytes(value.to_vec())
}

impl Row {
    fn text_owned(&self, column: usize) -> String {
        self.text(column).to_owned()
    }

    fn instant(&self, column: usize) -> Timestamp {
        Timestamp::from_micros(self.integer(column))
    }

    fn maybe_instant(&self, column: usize) -> Option<Timestamp> {
        self.maybe_integer(column).map(Timestamp::from_micros)
    }

    fn user(&self, column: usize) -> UserId {
        UserId::new(self.integer(column) as u64)
    }

    fn maybe_text(&self, column: usize) -> Option<String> {
        match self.0.get(column) {
            Some(Value::Text(text)) => Some(text.clone()),
            _ => None,
        }
    }

    fn workspace(&self, column: usize) -> WorkspaceId {
        WorkspaceId::new(self.integer(column) as u64)
    }

    fn maybe_workspace(&self, column: usize) -> Option<WorkspaceId> {
        self.maybe_integer(column).map(|id| WorkspaceId::new(id as u64))
    }
}
