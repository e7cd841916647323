//! What follows from a balance or a plan that has changed: notices, and packs that are bought by themselves.

use super::Step;
use crate::amount::Amount;
use crate::billing::TopUp;
use crate::billing::event::BillingEvent;
use crate::catalog::{Name, Pack};
use crate::due;
use crate::event::Event;
use crate::notice::{Notice, credits_left, is_too_soon};
use crate::terms::Terms;
use crate::time::{DAY, Span};
use crate::workspace::Workspace;

/// How long outputs that are there are kept at least after a plan that keeps them for a shorter time began (R29).
const OLD_OUTPUTS: Span = Span::Micros(30 * DAY);

/// Notes what the command has brought about. `before` is the workspace as the last entry left it.
pub(super) fn note(step: &mut Step<'_>, before: &Workspace) {
    // Its last events may lie in the past; from here on it is now.
    step.workspace.at = step.at;
    note_balance(step, before);
    let terms = |workspace: &Workspace| {
        let subscription = &workspace.subscription;
        (subscription.plan.clone(), workspace.catalog, subscription.sold)
    };
    if before.is_open() && terms(before) != terms(&step.workspace) {
        note_retention(step, before);
    }
    top_up(step);
}

/// Tells of the line when it is crossed, and not before it is crossed again (strictly below is low).
fn note_balance(step: &mut Step<'_>, before: &Workspace) {
    let Some(line) = step.catalog().low_balance.filter(|_| before.is_open()) else { return };
    let (was, left) = (credits_left(before), credits_left(&step.workspace));
    if left < line && was >= line {
        let too_soon = is_too_soon(&step.workspace, "credits_low", step.at);
        step.emit(Event::Notice(Notice::CreditsLow { left, line, too_soon }));
    } else if left >= line && was < line {
        step.emit(Event::Notice(Notice::CreditsRecovered { left }));
    }
}

fn note_retention(step: &mut Step<'_>, before: &Workspace) {
    let old = Terms::of(before, step.catalogs, before.at).and_then(|terms| terms.plan().retention);
    let Some(keeps) = step.plan().retention else { return };
    if old.is_none_or(|old| step.at.after(keeps) < step.at.after(old)) {
        let (plan, old_until) = (step.workspace.subscription.plan.clone(), step.at.after(OLD_OUTPUTS));
        let too_soon = is_too_soon(&step.workspace, &format!("retention_shortened:{plan}"), step.at);
        step.emit(Event::Notice(Notice::RetentionShortened { plan, keeps, old_until, too_soon }));
    }
}

/// Asks for a pack where the balance is low, an admin has asked for that, and the month's limit leaves room. What can
/// never be bought on these terms any more is not wanted any more.
pub(super) fn top_up(step: &mut Step<'_>) {
    let Some(top_up) = &step.workspace.billing.top_up else { return };
    if !due::is_wanted(&step.workspace, top_up) {
        return;
    }
    let pack = sold(step, top_up).filter(|pack| pack.amount <= top_up.terms.monthly_max);
    let Some(pack) = pack else { return step.emit(Event::Billing(BillingEvent::TopUpUnset)) };
    if top_up.spent_in_month(step.at) + pack.amount > top_up.terms.monthly_max {
        return;
    }
    step.emit(Event::Billing(BillingEvent::TopUpRequested {
        n: step.workspace.billing.top_ups + 1,
        pack: pack.id.clone(),
        amount: pack.amount,
        currency: Name::from(pack.currency.as_str()),
    }));
}

/// The pack, while it is sold to the workspace's plan.
fn sold<'a>(step: &Step<'a>, top_up: &TopUp) -> Option<&'a Pack> {
    let menu = &step.terms().menu.catalog;
    let pack = menu.pack(&top_up.terms.pack)?;
    let allowed = pack.plans.is_empty() || pack.plans.contains(&step.workspace.subscription.plan);
    (allowed && pack.amount > Amount::ZERO).then_some(pack)
}
