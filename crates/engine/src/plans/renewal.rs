//! The sale that renews a paid period: its version, plan and price (R33).
//!
//! Invariant: pure, and the same for a renewal that the operator says is paid and for one that Stripe collects, so
//! that the price that Stripe is given is the price that the ledger expects.

use crate::catalog::{Catalogs, Name, Plan, Price, PublishedCatalog};
use crate::kernel::time::{Interval, Timestamp};
use crate::plans::terms::Terms;
use crate::workspace::Workspace;

/// A plan at an interval as one catalog version sells it.
#[derive(Clone, Copy, Debug)]
pub struct Sale<'c> {
    /// Version of the catalog that sells it.
    pub published: &'c PublishedCatalog,
    /// Plan of that version.
    pub plan: &'c Plan,
    /// Price of the plan at the interval.
    pub price: &'c Price,
}

impl<'c> Sale<'c> {
    /// Returns the sale of a plan at an interval; `None` where the version does not sell it so.
    pub(crate) fn of(published: &'c PublishedCatalog, plan: &str, interval: Interval) -> Option<Sale<'c>> {
        let plan = published.catalog.plan(plan)?;
        Some(Sale { published, plan, price: plan.price(interval)? })
    }
}

/// Returns true if two prices ask the same amount of the same currency.
pub fn costs_the_same(one: &Price, other: &Price) -> bool {
    (one.amount, &one.currency) == (other.amount, &other.currency)
}

/// Returns true if a price asks less of the same currency than another.
pub fn costs_less(one: &Price, other: &Price) -> bool {
    one.currency == other.currency && one.amount < other.amount
}

/// Returns the sale of a renewal at an instant if nothing but time passes until then: by the newest version in force
/// that sells the plan at the price that was paid or, once its notice has run out, at the price that a migration gave
/// notice of. A later version that sells at the price that was paid withdraws a higher one.
///
/// `None` where the workspace has no paid period, or no version in force sells its plan at that price.
pub fn renewal_sale<'c>(workspace: &Workspace, catalogs: &'c Catalogs, at: Timestamp) -> Option<Sale<'c>> {
    let subscription = &workspace.subscription;
    let interval = subscription.period?.interval;
    let plan: &Name = &subscription.plan;
    let newest = catalogs.in_force(at, workspace.test_clock)?.version;
    let paid = Terms::of(workspace, catalogs, at)?.granting().plan.price(interval);
    let sales = || {
        let in_force = catalogs.all().iter().rev().filter(|published| published.version <= newest);
        in_force.filter_map(|published| Sale::of(published, plan, interval))
    };
    let noticed = subscription.repriced.filter(|repriced| repriced.from <= at);
    let noticed = noticed.and_then(|repriced| Sale::of(catalogs.get(repriced.catalog)?, plan, interval));
    let is_withdrawn = |noticed: &Sale<'c>| {
        let Some(paid) = paid.filter(|paid| !costs_less(noticed.price, paid)) else { return false };
        sales().any(|sale| sale.published.version > noticed.published.version && costs_the_same(sale.price, paid))
    };
    let price = noticed.filter(|noticed| !is_withdrawn(noticed)).map(|noticed| noticed.price).or(paid);
    sales().find(|sale| price.is_none_or(|price| costs_the_same(sale.price, price)))
}
