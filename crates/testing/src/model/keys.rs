//! Keys of the team, written down once more: their capabilities as words, their secrets, and the commands about them.
//!
//! Invariant: a word is text, and is read by splitting it at its colons.

use super::team::{KeyRow, good_cap};
use super::{Answer, Model, NEVER, No, SECOND, good_name};
use scrip_engine::team::{KeyChange, KeyHash, NewKey, TeamCommand};
use scrip_engine::{By, Need};

/// Words that name nothing further.
const PLAIN: [&str; 6] =
    ["workflow:run", "workflow:read", "workflow:write", "webhook:receive", "model:run", "agent:invoke"];

/// Returns true if a word is one that a key may be given.
pub fn good_word(word: &str) -> bool {
    let parts: Vec<&str> = word.split(':').collect();
    match parts[..] {
        [kind, name, "run"] => ["workflow", "model"].contains(&kind) && good_id(name),
        _ => PLAIN.contains(&word),
    }
}

fn good_id(name: &str) -> bool {
    let letters = "abcdefghijklmnopqrstuvwxyz0123456789-_.";
    !name.is_empty() && name.len() < 65 && name.chars().all(|letter| letters.contains(letter))
}

/// Returns true if a ceiling lets a key have a word.
pub fn allows(ceiling: &[String], word: &str) -> bool {
    let has = |wanted: &str| ceiling.iter().any(|known| known == wanted);
    let parts: Vec<&str> = word.split(':').collect();
    let wider = match parts[..] {
        ["workflow", _, "run"] => has("workflow:<slug>:run") || has("workflow:run"),
        ["model", _, "run"] => has("model:<id>:run") || has("model:run"),
        _ => false,
    };
    has(word) || wider
}

fn for_admins(word: &str) -> bool {
    word == "workflow:write" || word == "webhook:receive"
}

/// Returns true if a word is enough for a need.
pub fn answers(word: &str, need: Need<'_>) -> bool {
    let parts: Vec<&str> = word.split(':').collect();
    let (kind, last) = (parts[0], parts[parts.len() - 1]);
    let only = if parts.len() == 3 { Some(parts[1]) } else { None };
    match need {
        Need::View => true,
        Need::ReadRuns => word == "workflow:read" || (kind == "model" && last == "run"),
        Need::RunAny => kind == "model" && last == "run",
        Need::RunModel(id) => kind == "model" && last == "run" && (only.is_none() || only == Some(id)),
        Need::RunWorkflow(id) => kind == "workflow" && last == "run" && (only.is_none() || only == Some(id)),
        Need::ReadWorkflows => word == "workflow:read",
        Need::WriteWorkflows => word == "workflow:write",
        Need::ReceiveWebhooks => word == "webhook:receive",
        Need::InvokeAgents => word == "agent:invoke",
        Need::Person | Need::Leave | Need::Member | Need::Admin | Need::Operator => false,
    }
}

impl Model {
    pub fn key_of(&self, secret: KeyHash) -> Option<&KeyRow> {
        let now = self.now;
        self.team.keys.iter().find(|row| {
            let old = row.old.is_some_and(|(old, until)| old == secret && now < until);
            (row.secret == secret || old) && now < row.ends
        })
    }

    /// Returns true if a key has a word now: it was given, the plan allows it, and its owner has a seat and may do
    /// it.
    pub fn is_word_in_force(&self, row: &KeyRow, word: &str) -> bool {
        let owner = row.owner.map(|owner| self.person(owner).expect("an owner is a member").admin);
        let sits = row.owner.is_none_or(|owner| self.sits(owner));
        sits && allows(&self.own_plan().ceiling, word) && (owner != Some(false) || !for_admins(word))
    }

