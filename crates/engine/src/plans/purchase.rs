//! Offers: the plans and packs that a workspace may buy now, with price and effect, before Stripe is asked.
//!
//! Invariant: a purchase whose payment would be refused is refused here, so that no customer is asked to pay for what
//! they would not get (R25: no checkout before the approval).

use crate::catalog::{Catalog, Catalogs, Name, OnUpgrade, Pack, Plan, Price};
use crate::kernel::amount::{Amount, Unit};
use crate::kernel::time::{Interval, Span, Timestamp};
use crate::plans::terms::Terms;
use crate::refusal::Refusal;
use crate::reviews::decide::require_reviews;
use crate::workspace::Workspace;

/// Plan or pack that a caller wants to buy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PurchaseTarget {
    /// A pack of the catalog, by its id.
    Pack(Name),
    /// A plan, at an interval that may be left out where the plan has one price.
    Plan(Name, Option<Interval>),
}

/// Effect of a purchase: at once, as an upgrade, or at the period's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Takes effect once it is paid.
    AtOnce,
    /// Takes effect once it is paid, in place of the current plan; the rest of that plan's period and its months to
    /// come keep their dates, or end.
    Upgrade {
        /// Credits that end with the upgrade; `None` where all of them keep their dates.
        ends: Option<Ends>,
    },
    /// Takes effect with the end of the current period, and is paid then (R31).
    AtPeriodEnd(Timestamp),
}

/// Credits of the current period that end with an upgrade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// Number of credits that are left.
    pub left: Amount,
    /// Number of credits of the months that are not yet granted.
    pub to_come: Amount,
}

impl How {
    /// Returns the sentence to be shown before the payment, about the credits that end with it; `None` where none do.
    pub fn warning(&self) -> Option<String> {
        let How::Upgrade { ends: Some(Ends { left, to_come }) } = self else { return None };
        match (left.is_zero(), to_come.is_zero()) {
            (true, true) => None,
            (false, true) => Some(format!("{left} credits that are left of the current period end with this upgrade")),
            (true, false) => {
                Some(format!("{to_come} credits of months that are still to come are lost with this upgrade"))
            }
            (false, false) => Some(format!(
                "{left} credits that are left of the current period end with this upgrade, and {to_come} credits of \
                 months that are still to come are lost"
            )),
        }
    }
}

/// Plan or pack that can be bought now, with its price and effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Version of the catalog that the offer is from.
    pub version: u32,
    /// Name of the plan or pack for people.
    pub name: String,
    /// Interval of the plan's price; `None` for a pack.
    pub interval: Option<Interval>,
    /// Price, in the currency's smallest unit.
    pub amount: Amount,
    /// Currency of the price, ISO 4217 in lower case.
    pub currency: Name,
    /// Number of credits it brings; of a plan, in one interval.
    pub credits: Amount,
    /// Number of those credits that are a bonus: with a pack, or over what paying by the month, or else by the week,
    /// would bring in a year.
    pub bonus: Amount,
    /// Time for which a pack's credits last; `None` is for ever, or as long as the plan's period.
    pub expires: Option<Span>,
    /// Effect of the purchase.
    pub how: How,
}

/// Returns the offer of a plan or pack to a workspace that has been settled to an instant.
///
/// # Errors
/// The first [`Refusal`] in the order of that enum, for a plan or pack that is not sold, or not to this workspace.
pub fn offer(
    workspace: &Workspace,
    catalogs: &Catalogs,
    wanted: &PurchaseTarget,
    at: Timestamp,
) -> Result<Offer, Refusal> {
    let version = catalogs.in_force(at, workspace.test_clock);
    let version = version.ok_or(Refusal::NotFound { what: "catalog" })?;
    if let Some(reason) = &workspace.frozen {
        return Err(Refusal::WorkspaceFrozen { reason: reason.to_string() });
    }
    match wanted {
        PurchaseTarget::Pack(id) => {
            let pack = version.catalog.pack(id).ok_or_else(|| {
                Refusal::invalid("/pack", format!("there is no pack `{}`", id.chars().take(100).collect::<String>()))
            })?;
            offer_pack(workspace, version.version, pack)
        }
        PurchaseTarget::Plan(id, interval) => {
            let plan = version.catalog.plan(id).filter(|plan| !plan.prices.is_empty()).ok_or_else(|| {
                let id: String = id.chars().take(100).collect();
                Refusal::invalid("/plan", format!("there is no plan `{id}` that is paid for"))
            })?;
            let price = price_of(plan, *interval)?;
            require_reviews(workspace, &version.catalog, plan)?;
            let how = how(workspace, catalogs, &version.catalog, plan, price, at)?;
            offer_plan(version.version, plan, price, how)
        }
    }
}

fn offer_pack(workspace: &Workspace, version: u32, pack: &Pack) -> Result<Offer, Refusal> {
    if !pack.plans.is_empty() && !pack.plans.contains(&workspace.subscription.plan) {
        return Err(Refusal::FeatureNotInPlan { feature: "packs".to_owned(), plans_that_include: pack.plans.clone() });
    }
    Ok(Offer {
        version,
        name: pack.id.to_string(),
        interval: None,
        amount: pack.amount,
        currency: Name::from(pack.currency.as_str()),
        credits: pack.credits + pack.bonus,
        bonus: pack.bonus,
        expires: pack.expires,
        how: How::AtOnce,
    })
}

