//! Files and directories of the data directory, made for the user that runs the server alone.
//!
//! Invariant: nothing is made here that another user of the machine may read, whatever the process's umask.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

/// Bits of a mode that let every user of the machine read, write or enter.
const OTHERS: u32 = 0o007;

/// Makes a directory and those above it that are missing, each with mode 0700. One that exists keeps its mode.
///
/// # Errors
/// When the system does not make it.
pub fn make_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Makes an empty file with mode 0600, or empties a file that exists.
///
/// # Errors
/// When the system does not make it.
pub fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

/// Makes a file with mode 0600, which must not exist yet.
///
/// # Errors
/// When the file exists, or the system does not make it.
pub fn create_new(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Opens a file for writing; a missing one is made with mode 0600, and a present one keeps its content.
///
/// # Errors
/// When the system does not open it.
pub fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// Returns the mode of a file or directory that every user of the machine may read, write or enter.
pub fn mode_for_others(path: &Path) -> Option<u32> {
    let mode = path.metadata().ok()?.mode() & 0o7777;
    (mode & OTHERS != 0).then_some(mode)
}

/// Returns the device and the number of a file: two names of one file have the same.
///
/// # Errors
/// When there is no such file.
pub fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = path.metadata()?;
    Ok((metadata.dev(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn what_is_made_is_its_owners_alone_and_what_exists_keeps_its_mode() {
        let place = std::env::temp_dir().join(format!("scrip-files-{}", std::process::id()));
        let inner = place.join("a/b");
        make_directory(&inner).expect("it can be made");
        for directory in [&place, &place.join("a"), &inner] {
            assert_eq!(mode_for_others(directory), None, "{}", directory.display());
            assert_eq!(directory.metadata().expect("it is there").mode() & 0o777, 0o700);
        }
        let mode = |path: &Path| path.metadata().expect("it is there").mode() & 0o777;
        let file = inner.join("file");
        create_new(&file).expect("it can be made").write_all(b"kept").expect("there is room");
        assert!(create_new(&file).is_err());
        open(&file).expect("it is there");
        assert_eq!((mode(&file), std::fs::read(&file).expect("it is there")), (0o600, b"kept".to_vec()));
        create(&file).expect("it is there");
        assert_eq!(std::fs::read(&file).expect("it is there"), b"");
        open(&inner.join("other")).expect("it can be made");
        assert_eq!(mode(&inner.join("other")), 0o600);
        std::fs::set_permissions(&inner, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("it is ours");
        make_directory(&inner).expect("it is there");
        assert_eq!(mode_for_others(&inner), Some(0o755));
        assert_ne!(identity(&file).expect("there"), identity(&inner.join("other")).expect("there"));
        std::fs::remove_dir_all(&place).expect("it is ours");
    }
}
