//! One event in words.
//!
//! Invariant: every name in a sentence is an id that can be looked up, every amount carries its unit, and what the code
//! calls released is called returned here.

use super::words::{Said, Scene, adverb, listed, quantity};
use crate::catalog::{GrantKind, Name};
use crate::event::{End, Event, Failure, RunStatus, Start};
use crate::grants::Grant;
use crate::holds::{Part, TrialUse};
use crate::kernel::amount::{Amount, Unit};
use crate::kernel::id::Kind;
use crate::kernel::time::Timestamp;
use crate::plans::subscription::Period;
use crate::runs::quote::Line;
use crate::workspace::Workspace;

impl Scene<'_> {
    /// What happened.
    pub fn say(&self, event: &Event) -> Said {
        match event {
            Event::GrantIssued { .. }
            | Event::GrantExpired { .. }
            | Event::GrantRevoked { .. }
            | Event::DebtRepaid { .. } => self.grant(event),
            Event::RunQueued { .. }
            | Event::RunStarted { .. }
            | Event::RunSettled { .. }
            | Event::OutcomeIgnored { .. } => self.run(event),
            Event::HoldOpened { .. } | Event::HoldExtended { .. } | Event::HoldEnded { .. } => self.hold(event),
            Event::PeriodStarted { .. }
            | Event::PeriodCarried { .. }
            | Event::MonthStarted { .. }
            | Event::SubscriptionEnded { .. }
            | Event::ChangeScheduled { .. }
            | Event::CancelScheduled
            | Event::ScheduleCleared
            | Event::CatalogMigrated { .. } => self.subscription(event),
            Event::Team(event) => crate::team::explain::say(self.before, self.at, event),
            Event::Billing(event) => crate::payments::explain::say(event),
            Event::Notice(notice) => crate::payments::explain::tell(self, notice),
            Event::WorkspaceOpened { .. }
            | Event::Renamed { .. }
            | Event::ReviewApproved { .. }
            | Event::DisputeOpened { .. }
            | Event::DisputeClosed { .. }
            | Event::Frozen { .. }
            | Event::Unfrozen
            | Event::WindowWithdrawn { .. } => self.standing(event),
        }
    }

    /// What the workspace is, and whether it may start anything.
    fn standing(&self, event: &Event) -> Said {
        match event {
            Event::WorkspaceOpened { mode, profile, catalog, plan, .. } => {
                let mode = mode.name();
                Said::with(
                    format!("Opened the workspace \"{}\" on the {plan} plan", profile.name),
                    format!(", in {mode} mode, with the prices of catalog version {catalog}."),
                )
            }
            Event::Renamed { name } => {
                Said::plain(format!("Renamed the workspace from \"{}\" to \"{name}\"", self.before.profile.name))
            }
            Event::ReviewApproved { review, reason } => {
                Said::with(format!("Approved the review {review}"), format!(". Reason: {reason}."))
            }
            Event::DisputeOpened { source } => Said::with(
                format!("The payment {source} came into dispute"),
                ": new runs are refused until the dispute is closed.",
            ),
            Event::DisputeClosed { source } => Said::plain(format!("The dispute over the payment {source} was closed")),
            Event::Frozen { reason } => Said::with(
                "The workspace was frozen",
                format!(": new runs are refused until it is unfrozen. Reason: {reason}."),
            ),
            Event::Unfrozen => Said::plain("The workspace was unfrozen"),
            Event::WindowWithdrawn { plan, model } => Said::with(
                format!("The free trial period of {model} under the {plan} plan was set back"),
                ", because nothing usable came of it: the next run starts it again.",
            ),
            _ => unreachable!("say sends the other events elsewhere"),
        }
    }

    fn subscription(&self, event: &Event) -> Said {
        let current = &self.before.subscription;
        let ends = current.period.map(|period| period.end);
        let on = |at: Option<Timestamp>| at.map_or_else(|| "the period's end".to_owned(), |at| at.to_string());
        match event {
            Event::PeriodStarted { plan, why, period, allowance, catalog, .. } => {
                self.period(plan, *why, period, *allowance, *catalog)
            }
            Event::PeriodCarried { plan, period, replaced, .. } => {
                let interval = adverb(period.interval);
                let short = match replaced {
                    true => format!("What was paid of the {plan} plan, {interval}, keeps its dates"),
                    false => format!("The {plan} plan, paid {interval}, goes beside the {} plan", current.plan),
                };
                let detail = format!(
                    ": its credits come and end as they were sold, until {}, and it is the workspace's plan again if \
                     what is higher ends before.",
                    period.end
                );
                Said::with(short, detail)
            }
            Event::MonthStarted { carried, .. } => {
                let carried = carried.and_then(|place| current.carried.get(usize::try_from(place).ok()?));
                let (plan, ends) = match carried {
                    Some(carried) => (&carried.plan, Some(carried.period.end)),
                    None => (&current.plan, ends),
                };
                Said::with(
                    format!("The next month of the yearly {plan} plan began"),
                    format!("; the year ends {}.", on(ends)),
                )
            }
            Event::SubscriptionEnded { plan, unpaid, .. } => {
                let why = if *unpaid { ", because its renewal was not paid." } else { "." };
                let ended = format!("The {} plan ended and the workspace went to the {plan} plan", current.plan);
                Said::with(ended, why)
            }
            Event::ChangeScheduled { plan, interval, .. } => Said::with(
                format!("The plan will change to {plan}, paid {}", adverb(*interval)),
                format!(", on {}; until then the {} plan stays as it is.", on(ends), current.plan),
            ),
            Event::CancelScheduled => Said::with(
                format!("The {} plan was canceled", current.plan),
                format!(": it stays active until {} and does not renew.", on(ends)),
            ),
            Event::ScheduleCleared => {
                let what = match &current.pending {
                    Some((plan, _)) => format!("The change to the {plan} plan was taken back"),
                    None => "The cancellation was taken back".to_owned(),
                };
                Said::with(what, format!(": the {} plan renews on {}.", current.plan, on(ends)))
            }
            Event::CatalogMigrated { catalog, sold, .. } => {
                let kept = match sold {
                    Some(sold) => format!("; what the paid period was sold with, in version {sold}, stays."),
                    None => ".".to_owned(),
                };
                Said::with(
                    format!("The terms moved from catalog version {} to version {catalog}", self.before.catalog),
                    kept,
                )
            }
            _ => unreachable!("say sends the other events elsewhere"),
        }
    }

    fn period(&self, plan: &Name, why: Start, period: &Period, allowance: Option<Amount>, catalog: u32) -> Said {
        let old = &self.before.subscription.plan;
        let interval = adverb(period.interval);
        let short = match why {
            Start::New => format!("Started the {plan} plan, paid {interval}"),
            Start::Renewal => format!("Renewed the {plan} plan, paid {interval}"),
            Start::Upgrade if plan == old => format!("Changed the {plan} plan at once, paid {interval}"),
            Start::Upgrade => format!("Upgraded from the {old} plan to the {plan} plan at once, paid {interval}"),
            Start::Resumed => format!("Went on with the {plan} plan, paid {interval}"),
            Start::Change if plan == old => format!("Changed the {plan} plan as scheduled, paid {interval}"),
            Start::Change => format!("Changed from the {old} plan to the {plan} plan as scheduled, paid {interval}"),
        };
        let mut detail = format!(": this period runs from {} to {}.", period.start, period.end);
        if let Some(allowance) = allowance {
            detail.push_str(&format!(" The contract gives {} a period.", quantity(Unit::Credits, allowance)));
        }
        if catalog != self.before.catalog {
            detail.push_str(&format!(" Prices are those of catalog version {catalog} from here on."));
        }
        Said::with(short, detail)
    }

    fn grant(&self, event: &Event) -> Said {
        match event {
            Event::GrantIssued { .. } => self.issued(event),
            Event::GrantExpired { grant, amount } => {
                let found = self.before.grant(*grant);
                let what = quantity(found.map_or(Unit::Credits, |grant| grant.unit), *amount);
                let early = found.and_then(|grant| grant.expires_at).is_some_and(|end| self.at < end);
                let how = if early { "ended early with the change of plan" } else { "expired" };
                Said::with(format!("{what} {how}"), format!("; left in {}.", self.grant_name(*grant, early)))
            }
            Event::GrantRevoked { grant, amount, reclaim, reason, .. } => {
                self.revoked(*grant, *amount, *reclaim, reason)
            }
            Event::DebtRepaid { grant, owed_by, amount } => {
                let owed = match owed_by {
                    Some(n) => format!("for {}", self.grant_name(*n, false)),
                    None => "for an old grant".to_owned(),
                };
                Said::with(
                    format!("{} repaid a debt", quantity(Unit::Credits, *amount)),
                    format!(
                        " {owed}, which was spent before its payment was taken back; paid from {}.",
                        self.grant_name(*grant, true)
                    ),
                )
            }
            _ => unreachable!("say sends the other events elsewhere"),
        }
    }

    fn issued(&self, event: &Event) -> Said {
        let Event::GrantIssued { grant, code, kind, unit, amount, models, source, from, reason, .. } = event else {
            unreachable!("grant sends the other events elsewhere")
        };
        let what = quantity(*unit, *amount);
        let old = from.map(|n| self.grant_name(n, false));
        let (short, mut detail) = match (kind, old) {
            (GrantKind::Returned, Some(old)) => {
                (format!("Returned {what}"), format!(" that had been held from {old}, which has expired"))
            }
            (GrantKind::Reinstated, Some(old)) => (
                format!("Gave back {what}"),
                format!(" that a payment taken back had cost {old}; the payment {source} stands again"),
            ),
            (GrantKind::Rollover, _) => (format!("Carried over {what} from the last period"), String::new()),
            (GrantKind::Pack, _) => (format!("Sold the pack {code} of {what}"), format!(", paid by {source}")),
            (GrantKind::Bonus, _) if !self.is_of_period(source) => {
                (format!("Added a bonus of {what}"), format!(" to the pack {code}, paid by {source}"))
            }
            (GrantKind::Bonus, _) => (format!("Granted a bonus of {what}"), String::new()),
            _ => (format!("Granted {what}"), String::new()),
        };
        detail.push_str(&format!(", as {}.", self.grant_name(*grant, true)));
        if !models.is_empty() {
            let models: Vec<String> = models.iter().map(ToString::to_string).collect();
            detail.push_str(&format!(" Only for {}.", listed(&models)));
        }
        if let Some(reason) = reason {
            detail.push_str(&format!(" Reason: {reason}."));
        }
        Said::with(short, detail)
    }

    /// Whether a grant of this source comes with a period of a plan.
    fn is_of_period(&self, source: &str) -> bool {
        let payment = self.after.subscription.payment.as_ref();
        source.starts_with("period:") || payment.is_some_and(|payment| *payment.source == *source)
    }

    fn revoked(&self, n: u32, amount: Amount, reclaim: Amount, reason: &str) -> Said {
        let name = self.grant_name(n, true);
        let grant = self.after.grant(n);
        let unit = grant.map_or(Unit::Credits, |grant| grant.unit);
        let earlier = self.before.grant(n).map_or(Amount::ZERO, |grant| grant.reclaim);
        if reclaim < earlier {
            return Said::with(
                format!(
                    "To be taken back of {}: {} instead of {earlier}",
                    self.grant_name(n, false),
                    quantity(unit, reclaim)
                ),
                format!(". Reason: {reason}."),
            );
        }
        let (held, debt) = grant.map_or((Amount::ZERO, Amount::ZERO), |grant| {
            let debt = self.after.debt_of(grant);
            let due = grant.owed().less(debt).min(grant.held);
            (if grant.voided { grant.held } else { due }, debt)
        });
        let mut detail = format!(" from {name}. Reason: {reason}.");
        if !held.is_zero() {
            detail.push_str(&format!(" Held now, to follow when the runs end: {}.", quantity(unit, held)));
        }
        if !debt.is_zero() {
            detail.push_str(&format!(" Spent already and owed: {}.", quantity(unit, debt)));
        }
        Said::with(format!("Took back {}", quantity(unit, amount)), detail)
    }

    fn run(&self, event: &Event) -> Said {
        match event {
            Event::RunQueued { run, model, unit, quoted, lines, parts, trial, opens_until, limited_day, .. } => {
                let name = format!("run {} of {model}", self.after.id.owned(Kind::Run, *run));
                let price = if trial.is_some() { String::new() } else { breakdown(lines) };
                let mut said = self.taken(&name, *unit, *quoted, &price, parts, *trial, *opens_until);
                if limited_day.is_some() {
                    said.detail.push_str(&format!(" It counts against the daily limit of {model}."));
                }
                said
            }
            Event::RunStarted { run, attempt } => {
                Said::plain(format!("{} went to a worker, attempt {attempt}", self.run_name(*run)))
            }
            Event::RunSettled { run, status, ends, delivered, error, .. } => {
                let how = match status {
                    RunStatus::Succeeded => "succeeded".to_owned(),
                    RunStatus::Partial => match self.before.hold(*run) {
                        Some(hold) => format!("delivered {delivered} of the {} asked for", hold.asked),
                        None => format!("delivered {delivered} of what was asked for"),
                    },
                    RunStatus::Failed => "failed".to_owned(),
                    RunStatus::Canceled => "was canceled".to_owned(),
                };
                self.ended(*run, format!("{} {how}", self.run_name(*run)), ends, error.as_ref())
            }
            Event::OutcomeIgnored { run, usable } => {
                let what = if *usable { "A late result" } else { "A late failure" };
                Said::with(
                    format!("{what} of run {} was not charged", self.after.id.owned(Kind::Run, *run)),
                    ": the run had ended before, and its first end stands.",
                )
            }
            _ => unreachable!("say sends the other events elsewhere"),
        }
    }

    fn hold(&self, event: &Event) -> Said {
        let id = |n: u32| self.after.id.owned(Kind::Hold, n);
        match event {
            Event::HoldOpened {
                hold, reference, model, unit, amount, parts, expires_at, trial, opens_until, ..
            } => {
                let model = model.as_ref().map(|model| format!(" of {model}")).unwrap_or_default();
                let name = format!("hold {}{model}, reference \"{reference}\"", id(*hold));
                let price = format!("until {expires_at}");
                self.taken(&name, *unit, *amount, &price, parts, *trial, *opens_until)
            }
            Event::HoldExtended { hold, expires_at } => {
                Said::plain(format!("Hold {} now lasts until {expires_at}", id(*hold)))
            }
            Event::HoldEnded { hold, captured, ends, expired, .. } => {
                let how = match (expired, captured.is_zero()) {
                    (true, _) => "reached its end unused",
                    (false, true) => "was returned",
                    (false, false) => "was spent",
                };
                self.ended(*hold, format!("Hold {} {how}", id(*hold)), ends, None)
            }
            _ => unreachable!("say sends the other events elsewhere"),
        }
    }

    /// The start of a hold: how much, for what, by which price, from which grants.
    #[allow(clippy::too_many_arguments, reason = "the start of a hold is what these seven say")]
    fn taken(
        &self,
        name: &str,
        unit: Unit,
        amount: Amount,
        price: &str,
        parts: &[Part],
        trial: Option<TrialUse>,
        opens_until: Option<Timestamp>,
    ) -> Said {
        if trial == Some(TrialUse::Window) {
            let mut detail = ", free inside the model's trial period.".to_owned();
            if let Some(end) = opens_until {
                detail.push_str(&format!(" The trial period starts with it and ends {end}."));
            }
            return Said::with(format!("Accepted {name}"), detail);
        }
        let price = if price.is_empty() { String::new() } else { format!(": {price}") };
        let from = match parts {
            [] => String::new(),
            [part] => format!("; taken from {}", self.grant_name(part.grant, true)),
            parts => {
                let each =
                    parts.iter().map(|part| format!("{} from {}", part.amount, self.grant_name(part.grant, true)));
                format!("; taken as {}", listed(&each.collect::<Vec<_>>()))
            }
        };
        Said::with(format!("Held {} for {name}", quantity(unit, amount)), format!("{price}{from}."))
    }

    /// The end of a hold: what became of it in all, and of each grant's part.
    fn ended(&self, n: u32, how: String, ends: &[End], error: Option<&Failure>) -> Said {
        let mut short = how;
        if let Some(error) = error {
            short.push_str(&format!(" ({}: {})", error.code.name(), error.detail));
        }
        let Some(hold) = self.before.hold(n).filter(|hold| !hold.amount.is_zero()) else {
            short.push_str(": it was free");
            return Said::plain(short);
        };
        let sum = |of: fn(&End) -> Amount| ends.iter().map(of).sum::<Amount>();
        let whole = End {
            grant: 0,
            captured: sum(|end| end.captured),
            released: sum(|end| end.released),
            expired: sum(|end| end.expired),
            revoked: sum(|end| end.revoked),
        };
        short.push_str(&format!(": of {} held, {}", quantity(hold.unit, hold.amount), outcome(&whole)));
        let parts = ends.iter().map(|end| format!("{} {}", self.grant_name(end.grant, true), outcome(end)));
        let parts: Vec<String> = parts.collect();
        Said::with(short, format!(". By grant: {}.", parts.join("; ")))
    }

    fn run_name(&self, run: u32) -> String {
        let id = self.after.id.owned(Kind::Run, run);
        match self.before.hold(run).and_then(|hold| hold.model.as_ref()) {
            Some(model) => format!("Run {id} of {model}"),
            None => format!("Run {id}"),
        }
    }

    fn id(&self, grant: u32) -> String {
        format!("grant {}", self.after.id.owned(Kind::Grant, grant))
    }

    /// A grant by its id and, in brackets, what it is: kind, name, and its expiry when that still matters.
    pub fn grant_name(&self, n: u32, with_expiry: bool) -> String {
        let id = self.id(n);
        // The event may have made the grant, or the fold may have forgotten it just now.
        let (workspace, grant) = match (self.after.grant(n), self.before.grant(n)) {
            (Some(grant), None) => (self.after, grant),
            (_, Some(grant)) => (self.before, grant),
            (None, None) => return id,
        };
        let mut words = vec![grant.kind.name().to_owned()];
        words.extend(label(workspace, grant).filter(|label| label != grant.kind.name()));
        match grant.expires_at {
            Some(end) if with_expiry && grant.dead(self.at) => words.push(format!("expired {end}")),
            Some(end) if with_expiry => words.push(format!("expires {end}")),
            None if with_expiry => words.push("never expires".to_owned()),
            _ => {}
        }
        format!("{id} ({})", words.join(", "))
    }
}

