//! The draw order: the choice of grants that pay for a hold, and the end of each part of a hold.
//!
//! Invariant: nothing here reads a clock; a grant is live or not at the instant that the caller passes.

use crate::grants::Grant;
use crate::holds::{End, Hold, Part};
use crate::kernel::amount::{Amount, Unit};
use crate::kernel::time::Timestamp;
use crate::workspace::Workspace;

/// Splits an amount over the live grants that pay for a model: rank, then soonest expiry (never is last), then oldest
/// (R5). Cycle credits rank first by default, because document 003 promises that order; soonest-first inside a rank
/// then wastes the fewest. Returns `None` when the grants are not enough.
pub(crate) fn draw(
    workspace: &Workspace,
    unit: Unit,
    model: Option<&str>,
    amount: Amount,
    at: Timestamp,
) -> Option<Vec<Part>> {
    let usable =
        |grant: &&Grant| grant.unit == unit && !grant.available.is_zero() && grant.live(at) && grant.pays_for(model);
    let mut grants: Vec<&Grant> = workspace.grants.iter().map(|grant| &**grant).filter(usable).collect();
    grants.sort_by_key(|grant| (grant.rank, grant.expires_at.unwrap_or(Timestamp::MAX), grant.starts_at, grant.n));
    take(grants.into_iter(), amount)
}

/// Takes an amount from grants in the order given. Returns `None` when they are not enough.
pub(crate) fn take<'a>(grants: impl Iterator<Item = &'a Grant>, amount: Amount) -> Option<Vec<Part>> {
    let mut missing = amount;
    let mut parts = Vec::new();
    for grant in grants {
        if missing.is_zero() {
            break;
        }
        let taken = missing.min(grant.available);
        missing -= taken;
        parts.push(Part { grant: grant.n, amount: taken });
    }
    missing.is_zero().then_some(parts)
}

/// Returns the end of each part of a hold of which `captured` is spent. The parts taken first are spent; the parts
/// taken last come back first (R13). Units that come back pay what their grant owes (R9), then go into their grant if
/// it lives, and are lost to its expiry otherwise (R17).
pub(crate) fn end(workspace: &Workspace, hold: &Hold, captured: Amount, at: Timestamp) -> Vec<End> {
    let mut spend = captured;
    let mut taken: Vec<(u32, Amount)> = Vec::new();
    let ends = hold.parts.iter().map(|part| {
        let captured = spend.min(part.amount);
        spend -= captured;
        let back = part.amount - captured;
        let grant = workspace.grant(part.grant).expect("a grant under a hold is remembered");
        let root = workspace.root(grant);
        let before: Amount = taken.iter().filter(|(n, _)| *n == root.n).map(|(_, amount)| *amount).sum();
        let revoked = if grant.voided { back } else { back.min(root.units_owed().less(before)) };
        taken.push((root.n, revoked));
        let rest = back - revoked;
        let (released, expired) =
            if grant.dead_for(hold.opened_at, at) { (Amount::ZERO, rest) } else { (rest, Amount::ZERO) };
        End { grant: part.grant, captured, released, expired, revoked }
    });
    let ends = ends.collect();
    assert!(spend.is_zero(), "no more is captured than was held (R12)");
    ends
}
