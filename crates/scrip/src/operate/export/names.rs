//! Names of objects in an export.
//!
//! Invariant: an id, an instant or an event has the same name here as in the API.

use scrip_engine::{Account, DAY, Entry, Kind, Timestamp, WorkspaceId};

/// Returns the id of an entry. The engine's ids count in 32 bits and a journal in 64, so it is composed here.
pub(super) fn entry_id(entry: &Entry) -> String {
    let first = entry.workspace.id_of(Kind::Entry, 0);
    let stem = first.strip_suffix('0').expect("an id ends with its number");
    format!("{stem}{}", entry.seq)
}

/// Returns the id of a grant.
pub(super) fn grant_id(workspace: WorkspaceId, n: u32) -> String {
    workspace.id_of(Kind::Grant, n)
}

/// Returns a day, counted since 1970, as a date.
pub(super) fn date(day: i64) -> String {
    let instant = Timestamp::from_micros(day.saturating_mul(DAY)).to_string();
    instant.split_once('T').map_or_else(|| instant.clone(), |(date, _)| date.to_owned())
}

/// Returns the name of an account in JSON lines and CSV, without its grant, which has a field of its own.
pub(super) fn account(account: Account) -> String {
    match account {
        Account::Source(kind) => format!("granted:{}", kind.name()),
        Account::Available(_) => "available".to_owned(),
        Account::Held(_) => "held".to_owned(),
        Account::Captured => "captured".to_owned(),
        Account::Expired => "expired".to_owned(),
        Account::Revoked => "revoked".to_owned(),
    }
}
