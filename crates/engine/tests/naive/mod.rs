//! A naive team to judge the engine's by: a list of people, a book of letters, a list of keys with their words as
//! text, and every run that was ever paid for, summed afresh whenever a cap is asked for. Prices of runs and their
//! ends in time are left to the naive workspace.
//!
//! The module `keys` has the commands about keys, and what keys open.
//!
//! Invariant: slow and obvious, and shares no decision with the engine; capabilities are read by splitting text.

mod keys;

use crate::reference::{Answer, Model, NEVER, No, civil, find_plan, price};
pub use keys::allows;
use scrip_engine::team::{CapTerms, KeyHash, Role, TeamCommand, Tenancy};
use scrip_engine::{By, Catalog, Catalogs, Command, Interval, Need, Plan, RunCommand, Unit, WorkspaceCommand};
use std::sync::Arc;

const SECOND: i64 = 1_000_000;
const PLAIN: [&str; 6] =
    ["workflow:run", "workflow:read", "workflow:write", "webhook:receive", "model:run", "agent:invoke"];

/// A cap, with the first run that counts and the instant from which its windows are counted.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    pub terms: CapTerms,
    pub since: i64,
    pub first: usize,
}

impl Limit {
    /// Returns the window of an instant, walked to from the first.
    pub fn window(&self, at: i64) -> (i64, Option<i64>) {
        let Some(every) = self.terms.every else { return (self.since, None) };
        let nth = |n: i64| match every {
            Interval::Week => self.since + n * 7 * civil::DAY,
            Interval::Month => civil::months_later(self.since, n),
            Interval::Year => civil::months_later(self.since, 12 * n),
        };
        let mut n = 0;
        while nth(n + 1) <= at {
            n += 1;
        }
        (nth(n), Some(nth(n + 1)))
    }
}

#[derive(Clone, Debug)]
pub struct Person {
    pub user: i64,
    pub email: String,
    pub admin: bool,
    pub limit: Option<Limit>,
}

/// An invitation, whatever became of it.
#[derive(Clone, Debug)]
pub struct Letter {
    pub n: u32,
    pub email: String,
    pub admin: bool,
    pub ends: i64,
    pub used: bool,
}

#[derive(Clone, Debug)]
pub struct Row {
    pub n: u32,
    pub secret: KeyHash,
    /// The secret before, and the instant until which it opens the key.
    pub old: Option<(KeyHash, i64)>,
    pub name: String,
    pub words: Vec<String>,
    pub models: Vec<String>,
    pub flows: Vec<String>,
    pub owner: Option<i64>,
    pub maker: Option<i64>,
    pub seen: bool,
    pub ends: i64,
    /// Authority of the freeze: its owner (0), an admin (1) or the operator (2).
    pub off: Option<u8>,
    pub limit: Option<Limit>,
}

/// A run that credits were held for.
#[derive(Clone, Debug)]
pub struct Spent {
    pub run: u32,
    pub key: Option<u32>,
    pub who: Option<i64>,
    pub at: i64,
    pub amount: i64,
    pub open: bool,
}

/// Cap that a refusal names: its key or member, its credits, the amount spent, and the instant at which it begins
/// anew.
pub type Named = (Option<u32>, Option<i64>, i64, i64, Option<i64>);

#[derive(Clone)]
pub struct Rights {
    pub money: Model,
    pub personal: bool,
    pub people: Vec<Person>,
    pub letters: Vec<Letter>,
    pub keys: Vec<Row>,
    pub keyed: u32,
    pub spent: Vec<Spent>,
    /// Cap that stood in the way of the last run that was refused for one.
    pub named: Option<Named>,
    pub happened: bool,
}

fn good_name(name: &str) -> Answer {
    let bad = name.trim().is_empty() || name.chars().count() > 200 || name.chars().any(char::is_control);
    if bad { Err("INVALID_REQUEST") } else { Ok(()) }
}

fn good_email(email: &str) -> Answer {
    let good = email.len() > 2 && email.len() < 255 && email.contains('@') && !email.chars().any(char::is_control);
    if good { Ok(()) } else { Err("INVALID_REQUEST") }
}

fn good_cap(cap: Option<CapTerms>) -> Answer {
    if cap.is_some_and(|cap| cap.credits.get() > 1_000_000_000) { Err("INVALID_REQUEST") } else { Ok(()) }
}

fn same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

impl Rights {
    pub fn new(catalogs: Arc<Catalogs>) -> Rights {
        Rights {
            money: Model::new(catalogs),
            personal: false,
            people: Vec::new(),
            letters: Vec::new(),
            keys: Vec::new(),
            keyed: 0,
            spent: Vec::new(),
            named: None,
            happened: false,
        }
    }

