//! Data directory: taken by one process, refused where it is another program's, and probed for room.
//!
//! Invariant: nothing is written before the directory is known to be new or Scrip's.

use crate::Unavailable;
use crate::crypto::{hex, random};
use crate::files;
use rusqlite::{Connection, OpenFlags};
use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

/// First bytes of every SQLite database that has a page.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// Number of bytes that a probe writes: a few pages, since a full disk still has room in a page that is begun.
const PROBE: usize = 16 << 10;

/// Returns `true` when the directory has no journal yet, or does not exist.
///
/// # Errors
/// When the path cannot be a data directory: it is a file, or its files are another program's.
pub(super) fn is_new(directory: &Path) -> Result<bool, Unavailable> {
    let refused = |what: &str| Unavailable(format!("{}: {what}", directory.display()));
    if directory.metadata().is_ok_and(|metadata| !metadata.is_dir()) {
        return Err(refused("it is not a directory; name one, or a place where one can be made"));
    }
    if directory.join("PG_VERSION").exists() {
        return Err(refused("it is the directory of a PostgreSQL cluster; name another one"));
    }
    // The journal is recognized by the list of its migrations, the projections by a table that every version of them
    // had.
    for (name, table) in [("journal.db", "refinery_schema_history"), ("views.db", "runs")] {
        if !is_ours(&directory.join(name), table)? {
            let what = format!("`{name}` in it is another program's, and is not changed; name another directory");
            return Err(refused(&what));
        }
    }
    Ok(directory.join("journal.db").metadata().map_or(true, |file| file.len() == 0))
}

/// Returns `true` for a file that is missing or empty, that has the table, or that has no tables yet.
fn is_ours(path: &Path, table: &str) -> Result<bool, Unavailable> {
    let unreadable = |error: io::Error| Unavailable(format!("{}: {error}", path.display()));
    let mut head = [0; MAGIC.len()];
    let length = match File::open(path) {
        Err(error) if [ErrorKind::NotFound, ErrorKind::NotADirectory].contains(&error.kind()) => return Ok(true),
        Err(error) => return Err(unreadable(error)),
        Ok(mut file) => match file.read(&mut head) {
            Ok(length) => length,
            Err(error) => return Err(unreadable(error)),
        },
    };
    if length == 0 {
        return Ok(true);
    }
    if head != *MAGIC {
        return Ok(false);
    }
    // An error of this closer check is reported when the file is opened for use.
    Ok(tables(path).map_or(true, |tables| tables.is_empty() || tables.iter().any(|name| name == table)))
}

/// Returns the names of a database's tables, without a lock and without a file beside it.
fn tables(path: &Path) -> Result<Vec<String>, rusqlite::Error> {
    let path = path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(format!("file:{path}?immutable=1"), flags)?;
    let mut statement = connection.prepare("SELECT name FROM sqlite_master WHERE type = 'table'")?;
    statement.query_map([], |row| row.get(0))?.collect()
}

/// Takes the directory for this process: a second process must not decide on the same file.
pub(super) fn lock(directory: &Path) -> Result<File, Unavailable> {
    let path = directory.join("lock");
    let file = files::open(&path).map_err(|error| Unavailable(format!("{}: {error}", path.display())))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(Unavailable(format!("{}: another scrip process has this directory open", directory.display())))
        }
        Err(TryLockError::Error(error)) => Err(Unavailable(format!("{}: {error}", path.display()))),
    }
}

/// Files of the journal and of the projections, with their identities when they were opened.
pub(super) struct OpenFiles([(PathBuf, (u64, u64)); 2]);

impl OpenFiles {
    /// Records the identities of the files.
    pub(super) fn of(journal: &Path, views: &Path) -> io::Result<OpenFiles> {
        let opened = |path: &Path| Ok::<_, io::Error>((path.to_owned(), files::identity(path)?));
        Ok(OpenFiles([opened(journal)?, opened(views)?]))
    }

    /// Writes some pages into the directory and deletes them again, and checks that both files are still in place.
    ///
    /// # Errors
    /// When there is no room, nothing can be written, or a file was moved or replaced.
    pub(super) fn probe(&self) -> io::Result<()> {
        for (path, identity) in &self.0 {
            if files::identity(path)? != *identity {
                return Err(io::Error::other(format!("{} is another file than the one opened", path.display())));
            }
        }
        let path = self.0[0].0.with_file_name(format!("probe-{}", hex(&random::<4>())));
        let written = files::create_new(&path).and_then(|mut file| file.write_all(&[0x5c; PROBE]));
        let removed = std::fs::remove_file(&path);
        written.and(removed)
    }
}
