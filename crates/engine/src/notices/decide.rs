//! Decisions about notices, which follow from a balance or a plan that has changed.

use crate::apply::step::Step;
use crate::event::Event;
use crate::kernel::time::{DAY, Span};
use crate::notices::{Notice, credits_left, is_too_soon};
use crate::payments::follow_up;
use crate::plans::terms::Terms;
use crate::workspace::Workspace;

/// Minimum time for which outputs that exist are kept after the start of a plan that keeps them for a shorter time
/// (R29).
const OLD_OUTPUTS: Span = Span::Micros(30 * DAY);

/// Adds the notices and top-up events that follow from a command. `before` is the workspace as the last entry left
/// it.
pub(crate) fn note(step: &mut Step<'_>, before: &Workspace) {
    // The command's last events may lie in the past; from here on the workspace is at the present instant.
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

/// Adds a notice when the balance crosses the line in either direction (strictly below is low).
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

/// Adds a notice when the plan keeps outputs for a shorter time than the plan before.
fn note_retention(step: &mut Step<'_>, before: &Workspace) {
    let old = Terms::of(before, step.catalogs, before.at).and_then(|terms| terms.plan().retention);
    let Some(keeps) = step.plan().retention else { return };
    if old.is_none_or(|old| step.at.after(keeps) < step.at.after(old)) {
        let (plan, old_until) = (step.workspace.subscription.plan.clone(), step.at.after(OLD_OUTPUTS));
        let too_soon = is_too_soon(&step.workspace, &format!("retention_shortened:{plan}"), step.at);
        step.emit(Event::Notice(Notice::RetentionShortened { plan, keeps, old_until, too_soon }));
    }
}
