//! Keys of the naive team: their capabilities as words, their secrets, and the commands about them.
//!
//! Invariant: a word is text, and is read by splitting it at its colons.

use super::{Answer, NEVER, No, PLAIN, Rights, Row, SECOND, good_cap, good_name};
use scrip_engine::team::{KeyChange, KeyHash, NewKey, TeamCommand};
use scrip_engine::{By, Need};

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

impl Rights {
    pub fn opened(&self, secret: KeyHash) -> Option<&Row> {
        let now = self.money.now;
        self.keys.iter().find(|row| {
            let old = row.old.is_some_and(|(old, until)| old == secret && now < until);
            (row.secret == secret || old) && now < row.ends
        })
    }

    /// Returns true if a key has a word now: it was given, the plan allows it, and its owner has a seat and may do
    /// it.
    pub fn in_force(&self, row: &Row, word: &str) -> bool {
        let owner = row.owner.map(|owner| self.person(owner).expect("an owner is a member").admin);
        let sits = row.owner.is_none_or(|owner| self.sits(owner));
        sits && allows(&self.plan().ceiling, word) && (owner != Some(false) || !for_admins(word))
    }

    pub(super) fn may_key(&self, row: &Row, need: Need<'_>) -> Answer {
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
        if given.iter().any(|word| self.in_force(row, word)) { Ok(()) } else { Err("CAPABILITY_SUSPENDED") }
    }

    pub(super) fn about_keys(&mut self, by: By, command: &TeamCommand) -> Answer {
        let now = self.money.now;
        match command {
            TeamCommand::MakeKey { secret, owner, new } => self.make(by, secret.hash, owner.map(|o| o.get()), new),
            TeamCommand::ChangeKey { key, change } => self.change(by, *key, change),
            TeamCommand::RotateKey { key, secret, grace } => {
                let index = self.own(by, *key)?;
                if *grace < 0 || *grace > 7 * 86_400 || self.taken(secret.hash) {
                    return Err("INVALID_REQUEST");
                }
                let row = &mut self.keys[index];
                row.old = (*grace > 0).then_some((row.secret, (now + grace * SECOND).min(NEVER)));
                row.secret = secret.hash;
                self.happened = true;
                Ok(())
            }
            TeamCommand::FreezeKey { key, reason } => {
                let index = self.own(by, *key)?;
                let weight = match by {
                    By::Operator => 2,
                    By::User(user) if self.person(user.get()).is_some_and(|person| person.admin) => 1,
                    _ => 0,
                };
                match (reason, self.keys[index].off) {
                    (None, None) => return Ok(()),
                    (None, Some(was)) if was > weight => return Err("CAPABILITY_REQUIRED"),
                    (None, Some(_)) => self.keys[index].off = None,
                    (Some(_), Some(was)) if was >= weight => return Ok(()),
                    (Some(reason), _) => {
                        good_name(reason)?;
                        self.keys[index].off = Some(weight);
                    }
                }
                self.happened = true;
                Ok(())
            }
            TeamCommand::RevokeKey { key } => {
                let index = self.own(by, *key)?;
                self.keys.remove(index);
                self.happened = true;
                Ok(())
            }
            _ => unreachable!("what is about members is decided beside them"),
        }
    }

    fn taken(&self, secret: KeyHash) -> bool {
        self.keys.iter().any(|row| row.secret == secret || row.old.is_some_and(|(old, _)| old == secret))
    }

    /// Returns the key's place, if the caller may change it.
    fn own(&self, by: By, n: u32) -> Result<usize, No> {
        let index = self.keys.iter().position(|row| row.n == n);
        let owner = index.and_then(|index| self.keys[index].owner);
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
        let ceiling = self.plan().ceiling;
        let above = |word: &String| !allows(&ceiling, word) || (plain && for_admins(word));
        if words.iter().any(above) { Err("CAPABILITY_REQUIRED") } else { Ok(()) }
    }

    fn make(&mut self, by: By, secret: KeyHash, owner: Option<i64>, new: &NewKey) -> Answer {
        let maker = if let By::User(user) = by { Some(user.get()) } else { None };
        let own = owner.is_some() && owner == maker;
        self.may(by, if own { Need::Member } else { Need::Admin })?;
        if owner.is_some_and(|owner| self.person(owner).is_none()) {
            return Err("INVALID_REQUEST");
        }
        good_name(&new.name)?;
        good_cap(new.cap)?;
        let catalog = self.money.catalog();
        let known = |id: &str| catalog.models.iter().any(|model| *model.id == *id);
        if new.expires_at.is_some_and(|end| end.micros() <= self.money.now)
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
                words = self.plan().ceiling.into_iter().filter(|word| !word.contains('<')).collect();
                if words.is_empty() {
                    return Err("CAPABILITY_REQUIRED");
                }
            }
        }
        self.grantable(by, &words, owner)?;
        if self.taken(secret) {
            return Err("INVALID_REQUEST");
        }
        if self.keys.len() >= 100 {
            return Err("LIMIT_EXCEEDED");
        }
        self.keyed += 1;
        let text = |names: &[scrip_engine::Name]| names.iter().map(ToString::to_string).collect();
        self.keys.push(Row {
            n: self.keyed,
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
    pub fn is_orphan(&self, row: &Row) -> bool {
        row.owner.is_none() && !row.seen && row.maker.is_some_and(|maker| self.person(maker).is_none())
    }

    fn change(&mut self, by: By, n: u32, change: &KeyChange) -> Answer {
        let index = self.own(by, n)?;
        let mut row = self.keys[index].clone();
        let sorted = |row: &Row| row.words.iter().cloned().collect::<std::collections::BTreeSet<_>>();
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
        self.keys[index] = row;
        Ok(())
    }
}
