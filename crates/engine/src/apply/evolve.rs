//! Folding one event into a workspace.
//!
//! Invariant: decides nothing; an event is a fact.

use crate::event::Event;
use crate::kernel::time::Timestamp;
use crate::workspace::{self, Workspace};
use crate::{grants, holds, notices, payments, plans, reviews, runs, team};

/// Folds one event into the workspace.
pub(super) fn evolve(workspace: &mut Workspace, at: Timestamp, event: &Event) {
    match event {
        Event::Workspace(event) => workspace::evolve(workspace, at, event),
        Event::Plan(event) => plans::evolve(workspace, at, event),
        Event::Grant(event) => grants::evolve(workspace, at, event),
        Event::Hold(event) => holds::evolve(workspace, at, event),
        Event::Run(event) => runs::evolve(workspace, at, event),
        Event::Payment(event) => payments::evolve(workspace, event),
        Event::TopUp(event) => payments::top_up::evolve(workspace, at, event),
        Event::Review(event) => reviews::evolve(workspace, at, event),
        Event::Team(event) => team::evolve(workspace, at, event),
        Event::Notice(notice) => notices::evolve(workspace, at, notice),
    }
}
