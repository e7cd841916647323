//! Statements about callers and the team: people by first name, keys by name.
//!
//! **Invariant:** a name stands for one person or key throughout a story.

use super::words::{Words, amount, read};
use super::{Scenario, same};
use scrip_engine::team::{CapTerms, Invitation, Key, KeyChange, KeyHash, Member, NewKey, Role, Secret, TeamCommand};
use scrip_engine::{By, Command, Interval, Name, Need, UserId, effective, judge};

/// Returns the user of a name.
pub(super) fn person(name: &str) -> UserId {
    UserId::new(name.bytes().fold(7, |number, byte| number * 131 + u64::from(byte)))
}

/// Returns the name of a user.
pub(super) fn name_of(user: UserId) -> String {
    let mut number = user.get();
    let mut letters = Vec::new();
    while number > 7 {
        letters.push(u8::try_from(number % 131).expect("a remainder by 131 is a byte"));
        number /= 131;
    }
    letters.reverse();
    String::from_utf8(letters).expect("names are ASCII")
}

/// Returns the `n`th secret of a key; its first is the 0th.
fn secret(key: &str, n: u8) -> Secret {
    let mut hash = [n; 32];
    for (place, byte) in hash.iter_mut().zip(key.bytes()) {
        *place ^= byte;
    }
    Secret { hash: KeyHash(hash), last4: format!("{n:04}") }
}

fn role(word: &str) -> Result<Role, String> {
    match word {
        "admin" => Ok(Role::Admin),
        "member" => Ok(Role::Member),
        other => Err(format!("expected admin or member, got `{other}`")),
    }
}

fn list(text: Option<String>) -> Vec<Name> {
    text.unwrap_or_default().split(',').filter(|word| !word.is_empty()).map(Name::from).collect()
}

fn cap(words: &mut Words, credits: &str) -> Result<CapTerms, String> {
    let every = words.option("every").map(|every| match every.as_str() {
        "week" => Ok(Interval::Week),
        "month" => Ok(Interval::Month),
        "year" => Ok(Interval::Year),
        other => Err(format!("expected an interval, got `{other}`")),
    });
    Ok(CapTerms { credits: amount(credits)?, every: every.transpose()? })
}

fn join_words(words: Vec<String>) -> String {
    if words.is_empty() { "none".to_owned() } else { words.join(" ") }
}

impl Scenario {
    /// `as operator`, `as NAME`, `as key NAME [secret=N]`: the caller from now on.
    pub(super) fn who(&self, words: &mut Words) -> Result<By, String> {
        let name = words.word("who asks")?;
        Ok(match name.as_str() {
            "operator" => By::Operator,
            "key" => {
                let n = words.option("secret").map(|n| read(&n, "a number")).transpose()?.unwrap_or(0);
                By::Key(secret(&words.word("a key")?, n).hash)
            }
            name => By::User(person(name)),
        })
    }

    pub(super) fn team_command(&self, verb: &str, words: &mut Words) -> Result<Option<Command>, String> {
        let command = match verb {
            "invite" | "withdraw" | "join" | "add" | "role" | "cap" | "remove" => self.member_command(verb, words)?,
            "key" | "regrant" | "recap" | "keep" | "rotate" | "freeze-key" | "unfreeze-key" | "revoke" => {
                self.key_command(verb, words)?
            }
            _ => return Ok(None),
        };
        Ok(Some(Command::Team(command)))
    }

    fn member_command(&self, verb: &str, words: &mut Words) -> Result<TeamCommand, String> {
        let name = words.word("a person")?;
        let user = person(&name);
        Ok(match verb {
            "invite" => {
                let role = role(words.option("role").as_deref().unwrap_or("member"))?;
                TeamCommand::Invite { user, role }
            }
            "withdraw" => TeamCommand::Withdraw { invitation: self.invitation(&name) },
            "join" => {
                let invitation = words.option("of").unwrap_or_else(|| name.clone());
                TeamCommand::Join { invitation: self.invitation(&invitation), user }
            }
            "add" => {
                let role = role(words.option("role").as_deref().unwrap_or("member"))?;
                TeamCommand::Add { user, role }
            }
            "role" => TeamCommand::ChangeMember { user, role: Some(role(&words.word("a role")?)?), cap: None },
            "cap" => {
                let credits = words.word("an amount, or none")?;
                let cap = if credits == "none" { None } else { Some(cap(words, &credits)?) };
                TeamCommand::ChangeMember { user, role: None, cap: Some(cap) }
            }
            _ => TeamCommand::Remove { user },
        })
    }

