//! Decisions about the workspace as a whole: open, rename, freeze.

use super::event::WorkspaceEvent;
use super::state::{Mode, Profile};
use crate::apply::bounds::name_is_good;
use crate::apply::step::Step;
use crate::catalog::Name;
use crate::kernel::id::UserId;
use crate::plans::Choice;
use crate::refusal::Refusal;
use crate::team::event::TeamEvent;
use crate::team::{Role, Tenancy};

/// Facts with which a workspace is opened.
pub(crate) struct Opening<'c> {
    pub mode: Mode,
    pub test_clock: Option<i64>,
    pub profile: &'c Profile,
    pub lifetime_allowed: bool,
    pub choice: Option<&'c Choice>,
    pub tenancy: Tenancy,
    pub owner: Option<UserId>,
}

impl Step<'_> {
    pub(crate) fn open(&mut self, opening: Opening<'_>) -> Result<(), Refusal> {
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
            profile: profile.clone(),
            catalog: published.version,
            plan: published.catalog.free_plan.clone(),
            lifetime_allowed,
            tenancy,
        });
        if let Some(user) = owner {
            let email = Name::from(profile.owner.as_str());
            self.emit(TeamEvent::MemberJoined { user, email, role: Role::Admin, invitation: None });
        }
        match choice {
            Some(choice) if choice.plan != published.catalog.free_plan => self.subscribe(choice),
            _ => {
                self.enter_plan(self.at);
                Ok(())
            }
        }
    }

    pub(crate) fn rename(&mut self, name: &str) -> Result<(), Refusal> {
        name_is_good("/name", name)?;
        if self.workspace.profile.name != name {
            self.emit(WorkspaceEvent::Renamed { name: name.to_owned() });
        }
        Ok(())
    }

    pub(crate) fn freeze(&mut self, reason: Option<&Name>) -> Result<(), Refusal> {
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
