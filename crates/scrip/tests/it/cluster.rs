//! Foundation of the tests on PostgreSQL: their databases, and the program that starts a cluster for them.

use scrip_testing::postgres::{CLUSTER, PROGRAMS, database, psql, query};
use scrip_testing::program::{Dir, KillOnDrop};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

#[test]
fn two_databases_are_separate() {
    let (one, other) = (database(), database());
    assert_ne!(one.url(), other.url());
    one.query("CREATE TABLE marks (mark int)");
    one.query("INSERT INTO marks VALUES (1), (2)");
    assert_eq!(one.query("SELECT count(*), max(mark) FROM marks"), "2|2");
    assert_eq!(other.query("SELECT to_regclass('marks') IS NULL"), "t", "the other one has no such table");
}

#[test]
fn a_database_goes_away_whoever_is_connected() {
    let kept = database();
    let dropped = database();
    let url = dropped.url().to_owned();
    let mut guest = psql(&url);
    let mut guest = KillOnDrop(guest.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("psql starts"));
    let mut asks = guest.0.stdin.take().expect("it is piped");
    let mut answers = BufReader::new(guest.0.stdout.take().expect("it is piped"));
    asks.write_all(b"SELECT 'connected';\n").expect("psql reads");
    let mut answer = String::new();
    answers.read_line(&mut answer).expect("psql answers");
    assert_eq!(answer, "connected\n");
    drop(dropped);
    let refused = query(&url, "SELECT 1").expect_err("the database is gone");
    assert!(refused.contains("does not exist"), "{refused}");
    assert_eq!(kept.query("SELECT 1"), "1");
}

#[test]
fn without_a_cluster_a_test_fails_and_says_what_to_do() {
    let mut again = Command::new(std::env::current_exe().expect("this program has a path"));
    let output = again.args(["--exact", "cluster::two_databases_are_separate"]).env_remove(CLUSTER).output();
    let output = output.expect("this program starts again");
    assert_eq!(output.status.code(), Some(101), "it fails");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("tests/postgres -- cargo nextest run"), "{said}");
}

/// Returns the program, which is to make its directories in one of ours.
fn program(directory: &Dir, arguments: &[&str]) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut command = Command::new(root.join("tests/postgres"));
    command.args(arguments).env("TMPDIR", directory.path()).env_remove(CLUSTER).env_remove(PROGRAMS);
    command.stdin(Stdio::null());
    command
}

fn run(directory: &Dir, arguments: &[&str]) -> Output {
    program(directory, arguments).output().expect("the program starts")
}

fn is_empty(directory: &Dir) -> bool {
    std::fs::read_dir(directory.path()).expect("the directory can be listed").next().is_none()
}

/// Returns a line of shell that queries the cluster in its environment.
fn asking(sql: &str) -> String {
    format!("\"${PROGRAMS}/psql\" --no-psqlrc -At -c \"{sql}\" \"${CLUSTER}\"")
}

const SETTINGS: &str = "SELECT current_setting('fsync'), current_setting('full_page_writes'),
    current_setting('synchronous_commit'), current_setting('max_connections'), current_setting('listen_addresses'),
    current_setting('unix_socket_directories'), pg_encoding_to_char(encoding)
    FROM pg_database WHERE datname = current_database()";

#[test]
fn a_command_has_a_cluster_that_is_gone_afterwards() {
    let directory = Dir::new();
    let output = run(&directory, &["--", "sh", "-c", &format!("{}; exit 7", asking(SETTINGS))]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "off|off|on|200|127.0.0.1||UTF8\n", "{said}");
    assert_eq!(output.status.code(), Some(7), "it ends as the command does: {said}");
    assert!(is_empty(&directory), "the cluster's directory is gone");
}

#[test]
fn a_durable_cluster_writes_to_the_disk() {
    let directory = Dir::new();
    let output = run(&directory, &["--durable", "--", "sh", "-c", &asking(SETTINGS)]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "on|on|on|200|127.0.0.1||UTF8\n", "{said}");
    assert!(is_empty(&directory), "the cluster's directory is gone");
}

#[test]
fn missing_programs_are_a_failure_that_names_the_package() {
    let directory = Dir::new();
    let nowhere = directory.path().join("nowhere");
    let output = run(&directory, &["--programs", &nowhere.to_string_lossy(), "--", "echo", "it ran"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("install the Debian package postgresql"), "{said}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "", "the command does not run");
    assert!(is_empty(&directory), "nothing is left behind");
}

/// A command that would run for ever, with its cluster.
struct Running {
    program: KillOnDrop,
    output: BufReader<std::process::ChildStdout>,
    server: PathBuf,
    data: PathBuf,
}

impl Running {
    fn start(directory: &Dir) -> Running {
        let script = format!("{}; exec cat /dev/zero >/dev/null", asking("SELECT current_setting('data_directory')"));
        let mut command = program(directory, &["--", "sh", "-c", &script]);
        let mut child: Child = command.stdout(Stdio::piped()).spawn().expect("the program starts");
        let mut output = BufReader::new(child.stdout.take().expect("it is piped"));
        let program = KillOnDrop(child);
        let mut line = String::new();
        output.read_line(&mut line).expect("the command prints text");
        let data = PathBuf::from(line.trim_end());
        assert!(data.starts_with(directory.path()), "{}", data.display());
        let about = std::fs::read_to_string(data.join("postmaster.pid")).expect("the server says who it is");
        let server = Path::new("/proc").join(about.lines().next().expect("its id comes first"));
        assert!(server.exists(), "the server runs");
        Running { program, output, server, data }
    }

    fn signal(&self, signal: &str) {
        let id = self.program.0.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status().expect("kill is there");
        assert!(sent.success(), "it was running");
    }

    /// Waits for the end of all output, at which nothing of the cluster is left; returns how the program ended.
    fn end(mut self) -> std::process::ExitStatus {
        let mut more = String::new();
        // The command and its keeper have this pipe open for as long as they run.
        self.output.read_to_string(&mut more).expect("the end is read");
        assert!(!self.server.exists(), "the server is gone");
        assert!(!self.data.exists(), "its data is gone");
        self.program.0.wait().expect("it is our child")
    }
}

#[test]
fn a_program_that_is_killed_takes_its_cluster_along() {
    let directory = Dir::new();
    let running = Running::start(&directory);
    running.signal("-KILL");
    assert!(!running.end().success());
    assert!(is_empty(&directory), "the cluster's directory is gone");
}

#[test]
fn a_program_that_is_told_to_stop_tells_its_command() {
    for (signal, code) in [("-TERM", 143), ("-INT", 130)] {
        let directory = Dir::new();
        let running = Running::start(&directory);
        running.signal(signal);
        assert_eq!(running.end().code(), Some(code), "{signal}");
        assert!(is_empty(&directory), "the cluster's directory is gone");
    }
}
