//! Decisions about grants that are made or changed by hand and by money: packs, goodwill, corrections, refunds and
//! disputes.

use crate::apply::bounds::{limit, name_is_good};
use crate::apply::step::Step;
use crate::catalog::{GrantKind, Name, Pack};
use crate::grants::{CostBasis, Give, Grant, GrantCommand, GrantEvent};
use crate::kernel::amount::{Amount, Unit};
use crate::kernel::limits::{GRANTS_MAX, OPERATION_MAX, SOURCES_MAX};
use crate::kernel::time::Timestamp;
use crate::payments::{PaymentEvent, PeriodPayment};
use crate::refusal::Refusal;
use crate::team::rights::Need;

/// Decides a command about the grants of a workspace.
pub(crate) fn decide(step: &mut Step<'_>, command: &GrantCommand) -> Result<(), Refusal> {
    match command {
        GrantCommand::Give { give, source, reason } => step.give(give, source.as_ref(), reason),
        GrantCommand::Void { grant, reason } => step.void(*grant, reason),
    }
}

/// Returns the right that a caller needs for a command about grants.
pub(crate) const fn need(command: &GrantCommand) -> Need<'static> {
    match command {
        GrantCommand::Give { .. } | GrantCommand::Void { .. } => Need::Operator,
    }
}

