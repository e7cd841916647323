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
/// Packages that the engine is made of.
const ENGINE: [&str; 3] = ["jiff", "serde", "toml"];
/// Packages that the engine may have on demand.
const ENGINE_OPTIONAL: [&str; 1] = ["schemars"];

/// Lists of `deny.toml` that the rules about packages read.
pub struct DenyLists {
    licences: BTreeSet<String>,
    banned: BTreeMap<String, String>,
    twice: BTreeSet<String>,
}

impl DenyLists {
    /// Reads the text of `deny.toml`.
    ///
    /// # Panics
    /// When the text is not TOML, or one of the lists is not there.
    pub fn read(text: &str) -> DenyLists {
        let file: toml::Table = text.parse().expect("deny.toml is TOML");
        let list = |table: &str, key: &str| {
            let list = file.get(table).and_then(|table| table.get(key)).and_then(toml::Value::as_array);
            list.unwrap_or_else(|| panic!("deny.toml: no list `{table}.{key}`")).clone()
        };
        let text = |entry: &toml::Value, key: &str| {
            entry.get(key).and_then(toml::Value::as_str).unwrap_or_else(|| panic!("deny.toml: no `{key}`")).to_owned()
        };
        let licences = list("licenses", "allow");
        let licences = licences.iter().map(|name| name.as_str().expect("a licence is a text").to_owned());
        let banned = list("bans", "deny").iter().map(|entry| (text(entry, "crate"), text(entry, "reason"))).collect();
        let twice = list("bans", "skip").iter().map(|entry| text(entry, "crate")).collect();
        DenyLists { licences: licences.collect(), banned, twice }
    }

    /// Returns `true` if licences on the list meet an SPDX expression: all sides of an AND, one side of an OR.
    fn allows(&self, expression: &str) -> bool {
        let expression = expression.replace('/', " OR ");
        let mut rest = expression.as_str();
        let met = self.either(&mut rest);
        met && rest.trim().is_empty()
    }

    fn either(&self, rest: &mut &str) -> bool {
        let mut met = self.both(rest);
        while let Some(after) = rest.trim_start().strip_prefix("OR ") {
            *rest = after;
            met |= self.both(rest);
        }
        met
    }

    fn both(&self, rest: &mut &str) -> bool {
        let mut met = self.one(rest);
        while let Some(after) = rest.trim_start().strip_prefix("AND ") {
            *rest = after;
            met &= self.one(rest);
        }
        met
    }

    fn one(&self, rest: &mut &str) -> bool {
        let text = rest.trim_start();
        if let Some(inner) = text.strip_prefix('(') {
            *rest = inner;
            let met = self.either(rest);
            let closed = rest.trim_start().strip_prefix(')');
            *rest = closed.unwrap_or("unclosed");
            return met && closed.is_some();
        }
        let end = |text: &str, word: &str| text.find(word).unwrap_or(text.len());
        let length = end(text, " OR ").min(end(text, " AND ")).min(end(text, ")"));
        *rest = &text[length..];
        self.licences.contains(text[..length].trim())
    }

    /// Finds packages in two versions that are not on the list, and entries of the list that nothing needs.
    fn check_versions(&self, packages: &[(String, String)]) -> Vec<String> {
        let fits = |entry: &str, (name, version): &(String, String)| {
            let (wanted, from) = entry.split_once('@').unwrap_or((entry, ""));
            name == wanted && version.starts_with(&format!("{from}."))
        };
        let mut unlisted: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for package in packages.iter().filter(|package| !self.twice.iter().any(|entry| fits(entry, package))) {
            unlisted.entry(&package.0).or_default().push(&package.1);
        }
        let many = unlisted.iter().filter(|(_, versions)| versions.len() > 1).map(|(name, versions)| {
            format!("Cargo.lock: `{name}` is there as {versions:?}: use one, or say who needs it in deny.toml")
        });
        let is_idle = |entry: &&String| !packages.iter().any(|package| fits(entry, package));
        let idle = self
            .twice
            .iter()
            .filter(is_idle)
            .map(|entry| format!("deny.toml: `{entry}` is in one version now: take it off the list"));
        many.chain(idle).collect()
    }
}

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
    let Some(denied) = tree.file("deny.toml") else { return vec!["deny.toml: not there: commit it".to_owned()] };
    let denied = DenyLists::read(&denied.text);
    let lock: toml::Table = file.text.parse().expect("cargo has written this file");
    let packages: Vec<&toml::Value> =
        lock.get("package").and_then(toml::Value::as_array).into_iter().flatten().collect();
    let text =
        |package: &toml::Value, key: &str| package.get(key).and_then(toml::Value::as_str).unwrap_or("").to_owned();
    let mut findings = Vec::new();
    if packages.len() > LOCKED {
        findings.push(format!("Cargo.lock: {} packages; {LOCKED} are the most: drop a dependency", packages.len()));
    }
    for package in &packages {
        let (name, source) = (text(package, "name"), text(package, "source"));
        if let Some(why) = denied.banned.get(&name) {
            findings.push(format!("Cargo.lock: `{name}`: {why}; `cargo tree -i {name}` says who brings it"));
        }
        if source.starts_with("git+") {
            findings.push(format!("Cargo.lock: `{name}` comes from a git repository; use a published version"));
        } else if !source.is_empty() && text(package, "checksum").is_empty() {
            findings.push(format!("Cargo.lock: `{name}` has no checksum; use a published version"));
        }
    }
    let versions: Vec<_> = packages.iter().map(|package| (text(package, "name"), text(package, "version"))).collect();
    findings.extend(denied.check_versions(&versions));
    findings
}

/// Finds packages that are built here without a licence on the list.
pub fn licences_are_known(denied: &DenyLists, packages: &[(String, Option<String>)]) -> Vec<String> {
    let mut findings = Vec::new();
    for (name, licence) in packages {
        let Some(licence) = licence else {
            findings.push(format!("Cargo.lock: `{name}` names no licence: read it, then decide whether we can use it"));
            continue;
        };
        if !denied.allows(licence) {
            let what = "is not in deny.toml: read it, then add it or drop the package";
            findings.push(format!("Cargo.lock: `{name}`: `{licence}` {what}"));
        }
    }
    findings
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
