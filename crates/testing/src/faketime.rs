//! Fake time: processes that believe another time than the machine's.

use crate::app::text;
use scrip_engine::Timestamp;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Returns the environment in which a process believes the time in a file.
pub fn fake_environment(file: &Path) -> Vec<(String, String)> {
    let library = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib"]
        .map(|folder| PathBuf::from(folder).join("faketime/libfaketimeMT.so.1"));
    let library = library.iter().find(|path| path.is_file());
    let library = library.expect("libfaketime is needed to set a clock back: apt-get install faketime");
    let set = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    vec![
        set("LD_PRELOAD", &library.to_string_lossy()),
        set("FAKETIME_TIMESTAMP_FILE", &file.to_string_lossy()),
        set("FAKETIME_NO_CACHE", "1"),
        set("DONT_FAKE_MONOTONIC", "1"),
        set("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        set("TZ", "UTC"),
    ]
}

/// Returns the instants of entries.
pub fn instants(entries: &[Value]) -> Vec<Timestamp> {
    entries.iter().map(|entry| text(&entry["at"]).parse().expect("an instant")).collect()
}