    /// Lets time pass and carries out a command, or returns the refusal's code and changes nothing.
    pub fn apply(&mut self, by: By, at: i64, command: &Command) -> Answer {
        let mut next = self.clone();
        if self.money.opened {
            next.money.apply(at, &Command::Tick)?;
        }
        next.happened = self.money.opened && next.money.happened;
        next.money.now = at.max(self.money.last);
        next.close(0);
        let answer = next.command(by, at, command);
        self.named = next.named.take();
        answer?;
        if next.happened {
            next.money.last = next.money.now;
        }
        *self = next;
        Ok(())
    }

    fn command(&mut self, by: By, at: i64, command: &Command) -> Answer {
        if let Command::Workspace(WorkspaceCommand::Open { owner, choice, tenancy, profile, .. }) = command {
            let own = matches!(by, By::User(user) if *owner == Some(user)) && choice.is_none();
            if by != By::Operator && !own {
                return Err("CAPABILITY_REQUIRED");
            }
            self.pay(at, command)?;
            self.personal = *tenancy == Tenancy::Personal;
            if let Some(user) = owner {
                self.people.push(Person { user: user.get(), email: profile.owner.clone(), admin: true, limit: None });
            }
            return Ok(());
        }
        if !self.money.opened {
            return Err("NOT_FOUND");
        }
        match command {
            Command::Team(team) => {
                match team {
                    TeamCommand::Join { .. } => {}
                    TeamCommand::Remove { .. } => self.may(by, Need::Leave)?,
                    _ => self.may(by, Need::Member)?,
                }
                self.team(by, team)
            }
            Command::Workspace(WorkspaceCommand::Rename { .. }) => {
                self.may(by, Need::Admin).and_then(|()| self.pay(at, command))
            }
            Command::Run(RunCommand::Create { model, .. }) => {
                self.may(by, Need::RunModel(model))?;
                self.create(by, at, command, model)
            }
            Command::Run(RunCommand::Cancel { run }) => {
                let open = self.money.open.iter().find(|open| open.n == *run).and_then(|open| open.model.clone());
                self.may(by, open.as_deref().map_or(Need::RunAny, Need::RunModel))?;
                self.pay(at, command)
            }
            _ => self.may(by, Need::Operator).and_then(|()| self.pay(at, command)),
        }
    }

    /// Runs a command in the naive workspace, and notes the spending of the runs that ended thereby.
    fn pay(&mut self, at: i64, command: &Command) -> Answer {
        let total = |money: &Model| money.lots.iter().map(|lot| lot.captured).sum::<i64>();
        let before = total(&self.money);
        self.money.apply(at, command)?;
        self.happened |= self.money.happened;
        if matches!(command, Command::Run(RunCommand::Settle { .. }) | Command::Run(RunCommand::Cancel { .. })) {
            self.close(total(&self.money) - before);
        }
        Ok(())
    }

    /// Notes the spending of runs that are no longer open.
    fn close(&mut self, captured: i64) {
        let open: Vec<u32> = self.money.open.iter().map(|open| open.n).collect();
        for spent in self.spent.iter_mut().filter(|spent| spent.open && !open.contains(&spent.run)) {
            (spent.open, spent.amount) = (false, captured);
        }
    }

    fn create(&mut self, by: By, at: i64, command: &Command, id: &str) -> Answer {
        let answer = self.pay(at, command);
        let asked = match (&answer, command) {
            (Ok(()), _) => {
                let open = self.money.open.last().expect("the run was accepted");
                if open.unit == Unit::Credits && open.trial.is_none() { Some(open.amount) } else { None }
            }
            (Err("INSUFFICIENT_CREDITS" | "ALLOWANCE_EXHAUSTED"), Command::Run(RunCommand::Create { params, .. })) => {
                let catalog = self.money.catalog();
                let model = catalog.models.iter().find(|model| *model.id == *id).expect("it was looked at");
                let filled = price::fill_in(model, params).expect("its parameters were good");
                if model.unit == Unit::Credits { price::price(model, &filled) } else { None }
            }
            _ => None,
        };
        let Some(asked) = asked else { return answer };
        let (key, who) = match by {
            By::Operator => (None, None),
            By::User(user) => (None, Some(user.get())),
            By::Key(secret) => {
                let row = self.opened(secret).expect("it was let in");
                (Some(row.n), row.owner)
            }
        };
        self.named = self.in_the_way(key, who, asked);
        if self.named.is_some() {
            return Err("SPEND_CAP_REACHED");
        }
        answer?;
        let run = self.money.next_hold - 1;
        self.spent.push(Spent { run, key, who, at: self.money.now, amount: asked, open: true });
        Ok(())
    }

