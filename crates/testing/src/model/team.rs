//! The team, written down once more: a list of people, a book of letters, and every run that was ever paid for, summed
//! afresh whenever a cap is asked for.

use super::plans::find_plan;
use super::{Answer, Model, NEVER, calendar, quote};
use scrip_engine::team::{CapTerms, KeyHash, Role, TeamCommand};
use scrip_engine::{By, Interval, Need, Params, Plan, Unit};

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
            Interval::Week => self.since + n * 7 * calendar::DAY,
            Interval::Month => calendar::months_later(self.since, n),
            Interval::Year => calendar::months_later(self.since, 12 * n),
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
    pub admin: bool,
    pub limit: Option<Limit>,
}

/// An invitation, whatever became of it.
#[derive(Clone, Debug)]
pub struct Letter {
    pub n: u32,
    pub user: i64,
    pub admin: bool,
    pub ends: i64,
    pub used: bool,
}

#[derive(Clone, Debug)]
pub struct KeyRow {
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
pub struct Spending {
    pub run: u32,
    pub key: Option<u32>,
    pub who: Option<i64>,
    pub at: i64,
    pub amount: i64,
    pub open: bool,
}

/// Cap that a refusal names: its key or member, its credits, the amount spent, and the instant at which it begins
/// anew.
pub type CapHit = (Option<u32>, Option<i64>, i64, i64, Option<i64>);

/// Members, invitations and keys of the naive workspace.
#[derive(Clone, Debug, Default)]
pub struct Team {
    pub personal: bool,
    pub people: Vec<Person>,
    pub letters: Vec<Letter>,
    pub keys: Vec<KeyRow>,
    pub keyed: u32,
    pub spending: Vec<Spending>,
    /// Cap that stood in the way of the last run that was refused for one.
    pub cap_hit: Option<CapHit>,
}

pub(super) fn good_cap(cap: Option<CapTerms>) -> Answer {
    if cap.is_some_and(|cap| cap.credits.get() > 1_000_000_000) { Err("INVALID_REQUEST") } else { Ok(()) }
}

impl Model {
    /// Notes the spending of runs that are no longer open.
    pub(super) fn close_spending(&mut self, captured: i64) {
        let open: Vec<u32> = self.open.iter().map(|open| open.n).collect();
        for spent in self.team.spending.iter_mut().filter(|spent| spent.open && !open.contains(&spent.run)) {
            (spent.open, spent.amount) = (false, captured);
        }
    }

    /// Counts a run against the caps of its caller, or refuses it for one. The run was answered already: a refusal for
    /// credits that a cap does not leave either is a refusal for the cap.
    pub(super) fn spend(&mut self, by: By, id: &str, params: &Params, answer: Answer) -> Answer {
        let (key, who) = match by {
            By::Operator => return answer,
            By::User(user) => (None, Some(user.get())),
            By::Key(secret) => {
                let row = self.key_of(secret).expect("it was let in");
                (Some(row.n), row.owner)
            }
        };
        let asked = match &answer {
            Ok(()) => {
                let open = self.open.last().expect("the run was accepted");
                if open.unit == Unit::Credits && open.trial.is_none() { Some(open.amount) } else { None }
            }
            Err("INSUFFICIENT_CREDITS" | "ALLOWANCE_EXHAUSTED") => {
                let catalog = self.catalog();
                let model = catalog.models.iter().find(|model| *model.id == *id).expect("it was looked at");
                let filled = quote::fill_in(model, params).expect("its parameters were good");
                if model.unit == Unit::Credits { quote::price(model, &filled) } else { None }
            }
            Err(_) => None,
        };
        let Some(asked) = asked else { return answer };
        self.team.cap_hit = self.in_the_way(key, who, asked);
        if self.team.cap_hit.is_some() {
            return Err("SPEND_CAP_REACHED");
        }
        answer?;
        let run = self.next_hold - 1;
        self.team.spending.push(Spending { run, key, who, at: self.now, amount: asked, open: true });
        Ok(())
    }

