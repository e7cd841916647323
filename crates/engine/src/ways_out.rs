//! What would help someone whose balance is too small: computed, so that every offer really is enough.

use crate::access::includes;
use crate::amount::{Amount, Unit};
use crate::catalog::{Catalog, Model, Name, Param, Params, Value};
use crate::quote::price;
use crate::refusal::WayOut;
use crate::time::Timestamp;
use crate::workspace::Workspace;

/// At most so many offers of one kind.
const OFFERS_MAX: usize = 3;

/// Everything that would let this run through.
pub(crate) fn ways_out(
    workspace: &Workspace,
    catalog: &Catalog,
    model: &Model,
    params: &Params,
    required: Amount,
    at: Timestamp,
) -> Vec<WayOut> {
    let available = workspace.available(Unit::Credits, Some(&model.id), at);
    let mut options: Vec<WayOut> = smaller(model, params, available);
    options.extend(more_credits(workspace, catalog, Some(model), required.less(available)));
    options
}

/// Credits that would come: from runs in flight, packs, higher plans and the next period.
pub(crate) fn more_credits(
    workspace: &Workspace,
    catalog: &Catalog,
    model: Option<&Model>,
    missing: Amount,
) -> Vec<WayOut> {
    let mut options = Vec::new();
    let held = workspace.held(Unit::Credits);
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
    let rank = catalog.plan_rank(plan);
    let higher = catalog.plans.iter().filter(|other| catalog.plan_rank(&other.id) > rank && !other.custom);
    let higher = higher.filter(|other| model.is_none_or(|model| includes(model, &other.id)));
    options.extend(higher.filter_map(|other| {
        let (interval, credits) = other
            .prices
            .iter()
            .map(|price| (price.interval, credits_of(&price.grants)))
            .find(|(_, credits)| *credits >= missing)?;
        Some(WayOut::Plan { plan: other.id.clone(), interval, credits })
    }));
    options.extend(renewal(workspace, catalog, missing));
    options
}

fn credits_of(grants: &[crate::catalog::GrantTemplate]) -> Amount {
    grants.iter().filter(|grant| grant.unit == Unit::Credits).map(|grant| grant.amount).sum()
}

fn renewal(workspace: &Workspace, catalog: &Catalog, missing: Amount) -> Option<WayOut> {
    let subscription = &workspace.subscription;
    let period = subscription.period.filter(|_| !subscription.cancel && subscription.pending.is_none())?;
    let price = catalog.plan(&subscription.plan)?.price(period.interval)?;
    let credits = credits_of(&price.grants) + subscription.allowance.unwrap_or_default();
    (credits >= missing).then_some(WayOut::Renewal { at: period.next_month_at().unwrap_or(period.end), credits })
}

/// The same run with one parameter changed so that it fits, the least change of each parameter.
fn smaller(model: &Model, params: &Params, available: Amount) -> Vec<WayOut> {
    let cost = |name: &Name, value: Value| {
        let mut changed = params.clone();
        changed.insert(name.clone(), value);
        price(model, &changed).map(|price| price.credits).filter(|credits| *credits <= available)
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

/// The largest value below `asked` whose price fits; prices do not fall when a count rises.
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
