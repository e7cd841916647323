//! Rights over random sequences of team commands, plans, runs and time: the engine against a naive team, and against
//! laws that always hold.
//!
//! A failure prints the seed of its case and the shortest script found; `PROPERTY_SEED=<seed>` runs that case alone,
//! `PROPERTY_TIMES=<n>` runs so many times as many cases.

use scrip_engine::team::{Cap, Key, KeyHash, Member, Role, TeamCommand};
use scrip_engine::{
    By, Catalog, Catalogs, Command, DatedEvent, Event, Kind, Need, Plan, Purpose, Refusal, RunEvent, Timestamp, Unit,
    Workspace, WorkspaceId, apply, effective, fold, judge, parse_catalog,
};
use scrip_testing::model::Model;
use scrip_testing::model::agreement::same;
use scrip_testing::model::keys::allows;
use scrip_testing::model::team::{KeyRow, Limit, Person};
use scrip_testing::walk::START;
use scrip_testing::walk::callers::{CallerCommand, Callers, PEOPLE, user};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

const SEQUENCES: u64 = 3_000;
const COMMANDS: usize = 60;

const NEEDS: [Need<'static>; 16] = [
    Need::View,
    Need::ReadRuns,
    Need::RunAny,
    Need::RunModel("image"),
    Need::RunModel("image-standard"),
    Need::RunModel("imag"),
    Need::RunWorkflow("nightly"),
    Need::RunWorkflow("daily"),
    Need::ReadWorkflows,
    Need::WriteWorkflows,
    Need::ReceiveWebhooks,
    Need::InvokeAgents,
    Need::Person,
    Need::Member,
    Need::Admin,
    Need::Operator,
];

fn worlds() -> Vec<Arc<Catalogs>> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let files = ["catalogs/canvas-tiers.toml", "catalogs/two-buckets.toml", "crates/engine/tests/catalogs/rights.toml"];
    let world = |file: &str| {
        let text = std::fs::read_to_string(format!("{root}/{file}")).expect("the catalog is committed");
        let mut catalogs = Catalogs::default();
        catalogs.publish(Timestamp::from_micros(0), Arc::new(parse_catalog(&text).expect("the catalog is right")));
        Arc::new(catalogs)
    };
    // The test catalog has the largest differences between its plans, so it is used most often.
    [files[0], files[1], files[2], files[2]].map(world).into_iter().collect()
}

/// The engine and the naive team, side by side.
struct Pair {
    catalogs: Arc<Catalogs>,
    engine: Workspace,
    model: Model,
    replayed: Workspace,
    seen: BTreeMap<&'static str, usize>,
    judged: usize,
}

impl Pair {
    fn new(catalogs: &Arc<Catalogs>) -> Pair {
        let engine = Workspace::new(WorkspaceId::new(7));
        let model = Model::new(catalogs.clone());
        Pair { catalogs: catalogs.clone(), replayed: engine.clone(), engine, model, seen: BTreeMap::new(), judged: 0 }
    }

    /// Runs one command in both; returns the first difference.
    fn step(&mut self, (by, at, command): &CallerCommand, secrets: &[KeyHash]) -> Result<(), String> {
        let instant = Timestamp::from_micros(*at);
        let expected = self.model.apply(*by, *at, command);
        let before = self.engine.clone();
        match apply(&self.engine, &self.catalogs, *by, command, instant) {
            Ok(applied) => {
                expected.map_err(|code| format!("the engine accepts what the model refuses with {code}"))?;
                *self.seen.entry(command.name()).or_default() += 1;
                same("whether anything happened", !applied.events.is_empty(), self.model.happened)?;
                self.promotes_nobody(&before, &applied.workspace, *by, instant, command)?;
                self.engine = applied.workspace;
                self.replay(&applied.events)?;
                self.stays_below_caps(&applied.events)?;
            }
            Err(refusal) => {
                same("answer", refusal.code(), expected.err().unwrap_or("accepted"))?;
                *self.seen.entry(refusal.code()).or_default() += 1;
                self.names_the_cap(&refusal)?;
                same("the workspace after a refusal", &self.engine, &before)?;
            }
        }
        if !self.engine.is_open() {
            return Ok(());
        }
        let now = self.engine.at.max(instant);
        self.teams_agree(now)?;
        self.rights_agree(now, secrets)?;
        laws(&self.engine, self.catalog())
    }

    fn catalog(&self) -> &Catalog {
        &self.catalogs.get(self.engine.catalog).expect("published").catalog
    }

    /// Checks that the fold of the journal is the state.
    fn replay(&mut self, events: &[DatedEvent]) -> Result<(), String> {
        if !events.is_empty() {
            fold(&mut self.replayed, self.engine.at, events);
        }
        same("the fold of the journal", &self.replayed, &self.engine)
    }

