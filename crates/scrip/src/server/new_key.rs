//! Operator key of a first start: shown on a terminal, or else left in a file for the operator alone.
//!
//! Invariant: the key is never written to a pipe, since its reader stores it: a service manager's journal, the log of a
//! container.

use crate::crypto::{hex, random};
use crate::files;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

/// Name of the key's file, in the data directory.
const FILE: &str = "operator-key";

/// A new operator key, in the form in which the operator gets it.
pub enum NewKey {
    /// Key that is shown on the terminal.
    Shown(String),
    /// Path of a file of mode 0600 with the key.
    Kept(PathBuf),
}

impl NewKey {
    /// Writes a key to a file in the data directory, unless it can be shown.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn of(key: &str, data: &Path) -> Result<NewKey, String> {
        if io::stdout().is_terminal() {
            return Ok(NewKey::Shown(key.to_owned()));
        }
        let path = write(data, key).map_err(|error| format!("{}: {error}", data.join(FILE).display()))?;
        Ok(NewKey::Kept(path))
    }

    /// Deletes the file, since the key is not valid.
    pub(super) fn forget(self) {
        if let NewKey::Kept(path) = self {
            // A reader of the file in between has a key that is valid nowhere.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Writes the key into a new file and returns its path. A file that exists already may belong to another process that
/// starts on the same database: it is left unchanged.
fn write(data: &Path, key: &str) -> io::Result<PathBuf> {
    let mut path = data.join(FILE);
    let mut file = match files::create_new(&path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            path = data.join(format!("{FILE}-{}", hex(&random::<4>())));
            files::create_new(&path)?
        }
        made => made?,
    };
    writeln!(file, "{key}")?;
    file.sync_all()?;
    Ok(path)
}

impl fmt::Display for NewKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NewKey::Shown(key) => write!(f, "Your operator key, shown this once: {key}"),
            NewKey::Kept(path) => write!(f, "Your operator key is in {}: keep it, and delete the file", path.display()),
        }
    }
}
