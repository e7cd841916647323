//! The two halves of a catalog for one workspace (R33): the *terms* that its paid period was sold with, which are its
//! limits, gates, trials and grants; and the *menu*, which is the same for everybody: models, rates, packs and plans on
//! sale of the newest version.
//!
//! A free workspace that stayed on the terms of its first day never saw a new model, and its automatic top-ups
//! charged the price of that day; so a workspace without a paid period is on the newest terms.
//!
//! Invariant: a model that the terms do not know is judged by the newest version of the same plan, and rights that
//! the paid period was sold with are never taken from it.

use crate::catalog::{
    Catalog, Catalogs, Model, ModelLimit, Name, OnUpgrade, Param, Params, Plan, PublishedCatalog, Trial, Value, nearest,
};
use crate::kernel::time::Timestamp;
use crate::refusal::{FreshQuote, Refusal};
use crate::runs::params;
use crate::runs::quote::{self, Price};
use crate::workspace::Workspace;
use std::borrow::Cow;

/// A plan as one catalog version has it.
#[derive(Clone, Copy, Debug)]
pub struct Edition<'c> {
    /// Version of the catalog.
    pub published: &'c PublishedCatalog,
    /// The workspace's plan in that version.
    pub plan: &'c Plan,
}

impl Edition<'_> {
    /// Returns the weight of the plan's lane; 0 where it has none.
    pub(crate) fn weight(&self) -> u32 {
        let lanes = &self.published.catalog.lanes;
        let lane = self.plan.lane.as_ref().and_then(|lane| lanes.iter().find(|known| known.id == *lane));
        lane.map_or(0, |lane| lane.weight)
    }
}

/// The terms of a workspace at an instant, and the menu.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'c> {
    /// Newest version in force: its models can be run, and its plans and packs bought.
    pub menu: &'c PublishedCatalog,
    /// Edition that limits and gates come from.
    pub own: Edition<'c>,
    /// Edition that the paid period's grants and price come from.
    granting: Edition<'c>,
    /// Edition that the paid period was sold with, where a migration has moved the workspace on since.
    pub sold: Option<Edition<'c>>,
    /// Version whose rates a run in a paid period must not exceed, where the catalog gives notice of rates.
    noticed: Option<&'c PublishedCatalog>,
}

/// A price, with the version whose rates it is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PricedRun {
    /// Price of the run.
    pub price: Price,
    /// Version of the catalog whose rates it is from.
    pub version: u32,
    /// Fingerprint of the parameters as that version reads them, by which a quote is known.
    pub fingerprint: u64,
}

/// A model of the menu, the parameters as the menu reads them, and the price.
#[derive(Clone, Debug)]
pub struct Estimate<'c> {
    /// Model of the menu.
    pub model: &'c Model,
    /// Parameters with their defaults filled in.
    pub params: Params,
    /// Price of the run.
    pub priced: PricedRun,
}

impl Estimate<'_> {
    /// Returns the estimate as a quote.
    pub fn to_quote(&self) -> FreshQuote {
        let Estimate { model, params, priced } = self;
        FreshQuote {
            model: model.id.clone(),
            params: params.clone(),
            credits: priced.price.credits,
            lines: priced.price.lines.clone(),
            catalog_version: priced.version,
            fingerprint: priced.fingerprint,
        }
    }
}

