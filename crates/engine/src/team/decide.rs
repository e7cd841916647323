//! Decisions about members, invitations and keys, judged by the caller and by whose they are.

use crate::apply::bounds::{limit, name_is_good};
use crate::apply::step::Step;
use crate::catalog::{Name, nearest};
use crate::kernel::id::UserId;
use crate::kernel::invalid::Invalid;
use crate::kernel::limits::{
    CAPABILITIES_MAX, INVITATION_SECONDS, INVITATIONS_MAX, KEY_GRACE_SECONDS_MAX, KEYS_MAX, MEMBERS_MAX, OPERATION_MAX,
};
use crate::refusal::Refusal;
use crate::runs::access::Capability;
use crate::team::event::TeamEvent;
use crate::team::rights::{By, Need, judge, role_reaches};
use crate::team::{Authority, CapTerms, Key, KeyChange, KeyTerms, NewKey, Role, Secret, TeamCommand, Tenancy};

/// Decides a command about the members, invitations and keys of a workspace.
pub(crate) fn decide(step: &mut Step<'_>, command: &TeamCommand) -> Result<(), Refusal> {
    match command {
        TeamCommand::Invite { user, role } => step.invite(*user, *role),
        TeamCommand::Withdraw { invitation } => step.withdraw(*invitation),
        TeamCommand::Join { invitation, user } => step.join(*invitation, *user),
        TeamCommand::Add { user, role } => step.add(*user, *role),
        TeamCommand::ChangeMember { user, role, cap } => step.change_member(*user, *role, *cap),
        TeamCommand::Remove { user } => step.remove(*user),
        TeamCommand::MakeKey { secret, owner, new } => step.make_key(secret, *owner, new),
        TeamCommand::ChangeKey { key, change } => step.change_key(*key, change),
        TeamCommand::RotateKey { key, secret, grace } => step.rotate_key(*key, secret, *grace),
        TeamCommand::FreezeKey { key, reason } => step.freeze_key(*key, reason.as_ref()),
        TeamCommand::RevokeKey { key } => step.revoke_key(*key),
    }
}

/// Returns the right that a caller needs for a command about the team, before it is judged by whose member or key it
/// is about. A person who accepts an invitation needs none yet.
pub(crate) const fn need(command: &TeamCommand) -> Option<Need<'static>> {
    match command {
        TeamCommand::Join { .. } => None,
        // The removal of another member is judged where it is decided.
        TeamCommand::Remove { .. } => Some(Need::Leave),
        TeamCommand::Invite { .. }
        | TeamCommand::Withdraw { .. }
        | TeamCommand::Add { .. }
        | TeamCommand::ChangeMember { .. }
        | TeamCommand::MakeKey { .. }
        | TeamCommand::ChangeKey { .. }
        | TeamCommand::RotateKey { .. }
        | TeamCommand::FreezeKey { .. }
        | TeamCommand::RevokeKey { .. } => Some(Need::Member),
    }
}

