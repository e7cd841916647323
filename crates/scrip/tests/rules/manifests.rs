//! Rules about the packages that we depend on.

use super::Tree;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Maximum number of packages of others that a crate may name in its manifest, those for its tests included.
const DIRECT: usize = 40;
/// Crates with a lower maximum, and the reasons.
const DIRECT_OF: [(&str, usize); 2] = [
    // The engine is the part that people read to know what a credit is.
    ("crates/engine/Cargo.toml", 4),
    // Two databases, their TLS and their migrations; nothing that speaks HTTP.
    ("crates/store/Cargo.toml", 16),
];
/// Maximum number of packages in the lock file: as many as bors has, a service of this kind that is kept small.
const LOCKED: usize = 430;
/// Maximum number of names that are in the lock file more than once. Only goes down.
const TWICE: usize = 12;
/// Packages that the engine is made of.
const ENGINE: [&str; 3] = ["jiff", "serde", "toml"];
/// Packages that the engine may have on demand.
const ENGINE_OPTIONAL: [&str; 1] = ["schemars"];

/// Packages that must not come back, and the reasons.
const BANNED: [(&str, &str); 4] = [
    ("rsa", "its timing leaks keys; the tree has aws-lc-rs"),
    ("openssl-sys", "it needs the system's OpenSSL; the tree has rustls"),
    ("native-tls", "it needs the system's OpenSSL; the tree has rustls"),
    ("chrono", "a second calendar; the tree has jiff"),
];

/// Licences whose terms an Apache-2.0 program can meet by carrying their texts.
const LICENCES: [&str; 13] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Zlib",
];

/// Returns the manifests of the workspace's packages.
fn manifests(tree: &Tree) -> Vec<(String, toml::Table)> {
    let ours = tree.ending("Cargo.toml").filter(|file| file.path.starts_with("crates/"));
    ours.map(|file| (file.path.clone(), file.text.parse().expect("cargo has read this manifest"))).collect()
}

fn table<'a>(manifest: &'a toml::Table, name: &str) -> impl Iterator<Item = (&'a String, &'a toml::Value)> {
    manifest.get(name).and_then(toml::Value::as_table).into_iter().flatten()
}

/// Finds crates that name too many packages of others, tests and build scripts included.
pub fn direct_dependencies_are_few(tree: &Tree) -> Vec<String> {
    let manifests = manifests(tree);
    let name = |manifest: &toml::Table| manifest.get("package")?.get("name")?.as_str().map(str::to_owned);
    let own: BTreeSet<String> = manifests.iter().filter_map(|(_, manifest)| name(manifest)).collect();
    let mut findings = Vec::new();
    for (path, manifest) in &manifests {
        let shipped = DIRECT_OF.iter().find(|(known, _)| known == path).map_or(DIRECT, |(_, most)| *most);
        let all = ["dependencies", "build-dependencies", "dev-dependencies"];
        for (kinds, most) in [(&all[..2], shipped), (&all[..], DIRECT)] {
            let named = kinds.iter().flat_map(|kind| table(manifest, kind)).map(|(name, _)| name);
            let direct: BTreeSet<&String> = named.filter(|name| !own.contains(*name)).collect();
            if direct.len() > most {
                findings.push(format!("{path}: {} direct dependencies; {most} are the most: {direct:?}", direct.len()));
            }
        }
    }
    findings
}

/// Finds packages that the engine depends on, beside serde, toml and jiff.
pub fn the_engine_depends_on_little(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for (path, manifest) in manifests(tree).iter().filter(|(path, _)| path == "crates/engine/Cargo.toml") {
        let mut must = BTreeSet::from(ENGINE);
        for (name, how) in table(manifest, "dependencies") {
            let optional = how.get("optional").and_then(toml::Value::as_bool) == Some(true);
            let on_demand = optional && ENGINE_OPTIONAL.contains(&name.as_str());
            if !must.remove(name.as_str()) && !on_demand {
                findings.push(format!("{path}: `{name}`: the engine is serde, toml and jiff; do this outside it"));
            }
        }
        findings.extend(must.iter().map(|name| format!("{path}: `{name}` is gone: take it off ENGINE as well")));
        if manifest.contains_key("build-dependencies") {
            findings.push(format!("{path}: the engine is built from its own text; no build script"));
        }
    }
    findings
}

