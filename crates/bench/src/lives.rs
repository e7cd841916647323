//! Lives of workspaces: fills a store with entries of real commands, in a given number, as fast as it takes them.
//!
//! The workspaces are typical ones: opened on one of three plans, given credits, and then given holds that are
//! captured or given back, with a run that fails now and then. Some thousands live at once, one life after another, so
//! that the entries of one lie between those of others, as they do where people come and go.
//!
//! Invariant: every command goes through [`Store::submit_many`] with a key of its own, and makes exactly one entry.

use futures_util::{StreamExt, stream};
use scrip::benchmark::place::CATALOG;
use scrip::idempotency;
use scrip_engine::limits::OPERATION_MAX;
use scrip_engine::team::Tenancy;
use scrip_engine::{
    Amount, Ask, By, Choice, Command, Failure, FailureCode, Give, GrantCommand, HoldCommand, Interval, Mode, Name,
    Outcome, Params, Profile, RunCommand, Unit, WorkspaceCommand, WorkspaceId, parse_catalog,
};
use scrip_store::crypto::sha256;
use scrip_store::{Store, Submission, SubmitError};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

/// Number of workspaces whose next commands go to the store together.
const TOGETHER: u64 = 1_000;
/// Number of groups that are filled at the same time: while one is being flushed, the others gather.
const AT_ONCE: usize = 4;
/// Number of refusals in a row for want of room after which a group fails; each waits for the projections first.
const TRIES: u32 = 60;
/// Number of entries before the first hold: the opening, and credits.
const BEGINNING: u64 = 2;
/// Number of entries of a round, which is repeated: eleven holds that end, and a run that is queued, started and fails.
const ROUND: u64 = 25;
/// Number of holds and runs of a round, which share one counter.
const NUMBERS: u64 = 12;
/// Place in a round at which its run begins.
const RUN: u64 = 22;
/// Credits of the most expensive hold.
const DEAREST: i64 = 29;

/// Size of the store to fill.
#[derive(Clone, Copy, Debug)]
pub struct Population {
    /// Number of entries, all workspaces together.
    pub entries: u64,
    /// Number of workspaces; each has as many entries as the others, give or take one.
    pub workspaces: u64,
}

impl Population {
    /// Returns the number of entries of one workspace.
    fn length(&self, workspace: u64) -> u64 {
        self.entries / self.workspaces + u64::from(workspace < self.entries % self.workspaces)
    }
}

/// Returns the identifier of the n-th workspace, so that a caller can ask for it after the fill.
pub fn workspace(n: u64) -> WorkspaceId {
    let hash = sha256(&[b"filling", &n.to_le_bytes()]);
    WorkspaceId::new(u64::from_le_bytes(std::array::from_fn(|index| hash[index])))
}

/// Publishes the benchmark's catalog and fills a store. Calls `progress` with the number of entries, now and then.
///
/// # Errors
/// When fewer entries than workspaces are wanted, or the store refuses one.
pub async fn fill(store: &Store, population: Population, progress: impl Fn(u64)) -> Result<(), String> {
    if population.workspaces == 0 || population.entries < population.workspaces {
        return Err("each workspace has at least one entry".to_owned());
    }
    let catalog = parse_catalog(CATALOG).map_err(|_| "the catalog of the benchmark has errors".to_owned())?;
    store.publish(CATALOG.to_owned(), catalog, "benchmark".to_owned()).await.map_err(|error| error.to_string())?;
    let done = AtomicU64::new(0);
    let told = |more: u64| progress(done.fetch_add(more, Ordering::Relaxed) + more);
    let groups = (0..population.workspaces).step_by(TOGETHER as usize);
    let groups = groups.map(|first| first..population.workspaces.min(first + TOGETHER));
    let mut living = stream::iter(groups.map(|group| live(store, population, group, &told))).buffer_unordered(AT_ONCE);
    while let Some(lived) = living.next().await {
        lived?;
    }
    Ok(())
}

/// Lets the workspaces of a group live, one step of each at a time.
async fn live(store: &Store, population: Population, group: Range<u64>, told: &impl Fn(u64)) -> Result<(), String> {
    for step in 0..population.length(group.start) {
        let mut tries = 0;
        loop {
            let alive = group.clone().filter(|n| step < population.length(*n));
            let submissions: Vec<_> = alive.map(|n| submission(n, step, population.length(n))).collect();
            let entries = submissions.len() as u64;
            match refusal(&store.submit_many(submissions).await) {
                None => {
                    told(entries);
                    break;
                }
                // The journal is ahead of the projections, or the queue is full. With the same keys nothing is done
                // twice.
                Some(SubmitError::Unavailable(_)) if tries < TRIES => {
                    tries += 1;
                    let _ = store.await_projections().await;
                }
                Some(error) => return Err(format!("step {step} of workspace {} and others: {error:?}", group.start)),
            }
        }
    }
    Ok(())
}

fn refusal<T>(results: &[Result<T, SubmitError>]) -> Option<SubmitError> {
    results.iter().find_map(|result| result.as_ref().err()).cloned()
}