impl Step<'_> {
    fn needs(&self, need: Need<'_>) -> Result<(), Refusal> {
        judge(&self.workspace, &self.plan(), self.by, need, self.at)
    }

    fn tell(&mut self, event: TeamEvent) {
        self.emit(crate::event::Event::Team(event));
    }

    fn invite(&mut self, user: UserId, role: Role) -> Result<(), Refusal> {
        self.needs(Need::Admin)?;
        self.not_frozen()?;
        self.first_is_admin(role)?;
        let team = &self.workspace.team;
        if team.member(user).is_some() {
            return Err(Refusal::invalid("/email", "is the address of a member already"));
        }
        self.may_have_one_more(user)?;
        let pending = team.invitations.iter().filter(|invitation| self.at < invitation.expires_at);
        let again = pending.clone().find(|invitation| invitation.user == Some(user)).map(|same| same.n);
        if again.is_none() {
            limit("open invitations", INVITATIONS_MAX, pending.count())?;
        }
        let invitation = team.invited + 1;
        if let Some(again) = again {
            // Only the newest invitation of a person can be accepted.
            self.tell(TeamEvent::InvitationWithdrawn { invitation: again });
        }
        let expires_at = self.at.after_seconds(INVITATION_SECONDS);
        self.tell(TeamEvent::Invited { invitation, user: Some(user), role, expires_at });
        Ok(())
    }

    /// Refuses a first member who would be no admin: no member could ever make them one (R35).
    fn first_is_admin(&self, role: Role) -> Result<(), Refusal> {
        match self.workspace.team.members.is_empty() && role != Role::Admin {
            true => Err(Refusal::invalid("/role", "must be admin: the workspace has no members yet")),
            false => Ok(()),
        }
    }

    /// Checks that the plan has room for one more member, open invitations counted: a person who accepts must find a
    /// place.
    fn may_have_one_more(&self, user: UserId) -> Result<(), Refusal> {
        if self.workspace.tenancy == Tenancy::Personal {
            let detail = "this workspace is personal: make a workspace for the team, and invite there";
            return Err(Refusal::invalid("", detail));
        }
        let team = &self.workspace.team;
        limit("members", MEMBERS_MAX, team.members.len())?;
        let Some(most) = self.plan().members else { return Ok(()) };
        if most <= 1 {
            let more =
                self.terms().menu.catalog.plans.iter().filter(|plan| plan.members.is_none_or(|members| members > 1));
            let plans_that_include = more.map(|plan| plan.id.clone()).collect();
            return Err(Refusal::FeatureNotInPlan { feature: "members".to_owned(), plans_that_include });
        }
        let others = team.invitations.iter().filter(|other| other.user != Some(user));
        let invited = others.filter(|invitation| self.at < invitation.expires_at).count();
        let asked = (team.members.len() + invited + 1) as u64;
        match asked > u64::from(most) {
            true => Err(Refusal::LimitExceeded { what: "members", limit: u64::from(most), asked }),
            false => Ok(()),
        }
    }

    fn withdraw(&mut self, invitation: u32) -> Result<(), Refusal> {
        self.needs(Need::Admin)?;
        self.workspace.team.invitation(invitation, self.at).ok_or(Refusal::NotFound { what: "invitation" })?;
        self.tell(TeamEvent::InvitationWithdrawn { invitation });
        Ok(())
    }

    /// Accepts an invitation: once, in time, and by the person it was sent to (R35).
    fn join(&mut self, invitation: u32, user: UserId) -> Result<(), Refusal> {
        if self.by != By::User(user) {
            return Err(Refusal::NotFound { what: "invitation" });
        }
        let open = self.workspace.team.invitation(invitation, self.at);
        let open = open.ok_or(Refusal::NotFound { what: "invitation" })?;
        if open.user != Some(user) {
            return Err(Refusal::CapabilityRequired { capability: "invitation".to_owned(), ceiling: Vec::new() });
        }
        if self.workspace.team.member(user).is_some() {
            return Err(Refusal::invalid("", "you are a member already"));
        }
        let role = open.role;
        // A place was kept for the invitation, but the plan may have changed since.
        let (most, members) = (self.plan().members, self.workspace.team.members.len());
        if most.is_some_and(|most| members >= most as usize) {
            let limit = u64::from(most.unwrap_or_default());
            return Err(Refusal::LimitExceeded { what: "members", limit, asked: members as u64 + 1 });
        }
        limit("members", MEMBERS_MAX, members)?;
        self.tell(TeamEvent::MemberJoined { user, role, invitation: Some(invitation) });
        Ok(())
    }

    fn add(&mut self, user: UserId, role: Role) -> Result<(), Refusal> {
        self.needs(Need::Operator)?;
        if self.workspace.team.member(user).is_some() {
            return Ok(());
        }
        self.first_is_admin(role)?;
        // The owner of a workspace without members takes the first place, whatever the plan.
        if !self.workspace.team.members.is_empty() {
            self.may_have_one_more(user)?;
        }
        // An invitation that stayed open would let them in again after their removal (R35).
        let open = self.workspace.team.invitations.iter().find(|open| open.user == Some(user));
        let invitation = open.map(|open| open.n);
        self.tell(TeamEvent::MemberJoined { user, role, invitation });
        Ok(())
    }

    fn change_member(
        &mut self,
        user: UserId,
        role: Option<Role>,
        cap: Option<Option<CapTerms>>,
    ) -> Result<(), Refusal> {
        self.needs(Need::Admin)?;
        let member = self.workspace.team.member(user).ok_or(Refusal::NotFound { what: "member" })?.clone();
        if let Some(Some(terms)) = cap {
            cap_is_good(terms)?;
        }
        if let Some(role) = role.filter(|role| *role != member.role) {
            self.not_the_last_admin(user)?;
            self.tell(TeamEvent::RoleChanged { user, role });
        }
        if let Some(cap) = cap.filter(|cap| *cap != member.cap.map(|cap| cap.terms)) {
            self.tell(TeamEvent::MemberCapped { user, cap });
        }
        Ok(())
    }

    /// Refuses a change that would leave the workspace without an admin (R35).
    fn not_the_last_admin(&self, user: UserId) -> Result<(), Refusal> {
        let team = &self.workspace.team;
        if team.member(user).is_some_and(|member| member.role == Role::Admin) && team.admins() == 1 {
            return Err(Refusal::invalid("", "this is the last admin: make another member an admin first"));
        }
        Ok(())
    }

    fn remove(&mut self, user: UserId) -> Result<(), Refusal> {
        if self.by != By::User(user) {
            self.needs(Need::Admin)?;
        }
        self.workspace.team.member(user).ok_or(Refusal::NotFound { what: "member" })?;
        self.not_the_last_admin(user)?;
        self.tell(TeamEvent::MemberLeft { user });
        Ok(())
    }

    /// Makes a key. A request above the plan's ceiling or above its maker is refused whole, never narrowed (R26).
    fn make_key(&mut self, secret: &Secret, owner: Option<UserId>, new: &NewKey) -> Result<(), Refusal> {
        let owns = owner.is_some_and(|owner| self.by == By::User(owner));
        self.needs(if owns { Need::Member } else { Need::Admin })?;
        if let Some(owner) = owner {
            self.workspace
                .team
                .member(owner)
                .ok_or_else(|| Refusal::invalid("/owner", "is not a member of the workspace"))?;
        }
        name_is_good("/name", &new.name)?;
        if let Some(cap) = new.cap {
            cap_is_good(cap)?;
        }
        if new.expires_at.is_some_and(|end| end <= self.at) {
            return Err(Refusal::invalid("/expires_at", "must lie in the future"));
        }
        self.names_are_good(new)?;
        let listed = match &new.preset {
            None => new.capabilities.clone(),
            Some(preset) => self.preset(preset, &new.capabilities)?,
        };
        let capabilities = self.grantable(&listed, owner)?;
        self.is_new(secret)?;
        limit("keys", KEYS_MAX, self.workspace.team.keys.len())?;
        let terms = KeyTerms {
            name: new.name.clone(),
            capabilities,
            models: new.models.clone(),
            workflows: new.workflows.clone(),
            cap: new.cap,
            expires_at: new.expires_at,
        };
        let made_by = self.asker();
        let (hash, last4) = (secret.hash, secret.last4.clone());
        self.tell(TeamEvent::KeyMade { key: self.workspace.team.keyed + 1, hash, last4, owner, made_by, terms });
        Ok(())
    }

    /// Refuses a secret that a key has or had: a secret opens one key, and a replaced one ends.
    fn is_new(&self, secret: &Secret) -> Result<(), Refusal> {
        let has = |key: &Key| key.hash == secret.hash || key.retired.is_some_and(|retired| retired.hash == secret.hash);
        match self.workspace.team.keys.iter().any(has) {
            true => Err(Refusal::invalid("/secret", "is a key's already")),
            false => Ok(()),
        }
    }

    /// Returns the user who asks, or `None` for the operator and for keys.
    fn asker(&self) -> Option<UserId> {
        match self.by {
            By::User(user) => Some(user),
            By::Operator | By::Key(_) => None,
        }
    }

    fn names_are_good(&self, new: &NewKey) -> Result<(), Refusal> {
        let menu = &self.terms().menu.catalog;
        let known = |model: &Name| menu.model(model).is_some();
        if let Some(index) = new.models.iter().position(|model| !known(model)) {
            return Err(Refusal::invalid(format!("/models/{index}"), "is not a model of the catalog"));
        }
        let slug = |text: &str| Capability::parse(&format!("workflow:{text}:run")).is_some_and(|read| read.is_exact());
        if let Some(index) = new.workflows.iter().position(|workflow| !slug(workflow)) {
            return Err(Refusal::invalid(format!("/workflows/{index}"), "is not the name of a workflow"));
        }
        at_most("models and workflows of a key", new.models.len() + new.workflows.len())
    }

    /// Returns the capabilities that a preset gives now: its list, or the whole ceiling.
    fn preset(&self, preset: &Name, beside: &[String]) -> Result<Vec<String>, Refusal> {
        if !beside.is_empty() {
            return Err(Refusal::invalid(
                "/preset",
                "must not be given together with capabilities: give one of the two",
            ));
        }
        let catalog = &self.terms().menu.catalog;
        let Some(found) = catalog.presets.iter().find(|known| known.id == *preset) else {
            let known: Vec<&str> = catalog.presets.iter().map(|known| &*known.id).collect();
            let detail = match nearest(preset, &known) {
                Some(near) => format!("there is no such preset; did you mean `{near}`?"),
                None if known.is_empty() => "the catalog has no presets; list capabilities".to_owned(),
                None => format!("there is no such preset; the catalog has {}", known.join(", ")),
            };
            return Err(Refusal::invalid("/preset", detail));
        };
        if !found.ceiling {
            return Ok(found.capabilities.clone());
        }
        let plan = self.plan();
        let exact =
            plan.ceiling.iter().filter(|word| Capability::parse(word).is_some_and(|capability| capability.is_exact()));
        let exact: Vec<String> = exact.cloned().collect();
        match exact.is_empty() {
            true => Err(Refusal::CapabilityRequired { capability: "any".to_owned(), ceiling: Vec::new() }),
            false => Ok(exact),
        }
    }

    /// Returns the listed capabilities, if the caller may give all of them to a key of this owner.
    fn grantable(&self, listed: &[String], owner: Option<UserId>) -> Result<Vec<Capability>, Refusal> {
        if listed.is_empty() {
            return Err(Refusal::invalid("/capabilities", "must name at least one, or give a preset"));
        }
        at_most("capabilities of a key", listed.len())?;
        let read = |word: &String| Capability::parse(word).filter(Capability::is_exact);
        let wrong = listed.iter().enumerate().filter(|(_, word)| read(word).is_none());
        let errors: Vec<Invalid> = wrong.map(|(index, _)| unknown_capability(index)).collect();
        if !errors.is_empty() {
            return Err(Refusal::InvalidRequest { errors });
        }
        let mut capabilities: Vec<Capability> = listed.iter().filter_map(read).collect();
        capabilities.sort();
        capabilities.dedup();
        let plan = self.plan();
        let ceiling = &plan.ceiling;
        let roles =
            [self.asker(), owner].map(|user| user.and_then(|user| Some(self.workspace.team.member(user)?.role)));
        let above = |capability: &&Capability| {
            let over_role = roles.iter().flatten().any(|role| !role_reaches(*role, capability));
            over_role || !capability.is_within(ceiling)
        };
        match capabilities.iter().find(above) {
            Some(above) => Err(Refusal::CapabilityRequired { capability: above.to_string(), ceiling: ceiling.clone() }),
            None => Ok(capabilities),
        }
    }

    /// Returns a key that the caller may change: an own key, or any key for an admin.
    fn key_to_change(&self, n: u32) -> Result<Key, Refusal> {
        let key = self.workspace.team.key(n);
        let owns = key.is_some_and(|key| key.owner.is_some() && key.owner == self.asker());
        self.needs(if owns { Need::Member } else { Need::Admin })?;
        key.cloned().ok_or(Refusal::NotFound { what: "key" })
    }

    fn change_key(&mut self, n: u32, change: &KeyChange) -> Result<(), Refusal> {
        let key = self.key_to_change(n)?;
        let mut terms = key.terms.clone();
        if let Some(name) = &change.name {
            name_is_good("/name", name)?;
            terms.name.clone_from(name);
        }
        if let Some(listed) = &change.capabilities {
            terms.capabilities = self.grantable(listed, key.owner)?;
        }
        if let Some(cap) = change.cap {
            // A caller who is bound by a cap must not change it.
            self.needs(Need::Admin)?;
            cap.map_or(Ok(()), cap_is_good)?;
            terms.cap = cap;
        }
        if terms != key.terms {
            self.tell(TeamEvent::KeyChanged { key: n, terms });
        }
        if change.reviewed && self.workspace.team.is_orphan(&key) {
            self.tell(TeamEvent::KeyReviewed { key: n });
        }
        Ok(())
    }

    fn rotate_key(&mut self, n: u32, secret: &Secret, grace: i64) -> Result<(), Refusal> {
        self.key_to_change(n)?;
        if !(0..=KEY_GRACE_SECONDS_MAX).contains(&grace) {
            return Err(Refusal::invalid("/grace", format!("must be 0 to {KEY_GRACE_SECONDS_MAX} seconds")));
        }
        self.is_new(secret)?;
        let until = self.at.after_seconds(grace);
        self.tell(TeamEvent::KeyRotated { key: n, hash: secret.hash, last4: secret.last4.clone(), until });
        Ok(())
    }

    fn freeze_key(&mut self, n: u32, reason: Option<&Name>) -> Result<(), Refusal> {
        let key = self.key_to_change(n)?;
        let by = self.authority();
        match (reason, key.frozen.map(|(_, by)| by)) {
            // A freeze by a caller with more authority takes the place of one with less.
            (Some(reason), frozen) if frozen.is_none_or(|frozen| frozen < by) => {
                name_is_good("/reason", reason)?;
                self.tell(TeamEvent::KeyFrozen { key: n, reason: reason.clone(), by });
                Ok(())
            }
            (None, Some(frozen)) if frozen > by => {
                Err(Refusal::CapabilityRequired { capability: frozen.name().to_owned(), ceiling: Vec::new() })
            }
            (None, Some(_)) => {
                self.tell(TeamEvent::KeyUnfrozen { key: n });
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Returns the authority with which the caller freezes or thaws.
    fn authority(&self) -> Authority {
        let role = self.asker().and_then(|user| Some(self.workspace.team.member(user)?.role));
        match (self.by, role) {
            (By::Operator, _) => Authority::Operator,
            (_, Some(Role::Admin)) => Authority::Admin,
            _ => Authority::Owner,
        }
    }

    fn revoke_key(&mut self, n: u32) -> Result<(), Refusal> {
        self.key_to_change(n)?;
        self.tell(TeamEvent::KeyRevoked { key: n });
        Ok(())
    }

    /// Refuses credits that a cap does not leave: the cap of the key, and of the member who owns it or who asks
    /// (R30).
    pub(crate) fn caps_leave(&self, credits: crate::Amount) -> Result<(), Refusal> {
        let Some(spender) = self.spender() else { return Ok(()) };
        let team = &self.workspace.team;
        let key = spender.key.and_then(|n| Some((self.workspace.id.id_of(crate::Kind::Key, n), team.key(n)?.cap?)));
        let member = spender.member.and_then(|user| Some((user.to_string(), team.member(user)?.cap?)));
        // The refusal names the cap that leaves least.
        let over = [key, member].into_iter().flatten().filter(|(_, cap)| cap.credits_left(self.at) < credits);
        match over.min_by_key(|(_, cap)| cap.credits_left(self.at)) {
            None => Ok(()),
            Some((of, cap)) => Err(Refusal::SpendCapReached {
                of,
                credits: cap.terms.credits,
                spent: cap.credits_spent(self.at),
                resets_at: cap.resets_at(self.at),
            }),
        }
    }
}

fn at_most(what: &'static str, asked: usize) -> Result<(), Refusal> {
    match asked > CAPABILITIES_MAX {
        true => Err(Refusal::LimitExceeded { what, limit: CAPABILITIES_MAX as u64, asked: asked as u64 }),
        false => Ok(()),
    }
}

fn unknown_capability(index: usize) -> Invalid {
    let words = Capability::VOCABULARY.join(", ");
    Invalid::new(
        format!("/capabilities/{index}"),
        format!("is not a capability; write one of {words}, with a name in place of <>"),
    )
}

fn cap_is_good(cap: CapTerms) -> Result<(), Refusal> {
    if cap.credits.get() <= OPERATION_MAX {
        return Ok(());
    }
    Err(Refusal::invalid("/spend_cap/credits", format!("must be 0 to {OPERATION_MAX}")))
}
