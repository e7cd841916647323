//! Place of a benchmark: a directory for the data, and the servers on it. Both are removed at every end of the
//! benchmark.

use crate::crypto::{OPERATOR_PREFIXES, new_key};
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Mutex, MutexGuard};

/// Text that a server prints before its address.
pub const LISTENS: &str = "Scrip listens on ";
/// Catalog of all measurements, as TOML.
pub const CATALOG: &str = include_str!("../../../../catalogs/canvas-tiers.toml");

/// Directory of the data, and the processes that run on it.
pub struct Place {
    directory: PathBuf,
    database_url: Option<String>,
    database_ca: Option<PathBuf>,
    children: Mutex<Vec<Child>>,
}

/// A server that is ready for requests.
pub struct Server {
    id: u32,
    /// Address that the server listens on.
    pub address: SocketAddr,
    /// Operator key of the server.
    pub key: String,
    _output: BufReader<ChildStdout>,
}

/// Address and key of a running server.
#[derive(Clone, Debug)]
pub struct Target {
    /// Address that the server listens on.
    pub address: SocketAddr,
    /// Operator key of the server.
    pub key: String,
}

impl Target {
    /// Returns the target of a server.
    pub fn of(server: &Server) -> Target {
        Target { address: server.address, key: server.key.clone() }
    }
}

impl Place {
    /// Makes the directory for the data.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn make(parent: &Path, database_url: Option<String>, database_ca: Option<PathBuf>) -> Result<Place, String> {
        let directory = parent.join(format!(".scrip-benchmark-{}", std::process::id()));
        fs::create_dir_all(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
        let place = Place { directory, database_url, database_ca, children: Mutex::default() };
        let catalog = place.catalog();
        fs::write(&catalog, CATALOG).map_err(|error| format!("{}: {error}", catalog.display()))?;
        Ok(place)
    }

    /// Returns the directory of the data.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Returns the path of the catalog's file.
    pub fn catalog(&self) -> PathBuf {
        self.directory.join("catalog.toml")
    }

    /// Starts a server on the data under a name.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn serve(&self, data: &str) -> Result<Server, String> {
        self.serve_with(data, &[])
    }

    /// Starts a server with options that only a benchmark uses.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn serve_with(&self, data: &str, more: &[&OsStr]) -> Result<Server, String> {
        let mut command = this_binary()?;
        command.arg("serve").args(["--listen", "127.0.0.1:0", "--log", "error"]);
        command.args(more);
        command.arg("--catalog").arg(self.catalog()).arg("--data").arg(self.directory.join(data));
        if let Some(url) = &self.database_url {
            command.arg("--database-url").arg(url);
        }
        if let Some(ca) = &self.database_ca {
            command.arg("--database-ca").arg(ca);
        }
        self.start(command)
    }

    /// Starts the echo server, the ceiling of a measurement.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn echo(&self) -> Result<Server, String> {
        let mut command = this_binary()?;
        command.args(["benchmark", "--echo"]);
        self.start(command)
    }

    fn start(&self, mut command: Command) -> Result<Server, String> {
        let key = new_key(OPERATOR_PREFIXES[0]);
        // Nothing of the caller's own configuration may reach a server that is measured.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SCRIP_")) {
            command.env_remove(name);
        }
        command.env("SCRIP_OPERATOR_KEY", &key).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("the server does not start: {error}"))?;
        let id = child.id();
        let output = child.stdout.take();
        self.children().push(child);
        let mut output = BufReader::new(output.ok_or("the server has no output")?);
        let mut line = String::new();
        loop {
            line.clear();
            if output.read_line(&mut line).map_err(|error| error.to_string())? == 0 {
                return Err("the server ended before it was up".to_owned());
            }
            if let Some(url) = line.trim().strip_prefix(LISTENS) {
                let address = url.trim_start_matches("http://").parse();
                let address = address.map_err(|error| format!("the server listens on {url}: {error}"))?;
                return Ok(Server { id, address, key, _output: output });
            }
        }
    }

    /// Returns a server's resident memory, in bytes.
    ///
    /// # Errors
    /// When the system does not say it.
    pub fn resident(&self, server: &Server) -> Result<u64, String> {
        let path = format!("/proc/{}/status", server.id);
        let status = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes = line.and_then(|line| line.trim().strip_suffix("kB")).and_then(|n| n.trim().parse::<u64>().ok());
        Ok(kibibytes.ok_or_else(|| format!("{path} has no VmRSS"))? * 1_024)
    }

    /// Stops a server at once: every entry that it acknowledged is on the disk.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn stop(&self, server: Server) -> Result<(), String> {
        let mut children = self.children();
        let Some(index) = children.iter().position(|child| child.id() == server.id) else { return Ok(()) };
        let mut child = children.swap_remove(index);
        let _ = child.kill();
        child.wait().map(|_| ()).map_err(|error| error.to_string())
    }

    /// Stops all servers and removes all data.
    pub fn clear(&self) {
        for mut child in self.children().drain(..) {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = fs::remove_dir_all(&self.directory);
    }

    fn children(&self) -> MutexGuard<'_, Vec<Child>> {
        self.children.lock().expect("no thread panics while it has the children")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.clear();
    }
}

fn this_binary() -> Result<Command, String> {
    std::env::current_exe().map(Command::new).map_err(|error| format!("this program cannot find itself: {error}"))
}
