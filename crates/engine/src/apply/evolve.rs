//! Folding one event into a workspace. Decides nothing: what an event says happened, happened.

use crate::catalog::{GrantKind, Name};
use crate::event::{End, Event};
use crate::grants::{Grant, Settled};
use crate::holds::{Hold, Part, Purpose, TrialUse};
use crate::kernel::amount::Amount;
use crate::kernel::limits::{CLOSED_GRANT_DAYS, GRANTS_KEPT};
use crate::kernel::time::{DAY, Timestamp};
use crate::payments::evolve as billing;
use crate::plans::evolve as subscription;
use crate::team::evolve as team;
use crate::workspace::{Window, Workspace};
use std::sync::Arc;

/// Folds one event.
pub(super) fn evolve(workspace: &mut Workspace, at: Timestamp, event: &Event) {
    match event {
        Event::RunQueued { .. }
        | Event::RunStarted { .. }
        | Event::RunSettled { .. }
        | Event::OutcomeIgnored { .. } => run(workspace, at, event),
        Event::HoldOpened { .. } | Event::HoldExtended { .. } | Event::HoldEnded { .. } => hold(workspace, at, event),
        Event::GrantIssued { .. }
        | Event::GrantExpired { .. }
        | Event::GrantRevoked { .. }
        | Event::DebtRepaid { .. } => grant(workspace, at, event),
        Event::Team(event) => team::evolve(workspace, at, event),
        Event::Billing(event) => billing::evolve(workspace, at, event),
        Event::Notice(notice) => billing::told(workspace, at, notice),
        Event::PeriodStarted { .. }
        | Event::PeriodCarried { .. }
        | Event::MonthStarted { .. }
        | Event::SubscriptionEnded { .. }
        | Event::ChangeScheduled { .. }
        | Event::CancelScheduled
        | Event::ScheduleCleared
        | Event::CatalogMigrated { .. } => subscription::evolve(workspace, at, event),
        _ => standing(workspace, at, event),
    }
}

/// Folds what the workspace is, and what may be done in it.
fn standing(workspace: &mut Workspace, at: Timestamp, event: &Event) {
    match event {
        Event::WorkspaceOpened { mode, test_clock, profile, catalog, plan, lifetime_allowed, tenancy } => {
            workspace.tenancy = *tenancy;
            workspace.opened_at = at;
            workspace.mode = *mode;
            workspace.test_clock = *test_clock;
            workspace.profile = Arc::new(profile.clone());
            workspace.catalog = *catalog;
            workspace.subscription.plan = plan.clone();
            workspace.lifetime_allowed = *lifetime_allowed;
        }
        Event::Renamed { name } => Arc::make_mut(&mut workspace.profile).name.clone_from(name),
        Event::ReviewApproved { review, reason } => billing::approve(workspace, at, review, reason),
        Event::DisputeOpened { source } => {
            workspace.disputes.insert(source.clone());
        }
        Event::DisputeClosed { source } => {
            workspace.disputes.remove(source);
        }
        Event::Frozen { reason } => workspace.frozen = Some(reason.clone()),
        Event::Unfrozen => workspace.frozen = None,
        Event::WindowWithdrawn { plan, model } => {
            if let Some(window) =
                workspace.windows.iter_mut().find(|window| window.plan == *plan && window.model == *model)
            {
                window.open = None;
                window.withdrawn += 1;
            }
        }
        _ => unreachable!("evolve sends the other events elsewhere"),
    }
}

fn grant(workspace: &mut Workspace, at: Timestamp, event: &Event) {
    match event {
        Event::GrantIssued { .. } => issue(workspace, at, event),
        Event::GrantExpired { grant, amount } => {
            let grant = touched(workspace, *grant, at);
            grant.available -= *amount;
            grant.expired += *amount;
            // A grant that expires before its day (a forfeited cycle) is dead from here on.
            grant.expires_at = grant.expires_at.map(|end| end.min(at));
        }
        Event::GrantRevoked { grant, amount, reclaim, voided, .. } => {
            let by_void = if *voided { *amount } else { Amount::ZERO };
            took_back(workspace, *grant, *amount, by_void);
            let grant = touched(workspace, *grant, at);
            grant.available -= *amount;
            grant.revoked += *amount;
            grant.reclaim = *reclaim;
            grant.voided |= *voided;
        }
        Event::DebtRepaid { grant, owed_by, amount } => {
            let payer = touched(workspace, *grant, at);
            payer.available -= *amount;
            payer.captured += *amount;
            match owed_by {
                Some(owed_by) => workspace.grant_mut(*owed_by).settled.repaid += *amount,
                None => workspace.forgotten_debt -= *amount,
            }
        }
        _ => unreachable!("evolve sends the other events elsewhere"),
    }
}

