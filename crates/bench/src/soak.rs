//! Soak: the cost of a large journal. A fresh directory is filled with entries, and then served, read and replayed.
//!
//! Invariant: figures that are compared are measured in the same run on the same disk, in turns.

use crate::lives::{Population, fill};
use crate::process::{kibibytes, resident};
use crate::world::World;
use indicatif::{ProgressBar, ProgressStyle};
use scrip::benchmark::connection::Connection;
use scrip::benchmark::load;
use scrip::benchmark::machine::{self, Machine};
use scrip::benchmark::place::{Place, Server};
use scrip_store::clock::Stopwatch;
use scrip_store::{Options, Sqlite, Store};
use serde::Serialize;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// Maximum number of entries of the sample from which the room for all entries is estimated, and the divisor that gives
/// its number of entries.
const SAMPLE_MAX: u64 = 100_000;
const SAMPLE_SHARE: u64 = 20;
/// Bytes that must stay free for logs and for the measurements.
const SPARE: u64 = 1 << 30; // # assumed
/// Maximum number of workspaces that the load is spread over, and the number of its connections.
const ACTIVE: usize = 10_000;
const CONNECTIONS: usize = 64;
/// Number of turns in which the two servers are measured, and number of starts of the full one.
const TURNS: usize = 3;
/// Path that answers 200 once a server is ready and every entry is folded.
const READY: &str = "/readyz";
const FOLDED: &str = "/v1/workspaces?limit=1";
/// Pause between two readings of a replay's memory.
const LOOK: Duration = Duration::from_millis(50);

/// Size, duration and place of a soak.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Number of entries and workspaces.
    pub population: Population,
    /// Duration of each measurement, in seconds.
    pub seconds: f64,
    /// Fresh directory: the data is left in `full`, the figures beside it.
    pub data: PathBuf,
}

/// Figures of a soak.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Version of this program.
    pub version: &'static str,
    /// Machine that the soak ran on.
    pub machine: Machine,
    /// Number of entries in the journal.
    pub entries: u64,
    /// Number of workspaces that they belong to.
    pub workspaces: u64,
    /// Time to fill the journal, until the projections had followed, in seconds.
    pub fill_seconds: f64,
    /// Size of the journal's file, in bytes.
    pub journal_bytes: u64,
    /// Size of the projections' file, in bytes.
    pub views_bytes: u64,
    /// Times from the start of a server until it was ready, in milliseconds.
    pub ready_ms: Vec<u64>,
    /// Resident memory of a ready server on an empty directory.
    pub resident_empty_bytes: u64,
    /// Resident memory of a ready server on the full directory.
    pub resident_full_bytes: u64,
    /// Resident memory of a server on the full directory, after the load on `active` workspaces.
    pub resident_loaded_bytes: u64,
    /// Number of workspaces of the load.
    pub active: usize,
    /// Pairs a second over HTTP on an empty directory, one figure for each turn.
    pub empty_pairs_per_second: Vec<u64>,
    /// Pairs a second over HTTP on the full directory, one figure for each turn.
    pub full_pairs_per_second: Vec<u64>,
    /// Duration of a replay of every entry, in seconds.
    pub verify_seconds: f64,
    /// Maximum resident memory of the replay, in bytes.
    pub verify_peak_bytes: u64,
    /// Digest of the journal, as `scrip verify` prints it.
    pub digest: String,
}

impl Report {
    fn per_second(&self) -> f64 {
        self.entries as f64 / self.fill_seconds
    }

    /// Returns the median rate of the full directory as a share of the empty one's.
    pub fn full_of_empty(&self) -> f64 {
        middle(&self.full_pairs_per_second) as f64 / middle(&self.empty_pairs_per_second).max(1) as f64
    }
}