    pub(super) fn may_key(&self, row: &KeyRow, need: Need<'_>) -> Answer {
        if row.off.is_some() {
            return Err("CAPABILITY_SUSPENDED");
        }
        let outside = match need {
            Need::RunModel(id) => !row.models.is_empty() && !row.models.iter().any(|known| known == id),
            Need::RunWorkflow(id) => !row.flows.is_empty() && !row.flows.iter().any(|known| known == id),
            _ => false,
        };
        let given: Vec<&String> = row.words.iter().filter(|word| answers(word, need)).collect();
        if outside || given.is_empty() {
            return Err("CAPABILITY_REQUIRED");
        }
        if given.iter().any(|word| self.is_word_in_force(row, word)) { Ok(()) } else { Err("CAPABILITY_SUSPENDED") }
    }

    pub(super) fn decide_key(&mut self, by: By, command: &TeamCommand) -> Answer {
        let now = self.now;
        match command {
            TeamCommand::MakeKey { secret, owner, new } => self.make_key(by, secret.hash, owner.map(|o| o.get()), new),
            TeamCommand::ChangeKey { key, change } => self.change_key(by, *key, change),
            TeamCommand::RotateKey { key, secret, grace } => {
                let index = self.own_key(by, *key)?;
                if *grace < 0 || *grace > 7 * 86_400 || self.is_secret_used(secret.hash) {
                    return Err("INVALID_REQUEST");
                }
                let row = &mut self.team.keys[index];
                row.old = (*grace > 0).then_some((row.secret, (now + grace * SECOND).min(NEVER)));
                row.secret = secret.hash;
                self.happened = true;
                Ok(())
            }
            TeamCommand::FreezeKey { key, reason } => {
                let index = self.own_key(by, *key)?;
                let weight = match by {
                    By::Operator => 2,
                    By::User(user) if self.person(user.get()).is_some_and(|person| person.admin) => 1,
                    _ => 0,
                };
                match (reason, self.team.keys[index].off) {
                    (None, None) => return Ok(()),
                    (None, Some(was)) if was > weight => return Err("CAPABILITY_REQUIRED"),
                    (None, Some(_)) => self.team.keys[index].off = None,
                    (Some(_), Some(was)) if was >= weight => return Ok(()),
                    (Some(reason), _) => {
                        good_name(reason)?;
                        self.team.keys[index].off = Some(weight);
                    }
                }
                self.happened = true;
                Ok(())
            }
            TeamCommand::RevokeKey { key } => {
                let index = self.own_key(by, *key)?;
                self.team.keys.remove(index);
                self.happened = true;
                Ok(())
            }
            TeamCommand::Invite { .. }
            | TeamCommand::Withdraw { .. }
            | TeamCommand::Join { .. }
            | TeamCommand::Add { .. }
            | TeamCommand::ChangeMember { .. }
            | TeamCommand::Remove { .. } => Err("NOT_FOUND"),
        }
    }

    fn is_secret_used(&self, secret: KeyHash) -> bool {
        self.team.keys.iter().any(|row| row.secret == secret || row.old.is_some_and(|(old, _)| old == secret))
    }

    /// Returns the key's place, if the caller may change it.
    fn own_key(&self, by: By, n: u32) -> Result<usize, No> {
        let index = self.team.keys.iter().position(|row| row.n == n);
        let owner = index.and_then(|index| self.team.keys[index].owner);
        let owns = matches!(by, By::User(user) if owner == Some(user.get()));
        self.may(by, if owns { Need::Member } else { Need::Admin })?;
        index.ok_or("NOT_FOUND")
    }

    /// Checks that the caller may give all of the words to a key of this owner.
    fn grantable(&self, by: By, words: &[String], owner: Option<i64>) -> Answer {
        if words.is_empty() {
            return Err("INVALID_REQUEST");
        }
        if words.len() > 100 {
            return Err("LIMIT_EXCEEDED");
        }
        if words.iter().any(|word| !good_word(word)) {
            return Err("INVALID_REQUEST");
        }
        let asks = if let By::User(user) = by { Some(user.get()) } else { None };
        let plain = [asks, owner].into_iter().flatten().any(|user| self.person(user).is_some_and(|who| !who.admin));
        let ceiling = self.own_plan().ceiling;
        let above = |word: &String| !allows(&ceiling, word) || (plain && for_admins(word));
        if words.iter().any(above) { Err("CAPABILITY_REQUIRED") } else { Ok(()) }
    }

