//! Real servers for tests: the built binary, on a free port, on a directory of its own.

use serde_json::Value;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// Maximum number of readiness requests to a starting server.
const TRIES: u32 = 50;

/// A directory that is removed with the test.
pub struct Dir(PathBuf);

impl Dir {
    pub fn new() -> Dir {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let unique = format!("scrip-test-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(unique);
        std::fs::create_dir_all(&path).expect("a temporary directory can be made");
        Dir(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// A running server. Dropping it kills it.
pub struct Server {
    pub url: String,
    pub key: String,
    pub dir: Dir,
    child: KillOnDrop,
}

impl Server {
    /// Starts a server on a catalog: a file, or the name of a shipped one.
    pub fn start(catalog: &str) -> Server {
        Server::start_in(Dir::new(), catalog)
    }

    /// Starts a server on a directory, for the first time or again.
    pub fn start_in(dir: Dir, catalog: &str) -> Server {
        let key = output(scrip(&["keys", "new"])).trim().to_owned();
        let mut command =
            scrip(&["serve", "--catalog", catalog, "--listen", "127.0.0.1:0", "--log", "warn", "--operator-key", &key]);
        command.arg("--data").arg(dir.path().join("data"));
        let (child, lines) = spawn(command, |line| line.starts_with("Scrip listens on "));
        let url = lines
            .last()
            .and_then(|line| line.strip_prefix("Scrip listens on "))
            .expect("it says where it listens")
            .to_owned();
        ready(&url);
        Server { url, key, dir, child }
    }

    /// Returns the data directory of the server.
    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// Returns a command of the binary for this server.
    pub fn scrip(&self, arguments: &[&str]) -> Command {
        let mut command = scrip(arguments);
        command.env("SCRIP_URL", &self.url).env("SCRIP_KEY", &self.key);
        command
    }

    /// Returns a client of this server.
    pub fn client(&self) -> scrip_client::Client {
        scrip_client::Client::new(&self.url, &self.key).expect("the address is good")
    }

    /// Runs a verb, which must succeed, and returns its output.
    pub fn says(&self, arguments: &[&str]) -> String {
        output(self.scrip(arguments))
    }

    /// Runs a verb with `--json`, and returns its output.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let text = self.says(&[arguments, &["--json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    pub fn open(&self, plan: &[&str]) -> String {
        let opened = self.json(&[&["workspaces", "open", "Ada", "--email", "ada@example.com"], plan].concat());
        opened["id"].as_str().expect("an id").to_owned()
    }

    /// Stops the server as an operator does, and returns its directory.
    pub fn stop(self) -> Dir {
        let Server { dir, mut child, .. } = self;
        terminate(&mut child.0);
        dir
    }
}

/// Asks a process to stop and waits until it has.
pub fn terminate(child: &mut Child) {
    let asked = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("kill is there");
    assert!(asked.success(), "it was running");
    let ended = child.wait().expect("it is our child");
    assert!(ended.success(), "it stops in order: {ended}");
}

/// A process that does not outlive the test.
pub struct KillOnDrop(pub Child);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        // A child that has been waited for is gone; neither call affects another process then.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Returns the path of the built binary, which cargo puts one folder above the program of a test.
pub fn binary() -> PathBuf {
    let test = std::env::current_exe().expect("this program has a path");
    let built = test.parent().and_then(Path::parent).expect("tests are built in a folder").join("scrip");
    assert!(built.exists(), "there is no {}: `cargo build --package scrip --features demo`", built.display());
    built
}

/// Returns a command of the built binary, without the environment of the tests.
pub fn scrip(arguments: &[&str]) -> Command {
    let mut command = without_settings(binary());
    command.args(arguments);
    command
}

/// Returns a command without the settings in the environment of the tests.
pub fn without_settings(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    let told = std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SCRIP_"));
    for (name, _) in told {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

/// Runs a command, which must succeed, and returns its output.
pub fn output(mut command: Command) -> String {
    let Output { status, stdout, stderr } = command.output().expect("it can be started");
    assert!(status.success(), "{command:?}: {status}\n{}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).expect("it prints text")
}

/// Runs a command, which must fail, and returns the exit code and standard error.
pub fn failure(mut command: Command) -> (i32, String) {
    let Output { status, stderr, .. } = command.output().expect("it can be started");
    (status.code().expect("it exits by itself"), String::from_utf8_lossy(&stderr).into_owned())
}

/// Starts a command and reads lines up to the last one that is waited for.
pub fn spawn(mut command: Command, is_last: impl Fn(&str) -> bool) -> (KillOnDrop, Vec<String>) {
    let mut child = KillOnDrop(command.stdout(Stdio::piped()).spawn().expect("the binary is built"));
    let mut lines = Vec::new();
    let mut reader = BufReader::new(child.0.stdout.take().expect("it is piped"));
    loop {
        let mut line = String::new();
        let read = reader.read_line(&mut line).expect("it prints text");
        assert!(read > 0, "it ended: {lines:#?}");
        lines.push(line.trim_end_matches('\n').to_owned());
        if lines.last().is_some_and(|line| is_last(line)) {
            return (child, lines);
        }
    }
}

/// Waits until the server is ready. It listens before it prints its address, so a request waits for it and no pause is
/// needed.
fn ready(url: &str) {
    let address = url.strip_prefix("http://").expect("it has no certificate");
    let is_ready = |_: u32| -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: scrip\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer.starts_with("HTTP/1.1 200"))
    };
    assert!((0..TRIES).any(|n| is_ready(n).unwrap_or(false)), "{url} was not ready after {TRIES} tries");
}
