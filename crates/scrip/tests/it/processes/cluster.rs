//! A cluster of one test's own, which may be killed, frozen and kept waiting without an effect on any other test.
//!
//! Invariant: it writes to the disk as production does, and comes back on the same data and the same port.

use scrip_testing::app::root;
use scrip_testing::postgres::{Database, PROGRAMS, database_of, query};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A cluster of PostgreSQL.
pub struct Cluster {
    program: Child,
    url: String,
    data: PathBuf,
}

impl Cluster {
    /// Starts a cluster that is started again when it is killed.
    pub fn start() -> Cluster {
        Cluster::start_in(&std::env::temp_dir())
    }

    /// Starts such a cluster, with all its files in a directory.
    pub fn start_in(directory: &Path) -> Cluster {
        Cluster::with(directory, &[])
    }

    /// Starts such a cluster, with more options.
    pub fn with(directory: &Path, options: &[&str]) -> Cluster {
        let mut command = Command::new(root().join("tests/postgres"));
        command.args(["--durable", "--restart"]).args(options).stdin(Stdio::piped()).stdout(Stdio::piped());
        command.env("TMPDIR", directory);
        if let Some(programs) = std::env::var_os(PROGRAMS) {
            command.arg("--programs").arg(programs);
        }
        // The cluster ends when no process can write to this pipe any more, after any end of this test.
        command.args(["--", "sh", "-c", "echo $SCRIP_TEST_POSTGRES; exec cat"]);
        let mut program = command.spawn().expect("tests/postgres starts");
        let mut line = String::new();
        let said = BufReader::new(program.stdout.as_mut().expect("it is piped")).read_line(&mut line);
        let url = line.trim_end();
        assert!(url.starts_with("postgres://"), "{said:?}: {line}");
        let data = query(url, "SHOW data_directory").expect("the cluster answers");
        Cluster { url: url.to_owned(), data: PathBuf::from(data), program }
    }

    /// Creates a new database in it.
    pub fn database(&self) -> Database {
        database_of(&self.url)
    }

    /// Returns its own address, of no test's database.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns its processes, the first of which starts all others.
    fn processes(&self) -> Vec<String> {
        let about = std::fs::read_to_string(self.data.join("postmaster.pid")).expect("the server says who it is");
        let first = about.lines().next().expect("its id comes first").to_owned();
        let children = std::fs::read_to_string(format!("/proc/{first}/task/{first}/children")).unwrap_or_default();
        let children: Vec<String> = children.split_whitespace().map(str::to_owned).collect();
        [first].into_iter().chain(children).collect()
    }

    fn signal(&self, signal: &str) {
        // A child may have ended since, and `kill` reports an error then.
        let sent = Command::new("kill").arg(signal).args(self.processes()).stderr(Stdio::null()).status();
        sent.expect("kill is there");
    }

    /// Kills the cluster, as a power cut does.
    pub fn kill(&self) {
        self.signal("-KILL");
    }

    /// Freezes it for a while: connections stay, and none is answered.
    pub fn freeze(&self) -> Freeze<'_> {
        self.signal("-STOP");
        Freeze(self)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.program.stdin.take());
        let _ = self.program.wait();
    }
}

/// A cluster that is frozen for as long as this lives.
pub struct Freeze<'a>(&'a Cluster);

impl Drop for Freeze<'_> {
    fn drop(&mut self) {
        self.0.signal("-CONT");
    }
}