    /// Compares members, invitations and keys, and the spending under every cap.
    fn teams_agree(&mut self, now: Timestamp) -> Result<(), String> {
        let at = now.micros();
        self.model.now = at;
        let (team, model) = (&self.engine.team, &self.model);
        let spent = |cap: Option<Cap>| {
            let resets = |cap: &Cap| cap.resets_at(now).map(Timestamp::micros);
            cap.map(|cap| (cap.terms.credits.get(), cap.terms.every, cap.credits_spent(now).get(), resets(&cap)))
        };
        let summed = |limit: Option<Limit>, key, who| {
            limit.map(|limit| {
                let spent = model.spent_amount(&limit, key, who, at);
                (limit.terms.credits.get(), limit.terms.every, spent, limit.window(at).1)
            })
        };
        let member = |member: &Member| (member.user.get(), member.role == Role::Admin, spent(member.cap));
        let person = |person: &Person| (person.user, person.admin, summed(person.limit, None, Some(person.user)));
        let ours: Vec<_> = team.members.iter().map(member).collect();
        same("members", ours, model.team.people.iter().map(person).collect())?;
        let open = team.invitations.iter().filter(|open| now < open.expires_at);
        let ours: Vec<_> =
            open.map(|open| (open.n, open.user.map(|user| user.get()), open.role == Role::Admin)).collect();
        let open = model.team.letters.iter().filter(|letter| !letter.used && at < letter.ends);
        same("invitations", ours, open.map(|open| (open.n, Some(open.user), open.admin)).collect())?;
        let key = |key: &Key| (key.n, key.owner.map(|owner| owner.get()), team.is_orphan(key), spent(key.cap));
        let row = |row: &KeyRow| (row.n, row.owner, model.is_orphan(row), summed(row.limit, Some(row.n), None));
        let ours: Vec<_> = team.keys.iter().map(key).collect();
        same("keys", ours, model.team.keys.iter().map(row).collect())?;
        for (key, row) in team.keys.iter().zip(&model.team.keys) {
            self.key_agrees(key, row)?;
        }
        Ok(())
    }

    fn key_agrees(&self, key: &Key, row: &KeyRow) -> Result<(), String> {
        let plan = self.catalog().plan(&self.engine.subscription.plan).expect("it is on a plan");
        let rights = effective(&self.engine, plan, key);
        let words = |list: &[&scrip_engine::Capability]| list.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
        let (live, asleep): (BTreeSet<String>, BTreeSet<String>) =
            row.words.iter().cloned().partition(|word| self.model.is_word_in_force(row, word));
        same("effective", words(&rights.effective), live)?;
        same("dormant", words(&rights.dormant), asleep)?;
        same("frozen", key.frozen.as_ref().map(|(_, by)| *by as u8), row.off)
    }

    /// Compares every caller with every need: people, strangers, and every secret that was ever made.
    fn rights_agree(&mut self, now: Timestamp, secrets: &[KeyHash]) -> Result<(), String> {
        let people = (1..=PEOPLE).map(|n| By::User(user(n)));
        let callers: Vec<By> = people.chain(secrets.iter().map(|secret| By::Key(*secret))).collect();
        let plan = plan_of(&self.engine, self.catalog()).clone();
        for by in callers.into_iter().chain([By::Operator]) {
            for need in NEEDS {
                let ours = judge(&self.engine, &plan, by, need, now).map_err(|refusal| refusal.code());
                let theirs = self.model.may(by, need);
                if ours != theirs {
                    return Err(format!("{by:?} {need:?}: expected {theirs:?}, got {ours:?}"));
                }
                self.judged += 1;
            }
        }
        Ok(())
    }

    /// Checks that the cap that a refusal names is the tightest, with the amount spent under it.
    fn names_the_cap(&self, refusal: &Refusal) -> Result<(), String> {
        let Refusal::SpendCapReached { of, credits, spent, resets_at } = refusal else { return Ok(()) };
        let (key, who, most, gone, again) = self.model.team.cap_hit.expect("the model was in the way of it too");
        let key = key.map(|n| self.engine.id.id_of(Kind::Key, n));
        let who = who.map(|who| user(who.cast_unsigned()).to_string());
        same("the cap's owner", Some(of.clone()), key.or(who))?;
        same("the cap", (credits.get(), spent.get(), resets_at.map(Timestamp::micros)), (most, gone, again))
    }

