//! Moving to the terms of another catalog version (R33).
//!
//! Invariant: a move grants nothing and takes nothing: no amount changes, what the paid period was sold with stays, and
//! a higher price reaches nobody before its notice has run out.

use super::Step;
use crate::event::{Dated, Event};
use crate::notice::Notice;
use crate::refusal::Refusal;
use crate::subscription::Repriced;
use crate::time::Timestamp;

impl Step<'_> {
    /// Moves a workspace without a paid period to the version that is in force at an instant: nothing holds it to an
    /// older one. The move is dated at the instant the version came into force.
    pub(super) fn follow_the_menu(&mut self, until: Timestamp) {
        if self.workspace.subscription.period.is_some() {
            return;
        }
        let newest = self.catalogs.in_force(until, self.workspace.test_clock);
        let Some(newest) = newest.filter(|newest| newest.version > self.workspace.catalog) else { return };
        let last = self.events.last().map_or(self.workspace.at, |Dated(at, _)| *at);
        let at = newest.starts_at(self.workspace.test_clock).max(last);
        let known = newest.catalog.plan(&self.workspace.subscription.plan).is_some_and(|plan| plan.prices.is_empty());
        let plan = (!known).then(|| newest.catalog.free_plan.clone());
        let catalog = newest.version;
        self.emit_at(at, Event::CatalogMigrated { catalog, sold: None, plan, repriced: None });
    }

    /// Moves the limits and gates of a paid period to another version now, and its price and grants with the renewals
    /// to come: a higher price after the notice of the version that has it.
    pub(super) fn migrate_catalog(&mut self, version: u32) -> Result<(), Refusal> {
        let in_force = self.offer()?.version;
        let target = self.catalogs.get(version).filter(|target| target.version <= in_force);
        let target = target.ok_or(Refusal::NotFound { what: "catalog version" })?;
        let subscription = &self.workspace.subscription;
        let Some(period) = subscription.period else { return Ok(()) };
        let granting = self.terms().granting();
        let next = target.catalog.plan(&subscription.plan).and_then(|plan| plan.price(period.interval));
        let next = next.ok_or_else(|| {
            let plan = &subscription.plan;
            let detail = format!("version {version} does not sell `{plan}` by the {}", period.interval.name());
            Refusal::invalid("/version", detail)
        })?;
        let paid = granting.plan.price(period.interval);
        let is_same = paid.is_some_and(|paid| (paid.amount, &paid.currency) == (next.amount, &next.currency));
        let is_less = paid.is_some_and(|paid| paid.currency == next.currency && next.amount < paid.amount);
        let known = subscription.repriced.filter(|known| known.catalog == version);
        let from = if is_less { self.at } else { self.at.after(target.catalog.price_notice) };
        let repriced = (!is_same).then(|| known.unwrap_or(Repriced { catalog: version, from }));
        let sold = (granting.published.version != version).then_some(granting.published.version);
        let moved = (self.workspace.catalog, subscription.sold, subscription.repriced) != (version, sold, repriced);
        if !moved {
            return Ok(());
        }
        self.emit(Event::CatalogMigrated { catalog: version, sold, plan: None, repriced });
        if let (Some(Repriced { from, .. }), None, Some(amount), false) = (repriced, known, next.amount, is_less) {
            let (plan, interval) = (self.workspace.subscription.plan.clone(), period.interval);
            let currency = next.currency.as_str().into();
            let before = paid.and_then(|paid| paid.amount);
            self.emit(Event::Notice(Notice::PriceRaised { plan, interval, before, amount, currency, from }));
        }
        Ok(())
    }

    /// Keeps a migrated workspace on the limits it was moved to when a renewal was still sold by the version before.
    pub(super) fn keep_migrated(&mut self, at: Timestamp) {
        let Some(repriced) = self.workspace.subscription.repriced else { return };
        let sold = Some(self.workspace.catalog).filter(|sold| *sold != repriced.catalog);
        if sold.is_some() {
            let repriced_to = Some(repriced);
            self.emit_at(
                at,
                Event::CatalogMigrated { catalog: repriced.catalog, sold, plan: None, repriced: repriced_to },
            );
        }
    }
}
