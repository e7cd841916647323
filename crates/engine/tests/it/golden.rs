//! The journal's format is for ever: events that were written once decode, mean the same, and are written the same
//! again.

use scrip_engine::team::event::TeamEvent;
use scrip_engine::{
    DatedEvent, Entry, Event, GrantEvent, HoldEvent, Notice, PaymentEvent, PlanEvent, ReviewEvent, RunEvent,
    TopUpEvent, Workspace, WorkspaceEvent, WorkspaceId, fold,
};
use std::collections::BTreeSet;

const EVENTS: &str = include_str!("../golden/events.jsonl");
/// Events as earlier versions wrote them, each with the form that it is read as: addresses are not kept.
const EARLIER: &str = include_str!("../golden/earlier.jsonl");
const JOURNAL: &str = include_str!("../golden/journal.jsonl");
const STATE: &str = include_str!("../golden/state.json");

/// Returns the name of a variant. A new variant does not compile until it is here, and the tests fail until it is in
/// the golden file.
fn name(event: &Event) -> &'static str {
    match event {
        Event::Workspace(WorkspaceEvent::WorkspaceOpened { .. }) => "workspace_opened",
        Event::Workspace(WorkspaceEvent::Renamed { .. }) => "renamed",
        Event::Plan(PlanEvent::PeriodStarted { .. }) => "period_started",
        Event::Plan(PlanEvent::PeriodCarried { .. }) => "period_carried",
        Event::Plan(PlanEvent::MonthStarted { .. }) => "month_started",
        Event::Plan(PlanEvent::SubscriptionEnded { .. }) => "subscription_ended",
        Event::Plan(PlanEvent::ChangeScheduled { .. }) => "change_scheduled",
        Event::Plan(PlanEvent::CancelScheduled) => "cancel_scheduled",
        Event::Plan(PlanEvent::ScheduleCleared) => "schedule_cleared",
        Event::Plan(PlanEvent::CatalogMigrated { .. }) => "catalog_migrated",
        Event::Grant(GrantEvent::GrantIssued { .. }) => "grant_issued",
        Event::Grant(GrantEvent::GrantExpired { .. }) => "grant_expired",
        Event::Grant(GrantEvent::GrantRevoked { .. }) => "grant_revoked",
        Event::Grant(GrantEvent::DebtRepaid { .. }) => "debt_repaid",
        Event::Workspace(WorkspaceEvent::Frozen { .. }) => "frozen",
        Event::Workspace(WorkspaceEvent::Unfrozen) => "unfrozen",
        Event::Run(RunEvent::RunQueued { .. }) => "run_queued",
        Event::Run(RunEvent::RunStarted { .. }) => "run_started",
        Event::Run(RunEvent::RunSettled { .. }) => "run_settled",
        Event::Run(RunEvent::OutcomeIgnored { .. }) => "outcome_ignored",
        Event::Hold(HoldEvent::HoldOpened { .. }) => "hold_opened",
        Event::Hold(HoldEvent::HoldExtended { .. }) => "hold_extended",
        Event::Hold(HoldEvent::HoldEnded { .. }) => "hold_ended",
        Event::Run(RunEvent::WindowWithdrawn { .. }) => "window_withdrawn",
        Event::Payment(event) => payment_name(event),
        Event::TopUp(event) => top_up_name(event),
        Event::Review(event) => review_name(event),
        Event::Team(event) => team_name(event),
        Event::Notice(notice) => notice_name(notice),
    }
}

/// Returns the name of a payment's event.
fn payment_name(event: &PaymentEvent) -> &'static str {
    match event {
        PaymentEvent::PeriodPaid { .. } => "period_paid",
        PaymentEvent::PaymentAwaited { .. } => "payment_awaited",
        PaymentEvent::RemainderFrozen => "remainder_frozen",
        PaymentEvent::PaymentProcessing { .. } => "payment_processing",
        PaymentEvent::PaymentFailed { .. } => "payment_failed",
        PaymentEvent::PaymentReversed { .. } => "payment_reversed",
        PaymentEvent::DisputeOpened { .. } => "dispute_opened",
        PaymentEvent::DisputeClosed { .. } => "dispute_closed",
    }
}