    /// Checks that no run takes a cap beyond its credits (R30).
    fn stays_below_caps(&self, events: &[DatedEvent]) -> Result<(), String> {
        let spender = events.iter().find_map(|DatedEvent(_, event)| match event {
            Event::Run(RunEvent::RunQueued { by: Some(by), unit: Unit::Credits, quoted, .. }) if !quoted.is_zero() => {
                Some(*by)
            }
            _ => None,
        });
        let Some(by) = spender else { return Ok(()) };
        let team = &self.engine.team;
        let of_key = by.key.and_then(|n| team.key(n)?.cap);
        let of_member = by.member.and_then(|user| team.member(user)?.cap);
        for cap in [of_key, of_member].into_iter().flatten() {
            if cap.credits_spent(self.engine.at) > cap.terms.credits {
                return Err(format!("{cap:?} is exceeded"));
            }
        }
        Ok(())
    }

    /// Checks that a caller who is no admin gains no right by an own team command: neither the caller nor a key of
    /// theirs gains one, except by an invitation to their address.
    fn promotes_nobody(
        &self,
        before: &Workspace,
        after: &Workspace,
        by: By,
        at: Timestamp,
        command: &Command,
    ) -> Result<(), String> {
        let Command::Team(team) = command else { return Ok(()) };
        let now = at.max(before.at);
        let settled = apply(before, &self.catalogs, By::Operator, &Command::Tick, at).expect("time passes").workspace;
        let is_admin = |user| settled.team.member(user).is_some_and(|member| member.role == Role::Admin);
        let (By::User(user), false) = (by, matches!(team, TeamCommand::Join { .. })) else {
            let joins = matches!(team, TeamCommand::Join { .. });
            return if joins || by == By::Operator { Ok(()) } else { Err("a key changed the team".to_owned()) };
        };
        if is_admin(user) {
            return Ok(());
        }
        let rights = |workspace: &Workspace| {
            let own = workspace.team.keys.iter().filter(|key| key.owner == Some(user)).map(|key| By::Key(key.hash));
            let who: Vec<By> = own.chain([By::User(user)]).collect();
            let catalog = &self.catalogs.get(workspace.catalog).expect("published").catalog;
            let plan = plan_of(workspace, catalog);
            let may = |need: &Need<'_>| who.iter().any(|by| judge(workspace, plan, *by, *need, now).is_ok());
            NEEDS.iter().map(may).collect::<Vec<bool>>()
        };
        let gained: Vec<usize> =
            (0..NEEDS.len()).filter(|index| rights(after)[*index] && !rights(&settled)[*index]).collect();
        if let Some(first) = gained.first() {
            return Err(format!("{by:?} has given themselves {:?}", NEEDS[*first]));
        }
        let others = |workspace: &Workspace| -> Vec<(scrip_engine::UserId, Role)> {
            let others = workspace.team.members.iter().filter(|member| member.user != user);
            others.map(|member| (member.user, member.role)).collect()
        };
        same("the other members", others(after), others(&settled))
    }
}

fn plan_of<'c>(workspace: &Workspace, catalog: &'c Catalog) -> &'c Plan {
    catalog.plan(&workspace.subscription.plan).expect("it is on a plan of its version")
}

/// Checks laws that hold of every workspace, without the naive team.
fn laws(workspace: &Workspace, catalog: &Catalog) -> Result<(), String> {
    let (team, now) = (&workspace.team, workspace.at);
    if !team.members.is_empty() && team.admins() == 0 {
        return Err("members without an admin".to_owned());
    }
    let plan = plan_of(workspace, catalog);
    let mut hashes = BTreeSet::new();
    for key in &team.keys {
        let owner = key.owner.map(|owner| team.member(owner).ok_or(format!("key {} is of no member", key.n)));
        let owner = owner.transpose()?;
        for word in effective(workspace, plan, key).effective {
            let text = word.to_string();
            let given = key.terms.capabilities.contains(word);
            let role = owner.is_none_or(|owner| owner.role == Role::Admin || !text.ends_with("write"));
            if !given || !allows(&plan.ceiling, &text) || !role {
                return Err(format!("key {} has {text}, which it has not", key.n));
            }
        }
        let old = key.retired.filter(|retired| now < retired.until).map(|retired| retired.hash);
        if ![Some(key.hash), old].into_iter().flatten().all(|hash| hashes.insert(hash.0)) {
            return Err(format!("key {} has a secret of another", key.n));
        }
    }
    // A person who is no member has no right.
    for by in (1..=PEOPLE).map(user).filter(|user| team.member(*user).is_none()).map(By::User) {
        if NEEDS.iter().any(|need| judge(workspace, plan, by, *need, now).is_ok()) {
            return Err(format!("{by:?} is no member and has rights"));
        }
    }
    let open = workspace.holds.iter().filter(|hold| matches!(hold.purpose, Purpose::Run { .. }));
    same("open runs", open.count(), workspace.open_runs())
}

