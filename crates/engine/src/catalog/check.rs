//! Checks of a catalog's meaning: names resolve, amounts are in range, every model has a price that its parameters can
//! pay.
//!
//! Invariant: a catalog without a finding has passed every check that the rest of the engine relies on.

mod models;

use super::messages::{nearest, one_of};
use super::{Catalog, GrantTemplate, ModelLimit, Name, Param, Plan, Trial, is_page};
use crate::kernel::amount::{Amount, Unit};
use crate::kernel::limits::{CATALOG_ITEMS_MAX, ID_MAX, OPERATION_MAX, PARAMS_MAX, PROBLEMS_MAX};
use crate::kernel::time::{Interval, Span, Timestamp};
use crate::runs::access::Capability;
use std::collections::BTreeSet;

/// One thing that is wrong, with its path in the data.
pub(super) struct Finding {
    pub path: Vec<String>,
    pub message: String,
    pub help: String,
}

/// Returns the first findings about a catalog whose shape is right, and the number of all.
///
/// No list is longer than [`CATALOG_ITEMS_MAX`] once [`Check::bounds`] has passed, and a suggestion is computed only
/// while it will be reported; so the work is linear in the size of the catalog.
pub(super) fn check(catalog: &Catalog) -> (Vec<Finding>, usize) {
    let mut check = Check { catalog, findings: Vec::new(), all: 0 };
    check.bounds();
    if check.all > 0 {
        return (check.findings, check.all);
    }
    check.whole();
    for (index, plan) in catalog.plans.iter().enumerate() {
        check.plan(&Path::root("plan").at(index), plan);
    }
    for (index, model) in catalog.models.iter().enumerate() {
        check.model(&Path::root("model").at(index), model);
    }
    check.packs();
    check.presets();
    check.links();
    (check.findings, check.all)
}

#[derive(Clone)]
struct Path(Vec<String>);

impl Path {
    fn root(key: &str) -> Path {
        Path(vec![key.to_owned()])
    }
    fn at(&self, index: usize) -> Path {
        self.key(&index.to_string())
    }
    fn key(&self, key: &str) -> Path {
        let mut steps = self.0.clone();
        steps.push(key.to_owned());
        Path(steps)
    }
}

struct Check<'a> {
    catalog: &'a Catalog,
    findings: Vec<Finding>,
    /// Number of all findings, reported or not.
    all: usize,
}

