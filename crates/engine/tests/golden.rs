//! The journal's format is for ever: what was written once decodes, means the same, and is written the same again.

use scrip_engine::billing::event::BillingEvent;
use scrip_engine::team::event::TeamEvent;
use scrip_engine::{Dated, Entry, Event, Notice, Workspace, WorkspaceId, fold};
use std::collections::BTreeSet;

const EVENTS: &str = include_str!("golden/events.jsonl");
const JOURNAL: &str = include_str!("golden/journal.jsonl");
const STATE: &str = include_str!("golden/state.json");

/// The name of each variant. A new variant does not compile until it is here, and the tests fail until it is in the
/// golden file.
fn name(event: &Event) -> &'static str {
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
        Event::Team(event) => team_name(event),
        Event::Billing(event) => billing_name(event),
        Event::Notice(notice) => notice_name(notice),
    }
}

/// The same of what is said about money.
fn billing_name(event: &BillingEvent) -> &'static str {
    match event {
        BillingEvent::PeriodPaid { .. } => "period_paid",
        BillingEvent::PaymentAwaited { .. } => "payment_awaited",
        BillingEvent::RemainderFrozen => "remainder_frozen",
        BillingEvent::PaymentProcessing { .. } => "payment_processing",
        BillingEvent::PaymentFailed { .. } => "payment_failed",
        BillingEvent::PaymentReversed { .. } => "payment_reversed",
        BillingEvent::TopUpSet { .. } => "top_up_set",
        BillingEvent::TopUpUnset => "top_up_unset",
        BillingEvent::TopUpRequested { .. } => "top_up_requested",
        BillingEvent::TopUpProcessing { .. } => "top_up_processing",
        BillingEvent::TopUpDropped { .. } => "top_up_dropped",
        BillingEvent::TopUpEnded { .. } => "top_up_ended",
        BillingEvent::TopUpPaid { .. } => "top_up_paid",
        BillingEvent::TopUpStopped { .. } => "top_up_stopped",
        BillingEvent::TopUpPutOff { .. } => "top_up_put_off",
        BillingEvent::ReviewRequested { .. } => "review_requested",
        BillingEvent::ReviewRejected { .. } => "review_rejected",
        BillingEvent::ReviewRevoked { .. } => "review_revoked",
    }
}

/// The same of what people are told.
fn notice_name(notice: &Notice) -> &'static str {
    match notice {
        Notice::CreditsLow { .. } => "credits_low",
        Notice::CreditsRecovered { .. } => "credits_recovered",
        Notice::GrantExpiring { .. } => "grant_expiring",
        Notice::PriceRaised { .. } => "price_raised",
        Notice::RetentionShortened { .. } => "retention_shortened",
    }
}

/// The same of what is said about members, invitations and keys.
fn team_name(event: &TeamEvent) -> &'static str {
    match event {
        TeamEvent::Invited { .. } => "invited",
        TeamEvent::InvitationWithdrawn { .. } => "invitation_withdrawn",
        TeamEvent::MemberJoined { .. } => "member_joined",
        TeamEvent::RoleChanged { .. } => "role_changed",
        TeamEvent::MemberCapped { .. } => "member_capped",
        TeamEvent::MemberLeft { .. } => "member_left",
        TeamEvent::KeyMade { .. } => "key_made",
        TeamEvent::KeyChanged { .. } => "key_changed",
        TeamEvent::KeyReviewed { .. } => "key_reviewed",
        TeamEvent::KeyRotated { .. } => "key_rotated",
        TeamEvent::KeyFrozen { .. } => "key_frozen",
        TeamEvent::KeyUnfrozen { .. } => "key_unfrozen",
        TeamEvent::KeyRevoked { .. } => "key_revoked",
    }
}

/// The names of all variants, as the reader of the format knows them.
fn all_names() -> BTreeSet<String> {
    let mut names = names_known_to::<Event>();
    names.extend(names_known_to::<TeamEvent>());
    names.extend(names_known_to::<BillingEvent>());
    names.extend(names_known_to::<Notice>());
    for nest in ["team", "billing", "notice"] {
        names.remove(nest);
    }
    names
}

fn names_known_to<T: serde::de::DeserializeOwned>() -> BTreeSet<String> {
    let Err(error) = serde_json::from_str::<T>(r#"{"no such event":{}}"#) else { panic!("there is no such event") };
    let text = error.to_string();
    text.split('`').skip(3).step_by(2).map(str::to_owned).collect()
}

#[test]
fn every_golden_event_is_read_and_written_the_same() {
    for (index, line) in EVENTS.lines().enumerate() {
        let number = index + 1;
        let dated: Dated = serde_json::from_str(line).unwrap_or_else(|error| panic!("line {number}: {error}"));
        assert_eq!(serde_json::to_string(&dated).expect("events can be written"), line, "line {number}");
        let tag = format!("\"{}\"", name(&dated.1));
        assert!(line.contains(&tag), "line {number} is not named {tag}");
        let exported = match &dated.1 {
            Event::Team(event) => event.name(),
            Event::Billing(event) => event.name(),
            Event::Notice(notice) => notice.name(),
            event => name(event),
        };
        assert_eq!(exported, name(&dated.1), "line {number} is exported under another name");
    }
}

#[test]
fn every_kind_of_event_is_in_the_golden_file() {
    let golden = EVENTS.lines().map(|line| serde_json::from_str::<Dated>(line).expect("it is read"));
    let golden: BTreeSet<String> = golden.map(|dated| name(&dated.1).to_owned()).collect();
    assert_eq!(golden, all_names());
}

/// Optional fields are there once and absent once, so that both forms stay readable.
#[test]
fn events_with_optional_fields_are_there_with_and_without_them() {
    for event in [
        "workspace_opened",
        "period_started",
        "subscription_ended",
        "change_scheduled",
        "grant_issued",
        "grant_revoked",
        "debt_repaid",
        "run_queued",
        "run_settled",
        "hold_opened",
        "hold_ended",
        "top_up_set",
        "top_up_requested",
        "top_up_ended",
    ] {
        let values = EVENTS.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("it is read"));
        let fields = |value: serde_json::Value| -> Option<Vec<String>> {
            let body = value.get(1)?;
            let body = body.get(event).or_else(|| body.get("billing")?.get(event))?;
            Some(body.as_object()?.keys().cloned().collect())
        };
        let forms: BTreeSet<Vec<String>> = values.filter_map(fields).collect();
        assert!(forms.len() >= 2, "{event} has no second form");
    }
}

#[test]
fn the_golden_journal_folds_to_the_golden_state() {
    let mut workspace = Workspace::unopened(WorkspaceId::new(7));
    for (index, line) in JOURNAL.lines().enumerate() {
        let entry: Entry = serde_json::from_str(line).unwrap_or_else(|error| panic!("entry {}: {error}", index + 1));
        assert_eq!(serde_json::to_string(&entry).expect("entries can be written"), line);
        assert_eq!((entry.workspace, entry.seq), (workspace.id, workspace.seq + 1));
        fold(&mut workspace, entry.at, &entry.events);
        workspace.check();
    }
    let written = serde_json::to_string_pretty(&workspace).expect("a workspace can be written");
    assert_eq!(written, STATE.trim_end(), "the state after the golden journal");
    let read: Workspace = serde_json::from_str(STATE).expect("a snapshot is read");
    assert_eq!(read, workspace);
}
