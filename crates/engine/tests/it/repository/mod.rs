//! The repository as the tests of its documents read it: its texts, and the proofs that a test run runs.
//!
//! **Invariant:** nothing is read that a build or an installer has written.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A text file, by its path from the repository's root.
pub struct File {
    pub path: String,
    pub text: String,
}

impl File {
    /// Returns true if the file is a scenario that `scenarios.rs` runs.
    pub fn is_scenario(&self) -> bool {
        self.path.starts_with("crates/engine/tests/scenarios/") && self.path.ends_with(".txt")
    }
}

/// Endings of the text files that are read.
const ENDINGS: [&str; 6] = ["rs", "md", "txt", "toml", "sql", "py"];

/// Returns the repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the crate is inside the repository")
}

/// Reads one file of the repository.
pub fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("`{path}`: {error}"))
}

/// Reads every text file of the repository, in the order of their paths.
pub fn files() -> Vec<File> {
    let root = root();
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("the folder was listed") {
            let path = entry.expect("an entry of a folder can be read").path();
            let name = path.file_name().and_then(|name| name.to_str()).expect("our file names are UTF-8");
            if name.starts_with('.') || ["target", "node_modules"].contains(&name) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ENDINGS.iter().any(|known| ending == *known)) {
                let inside = path.strip_prefix(&root).expect("the folder is inside the repository");
                let text = std::fs::read_to_string(&path).expect("our texts are UTF-8");
                found.push(File { path: inside.to_str().expect("our file names are UTF-8").to_owned(), text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// Returns the path of every scenario among the files.
pub fn scenarios(files: &[File]) -> BTreeSet<String> {
    files.iter().filter(|file| file.is_scenario()).map(|file| file.path.clone()).collect()
}

/// Checks that a proof is something that a test run runs: a scenario, or a test function as `file.rs::name`.
pub fn check_proof(proof: &str, scenarios: &BTreeSet<String>) -> Result<(), String> {
    let Some((file, name)) = proof.split_once("::") else {
        return match scenarios.contains(proof) {
            true => Ok(()),
            false => Err(format!("`{proof}` is not a scenario that scenarios.rs runs")),
        };
    };
    let text = std::fs::read_to_string(root().join(file)).map_err(|error| format!("`{file}`: {error}"))?;
    let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
    let is_test = |pair: &[&str]| {
        let function = pair[1].strip_prefix("async ").unwrap_or(pair[1]);
        let marked = pair[0] == "#[test]" || pair[0].starts_with("#[tokio::test");
        marked && function.starts_with(&format!("fn {name}()"))
    };
    match lines.windows(2).any(is_test) {
        true => Ok(()),
        false => Err(format!("`{file}` has no test `{name}`")),
    }
}