fn submission(n: u64, step: u64, length: u64) -> Submission {
    let (workspace, key) = (workspace(n), format!("filling-{step}"));
    let idempotency = Some(idempotency(workspace, &key, &[b"POST /v1/filling\n", key.as_bytes()]));
    let (actor, command) = ("operator …fill".to_owned(), command(n, step, length));
    Submission {
        workspace,
        command,
        by: By::Operator,
        request: None,
        actor,
        idempotency,
        claims: Vec::new(),
        mails: Vec::new(),
        rows: Vec::new(),
        allowance: Default::default(),
        wants_workspace: false,
    }
}

/// Returns the command of a workspace for one step of its life.
fn command(n: u64, step: u64, length: u64) -> Command {
    let Some(at) = step.checked_sub(BEGINNING) else {
        return if step == 0 { opening(n) } else { gift(n, length) };
    };
    let (round, place, left) = (at / ROUND, at % ROUND, length - BEGINNING);
    let number = |of_round: u64| (round * NUMBERS + of_round + 1) as u32;
    let is_whole = (round + 1) * ROUND <= left;
    let amount = |credits| Amount::new(credits).expect("a few credits are an amount");
    match place {
        RUN if is_whole => Command::Run(RunCommand::Create {
            model: Name::from("image-standard"),
            params: Params::new(),
            quote: None,
            sandbox: None,
            metadata: [("order".to_owned(), format!("{n}-{round}"))].into(),
            off: None,
            served: true,
        }),
        place if is_whole && place == RUN + 1 => {
            Command::Run(RunCommand::Start { run: number(NUMBERS - 1), attempt: 1 })
        }
        place if is_whole && place == RUN + 2 => {
            let detail = "the provider broke".to_owned();
            let outcome = Outcome::Failed(Failure { code: FailureCode::ProviderError, detail });
            Command::Run(RunCommand::Settle { run: number(NUMBERS - 1), attempt: Some(1), outcome })
        }
        // No hold is left open, which would run out an hour later.
        place if place % 2 == 0 && at + 1 == left => {
            Command::Workspace(WorkspaceCommand::Rename { name: format!("Studio {n}, renamed") })
        }
        place if place % 2 == 0 => {
            let ask = Ask::Credits(amount(DEAREST - (n % 10) as i64));
            Command::Hold(HoldCommand::Open {
                ask,
                reference: format!("job-{n}-{at}"),
                seconds: None,
                off: None,
                behalf: None,
            })
        }
        place if place == RUN - 1 => Command::Hold(HoldCommand::Release { hold: number(place / 2) }),
        place => {
            let share = (place % 4 == 1).then(|| amount(10));
            Command::Hold(HoldCommand::Capture { hold: number(place / 2), amount: share })
        }
    }
}

fn opening(n: u64) -> Command {
    let plan = match n % 10 {
        0..7 => None,
        7 | 8 => Some("creator"),
        _ => Some("pro"),
    };
    let choice = |plan: &str| {
        let interval = Some(Interval::Month);
        Choice { plan: Name::from(plan), interval, allowance: None, approve: Vec::new() }
    };
    let profile = Profile { name: format!("Studio {n}"), owner: None, external_id: Some(format!("customer-{n}")) };
    let (mode, test_clock, choice) = (Mode::Live, None, plan.map(choice));
    Command::Workspace(WorkspaceCommand::Open {
        mode,
        test_clock,
        profile,
        lifetime_allowed: true,
        choice,
        tenancy: Tenancy::Team,
        owner: None,
    })
}

/// Returns the command that gives more credits than a life of `length` entries spends.
fn gift(n: u64, length: u64) -> Command {
    let credits = DEAREST.saturating_mul(length as i64).min(OPERATION_MAX);
    let amount = Amount::new(credits).expect("what one operation may move is an amount");
    let give = Give::Goodwill { unit: Unit::Credits, amount, expires_at: None, models: Vec::new() };
    Command::Grant(GrantCommand::Give {
        give,
        source: Some(Name::from(format!("payment:{n}").as_str())),
        reason: "bought".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use scrip::verify;
    use scrip_store::Options;
    use std::cell::Cell;

    #[tokio::test]
    async fn a_filled_store_has_so_many_entries_and_no_difference() {
        let directory = std::env::temp_dir().join(format!("scrip-filling-{}", std::process::id()));
        // Lives that end in every place of a round, the shortest first.
        for (round, (entries, workspaces)) in [(7, 7), (2_345, 2_300), (1_913, 41), (3_000, 57)].into_iter().enumerate()
        {
            let directory = directory.join(round.to_string());
            let store = Store::open(&directory, Options::small()).expect("it can be made");
            let told = Cell::new(0);
            fill(&store, Population { entries, workspaces }, |done| told.set(done)).await.expect("it takes them");
            store.await_projections().await.expect("the projections follow");
            let report = verify(&store, |_, _| ()).await.expect("it can be read");
            assert_eq!((report.entries, report.workspaces, report.open_holds), (entries, workspaces, 0));
            assert_eq!((report.differences, told.get()), (Vec::new(), entries));
            let last = store.workspace(workspace(workspaces - 1)).await.expect("it answers").expect("it is open");
            assert_eq!(last.seq, entries / workspaces);
        }
        let store = Store::open(&directory.join("none"), Options::small()).expect("it can be made");
        let refused = fill(&store, Population { entries: 1, workspaces: 2 }, |_| ()).await;
        assert!(refused.is_err_and(|error| error.contains("at least one entry")));
        drop(store);
        std::fs::remove_dir_all(&directory).expect("it is ours");
    }
}