impl<'c> Terms<'c> {
    /// Returns the terms of a workspace at an instant; `None` when its version or its plan is not among the catalogs.
    pub fn of(workspace: &Workspace, catalogs: &'c Catalogs, at: Timestamp) -> Option<Terms<'c>> {
        let menu = catalogs.in_force(at, workspace.test_clock)?;
        let subscription = &workspace.subscription;
        let edition = |version| {
            let published = catalogs.get(version)?;
            Some(Edition { published, plan: workspace.plan_in_force(&published.catalog)? })
        };
        let Some(_) = subscription.period else {
            // A version that another process has put into force already may be newer than this process's clock says.
            let newest = catalogs.get(workspace.catalog.max(menu.version))?;
            let plan = newest.catalog.plan(&subscription.plan).unwrap_or(newest.catalog.free());
            let own = Edition { published: newest, plan };
            return Some(Terms { menu: newest, own, granting: own, sold: None, noticed: None });
        };
        let own = edition(workspace.catalog)?;
        let sold = match subscription.sold {
            Some(version) => Some(edition(version)?),
            None => None,
        };
        let notices = [Some(menu), Some(own.published), sold.map(|sold| sold.published)];
        let notices = notices.into_iter().flatten().filter_map(|version| version.catalog.rate_notice);
        let earliest = notices.map(|notice| at.before(notice)).min();
        let noticed = earliest.and_then(|earliest| catalogs.in_force(earliest, workspace.test_clock));
        let granting = sold.unwrap_or(own).published;
        let granting = Edition { published: granting, plan: granting.catalog.plan(&subscription.plan)? };
        Some(Terms { menu, own, granting, sold, noticed: noticed.filter(|noticed| noticed.version != menu.version) })
    }

    /// Returns the terms that one edition alone would give.
    pub(crate) fn under(menu: &'c PublishedCatalog, own: Edition<'c>) -> Terms<'c> {
        Terms { menu, own, granting: own, sold: None, noticed: None }
    }

