//! Engines: the same random lives on both engines, and in the naive workspace that knows no database.
//!
//! Goal: SQLite and PostgreSQL give identical answers and keep identical journals, hash for hash, and both agree with
//! the naive workspace. Method: each command is submitted to both, now and then twice, and to the naive one; the state
//! is compared after each, and the histories column by column.

use super::simulation::{Deaths, Life, SHIPPED};
use crate::history::Histories;
use crate::operate::verify::verify;
use scrip_engine::{DAY, Entry, Workspace, fold, is_privileged, parse_catalog};
use scrip_store::journal::JournalRow;
use scrip_store::rows::entries;
use scrip_store::{Options, Store};
use scrip_testing::model::Model as Reference;
use scrip_testing::postgres::database;
use std::sync::Arc;

/// Number of sequences of each catalog.
const LIVES: u64 = 125;
/// Number of commands of each sequence.
const COMMANDS: u32 = 100;

/// Returns a workspace's history without the positions, which count other workspaces too.
async fn history(store: &Store, life: &Life) -> Vec<JournalRow> {
    let rows = entries::up_to(store.reader(), life.workspace, u64::MAX).await.expect("it can be read");
    rows.into_iter().map(|row| JournalRow { position: 0, ..row }).collect()
}

/// Checks for every entry, in any order, that the state before it is the fold of all entries before it, and that the
/// audit log has every privileged one.
async fn states_are_remembered(life: &Life, twin: &Store) {
    let rows = entries::up_to(life.store().reader(), life.workspace, u64::MAX).await.expect("it can be read");
    let entries: Vec<Entry> = rows.iter().map(|row| row.entry().expect("it is readable")).collect();
    let mut state = Workspace::new(life.workspace);
    let mut states = Vec::new();
    for entry in &entries {
        states.push(state.clone());
        fold(&mut state, entry.at, &entry.events);
    }
    states.push(state);
    let last = entries.len() as u64;
    let acts: Vec<u64> =
        entries.iter().filter(|entry| is_privileged(&entry.command)).map(|entry| entry.seq).rev().collect();
    for store in [life.store(), twin] {
        let histories = Histories::default();
        for n in 1..=last {
            // From the middle to the end, then from the beginning.
            let seq = (last / 2 + n) % last + 1;
            let moment = histories.moment(store, life.workspace, seq).await.expect("it answers").expect("it is there");
            assert_eq!((moment.row.seq, &moment.before), (seq, &states[seq as usize - 1]));
            assert_eq!(moment.after(), states[seq as usize]);
        }
        for none in [0, last + 1] {
            assert!(histories.moment(store, life.workspace, none).await.expect("it answers").is_none());
        }
        let (mut before, mut found) = (u64::MAX, Vec::new());
        loop {
            let page = histories.acts(store, life.workspace, before, 3).await.expect("it answers");
            let Some(oldest) = page.last() else { break };
            before = oldest.entry.seq;
            assert!(page.iter().all(|act| act.before == states[act.entry.seq as usize - 1]));
            found.extend(page.iter().map(|act| act.entry.seq));
        }
        assert_eq!(found, acts);
    }
}

async fn the_same_on_both(catalog: usize) {
    let (name, text) = SHIPPED[catalog];
    let database = database();
    let twin =
        Arc::new(Store::connect(database.url(), Options::small()).await.unwrap_or_else(|error| panic!("{error}")));
    let parsed = parse_catalog(text).unwrap_or_else(|problems| panic!("{problems:?}"));
    twin.publish(text.to_owned(), parsed, "test".to_owned()).await.expect("a first version");
    let (mut commands, mut entries) = (0, 0);
    for seed in 0..LIVES {
        let mut life = Life::start(name, text, 10_000 + seed, Deaths::Nowhere).await;
        life.twin = Some(Arc::clone(&twin));
        life.reference = Some(Reference::new(twin.catalogs()));
        life.pass(0).await;
        life.open_workspace().await;
        while life.commands < COMMANDS {
            life.step().await;
            if life.dice.roll(3) == 0 {
                let hours = life.dice.roll(200) as i64;
                life.pass(hours * DAY / 24).await;
            }
        }
        let (here, there) = (history(life.store(), &life).await, history(&twin, &life).await);
        assert_eq!(here, there, "{name} {seed}: the journals differ");
        if seed % 25 == 0 {
            states_are_remembered(&life, &twin).await;
        }
        let settled = life.store().workspace(life.workspace).await.expect("it answers");
        assert_eq!(
            settled,
            twin.workspace(life.workspace).await.expect("it answers"),
            "{name} {seed}: the reads differ"
        );
        commands += life.commands;
        entries += here.len();
        life.end();
    }
    let report = verify(&twin, |_, _| ()).await.expect("it can be read");
    assert_eq!((report.differences, report.entries), (Vec::new(), entries as u64));
    println!("{name}: {LIVES} lives, {commands} commands, {entries} entries");
}

#[tokio::test]
async fn canvas_tiers_is_the_same_on_both_engines() {
    the_same_on_both(0).await;
}

#[tokio::test]
async fn shared_balance_is_the_same_on_both_engines() {
    the_same_on_both(1).await;
}

#[tokio::test]
async fn two_buckets_is_the_same_on_both_engines() {
    the_same_on_both(2).await;
}

#[tokio::test]
async fn weekly_yearly_is_the_same_on_both_engines() {
    the_same_on_both(3).await;
}
