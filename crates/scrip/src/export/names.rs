//! Names of things in an export.
//!
//! Invariant: an id, an instant or an event has the same name here as in the API.

use scrip_engine::{Account, DAY, Entry, Event, Kind, Timestamp, WorkspaceId};

/// The id of an entry. The engine's ids count in 32 bits and a journal in 64, so it is put together here.
pub(super) fn entry_id(entry: &Entry) -> String {
    let first = entry.workspace.owned(Kind::Entry, 0);
    let stem = first.strip_suffix('0').expect("an id ends with its number");
    format!("{stem}{}", entry.seq)
}

/// The id of a grant.
pub(super) fn grant_id(workspace: WorkspaceId, n: u32) -> String {
    workspace.owned(Kind::Grant, n)
}

/// A day since 1970 as a date.
pub(super) fn date(day: i64) -> String {
    let instant = Timestamp::from_micros(day.saturating_mul(DAY)).to_string();
    instant.split_once('T').map_or_else(|| instant.clone(), |(date, _)| date.to_owned())
}

/// An account, as JSON lines and CSV name it. The grant stands beside it.
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

/// An event's name, as it stands in the journal.
pub(super) const fn event(event: &Event) -> &'static str {
    match event {
        Event::WorkspaceOpened { .. } => "workspace_opened",
        Event::Renamed { .. } => "renamed",
        Event::ReviewApproved { .. } => "review_approved",
        Event::PeriodStarted { .. } => "period_started",
        Event::PeriodCarried { .. } => "period_carried",
        Event::MonthStarted { .. } => "month_started",
        Event::SubscriptionEnded { .. } => "subscription_ended",
        Event::ChangeScheduled { .. } => "change_scheduled",
        Event::CancelScheduled => "cancel_scheduled",
        Event::ScheduleCleared => "schedule_cleared",
        Event::CatalogMigrated { .. } => "catalog_migrated",
        Event::GrantIssued { .. } => "grant_issued",
        Event::GrantExpired { .. } => "grant_expired",
        Event::GrantRevoked { .. } => "grant_revoked",
        Event::DebtRepaid { .. } => "debt_repaid",
        Event::DisputeOpened { .. } => "dispute_opened",
        Event::DisputeClosed { .. } => "dispute_closed",
        Event::Frozen { .. } => "frozen",
        Event::Unfrozen => "unfrozen",
        Event::RunQueued { .. } => "run_queued",
        Event::RunStarted { .. } => "run_started",
        Event::RunSettled { .. } => "run_settled",
        Event::OutcomeIgnored { .. } => "outcome_ignored",
        Event::HoldOpened { .. } => "hold_opened",
        Event::HoldExtended { .. } => "hold_extended",
        Event::HoldEnded { .. } => "hold_ended",
        Event::WindowWithdrawn { .. } => "window_withdrawn",
        Event::Team(event) => event.name(),
        Event::Billing(event) => event.name(),
        Event::Notice(notice) => notice.name(),
    }
}