    /// Returns the cap with least left, of those that leave too little; the key's before the member's.
    fn in_the_way(&self, key: Option<u32>, who: Option<i64>, asked: i64) -> Option<CapHit> {
        let now = self.now;
        let of_key = self.team.keys.iter().find(|row| Some(row.n) == key).and_then(|row| row.limit);
        let of_who = self.team.people.iter().find(|person| Some(person.user) == who).and_then(|person| person.limit);
        let mut found: Option<(i64, CapHit)> = None;
        for (limit, key, who) in [(of_key, key, None), (of_who, None, who)] {
            let Some(limit) = limit else { continue };
            let (credits, spent) = (limit.terms.credits.get(), self.spent_amount(&limit, key, who, now));
            let left = (credits - spent).max(0);
            if left < asked && found.as_ref().is_none_or(|(least, _)| left < *least) {
                found = Some((left, (key, who, credits, spent, limit.window(now).1)));
            }
        }
        found.map(|(_, named)| named)
    }

    /// Returns the amount held and captured for a key or a member in the window, of runs after the cap was set.
    pub fn spent_amount(&self, limit: &Limit, key: Option<u32>, who: Option<i64>, at: i64) -> i64 {
        let (start, _) = limit.window(at);
        let counted = self.team.spending.iter().skip(limit.first).filter(|spent| spent.at >= start);
        counted.filter(|spent| if key.is_some() { spent.key == key } else { spent.who == who }).map(|s| s.amount).sum()
    }

    pub fn own_plan(&self) -> Plan {
        find_plan(&self.catalog(), &self.plan).expect("the plan is in its catalog").clone()
    }

    pub(super) fn person(&self, user: i64) -> Option<&Person> {
        self.team.people.iter().find(|person| person.user == user)
    }

    /// Returns true if a member has a seat: admins first, then the others in the order of joining.
    pub fn sits(&self, user: i64) -> bool {
        let mut row: Vec<i64> =
            self.team.people.iter().filter(|person| person.admin).map(|person| person.user).collect();
        row.extend(self.team.people.iter().filter(|person| !person.admin).map(|person| person.user));
        let seats = self.own_plan().members.map_or(usize::MAX, |seats| seats as usize);
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
            By::Key(secret) => self.may_key(self.key_of(secret).ok_or("UNAUTHENTICATED")?, need),
        }
    }

    pub(super) fn decide_team(&mut self, by: By, command: &TeamCommand) -> Answer {
        let now = self.now;
        match command {
            TeamCommand::Join { .. } => {}
            TeamCommand::Remove { .. } => self.may(by, Need::Leave)?,
            _ => self.may(by, Need::Member)?,
        }
        match command {
            TeamCommand::Invite { user, role } => self.invite(by, user.get(), *role),
            TeamCommand::Withdraw { invitation } => {
                self.may(by, Need::Admin)?;
                let letter = self.team.letters.iter_mut().find(|letter| letter.n == *invitation);
                let letter = letter.filter(|letter| !letter.used && now < letter.ends).ok_or("NOT_FOUND")?;
                letter.used = true;
                self.happened = true;
                Ok(())
            }
            TeamCommand::Join { invitation, user } => self.accept_invitation(by, *invitation, *user),
            TeamCommand::Add { user, role } => {
                self.may(by, Need::Operator)?;
                if self.person(user.get()).is_some() {
                    return Ok(());
                }
                if self.team.people.is_empty() && *role == Role::Member {
                    return Err("INVALID_REQUEST");
                }
                if !self.team.people.is_empty() {
                    self.has_room(user.get())?;
                }
                self.team
                    .letters
                    .iter_mut()
                    .filter(|letter| letter.user == user.get())
                    .for_each(|letter| letter.used = true);
                self.welcome(user.get(), *role == Role::Admin);
                Ok(())
            }
            TeamCommand::ChangeMember { user, role, cap } => self.change_member(by, user.get(), *role, *cap),
            TeamCommand::Remove { user } => {
                if by != By::User(*user) {
                    self.may(by, Need::Admin)?;
                }
                let person = self.person(user.get()).ok_or("NOT_FOUND")?;
                self.not_alone(person)?;
                self.team.people.retain(|person| person.user != user.get());
                self.team.keys.retain(|row| row.owner != Some(user.get()));
                self.happened = true;
                Ok(())
            }
            TeamCommand::MakeKey { .. }
            | TeamCommand::ChangeKey { .. }
            | TeamCommand::RotateKey { .. }
            | TeamCommand::FreezeKey { .. }
            | TeamCommand::RevokeKey { .. } => self.decide_key(by, command),
        }
    }

