//! Statements that must be true: one expectation a statement.
//!
//! **Invariant:** an expectation changes nothing, so that leaving one out never changes what the next one sees.

use super::actions::kind;
use super::words::{Words, amount};
use super::{Facts, Scenario, same};
use scrip_engine::{
    Access, DatedEvent, Event, Grant, Plan, Refusal, Timestamp, Unit, Value, WayOut, access, price, resolve_params,
    runs_left_today,
};
use std::borrow::Cow;
use std::fmt::Display;
use std::sync::Arc;

impl Scenario {
    /// Checks an expectation. `false` when the verb is not one.
    pub(super) fn expects(&mut self, verb: &str, words: &mut Words) -> Result<bool, String> {
        match verb {
            "balance" => self.balance(words),
            "debt" => same("debt", &words.amount("an amount")?, &self.workspace.debt()),
            "stored" => same("stored bytes", &words.parse("bytes")?, &self.workspace.stored_bytes),
            "grant" => self.grant(words),
            "grants" => self.grants(words),
            "plan" => self.plan_is(words),
            "period" => self.period(words),
            "renews" => self.renews(words),
            "renewed" => same("renewed", &words.word("an instant")?, &render(self.workspace.renewed_at)),
            "due" => same("due", &words.word("an instant")?, &render(self.workspace.next_due_at())),
            "version" => same("catalog version", &words.parse("a version")?, &self.workspace.catalog),
            "model" => self.model(words),
            "left-today" => self.left_today(words),
            "quote" => self.quote(words),
            "line" => self.line(words),
            "ended" => self.check_end(words),
            "says" => self.says(words),
            "offers" => self.offers(words, true),
            "offers-no" => self.offers(words, false),
            "happened" => self.check_events(words, true),
            "happened-not" => self.check_events(words, false),
            "limit" => self.limit(words),
            "ceiling" => self.ceiling(words),
            "feature" => self.feature(words),
            _ => return Ok(false),
        }
        .map(|()| true)
    }

    /// Returns the story's instant, or the last entry's where that is later (R3).
    pub(super) fn now(&self) -> Result<Timestamp, String> {
        self.at
            .map(|at| at.max(self.workspace.at))
            .ok_or_else(|| "`at` must come first: there is no instant yet".to_owned())
    }