fn middle(figures: &[u64]) -> u64 {
    let mut sorted = figures.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or(0)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine { cores, cpu, kernel, fdatasync_p50_us, fdatasync_p99_us } = &self.machine;
        writeln!(
            f,
            "{cores} cores, {cpu}, {kernel}; 4 KiB and fdatasync: p50 {fdatasync_p50_us} µs, p99 {fdatasync_p99_us} µs"
        )?;
        let each =
            |bytes: u64| format!("{:.0} bytes an entry, {}", bytes as f64 / self.entries as f64, mebibytes(bytes));
        let list = |figures: &[u64]| figures.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
        let (empty, full) = (&self.empty_pairs_per_second, &self.full_pairs_per_second);
        let rows = [
            ("entries, workspaces", format!("{}, {}", self.entries, self.workspaces)),
            ("filled, projections included", format!("{:.1} s, {:.0} entries/s", self.fill_seconds, self.per_second())),
            ("journal", each(self.journal_bytes)),
            ("projections", each(self.views_bytes)),
            ("start to ready", format!("{} ms ({})", middle(&self.ready_ms), list(&self.ready_ms))),
            ("memory, empty and ready", mebibytes(self.resident_empty_bytes)),
            ("memory, full and ready", mebibytes(self.resident_full_bytes)),
            ("memory, full and loaded", format!("{}, {} active", mebibytes(self.resident_loaded_bytes), self.active)),
            ("pairs/s, empty", format!("{} ({})", middle(empty), list(empty))),
            ("pairs/s, full", format!("{} ({})", middle(full), list(full))),
            ("full against empty", format!("{:.0} %", self.full_of_empty() * 100.0)),
            ("verify", format!("{:.1} s, {} at most", self.verify_seconds, mebibytes(self.verify_peak_bytes))),
            ("digest", self.digest.clone()),
        ];
        rows.iter().try_for_each(|(what, figure)| writeln!(f, "{what:<30}{figure}"))
    }
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.0} MiB", bytes as f64 / f64::from(1 << 20))
}

/// Makes the fresh directory, and a place in it for data that only the measurements need.
///
/// # Errors
/// When there is something in it.
pub fn prepare(plan: &mut Plan) -> Result<Arc<Place>, String> {
    plan.data = fresh(&plan.data)?;
    Place::make(&plan.data, None, None).map(Arc::new)
}

/// Fills and measures. The figures are written to `figures.json` and `figures.txt` too.
///
/// # Errors
/// When the disk has no room, a server does not start, or the replay finds a difference.
pub fn run(plan: &Plan, place: &Place) -> Result<Report, String> {
    let data = &plan.data;
    let Population { entries, workspaces } = plan.population;
    let sample = (entries / SAMPLE_SHARE).min(SAMPLE_MAX).max(workspaces.min(entries).min(1_000));
    let lives = (sample * workspaces / entries).max(1);
    refuse_the_small(data, Population { entries: sample, workspaces: lives }, entries)?;
    let full = data.join("full");
    let bar =
        ProgressBar::new(entries).with_style(style("filling {bar:40} {human_pos}/{human_len}, {per_sec}, {eta} left"));
    let stopwatch = Stopwatch::start();
    fill_directory(&full, plan.population, &bar)?;
    let fill_seconds = stopwatch.elapsed().as_secs_f64();
    bar.finish_and_clear();
    let (journal_bytes, views_bytes) = sizes(&full)?;
    let machine = machine::describe(&place.directory)?;
    let served = measure_servers(plan, place, &full)?;
    let bar = ProgressBar::new_spinner().with_style(style("{spinner} replaying everything, {elapsed}"));
    let replayed = replay(&full, &bar)?;
    bar.finish_and_clear();
    let report = Report {
        version: env!("CARGO_PKG_VERSION"),
        machine,
        entries,
        workspaces,
        fill_seconds,
        journal_bytes,
        views_bytes,
        ready_ms: served.ready_ms,
        resident_empty_bytes: served.resident[0],
        resident_full_bytes: served.resident[1],
        resident_loaded_bytes: served.resident[2],
        active: served.active,
        empty_pairs_per_second: served.empty,
        full_pairs_per_second: served.full,
        verify_seconds: replayed.seconds,
        verify_peak_bytes: replayed.peak,
        digest: replayed.digest,
    };
    let json = serde_json::to_string_pretty(&report).map_err(|error| error.to_string())?;
    for (name, text) in [("figures.json", format!("{json}\n")), ("figures.txt", report.to_string())] {
        fs::write(data.join(name), text).map_err(|error| format!("{name}: {error}"))?;
    }
    Ok(report)
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is right")
}