/// Replays a script; returns the number of the command that fails, and the difference.
fn replay(catalogs: &Arc<Catalogs>, script: &[CallerCommand], secrets: &[KeyHash]) -> Option<(usize, String)> {
    let mut pair = Pair::new(catalogs);
    script.iter().enumerate().find_map(|(index, said)| {
        match catch_unwind(AssertUnwindSafe(|| pair.step(said, secrets))) {
            Ok(stepped) => stepped.err().map(|wrong| (index, wrong)),
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
                Some((index, format!("panic: {}", text.unwrap_or_default())))
            }
        }
    })
}

/// Shrinks a script: leaves commands out as long as it still fails.
fn shrink(catalogs: &Arc<Catalogs>, script: &[CallerCommand], secrets: &[KeyHash]) -> Vec<CallerCommand> {
    let mut script = script.to_vec();
    let mut index = 0;
    while index < script.len() {
        let mut shorter = script.clone();
        shorter.remove(index);
        match replay(catalogs, &shorter, secrets) {
            Some((failed, _)) => {
                shorter.truncate(failed + 1);
                script = shorter;
            }
            None => index += 1,
        }
    }
    script
}

fn sequence(seed: u64, worlds: &[Arc<Catalogs>]) -> (BTreeMap<&'static str, usize>, usize) {
    let catalogs = &worlds[usize::try_from(seed).expect("small") % worlds.len()];
    let mut pair = Pair::new(catalogs);
    let mut callers = Callers::new(seed);
    let mut script = Vec::new();
    for _ in 0..COMMANDS {
        let said = callers.next(&pair.model);
        script.push(said.clone());
        let secrets: Vec<KeyHash> = callers.secrets().collect();
        let stepped = catch_unwind(AssertUnwindSafe(|| pair.step(&said, &secrets)));
        if !matches!(stepped, Ok(Ok(()))) {
            let short = shrink(catalogs, &script, &secrets);
            let (_, wrong) = replay(catalogs, &short, &secrets).expect("what failed still fails");
            let line =
                |(by, at, command): &CallerCommand| format!("  {} {by:?} {command:?}", Timestamp::from_micros(*at));
            let lines: Vec<String> = short.iter().map(line).collect();
            panic!("PROPERTY_SEED={seed}, command {}: {wrong}\n{}", script.len(), lines.join("\n"));
        }
    }
    (pair.seen, pair.judged)
}

#[test]
fn rights_are_what_the_naive_team_says() {
    let told = |name: &str| std::env::var(name).ok().and_then(|number| number.parse::<u64>().ok());
    let worlds = worlds();
    let seeds: Vec<u64> = match told("PROPERTY_SEED") {
        Some(seed) => vec![seed],
        None => (0..SEQUENCES * told("PROPERTY_TIMES").unwrap_or(1)).collect(),
    };
    let half = seeds.len().div_ceil(2);
    let mut total: BTreeMap<&str, usize> = BTreeMap::new();
    let mut judged = 0;
    std::thread::scope(|scope| {
        let run = |seeds: &[u64]| seeds.iter().map(|seed| sequence(*seed, &worlds)).collect::<Vec<_>>();
        let threads: Vec<_> = seeds.chunks(half).map(|seeds| scope.spawn(move || run(seeds))).collect();
        for thread in threads {
            for (seen, pairs) in thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)) {
                seen.into_iter().for_each(|(name, count)| *total.entry(name).or_default() += count);
                judged += pairs;
            }
        }
    });
    println!("{judged} judgements {total:#?}");
    if seeds.len() < 1_000 {
        return;
    }
    assert!(START > 0 && judged > 1_000_000, "{judged} pairs of caller and need are few");
    for name in MET {
        assert!(total.get(name).copied().unwrap_or(0) >= 20, "{name} was met {:?} times", total.get(name));
    }
}

/// Outcomes that the generator must reach: every team command's success, and every refusal that a team can meet.
const MET: [&str; 29] = [
    "open_workspace",
    "rename",
    "subscribe",
    "create_run",
    "settle_run",
    "cancel_run",
    "freeze",
    "reverse_payment",
    "invite",
    "withdraw_invitation",
    "join",
    "add_member",
    "change_member",
    "remove_member",
    "make_key",
    "change_key",
    "rotate_key",
    "freeze_key",
    "revoke_key",
    "UNAUTHENTICATED",
    "CAPABILITY_REQUIRED",
    "CAPABILITY_SUSPENDED",
    "NOT_FOUND",
    "INVALID_REQUEST",
    "WORKSPACE_FROZEN",
    "FEATURE_NOT_IN_PLAN",
    "LIMIT_EXCEEDED",
    "SPEND_CAP_REACHED",
    "INSUFFICIENT_CREDITS",
];
