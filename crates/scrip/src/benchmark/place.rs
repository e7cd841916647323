//! Place of a benchmark: a directory for the data, and the servers on it. Both are removed at every end of the
//! benchmark.

use crate::crypto::{OPERATOR_PREFIXES, new_key};
use std::ffi::{OsStr, OsString};
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
    /// Directory of the data.
    pub directory: PathBuf,
    /// Database server of the data, if they are not in the directory.
    pub database_url: Option<OsString>,
    database_ca: Option<OsString>,
    children: Mutex<Vec<Child>>,
}

/// A server that is ready for requests.
pub struct Server {
    /// Identifier of its process.
    pub id: u32,
    /// Address and key of the server.
    pub target: Target,
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

impl Place {
    /// Makes the directory for the data.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn make(parent: &Path, database_url: Option<String>, database_ca: Option<PathBuf>) -> Result<Place, String> {
        let (database_url, database_ca) = (database_url.map(OsString::from), database_ca.map(OsString::from));
        let directory = parent.join(format!(".scrip-benchmark-{}", std::process::id()));
        fs::create_dir_all(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
        let place = Place { directory, database_url, database_ca, children: Mutex::default() };
        let catalog = place.catalog();
        fs::write(&catalog, CATALOG).map_err(|error| format!("{}: {error}", catalog.display()))?;
        Ok(place)
    }

    /// Returns the path of the catalog's file.
    pub fn catalog(&self) -> PathBuf {
        self.directory.join("catalog.toml")
    }

    /// Starts a server on the data under a name, with more options.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn serve(&self, data: &str, more: &[&OsStr]) -> Result<Server, String> {
        let (catalog, data) = (self.catalog(), self.directory.join(data));
        let mut arguments: Vec<&OsStr> = ["serve", "--listen", "127.0.0.1:0", "--log", "error"].map(OsStr::new).into();
        arguments.extend(["--catalog".as_ref(), catalog.as_os_str(), "--data".as_ref(), data.as_os_str()]);
        for (name, value) in [("--database-url", &self.database_url), ("--database-ca", &self.database_ca)] {
            arguments.extend(value.iter().flat_map(|value| [name.as_ref(), value.as_os_str()]));
        }
        self.start(&[&arguments, more].concat())
    }

    /// Starts the echo server, the ceiling of a measurement.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn echo(&self) -> Result<Server, String> {
        self.start(&["benchmark".as_ref(), "--echo".as_ref()])
    }

    fn start(&self, arguments: &[&OsStr]) -> Result<Server, String> {
        let this = std::env::current_exe().map_err(|error| format!("this program cannot find itself: {error}"))?;
        let (mut command, key) = (Command::new(this), new_key(OPERATOR_PREFIXES[0]));
        // Nothing of the caller's own configuration may reach a server that is measured.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SCRIP_")) {
            command.env_remove(name);
        }
        command.args(arguments).env("SCRIP_OPERATOR_KEY", &key).stdin(Stdio::null()).stdout(Stdio::piped());
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
                return Ok(Server { id, target: Target { address, key }, _output: output });
            }
        }
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
