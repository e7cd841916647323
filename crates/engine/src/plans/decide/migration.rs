//! Moving to the terms of another catalog version (R33).
//!
//! Invariant: a move grants nothing and takes nothing: no amount changes, the terms that the paid period was sold
//! with stay, and a renewal costs a higher price only after its notice has run out.

use crate::apply::step::Step;
use crate::catalog::{Catalog, Price, PublishedCatalog};
use crate::event::{DatedEvent, Event};
use crate::kernel::time::{Interval, Span, Timestamp};
use crate::notices::Notice;
use crate::plans::PlanEvent;
use crate::plans::renewal::{Sale, costs_less, costs_the_same};
use crate::plans::subscription::PriceChange;
use crate::refusal::Refusal;
use std::cmp::Ordering;

impl Step<'_> {
    /// Moves a workspace without a paid period to the version in force at an instant, since no payment binds it to an
    /// older one. The move is dated at the instant the version came into force.
    pub(crate) fn follow_the_menu(&mut self, until: Timestamp) {
        if self.workspace.subscription.period.is_some() {
            return;
        }
        let newest = self.catalogs.in_force(until, self.workspace.test_clock);
        let Some(newest) = newest.filter(|newest| newest.version > self.workspace.catalog) else { return };
        let last = self.events.last().map_or(self.workspace.at, |DatedEvent(at, _)| *at);
        let at = newest.starts_at(self.workspace.test_clock).max(last);
        let known = newest.catalog.plan(&self.workspace.subscription.plan).is_some_and(|plan| plan.prices.is_empty());
        let plan = (!known).then(|| newest.catalog.free_plan.clone());
        let catalog = newest.version;
        self.emit_at(at, PlanEvent::CatalogMigrated { catalog, sold: None, plan, repriced: None });
    }

    /// Moves the limits and gates of a paid period to a newer version now, and its price and grants with the renewals
    /// to come: a higher price after the notice of the version that has it. One that is on that version, or on a newer
    /// one, stays where it is.
    pub(crate) fn migrate_catalog(&mut self, version: u32) -> Result<(), Refusal> {
        let in_force = self.offer()?.version;
        let target = self.catalogs.get(version).filter(|target| target.version <= in_force);
        let target = target.ok_or(Refusal::NotFound { what: "catalog version" })?;
        let subscription = &self.workspace.subscription;
        let Some(period) = subscription.period.filter(|_| self.workspace.catalog < version) else { return Ok(()) };
        let granting = self.terms().granting();
        let next = Sale::of(target, &subscription.plan, period.interval).ok_or_else(|| {
            let plan = &subscription.plan;
            let detail = format!("version {version} does not sell `{plan}` by the {}", period.interval.name());
            Refusal::invalid("/version", detail)
        })?;
        let paid = granting.plan.price(period.interval);
        let (repriced, is_news) = self.reprice(&next, paid, period.interval);
        let sold = Some(granting.published.version);
        self.emit(PlanEvent::CatalogMigrated { catalog: version, sold, plan: None, repriced });
        if let (Some(PriceChange { from, .. }), true, Some(amount)) = (repriced, is_news, next.price.amount) {
            let (plan, interval) = (self.workspace.subscription.plan.clone(), period.interval);
            let currency = next.price.currency.as_str().into();
            let before = paid.and_then(|paid| paid.amount);
            self.emit(Event::Notice(Notice::PriceRaised { plan, interval, before, amount, currency, from }));
        }
        Ok(())
    }

    /// Returns the other price that renewals change to, and `true` if members must get a notice of it. A notice of a
    /// price that is no lower serves for this one too.
    fn reprice(&self, next: &Sale<'_>, paid: Option<&Price>, interval: Interval) -> (Option<PriceChange>, bool) {
        let catalog = next.published.version;
        if paid.is_some_and(|paid| costs_the_same(paid, next.price)) {
            return (None, false);
        }
        if paid.is_some_and(|paid| costs_less(next.price, paid)) {
            return (Some(PriceChange { catalog, from: self.at }), false);
        }
        let known = self.workspace.subscription.repriced.and_then(|known| {
            let told = Sale::of(self.catalogs.get(known.catalog)?, &next.plan.id, interval)?;
            let is_same = costs_the_same(told.price, next.price);
            (is_same || costs_less(next.price, told.price)).then_some((known.from, is_same))
        });
        let from = known.map_or_else(|| self.at.after(next.published.catalog.price_notice), |(from, _)| from);
        (Some(PriceChange { catalog, from }), known.is_none_or(|(_, is_same)| !is_same))
    }

    /// Keeps a migrated workspace on the limits it was moved to when a renewal was still sold by a version before; a
    /// renewal that a later version sold ends the notice of another price.
    pub(crate) fn keep_migrated(&mut self, at: Timestamp) {
        let Some(repriced) = self.workspace.subscription.repriced else { return };
        let renewed = self.workspace.catalog;
        let event = match renewed.cmp(&repriced.catalog) {
            Ordering::Equal => return,
            Ordering::Less => {
                let (catalog, sold) = (repriced.catalog, Some(renewed));
                PlanEvent::CatalogMigrated { catalog, sold, plan: None, repriced: Some(repriced) }
            }
            Ordering::Greater => {
                PlanEvent::CatalogMigrated { catalog: renewed, sold: None, plan: None, repriced: None }
            }
        };
        self.emit_at(at, event);
    }

    /// Returns a span of the product that a migration does not shorten inside the paid period: of two versions the
    /// longer one.
    pub(crate) fn longest(&self, span: impl Fn(&Catalog) -> Span) -> Span {
        let length = |span: Span| Timestamp::default().after(span);
        let own = span(self.catalog());
        let sold = self.sale_version().map(|sold| span(&sold.catalog));
        sold.filter(|sold| length(*sold) > length(own)).unwrap_or(own)
    }

    /// Returns the end of the bridge that begins with a period's end: of two versions the later one (R4).
    pub(crate) fn bridge_after(&self, end: Timestamp) -> Timestamp {
        let own = self.catalog().bridge_after(end);
        self.sale_version().map_or(own, |sold| sold.catalog.bridge_after(end).max(own))
    }

    /// Returns the version that the paid period was sold with, where a migration has moved the workspace on since.
    fn sale_version(&self) -> Option<&PublishedCatalog> {
        self.catalogs.get(self.workspace.subscription.sold?)
    }
}
