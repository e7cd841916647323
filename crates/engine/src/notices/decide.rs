//! Notices and automatic top-ups: they follow from a balance or a plan that has changed.

use crate::apply::step::Step;
use crate::event::Event;
use crate::kernel::time::{DAY, Span};
use crate::notices::{Notice, credits_left, is_too_soon};
use crate::payments::follow_up;
use crate::plans::terms::Terms;
use crate::workspace::Workspace;

/// How long outputs that are there are kept at least after a plan that keeps them for a shorter time began (R29).
const OLD_OUTPUTS: Span = Span::Micros(30 * DAY);

/// Notes what the command has brought about. `before` is the workspace as the last entry left it.
pub(crate) fn note(step: &mut Step<'_>, before: &Workspace) {
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
    follow_up(step);
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
