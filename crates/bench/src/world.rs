//! World of a measurement: workspaces with more credits than the load can spend.

use crate::batch;
use crate::report::Renewals;
use scrip::benchmark::connection::Connection;
use scrip::benchmark::load::{self, Work};
use scrip::benchmark::place::{Server, Target};
use scrip::benchmark::workspaces::{client, new, open};
use scrip_client::types::{self as api, NewHold, NewTestClock, NewWorkspace};
use scrip_engine::{Interval, Timestamp, limits::OPERATION_MAX};
use scrip_store::clock::Stopwatch;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Instant at which the year of renewals starts.
const START: &str = "2026-01-31T00:00:00Z";

/// Workspaces on a server, and the one that all connections share.
pub struct World {
    targets: Arc<[Target]>,
    many: Arc<Vec<String>>,
    hot: Arc<Vec<String>>,
    measurements: AtomicU64,
}

impl World {
    /// Opens a number of workspaces, and one that all connections share.
    ///
    /// # Errors
    /// When the server does not do it.
    pub fn new(server: &Server, workspaces: usize) -> Result<World, String> {
        let named = |name: &str| (new(name), OPERATION_MAX);
        let many = open(&server.target, (0..workspaces.max(1)).map(|n| named(&format!("many {n}"))).collect())?;
        let hot = open(&server.target, vec![named("hot")])?;
        Ok(World {
            targets: [server.target.clone()].into(),
            many: Arc::new(many),
            hot: Arc::new(hot),
            measurements: 0.into(),
        })
    }

    /// Returns a world of workspaces that exist already; the first is the one that all connections share.
    pub fn of(server: &Server, many: Vec<String>) -> World {
        let hot = many.first().cloned().into_iter().collect();
        let targets = [server.target.clone()].into();
        World { targets, many: Arc::new(many), hot: Arc::new(hot), measurements: 0.into() }
    }

    /// Returns the first server of the world.
    pub fn target(&self) -> &Target {
        &self.targets[0]
    }

    /// Records that other processes, at least one, serve the same data now.
    pub fn move_to(&mut self, servers: &[&Server]) {
        self.targets = servers.iter().map(|server| server.target.clone()).collect();
    }

    /// Returns the workspaces of the load.
    pub fn workspaces(&self) -> &Arc<Vec<String>> {
        &self.many
    }

    /// Returns a number that makes the idempotency keys of measurements differ.
    pub fn keys(&self) -> u64 {
        self.measurements.fetch_add(1, Ordering::Relaxed)
    }

    /// Returns the work of pairs on all workspaces, or on the shared one.
    pub fn pairs(&self, hot: bool) -> Work {
        let workspaces = if hot { &self.hot } else { &self.many };
        load::pairs(&self.targets, workspaces, self.keys())
    }

    /// Returns the work of batches of a size, on all workspaces.
    pub fn batches(&self, size: usize) -> Work {
        batch::work(self.target(), &self.many, self.keys(), size)
    }

    /// Opens a workspace with an exact balance.
    ///
    /// # Errors
    /// When the server does not open it.
    pub fn workspace_with(&self, name: &str, balance: i64) -> Result<String, String> {
        // The free plan of the catalog gives its owner 250 credits, once.
        let opened = open(self.target(), vec![(new(name), balance - 250)])?;
        opened.into_iter().next().ok_or_else(|| "no workspace was opened".to_owned())
    }

    /// Makes a hold, and returns the path to read it.
    ///
    /// # Errors
    /// When the server does not make it.
    pub fn a_hold(&self) -> Result<String, String> {
        let client = client(self.target())?.workspace(&self.hot[0]);
        let new = NewHold {
            credits: Some(1),
            model: None,
            params: Default::default(),
            reference: "probe".to_owned(),
            seconds: Some(86_400),
            on_behalf_of: None,
            count_request: false,
        };
        load::block_on(async {
            let hold = client.open_hold(&new).await.map_err(|error| error.to_string())?;
            Ok(format!("/v1/holds/{}", hold.id))
        })
    }

    /// Opens workspaces with a monthly plan on a test clock and lets a number of months pass.
    ///
    /// # Errors
    /// When they are not renewed.
    pub fn renew(&self, workspaces: usize, months: u32) -> Result<Renewals, String> {
        let client = client(self.target())?;
        let told = |error: scrip_client::Error| error.to_string();
        let new_clock = NewTestClock { name: Some("a year".to_owned()), now: Some(START.to_owned()) };
        let clock = load::block_on(async { client.create_test_clock(&new_clock).await.map_err(told) })?.id;
        let renewing = |n: usize| NewWorkspace {
            plan: Some("pro".to_owned()),
            interval: Some(api::Interval::Month),
            test_clock: Some(clock.clone()),
            ..new(&format!("renewing {n}"))
        };
        let opened = open(self.target(), (0..workspaces).map(|n| (renewing(n), 0)).collect())?;
        let start: Timestamp = START.parse()?;
        let to = start.nth(Interval::Month, months).to_string();
        load::block_on(async {
            let stopwatch = Stopwatch::start();
            self.advance(&clock, &to).await?;
            let seconds = stopwatch.elapsed().as_secs_f64();
            for workspace in opened.iter().step_by(workspaces.div_ceil(10).max(1)) {
                let period = client.show_workspace(workspace).await.map_err(told)?.period;
                if period.as_ref().is_none_or(|period| period.start != to) {
                    return Err(format!("{workspace} was not renewed at {to}: {period:?}"));
                }
            }
            Ok(Renewals { workspaces, months, seconds })
        })
    }

    /// Advances a test clock, however long the server takes for it.
    async fn advance(&self, clock: &str, to: &str) -> Result<(), String> {
        let target = self.target();
        let mut connection = Connection::open(target.address).await?;
        connection.begin("POST", &format!("/v1/test_clocks/{clock}/advance"), &target.key);
        connection.header("Idempotency-Key", "advance");
        match connection.send(json!({ "to": to }).to_string().as_bytes()).await? {
            (200, _) => Ok(()),
            (status, body) => Err(format!("a clock was answered with {status}: {}", String::from_utf8_lossy(body))),
        }
    }
}
