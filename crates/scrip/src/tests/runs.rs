//! Runs: one that never answers delays no other, and a lease that is lost is left alone.
//!
//! Goal: a run that stays costs one permit; runs on the real clock and on every test clock go on, and clocks move.
//! Method: the dispatcher over both engines, with a provider that never answers for one workspace; leases are moved as
//! if their time had passed.

use super::mails::{directory, publish_catalog};
use crate::assets::disk::Assets;
use crate::jobs::driver::{Driver, Task};
use crate::jobs::scheduler::{Signals, TimeMachine};
use crate::jobs::work::{Failure, Work};
use crate::ledger::{Ledger, Origin};
use crate::operate::switches::Switches;
use crate::runs::dispatch::Dispatcher;
use scrip_engine::team::Tenancy;
use scrip_engine::{
    Command, DAY, Mode, Name, Params, Profile, RunCommand, Timestamp, Value, WorkspaceCommand, WorkspaceId,
};
use scrip_store::clock;
use scrip_store::rows::queue::{self, LeasedRun};
use scrip_store::rows::runs;
use scrip_store::{Options, Store, Unavailable};
use scrip_testing::postgres::database;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Maximum wait for any one thing before a test fails.
const PATIENCE: Duration = Duration::from_secs(60);
/// Workspace whose runs stay.
const SLOW: WorkspaceId = WorkspaceId::new(1);

/// The dispatcher, with a provider that never answers for one workspace.
struct Stays(Dispatcher);

impl Work for Stays {
    type Lease = LeasedRun;
    type Success = Option<Timestamp>;
    const RENEW_EVERY: Duration = Dispatcher::RENEW_EVERY;
    const PATIENCE: Duration = Dispatcher::PATIENCE;

    async fn lease(&self, most: usize) -> Result<Vec<LeasedRun>, Unavailable> {
        self.0.lease(most).await
    }

    async fn attempt(&self, leased: &LeasedRun) -> Result<Option<Timestamp>, Failure> {
        match leased.workspace == SLOW {
            true => std::future::pending().await,
            false => self.0.attempt(leased).await,
        }
    }

    async fn renew(&self, leased: &mut LeasedRun) -> Result<bool, Unavailable> {
        self.0.renew(leased).await
    }

    async fn record(&self, leased: &LeasedRun, result: &Result<Option<Timestamp>, Failure>) -> Result<(), Unavailable> {
        self.0.record(leased, result).await
    }

    async fn backlog(&self) -> Result<Option<u64>, Unavailable> {
        self.0.backlog().await
    }

    fn next_wake(&self) -> impl Future<Output = ()> + Send {
        self.0.next_wake()
    }
}

/// A ledger with test clocks.
struct Scene {
    ledger: Arc<Ledger>,
    time: TimeMachine,
}

impl Scene {
    /// Returns a scene over a store, and its dispatcher.
    async fn of(store: Store, files: &Path) -> (Scene, Dispatcher) {
        let ledger = Arc::new(Ledger::new(publish_catalog(store).await));
        let signals = Arc::new(Signals::default());
        let assets = Arc::new(Assets::open(files).expect("a directory can be made"));
        let time = TimeMachine::new(Arc::clone(&ledger), Arc::clone(&signals));
        let dispatcher = Dispatcher::new(Arc::clone(&ledger), assets, Arc::new(Switches::default()), signals);
        (Scene { ledger, time }, dispatcher)
    }

    async fn submit(&self, workspace: WorkspaceId, command: Command) {
        let asked = Origin::internal("test", workspace, None);
        self.ledger.submit(workspace, command, asked).await.expect("it is taken");
    }

    /// Opens a workspace on a clock, which is made for it, and asks for a run there.
    async fn run_in(&self, workspace: WorkspaceId, test_clock: Option<i64>) {
        if let Some(id) = test_clock {
            self.ledger.store().set_clock(id, Some(String::new()), clock::now()).await.expect("a clock is made");
        }
        let profile = Profile { name: "A".to_owned(), owner: None, external_id: None };
        let open = WorkspaceCommand::Open {
            mode: Mode::Test,
            test_clock,
            profile,
            lifetime_allowed: true,
            choice: None,
            tenancy: Tenancy::Team,
            owner: None,
        };
        self.submit(workspace, open.into()).await;
        let run = RunCommand::Create {
            model: Name::from("image-standard"),
            params: Params::from([(Name::from("prompt"), Value::Text("a lighthouse".to_owned()))]),
            quote: None,
            sandbox: None,
            metadata: Default::default(),
            off: None,
            served: true,
        };
        self.submit(workspace, run.into()).await;
    }

