//! PostgreSQL databases of tests' own in the cluster that `tests/postgres` starts.
//!
//! Invariant: without a cluster a test fails and says how to start one; it is never skipped.

use std::ffi::OsString;
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Variable with the address of the cluster.
pub const CLUSTER: &str = "SCRIP_TEST_POSTGRES";
/// Variable with the directory of the cluster's programs; without it, they are on the path.
pub const PROGRAMS: &str = "SCRIP_TEST_POSTGRES_BIN";

/// A database that is dropped with the test, even if connections to it are open.
pub struct Database {
    name: String,
    url: String,
    cluster: String,
    /// `true` for another way to a database that its owner drops.
    is_guest: bool,
}

/// Creates a new and empty database of the test's own.
pub fn database() -> Database {
    database_of(&cluster())
}

fn cluster() -> String {
    std::env::var(CLUSTER).unwrap_or_else(|_| {
        panic!("{CLUSTER} names no cluster: run `make test`, or `tests/postgres -- cargo nextest run` for some tests")
    })
}

/// Creates a new and empty database in a cluster.
pub fn database_of(cluster: &str) -> Database {
    // Every test is a process, so a counter would not do.
    let name = format!("scrip_test_{:016x}", RandomState::new().hash_one("database"));
    // Connections to this template are not allowed, and a template with an open connection cannot be copied.
    query(cluster, &format!("CREATE DATABASE {name} TEMPLATE template0")).expect("the cluster makes databases");
    let url = database_address(cluster, &name);
    Database { name, url, cluster: cluster.to_owned(), is_guest: false }
}

impl Database {
    /// Returns the address of the database.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the host and port of its server.
    pub fn server(&self) -> &str {
        let address = self.url.split("://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
        address.rsplit('@').next().unwrap_or_default()
    }

    /// Returns the same database, reached through a proxy at another address.
    pub fn through(&self, address: &str) -> Database {
        let url = self.url.replacen(self.server(), address, 1);
        Database { name: self.name.clone(), url, cluster: self.cluster.clone(), is_guest: true }
    }

    /// Returns the same database in a copy of its cluster, which ends with the copy.
    pub fn beside(&self, cluster: &str) -> Database {
        let url = database_address(cluster, &self.name);
        Database { name: self.name.clone(), url, cluster: cluster.to_owned(), is_guest: true }
    }

    /// Runs a statement, and returns its rows, one a line, with columns separated by `|`.
    pub fn query(&self, sql: &str) -> String {
        query(&self.url, sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if self.is_guest {
            return;
        }
        let dropped = query(&self.cluster, &format!("DROP DATABASE {} WITH (FORCE)", self.name));
        // A test that fails already reports its own failure.
        assert!(dropped.is_ok() || std::thread::panicking(), "{dropped:?}");
    }
}

/// A role without any rights yet. It must be created before the database in which it gets rights: values are dropped in
/// the reverse order.
pub struct Role(String);

impl Role {
    /// Creates a role with a unique name.
    #[allow(clippy::new_without_default, reason = "it is made in the cluster, not from nothing")]
    pub fn new() -> Role {
        let name = format!("scrip_role_{:016x}", RandomState::new().hash_one("role"));
        query(&cluster(), &format!("CREATE ROLE {name} LOGIN")).expect("the cluster makes roles");
        Role(name)
    }

    /// Returns the name of the role.
    pub fn name(&self) -> &str {
        &self.0
    }

    /// Returns the address of a database, for this role.
    pub fn url(&self, database: &Database) -> String {
        let (scheme, rest) = database.url().split_once("://").expect("an address");
        let place = rest.split_once('@').map_or(rest, |(_, place)| place);
        format!("{scheme}://{}@{place}", self.0)
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        let dropped = query(&cluster(), &format!("DROP ROLE {}", self.0));
        assert!(dropped.is_ok() || std::thread::panicking(), "{dropped:?}");
    }
}

/// Runs a statement in the database at an address, and returns its rows or the error of `psql`.
pub fn query(url: &str, sql: &str) -> Result<String, String> {
    let output = psql(url).args(["--command", sql]).output().map_err(|error| format!("psql: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// Returns a program of PostgreSQL, without the environment of the user.
pub fn program(name: &str) -> Command {
    let programs = std::env::var_os(PROGRAMS).map(PathBuf::from).unwrap_or_default();
    let mut command = Command::new(programs.join(name));
    let told = std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PG"));
    let told: Vec<OsString> = told.map(|(name, _)| name).collect();
    for name in told {
        command.env_remove(name);
    }
    command
}

/// Returns `psql` on the database at an address, without the environment and files of the user.
pub fn psql(url: &str) -> Command {
    let mut command = program("psql");
    command.args([
        "--no-psqlrc",
        "--quiet",
        "--tuples-only",
        "--no-align",
        "--set",
        "ON_ERROR_STOP=1",
        "--dbname",
        url,
    ]);
    command.env("LC_ALL", "C").stdin(Stdio::null());
    command
}

/// Returns the address of another database of the same cluster.
fn database_address(cluster: &str, name: &str) -> String {
    let (address, options) = cluster.split_at(cluster.find('?').unwrap_or(cluster.len()));
    let from = address.find("://").map_or(0, |scheme| scheme + 3);
    let end = address[from..].find('/').map_or(address.len(), |path| from + path);
    format!("{}/{name}{options}", &address[..end])
}