fn issue(workspace: &mut Workspace, at: Timestamp, event: &Event) {
    let Event::GrantIssued {
        grant,
        code,
        kind,
        unit,
        amount,
        models,
        rank,
        source,
        cost_basis,
        expires_at,
        notice_at,
        from,
        ..
    } = event
    else {
        unreachable!("grant sends what is issued here")
    };
    if remembered(*kind) && !workspace.sources.contains(source) {
        Arc::make_mut(&mut workspace.sources).insert(source.clone());
    }
    match (kind, from) {
        (GrantKind::Reinstated, Some(from)) => workspace.grant_mut(*from).settled.reinstated += *amount,
        (GrantKind::Returned, Some(from)) => workspace.grant_mut(*from).settled.returned += *amount,
        _ => {}
    }
    workspace.next_grant = grant + 1;
    workspace.grants.push(Arc::new(Grant {
        n: *grant,
        code: code.clone(),
        kind: *kind,
        unit: *unit,
        models: models.clone(),
        rank: *rank,
        source: source.clone(),
        cost_basis: cost_basis.clone(),
        granted: *amount,
        available: *amount,
        held: Amount::ZERO,
        captured: Amount::ZERO,
        expired: Amount::ZERO,
        revoked: Amount::ZERO,
        reclaim: Amount::ZERO,
        voided: false,
        root: from.filter(|_| *kind == GrantKind::Reinstated),
        settled: Settled::default(),
        starts_at: at,
        expires_at: *expires_at,
        bridged_from: None,
        notice_at: *notice_at,
        touched_at: at,
    }));
    forget_old_grants(workspace, at);
}

/// Sources that must never be granted from again (R7). A period's grant needs none: its period starts once.
fn remembered(kind: GrantKind) -> bool {
    matches!(kind, GrantKind::Lifetime | GrantKind::Trial | GrantKind::Pack | GrantKind::Bonus | GrantKind::Goodwill)
}

/// Keeps the value small: closed grants that no refund can reach any more become sums.
fn forget_old_grants(workspace: &mut Workspace, at: Timestamp) {
    while workspace.grants.len() > GRANTS_KEPT {
        let oldest =
            |grant: &Arc<Grant>| grant.closed() && grant.touched_at.after_micros(CLOSED_GRANT_DAYS * DAY) <= at;
        match workspace.grants.iter().position(oldest) {
            Some(index) => workspace.forget(index),
            None => return,
        }
    }
}

fn touched(workspace: &mut Workspace, n: u32, at: Timestamp) -> &mut Grant {
    let grant = workspace.grant_mut(n);
    grant.touched_at = at;
    grant
}

fn take(workspace: &mut Workspace, at: Timestamp, parts: &[Part]) {
    for part in parts {
        let grant = touched(workspace, part.grant, at);
        grant.available -= part.amount;
        grant.held += part.amount;
    }
}

/// What was taken of a reinstated grant is no longer given again, and what a correction took stays taken.
fn took_back(workspace: &mut Workspace, grant: u32, amount: Amount, by_void: Amount) {
    let root = workspace.grant(grant).and_then(|grant| grant.root);
    if root.is_some_and(|root| workspace.grant(root).is_none()) {
        return;
    }
    let book = workspace.grant_mut(root.unwrap_or(grant));
    book.settled.voided += by_void;
    if root.is_some() {
        book.settled.reinstated -= amount;
    }
}

fn give_back(workspace: &mut Workspace, at: Timestamp, ends: &[End]) {
    for end in ends {
        if !end.revoked.is_zero() {
            let grant = workspace.grant(end.grant).expect("a grant under a hold is remembered");
            let owed = workspace.root(grant).owed();
            let by_void = if grant.voided { end.revoked.less(owed) } else { Amount::ZERO };
            took_back(workspace, end.grant, end.revoked, by_void);
        }
        let grant = touched(workspace, end.grant, at);
        grant.held -= end.captured + end.released + end.expired + end.revoked;
        grant.captured += end.captured;
        grant.available += end.released;
        grant.expired += end.expired;
        grant.revoked += end.revoked;
    }
}

