//! The terms of a workspace as named parts, each with its worth.
//!
//! Invariant: every field of a plan that binds a workspace is a part, and so is each model of the menu with each value
//! of its parameters that may need a level.

use super::Effect;
use crate::catalog::{GrantTemplate, Model, Name, OnUpgrade, Param, Params, PublishedCatalog, Value};
use crate::explain::quantity;
use crate::kernel::amount::Amount;
use crate::kernel::money::money;
use crate::kernel::time::{Interval, Span, Timestamp};
use crate::plans::terms::Terms;
use crate::runs::access::{Access, access};
use crate::runs::params;
use crate::workspace::Workspace;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Terms by the names of their parts; the text before a `|` in a name is for their order alone.
pub(super) type Parts = BTreeMap<String, Part>;

/// One part of the terms.
pub(super) struct Part {
    /// Value in words; `None` where the workspace does not have it.
    pub text: Option<String>,
    pub worth: Worth,
}

/// Worth of a part to the workspace.
#[derive(PartialEq)]
pub(super) enum Worth {
    /// A number of which more is better.
    More(i64),
    /// A number of which less is better.
    Less(i64),
    /// A price: less is better in one currency.
    Price(String, Option<Amount>),
    /// A grant of a period, and how often it comes in a year of the plan.
    Grant(Box<GrantTemplate>, i64),
    /// A trial, by the number of its runs or the length of its window.
    Trial(Result<i64, i64>),
    /// A word of which neither value is better.
    Word(String),
}

impl Worth {
    /// Returns the direction of a change between two worths of one part.
    pub(super) fn effect(before: Option<&Worth>, after: Option<&Worth>) -> Effect {
        let by = |order: Option<Ordering>| match order {
            Some(Ordering::Greater) => Effect::Better,
            Some(Ordering::Less) => Effect::Worse,
            Some(Ordering::Equal) | None => Effect::Other,
        };
        match (before, after) {
            (Some(Worth::More(a)), Some(Worth::More(b))) => by(Some(b.cmp(a))),
            (Some(Worth::Less(a)), Some(Worth::Less(b))) => by(Some(a.cmp(b))),
            (Some(Worth::Price(a, before)), Some(Worth::Price(b, after))) => {
                by(before.zip(*after).filter(|_| a == b).map(|(before, after)| before.cmp(&after)))
            }
            (Some(Worth::Grant(a, often_a)), Some(Worth::Grant(b, often_b))) => {
                by(compare_grants((b, *often_b), (a, *often_a)))
            }
            (Some(Worth::Trial(Ok(a))), Some(Worth::Trial(Ok(b))))
            | (Some(Worth::Trial(Err(a))), Some(Worth::Trial(Err(b)))) => by(Some(b.cmp(a))),
            (None, Some(Worth::Grant(..) | Worth::Trial(_))) => Effect::Better,
            (Some(Worth::Grant(..) | Worth::Trial(_)), None) => Effect::Worse,
            _ => Effect::Other,
        }
    }
}

/// Compares two grants by what they give in a year, by what rolls over, and by what they pay for; `None` where neither
/// is as good as the other in every way.
fn compare_grants((a, often_a): (&GrantTemplate, i64), (b, often_b): (&GrantTemplate, i64)) -> Option<Ordering> {
    let widens = |one: &[Name], other: &[Name]| other.iter().all(|model| one.contains(model));
    let models = match (a.models.is_empty(), b.models.is_empty()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => match (widens(&a.models, &b.models), widens(&b.models, &a.models)) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => return None,
        },
    };
    let yearly = |grant: &GrantTemplate, often: i64| grant.amount.get().saturating_mul(often);
    let orders = [yearly(a, often_a).cmp(&yearly(b, often_b)), a.rollover_max.cmp(&b.rollover_max), models];
    let is = |order| orders.contains(&order);
    match (is(Ordering::Greater), is(Ordering::Less)) {
        _ if a.unit != b.unit => None,
        (true, false) => Some(Ordering::Greater),
        (false, true) => Some(Ordering::Less),
        (false, false) => Some(Ordering::Equal),
        (true, true) => None,
    }
}

/// Returns the parts of a workspace's terms. Parameters are compared on both sides of every line that one of some
/// versions draws.
pub(super) fn parts(workspace: &Workspace, terms: &Terms<'_>, versions: &[&PublishedCatalog], at: Timestamp) -> Parts {
    let mut found = Parts::new();
    of_plan(workspace, terms, &mut found);
    of_period(terms, workspace, &mut found);
    of_product(terms, &mut found);
    for model in &terms.menu.catalog.models {
        of_model(workspace, terms, model, at, &mut found);
        of_values(terms, model, versions, &mut found);
    }
    found
}