/// Finds packages in the lock file that are too many, unpublished, unchecked or unwanted.
pub fn the_lock_file_is_plain(tree: &Tree) -> Vec<String> {
    let Some(file) = tree.file("Cargo.lock") else { return vec!["Cargo.lock: not there: commit it".to_owned()] };
    let lock: toml::Table = file.text.parse().expect("cargo has written this file");
    let packages: Vec<&toml::Value> =
        lock.get("package").and_then(toml::Value::as_array).into_iter().flatten().collect();
    let text =
        |package: &toml::Value, key: &str| package.get(key).and_then(toml::Value::as_str).unwrap_or("").to_owned();
    let mut findings = Vec::new();
    if packages.len() > LOCKED {
        findings.push(format!("Cargo.lock: {} packages; {LOCKED} are the most: drop a dependency", packages.len()));
    }
    let mut versions: BTreeMap<String, usize> = BTreeMap::new();
    for package in packages {
        let (name, source) = (text(package, "name"), text(package, "source"));
        *versions.entry(name.clone()).or_default() += 1;
        if let Some((_, why)) = BANNED.iter().find(|(banned, _)| *banned == name) {
            findings.push(format!("Cargo.lock: `{name}`: {why}; `cargo tree -i {name}` says who brings it"));
        }
        if source.starts_with("git+") {
            findings.push(format!("Cargo.lock: `{name}` comes from a git repository; use a published version"));
        } else if !source.is_empty() && text(package, "checksum").is_empty() {
            findings.push(format!("Cargo.lock: `{name}` has no checksum; use a published version"));
        }
    }
    let twice: Vec<&String> = versions.iter().filter(|(_, count)| **count > 1).map(|(name, _)| name).collect();
    if twice.len() > TWICE {
        let count = twice.len();
        findings.push(format!("Cargo.lock: {count} packages in two versions; {TWICE} are the most: {twice:?}"));
    }
    findings
}

/// Finds packages that are built here without a licence on the list.
pub fn licences_are_known(packages: &[(String, Option<String>)]) -> Vec<String> {
    let mut findings = Vec::new();
    for (name, licence) in packages {
        let Some(licence) = licence else {
            findings.push(format!("Cargo.lock: `{name}` names no licence: read it, then decide whether we can use it"));
            continue;
        };
        if !allowed(licence) {
            let what = "is not on LICENCES in tests/rules/manifests.rs: read it, then add it or drop the package";
            findings.push(format!("Cargo.lock: `{name}`: `{licence}` {what}"));
        }
    }
    findings
}

/// Returns `true` if licences on the list meet an SPDX expression: all sides of an AND, one side of an OR.
fn allowed(expression: &str) -> bool {
    let expression = expression.replace('/', " OR ");
    let mut rest = expression.as_str();
    let met = either(&mut rest);
    met && rest.trim().is_empty()
}

fn either(rest: &mut &str) -> bool {
    let mut met = both(rest);
    while let Some(after) = rest.trim_start().strip_prefix("OR ") {
        *rest = after;
        met |= both(rest);
    }
    met
}

fn both(rest: &mut &str) -> bool {
    let mut met = one(rest);
    while let Some(after) = rest.trim_start().strip_prefix("AND ") {
        *rest = after;
        met &= one(rest);
    }
    met
}

fn one(rest: &mut &str) -> bool {
    let text = rest.trim_start();
    if let Some(inner) = text.strip_prefix('(') {
        *rest = inner;
        let met = either(rest);
        let closed = rest.trim_start().strip_prefix(')');
        *rest = closed.unwrap_or("unclosed");
        return met && closed.is_some();
    }
    let end = |text: &str, word: &str| text.find(word).unwrap_or(text.len());
    let length = end(text, " OR ").min(end(text, " AND ")).min(end(text, ")"));
    *rest = &text[length..];
    LICENCES.contains(&text[..length].trim())
}

/// Returns the packages that are built on this machine, with the licence each names.
pub fn packages_built_here() -> Vec<(String, Option<String>)> {
    let said = run(&["rustc", "-vV"]);
    let host =
        said.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc says what it builds for").to_owned();
    let metadata = ["cargo", "metadata", "--format-version=1", "--locked", "--offline", "--filter-platform"];
    let said = run(&[&metadata[..], &[host.as_str()]].concat());
    let metadata: serde_json::Value = serde_json::from_str(&said).expect("cargo prints JSON");
    let packages = metadata["packages"].as_array().expect("cargo lists packages");
    let text = |package: &serde_json::Value, key: &str| package[key].as_str().map(str::to_owned);
    packages.iter().map(|package| (text(package, "name").unwrap_or_default(), text(package, "license"))).collect()
}

fn run(words: &[&str]) -> String {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).current_dir(super::root());
    let output = command.output().expect("the toolchain that built this test is still there");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {said}\n`cargo fetch --locked` fetches what is missing");
    String::from_utf8(output.stdout).expect("the toolchain prints UTF-8")
}
