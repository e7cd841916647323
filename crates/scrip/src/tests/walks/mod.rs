//! Random walks through selling: plans, intervals, delayed debits, balances, credit notes, refunds, disputes, publishes
//! and top-ups in virtual time, over the product's own code between Stripe's answers and the ledger.
//!
//! Goal: every paid grant cites a settled payment, once, and equals what its version sells for it; every other grant
//! cites a rule and its limit; no more goes back than was paid; no one is sold one plan twice; every open invoice has
//! an owner. Method: a seed gives a walk; [`account`] is a pure model of Stripe that answers inside the process,
//! [`laws`] holds the entries against the model's records. A failure prints its seed and the shortest story that still
//! fails.
//!
//! `WALKS=n` takes n walks, `WALKS_FROM=n` begins at another seed, `WALKS_SEED=n` takes that walk alone.

#![allow(clippy::missing_panics_doc, missing_docs, reason = "the tests' own code: its names say what it is")]

mod account;
mod laws;
mod story;
mod versions;
mod walk;
mod world;

use scrip_store::clock::Stopwatch;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Number of walks of an ordinary run.
const SAMPLE: u64 = 100;
/// Number of threads that take walks.
const THREADS: u64 = 2;

/// Returns an error unless two things are the same.
fn same<T: PartialEq + Debug>(what: &str, left: T, right: T) -> Result<(), String> {
    if left == right { Ok(()) } else { Err(format!("{what}: {left:?} is not {right:?}")) }
}

fn read_setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}

/// Number of failures after which no more walks are taken.
const FAILURES_MAX: usize = 40;

/// Results of some walks.
#[derive(Default)]
struct WalkResults {
    seen: BTreeMap<&'static str, usize>,
    entries: u64,
    /// Seeds of walks that broke a law, with the law.
    broken: BTreeMap<u64, String>,
}

/// Takes the walks of some seeds on several threads.
fn take(seeds: &Range<u64>) -> WalkResults {
    let next = AtomicU64::new(seeds.start);
    let walked = Mutex::new(WalkResults::default());
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let (runtime, client) = (runtime(), world::client());
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let outcome = runtime.block_on(walk::walk(seed, &walk::steps_of(seed), &client));
                    let mut all = walked.lock().expect("no thread panics while it counts");
                    match outcome {
                        Ok(outcome) => {
                            all.entries += outcome.entries;
                            outcome
                                .seen
                                .into_iter()
                                .for_each(|(what, count)| *all.seen.entry(what).or_default() += count);
                        }
                        Err(wrong) => {
                            all.broken.insert(seed, wrong);
                            if all.broken.len() >= FAILURES_MAX {
                                next.store(seeds.end, Ordering::Relaxed);
                            }
                        }
                    }
                }
            });
        }
    });
    walked.into_inner().expect("no thread panics while it counts")
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Returns the shortest story of a walk that breaks a law.
fn shortest(seed: u64, like: &str) -> String {
    let (runtime, client) = (runtime(), world::client());
    let short = runtime.block_on(walk::shrink(seed, &walk::steps_of(seed), like, &client));
    runtime.block_on(walk::walk(seed, &short, &client)).err().unwrap_or_default()
}

#[test]
fn what_is_sold_in_a_walk_is_what_was_paid() {
    let begun = Stopwatch::start();
    let seeds = match read_setting("WALKS_SEED") {
        Some(seed) => seed..seed + 1,
        None => {
            let from = read_setting("WALKS_FROM").unwrap_or(0);
            from..from + read_setting("WALKS").unwrap_or(SAMPLE)
        }
    };
    let WalkResults { seen, entries, broken } = take(&seeds);
    let took = begun.elapsed().as_secs();
    let count = seeds.end - seeds.start;
    println!("{count} walks from seed {}, {entries} entries, {took} seconds: {seen:?}", seeds.start);
    // One story for each law that is broken.
    let mut kinds = BTreeMap::new();
    for (seed, wrong) in &broken {
        println!("WALKS_SEED={seed}: {}", wrong.lines().next().unwrap_or_default());
        kinds.entry(walk::kind(wrong)).or_insert((*seed, wrong));
    }
    let stories = kinds.values().map(|(seed, wrong)| format!("WALKS_SEED={seed}: {}", shortest(*seed, wrong)));
    let stories: Vec<String> = stories.collect();
    assert!(stories.is_empty(), "{} of {count} walks break a law\n{}", broken.len(), stories.join("\n\n"));
}