fn put(found: &mut Parts, name: impl Into<String>, text: Option<String>, worth: Worth) {
    found.insert(name.into(), Part { text, worth });
}

/// Adds the limits and rights of the plan.
fn of_plan(workspace: &Workspace, terms: &Terms<'_>, found: &mut Parts) {
    let plan = terms.plan();
    put(found, "1|name", Some(plan.name.clone()), Worth::Word(plan.name.clone()));
    let limits = [
        ("requests_per_minute", plan.requests_per_minute),
        ("concurrency", plan.concurrency),
        ("batch", plan.batch),
        ("storage_gb", plan.storage_gb),
        ("members", plan.members),
    ];
    for (name, limit) in limits {
        let text = limit.map_or_else(|| "unlimited".to_owned(), |limit| limit.to_string());
        put(found, format!("1|{name}"), Some(text), Worth::More(limit.map_or(i64::MAX, i64::from)));
    }
    let keeps = plan.retention.map_or_else(|| "for ever".to_owned(), |span| span.to_string());
    put(found, "1|retention", Some(keeps), Worth::More(plan.retention.map_or(i64::MAX, length)));
    let editions = [Some(terms.own), terms.sold].into_iter().flatten();
    let weight = editions.map(|edition| edition.weight()).max().unwrap_or(0);
    let lane = plan.lane.as_ref().map(|lane| format!("{lane}, weight {weight}"));
    put(found, "1|lane", lane, Worth::More(i64::from(weight)));
    let place = |level: &Name| terms.menu.catalog.level(level).map_or(-1, |place| place as i64);
    put(
        found,
        "1|level",
        Some(plan.level.as_ref().map_or_else(|| "all".to_owned(), ToString::to_string)),
        Worth::More(plan.level.as_ref().map_or(i64::MAX, place)),
    );
    let words = plan.ceiling.iter().map(|word| ("2|capability", word.as_str()));
    let words = words.chain(plan.features.iter().map(|feature| ("2|feature", &**feature)));
    for (kind, word) in words {
        put(found, format!("{kind} {word}"), Some("included".to_owned()), Worth::Trial(Ok(1)));
    }
    for review in &plan.requires {
        let is_approved = workspace.approvals.contains(review);
        let text = if is_approved { "required, and approved" } else { "required, and not approved" };
        put(found, format!("2|review {review}"), Some(text.to_owned()), Worth::Less(i64::from(!is_approved)));
    }
}

/// Adds the price and the grants of the paid period.
fn of_period(terms: &Terms<'_>, workspace: &Workspace, found: &mut Parts) {
    let plan = terms.granting().plan;
    let Some(period) = workspace.subscription.period else { return };
    let Some(price) = plan.price(period.interval) else { return };
    let text = match price.amount {
        Some(amount) => format!("{} a {}", money(amount, &price.currency), period.interval.name()),
        None => "agreed by contract".to_owned(),
    };
    put(found, "4|price", Some(text), Worth::Price(price.currency.clone(), price.amount));
    for grant in &price.grants {
        let monthly = grant.every == Some(Interval::Month) && period.interval == Interval::Year;
        let every = if monthly { Interval::Month } else { period.interval };
        let mut text = format!("{} every {}", quantity(grant.unit, grant.amount), every.name());
        if !grant.models.is_empty() {
            text += &format!(", for {}", grant.models.join(", "));
        }
        if let Some(most) = grant.rollover_max {
            text += &format!(", of which {most} roll over");
        }
        if grant.bonus {
            text += ", as a bonus";
        }
        let often = if monthly { 12 } else { 1 };
        put(found, format!("4|grant {}", grant.code), Some(text), Worth::Grant(Box::new(grant.clone()), often));
    }
}

/// Adds the settings of the product that are terms.
fn of_product(terms: &Terms<'_>, found: &mut Parts) {
    let catalogs = || [Some(terms.own), terms.sold].into_iter().flatten().map(|edition| &edition.published.catalog);
    let mut span = |name: &str, spans: Vec<Span>| {
        if let Some(longest) = spans.into_iter().max_by_key(|span| length(*span)) {
            put(found, format!("5|{name}"), Some(longest.to_string()), Worth::More(length(longest)));
        }
    };
    span("release_grace", catalogs().map(|catalog| catalog.release_grace).collect());
    span("payment_grace", catalogs().map(|catalog| catalog.payment_grace).collect());
    span("processing_grace", catalogs().map(|catalog| catalog.processing_grace).collect());
    span("renewal_bridge", catalogs().map(|catalog| catalog.bridge()).collect());
    let menu = Some(&terms.menu.catalog);
    let noticed = catalogs().chain(menu).filter_map(|catalog| catalog.rate_notice);
    span("rate_notice", noticed.chain([Span::Micros(0)]).collect());
    let carries = terms.on_upgrade() == OnUpgrade::Carry;
    let text = if carries { "carry" } else { "forfeit" };
    put(found, "5|on_upgrade", Some(text.to_owned()), Worth::More(i64::from(carries)));
}

