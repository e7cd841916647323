//! A small disk of one test's own, which can be filled up.
//!
//! Invariant: its content is removed with the test, and it takes no room from any other disk.

use crate::app::temporary;
use std::fs::{File, remove_file};
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

/// A small disk of the test's own, in memory.
pub struct Disk(pub PathBuf);

impl Disk {
    pub fn of_megabytes(size: u32) -> Disk {
        Disk::at(temporary(), size)
    }

    /// Mounts a disk at a directory, which must be removed after it.
    pub fn at(directory: PathBuf, size: u32) -> Disk {
        std::fs::create_dir_all(&directory).expect("a directory can be made");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}m"), "tmpfs"]).arg(&directory);
        let output = mount.output().expect("there is a `mount` command");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "a full disk can only be tried where a tmpfs can be mounted, as root: {said}");
        Disk(directory)
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }

    /// Fills the disk up, except for a number of bytes.
    pub fn fill(&self, but: u64) {
        let mut file = File::create(self.ballast()).expect("a file can be made");
        let page = [7; 4096];
        while file.write_all(&page).is_ok() {}
        let length = file.metadata().expect("it is there").len();
        file.set_len(length.saturating_sub(but)).expect("it can be made shorter");
    }

    pub fn free(&self) {
        remove_file(self.ballast()).expect("the ballast is there");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: the server that still has files open there is stopped when its own handle goes.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
        let _ = std::fs::remove_dir(&self.0);
    }
}
