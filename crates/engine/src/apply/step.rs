//! The workspace during one command, as decisions read it, with the events that they record.
//!
//! Invariant: an event that is recorded is folded at once, so that the next decision sees what it did.

use super::evolve;
use crate::catalog::{Catalog, Catalogs, Plan};
use crate::event::{DatedEvent, Event};
use crate::kernel::time::Timestamp;
use crate::plans::terms::Terms;
use crate::runs::Off;
use crate::team::Spender;
use crate::team::rights::{By, spender};
use crate::workspace::Workspace;
use std::borrow::Cow;

/// The workspace during one command, with the events recorded so far.
pub(crate) struct Step<'a> {
    pub(crate) workspace: Workspace,
    pub(crate) catalogs: &'a Catalogs,
    pub(crate) by: By,
    /// Reason for which the requested run may not start at all, such as a switch.
    pub(crate) off: Option<Off>,
    /// `true` when a provider serves the requested model.
    pub(crate) served: bool,
    /// Member or key on whose behalf the operator asks.
    pub(crate) behalf: Option<Spender>,
    pub(crate) at: Timestamp,
    pub(crate) events: Vec<DatedEvent>,
}

impl<'a> Step<'a> {
    /// Records an event at the present instant.
    pub(crate) fn emit(&mut self, event: impl Into<Event>) {
        self.emit_at(self.at, event);
    }

    /// Records an event at the instant it fell due.
    pub(crate) fn emit_at(&mut self, at: Timestamp, event: impl Into<Event>) {
        let event = event.into();
        evolve::evolve(&mut self.workspace, at, &event);
        self.events.push(DatedEvent(at, event));
    }

    /// Returns the member and key whose caps count: those on whose behalf the operator asks, or the caller.
    pub(crate) fn spender(&self) -> Option<Spender> {
        self.behalf.or_else(|| spender(&self.workspace, self.by, self.at))
    }

    /// Returns the workspace's terms now, and the menu (R33).
    pub(crate) fn terms(&self) -> Terms<'a> {
        self.terms_at(self.at)
    }

    /// Returns the terms at an instant that falls due.
    pub(crate) fn terms_at(&self, at: Timestamp) -> Terms<'a> {
        Terms::of(&self.workspace, self.catalogs, at).expect("a workspace is on a version that was published")
    }

    /// Returns the catalog version that the workspace is on.
    pub(crate) fn catalog(&self) -> &'a Catalog {
        let published = self.catalogs.get(self.workspace.catalog);
        &published.expect("a workspace is on a version that was published").catalog
    }

    /// Returns the plan the workspace is on, with its limits.
    pub(crate) fn plan(&self) -> Cow<'a, Plan> {
        self.terms().plan()
    }
}
