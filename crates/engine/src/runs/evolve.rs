//! Folding the events of runs into a workspace.
//!
//! Invariant: each run has a hold of its number, which the end of the run closes.

use super::event::RunEvent;
use crate::holds::{self, Hold, Purpose};
use crate::kernel::time::Timestamp;
use crate::workspace::Workspace;

/// Folds an event of a run into the workspace.
pub(crate) fn evolve(workspace: &mut Workspace, at: Timestamp, event: &RunEvent) {
    match event {
        RunEvent::RunQueued {
            run,
            model,
            output,
            unit,
            quoted,
            parts,
            asked,
            expires_at,
            cancel,
            trial,
            opens_until,
            limited_day,
            by,
            ..
        } => {
            let opened = Hold {
                n: *run,
                unit: *unit,
                amount: *quoted,
                parts: parts.clone(),
                opened_at: at,
                expires_at: *expires_at,
                asked: *asked,
                purpose: Purpose::Run { output: *output, attempt: 0, started_at: None, cancel: *cancel },
                trial: *trial,
                model: Some(model.clone()),
                limited_day: *limited_day,
                plan: workspace.subscription.plan.clone(),
                by: *by,
            };
            holds::open(workspace, at, opened, *opens_until);
        }
        RunEvent::RunStarted { run, attempt } => {
            if let Purpose::Run { attempt: last, started_at, .. } = &mut workspace.hold_mut(*run).purpose {
                *last = *attempt;
                started_at.get_or_insert(at);
            }
        }
        RunEvent::RunSettled { run, ends, delivered, outputs, released, .. } => {
            holds::give_back(workspace, at, ends);
            workspace.stored_bytes += outputs.iter().map(|output| output.bytes).sum::<u64>();
            holds::close(workspace, *run, *released, *delivered > 0);
        }
        RunEvent::OutcomeIgnored { .. } => {}
        RunEvent::WindowWithdrawn { plan, model } => {
            if let Some(window) =
                workspace.windows.iter_mut().find(|window| window.plan == *plan && window.model == *model)
            {
                window.open = None;
                window.withdrawn += 1;
            }
        }
    }
}