impl Step<'_> {
    fn give(&mut self, give: &Give, source: Option<&Name>, reason: &str) -> Result<(), Refusal> {
        name_is_good("/reason", reason)?;
        if let Some(source) = source {
            name_is_good("/source", source)?;
            if self.workspace.sources.contains(source) {
                return Ok(());
            }
        }
        let open = self.workspace.grants.iter().filter(|grant| !grant.is_closed()).count();
        limit("grants", GRANTS_MAX, open)?;
        limit("sources", SOURCES_MAX, self.workspace.sources.len())?;
        let source = source.cloned().unwrap_or_else(|| Name::from(format!("operator:{}", self.workspace.next_grant)));
        match give {
            Give::Pack(id) => self.give_pack(id, &source, reason),
            Give::Goodwill { unit, amount, expires_at, models } => {
                self.give_goodwill(*unit, *amount, *expires_at, models, &source, reason)
            }
        }
    }

    fn give_pack(&mut self, id: &Name, source: &Name, reason: &str) -> Result<(), Refusal> {
        let catalog = &self.terms().menu.catalog;
        let pack = catalog.pack(id).ok_or_else(|| {
            let known: Vec<&str> = catalog.packs.iter().map(|pack| &*pack.id).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            Refusal::invalid("/pack", format!("there is no pack `{id}`; the catalog has {known}"))
        })?;
        if !pack.plans.is_empty() && !pack.plans.contains(&self.workspace.subscription.plan) {
            return Err(Refusal::FeatureNotInPlan {
                feature: "packs".to_owned(),
                plans_that_include: pack.plans.clone(),
            });
        }
        self.sell_pack(pack, pack.amount, source, reason);
        self.drop_wish_for_pack();
        Ok(())
    }

    /// Issues the grants of a pack that was paid for, and repays debt from the pack (R9).
    pub(crate) fn sell_pack(&mut self, pack: &Pack, paid: Amount, source: &Name, reason: &str) {
        let expires_at = pack.expires.map(|span| self.at.after(span));
        let bought = self.workspace.next_grant;
        self.issue_given(
            GrantKind::Pack,
            Unit::Credits,
            pack.credits,
            &pack.id,
            source,
            reason,
            expires_at,
            Some(cost_basis(pack, paid)),
            &[],
        );
        if !pack.bonus.is_zero() {
            self.issue_given(
                GrantKind::Bonus,
                Unit::Credits,
                pack.bonus,
                &pack.id,
                source,
                reason,
                expires_at,
                None,
                &[],
            );
        }
        self.repay_debt(bought);
    }

    fn give_goodwill(
        &mut self,
        unit: Unit,
        amount: Amount,
        expires_at: Option<Timestamp>,
        models: &[Name],
        source: &Name,
        reason: &str,
    ) -> Result<(), Refusal> {
        if unit == Unit::Runs {
            return Err(Refusal::invalid("/unit", "must be credits or training; free runs come from a plan's trial"));
        }
        if amount.is_zero() || amount.get() > OPERATION_MAX {
            return Err(Refusal::invalid("/amount", format!("must be 1 to {OPERATION_MAX}")));
        }
        if expires_at.is_some_and(|end| end <= self.at) {
            return Err(Refusal::invalid("/expires_at", format!("must be after {}", self.at)));
        }
        let menu = &self.terms().menu.catalog;
        if let Some((index, model)) = models.iter().enumerate().find(|(_, model)| menu.model(model).is_none()) {
            return Err(Refusal::invalid(format!("/models/{index}"), format!("there is no model `{model}`")));
        }
        self.issue_given(
            GrantKind::Goodwill,
            unit,
            amount,
            &Name::from("goodwill"),
            source,
            reason,
            expires_at,
            None,
            models,
        );
        Ok(())
    }

    #[allow(clippy::too_many_arguments, reason = "a grant is what these nine say")]
    fn issue_given(
        &mut self,
        kind: GrantKind,
        unit: Unit,
        amount: Amount,
        code: &Name,
        source: &Name,
        reason: &str,
        expires_at: Option<Timestamp>,
        cost_basis: Option<CostBasis>,
        models: &[Name],
    ) {
        self.emit(GrantEvent::GrantIssued {
            grant: self.workspace.next_grant,
            code: code.clone(),
            kind,
            unit,
            amount,
            models: models.to_vec(),
            rank: self.catalog().rank(kind),
            source: source.clone(),
            cost_basis,
            expires_at,
            notice_at: expires_at
                .map(|end| end.before(self.catalog().expiry_notice))
                .filter(|notice| *notice > self.at),
            from: None,
            reason: Some(reason.to_owned()),
        });
    }

    /// Repays from a new pack the debt that refunds and disputes left (R9).
    fn repay_debt(&mut self, bought: u32) {
        let forgotten = [(None, self.workspace.forgotten_debt)];
        let debts = self.workspace.grants.iter().map(|grant| (Some(grant.n), self.workspace.debt_of(grant)));
        let debts: Vec<(Option<u32>, Amount)> =
            forgotten.into_iter().chain(debts).filter(|(_, debt)| !debt.is_zero()).collect();
        for (owed_by, debt) in debts {
            let available = self.workspace.grant(bought).expect("the pack was just granted").available;
            let amount = debt.min(available);
            if !amount.is_zero() {
                self.emit(GrantEvent::DebtRepaid { grant: bought, owed_by, amount });
            }
        }
    }

    fn void(&mut self, grant: u32, reason: &str) -> Result<(), Refusal> {
        name_is_good("/reason", reason)?;
        let found = self.workspace.grant(grant).ok_or(Refusal::NotFound { what: "grant" })?;
        if found.voided || found.is_closed() {
            return Ok(());
        }
        // Spent and expired units are not taken back, and are no debt: only the rest is, now or when its holds end.
        let (amount, reclaim) = (found.available, found.reclaim);
        self.emit(GrantEvent::GrantRevoked { grant, amount, reclaim, voided: true, reason: reason.to_owned() });
        Ok(())
    }

    /// Takes back the available units of a grant and of what was reinstated from it, up to the amount to be reclaimed
    /// in all; open holds give the rest when they end.
    fn revoke(&mut self, grant: u32, reclaim: Amount, reason: &str, at: Timestamp) {
        let found = self.workspace.grant(grant).expect("a grant to be revoked was found");
        let amount = reclaim.less(found.units_recovered()).min(found.available);
        let event = |grant, amount, reclaim| GrantEvent::GrantRevoked {
            grant,
            amount,
            reclaim,
            voided: false,
            reason: reason.to_owned(),
        };
        self.emit_at(at, event(grant, amount, reclaim));
        let again = self.workspace.grants.iter().filter(|other| other.root == Some(grant));
        let again: Vec<(u32, Amount, Amount)> = again.map(|other| (other.n, other.available, other.reclaim)).collect();
        for (other, available, reclaim) in again {
            let owed = self.workspace.grant(grant).expect("it was just revoked").units_owed();
            let amount = owed.min(available);
            if !amount.is_zero() {
                self.emit_at(at, event(other, amount, reclaim));
            }
        }
    }

    pub(crate) fn reverse(&mut self, source: &Name, paid: u64, reversed: u64, disputed: bool) -> Result<(), Refusal> {
        if paid == 0 || reversed > paid {
            return Err(Refusal::invalid("/reversed", "must be at most the paid amount, which must not be zero"));
        }
        if !self.workspace.sources.contains(source) {
            return Err(Refusal::NotFound { what: "payment" });
        }
        self.note_reversal(source, paid, reversed);
        let funded: Vec<u32> = self
            .workspace
            .grants
            .iter()
            .filter(|grant| grant.source == *source && grant.kind != GrantKind::Reinstated)
            .map(|grant| grant.n)
            .collect();
        let target = |grant: &Grant| grant.granted.share_rounded_down(reversed, paid);
        // A rollover, and a grant of units that came back after their grant's end, hold units that were left over by
        // the reversals known then: only a new reversal takes from them (R9).
        let lives_on = |grant: &Grant| matches!(grant.kind, GrantKind::Rollover | GrantKind::Returned);
        let new = funded.iter().filter_map(|n| self.workspace.grant(*n)).filter(|grant| !lives_on(grant));
        let is_new = new.into_iter().any(|grant| target(grant) != grant.reclaim);
        for n in funded {
            // Reinstating the grant before may have made the workspace forget this one, if it is closed and old.
            let Some(grant) = self.workspace.grant(n) else { continue };
            if lives_on(grant) && !is_new {
                continue;
            }
            let target = target(grant);
            if target > grant.reclaim {
                let reason = if disputed { "payment disputed" } else { "payment refunded" };
                self.revoke(n, target, reason, self.at);
            } else if target < grant.reclaim {
                self.reinstate(n, target);
            }
        }
        let known = self.workspace.disputes.contains(source);
        if disputed && !known {
            self.emit(PaymentEvent::DisputeOpened { source: source.clone() });
        } else if !disputed && known {
            self.emit(PaymentEvent::DisputeClosed { source: source.clone() });
        }
        Ok(())
    }

    /// Records which part of the payment of the current or a carried period went back, for the grants of its months to
    /// come (R34).
    fn note_reversal(&mut self, source: &Name, paid: u64, reversed: u64) {
        let subscription = &self.workspace.subscription;
        let carried = subscription.carried.iter().filter(|carried| carried.period.end > self.at);
        let carried = carried.filter_map(|carried| carried.payment.as_ref());
        let mut payments = subscription.payment.iter().chain(carried);
        let payment = payments.find(|payment| payment.source == *source);
        let known = payment.map(|payment| payment.reversed.unwrap_or((paid, 0)));
        if known.is_some_and(|known| known != (paid, reversed)) {
            self.emit(PaymentEvent::PaymentReversed { source: source.clone(), paid, reversed });
        }
    }

    /// Takes back the share of a new grant that its payment has lost already.
    pub(crate) fn take_reversed_share(&mut self, grant: u32, payment: &PeriodPayment, at: Timestamp) {
        let Some((paid, reversed)) = payment.reversed else { return };
        let granted = self.workspace.grant(grant).expect("it was just granted").granted;
        let share = granted.share_rounded_down(reversed, paid);
        if !share.is_zero() {
            self.revoke(grant, share, "payment refunded", at);
        }
    }

    /// Reinstates the units that a dispute took, once and with the old expiry, because the dispute was won (R9).
    fn reinstate(&mut self, n: u32, target: Amount) {
        self.emit(GrantEvent::GrantRevoked {
            grant: n,
            amount: Amount::ZERO,
            reclaim: target,
            voided: false,
            reason: "payment reinstated".to_owned(),
        });
        let grant = self.workspace.grant(n).expect("it was just listed").clone();
        let amount = grant.units_recovered().less(target.max(grant.settled.voided));
        if !amount.is_zero() {
            self.emit(GrantEvent::GrantIssued {
                grant: self.workspace.next_grant,
                code: grant.code,
                kind: GrantKind::Reinstated,
                unit: grant.unit,
                amount,
                models: grant.models,
                rank: grant.rank,
                source: grant.source,
                cost_basis: grant.cost_basis,
                expires_at: grant.expires_at,
                notice_at: None,
                from: Some(n),
                reason: Some("the payment was reinstated".to_owned()),
            });
            if let Some(again) = self.workspace.grants.last().filter(|again| again.dead(self.at)) {
                // The expiry has passed while the payment was disputed; the next settling would date it in the past.
                let grant = again.n;
                self.emit(GrantEvent::GrantExpired { grant, amount });
            }
        }
    }
}

fn cost_basis(pack: &Pack, paid: Amount) -> CostBasis {
    CostBasis { currency: Name::from(pack.currency.as_str()), amount: paid, credits: pack.credits }
}