    pub(super) fn plan(&self) -> Result<Cow<'_, Plan>, String> {
        Ok(self.terms()?.plan())
    }

    fn balance(&self, words: &mut Words) -> Result<(), String> {
        let mut first = words.word("an amount")?;
        let unit = if first == "training" { Unit::Training } else { Unit::Credits };
        if unit == Unit::Training {
            first = words.word("an amount")?;
        }
        let available = self.workspace.available(unit, None, self.now()?);
        same("available", &amount(&first)?, &available).map_err(|error| self.with_grants(&error))?;
        match words.maybe().as_deref() {
            None => Ok(()),
            Some("held") => same("held", &words.amount("an amount")?, &self.workspace.units_held(unit)),
            Some(other) => Err(format!("expected `held`, got `{other}`")),
        }
    }

    /// `grant KIND field value …`: some grant of the kind has all these values.
    fn grant(&self, words: &mut Words) -> Result<(), String> {
        let kind = kind(&words.word("a kind of grant")?)?;
        let mut wanted = Vec::new();
        while let Some(field) = words.maybe() {
            wanted.push((field, words.word("a value")?));
        }
        let mut found = false;
        for grant in self.workspace.grants.iter().filter(|grant| grant.kind == kind) {
            let mut all = true;
            for (field, value) in &wanted {
                all &= grant_field(grant, field)? == *value;
            }
            found |= all;
        }
        if found { Ok(()) } else { Err(self.with_grants("expected such a grant, got none")) }
    }

    /// `grants KIND n`, or `grants live n` for those that something can be drawn from.
    fn grants(&self, words: &mut Words) -> Result<(), String> {
        let which = words.word("a kind of grant, or live")?;
        let expected = words.parse("how many")?;
        let at = self.now()?;
        let got = if which == "live" {
            self.workspace.grants.iter().filter(|grant| grant.live(at) && !grant.available.is_zero()).count()
        } else {
            let kind = kind(&which)?;
            self.workspace.grants.iter().filter(|grant| grant.kind == kind).count()
        };
        same("grants", &expected, &got).map_err(|error| self.with_grants(&error))
    }

    fn with_grants(&self, error: &str) -> String {
        let render_grant = |grant: &Arc<Grant>| {
            let field = |name| grant_field(grant, name).unwrap_or_default();
            let fields = ["unit", "granted", "available", "held", "captured", "expired", "revoked", "expires"];
            let fields = fields.map(|name| format!("{name} {}", field(name)));
            format!("\n    grant {} code {} {}", grant.kind.name(), grant.code, fields.join(" "))
        };
        format!("{error}{}", self.workspace.grants.iter().map(render_grant).collect::<String>())
    }

    /// `plan NAME [INTERVAL] [ending | then NAME INTERVAL]`.
    fn plan_is(&self, words: &mut Words) -> Result<(), String> {
        let subscription = &self.workspace.subscription;
        let mut got = subscription.plan.to_string();
        if let Some(period) = subscription.period {
            got.push_str(&format!(" {}", period.interval.name()));
        }
        if subscription.cancel {
            got.push_str(" ending");
        }
        if let Some((plan, interval)) = &subscription.pending {
            got.push_str(&format!(" then {plan} {}", interval.name()));
        }
        same("plan", &words.rest(), &got)
    }

    fn period(&self, words: &mut Words) -> Result<(), String> {
        let expected = words.rest();
        let got = self.workspace.subscription.period.map_or("none".to_owned(), |p| format!("{} {}", p.start, p.end));
        same("period", &expected, &got)
    }

    /// `renews INSTANT|never`: the next allowance, as a refusal and the balance name it.
    fn renews(&self, words: &mut Words) -> Result<(), String> {
        same("renews", &words.word("an instant, or never")?, &render(self.workspace.subscription.renews_at()))
    }

    /// `model ID open | trial N | window [INSTANT] | exhausted | needs REVIEW | locked`.
    fn model(&self, words: &mut Words) -> Result<(), String> {
        let id = words.word("a model")?;
        let terms = self.terms()?;
        let model = terms.menu.catalog.model(&id).ok_or_else(|| format!("there is no model `{id}`"))?;
        let got = match access(&self.workspace, &terms, model, self.now()?) {
            Access::Open => "open".to_owned(),
            Access::TrialRuns { left } => format!("trial {left}"),
            Access::TrialWindow { ends_at: None } => "window".to_owned(),
            Access::TrialWindow { ends_at: Some(end) } => format!("window {end}"),
            Access::TrialExhausted => "exhausted".to_owned(),
            Access::Unapproved { review } => format!("needs {review}"),
            Access::Locked => "locked".to_owned(),
        };
        same("model", &words.rest(), &got)
    }

    fn left_today(&self, words: &mut Words) -> Result<(), String> {
        let model = words.word("a model")?;
        let left = runs_left_today(&self.workspace, &self.terms()?, &model, self.now()?);
        same("left today", &words.word("how many")?, &render_or(left, "unlimited"))
    }

    /// `quote MODEL … -> CREDITS`: the price of a run, allowed or not.
    fn quote(&mut self, words: &mut Words) -> Result<(), String> {
        let id = words.word("a model")?;
        let expected = words.arrow().ok_or("expected `-> ` and a price")?;
        let asked = words.params();
        let price = match self.workspace.is_open() {
            true => {
                let terms = self.terms()?;
                terms.estimate(&id, &asked).map_err(|refusal| format!("{refusal:?}"))?.priced.price
            }
            false => {
                let catalog = &self.catalogs.newest().ok_or("`catalog` must come first")?.catalog;
                let model = catalog.model(&id).ok_or_else(|| format!("there is no model `{id}`"))?;
                let resolved = resolve_params(model, &asked).map_err(|errors| format!("{errors:?}"))?;
                price(model, &resolved).ok_or("the price is out of range")?
            }
        };
        self.lines = price.lines;
        same("price", &amount(&expected)?, &price.credits).map_err(|error| format!("{error}: {:?}", self.lines))
    }

    /// `line CREDITS text`: the last quote has this line.
    fn line(&self, words: &mut Words) -> Result<(), String> {
        let (credits, text) = (words.amount("credits")?, words.rest());
        let found = self.lines.iter().any(|line| line.credits == credits && line.text == text);
        if found { Ok(()) } else { Err(format!("expected such a line, got {:?}", self.lines)) }
    }

    /// `ended STATUS captured N released N [error CODE]`.
    fn check_end(&self, words: &mut Words) -> Result<(), String> {
        let ended = self.ended.as_ref().ok_or("expected an end, got none yet")?;
        same("status", &words.word("a status")?, &ended.status)?;
        while let Some(field) = words.maybe() {
            let got = match field.as_str() {
                "captured" => ended.captured.to_string(),
                "released" => ended.released.to_string(),
                "error" => ended.error.clone(),
                other => return Err(format!("expected captured, released or error, got `{other}`")),
            };
            same(&field, &words.word("a value")?, &got)?;
        }
        Ok(())
    }

    fn last_refusal(&self) -> Result<&Refusal, String> {
        self.refusal.as_ref().ok_or_else(|| "expected a refusal, got none yet".to_owned())
    }

    /// `says FACT value`: a fact of the last refusal.
    fn says(&self, words: &mut Words) -> Result<(), String> {
        let facts = facts(self.last_refusal()?);
        let name = words.word("a fact")?;
        let got = facts.get(name.as_str()).ok_or_else(|| format!("expected `{name}`, got {facts:?}"))?;
        same(&name, &words.rest(), got)
    }

    /// `offers way …`: the last refusal names this way out; `offers-no way` that it names none that starts so.
    fn offers(&self, words: &mut Words, wanted: bool) -> Result<(), String> {
        let Refusal::InsufficientCredits { options, .. } = self.last_refusal()? else {
            return Err("expected INSUFFICIENT_CREDITS, which alone has ways out".to_owned());
        };
        let options: Vec<String> = options.iter().map(way_out).collect();
        let params = words.params();
        let params = params.iter().map(|(name, value)| format!(" {name}={}", value_text(value)));
        let way = format!("{}{}", words.rest(), params.collect::<String>());
        let found = options.iter().any(|option| if wanted { *option == way } else { option.starts_with(&way) });
        if found == wanted { Ok(()) } else { Err(format!("expected otherwise, got {options:?}")) }
    }

    /// `happened EVENT` or `happened nothing`, about the last action or passing of time.
    fn check_events(&self, words: &mut Words, wanted: bool) -> Result<(), String> {
        let event = words.word("an event")?;
        let names: Vec<&str> = self.events.iter().map(event_name).collect();
        let found = if event == "nothing" { names.is_empty() } else { names.contains(&&*event) };
        if found == wanted { Ok(()) } else { Err(format!("expected otherwise, got {names:?}")) }
    }

    /// `limit NAME VALUE`: a limit of the plan.
    fn limit(&self, words: &mut Words) -> Result<(), String> {
        let name = words.word("a limit")?;
        let plan = self.plan()?;
        let got = match name.as_str() {
            "requests_per_minute" => render_or(plan.requests_per_minute, "unlimited"),
            "concurrency" => render_or(plan.concurrency, "unlimited"),
            "batch" => render_or(plan.batch, "unlimited"),
            "storage_gb" => render_or(plan.storage_gb, "unlimited"),
            "members" => render_or(plan.members, "unlimited"),
            "retention" => render_or(plan.retention, "unlimited"),
            "lane" => render_or(plan.lane.as_ref(), "none"),
            "level" => render_or(plan.level.as_ref(), "none"),
            "low_balance" => render_or(self.catalog()?.low_balance, "none"),
            other => return Err(format!("expected a limit, got `{other}`")),
        };
        same(&name, &words.rest(), &got)
    }

    /// `ceiling none`, or every capability in the order of the file.
    fn ceiling(&self, words: &mut Words) -> Result<(), String> {
        let ceiling = self.plan()?.ceiling.join(" ");
        same("ceiling", &words.rest(), &if ceiling.is_empty() { "none".to_owned() } else { ceiling })
    }

    fn feature(&self, words: &mut Words) -> Result<(), String> {
        let name = words.word("a feature")?;
        let has = self.plan()?.features.iter().any(|feature| **feature == *name);
        same(&name, &words.word("yes or no")?.as_str(), &if has { "yes" } else { "no" })
    }
}

