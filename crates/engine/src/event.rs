//! Events: the journal's content, by subject.
//!
//! Events are for ever: variants and fields are only added, and new fields have defaults (`tests/golden/events.jsonl`
//! has one of each, and must decode as long as there is an engine). `form` keeps their written form.
//!
//! Invariant: an event carries every fact that folding needs; folding never reads a catalog.

mod form;

use crate::grants::GrantEvent;
use crate::holds::HoldEvent;
use crate::kernel::time::Timestamp;
use crate::notices::Notice;
use crate::payments::{PaymentEvent, TopUpEvent};
use crate::plans::PlanEvent;
use crate::reviews::ReviewEvent;
use crate::runs::RunEvent;
use crate::team::event::TeamEvent;
use crate::workspace::WorkspaceEvent;
use serde::{Deserialize, Serialize};

/// An event and the instant at which it took effect. An event that falls due has its due instant, not that of the
/// entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatedEvent(
    /// Instant at which the event took effect.
    pub Timestamp,
    /// The event that took effect.
    pub Event,
);

/// One thing that happened to a workspace, by its subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Event of the workspace as a whole.
    Workspace(WorkspaceEvent),
    /// Event of the workspace's plan.
    Plan(PlanEvent),
    /// Event of a grant of the workspace.
    Grant(GrantEvent),
    /// Event of a hold of the workspace.
    Hold(HoldEvent),
    /// Event of a run of the workspace.
    Run(RunEvent),
    /// Event of a payment for the workspace.
    Payment(PaymentEvent),
    /// Event of the workspace's automatic top-ups.
    TopUp(TopUpEvent),
    /// Event of a review of the workspace.
    Review(ReviewEvent),
    /// Event of the members, invitations and keys of the workspace.
    Team(TeamEvent),
    /// Notice to the members of the workspace.
    Notice(Notice),
}

impl Event {
    /// Returns the event's name in the journal and in exports.
    pub const fn name(&self) -> &'static str {
        match self {
            Event::Workspace(event) => event.name(),
            Event::Plan(event) => event.name(),
            Event::Grant(event) => event.name(),
            Event::Hold(event) => event.name(),
            Event::Run(event) => event.name(),
            Event::Payment(event) => event.name(),
            Event::TopUp(event) => event.name(),
            Event::Review(event) => event.name(),
            Event::Team(event) => event.name(),
            Event::Notice(notice) => notice.name(),
        }
    }
}

impl From<WorkspaceEvent> for Event {
    fn from(event: WorkspaceEvent) -> Event {
        Event::Workspace(event)
    }
}

impl From<PlanEvent> for Event {
    fn from(event: PlanEvent) -> Event {
        Event::Plan(event)
    }
}

impl From<GrantEvent> for Event {
    fn from(event: GrantEvent) -> Event {
        Event::Grant(event)
    }
}

impl From<HoldEvent> for Event {
    fn from(event: HoldEvent) -> Event {
        Event::Hold(event)
    }
}

impl From<RunEvent> for Event {
    fn from(event: RunEvent) -> Event {
        Event::Run(event)
    }
}

impl From<PaymentEvent> for Event {
    fn from(event: PaymentEvent) -> Event {
        Event::Payment(event)
    }
}

impl From<TopUpEvent> for Event {
    fn from(event: TopUpEvent) -> Event {
        Event::TopUp(event)
    }
}

impl From<ReviewEvent> for Event {
    fn from(event: ReviewEvent) -> Event {
        Event::Review(event)
    }
}

impl From<TeamEvent> for Event {
    fn from(event: TeamEvent) -> Event {
        Event::Team(event)
    }
}

impl From<Notice> for Event {
    fn from(notice: Notice) -> Event {
        Event::Notice(notice)
    }
}