fn run(workspace: &mut Workspace, at: Timestamp, event: &Event) {
    match event {
        Event::RunQueued {
            run,
            model,
            output,
            unit,
            quoted,
            parts,
            asked,
            expires_at,
            cancel,
            trial,
            opens_until,
            limited_day,
            by,
            ..
        } => {
            take(workspace, at, parts);
            let purpose = Purpose::Run { output: *output, attempt: 0, started_at: None, cancel: *cancel };
            let held = Hold {
                n: *run,
                unit: *unit,
                amount: *quoted,
                parts: parts.clone(),
                opened_at: at,
                expires_at: *expires_at,
                asked: *asked,
                purpose,
                trial: *trial,
                model: Some(model.clone()),
                limited_day: *limited_day,
                plan: workspace.subscription.plan.clone(),
                by: *by,
            };
            open_hold(workspace, at, held, *opens_until);
        }
        Event::RunStarted { run, attempt } => {
            if let Purpose::Run { attempt: last, started_at, .. } = &mut workspace.hold_mut(*run).purpose {
                *last = *attempt;
                started_at.get_or_insert(at);
            }
        }
        Event::RunSettled { run, ends, delivered, outputs, released, .. } => {
            give_back(workspace, at, ends);
            workspace.stored_bytes += outputs.iter().map(|output| output.bytes).sum::<u64>();
            close_hold(workspace, *run, *released, *delivered > 0);
        }
        Event::OutcomeIgnored { .. } => {}
        _ => unreachable!("evolve sends the other events elsewhere"),
    }
}

fn hold(workspace: &mut Workspace, at: Timestamp, event: &Event) {
    match event {
        Event::HoldOpened {
            hold,
            reference,
            model,
            unit,
            amount,
            parts,
            asked,
            expires_at,
            trial,
            opens_until,
            limited_day,
            by,
            ..
        } => {
            take(workspace, at, parts);
            let held = Hold {
                n: *hold,
                unit: *unit,
                amount: *amount,
                parts: parts.clone(),
                opened_at: at,
                expires_at: *expires_at,
                asked: *asked,
                purpose: Purpose::Caller { reference: Name::from(reference.as_str()) },
                trial: *trial,
                model: model.clone(),
                limited_day: *limited_day,
                plan: workspace.subscription.plan.clone(),
                by: *by,
            };
            open_hold(workspace, at, held, *opens_until);
        }
        Event::HoldExtended { hold, expires_at } => workspace.hold_mut(*hold).expires_at = *expires_at,
        Event::HoldEnded { hold, ends, usable, released, .. } => {
            give_back(workspace, at, ends);
            close_hold(workspace, *hold, *released, *usable);
        }
        _ => unreachable!("evolve sends the other events elsewhere"),
    }
}

fn open_hold(workspace: &mut Workspace, at: Timestamp, hold: Hold, opens_until: Option<Timestamp>) {
    if let (Some(model), Some(day)) = (&hold.model, hold.limited_day) {
        let runs = workspace.runs_today(model, at);
        workspace.limited.insert(model.clone(), (day, runs + 1));
    }
    if let (Some(model), Some(ends_at)) = (&hold.model, opens_until) {
        open_window(workspace, model.clone(), at, ends_at);
    }
    team::spend(workspace, hold.by, hold.unit, hold.amount, at);
    workspace.next_hold = hold.n + 1;
    workspace.holds.push(Arc::new(hold));
}

fn open_window(workspace: &mut Workspace, model: Name, at: Timestamp, ends_at: Timestamp) {
    let plan = workspace.subscription.plan.clone();
    match workspace.windows.iter_mut().find(|window| window.plan == plan && window.model == model) {
        Some(window) => window.open = Some((at, ends_at)),
        None => {
            workspace.windows.push(Window { plan, model, open: Some((at, ends_at)), succeeded: false, withdrawn: 0 })
        }
    }
}

fn close_hold(workspace: &mut Workspace, n: u32, released: Amount, usable: bool) {
    let index = workspace.holds.binary_search_by_key(&n, |hold| hold.n).expect("an ended hold was open");
    let hold = workspace.holds.remove(index);
    team::give_back(workspace, &hold, released);
    let Some(model) = &hold.model else { return };
    if hold.trial == Some(TrialUse::Window)
        && usable
        && let Some(window) =
            workspace.windows.iter_mut().find(|window| window.plan == hold.plan && window.model == *model)
    {
        window.succeeded = true;
    }
    if let (Some(day), false) = (hold.limited_day, usable)
        && let Some((_, runs)) = workspace.limited.get_mut(model).filter(|(counted, _)| *counted == day)
    {
        *runs = runs.saturating_sub(1);
    }
}
