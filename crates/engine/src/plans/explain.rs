//! Events of the plan, in words.

use super::event::{PlanEvent, Start};
use super::subscription::Period;
use crate::catalog::Name;
use crate::explain::scene::{Scene, Sentence};
use crate::explain::words::{adverb, quantity};
use crate::kernel::amount::{Amount, Unit};
use crate::kernel::time::Timestamp;

impl Scene<'_> {
    /// Describes an event of the plan.
    pub(crate) fn describe_plan(&self, event: &PlanEvent) -> Sentence {
        let current = &self.before.subscription;
        let ends = current.period.map(|period| period.end);
        let on = |at: Option<Timestamp>| at.map_or_else(|| "the period's end".to_owned(), |at| at.to_string());
        match event {
            PlanEvent::PeriodStarted { plan, why, period, allowance, catalog, .. } => {
                self.describe_period(plan, *why, period, *allowance, *catalog)
            }
            PlanEvent::PeriodCarried { plan, period, replaced, .. } => {
                let interval = adverb(period.interval);
                let short = match replaced {
                    true => format!("The paid period of the {plan} plan, {interval}, keeps its dates"),
                    false => format!("The {plan} plan, paid {interval}, goes beside the {} plan", current.plan),
                };
                let detail = format!(
                    ": its credits come and end as they were sold, until {}, and it is the workspace's plan again if \
                     the higher plan ends before.",
                    period.end
                );
                Sentence::with(short, detail)
            }
            PlanEvent::MonthStarted { carried, .. } => {
                let carried = carried.and_then(|place| current.carried.get(usize::try_from(place).ok()?));
                let (plan, ends) = match carried {
                    Some(carried) => (&carried.plan, Some(carried.period.end)),
                    None => (&current.plan, ends),
                };
                Sentence::with(
                    format!("The next month of the yearly {plan} plan began"),
                    format!("; the year ends {}.", on(ends)),
                )
            }
            PlanEvent::SubscriptionEnded { plan, unpaid, .. } => {
                let why = if *unpaid { ", because its renewal was not paid." } else { "." };
                let ended = format!("The {} plan ended and the workspace went to the {plan} plan", current.plan);
                Sentence::with(ended, why)
            }
            PlanEvent::ChangeScheduled { plan, interval, .. } => Sentence::with(
                format!("The plan will change to {plan}, paid {}", adverb(*interval)),
                format!(", on {}; until then the {} plan is unchanged.", on(ends), current.plan),
            ),
            PlanEvent::CancelScheduled => Sentence::with(
                format!("The {} plan was canceled", current.plan),
                format!(": it stays active until {} and does not renew.", on(ends)),
            ),
            PlanEvent::ScheduleCleared => {
                let what = match &current.pending {
                    Some((plan, _)) => format!("The change to the {plan} plan was taken back"),
                    None => "The cancellation was taken back".to_owned(),
                };
                Sentence::with(what, format!(": the {} plan renews on {}.", current.plan, on(ends)))
            }
            PlanEvent::CatalogMigrated { catalog, sold, .. } => {
                let kept = match sold {
                    Some(sold) => format!("; the terms of the paid period, in version {sold}, stay."),
                    None => ".".to_owned(),
                };
                Sentence::with(
                    format!("The terms moved from catalog version {} to version {catalog}", self.before.catalog),
                    kept,
                )
            }
        }
    }

    fn describe_period(
        &self,
        plan: &Name,
        why: Start,
        period: &Period,
        allowance: Option<Amount>,
        catalog: u32,
    ) -> Sentence {
        let old = &self.before.subscription.plan;
        let interval = adverb(period.interval);
        let short = match why {
            Start::New => format!("Started the {plan} plan, paid {interval}"),
            Start::Renewal => format!("Renewed the {plan} plan, paid {interval}"),
            Start::Upgrade if plan == old => format!("Changed the {plan} plan at once, paid {interval}"),
            Start::Upgrade => format!("Upgraded from the {old} plan to the {plan} plan at once, paid {interval}"),
            Start::Resumed => format!("Continued the {plan} plan, paid {interval}"),
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
        Sentence::with(short, detail)
    }
}