    fn accept_invitation(&mut self, by: By, invitation: u32, user: scrip_engine::UserId) -> Answer {
        if by != By::User(user) {
            return Err("NOT_FOUND");
        }
        let now = self.now;
        let index = self.team.letters.iter().position(|letter| letter.n == invitation).ok_or("NOT_FOUND")?;
        let letter = self.team.letters[index].clone();
        if letter.used || letter.ends <= now {
            return Err("NOT_FOUND");
        }
        if letter.user != user.get() {
            return Err("CAPABILITY_REQUIRED");
        }
        if self.person(user.get()).is_some() {
            return Err("INVALID_REQUEST");
        }
        let most = self.own_plan().members.map_or(1_000, |most| (most as usize).min(1_000));
        if self.team.people.len() >= most {
            return Err("LIMIT_EXCEEDED");
        }
        self.team.letters[index].used = true;
        self.welcome(user.get(), letter.admin);
        Ok(())
    }

    /// Makes the owner of a new workspace its first admin.
    pub(super) fn join_first(&mut self, user: i64) {
        self.team.people.push(Person { user, admin: true, limit: None });
    }

    fn welcome(&mut self, user: i64, admin: bool) {
        self.team.people.push(Person { user, admin, limit: None });
        self.happened = true;
    }

    fn not_alone(&self, person: &Person) -> Answer {
        let admins = self.team.people.iter().filter(|other| other.admin).count();
        if person.admin && admins < 2 { Err("INVALID_REQUEST") } else { Ok(()) }
    }

    /// Checks that there is room for one more beside the members and the others who were invited.
    fn has_room(&self, user: i64) -> Answer {
        if self.team.personal {
            return Err("INVALID_REQUEST");
        }
        if self.team.people.len() >= 1_000 {
            return Err("LIMIT_EXCEEDED");
        }
        let Some(most) = self.own_plan().members else { return Ok(()) };
        if most == 1 {
            return Err("FEATURE_NOT_IN_PLAN");
        }
        let asked = self.team.letters.iter().filter(|letter| !letter.used && self.now < letter.ends);
        let asked = asked.filter(|letter| letter.user != user).count();
        if self.team.people.len() + asked >= most as usize { Err("LIMIT_EXCEEDED") } else { Ok(()) }
    }

    fn invite(&mut self, by: By, user: i64, role: Role) -> Answer {
        self.may(by, Need::Admin)?;
        self.not_frozen()?;
        if self.team.people.is_empty() && role == Role::Member {
            return Err("INVALID_REQUEST");
        }
        if self.person(user).is_some() {
            return Err("INVALID_REQUEST");
        }
        self.has_room(user)?;
        let now = self.now;
        let open = |letter: &&mut Letter| !letter.used && now < letter.ends;
        let open: Vec<&mut Letter> = self.team.letters.iter_mut().filter(open).collect();
        let count = open.len();
        let mut again = false;
        for letter in open.into_iter().filter(|letter| letter.user == user) {
            letter.used = true;
            again = true;
        }
        if count >= 100 && !again {
            return Err("LIMIT_EXCEEDED");
        }
        let n = u32::try_from(self.team.letters.len()).expect("few letters") + 1;
        let ends = (now + 7 * calendar::DAY).min(NEVER);
        self.team.letters.push(Letter { n, user, admin: role == Role::Admin, ends, used: false });
        self.happened = true;
        Ok(())
    }

    pub(super) fn recap(&self, limit: Option<Limit>, terms: Option<CapTerms>) -> Option<Limit> {
        let terms = terms?;
        match limit {
            Some(limit) if limit.terms.every == terms.every => Some(Limit { terms, ..limit }),
            _ => Some(Limit { terms, since: self.now, first: self.team.spending.len() }),
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
        let place = self.team.people.iter_mut().find(|person| person.user == user).expect("it was found");
        (place.admin, place.limit) = (admin, limit);
        Ok(())
    }
}