    fn key_command(&self, verb: &str, words: &mut Words) -> Result<TeamCommand, String> {
        let name = words.word("a key")?;
        let key = self.key(&name).map_or(u32::MAX, |key| key.n);
        Ok(match verb {
            "key" => {
                let credits = words.option("cap");
                let new = NewKey {
                    cap: credits.map(|credits| cap(words, &credits)).transpose()?,
                    preset: words.option("preset").map(|preset| preset.as_str().into()),
                    models: list(words.option("models")),
                    workflows: list(words.option("workflows")),
                    expires_at: words.option("expires").map(|at| read(&at, "an instant")).transpose()?,
                    capabilities: words.rest().split_whitespace().map(str::to_owned).collect(),
                    name: name.clone(),
                };
                let owner = words.option("owner").map(|owner| person(&owner));
                TeamCommand::MakeKey { secret: secret(&name, 0), owner, new }
            }
            "regrant" => {
                let capabilities = Some(words.rest().split_whitespace().map(str::to_owned).collect());
                TeamCommand::ChangeKey { key, change: KeyChange { capabilities, ..KeyChange::default() } }
            }
            "recap" => {
                let credits = words.word("an amount, or none")?;
                let cap = if credits == "none" { None } else { Some(cap(words, &credits)?) };
                TeamCommand::ChangeKey { key, change: KeyChange { cap: Some(cap), ..KeyChange::default() } }
            }
            "keep" => TeamCommand::ChangeKey { key, change: KeyChange { reviewed: true, ..KeyChange::default() } },
            "rotate" => {
                let n = words.option("secret").map(|n| read(&n, "a number")).transpose()?.unwrap_or(1);
                let grace = words.option("grace").map(|grace| read(&grace, "seconds")).transpose()?.unwrap_or(0);
                TeamCommand::RotateKey { key, secret: secret(&name, n), grace }
            }
            "freeze-key" => TeamCommand::FreezeKey { key, reason: Some(words.rest().as_str().into()) },
            "unfreeze-key" => TeamCommand::FreezeKey { key, reason: None },
            _ => TeamCommand::RevokeKey { key },
        })
    }

    /// Returns the newest invitation of a name, open or not; for a name without one, a number that no invitation has.
    fn invitation(&self, name: &str) -> u32 {
        self.invited.get(name).copied().unwrap_or(u32::MAX)
    }

    fn key(&self, name: &str) -> Option<&Key> {
        self.workspace.team.keys.iter().find(|key| key.terms.name == name)
    }

    /// Returns the number of a key, by its name.
    pub(super) fn key_number(&self, name: &str) -> Result<u32, String> {
        self.key(name).map(|key| key.n).ok_or_else(|| format!("there is no key {name}"))
    }

    /// Checks an expectation about the team. `false` when the verb is not one.
    pub(super) fn expects_of_team(&self, verb: &str, words: &mut Words) -> Result<bool, String> {
        match verb {
            "members" => {
                let member = |member: &Member| format!("{}:{}", name_of(member.user), member.role.name());
                same("members", &words.rest(), &join_words(self.workspace.team.members.iter().map(member).collect()))
            }
            "invited" => {
                let name = |open: &Invitation| open.user.map(name_of).unwrap_or_default();
                let at = self.now()?;
                let open = self.workspace.team.invitations.iter().filter(|open| at < open.expires_at);
                same("invitations", &words.rest(), &join_words(open.map(name).collect()))
            }
            "keys" => {
                let name = |key: &Key| key.terms.name.clone();
                same("keys", &words.rest(), &join_words(self.workspace.team.keys.iter().map(name).collect()))
            }
            "to-review" => {
                let team = &self.workspace.team;
                let orphans = team.keys.iter().filter(|key| team.is_orphan(key));
                same("keys to review", &words.rest(), &join_words(orphans.map(|key| key.terms.name.clone()).collect()))
            }
            "effective" | "dormant" | "available" => self.rights(verb, words),
            "may" => self.may(words).map(drop),
            "may-not" => self.may_not(words),
            _ => return Ok(false),
        }
        .map(|()| true)
    }

    fn rights(&self, verb: &str, words: &mut Words) -> Result<(), String> {
        let name = words.word("a key")?;
        let key = self.key(&name).ok_or_else(|| format!("expected a key `{name}`, got none"))?;
        let plan = self.plan()?;
        let rights = effective(&self.workspace, &plan, key);
        let got = match verb {
            "effective" => rights.effective.iter().map(ToString::to_string).collect(),
            "dormant" => rights.dormant.iter().map(ToString::to_string).collect(),
            _ => rights.available,
        };
        same(verb, &words.rest(), &join_words(got))
    }

    /// `may WHO NEED`: the caller may do this now.
    fn may(&self, words: &mut Words) -> Result<(), String> {
        self.judge(words)?.map_err(|refusal| format!("expected no refusal, got {refusal:?}"))
    }

    /// `may-not CODE WHO NEED`: the caller is refused this with the code.
    fn may_not(&self, words: &mut Words) -> Result<(), String> {
        let code = words.word("a refusal's code")?;
        match self.judge(words)? {
            Ok(()) => Err(format!("expected {code}, got no refusal")),
            Err(refusal) => same("refusal", &code.as_str(), &refusal.code()),
        }
    }

    fn judge(&self, words: &mut Words) -> Result<Result<(), scrip_engine::Refusal>, String> {
        let by = self.who(words)?;
        let text = words.word("what is needed")?;
        let one = |kind: &str| text.strip_prefix(kind).and_then(|rest| rest.strip_suffix(":run"));
        let need = match (text.as_str(), one("model:"), one("workflow:")) {
            ("look", ..) => Need::View,
            ("runs:read", ..) => Need::ReadRuns,
            ("model:run", ..) => Need::RunAny,
            ("workflow:read", ..) => Need::ReadWorkflows,
            ("workflow:write", ..) => Need::WriteWorkflows,
            ("webhook:receive", ..) => Need::ReceiveWebhooks,
            ("agent:invoke", ..) => Need::InvokeAgents,
            ("member", ..) => Need::Member,
            ("admin", ..) => Need::Admin,
            (_, Some(model), _) => Need::RunModel(model),
            (_, _, Some(slug)) => Need::RunWorkflow(slug),
            (other, ..) => return Err(format!("expected a need, got `{other}`")),
        };
        Ok(judge(&self.workspace, &self.terms()?.plan(), by, need, self.now()?))
    }
}