/// Adds the workspace's access to a model of the menu.
fn of_model(workspace: &Workspace, terms: &Terms<'_>, model: &Model, at: Timestamp, found: &mut Parts) {
    let id = &model.id;
    let (text, worth) = match access(workspace, terms, model, at) {
        Access::Locked => ("not included", 0),
        Access::TrialExhausted => ("on trial, used up", 1),
        Access::Unapproved { .. } => ("included, after a review", 2),
        Access::TrialRuns { .. } | Access::TrialWindow { .. } => ("on trial", 3),
        Access::Open => ("included", 4),
    };
    put(found, format!("3|model {id}"), Some(text.to_owned()), Worth::More(worth));
    let limit = terms.runs_per_day(id);
    let text = limit.map_or_else(|| "unlimited".to_owned(), |limit| limit.to_string());
    put(found, format!("3|model {id}, runs a day"), Some(text), Worth::More(limit.map_or(i64::MAX, i64::from)));
    let trials = terms.trials(id);
    let runs = trials.iter().filter_map(|trial| trial.runs).max();
    let window = trials.iter().filter_map(|trial| trial.window).max_by_key(|span| length(*span));
    let name = format!("3|model {id}, trial");
    match (runs, window) {
        (Some(runs), _) => put(found, name, Some(format!("{runs} runs")), Worth::Trial(Ok(runs.get()))),
        (None, Some(window)) => put(found, name, Some(window.to_string()), Worth::Trial(Err(length(window)))),
        (None, None) => {}
    }
}

/// Adds the values of a model's parameters that may need a level.
fn of_values(terms: &Terms<'_>, model: &Model, versions: &[&PublishedCatalog], found: &mut Parts) {
    for (name, param) in &model.params {
        for value in values_near_levels(versions, model, name, param) {
            let missing = terms.missing_level(model, &Params::from([(name.clone(), value.clone())]));
            let text = if missing.is_none() { "allowed" } else { "needs a higher level" };
            let worth = Worth::More(i64::from(missing.is_none()));
            put(found, format!("3|model {}, {name} {}", model.id, text_of(&value)), Some(text.to_owned()), worth);
        }
    }
}

/// Returns values of a parameter that may need a level, one on each side of every line that a version draws.
fn values_near_levels(versions: &[&PublishedCatalog], model: &Model, name: &Name, param: &Param) -> Vec<Value> {
    let known = versions.iter().filter_map(|version| version.catalog.model(&model.id)?.params.get(name)).chain([param]);
    let lines = known.flat_map(|known| match known {
        Param::Integer { levels, .. } | Param::List { levels, .. } => levels.iter().map(|level| level.above).collect(),
        _ => Vec::new(),
    });
    let mut lines: Vec<i64> = lines.collect();
    lines.sort_unstable();
    lines.dedup();
    let values = match param {
        Param::Choice { choices, .. } => choices.iter().map(|word| Value::Text(word.to_string())).collect(),
        Param::Boolean { default, .. } => vec![Value::Boolean(!default)],
        Param::Text { .. } => vec![Value::Text("x".to_owned())],
        Param::Integer { min, max, .. } => {
            let numbers = lines.into_iter().map(|line| line.saturating_add(1)).chain([*min, *max]);
            numbers.map(Value::Integer).collect::<Vec<_>>()
        }
        Param::List { min, max, .. } => {
            let counts = lines.into_iter().map(|line| line.saturating_add(1)).chain([i64::from(*min), i64::from(*max)]);
            let list = |count: i64| vec!["x".to_owned(); usize::try_from(count).unwrap_or(0)];
            counts.map(|count| Value::List(list(count))).collect::<Vec<_>>()
        }
    };
    values.into_iter().filter(|value| params::accepts(param, value)).collect()
}

fn text_of(value: &Value) -> String {
    match value {
        Value::Boolean(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Text(word) => word.clone(),
        Value::List(entries) => format!("of {}", entries.len()),
    }
}

/// Returns the length of a span, in microseconds.
fn length(span: Span) -> i64 {
    Timestamp::default().after(span).micros()
}