/// Returns the name of a top-up's event.
fn top_up_name(event: &TopUpEvent) -> &'static str {
    match event {
        TopUpEvent::TopUpSet { .. } => "top_up_set",
        TopUpEvent::TopUpUnset => "top_up_unset",
        TopUpEvent::TopUpRequested { .. } => "top_up_requested",
        TopUpEvent::TopUpProcessing { .. } => "top_up_processing",
        TopUpEvent::TopUpDropped { .. } => "top_up_dropped",
        TopUpEvent::TopUpEnded { .. } => "top_up_ended",
        TopUpEvent::TopUpPaid { .. } => "top_up_paid",
        TopUpEvent::TopUpStopped { .. } => "top_up_stopped",
        TopUpEvent::TopUpPutOff { .. } => "top_up_put_off",
    }
}

/// Returns the name of a review's event.
fn review_name(event: &ReviewEvent) -> &'static str {
    match event {
        ReviewEvent::ReviewRequested { .. } => "review_requested",
        ReviewEvent::ReviewRejected { .. } => "review_rejected",
        ReviewEvent::ReviewRevoked { .. } => "review_revoked",
        ReviewEvent::ReviewApproved { .. } => "review_approved",
    }
}

/// Returns the name of a notice.
fn notice_name(notice: &Notice) -> &'static str {
    match notice {
        Notice::CreditsLow { .. } => "credits_low",
        Notice::CreditsRecovered { .. } => "credits_recovered",
        Notice::GrantExpiring { .. } => "grant_expiring",
        Notice::PriceRaised { .. } => "price_raised",
        Notice::RetentionShortened { .. } => "retention_shortened",
    }
}

/// Returns the name of an event of members, invitations and keys.
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

/// Returns the names of all variants, as the readers of the format know them.
fn all_names() -> BTreeSet<String> {
    [
        names_known_to::<WorkspaceEvent>(),
        names_known_to::<PlanEvent>(),
        names_known_to::<GrantEvent>(),
        names_known_to::<HoldEvent>(),
        names_known_to::<RunEvent>(),
        names_known_to::<PaymentEvent>(),
        names_known_to::<TopUpEvent>(),
        names_known_to::<ReviewEvent>(),
        names_known_to::<TeamEvent>(),
        names_known_to::<Notice>(),
    ]
    .into_iter()
    .flatten()
    .collect()
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
        let dated: DatedEvent = serde_json::from_str(line).unwrap_or_else(|error| panic!("line {number}: {error}"));
        assert_eq!(serde_json::to_string(&dated).expect("events can be written"), line, "line {number}");
        let tag = format!("\"{}\"", name(&dated.1));
        assert!(line.contains(&tag), "line {number} is not named {tag}");
        let exported = dated.1.name();
        assert_eq!(exported, name(&dated.1), "line {number} is exported under another name");
    }
}

#[test]
fn every_event_of_an_earlier_version_is_read_without_its_addresses() {
    for line in EARLIER.lines() {
        let [earlier, now]: [serde_json::Value; 2] = serde_json::from_str(line).expect("a line has two forms");
        let read: DatedEvent = serde_json::from_value(earlier).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(serde_json::to_value(&read).expect("events can be written"), now, "{line}");
        assert!(!now.to_string().contains('@'), "{line}");
    }
}

#[test]
fn every_kind_of_event_is_in_the_golden_file() {
    let golden = EVENTS.lines().map(|line| serde_json::from_str::<DatedEvent>(line).expect("it is read"));
    let golden: BTreeSet<String> = golden.map(|dated| name(&dated.1).to_owned()).collect();
    assert_eq!(golden, all_names());
}

#[test]
fn an_event_is_read_in_its_own_place_alone() {
    for wrong in [
        r#""renamed_again""#,
        r#"{"no such event":{}}"#,
        r#"{"review_requested":{"review":"identity","application":1}}"#,
        r#""top_up_unset""#,
        r#"{"billing":{"review_approved":{"review":"identity","reason":"papers seen"}}}"#,
        r#"{"billing":{"dispute_opened":{"source":"in_1"}}}"#,
        r#"{"billing":"cancel_scheduled"}"#,
        r#"{"billing":{"team":{"key_revoked":{"key":1}}}}"#,
        r#"{"team":{"renamed":{"name":"Studio"}}}"#,
        r#"{"renamed":{"name":"Studio"},"frozen":{"reason":"late"}}"#,
    ] {
        let read = serde_json::from_str::<Event>(wrong);
        assert!(read.is_err(), "{wrong} is read as {read:?}");
    }
    let unset = serde_json::from_str::<Event>(r#"{"billing":"top_up_unset"}"#).expect("it is in its place");
    assert_eq!(unset, Event::TopUp(TopUpEvent::TopUpUnset));
}

/// Optional fields are present once and absent once, so that both forms stay readable.
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
    let mut workspace = Workspace::new(WorkspaceId::new(7));
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
