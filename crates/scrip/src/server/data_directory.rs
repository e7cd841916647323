//! Checks of the data directory before a start: its form, and the users who may read it.
//!
//! Invariant: no file that is written here stays.

use crate::crypto::{hex, random};
use crate::files;
use crate::store::Store;
use std::io;
use std::path::Path;

/// Refuses a path that cannot be the data directory. With a journal in a database it holds outputs and mails alone.
pub(super) fn check(data: &Path, has_database: bool) -> Result<(), String> {
    if data.as_os_str().is_empty() {
        return Err("it is empty: name a directory".to_owned());
    }
    if has_database {
        if data.metadata().is_ok_and(|metadata| !metadata.is_dir()) {
            return Err(format!("{}: it is no directory; name another place", data.display()));
        }
    } else {
        Store::is_new_directory(data).map_err(|error| error.to_string())?;
    }
    if data.is_symlink() && !data.exists() {
        return Err(format!("{}: it is a link that leads nowhere", data.display()));
    }
    // The nearest existing directory on the path.
    let place = data.ancestors().find(|place| place.exists() && !place.as_os_str().is_empty());
    let place = place.unwrap_or(Path::new("."));
    if !place.is_dir() {
        return Err(format!("{}: it is no directory, and nothing can be made in it", place.display()));
    }
    try_to_write(place).map_err(|error| format!("{}: this user cannot write there: {error}", place.display()))
}

/// Makes a file and deletes it again.
fn try_to_write(place: &Path) -> io::Result<()> {
    let path = place.join(format!(".scrip-{}", hex(&random::<8>())));
    files::create_new(&path)?;
    std::fs::remove_file(path)
}

/// Warns of a directory that every user of the machine may read: it has the secret that signs, and mails.
pub(super) fn warn_of_readers(data: &Path) {
    if let Some(mode) = files::mode_for_others(data) {
        let mode = format!("{mode:04o}");
        tracing::warn!(
            directory = %data.display(),
            mode,
            "every user of this machine may look into the data directory, which has the secret that signs sessions and \
             links: chmod -R go-rwx it"
        );
    }
}