/// Makes the directory, which must be empty, and returns its absolute path, since servers are started with it.
fn fresh(data: &Path) -> Result<PathBuf, String> {
    let wrong = |error: std::io::Error| format!("{}: {error}", data.display());
    fs::create_dir_all(data).map_err(wrong)?;
    if fs::read_dir(data).map_err(wrong)?.next().is_some() {
        return Err(format!("{}: this directory is not empty; name a fresh one", data.display()));
    }
    data.canonicalize().map_err(wrong)
}

/// Fills a directory and waits until its projections have followed.
fn fill_directory(directory: &Path, population: Population, bar: &ProgressBar) -> Result<(), String> {
    load::block_on(async {
        let store = Store::open(directory, Options::default()).map_err(|error| error.to_string())?;
        fill(&store, population, |done| bar.set_position(done)).await?;
        // The projections may be further behind than a reader would wait for.
        let mut reached = -1;
        loop {
            match store.await_projections().await {
                Ok(()) => return Ok(()),
                Err(error) if *store.projections().borrow() == reached => return Err(error.to_string()),
                Err(_) => reached = *store.projections().borrow(),
            }
        }
    })
}

/// Refuses to fill a disk that has no room, as a sample of the same lives says.
fn refuse_the_small(data: &Path, sample: Population, entries: u64) -> Result<(), String> {
    let directory = data.join("sample");
    fill_directory(&directory, sample, &ProgressBar::hidden())?;
    let (journal, views) = sizes(&directory)?;
    fs::remove_dir_all(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let each = (journal + views).div_ceil(sample.entries);
    let (wanted, free) = (each * entries + SPARE, free_bytes(data)?);
    if wanted <= free {
        return Ok(());
    }
    Err(format!(
        "{entries} entries of {each} bytes, and some room to work, are {}; {} are free on the disk of {}",
        mebibytes(wanted),
        mebibytes(free),
        data.display()
    ))
}

/// Returns the free bytes of a disk, as `df` reports them.
fn free_bytes(directory: &Path) -> Result<u64, String> {
    let said = Command::new("df").args(["--output=avail", "--block-size=1"]).arg(directory).output();
    let said = said.map_err(|error| format!("df: {error}"))?;
    let text = String::from_utf8_lossy(&said.stdout);
    let free = text.lines().last().and_then(|line| line.trim().parse().ok());
    free.ok_or_else(|| format!("df says not what is free: {text}{}", String::from_utf8_lossy(&said.stderr)))
}

/// Returns the sizes of the journal's files and of the projections', once their logs are merged into them: the length
/// of a log does not depend on the number of entries.
fn sizes(directory: &Path) -> Result<(u64, u64), String> {
    let (mut journal, mut views) = (0, 0);
    let wrong = |error: std::io::Error| format!("{}: {error}", directory.display());
    Sqlite::empty_logs(directory).map_err(|error| error.to_string())?;
    for file in fs::read_dir(directory).map_err(wrong)? {
        let file = file.map_err(wrong)?;
        let bytes = file.metadata().map_err(wrong)?.len();
        let of_views = file.file_name().to_string_lossy().starts_with("views");
        *if of_views { &mut views } else { &mut journal } += bytes;
    }
    Ok((journal, views))
}

/// Figures of the servers of a soak.
struct ServerFigures {
    ready_ms: Vec<u64>,
    resident: [u64; 3],
    active: usize,
    empty: Vec<u64>,
    full: Vec<u64>,
}

fn measure_servers(plan: &Plan, place: &Place, full: &Path) -> Result<ServerFigures, String> {
    let full = full.to_str().ok_or("the directory's name is not text")?;
    let steps = (TURNS * 3 + 1) as u64;
    let bar = ProgressBar::new(steps).with_style(style("{bar:30} {msg}"));
    let step = |what: &str| {
        bar.inc(1);
        bar.set_message(what.to_owned());
    };
    let mut ready_ms = Vec::new();
    let mut started = || {
        step("starting");
        let stopwatch = Stopwatch::start();
        let server = place.serve(full, &[])?;
        asked_until_ok(&server, READY)?;
        ready_ms.push(stopwatch.elapsed().as_millis() as u64);
        Ok::<_, String>(server)
    };
    for _ in 1..TURNS {
        place.stop(started()?)?;
    }
    let server = started()?;
    let other = place.serve("empty", &[])?;
    asked_until_ok(&other, READY)?;
    let mut bytes = [resident(&other)?, resident(&server)?, 0];
    step("opening workspaces");
    let active = ACTIVE.min(plan.population.workspaces as usize);
    let worlds = [World::new(&other, active)?, World::new(&server, active)?];
    let window = Duration::from_secs_f64(plan.seconds);
    let mut pairs = [Vec::new(), Vec::new()];
    for _ in 0..TURNS {
        for (at, name) in ["empty", "full"].into_iter().enumerate() {
            // This turn must not pay for entries that the turn before has left to be folded.
            asked_until_ok(&server, FOLDED)?;
            asked_until_ok(&other, FOLDED)?;
            step(name);
            let measured = load::measure(&worlds[at].pairs(false), CONNECTIONS, window)?;
            pairs[at].push(measured.rate().pairs_per_second);
        }
    }
    bytes[2] = resident(&server)?;
    place.stop(server)?;
    place.stop(other)?;
    bar.finish_and_clear();
    let [empty, full] = pairs;
    Ok(ServerFigures { ready_ms, resident: bytes, active, empty, full })
}

/// Requests a path until the server answers 200; it listens before it prints its address.
fn asked_until_ok(server: &Server, path: &str) -> Result<(), String> {
    load::block_on(async {
        let mut connection = Connection::open(server.target.address).await?;
        loop {
            connection.begin("GET", path, &server.target.key);
            if connection.send(b"").await?.0 == 200 {
                return Ok(());
            }
        }
    })
}

/// Figures of a replay.
struct ReplayFigures {
    seconds: f64,
    peak: u64,
    digest: String,
}

/// Runs a replay of every entry in another process, and records its memory.
fn replay(full: &Path, bar: &ProgressBar) -> Result<ReplayFigures, String> {
    let this = std::env::current_exe().map_err(|error| format!("this program cannot find itself: {error}"))?;
    let stopwatch = Stopwatch::start();
    let mut command = Command::new(this);
    command.args(["verify", "--json", "--data"]).arg(full).env_remove("SCRIP_DATABASE_URL");
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(|error| error.to_string())?;
    let mut peak = 0;
    while child.try_wait().map_err(|error| error.to_string())?.is_none() {
        peak = peak.max(kibibytes(child.id(), "VmHWM:").unwrap_or(0) * 1_024);
        bar.tick();
        std::thread::sleep(LOOK);
    }
    let seconds = stopwatch.elapsed().as_secs_f64();
    let ended = child.wait_with_output().map_err(|error| error.to_string())?;
    let said: serde_json::Value = serde_json::from_slice(&ended.stdout).map_err(|error| format!("verify: {error}"))?;
    let digest = said["digest"].as_str().filter(|_| ended.status.success());
    let digest = digest.ok_or_else(|| format!("verify found differences: {said}"))?.to_owned();
    Ok(ReplayFigures { seconds, peak, digest })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_without_room_is_refused_before_it_is_filled() {
        let data = fresh(&std::env::temp_dir().join(format!("scrip-soak-{}", std::process::id()))).expect("it is new");
        let sample = Population { entries: 1_000, workspaces: 10 };
        assert_eq!(refuse_the_small(&data, sample, 1_000), Ok(()));
        let refused = refuse_the_small(&data, sample, 1 << 50).expect_err("no disk has that");
        assert!(refused.contains("bytes") && refused.contains("are free on the disk of"), "{refused}");
        fs::write(data.join("something"), "").expect("it can be written");
        assert!(fresh(&data).is_err_and(|error| error.contains("not empty")));
        fs::remove_dir_all(&data).expect("it is ours");
    }
}