fn offer_plan(version: u32, plan: &Plan, price: &Price, how: How) -> Result<Offer, Refusal> {
    let amount = price.amount.filter(|_| !plan.custom);
    let amount = amount.ok_or_else(|| {
        Refusal::invalid("/plan", format!("`{}` is agreed by contract: ask the operator of this product", plan.id))
    })?;
    Ok(Offer {
        version,
        name: plan.name.clone(),
        interval: Some(price.interval),
        amount,
        currency: Name::from(price.currency.as_str()),
        credits: credits_in(price, price.interval),
        bonus: yearly_bonus(plan, price).unwrap_or_default(),
        expires: None,
        how,
    })
}

/// Returns the price of a plan at an interval, which may be left out where the plan has one price.
///
/// # Errors
/// When the plan has no such price, or the interval must be given.
pub(crate) fn price_of(plan: &Plan, interval: Option<Interval>) -> Result<&Price, Refusal> {
    let intervals = || plan.prices.iter().map(|price| price.interval.name()).collect::<Vec<_>>().join(" or ");
    match interval {
        Some(interval) => plan
            .price(interval)
            .ok_or_else(|| Refusal::invalid("/interval", format!("`{}` is sold by the {}", plan.id, intervals()))),
        None if plan.prices.len() == 1 => Ok(&plan.prices[0]),
        None => {
            Err(Refusal::invalid("/interval", format!("must be given: `{}` is sold by the {}", plan.id, intervals())))
        }
    }
}

/// Returns true if a plan and interval follows another at the period's end: a lower plan, or a shorter interval of
/// the same plan. Every other change is an upgrade and begins at once (R31).
pub fn is_downgrade(catalog: &Catalog, from: (&str, Interval), to: (&str, Interval)) -> bool {
    let (before, after) = (catalog.plan_rank(from.0), catalog.plan_rank(to.0));
    after < before || (from.0 == to.0 && to.1 < from.1)
}

/// Returns the effect of an upgrade, by the terms that the current period was sold with.
pub fn upgrade(workspace: &Workspace, catalogs: &Catalogs, at: Timestamp) -> How {
    let terms = Terms::of(workspace, catalogs, at);
    let Some(terms) = terms.filter(|terms| terms.on_upgrade() == OnUpgrade::Forfeit) else {
        return How::Upgrade { ends: None };
    };
    let credits = |unit| unit == Unit::Credits;
    let left = workspace.grants.iter().filter(|grant| credits(grant.unit) && grant.live(at));
    let left: Amount =
        left.filter(|grant| workspace.subscription.is_forfeited(grant)).map(|grant| grant.available).sum();
    let period = workspace.subscription.period;
    let months = period.map_or(0, |period| period.months_to_come());
    let price = period.and_then(|period| terms.granting().plan.price(period.interval));
    let grants = price.into_iter().flat_map(|price| &price.grants);
    let monthly = grants.filter(|grant| credits(grant.unit) && grant.every == Some(Interval::Month));
    let to_come = monthly.filter_map(|grant| Amount::new(grant.amount.get() * i64::from(months))).sum();
    How::Upgrade { ends: Some(Ends { left, to_come }) }
}

fn how(
    workspace: &Workspace,
    catalogs: &Catalogs,
    catalog: &Catalog,
    plan: &Plan,
    price: &Price,
    at: Timestamp,
) -> Result<How, Refusal> {
    let current = &workspace.subscription;
    let Some(period) = current.period else { return Ok(How::AtOnce) };
    if current.payment.is_none() {
        let detail = format!("`{}` is billed by hand: ask the operator of this product to change it", current.plan);
        return Err(Refusal::invalid("/plan", detail));
    }
    let same = current.plan == plan.id && period.interval == price.interval;
    if same && current.pending.is_none() && !current.cancel {
        return Err(Refusal::invalid("/plan", format!("the workspace is on `{}` already", plan.id)));
    }
    let (from, to) = ((&*current.plan, period.interval), (&*plan.id, price.interval));
    Ok(if same || is_downgrade(catalog, from, to) {
        How::AtPeriodEnd(period.end)
    } else {
        upgrade(workspace, catalogs, at)
    })
}

/// Returns the credits that a year of a price brings over what paying by the month, or else by the week, would bring
/// in a year; `None` where it is not paid by the year, or brings no more.
pub fn yearly_bonus(plan: &Plan, price: &Price) -> Option<Amount> {
    if price.interval != Interval::Year {
        return None;
    }
    let year = credits_in(price, Interval::Year);
    let shorter = [Interval::Month, Interval::Week].into_iter().find_map(|interval| plan.price(interval))?;
    let times = if shorter.interval == Interval::Month { 12 } else { 52 };
    let otherwise = Amount::new(credits_in(shorter, shorter.interval).get() * times)?;
    Some(year.less(otherwise)).filter(|bonus| !bonus.is_zero())
}

/// Returns the credits that one paid interval of a price brings in all.
fn credits_in(price: &Price, interval: Interval) -> Amount {
    let credits = price.grants.iter().filter(|grant| grant.unit == Unit::Credits);
    let brings = credits.map(|grant| match (interval, grant.every) {
        (Interval::Year, Some(Interval::Month)) => Amount::new(grant.amount.get() * 12).unwrap_or(grant.amount),
        _ => grant.amount,
    });
    brings.sum()
}