    /// Returns the plan with its limits: of two editions, the wider limit of each.
    pub fn plan(&self) -> Cow<'c, Plan> {
        match self.sold {
            None => Cow::Borrowed(self.own.plan),
            Some(sold) => Cow::Owned(wider(self.own, sold)),
        }
    }

    /// Returns the edition that the paid period's grants and price come from.
    pub fn granting(&self) -> Edition<'c> {
        self.granting
    }

    /// Returns the effect of an upgrade on the rest of the old cycle: it is carried where the version that the paid
    /// period was sold with or the one that it was moved to says so (R31).
    pub fn on_upgrade(&self) -> OnUpgrade {
        let carries = self.editions().any(|edition| edition.published.catalog.on_upgrade == OnUpgrade::Carry);
        if carries { OnUpgrade::Carry } else { OnUpgrade::Forfeit }
    }

    fn editions(&self) -> impl Iterator<Item = Edition<'c>> {
        [Some(self.own), self.sold].into_iter().flatten()
    }

    /// Returns the newest edition of the workspace's plan; `None` where the newest version has no such plan.
    fn newest(&self) -> Option<Edition<'c>> {
        let plan = self.menu.catalog.plan(&self.own.plan.id)?;
        Some(Edition { published: self.menu, plan })
    }

    /// Returns the editions that judge a model, each with its own form of the model: those of the terms that know it,
    /// or else the newest one. The list is empty where the terms do not know it and the newest version has no such
    /// plan.
    pub fn judges(&self, model: &str) -> Vec<(Edition<'c>, &'c Model)> {
        let knowing = |edition: Edition<'c>| Some((edition, edition.published.catalog.model(model)?));
        let known: Vec<_> = self.editions().filter_map(knowing).collect();
        if known.is_empty() { self.newest().and_then(knowing).into_iter().collect() } else { known }
    }

    /// Returns the trials of a model that the plan does not include, one for each edition that judges it.
    pub fn trials(&self, model: &str) -> Vec<&'c Trial> {
        let judges = self.judges(model).into_iter();
        judges.filter_map(|(edition, _)| edition.plan.trials.iter().find(|trial| *trial.model == *model)).collect()
    }

    /// Returns the number of runs of a model a day that the plan allows; `None` where an edition that judges it sets
    /// no limit.
    pub fn runs_per_day(&self, model: &str) -> Option<u32> {
        let limit = |limited: &ModelLimit| limited.runs_per_day;
        let limits = self
            .judges(model)
            .into_iter()
            .map(|(edition, _)| edition.plan.limited.iter().find(|limited| *limited.model == *model).map(limit));
        limits.collect::<Option<Vec<u32>>>()?.into_iter().max()
    }

    /// Returns the level that the plan does not reach, and the parameter that asks for it.
    pub fn missing_level(&self, model: &Model, params: &Params) -> Option<(Name, Name)> {
        params.iter().find_map(|(name, value)| {
            let knowing = |edition: Edition<'c>| {
                let known = edition.published.catalog.model(&model.id)?;
                let param = known.params.get(name).filter(|param| params::accepts(param, value))?;
                Some((edition, param))
            };
            let known: Vec<_> = self.editions().filter_map(knowing).collect();
            let judges = if known.is_empty() { self.newest().and_then(knowing).into_iter().collect() } else { known };
            let by_itself = model.params.get(name).and_then(params::default);
            if judges.is_empty() {
                let is_asked = by_itself.as_ref() != Some(value);
                return is_asked.then(|| (Name::from("new"), name.clone()));
            }
            let missing = |(edition, param): &(Edition<'c>, &'c Param)| {
                let (catalog, mut levels) = (&edition.published.catalog, param.levels_of(value).into_iter());
                levels.find(|level| !reaches(catalog, edition.plan, level)).cloned()
            };
            let missing: Option<Vec<Name>> = judges.iter().map(missing).collect();
            Some((missing?.first()?.clone(), name.clone()))
        })
    }

    /// Returns the model with the older rates that still bind the paid period, where they are lower for the default
    /// parameters.
    pub(crate) fn noticed_rates(&self, model: &Model) -> Option<&'c Model> {
        let noticed = self.noticed?;
        let older = noticed.catalog.model(&model.id)?;
        let by_itself: Params =
            model.params.iter().filter_map(|(name, param)| Some((name.clone(), params::sample(param)?))).collect();
        let priced =
            |published: &PublishedCatalog| price_under(published, model, &by_itself).map(|one| one.price.credits);
        (priced(noticed)? < priced(self.menu)?).then_some(older)
    }

    /// Reads and prices a run of a model of the menu.
    ///
    /// # Errors
    /// The menu does not have the model, or the parameters are wrong.
    pub fn estimate(&self, model: &str, asked: &Params) -> Result<Estimate<'c>, Refusal> {
        let menu = &self.menu.catalog;
        let model = menu.model(model).ok_or_else(|| unknown_model(menu, model))?;
        let params = params::resolve(model, asked).map_err(|errors| Refusal::InvalidRequest { errors })?;
        let priced = self.price(model, &params);
        let priced = priced.ok_or_else(|| Refusal::invalid("/params", "the price is above what one run may cost"))?;
        Ok(Estimate { model, params, priced })
    }

    /// Returns the price of a model of the menu for parameters as the menu reads them. In a paid period it is at most
    /// the price of as long ago as the catalog's `rate_notice` says. `None` when it is above what one operation may
    /// move.
    pub fn price(&self, model: &Model, resolved: &Params) -> Option<PricedRun> {
        let now = price_under(self.menu, model, resolved);
        let before = self.noticed.and_then(|noticed| price_under(noticed, model, resolved));
        match (now, before) {
            (Some(now), Some(before)) => Some(if before.price.credits < now.price.credits { before } else { now }),
            (now, before) => now.or(before),
        }
    }
}

/// Returns `true` if a plan includes a model.
pub fn includes(model: &Model, plan: &str) -> bool {
    model.plans.is_empty() || model.plans.iter().any(|included| &**included == plan)
}

/// Returns `true` if a plan's parameter level reaches a level. A plan without a level reaches all.
pub fn reaches(catalog: &Catalog, plan: &Plan, level: &str) -> bool {
    plan.level.as_ref().is_none_or(|own| catalog.level(own) >= catalog.level(level))
}

