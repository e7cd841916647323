//! The workspace as a whole, written down once more: its opening, its name and its freeze.

use super::{Answer, Model, good_name};
use scrip_engine::team::Tenancy;
use scrip_engine::{By, Choice, Need, WorkspaceCommand};

impl Model {
    pub(super) fn decide_workspace(&mut self, by: By, command: &WorkspaceCommand) -> Answer {
        match command {
            WorkspaceCommand::Open { test_clock, profile, lifetime_allowed, choice, tenancy, owner, .. } => {
                let own = matches!(by, By::User(user) if *owner == Some(user)) && choice.is_none();
                if by != By::Operator && !own {
                    return Err("CAPABILITY_REQUIRED");
                }
                self.open_workspace(test_clock.is_some(), &profile.name, *lifetime_allowed, choice.as_ref())?;
                self.team.personal = *tenancy == Tenancy::Personal;
                if let Some(user) = owner {
                    self.join_first(user.get());
                }
                Ok(())
            }
            WorkspaceCommand::Rename { name } => {
                self.may(by, Need::Admin)?;
                good_name(name)?;
                self.happened |= self.name != *name;
                self.name.clone_from(name);
                Ok(())
            }
            WorkspaceCommand::Freeze { reason } => {
                self.may(by, Need::Operator)?;
                good_name(reason)?;
                self.happened |= self.frozen.as_deref() != Some(&**reason);
                self.frozen = Some(reason.to_string());
                Ok(())
            }
            WorkspaceCommand::Unfreeze => {
                self.may(by, Need::Operator)?;
                self.happened |= self.frozen.take().is_some();
                Ok(())
            }
        }
    }

    fn open_workspace(&mut self, clock: bool, name: &str, lifetime: bool, choice: Option<&Choice>) -> Answer {
        if self.opened {
            return Err("INVALID_REQUEST");
        }
        good_name(name)?;
        self.opened = true;
        self.happened = true;
        self.name = name.to_owned();
        self.test_clock = clock;
        self.lifetime_allowed = lifetime;
        let (version, catalog) = self.in_force(self.now);
        self.version = version;
        self.plan = catalog.free_plan.to_string();
        match choice {
            Some(choice) if choice.plan != catalog.free_plan => self.subscribe(choice),
            _ => {
                self.come_to_plan(self.now);
                Ok(())
            }
        }
    }

    pub fn not_frozen(&self) -> Answer {
        if self.frozen.is_some() || !self.disputes.is_empty() { Err("WORKSPACE_FROZEN") } else { Ok(()) }
    }
}