    fn make_key(&mut self, by: By, secret: KeyHash, owner: Option<i64>, new: &NewKey) -> Answer {
        let maker = if let By::User(user) = by { Some(user.get()) } else { None };
        let own = owner.is_some() && owner == maker;
        self.may(by, if own { Need::Member } else { Need::Admin })?;
        if owner.is_some_and(|owner| self.person(owner).is_none()) {
            return Err("INVALID_REQUEST");
        }
        good_name(&new.name)?;
        good_cap(new.cap)?;
        let catalog = self.catalog();
        let known = |id: &str| catalog.models.iter().any(|model| *model.id == *id);
        if new.expires_at.is_some_and(|end| end.micros() <= self.now)
            || new.models.iter().any(|id| !known(id))
            || new.workflows.iter().any(|slug| !good_id(slug))
        {
            return Err("INVALID_REQUEST");
        }
        if new.models.len() + new.workflows.len() > 100 {
            return Err("LIMIT_EXCEEDED");
        }
        let mut words = new.capabilities.clone();
        if let Some(preset) = &new.preset {
            let preset = catalog.presets.iter().find(|known| known.id == *preset).ok_or("INVALID_REQUEST")?;
            if !words.is_empty() {
                return Err("INVALID_REQUEST");
            }
            words.clone_from(&preset.capabilities);
            if preset.ceiling {
                words = self.own_plan().ceiling.into_iter().filter(|word| !word.contains('<')).collect();
                if words.is_empty() {
                    return Err("CAPABILITY_REQUIRED");
                }
            }
        }
        self.grantable(by, &words, owner)?;
        if self.is_secret_used(secret) {
            return Err("INVALID_REQUEST");
        }
        if self.team.keys.len() >= 100 {
            return Err("LIMIT_EXCEEDED");
        }
        self.team.keyed += 1;
        let text = |names: &[scrip_engine::Name]| names.iter().map(ToString::to_string).collect();
        self.team.keys.push(KeyRow {
            n: self.team.keyed,
            secret,
            old: None,
            name: new.name.clone(),
            words,
            models: text(&new.models),
            flows: text(&new.workflows),
            owner,
            maker,
            seen: false,
            ends: new.expires_at.map_or(i64::MAX, |end| end.micros()),
            off: None,
            limit: self.recap(None, new.cap),
        });
        self.happened = true;
        Ok(())
    }

    /// Returns true for a key of the workspace whose maker has left and which was not confirmed.
    pub fn is_orphan(&self, row: &KeyRow) -> bool {
        row.owner.is_none() && !row.seen && row.maker.is_some_and(|maker| self.person(maker).is_none())
    }

    fn change_key(&mut self, by: By, n: u32, change: &KeyChange) -> Answer {
        let index = self.own_key(by, n)?;
        let mut row = self.team.keys[index].clone();
        let sorted = |row: &KeyRow| row.words.iter().cloned().collect::<std::collections::BTreeSet<_>>();
        let before = (row.name.clone(), sorted(&row), row.limit.map(|limit| limit.terms));
        if let Some(name) = &change.name {
            good_name(name)?;
            row.name.clone_from(name);
        }
        if let Some(words) = &change.capabilities {
            self.grantable(by, words, row.owner)?;
            row.words.clone_from(words);
        }
        if let Some(cap) = change.cap {
            self.may(by, Need::Admin)?;
            good_cap(cap)?;
            row.limit = self.recap(row.limit, cap);
        }
        self.happened |= before != (row.name.clone(), sorted(&row), row.limit.map(|limit| limit.terms));
        if change.reviewed && self.is_orphan(&row) {
            row.seen = true;
            self.happened = true;
        }
        self.team.keys[index] = row;
        Ok(())
    }
}
