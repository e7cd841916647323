//! Rate limit of a workspace, without HTTP.
//!
//! Goal: exactly as many requests are admitted as the limit says, over all processes of a database together, and none
//! while the database is unreachable. Method: three stores over one database stand for three processes, and hundreds of
//! requests ask each of them at once.

use futures_util::future::join_all;
use scrip_engine::{Admission, WorkspaceId};
use scrip_store::{Options, Store, Unavailable};
use scrip_testing::postgres::{Database, database};
use std::collections::BTreeSet;

async fn stores(database: &Database, count: usize) -> Vec<Store> {
    let open =
        |_| async { Store::connect(database.url(), Options::small()).await.unwrap_or_else(|error| panic!("{error}")) };
    // One after the other: the first one creates the tables.
    let mut stores = vec![open(0).await];
    stores.extend(join_all((1..count).map(open)).await);
    stores
}

/// Returns all answers, sorted: the requests that were left each time, and the seconds to wait of the others.
fn sort_answers(answers: Vec<Result<Admission, Unavailable>>) -> (Vec<u32>, Vec<u32>) {
    let (mut left, mut waits) = (Vec::new(), Vec::new());
    for answer in answers {
        match answer.expect("the database answers") {
            Admission::Admitted { remaining, resets_in } => {
                assert!((1..=60).contains(&resets_in), "{resets_in}");
                left.push(remaining);
            }
            Admission::Refused { retry_after } => waits.push(retry_after),
        }
    }
    left.sort_unstable();
    (left, waits)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_processes_admit_exactly_the_limit() {
    let database = database();
    let stores = stores(&database, 3).await;
    for (workspace, limit, asked) in [(1, 1_000, 1_200), (2, 100, 150), (3, 1, 30)] {
        let workspace = WorkspaceId::new(workspace);
        let asking = (0..asked).map(|n| stores[n % 3].admit(workspace, limit));
        let (left, waits) = sort_answers(join_all(asking).await);
        assert_eq!(left, (0..limit).collect::<Vec<u32>>(), "each remainder once");
        assert_eq!(waits.len(), asked - limit as usize);
        assert!(waits.iter().all(|wait| (50..=60).contains(wait)), "{waits:?}");
        let again = stores[0].admit(workspace, limit).await.expect("it answers");
        assert!(matches!(again, Admission::Refused { .. }), "another process filled it as well: {again:?}");
        // A better plan counts at once, and so does a worse one.
        let more = stores[1].admit(workspace, limit + 1).await.expect("it answers");
        assert!(matches!(more, Admission::Admitted { remaining: 0, .. }), "{more:?}");
        let less = stores[2].admit(workspace, limit / 2).await.expect("it answers");
        assert!(matches!(less, Admission::Refused { .. }), "{less:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_workspaces_are_asked_for_at_once_and_none_meets_another() {
    let database = database();
    let stores = stores(&database, 3).await;
    // In another order in each process: rows are locked in one order all the same.
    let orders = [3_u64, 7, 11].into_iter().enumerate();
    let asking = orders.flat_map(|(store, step)| (0..400).map(move |n| (store, n * step % 40)));
    let asking = asking.map(|(store, workspace)| stores[store].admit(WorkspaceId::new(workspace), 25));
    let (left, waits) = sort_answers(join_all(asking).await);
    assert_eq!((left.len(), waits.len()), (40 * 25, 40 * 5));
    assert_eq!(left.iter().copied().collect::<BTreeSet<u32>>().len(), 25);
    assert_eq!(database.query("SELECT count(*) FROM admissions"), "40");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_admitted_over_a_minute_ago_does_not_count_for_anybody() {
    let database = database();
    let stores = stores(&database, 2).await;
    let workspace = WorkspaceId::new(7);
    for store in &stores {
        let (left, _) = sort_answers(join_all((0..5).map(|_| store.admit(workspace, 10))).await);
        assert_eq!(left.len(), 5);
    }
    assert_eq!(sort_answers(vec![stores[0].admit(workspace, 10).await]).1.len(), 1);
    // A minute passes: every request in the log is a minute older.
    let log: Vec<u8> = hex(&database.query("SELECT encode(log, 'hex') FROM admissions"));
    let mut older = Vec::new();
    let first = number(&log);
    put(&mut older, first.0 - 61_000_000);
    older.extend_from_slice(&log[first.1..]);
    let older: String = older.iter().map(|byte| format!("{byte:02x}")).collect();
    database.query(&format!("UPDATE admissions SET log = decode('{older}', 'hex')"));
    assert_eq!(sort_answers(vec![stores[1].admit(workspace, 10).await]).0, [9], "nothing counts any more");
}

fn hex(text: &str) -> Vec<u8> {
    let byte = |n: usize| u8::from_str_radix(&text[2 * n..2 * n + 2], 16).expect("two digits");
    (0..text.len() / 2).map(byte).collect()
}

/// Returns the first number of a log, and its length in bytes.
fn number(log: &[u8]) -> (u64, usize) {
    let length = log.iter().position(|byte| byte & 0x80 == 0).expect("it ends") + 1;
    let add = |number, (place, byte): (usize, &u8)| number | u64::from(byte & 0x7f) << (7 * place);
    (log[..length].iter().enumerate().fold(0, add), length)
}

fn put(bytes: &mut Vec<u8>, number: u64) {
    let places = (0..9).take_while(|place| *place == 0 || number >> (7 * place) > 0).count();
    bytes.extend((0..places).map(|place| {
        let more = if place + 1 < places { 0x80 } else { 0 };
        (number >> (7 * place)) as u8 & 0x7f | more
    }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_admitted_while_the_database_cannot_be_asked() {
    let database = database();
    let stores = stores(&database, 1).await;
    let ask = |workspace| stores[0].admit(WorkspaceId::new(workspace), 10);
    assert!(ask(1).await.is_ok());
    // The connection is cut: requests meanwhile are refused with a time to come back, and the next one has a new
    // connection.
    let cut = "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    database.query(cut);
    let mut cut = 0;
    while ask(1).await.is_err() {
        cut += 1;
        assert!(cut < 100, "it does not come back");
    }
    // Rows that cannot be read admit no request, and do not affect other workspaces.
    database.query("UPDATE admissions SET log = '\\x05' WHERE workspace = 1");
    let (broken, whole) = tokio::join!(ask(1), ask(2));
    assert!(broken.is_err_and(|why| why.0.contains("cannot be read")) && whole.is_ok());
    // The table goes, and then the database.
    database.query("ALTER TABLE admissions RENAME TO gone");
    let answers = join_all((1..=200).map(ask)).await;
    assert!(answers.iter().all(Result::is_err));
    database.query("ALTER TABLE gone RENAME TO admissions");
    assert!(ask(2).await.is_ok());
    let name = database.query("SELECT current_database()");
    let cluster = database.url().replace(&name, "postgres");
    scrip_testing::postgres::query(&cluster, &format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
        .expect("it may");
    database_is_left(&cluster, &name);
    let answers = join_all((1..=200).map(ask)).await;
    assert!(answers.iter().all(Result::is_err), "{:?}", answers.iter().find(|answer| answer.is_ok()));
}

fn database_is_left(cluster: &str, name: &str) {
    let sql = format!("SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE datname = '{name}'");
    scrip_testing::postgres::query(cluster, &sql).expect("it may");
}

#[tokio::test]
async fn the_embedded_database_counts_in_memory() {
    let directory = std::env::temp_dir().join(format!("scrip-rates-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&directory);
    let open = || Store::open(&directory, Options::small()).expect("the directory is ours");
    let store = open();
    for workspace in [1, 2] {
        let asking = (0..150).map(|_| store.admit(WorkspaceId::new(workspace), 100));
        let (left, waits) = sort_answers(join_all(asking).await);
        assert_eq!((left, waits.len()), ((0..100).collect(), 50));
    }
    drop(store);
    // It forgets the last minute when it starts again: docs/DECISIONS.md says why.
    let store = open();
    assert_eq!(sort_answers(vec![store.admit(WorkspaceId::new(1), 100).await]).0, [99]);
    drop(store);
    std::fs::remove_dir_all(&directory).expect("it is ours");
}
