//! Preview of a migration to another catalog version: which terms of a workspace change, from when, and for better or
//! worse (R33).
//!
//! The command itself is played on the workspace, and its terms are compared: now, right after the move, and under
//! the first renewal that the move changes. So the preview is what happens, if nothing else does.
//!
//! Invariant: pure; a change is never left out because its kind has no name here: a part that is not known to be
//! better or worse is `other`.

mod parts;

use crate::apply::apply;
use crate::catalog::{Catalogs, Name};
use crate::command::Command;
use crate::kernel::time::{Interval, Timestamp};
use crate::plans::PlanCommand;
use crate::plans::renewal::renewal_sale;
use crate::plans::terms::{Edition, Terms};
use crate::refusal::Refusal;
use crate::team::rights::By;
use crate::workspace::Workspace;
use parts::{Parts, Worth, parts};

/// Number of renewals that are searched for the first one that costs a price whose notice runs.
const RENEWALS_MAX: u32 = 6_000;

/// Direction of a change for the workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// The workspace gets or may do more, or pays less.
    Better,
    /// The workspace gets or may do less, or pays more.
    Worse,
    /// The change is neither better nor worse.
    Other,
}

impl Effect {
    /// Returns the effect's name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Effect::Better => "better",
            Effect::Worse => "worse",
            Effect::Other => "other",
        }
    }
}

/// Change of one part of the terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TermChange {
    /// The part, for instance `concurrency`, `price` or `model film`.
    pub what: String,
    /// Value before, in words; `None` where there was none.
    pub before: Option<String>,
    /// Value afterwards, in words; `None` where there is none any more.
    pub after: Option<String>,
    /// Direction of the change.
    pub effect: Effect,
    /// Instant from which it holds.
    pub from: Timestamp,
    /// `true` where the change waits for a renewal; otherwise it holds at once.
    pub at_renewal: bool,
}

/// Preview of the migration of one workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migration {
    /// Version whose terms the workspace has.
    pub from: u32,
    /// Version that it is moved to.
    pub to: u32,
    /// Id of the plan.
    pub plan: Name,
    /// Interval at which the plan is paid.
    pub interval: Interval,
    /// Instant of the first renewal under the new terms; `None` where the plan ends or changes before.
    pub renews_at: Option<Timestamp>,
    /// Changes of the terms; those that hold at once come first.
    pub changes: Vec<TermChange>,
}

impl Migration {
    /// Returns true if a change is for the worse.
    pub fn is_worse(&self) -> bool {
        self.changes.iter().any(|change| change.effect == Effect::Worse)
    }
}

/// Returns the changes of a migration, for a workspace that has been settled to an instant; `None` where it would
/// change nothing: the workspace pays for nothing, or is on that version or a newer one.
///
/// # Errors
/// The refusal that the migration itself would get.
pub fn preview_migration(
    workspace: &Workspace,
    catalogs: &Catalogs,
    version: u32,
    at: Timestamp,
) -> Result<Option<Migration>, Refusal> {
    let Some(period) = workspace.subscription.period.filter(|_| workspace.catalog < version) else { return Ok(None) };
    let moved =
        apply(workspace, catalogs, By::Operator, &Command::Plan(PlanCommand::Migrate { version }), at)?.workspace;
    let (Some(before), Some(after)) = (Terms::of(workspace, catalogs, at), Terms::of(&moved, catalogs, at)) else {
        return Ok(None);
    };
    let goes_on = !moved.subscription.cancel && moved.subscription.pending.is_none();
    let renews_at = first_renewal(&moved, catalogs, version).filter(|_| goes_on);
    let sale = renews_at.and_then(|renews_at| renewal_sale(&moved, catalogs, renews_at));
    let versions = [catalogs.get(workspace.catalog), catalogs.get(version), sale.map(|sale| sale.published)];
    let versions: Vec<_> = versions.into_iter().flatten().collect();
    let (was, is) = (parts(workspace, &before, &versions, at), parts(&moved, &after, &versions, at));
    let mut changes = differences(&was, &is, at, false);
    if let (Some(renews_at), Some(sale)) = (renews_at, sale) {
        let renewed = Terms::under(after.menu, Edition { published: sale.published, plan: sale.plan });
        changes.extend(differences(&is, &parts(&moved, &renewed, &versions, renews_at), renews_at, true));
    }
    Ok(Some(Migration {
        from: workspace.catalog,
        to: version,
        plan: workspace.subscription.plan.clone(),
        interval: period.interval,
        renews_at,
        changes,
    }))
}

/// Returns the first period's end at which the workspace renews by the version that it was moved to, or a newer one.
fn first_renewal(moved: &Workspace, catalogs: &Catalogs, version: u32) -> Option<Timestamp> {
    let period = moved.subscription.period?;
    let from = moved.subscription.repriced.map_or(period.end, |repriced| repriced.from);
    let ends = (1..RENEWALS_MAX).map(|n| period.anchor.nth(period.interval, period.index + n));
    let mut ends = ends.filter(|end| *end >= period.end && *end >= from);
    ends.find(|end| renewal_sale(moved, catalogs, *end).is_some_and(|sale| sale.published.version >= version))
}

/// Returns the differences of two terms, in the order of their parts.
fn differences(was: &Parts, is: &Parts, from: Timestamp, at_renewal: bool) -> Vec<TermChange> {
    let mut names: Vec<&String> = was.keys().chain(is.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let change = |name: &String| {
        let (before, after) = (was.get(name), is.get(name));
        if before.map(|part| &part.text) == after.map(|part| &part.text) {
            return None;
        }
        let effect = Worth::effect(before.map(|part| &part.worth), after.map(|part| &part.worth));
        let text = |part: Option<&parts::Part>| part.and_then(|part| part.text.clone());
        let what = name.split_once('|').map_or(name.as_str(), |(_, what)| what).to_owned();
        Some(TermChange { what, before: text(before), after: text(after), effect, from, at_renewal })
    };
    names.into_iter().filter_map(change).collect()
}