/// What a grant is called: by its plan where that is known, by its code otherwise.
fn label(workspace: &Workspace, grant: &Grant) -> Option<String> {
    if let Some((plan, model)) = grant.source.strip_prefix("trial:").and_then(|rest| rest.split_once(':')) {
        return Some(format!("{model} under the {plan} plan"));
    }
    let code = &grant.code;
    let paid = workspace.subscription.payment.as_ref().is_some_and(|payment| payment.source == grant.source);
    let of_period = (paid || grant.source.starts_with("period:")) && grant.kind != GrantKind::Returned;
    let current = workspace.subscription.period.filter(|period| of_period && period.start <= grant.starts_at);
    // A plan that was left at the instant it began has grants of the same source; only the newest is the plan's.
    let newest = !workspace
        .grants
        .iter()
        .any(|other| other.n > grant.n && other.kind == grant.kind && other.source == grant.source);
    match current {
        Some(_) if newest => Some(format!("{} {code}", workspace.subscription.plan)),
        _ => Some(code.to_string()),
    }
}

/// The lines of a price; each with what it comes to where there are several.
fn breakdown(lines: &[Line]) -> String {
    match lines {
        [line] => line.text.clone(),
        lines => {
            let each = lines.iter().map(|line| format!("{} ({})", line.text, line.credits));
            each.collect::<Vec<_>>().join(" + ")
        }
    }
}

/// What became of an amount that was held.
fn outcome(end: &End) -> String {
    let pieces = [
        (end.captured, "spent"),
        (end.released, "returned"),
        (end.expired, "past the grant's expiry"),
        (end.revoked, "taken back for a payment or correction"),
    ];
    let said = pieces.iter().filter(|(amount, _)| !amount.is_zero());
    let said: Vec<String> = said.map(|(amount, what)| format!("{amount} {what}")).collect();
    if said.is_empty() { "nothing moved".to_owned() } else { listed(&said) }
}