fn unknown_model(menu: &Catalog, asked: &str) -> Refusal {
    let known: Vec<&str> = menu.models.iter().map(|model| &*model.id).collect();
    let detail = match nearest(asked, &known) {
        Some(near) => format!("there is no model `{asked}`; did you mean `{near}`?"),
        None => {
            let asked: String = asked.chars().take(100).collect();
            format!("there is no model `{asked}`; the catalog has {}", known.join(", "))
        }
    };
    Refusal::invalid("/model", detail)
}

/// Returns the price of a model under the rates of a version, for parameters as the menu reads them; `None` where that
/// version cannot price them.
pub(crate) fn price_under(published: &PublishedCatalog, menu: &Model, resolved: &Params) -> Option<PricedRun> {
    let model = published.catalog.model(&menu.id)?;
    // A parameter that the version does not know, at its default, is no part of the request.
    let by_itself = |name: &Name, value: &Value| {
        let default = menu.params.get(name).and_then(params::default);
        !model.params.contains_key(name) && default.as_ref() == Some(value)
    };
    let asked = resolved.iter().filter(|(name, value)| !by_itself(name, value));
    let asked: Params = asked.map(|(name, value)| (name.clone(), value.clone())).collect();
    let params = params::resolve(model, &asked).ok()?;
    let price = quote::price(model, &params)?;
    Some(PricedRun { price, version: published.version, fingerprint: params::fingerprint(&model.id, &params) })
}

/// Merges two editions of a plan: of each limit the wider, and the price and grants of the paid one.
fn wider(own: Edition<'_>, sold: Edition<'_>) -> Plan {
    let (a, b) = (own.plan, sold.plan);
    let most = |a: Option<u32>, b: Option<u32>| Some(a?.max(b?));
    let mut plan = a.clone();
    plan.requests_per_minute = most(a.requests_per_minute, b.requests_per_minute);
    plan.concurrency = most(a.concurrency, b.concurrency);
    plan.batch = most(a.batch, b.batch);
    plan.storage_gb = most(a.storage_gb, b.storage_gb);
    plan.members = most(a.members, b.members);
    plan.retention = match (a.retention, b.retention) {
        (Some(a), Some(b)) if Timestamp::default().after(a) < Timestamp::default().after(b) => Some(b),
        (Some(a), Some(_)) => Some(a),
        _ => None,
    };
    plan.ceiling.extend(b.ceiling.iter().filter(|word| !a.ceiling.contains(word)).cloned());
    plan.features.extend(b.features.iter().filter(|feature| !a.features.contains(feature)).cloned());
    plan.requires.retain(|review| b.requires.contains(review));
    if own.weight() < sold.weight() {
        plan.lane.clone_from(&b.lane);
    }
    let place = |level: &Name| own.published.catalog.level(level);
    let is_above = |level: &Name| place(level) > a.level.as_ref().and_then(place);
    if a.level.is_some() && b.level.as_ref().is_none_or(is_above) {
        plan.level.clone_from(&b.level);
    }
    plan.limited.retain_mut(|limited| match b.limited.iter().find(|other| other.model == limited.model) {
        None => sold.published.catalog.model(&limited.model).is_none(),
        Some(other) => {
            limited.runs_per_day = limited.runs_per_day.max(other.runs_per_day);
            true
        }
    });
    let is_new = |trial: &&Trial| !a.trials.iter().any(|other| other.model == trial.model);
    plan.trials.extend(b.trials.iter().filter(is_new).cloned());
    plan.prices.clone_from(&b.prices);
    plan.custom = b.custom;
    plan
}

impl Terms<'_> {
    /// Returns the plans on sale that include a model, lowest first.
    pub fn plans_that_include(&self, model: &Model) -> Vec<Name> {
        let plans = self.menu.catalog.plans.iter().filter(|plan| includes(model, &plan.id));
        plans.map(|plan| plan.id.clone()).collect()
    }

    /// Returns the catalog that the product's settings come from, such as the order in which grants are drawn.
    pub fn catalog(&self) -> &Catalog {
        &self.own.published.catalog
    }
}