impl Check<'_> {
    fn wrong(&mut self, path: &Path, message: impl Into<String>, help: impl Into<String>) {
        self.all += 1;
        if !self.is_full() {
            self.findings.push(Finding { path: path.0.clone(), message: message.into(), help: help.into() });
        }
    }

    /// Returns `true` when no further finding will be reported.
    fn is_full(&self) -> bool {
        self.findings.len() >= PROBLEMS_MAX
    }

    /// Refuses links that a browser would run, or that lead to another host without encryption.
    fn links(&mut self) {
        for (key, link) in self.catalog.links.each() {
            if link.is_some_and(|link| !is_page(link)) {
                let help = "write https://…, or a path of your product's own pages: /settings/billing";
                self.wrong(&Path::root("links").key(key), "this is neither an https address nor a path", help);
            }
        }
    }

    /// Refuses lists that are too long to be compared item by item.
    fn bounds(&mut self) {
        let catalog = self.catalog;
        for (key, length) in [
            ("plan", catalog.plans.len()),
            ("model", catalog.models.len()),
            ("pack", catalog.packs.len()),
            ("preset", catalog.presets.len()),
            ("lanes", catalog.lanes.len()),
        ] {
            if length > CATALOG_ITEMS_MAX {
                let message = format!("more than {CATALOG_ITEMS_MAX} of [[{key}]]");
                self.wrong(&Path::root(key).at(CATALOG_ITEMS_MAX).key("id"), message, "split the product");
            }
        }
        self.check_length(&Path(Vec::new()), "levels", catalog.levels.len());
        for (index, plan) in catalog.plans.iter().enumerate() {
            let path = Path::root("plan").at(index);
            for (key, length) in [
                ("ceiling", plan.ceiling.len()),
                ("requires", plan.requires.len()),
                ("features", plan.features.len()),
                ("once", plan.once.len()),
                ("price", plan.prices.len()),
                ("trial", plan.trials.len()),
                ("limited", plan.limited.len()),
            ] {
                self.check_length(&path, key, length);
            }
            for (index, price) in plan.prices.iter().enumerate() {
                self.check_length(&path.key("price").at(index), "grants", price.grants.len());
            }
            let once = plan.once.iter().enumerate().map(|(index, grant)| (path.key("once").at(index), grant));
            let paid = plan.prices.iter().enumerate().flat_map(|(n, price)| {
                let path = path.key("price").at(n).key("grants");
                price.grants.iter().enumerate().map(move |(index, grant)| (path.at(index), grant))
            });
            for (path, grant) in once.chain(paid) {
                self.check_length(&path, "models", grant.models.len());
            }
        }
        self.bounds_of_models();
    }

    fn bounds_of_models(&mut self) {
        let catalog = self.catalog;
        for (index, model) in catalog.models.iter().enumerate() {
            let path = Path::root("model").at(index);
            self.check_length(&path, "plans", model.plans.len());
            self.check_length(&path, "adjust", model.adjusts.len());
            if model.params.len() > PARAMS_MAX {
                self.wrong(&path.key("params"), format!("more than {PARAMS_MAX} parameters"), "split the model");
            }
            for (name, param) in &model.params {
                if let Param::Choice { choices, .. } = param {
                    self.check_length(&path.key("params").key(name), "choices", choices.len());
                }
            }
            for (place, adjust) in model.adjusts.iter().enumerate() {
                self.check_length(&path.key("adjust").at(place), "when", adjust.when.len());
            }
        }
        for (index, pack) in catalog.packs.iter().enumerate() {
            self.check_length(&Path::root("pack").at(index), "plans", pack.plans.len());
        }
        for (index, preset) in catalog.presets.iter().enumerate() {
            self.check_length(&Path::root("preset").at(index), "capabilities", preset.capabilities.len());
        }
    }

    fn check_length(&mut self, path: &Path, key: &str, length: usize) {
        if length > CATALOG_ITEMS_MAX {
            let message = format!("`{key}` has {length} entries; at most {CATALOG_ITEMS_MAX} are read");
            self.wrong(&path.key(key), message, "shorten the list");
        }
    }

    fn whole(&mut self) {
        let catalog = self.catalog;
        self.name(&Path::root("name"), &catalog.name);
        self.names(&Path::root("plan"), "plan", catalog.plans.iter().map(|plan| &plan.id));
        self.names(&Path::root("model"), "model", catalog.models.iter().map(|model| &model.id));
        self.names(&Path::root("pack"), "pack", catalog.packs.iter().map(|pack| &pack.id));
        self.known_plan(&Path::root("free_plan"), &catalog.free_plan);
        if catalog.plan(&catalog.free_plan).is_some_and(|free| !free.prices.is_empty()) {
            self.wrong(
                &Path::root("free_plan"),
                format!("`{}` has a price", catalog.free_plan),
                "name a plan without [[plan.price]]",
            );
        }
        if catalog.plan(&catalog.free_plan).is_some_and(|free| !free.requires.is_empty()) {
            self.wrong(&Path::root("free_plan"), "the free plan requires a review", "remove `requires` from it");
        }
        let of_epoch = |span: Span| Timestamp::default().after(span);
        if catalog.renewal_bridge.is_some_and(|bridge| of_epoch(bridge) > of_epoch(catalog.payment_grace)) {
            self.wrong(
                &Path::root("renewal_bridge"),
                format!("the bridge is longer than `payment_grace`, {}", catalog.payment_grace),
                "write at most the grace: without a payment the plan ends with it",
            );
        }
        if of_epoch(catalog.processing_grace) < of_epoch(catalog.payment_grace) {
            self.wrong(
                &Path::root("processing_grace"),
                format!("a payment on its way is given up before one that failed, after {}", catalog.payment_grace),
                "write at least `payment_grace`",
            );
        }
        self.names(&Path::root("lanes"), "lane", catalog.lanes.iter().map(|lane| &lane.id));
        for (index, level) in catalog.levels.iter().enumerate() {
            let path = Path::root("levels").at(index);
            self.name(&path, level);
            if catalog.levels[..index].contains(level) {
                self.wrong(&path, format!("a second level named `{level}`"), "remove one of the two");
            }
        }
        for (index, lane) in catalog.lanes.iter().enumerate() {
            if lane.weight == 0 || lane.weight > 1_000 {
                self.wrong(
                    &Path::root("lanes").at(index).key("weight"),
                    "a lane's weight is 1 to 1000",
                    "write for example weight = 1",
                );
            }
        }
    }

    fn names<'n>(&mut self, path: &Path, what: &str, names: impl Iterator<Item = &'n Name>) {
        let mut seen = BTreeSet::new();
        for (index, name) in names.enumerate() {
            let path = path.at(index).key("id");
            self.name(&path, name);
            if !seen.insert(name) {
                self.wrong(&path, format!("a second {what} named `{name}`"), "give each its own id");
            }
        }
    }

    fn name(&mut self, path: &Path, name: &str) {
        let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
        if name.is_empty() || name.len() > ID_MAX || !name.bytes().all(good) {
            self.wrong(path, format!("`{name}` is not a name"), "use 1 to 64 lower-case letters, digits, - _ and .");
        }
    }

    fn one_of<'n>(&mut self, path: &Path, what: &str, name: &str, known: impl Iterator<Item = &'n Name>) {
        let known: Vec<&str> = known.map(|known| &**known).collect();
        if !known.contains(&name) {
            if self.is_full() {
                return self.wrong(path, "", "");
            }
            let help = match nearest(name, &known) {
                Some(near) => format!("did you mean `{near}`?"),
                None if known.is_empty() => format!("add a {what} of this name to the catalog, or leave this out"),
                None => one_of(&known),
            };
            self.wrong(path, format!("there is no {what} `{name}`"), help);
        }
    }

    fn known_plan(&mut self, path: &Path, name: &str) {
        self.one_of(path, "plan", name, self.catalog.plans.iter().map(|plan| &plan.id));
    }

    fn known_model(&mut self, path: &Path, name: &str) {
        self.one_of(path, "model", name, self.catalog.models.iter().map(|model| &model.id));
    }

    fn capabilities(&mut self, path: &Path, capabilities: &[String]) {
        for (index, capability) in capabilities.iter().enumerate() {
            if Capability::parse(capability).is_none() {
                let help = format!("write one of: {}", Capability::VOCABULARY.join(", "));
                self.wrong(&path.at(index), format!("`{capability}` is not a capability"), help);
            }
        }
    }

    /// Checks that a preset names the capabilities of its keys in one way, and exactly.
    fn presets(&mut self) {
        let catalog = self.catalog;
        self.names(&Path::root("preset"), "preset", catalog.presets.iter().map(|preset| &preset.id));
        for (index, preset) in catalog.presets.iter().enumerate() {
            let path = Path::root("preset").at(index);
            self.capabilities(&path.key("capabilities"), &preset.capabilities);
            let parsed = preset.capabilities.iter().map(|word| Capability::parse(word));
            for (place, capability) in parsed.enumerate() {
                if capability.is_some_and(|capability| !capability.is_exact()) {
                    let help = "a key is for one by its name: write `workflow:run` or `model:run` for any";
                    self.wrong(&path.key("capabilities").at(place), "a preset cannot leave a name open", help);
                }
            }
            if preset.ceiling != preset.capabilities.is_empty() {
                let help = "list capabilities, or write ceiling = true for all that the plan allows";
                self.wrong(&path, "a preset has either capabilities or the ceiling", help);
            }
        }
    }

    fn plan(&mut self, path: &Path, plan: &Plan) {
        self.capabilities(&path.key("ceiling"), &plan.ceiling);
        for (key, value) in [
            ("requests_per_minute", plan.requests_per_minute),
            ("concurrency", plan.concurrency),
            ("batch", plan.batch),
            ("storage_gb", plan.storage_gb),
            ("members", plan.members),
        ] {
            if value == Some(0) {
                self.wrong(&path.key(key), "zero allows nothing", "leave it out for unlimited, or write at least 1");
            }
        }
        if let Some(lane) = &plan.lane {
            self.one_of(&path.key("lane"), "lane", lane, self.catalog.lanes.iter().map(|lane| &lane.id));
        }
        if let Some(level) = &plan.level {
            self.one_of(&path.key("level"), "level", level, self.catalog.levels.iter());
        }
        for (index, grant) in plan.once.iter().enumerate() {
            let path = path.key("once").at(index);
            self.grant(&path, grant);
            if grant.every.is_some() {
                self.wrong(
                    &path.key("every"),
                    "a grant that is given once does not repeat",
                    "remove `every`, or move it to a [[plan.price]]",
                );
            }
        }
        let free = self.catalog.plan(&self.catalog.free_plan).filter(|free| free.prices.is_empty());
        if plan.prices.is_empty() && free.is_some_and(|free| free.id != plan.id) {
            let message = format!("`{}` cannot be subscribed to: it is not the free plan and has no price", plan.id);
            self.wrong(path, message, "add a [[plan.price]], without `amount` when it is agreed by contract");
        }
        self.prices(path, plan);
        let mut tried = BTreeSet::new();
        for (index, trial) in plan.trials.iter().enumerate() {
            let path = path.key("trial").at(index);
            self.trial(&path, plan, trial);
            if !tried.insert(&trial.model) {
                self.wrong(&path.key("model"), format!("a second trial of `{}`", trial.model), "keep one");
            }
        }
        for (index, limited) in plan.limited.iter().enumerate() {
            self.check_limited(&path.key("limited").at(index), limited);
        }
    }

    fn prices(&mut self, path: &Path, plan: &Plan) {
        let mut seen = BTreeSet::new();
        for (index, price) in plan.prices.iter().enumerate() {
            let path = path.key("price").at(index);
            if !seen.insert(price.interval) {
                self.wrong(
                    &path.key("interval"),
                    format!("a second price by the {}", price.interval.name()),
                    "a plan has one price an interval",
                );
            }
            self.currency(&path.key("currency"), &price.currency);
            match price.amount {
                None if !plan.custom => {
                    self.wrong(&path, "the price has no amount", "add `amount = …` in the currency's smallest unit")
                }
                Some(amount) if amount.is_zero() => self.wrong(
                    &path.key("amount"),
                    "a price of zero",
                    "a plan that costs nothing has no [[plan.price]]",
                ),
                _ => {}
            }
            for (index, grant) in price.grants.iter().enumerate() {
                let path = path.key("grants").at(index);
                self.grant(&path, grant);
                let every = grant.every.unwrap_or(price.interval);
                if every != price.interval && (every, price.interval) != (Interval::Month, Interval::Year) {
                    let message = format!("a grant every {} inside a paid {}", every.name(), price.interval.name());
                    self.wrong(&path.key("every"), message, "leave it out, or grant every month inside a year");
                }
                if price.grants[..index].iter().any(|other| other.code == grant.code) {
                    self.wrong(
                        &path.key("code"),
                        format!("a second grant with code `{}`", grant.code),
                        "give each its own code",
                    );
                }
            }
        }
    }

    fn grant(&mut self, path: &Path, grant: &GrantTemplate) {
        self.name(&path.key("code"), &grant.code);
        self.amount(&path.key("amount"), grant.amount);
        if grant.unit == Unit::Runs {
            self.wrong(&path.key("unit"), "runs are granted by a trial", "write a [[plan.trial]] with runs = …");
        }
        if grant.bonus && grant.rollover_max.is_some() {
            self.wrong(&path.key("rollover_max"), "a bonus does not roll over", "remove `rollover_max`, or `bonus`");
        }
        for (index, model) in grant.models.iter().enumerate() {
            self.known_model(&path.key("models").at(index), model);
        }
    }

    fn amount(&mut self, path: &Path, amount: Amount) {
        if amount.is_zero() || amount.get() > OPERATION_MAX {
            self.wrong(
                path,
                format!("an amount of {amount} is out of range"),
                format!("write a whole number from 1 to {OPERATION_MAX}"),
            );
        }
    }

    fn currency(&mut self, path: &Path, currency: &str) {
        if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_lowercase()) {
            self.wrong(
                path,
                format!("`{currency}` is not a currency"),
                "write ISO 4217 in lower case, for example \"usd\"",
            );
        }
    }

    fn trial(&mut self, path: &Path, plan: &Plan, trial: &Trial) {
        self.known_model(&path.key("model"), &trial.model);
        match (trial.runs, trial.window) {
            (Some(runs), None) => self.amount(&path.key("runs"), runs),
            (None, Some(window)) if window.is_zero() => {
                self.wrong(&path.key("window"), "a window without length", "write for example \"7 days\"")
            }
            (None, Some(_)) => {}
            _ => self.wrong(
                path,
                "a trial is either so many runs or a window",
                "write `runs = 3` or `window = \"7 days\"`",
            ),
        }
        if let Some(model) = self.catalog.model(&trial.model)
            && (model.plans.is_empty() || model.plans.contains(&plan.id))
        {
            let message = format!("`{}` is in plan `{}` already", trial.model, plan.id);
            self.wrong(
                &path.key("model"),
                message,
                format!("list the plans that include the model, without `{}`", plan.id),
            );
        }
    }

    fn check_limited(&mut self, path: &Path, limited: &ModelLimit) {
        self.known_model(&path.key("model"), &limited.model);
        if limited.runs_per_day == 0 {
            self.wrong(&path.key("runs_per_day"), "zero runs a day", "leave the plan out of the model's plans instead");
        }
    }

    fn packs(&mut self) {
        for (index, pack) in self.catalog.packs.iter().enumerate() {
            let path = Path::root("pack").at(index);
            self.amount(&path.key("credits"), pack.credits);
            self.currency(&path.key("currency"), &pack.currency);
            if pack.amount.is_zero() {
                self.wrong(
                    &path.key("amount"),
                    "a pack that costs nothing",
                    "write its price in the currency's smallest unit",
                );
            }
            if pack.bonus.get() > OPERATION_MAX {
                self.amount(&path.key("bonus"), pack.bonus);
            }
            if pack.expires.is_some_and(Span::is_zero) {
                self.wrong(
                    &path.key("expires"),
                    "a pack that expires at once",
                    "leave it out for ever, or write for example \"90 days\"",
                );
            }
            for (index, plan) in pack.plans.iter().enumerate() {
                self.known_plan(&path.key("plans").at(index), plan);
            }
        }
    }
}
