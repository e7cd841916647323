//! Decisions about the workspace as a whole: open, rename, freeze.

use super::command::WorkspaceCommand;
use super::event::WorkspaceEvent;
use super::state::{Mode, Profile};
use crate::apply::bounds::name_is_good;
use crate::apply::step::Step;
use crate::catalog::Name;
use crate::kernel::id::UserId;
use crate::plans::Choice;
use crate::refusal::Refusal;
use crate::team::event::TeamEvent;
use crate::team::rights::{By, Need};
use crate::team::{Role, Tenancy};

/// Facts with which a workspace is opened.
struct Opening<'c> {
    mode: Mode,
    test_clock: Option<i64>,
    profile: &'c Profile,
    lifetime_allowed: bool,
    choice: Option<&'c Choice>,
    tenancy: Tenancy,
    owner: Option<UserId>,
}

/// Decides a command about the workspace as a whole.
pub(crate) fn decide(step: &mut Step<'_>, command: &WorkspaceCommand) -> Result<(), Refusal> {
    match command {
        WorkspaceCommand::Open { mode, test_clock, profile, lifetime_allowed, choice, tenancy, owner } => {
            may_open(step.by, *owner, choice.as_ref())?;
            step.open(Opening {
                mode: *mode,
                test_clock: *test_clock,
                profile,
                lifetime_allowed: *lifetime_allowed,
                choice: choice.as_ref(),
                tenancy: *tenancy,
                owner: *owner,
            })
        }
        WorkspaceCommand::Rename { name } => step.rename(name),
        WorkspaceCommand::Freeze { reason } => step.freeze(Some(reason)),
        WorkspaceCommand::Unfreeze => step.freeze(None),
    }
}

/// Returns the right that a caller needs for a command about the workspace as a whole. Who may open one is judged
/// where it is opened.
pub(crate) const fn need(command: &WorkspaceCommand) -> Need<'static> {
    match command {
        WorkspaceCommand::Rename { .. } => Need::Admin,
        WorkspaceCommand::Open { .. } | WorkspaceCommand::Freeze { .. } | WorkspaceCommand::Unfreeze => Need::Operator,
    }
}

impl Step<'_> {
    fn open(&mut self, opening: Opening<'_>) -> Result<(), Refusal> {
        let Opening { mode, test_clock, profile, lifetime_allowed, choice, tenancy, owner } = opening;
        if self.workspace.is_open() {
            return Err(Refusal::invalid("", "the workspace is open already"));
        }
        name_is_good("/name", &profile.name)?;
        let published = self.catalogs.in_force(self.at, test_clock);
        let published = published.ok_or(Refusal::NotFound { what: "catalog" })?;
        self.emit(WorkspaceEvent::WorkspaceOpened {
            mode,
            test_clock,
            profile: Profile { owner, ..profile.clone() },
            catalog: published.version,
            plan: published.catalog.free_plan.clone(),
            lifetime_allowed,
            tenancy,
        });
        if let Some(user) = owner {
            self.emit(TeamEvent::MemberJoined { user, role: Role::Admin, invitation: None });
        }
        match choice {
            Some(choice) if choice.plan != published.catalog.free_plan => self.subscribe(choice),
            _ => {
                self.enter_plan(self.at);
                Ok(())
            }
        }
    }

    fn rename(&mut self, name: &str) -> Result<(), Refusal> {
        name_is_good("/name", name)?;
        if self.workspace.profile.name != name {
            self.emit(WorkspaceEvent::Renamed { name: name.to_owned() });
        }
        Ok(())
    }

    fn freeze(&mut self, reason: Option<&Name>) -> Result<(), Refusal> {
        match reason {
            Some(reason) => {
                name_is_good("/reason", reason)?;
                if self.workspace.frozen.as_ref() != Some(reason) {
                    self.emit(WorkspaceEvent::Frozen { reason: reason.clone() });
                }
            }
            None if self.workspace.frozen.is_some() => self.emit(WorkspaceEvent::Unfrozen),
            None => {}
        }
        Ok(())
    }
}

/// Checks that a caller may open a workspace: the operator for any person, a person for themselves. Only the operator
/// chooses its plan, then as later: a person begins on the free plan.
fn may_open(by: By, owner: Option<UserId>, choice: Option<&Choice>) -> Result<(), Refusal> {
    match by {
        By::Operator => Ok(()),
        By::User(user) if owner == Some(user) && choice.is_none() => Ok(()),
        _ => Err(Refusal::CapabilityRequired { capability: Need::Operator.word(), ceiling: Vec::new() }),
    }
}
