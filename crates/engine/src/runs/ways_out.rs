//! Ways out of a balance that is too small.
//!
//! Invariant: every offer is computed, so that it is really enough.

use crate::catalog::{Catalog, GrantTemplate, Model, Name, OnUpgrade, Param, Params, Plan, Value};
use crate::grants::Grant;
use crate::kernel::amount::{Amount, Unit};
use crate::kernel::time::{Interval, Timestamp};
use crate::plans::terms::Terms;
use crate::plans::terms::includes;
use crate::refusal::WayOut;
use crate::workspace::Workspace;

/// Maximum number of packs, and of smaller runs, that are offered.
const OFFERS_MAX: usize = 3;

/// Returns every offer that would let this run through.
pub(crate) fn ways_out(
    workspace: &Workspace,
    terms: &Terms<'_>,
    model: &Model,
    params: &Params,
    required: Amount,
    at: Timestamp,
) -> Vec<WayOut> {
    let available = workspace.available(Unit::Credits, Some(&model.id), at);
    let mut options: Vec<WayOut> = smaller(terms, model, params, available);
    options.extend(more_credits(workspace, terms, Some(model), required, at));
    options
}

/// Returns offers of more credits that are enough: from runs in flight, packs, higher plans and the next period.
pub(crate) fn more_credits(
    workspace: &Workspace,
    terms: &Terms<'_>,
    model: Option<&Model>,
    required: Amount,
    at: Timestamp,
) -> Vec<WayOut> {
    let mut options = Vec::new();
    let catalog: &Catalog = &terms.menu.catalog;
    let missing = required.less(workspace.available(Unit::Credits, model.map(|model| &*model.id), at));
    let held = workspace.units_held(Unit::Credits);
    if held >= missing {
        options.push(WayOut::Held { credits: held });
    }
    let plan = &workspace.subscription.plan;
    let sold = catalog.packs.iter().filter(|pack| pack.plans.is_empty() || pack.plans.contains(plan));
    let debt = workspace.debt();
    let enough = sold.filter(|pack| (pack.credits + pack.bonus).less(debt) >= missing);
    options.extend(enough.take(OFFERS_MAX).map(|pack| WayOut::Pack {
        pack: pack.id.clone(),
        credits: pack.credits + pack.bonus,
        amount: pack.amount,
        currency: Name::from(pack.currency.as_str()),
    }));
    options.extend(higher_plans(workspace, terms, model, required, at));
    options.extend(renewal(workspace, terms, model, required));
    options
}

/// Returns the higher plans whose first period brings enough, each at the first of its intervals that does: a higher
/// plan begins at once.
fn higher_plans(
    workspace: &Workspace,
    terms: &Terms<'_>,
    model: Option<&Model>,
    required: Amount,
    at: Timestamp,
) -> Vec<WayOut> {
    let catalog: &Catalog = &terms.menu.catalog;
    let rank = catalog.plan_rank(&workspace.subscription.plan);
    let kept = credits_after_upgrade(workspace, terms, model, at);
    let higher = catalog.plans.iter().filter(|other| catalog.plan_rank(&other.id) > rank && !other.custom);
    let higher = higher.filter(|other| model.is_none_or(|model| includes(model, &other.id)));
    let offer = |other: &Plan| {
        let (interval, credits) = other
            .prices
            .iter()
            .map(|price| (price.interval, credits_of(price.grants.iter(), model)))
            .find(|(_, credits)| *credits + kept >= required)?;
        Some(WayOut::Plan { plan: other.id.clone(), interval, credits })
    };
    higher.filter_map(offer).collect()
}

/// Returns the number of credits that are available now and would still be after an upgrade.
fn credits_after_upgrade(workspace: &Workspace, terms: &Terms<'_>, model: Option<&Model>, at: Timestamp) -> Amount {
    let model = model.map(|model| &*model.id);
    let live = workspace.grants.iter().filter(|grant| grant.unit == Unit::Credits && grant.live(at));
    let forfeits = terms.on_upgrade() == OnUpgrade::Forfeit;
    let is_lost = |grant: &Grant| forfeits && workspace.subscription.is_forfeited(grant);
    live.filter(|grant| grant.pays_for(model) && !is_lost(grant)).map(|grant| grant.available).sum()
}

/// Returns the number of credits that grants bring, of those that pay for a model.
fn credits_of<'a>(grants: impl Iterator<Item = &'a GrantTemplate>, model: Option<&Model>) -> Amount {
    let pays =
        |grant: &&GrantTemplate| grant.models.is_empty() || model.is_some_and(|model| grant.models.contains(&model.id));
    grants.filter(|grant| grant.unit == Unit::Credits).filter(pays).map(|grant| grant.amount).sum()
}

/// Returns the next allowance, if it is enough together with the credits that outlive that instant: the rest of this
/// period does not count.
fn renewal(workspace: &Workspace, terms: &Terms<'_>, model: Option<&Model>, required: Amount) -> Option<WayOut> {
    let subscription = &workspace.subscription;
    let period = subscription.period.filter(|_| subscription.pending.is_none())?;
    let at = subscription.renews_at()?;
    let grants = terms.granting().plan.price(period.interval)?.grants.iter();
    let monthly = period.next_month_at();
    let comes = grants.filter(|grant| monthly.is_none() || grant.every == Some(Interval::Month));
    let credits = credits_of(comes, model) + subscription.allowance.unwrap_or_default();
    let kept = workspace.available(Unit::Credits, model.map(|model| &*model.id), at);
    (credits + kept >= required).then_some(WayOut::Renewal { at, credits })
}

/// Returns the same run with one parameter changed so that it fits, by the least change of each parameter.
fn smaller(terms: &Terms<'_>, model: &Model, params: &Params, available: Amount) -> Vec<WayOut> {
    let cost = |name: &Name, value: Value| {
        let mut changed = params.clone();
        changed.insert(name.clone(), value);
        terms.price(model, &changed).map(|priced| priced.price.credits).filter(|credits| *credits <= available)
    };
    let mut found = Vec::new();
    for (name, param) in &model.params {
        let fitting = match (param, params.get(name)) {
            (Param::Integer { min, .. }, Some(Value::Integer(asked))) if asked > min => {
                largest_that_fits(*min, *asked, |value| cost(name, Value::Integer(value)))
            }
            (Param::Choice { choices, .. }, Some(_)) => {
                let priced =
                    choices.iter().filter_map(|choice| Some((cost(name, Value::Text(choice.to_string()))?, choice)));
                priced
                    .max_by_key(|(credits, _)| *credits)
                    .map(|(credits, choice)| (Value::Text(choice.to_string()), credits))
            }
            (Param::Boolean { .. }, Some(Value::Boolean(true))) => {
                cost(name, Value::Boolean(false)).map(|credits| (Value::Boolean(false), credits))
            }
            _ => None,
        };
        found.extend(
            fitting.map(|(value, credits)| WayOut::Smaller { params: Params::from([(name.clone(), value)]), credits }),
        );
    }
    found.truncate(OFFERS_MAX);
    found
}

/// Returns the largest value below `asked` whose price fits; prices do not fall when a count rises.
fn largest_that_fits(min: i64, asked: i64, cost: impl Fn(i64) -> Option<Amount>) -> Option<(Value, Amount)> {
    let (mut low, mut high) = (min, asked);
    let mut best = None;
    while low < high {
        let middle = low + (high - low) / 2;
        match cost(middle) {
            Some(credits) => {
                best = Some((Value::Integer(middle), credits));
                low = middle + 1;
            }
            None => high = middle,
        }
    }
    best
}