fn render<T: Display>(value: Option<T>) -> String {
    render_or(value, "never")
}

fn render_or<T: Display>(value: Option<T>, absent: &str) -> String {
    value.map_or_else(|| absent.to_owned(), |value| value.to_string())
}

fn grant_field(grant: &Grant, field: &str) -> Result<String, String> {
    Ok(match field {
        "code" => grant.code.to_string(),
        "unit" => grant.unit.name().to_owned(),
        "source" => grant.source.to_string(),
        "rank" => grant.rank.to_string(),
        "cost" => render_or(grant.cost_basis.as_ref().map(|cost| cost.amount), "none"),
        "granted" => grant.granted.to_string(),
        "available" => grant.available.to_string(),
        "held" => grant.held.to_string(),
        "captured" => grant.captured.to_string(),
        "expired" => grant.expired.to_string(),
        "revoked" => grant.revoked.to_string(),
        "starts" => grant.starts_at.to_string(),
        "expires" => render(grant.expires_at),
        other => return Err(format!("expected a field of a grant, got `{other}`")),
    })
}

fn event_name(dated: &DatedEvent) -> &'static str {
    match &dated.1 {
        Event::Team(_) => "team",
        event => event.name(),
    }
}

fn facts(refusal: &Refusal) -> Facts {
    let names = |names: &[scrip_engine::Name]| names.join(" ");
    match refusal {
        Refusal::CapabilityRequired { capability, ceiling } => {
            Facts::from([("capability", capability.clone()), ("ceiling", ceiling.join(" "))])
        }
        Refusal::CapabilitySuspended { capability, ceiling, why } => {
            Facts::from([("capability", capability.clone()), ("ceiling", ceiling.join(" ")), ("why", why.clone())])
        }
        Refusal::SpendCapReached { of, credits, spent, resets_at } => Facts::from([
            ("of", of.clone()),
            ("credits", credits.to_string()),
            ("spent", spent.to_string()),
            ("resets_at", render(*resets_at)),
        ]),
        Refusal::NotFound { what } => Facts::from([("what", (*what).to_owned())]),
        Refusal::InvalidRequest { errors } => {
            let pointers: Vec<&str> = errors.iter().map(|error| error.pointer.as_str()).collect();
            let details: Vec<&str> = errors.iter().map(|error| error.detail.as_str()).collect();
            Facts::from([("pointer", pointers.join(" ")), ("detail", details.join("; "))])
        }
        Refusal::QuoteExpired { fresh } | Refusal::QuoteMismatch { fresh } => {
            Facts::from([("fresh", fresh.credits.to_string())])
        }
        Refusal::SwitchedOff { name, reason } => Facts::from([("name", name.to_string()), ("reason", reason.clone())]),
        Refusal::WorkspaceFrozen { reason } => Facts::from([("reason", reason.clone())]),
        Refusal::ModelTierRequired { model, plan, plans_that_include, upgrade_url } => Facts::from([
            ("model", model.to_string()),
            ("plan", plan.to_string()),
            ("plans", names(plans_that_include)),
            ("upgrade_url", render_or(upgrade_url.as_ref(), "none")),
        ]),
        Refusal::FeatureNotInPlan { feature, plans_that_include } => {
            Facts::from([("feature", feature.clone()), ("plans", names(plans_that_include))])
        }
        Refusal::ReviewRequired { review, apply_url } => {
            Facts::from([("review", review.to_string()), ("apply_url", render_or(apply_url.as_ref(), "none"))])
        }
        Refusal::BatchLimitExceeded { limit, asked } => {
            Facts::from([("limit", limit.to_string()), ("asked", asked.to_string())])
        }
        Refusal::LimitExceeded { what, limit, asked } => {
            Facts::from([("what", (*what).to_owned()), ("limit", limit.to_string()), ("asked", asked.to_string())])
        }
        Refusal::TrialExhausted { model, trial, plans_that_include } => Facts::from([
            ("model", model.to_string()),
            ("trial", (*trial).to_owned()),
            ("plans", names(plans_that_include)),
        ]),
        Refusal::ConcurrencyLimited { limit } => Facts::from([("limit", limit.to_string())]),
        Refusal::StorageFull { used_bytes, quota_bytes } => {
            Facts::from([("used_bytes", used_bytes.to_string()), ("quota_bytes", quota_bytes.to_string())])
        }
        Refusal::AllowanceExhausted { unit, renews_at } => {
            Facts::from([("unit", unit.name().to_owned()), ("renews_at", render(*renews_at))])
        }
        Refusal::InsufficientCredits { required, available, held, retryable, .. } => Facts::from([
            ("required", required.to_string()),
            ("available", available.to_string()),
            ("held", held.to_string()),
            ("retryable", retryable.to_string()),
        ]),
        Refusal::ModelNotServed { model, mode } => {
            Facts::from([("model", model.to_string()), ("mode", mode.name().to_owned())])
        }
        Refusal::HoldEnded { ending: Some(ending), .. } => Facts::from([
            ("ended_as", ending.ended_as.to_owned()),
            ("ended_at", ending.ended_at.to_string()),
            ("captured", ending.captured.to_string()),
        ]),
        Refusal::HoldEnded { ending: None, .. } | Refusal::Superseded | Refusal::Unauthenticated => Facts::new(),
    }
}

fn way_out(way: &WayOut) -> String {
    match way {
        WayOut::Smaller { params, credits } => {
            let params = params.iter().map(|(name, value)| format!(" {name}={}", value_text(value)));
            format!("smaller {credits}{}", params.collect::<String>())
        }
        WayOut::Pack { pack, credits, .. } => format!("pack {pack} {credits}"),
        WayOut::Plan { plan, interval, credits } => format!("plan {plan} {} {credits}", interval.name()),
        WayOut::Renewal { at, credits } => format!("renewal {at} {credits}"),
        WayOut::Held { credits } => format!("held {credits}"),
    }
}

fn value_text(value: &Value) -> String {
    match value {
        Value::Boolean(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Text(text) => text.clone(),
        Value::List(entries) => format!("[{}]", entries.join(",")),
    }
}
