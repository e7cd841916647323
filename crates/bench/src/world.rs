//! World of a measurement: workspaces with more credits than the load can spend.

use super::connection::Connection;
use super::load::{self, Work};
use super::place::{Server, Target};
use super::report::Renewals;
use crate::clock::Stopwatch;
use scrip_engine::{Interval, Timestamp, limits::OPERATION_MAX};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::task::JoinSet;

/// Number of connections that open workspaces.
const OPENING: usize = 64;
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
        let target = Target::of(server);
        let bodies = (0..workspaces.max(1)).map(|n| (new_workspace(&format!("many {n}")), OPERATION_MAX)).collect();
        let many = load::block_on(open_all(target.clone(), bodies))?;
        let hot = load::block_on(open_all(target.clone(), vec![(new_workspace("hot"), OPERATION_MAX)]))?;
        Ok(World { targets: [target].into(), many: Arc::new(many), hot: Arc::new(hot), measurements: 0.into() })
    }

    /// Returns a world of workspaces that exist already; the first is the one that all connections share.
    pub fn of(server: &Server, many: Vec<String>) -> World {
        let hot = many.first().cloned().into_iter().collect();
        World { targets: [Target::of(server)].into(), many: Arc::new(many), hot: Arc::new(hot), measurements: 0.into() }
    }

    /// Returns the first server of the world.
    pub fn target(&self) -> &Target {
        &self.targets[0]
    }

    /// Records that other processes, at least one, serve the same data now.
    pub fn moved(&mut self, servers: &[&Server]) {
        self.targets = servers.iter().map(|server| Target::of(server)).collect();
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
        let workspaces = Arc::clone(if hot { &self.hot } else { &self.many });
        Work::Pairs { targets: Arc::clone(&self.targets), workspaces, keys: self.keys() }
    }

    /// Returns the work of batches of a size, on all workspaces.
    pub fn batches(&self, size: usize) -> Work {
        Work::Batches { target: self.target().clone(), workspaces: Arc::clone(&self.many), keys: self.keys(), size }
    }

    /// Opens a workspace with an exact balance.
    ///
    /// # Errors
    /// When the server does not open it.
    pub fn workspace_with(&self, name: &str, balance: i64) -> Result<String, String> {
        // The free plan of the catalog gives its owner 250 credits, once.
        let body = (new_workspace(name), balance - 250);
        let opened = load::block_on(open_all(self.target().clone(), vec![body]))?;
        opened.into_iter().next().ok_or_else(|| "no workspace was opened".to_owned())
    }

    /// Makes a hold, and returns the path to read it.
    ///
    /// # Errors
    /// When the server does not make it.
    pub fn a_hold(&self) -> Result<String, String> {
        load::block_on(async {
            let mut connection = Connection::open(self.target().address).await?;
            let body = json!({ "credits": 1, "reference": "probe", "seconds": 86_400 });
            let hold = post(&mut connection, self.target(), "/v1/holds", Some(&self.hot[0]), "probe", &body).await?;
            Ok(format!("/v1/holds/{}", text(&hold, "id")?))
        })
    }

    /// Opens workspaces with a monthly plan on a test clock and lets a number of months pass.
    ///
    /// # Errors
    /// When they are not renewed.
    pub fn renew(&self, workspaces: usize, months: u32) -> Result<Renewals, String> {
        let target = self.target().clone();
        load::block_on(async {
            let mut connection = Connection::open(target.address).await?;
            let body = json!({ "name": "a year", "now": START });
            let clock = post(&mut connection, &target, "/v1/test_clocks", None, "clock", &body).await?;
            let clock = text(&clock, "id")?.to_owned();
            let body = |n: usize| {
                let mut body = new_workspace(&format!("renewing {n}"));
                body["plan"] = json!("pro");
                body["interval"] = json!("month");
                body["test_clock"] = json!(clock);
                (body, 0)
            };
            let opened = open_all(target.clone(), (0..workspaces).map(body).collect()).await?;
            let start: Timestamp = START.parse()?;
            let to = start.nth(Interval::Month, months);
            let path = format!("/v1/test_clocks/{clock}/advance");
            let stopwatch = Stopwatch::start();
            post(&mut connection, &target, &path, None, "advance", &json!({ "to": to.to_string() })).await?;
            let seconds = stopwatch.elapsed().as_secs_f64();
            for workspace in opened.iter().step_by(workspaces.div_ceil(10).max(1)) {
                connection.begin("GET", &format!("/v1/workspaces/{workspace}"), &target.key);
                let shown = parsed(connection.send(b"").await?)?;
                if shown["period"]["start"] != json!(to.to_string()) {
                    return Err(format!("{workspace} was not renewed at {to}: {shown}"));
                }
            }
            Ok(Renewals { workspaces, months, seconds })
        })
    }
}

fn new_workspace(name: &str) -> Value {
    let owner = format!("{}@example.com", name.replace(' ', "-"));
    json!({ "name": name, "owner": { "email": owner } })
}

/// Opens workspaces from several connections, gives each its credits, and returns their identifiers in order.
async fn open_all(target: Target, bodies: Vec<(Value, i64)>) -> Result<Vec<String>, String> {
    let bodies = Arc::new(bodies);
    let mut tasks = JoinSet::new();
    for mine in 0..OPENING.min(bodies.len()) {
        let (target, bodies) = (target.clone(), Arc::clone(&bodies));
        tasks.spawn(async move {
            let mut connection = Connection::open(target.address).await?;
            let mut opened = Vec::new();
            for n in (mine..bodies.len()).step_by(OPENING) {
                let (body, credits) = &bodies[n];
                let owner = text(&body["owner"], "email")?;
                let key = format!("open-{owner}");
                let shown = post(&mut connection, &target, "/v1/workspaces", None, &key, body).await?;
                let id = text(&shown, "id")?.to_owned();
                if *credits > 0 {
                    let grant = json!({ "amount": credits, "reason": "to be spent by a benchmark" });
                    let (path, key) = (format!("/v1/workspaces/{id}/grants"), format!("give-{owner}"));
                    post(&mut connection, &target, &path, None, &key, &grant).await?;
                }
                opened.push((n, id));
            }
            Ok::<_, String>(opened)
        });
    }
    let mut opened = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        opened.extend(ended.map_err(|error| error.to_string())??);
    }
    opened.sort_unstable();
    Ok(opened.into_iter().map(|(_, id)| id).collect())
}

async fn post(
    connection: &mut Connection,
    target: &Target,
    path: &str,
    workspace: Option<&str>,
    key: &str,
    body: &Value,
) -> Result<Value, String> {
    connection.begin("POST", path, &target.key);
    connection.header("Idempotency-Key", key);
    if let Some(workspace) = workspace {
        connection.header("Scrip-Workspace", workspace);
    }
    parsed(connection.send(body.to_string().as_bytes()).await?).map_err(|error| format!("{path}: {error}"))
}

fn parsed((status, body): (u16, &[u8])) -> Result<Value, String> {
    if !(200..300).contains(&status) {
        return Err(format!("answered with {status}: {}", String::from_utf8_lossy(body)));
    }
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str, String> {
    value[name].as_str().ok_or_else(|| format!("there is no {name} in {value}"))
}
