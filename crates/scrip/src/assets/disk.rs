//! Stored outputs: files named by their hash, each complete or missing.
//!
//! Invariant: once `store` has answered, the bytes are on the disk: the copy exists before the capture (R14).

use crate::crypto::{hex, random, sha256};
use scrip_store::files;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A directory of stored outputs.
#[derive(Debug)]
pub struct Assets {
    directory: PathBuf,
}

impl Assets {
    /// Opens the outputs in a directory, which is made if it is missing.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub fn open(directory: &Path) -> io::Result<Assets> {
        files::make_directory(directory)?;
        Ok(Assets { directory: directory.to_owned() })
    }

    /// Stores bytes and returns their hash. The same bytes again are the same file.
    ///
    /// # Errors
    /// When the disk does not take them; then there is no file of their name.
    pub async fn store(&self, bytes: Vec<u8>) -> io::Result<String> {
        let name = hex(&sha256(&[&bytes]));
        let (folder, path) = self.path(&name);
        let temporary = folder.join(format!("{}.part", hex(&random::<8>())));
        let write = move || -> io::Result<()> {
            if path.exists() {
                return Ok(());
            }
            files::make_directory(&folder)?;
            let written = write_whole(&temporary, &bytes).and_then(|()| std::fs::rename(&temporary, &path));
            if written.is_err() {
                let _ = std::fs::remove_file(&temporary);
            }
            written?;
            File::open(&folder)?.sync_all()
        };
        tokio::task::spawn_blocking(write).await.map_err(io::Error::other)??;
        Ok(name)
    }

    /// Reads a file by its hash.
    ///
    /// # Errors
    /// When the file is missing or cannot be read.
    pub async fn read(&self, sha256: &str) -> io::Result<Vec<u8>> {
        let (_, path) = self.path(sha256);
        tokio::task::spawn_blocking(move || std::fs::read(path)).await.map_err(io::Error::other)?
    }

    /// Returns the folder and the path of a hash. Hashes are the only names, so no name can lead out of the directory.
    fn path(&self, sha256: &str) -> (PathBuf, PathBuf) {
        let safe: String = sha256.chars().filter(char::is_ascii_hexdigit).collect();
        let folder = self.directory.join(safe.get(..2).unwrap_or("00"));
        let path = folder.join(&safe);
        (folder, path)
    }
}

fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = files::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