    async fn has_ended(&self, workspace: WorkspaceId) -> bool {
        let stored = runs::by_number(self.ledger.store().reader(), workspace, 1).await.expect("the store answers");
        stored.is_some_and(|stored| stored.run().expect("it is a run").status.is_some())
    }
}

async fn a_run_that_stays_delays_no_other(store: Store, files: &Path) {
    let (scene, dispatcher) = Scene::of(store, files).await;
    let work = Arc::new(Stays(dispatcher));
    let driver = Driver::new(vec![Task::over_rows("runs", Duration::from_millis(500), 8, work)]);
    let running = driver.start();
    scene.run_in(SLOW, Some(7)).await;
    let begun = async {
        while driver.tasks()[0].status().busy == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, begun).await.expect("it is leased");
    let (on_clock, real) = (WorkspaceId::new(2), WorkspaceId::new(3));
    scene.run_in(on_clock, Some(8)).await;
    scene.run_in(real, None).await;
    let ended = async {
        while !scene.has_ended(on_clock).await || !scene.has_ended(real).await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, ended).await.expect("the others go on");
    // A clock waits for its own runs alone.
    let tomorrow = clock::now().after_micros(DAY);
    let stuck = tokio::time::timeout(Duration::from_millis(300), scene.time.advance(7, tomorrow)).await;
    assert!(stuck.is_err(), "its run stays");
    let other = async {
        tokio::select! {
            _ = scene.time.advance(7, tomorrow) => panic!("its run stays"),
            moved = scene.time.advance(8, tomorrow) => moved.expect("it moves"),
        }
    };
    tokio::time::timeout(PATIENCE, other).await.expect("the other clock moves");
    assert!(!scene.has_ended(SLOW).await);
    assert_eq!(driver.tasks()[0].status().busy, 1, "it costs one permit");
    assert_eq!(driver.tasks()[0].backlog().await.expect("it is counted"), Some(1));
    drop(running);
}

async fn a_lost_lease_is_left_alone(store: Store, files: &Path) {
    let (scene, dispatcher) = Scene::of(store, files).await;
    scene.run_in(SLOW, None).await;
    scene.ledger.store().await_projections().await.expect("the store answers");
    let on = scene.ledger.store().worker();
    let mut lost = dispatcher.lease(8).await.expect("the store answers")[0];
    assert!(dispatcher.renew(&mut lost).await.expect("it is written"), "the lease is held");
    assert!(dispatcher.lease(8).await.expect("the store answers").is_empty());
    // As if the worker had been silent for longer than a lease lasts.
    let now = scene.ledger.now(None).await.expect("the store answers");
    assert!(queue::move_end(on, &mut lost.clone(), now).await.expect("it is written"));
    let mut taken = dispatcher.lease(8).await.expect("the store answers")[0];
    assert!(!dispatcher.renew(&mut lost.clone()).await.expect("it is asked"), "it is another's");
    for result in [Ok(Some(now.after_micros(DAY))), Err(Failure::Later("too late".to_owned()))] {
        dispatcher.record(&lost, &result).await.expect("it is asked");
        assert!(dispatcher.renew(&mut taken).await.expect("it is written"), "nothing was changed");
    }
    // The process that has the lease may put the run off.
    dispatcher.record(&taken, &Ok(Some(now.after_micros(DAY)))).await.expect("it is written");
    assert_eq!(dispatcher.backlog().await.expect("it is counted"), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_directory_a_run_that_stays_delays_no_other() {
    let directory = directory("stays");
    let store = Store::open(&directory, Options::small()).expect("it can be opened");
    a_run_that_stays_delays_no_other(store, &directory.join("assets")).await;
    std::fs::remove_dir_all(&directory).expect("it is ours");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_database_a_run_that_stays_delays_no_other() {
    let (database, directory) = (database(), directory("stays-outside"));
    let store = Store::connect(database.url(), Options::small()).await.expect("the database answers");
    a_run_that_stays_delays_no_other(store, &directory).await;
    std::fs::remove_dir_all(&directory).expect("it is ours");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_directory_a_lost_lease_is_left_alone() {
    let directory = directory("lost");
    let store = Store::open(&directory, Options::small()).expect("it can be opened");
    a_lost_lease_is_left_alone(store, &directory.join("assets")).await;
    std::fs::remove_dir_all(&directory).expect("it is ours");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_database_a_lost_lease_is_left_alone() {
    let (database, directory) = (database(), directory("lost-outside"));
    let store = Store::connect(database.url(), Options::small()).await.expect("the database answers");
    a_lost_lease_is_left_alone(store, &directory).await;
    std::fs::remove_dir_all(&directory).expect("it is ours");
}