    /// Returns the cap with least left, of those that leave too little; the key's before the member's.
    fn in_the_way(&self, key: Option<u32>, who: Option<i64>, asked: i64) -> Option<Named> {
        let now = self.money.now;
        let of_key = self.keys.iter().find(|row| Some(row.n) == key).and_then(|row| row.limit);
        let of_who = self.people.iter().find(|person| Some(person.user) == who).and_then(|person| person.limit);
        let mut found: Option<(i64, Named)> = None;
        for (limit, key, who) in [(of_key, key, None), (of_who, None, who)] {
            let Some(limit) = limit else { continue };
            let (credits, spent) = (limit.terms.credits.get(), self.spent_of(&limit, key, who, now));
            let left = (credits - spent).max(0);
            if left < asked && found.as_ref().is_none_or(|(least, _)| left < *least) {
                found = Some((left, (key, who, credits, spent, limit.window(now).1)));
            }
        }
        found.map(|(_, named)| named)
    }

    /// Returns the amount held and captured for a key or a member in the window, of runs after the cap was set.
    pub fn spent_of(&self, limit: &Limit, key: Option<u32>, who: Option<i64>, at: i64) -> i64 {
        let (start, _) = limit.window(at);
        let counted = self.spent.iter().skip(limit.first).filter(|spent| spent.at >= start);
        counted.filter(|spent| if key.is_some() { spent.key == key } else { spent.who == who }).map(|s| s.amount).sum()
    }

    /// Returns the catalog the workspace is on, once it is open.
    pub fn catalog(&self) -> Option<Arc<Catalog>> {
        self.money.opened.then(|| self.money.catalog())
    }

    pub fn plan(&self) -> Plan {
        find_plan(&self.money.catalog(), &self.money.plan).expect("the plan is in its catalog").clone()
    }

    fn person(&self, user: i64) -> Option<&Person> {
        self.people.iter().find(|person| person.user == user)
    }

    /// Returns true if a member has a seat: admins first, then the others in the order of joining.
    pub fn sits(&self, user: i64) -> bool {
        let mut row: Vec<i64> = self.people.iter().filter(|person| person.admin).map(|person| person.user).collect();
        row.extend(self.people.iter().filter(|person| !person.admin).map(|person| person.user));
        let seats = self.plan().members.map_or(usize::MAX, |seats| seats as usize);
        row.iter().position(|seated| *seated == user).is_some_and(|place| place < seats)
    }

    pub fn may(&self, by: By, need: Need<'_>) -> Answer {
        match by {
            By::Operator => Ok(()),
            By::User(user) => {
                let person = self.person(user.get()).ok_or("NOT_FOUND")?;
                if need != Need::Leave && !self.sits(person.user) {
                    return Err("CAPABILITY_SUSPENDED");
                }
                match need {
                    Need::Operator => Err("CAPABILITY_REQUIRED"),
                    Need::Admin | Need::WriteWorkflows | Need::ReceiveWebhooks if !person.admin => {
                        Err("CAPABILITY_REQUIRED")
                    }
                    _ => Ok(()),
                }
            }
            By::Key(secret) => self.may_key(self.opened(secret).ok_or("UNAUTHENTICATED")?, need),
        }
    }

    fn team(&mut self, by: By, command: &TeamCommand) -> Answer {
        let now = self.money.now;
        match command {
            TeamCommand::Invite { email, role } => self.invite(by, email, *role),
            TeamCommand::Withdraw { invitation } => {
                self.may(by, Need::Admin)?;
                let letter = self.letters.iter_mut().find(|letter| letter.n == *invitation);
                let letter = letter.filter(|letter| !letter.used && now < letter.ends).ok_or("NOT_FOUND")?;
                letter.used = true;
                self.happened = true;
                Ok(())
            }
            TeamCommand::Join { invitation, user, email } => self.join(by, *invitation, *user, email),
            TeamCommand::Add { user, email, role } => {
                self.may(by, Need::Operator)?;
                good_email(email)?;
                if self.person(user.get()).is_some() {
                    return Ok(());
                }
                if self.people.is_empty() && *role == Role::Member {
                    return Err("INVALID_REQUEST");
                }
                if !self.people.is_empty() {
                    self.room(email)?;
                }
                self.letters
                    .iter_mut()
                    .filter(|letter| same(&letter.email, email))
                    .for_each(|letter| letter.used = true);
                self.welcome(user.get(), email, *role == Role::Admin);
                Ok(())
            }
            TeamCommand::ChangeMember { user, role, cap } => self.change_member(by, user.get(), *role, *cap),
            TeamCommand::Remove { user } => {
                if by != By::User(*user) {
                    self.may(by, Need::Admin)?;
                }
                let person = self.person(user.get()).ok_or("NOT_FOUND")?;
                self.not_alone(person)?;
                self.people.retain(|person| person.user != user.get());
                self.keys.retain(|row| row.owner != Some(user.get()));
                self.happened = true;
                Ok(())
            }
            _ => self.about_keys(by, command),
        }
    }

