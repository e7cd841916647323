//! Decisions about automatic top-ups: terms of an admin, and wishes that follow from a balance, a menu or a payment.

use crate::apply::due;
use crate::apply::step::Step;
use crate::catalog::Name;
use crate::payments::{AgreedPack, Payment, TopUpCommand, TopUpDrop, TopUpEvent, TopUpPurchase, TopUpStop, TopUpTerms};
use crate::refusal::Refusal;
use crate::team::rights::Need;

/// Drops a wish that is no longer wanted as it was asked for; stops top-ups whose pack is no longer sold as agreed;
/// and asks for a pack where the balance is low and the month's maximum leaves room.
pub(crate) fn follow_up(step: &mut Step<'_>) {
    let catalogs = step.catalogs;
    let Some(top_up) = &step.workspace.billing.top_up else { return };
    let menu = step.terms().menu;
    let to_drop = top_up.to_drop(&step.workspace, catalogs, &menu.catalog, step.at);
    if let (Some(why), Some(wish)) = (to_drop, &top_up.pending) {
        let n = wish.n;
        step.emit(TopUpEvent::TopUpDropped { n, why });
    }
    let Some(top_up) = &step.workspace.billing.top_up else { return };
    if top_up.off || top_up.stopped || top_up.pending.is_some() {
        return;
    }
    let pack = match top_up.pack(&step.workspace, &menu.catalog) {
        Ok(pack) => pack,
        Err(why) => return step.emit(TopUpEvent::TopUpStopped { why }),
    };
    let (terms, is_wanted, has_room) =
        (top_up.terms.clone(), top_up.is_wanted(&step.workspace), top_up.has_room(pack, step.at));
    let is_told = top_up.put_off == Some(step.at.month());
    if top_up.agreed.is_none() {
        let agreed = Some(AgreedPack::of(pack));
        step.emit(TopUpEvent::TopUpSet { terms, agreed });
    }
    match (is_wanted, has_room) {
        (true, true) => step.emit(TopUpEvent::TopUpRequested {
            n: step.workspace.billing.top_ups + 1,
            pack: pack.id.clone(),
            amount: pack.amount,
            currency: Name::from(pack.currency.as_str()),
            catalog: Some(menu.version),
        }),
        (true, false) if !is_told => {
            let until = due::after_month(step.at.month());
            step.emit(TopUpEvent::TopUpPutOff { until });
        }
        _ => {}
    }
}

/// Decides a command about automatic top-ups.
pub(crate) fn decide(step: &mut Step<'_>, command: &TopUpCommand) -> Result<(), Refusal> {
    match command {
        TopUpCommand::Set(terms) => step.set_top_up(terms.as_ref()),
        TopUpCommand::Await { n } => step.await_top_up(*n),
        TopUpCommand::End { n, stop, payment } => step.end_top_up(*n, *stop, payment.as_ref()),
    }
}

/// Returns the right that a caller needs for a command about automatic top-ups.
pub(crate) const fn need(command: &TopUpCommand) -> Need<'static> {
    match command {
        TopUpCommand::Set(_) => Need::Admin,
        TopUpCommand::Await { .. } | TopUpCommand::End { .. } => Need::Operator,
    }
}

impl Step<'_> {
    fn set_top_up(&mut self, terms: Option<&TopUpTerms>) -> Result<(), Refusal> {
        let known = self.workspace.billing.top_up.as_ref();
        let Some(terms) = terms else {
            if known.is_some_and(|known| !known.off) {
                self.emit(TopUpEvent::TopUpUnset);
            }
            return Ok(());
        };
        let pack = self.terms().menu.catalog.pack(&terms.pack);
        let pack = pack.ok_or_else(|| Refusal::invalid("/pack", format!("there is no pack `{}`", terms.pack)))?;
        if terms.below.is_zero() || terms.below > pack.credits {
            return Err(Refusal::invalid("/below", format!("must be 1 to {}, the credits of the pack", pack.credits)));
        }
        if terms.monthly_max < pack.amount {
            return Err(Refusal::invalid(
                "/monthly_max",
                format!("must be at least {}, the pack's price", pack.amount),
            ));
        }
        if !pack.plans.is_empty() && !pack.plans.contains(&self.workspace.subscription.plan) {
            return Err(Refusal::FeatureNotInPlan {
                feature: "packs".to_owned(),
                plans_that_include: pack.plans.clone(),
            });
        }
        let agreed = Some(AgreedPack::of(pack));
        let is_known =
            known.is_some_and(|known| known.terms == *terms && known.agreed == agreed && !known.stopped && !known.off);
        if !is_known {
            self.emit(TopUpEvent::TopUpSet { terms: terms.clone(), agreed });
        }
        Ok(())
    }

    fn await_top_up(&mut self, n: u32) -> Result<(), Refusal> {
        if self.wish().is_some_and(|wish| wish.n == n && !wish.processing) {
            self.emit(TopUpEvent::TopUpProcessing { n });
        }
        Ok(())
    }

    fn end_top_up(&mut self, n: u32, stop: TopUpStop, payment: Option<&Name>) -> Result<(), Refusal> {
        if self.wish().is_some_and(|wish| wish.n == n) {
            let (declined, payment) = (stop != TopUpStop::NotGiven, payment.cloned());
            self.emit(TopUpEvent::TopUpEnded { n, declined, why: Some(stop), payment });
        }
        Ok(())
    }

    /// Drops a wish because a pack was bought (R38), unless its own payment is on its way.
    pub(crate) fn drop_wish_for_pack(&mut self) {
        if let Some(TopUpPurchase { n, processing: false, .. }) = self.wish() {
            let (n, why) = (*n, TopUpDrop::PackBought);
            self.emit(TopUpEvent::TopUpDropped { n, why });
        }
    }

    /// Ends the wish that a payment for a pack has paid. A payment for a dropped wish counts as spent all the same,
    /// and a payment for no wish drops the pending one.
    pub(crate) fn end_wish_by_payment(&mut self, payment: &Payment) {
        match payment.top_up {
            Some(n) if self.wish().is_some_and(|wish| wish.n == n) => self.end_paid_wish(n),
            Some(n) if self.workspace.billing.top_up.is_some() => {
                self.drop_wish_for_pack();
                self.emit(TopUpEvent::TopUpPaid { n, amount: payment.paid });
            }
            _ => self.drop_wish_for_pack(),
        }
    }

    /// Ends the wish of a number as paid.
    pub(crate) fn end_paid_wish(&mut self, n: u32) {
        if self.wish().is_some_and(|wish| wish.n == n) {
            self.emit(TopUpEvent::TopUpEnded { n, declined: false, why: None, payment: None });
        }
    }

    fn wish(&self) -> Option<&TopUpPurchase> {
        self.workspace.billing.top_up.as_ref()?.pending.as_ref()
    }
}
