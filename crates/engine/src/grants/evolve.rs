//! Folding the events of grants into a workspace.
//!
//! Invariant: a grant's five amounts add up to what was granted (I1).

use super::event::GrantEvent;
use super::state::{Grant, SettledSums};
use crate::catalog::GrantKind;
use crate::kernel::amount::Amount;
use crate::kernel::limits::{CLOSED_GRANT_DAYS, GRANTS_KEPT};
use crate::kernel::time::{DAY, Timestamp};
use crate::workspace::Workspace;
use std::sync::Arc;

/// Folds an event of a grant into the workspace.
pub(crate) fn evolve(workspace: &mut Workspace, at: Timestamp, event: &GrantEvent) {
    match event {
        GrantEvent::GrantIssued {
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
            reason: _,
        } => {
            let issued = Grant {
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
                settled: SettledSums::default(),
                starts_at: at,
                expires_at: *expires_at,
                bridged_from: None,
                notice_at: *notice_at,
                touched_at: at,
            };
            issue(workspace, at, issued, *from);
        }
        GrantEvent::GrantExpired { grant, amount } => expire(workspace, at, *grant, *amount),
        GrantEvent::GrantRevoked { grant, amount, reclaim, voided, reason: _ } => {
            let by_void = if *voided { *amount } else { Amount::ZERO };
            take_back(workspace, *grant, *amount, by_void);
            let grant = touch(workspace, *grant, at);
            grant.available -= *amount;
            grant.revoked += *amount;
            grant.reclaim = *reclaim;
            grant.voided |= *voided;
        }
        GrantEvent::DebtRepaid { grant, owed_by, amount } => repay(workspace, at, *grant, *owed_by, *amount),
    }
}

fn issue(workspace: &mut Workspace, at: Timestamp, issued: Grant, from: Option<u32>) {
    if is_remembered(issued.kind) && !workspace.sources.contains(&issued.source) {
        Arc::make_mut(&mut workspace.sources).insert(issued.source.clone());
    }
    match (issued.kind, from) {
        (GrantKind::Reinstated, Some(from)) => workspace.grant_mut(from).settled.reinstated += issued.granted,
        (GrantKind::Returned, Some(from)) => workspace.grant_mut(from).settled.returned += issued.granted,
        _ => {}
    }
    workspace.next_grant = issued.n + 1;
    workspace.grants.push(Arc::new(issued));
    forget_old_grants(workspace, at);
}

/// Returns `true` for a kind whose sources must never be granted from again (R7). The grant of a period needs no
/// memory: its period starts once.
fn is_remembered(kind: GrantKind) -> bool {
    matches!(kind, GrantKind::Lifetime | GrantKind::Trial | GrantKind::Pack | GrantKind::Bonus | GrantKind::Goodwill)
}

/// Removes closed grants that no refund can reach any more, after each new grant, and keeps their sums, so that the
/// workspace stays a small value.
fn forget_old_grants(workspace: &mut Workspace, at: Timestamp) {
    while workspace.grants.len() > GRANTS_KEPT {
        let oldest =
            |grant: &Arc<Grant>| grant.is_closed() && grant.touched_at.after_micros(CLOSED_GRANT_DAYS * DAY) <= at;
        match workspace.grants.iter().position(oldest) {
            Some(index) => workspace.forget(index),
            None => return,
        }
    }
}

fn expire(workspace: &mut Workspace, at: Timestamp, n: u32, amount: Amount) {
    let grant = touch(workspace, n, at);
    grant.available -= amount;
    grant.expired += amount;
    // A grant that ends before its expiry date (a forfeited cycle) has expired from now on.
    grant.expires_at = grant.expires_at.map(|end| end.min(at));
}

fn repay(workspace: &mut Workspace, at: Timestamp, n: u32, owed_by: Option<u32>, amount: Amount) {
    let payer = touch(workspace, n, at);
    payer.available -= amount;
    payer.captured += amount;
    match owed_by {
        Some(owed_by) => workspace.grant_mut(owed_by).settled.repaid += amount,
        None => workspace.forgotten_debt -= amount,
    }
}

/// Returns a grant that an event changes, and marks the grant changed at the instant of the event.
pub(crate) fn touch(workspace: &mut Workspace, n: u32, at: Timestamp) -> &mut Grant {
    let grant = workspace.grant_mut(n);
    grant.touched_at = at;
    grant
}

/// Counts units of a reinstated grant that are taken back as reinstated no longer; units that a correction took stay
/// taken.
pub(crate) fn take_back(workspace: &mut Workspace, grant: u32, amount: Amount, by_void: Amount) {
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