    fn join(&mut self, by: By, invitation: u32, user: scrip_engine::UserId, email: &str) -> Answer {
        if by != By::User(user) {
            return Err("NOT_FOUND");
        }
        let now = self.money.now;
        let index = self.letters.iter().position(|letter| letter.n == invitation).ok_or("NOT_FOUND")?;
        let letter = self.letters[index].clone();
        if letter.used || letter.ends <= now {
            return Err("NOT_FOUND");
        }
        if !same(&letter.email, email) {
            return Err("CAPABILITY_REQUIRED");
        }
        if self.person(user.get()).is_some() {
            return Err("INVALID_REQUEST");
        }
        let most = self.plan().members.map_or(1_000, |most| (most as usize).min(1_000));
        if self.people.len() >= most {
            return Err("LIMIT_EXCEEDED");
        }
        self.letters[index].used = true;
        self.welcome(user.get(), email, letter.admin);
        Ok(())
    }

    fn welcome(&mut self, user: i64, email: &str, admin: bool) {
        self.people.push(Person { user, email: email.to_owned(), admin, limit: None });
        self.happened = true;
    }

    fn not_alone(&self, person: &Person) -> Answer {
        let admins = self.people.iter().filter(|other| other.admin).count();
        if person.admin && admins < 2 { Err("INVALID_REQUEST") } else { Ok(()) }
    }

    /// Checks that there is room for one more beside the members and the others who were invited.
    fn room(&self, email: &str) -> Answer {
        if self.personal {
            return Err("INVALID_REQUEST");
        }
        if self.people.len() >= 1_000 {
            return Err("LIMIT_EXCEEDED");
        }
        let Some(most) = self.plan().members else { return Ok(()) };
        if most == 1 {
            return Err("FEATURE_NOT_IN_PLAN");
        }
        let asked = self.letters.iter().filter(|letter| !letter.used && self.money.now < letter.ends);
        let asked = asked.filter(|letter| !same(&letter.email, email)).count();
        if self.people.len() + asked >= most as usize { Err("LIMIT_EXCEEDED") } else { Ok(()) }
    }

    fn invite(&mut self, by: By, email: &str, role: Role) -> Answer {
        self.may(by, Need::Admin)?;
        good_email(email)?;
        self.money.not_frozen()?;
        if self.people.is_empty() && role == Role::Member {
            return Err("INVALID_REQUEST");
        }
        if self.people.iter().any(|person| same(&person.email, email)) {
            return Err("INVALID_REQUEST");
        }
        self.room(email)?;
        let now = self.money.now;
        let open = |letter: &&mut Letter| !letter.used && now < letter.ends;
        let open: Vec<&mut Letter> = self.letters.iter_mut().filter(open).collect();
        let count = open.len();
        let mut again = false;
        for letter in open.into_iter().filter(|letter| same(&letter.email, email)) {
            letter.used = true;
            again = true;
        }
        if count >= 100 && !again {
            return Err("LIMIT_EXCEEDED");
        }
        let n = u32::try_from(self.letters.len()).expect("few letters") + 1;
        let ends = (now + 7 * civil::DAY).min(NEVER);
        self.letters.push(Letter { n, email: email.to_owned(), admin: role == Role::Admin, ends, used: false });
        self.happened = true;
        Ok(())
    }

    fn recap(&self, limit: Option<Limit>, terms: Option<CapTerms>) -> Option<Limit> {
        let terms = terms?;
        match limit {
            Some(limit) if limit.terms.every == terms.every => Some(Limit { terms, ..limit }),
            _ => Some(Limit { terms, since: self.money.now, first: self.spent.len() }),
        }
    }

    fn change_member(&mut self, by: By, user: i64, role: Option<Role>, cap: Option<Option<CapTerms>>) -> Answer {
        self.may(by, Need::Admin)?;
        let person = self.person(user).ok_or("NOT_FOUND")?.clone();
        good_cap(cap.flatten())?;
        let admin = role.map_or(person.admin, |role| role == Role::Admin);
        if admin != person.admin {
            self.not_alone(&person)?;
        }
        let limit = cap.map_or(person.limit, |cap| self.recap(person.limit, cap));
        self.happened |= admin != person.admin || limit.map(|limit| limit.terms) != person.limit.map(|l| l.terms);
        let place = self.people.iter_mut().find(|person| person.user == user).expect("it was found");
        (place.admin, place.limit) = (admin, limit);
        Ok(())
    }
}
