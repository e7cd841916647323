//! Rules about modules: the others that each may know, and that every file is used.

use super::{File, Tree, line_of, words};
use std::collections::{BTreeMap, BTreeSet};

/// Directory of the server's modules.
const SRC: &str = "crates/scrip/src/";
/// Directory of the store's modules.
const STORE: &str = "crates/store/src/";

/// Modules of a crate and, for each, the modules of the same crate that it may know.
type Arrows = [(&'static str, &'static [&'static str])];

/// Modules of the store's crate that stand for themselves in the server's lists; the rest of that crate is `store`.
const SHARED: [&str; 2] = ["clock", "files"];

/// Modules of the server, each with the others that it may know, from the bottom up: a module may know only modules
/// of its own folder and those whose folder stands before it. A file with an entry of its own (`people::oidc`) is held
/// to that entry, also within its folder. A module that is not listed is at the top, beside `cli`: it may know every
/// other, and none that is listed may know it.
const ARROWS: &Arrows = &[
    ("crypto", &["store::crypto"]),
    ("outbound", &[]),
    ("config", &["outbound"]),
    ("ledger", &["crypto", "store"]),
    // The driver knows no task. A subject's own work is beside the subject, and the server's list joins them.
    ("jobs", &["clock", "ledger", "store"]),
    ("history", &["store"]),
    ("operate", &[]),
    ("operate::acts", &["store"]),
    ("operate::alerts", &["store"]),
    ("operate::export", &[]),
    ("operate::first_key", &["clock", "crypto", "files", "operate::operator_keys", "store"]),
    ("operate::operator_keys", &["clock", "crypto", "ledger", "operate::acts", "store"]),
    ("operate::switches", &["ledger", "operate::acts", "store"]),
    ("operate::verify", &["clock", "crypto", "store"]),
    ("people", &[]),
    ("people::email", &[]),
    ("people::allowances", &["crypto", "people::email", "store"]),
    ("people::blocks", &["operate::acts", "people::email", "store"]),
    ("people::oidc", &["config", "crypto", "outbound"]),
    ("people::sign_in", &["config", "crypto", "operate::alerts", "people::email", "store"]),
    // A mail is kept in the form that the store has for it. Only that type.
    ("mail", &["config", "crypto", "files", "jobs::work", "outbound", "people::email", "store::NewMail"]),
    // Notices are written in that form and in rows that the store keeps beside them.
    ("mail::notices", &["mail::Mail", "store"]),
    ("mail::links", &["crypto", "ledger", "mail::Link", "mail::Mail", "people::email", "people::sign_in", "store"]),
    ("mail::outbox", &["jobs::work", "mail", "people::blocks", "store"]),
    ("payments::stripe", &["crypto", "outbound"]),
    ("payments", &PAYMENTS),
    ("assets", &["crypto", "files"]),
    ("providers", &["store::projection"]),
    ("runs", &RUNS),
    ("http", &HTTP),
];

/// Modules that sales through Stripe may know.
const PAYMENTS: [&str; 9] = [
    "config",
    "crypto",
    "jobs::local_leases",
    "jobs::work",
    "ledger",
    "operate::alerts",
    "people::allowances",
    "people::email",
    "store",
];

/// Modules that runs may know: of the scheduler only the signals by which a test clock waits for its runs.
const RUNS: [&str; 8] =
    ["assets", "clock", "jobs::scheduler::Signals", "jobs::work", "ledger", "operate::switches", "providers", "store"];

/// Modules that the API may know. It moves test clocks, lists tasks, has a customer reconciled at once, and reads the
/// files that a worker stored: only these of runs and jobs. Mails are written here and sent elsewhere, and a person who
/// accepts an invitation shows the link of its mail.
const HTTP: [&str; 19] = [
    "assets::disk",
    "clock",
    "config::checks",
    "crypto",
    "history",
    "jobs::driver",
    "jobs::scheduler::TimeMachine",
    "jobs::work::finish",
    "ledger",
    "mail::Mail",
    "mail::links::is_invitation",
    "mail::outbox::enqueue",
    "operate::acts",
    "operate::alerts",
    "operate::operator_keys",
    "operate::switches",
    "payments",
    "people",
    "store",
];

/// Modules of the store, each with the others that it may know. The direction is leaves ← what both engines share ← the
/// two engines, which do not know each other ← the store. A module that is not listed is the store itself or moves
/// between the engines.
const STORE_ARROWS: &Arrows = &[
    ("clock", &[]),
    ("crypto", &[]),
    ("files", &[]),
    ("difference", &[]),
    ("projection", &[]),
    ("queries", &[]),
    ("unavailable", &[]),
    ("value", &[]),
    ("watchers", &[]),
    ("allowance", &[]),
    ("tables", &[]),
    ("turns", &[]),
    ("journal", &["crypto"]),
    ("integrity", &["crypto", "queries", "tables"]),
    ("catalogs", &["crypto", "queries"]),
    ("snapshot", &["integrity"]),
    ("beside", &["integrity", "queries"]),
    ("originals", &["integrity", "journal"]),
    ("options", &["beside", "integrity", "originals"]),
    ("sqlite", &ENGINE),
    ("postgres", &ENGINE),
];

/// Modules that a database engine of the store may know.
const ENGINE: [&str; 17] = [
    "allowance",
    "beside",
    "clock",
    "crypto",
    "difference",
    "files",
    "integrity",
    "journal",
    "options",
    "originals",
    "projection",
    "queries",
    "snapshot",
    "tables",
    "turns",
    "value",
    "watchers",
];

/// Finds modules of the server and of the store that know a module above them.
pub fn modules_know_only_those_below(tree: &Tree) -> Vec<String> {
    let store = modules_of_a_crate_know_only_those_below(tree, STORE, STORE_ARROWS, &[]);
    [modules_of_a_crate_know_only_those_below(tree, SRC, ARROWS, &SHARED), store].concat()
}

fn modules_of_a_crate_know_only_those_below(tree: &Tree, src: &str, arrows: &Arrows, shared: &[&str]) -> Vec<String> {
    let mut findings = arrows_up(arrows);
    for file in tree.shipped_files() {
        let Some(path) = module_path(file, src) else { continue };
        let Some((module, may)) = entry(arrows, &path) else { continue };
        let code = file.shipped_code();
        for (place, path) in absolute(&code, &path).into_iter().chain(of_the_store(&code, shared)) {
            let target = path.split("::").next().unwrap_or_default();
            let is_module = target == "store"
                || shared.contains(&target)
                || tree.file(&format!("{src}{target}.rs")).is_some()
                || tree.file(&format!("{src}{target}/mod.rs")).is_some();
            let fits = |allowed: &str| path == *allowed || path.starts_with(&format!("{allowed}::"));
            if is_module && !fits(module) && !may.iter().any(|allowed| fits(allowed)) {
                let what = format!("`{module}` knows `{path}`: it may know {may:?}; hand over what is needed instead");
                findings.push(file.finding(line_of(&code, place), &what));
            }
        }
    }
    findings
}

/// Finds entries of a list that allow a module whose folder does not stand before their own.
fn arrows_up(arrows: &Arrows) -> Vec<String> {
    let folder = |module: &str| module.split("::").next().unwrap_or_default().to_owned();
    let floor = |module: &str| arrows.iter().position(|(known, _)| folder(known) == folder(module));
    let up = |from: &str, to: &str| folder(from) != folder(to) && floor(to) > floor(from);
    let allowed = arrows.iter().flat_map(|(from, may)| may.iter().map(move |to| (*from, *to)));
    allowed
        .filter(|(from, to)| up(from, to))
        .map(|(from, to)| format!("ARROWS: `{from}` may know `{to}`, which does not stand before it"))
        .collect()
}

/// Returns the entry of a list for a module: that of its file, or else that of its folder.
fn entry<'a>(arrows: &'a Arrows, path: &[&str]) -> Option<(&'a str, &'a [&'a str])> {
    let named = |name: String| arrows.iter().find(|(known, _)| *known == name).map(|(known, may)| (*known, *may));
    let file = path.get(..2).and_then(|path| named(path.join("::")));
    file.or_else(|| named(path.first()?.to_string()))
}

/// Finds files that import each other in a circle, in any crate.
pub fn files_import_in_no_circle(tree: &Tree) -> Vec<String> {
    let mut imports: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in tree.shipped_files() {
        let Some((name, _)) = file.path.strip_prefix("crates/").and_then(|path| path.split_once("/src/")) else {
            continue;
        };
        let src = format!("crates/{name}/src/");
        let Some(module) = module_path(file, &src) else { continue };
        let of = imports.entry(file.path.clone()).or_default();
        for (_, path) in absolute(&file.shipped_code(), &module) {
            of.extend(file_of(tree, &src, &path).filter(|other| *other != file.path));
        }
    }
    let circles = imports.keys().filter(|file| transitive_imports(&imports, file).contains(*file));
    circles.map(|file| format!("{file}: imports a file that imports it: move what both need to a file below")).collect()
}

/// Returns the file that a path within a crate leads into: that of the longest beginning that is a module.
fn file_of(tree: &Tree, src: &str, path: &str) -> Option<String> {
    let names: Vec<&str> = path.split("::").collect();
    let candidates = (1..=names.len()).rev().flat_map(|length| {
        let inner = names[..length].join("/");
        [format!("{src}{inner}.rs"), format!("{src}{inner}/mod.rs")]
    });
    candidates.into_iter().find(|path| tree.file(path).is_some())
}

/// Returns the files that a file imports, by itself or through others.
fn transitive_imports<'a>(imports: &'a BTreeMap<String, BTreeSet<String>>, file: &str) -> BTreeSet<&'a String> {
    let (mut reached, mut open) = (BTreeSet::new(), vec![file]);
    while let Some(file) = open.pop() {
        for next in imports.get(file).into_iter().flatten() {
            if reached.insert(next) {
                open.push(next);
            }
        }
    }
    reached
}

/// Files of `http/edge`, from the bottom up: each may know only those before it.
const EDGE: [&str; 24] = [
    "stop",
    "address",
    "object",
    "refusal",
    "health",
    "key_directory",
    "followed_runs",
    "problem",
    "page",
    "reply",
    "request",
    "values",
    "rates",
    "throttle",
    "connection",
    "streams",
    "scopes",
    "app",
    "client",
    "person",
    "caller",
    "rights",
    "middleware",
    "serve",
];

/// Resources of `http/api` with those that each may take from, from the bottom up: those stand before it. One that is
/// not listed takes from none.
const RESOURCES: [(&str, &[&str]); 14] = [
    ("keys", &["caps"]),
    ("people", &["membership"]),
    ("holds", &["switches"]),
    ("quotes", &["switches"]),
    ("runs", &["assets", "quotes", "switches"]),
    ("audit", &["profiles"]),
    ("balances", &["grants", "profiles"]),
    ("entitlements", &["balances"]),
    ("workspaces", &["balances", "grants", "membership", "profiles", "test_clocks"]),
    ("members", &["caps", "membership", "profiles", "workspaces"]),
    ("sessions", &["workspaces"]),
    ("oidc", &["sessions"]),
    ("billing", &["balances", "workspaces"]),
    ("subscriptions", &["billing", "workspaces"]),
];

/// Finds arrows up inside `http`: the edge knows no resource, a resource knows the edge and the few others that are
/// listed for it, and only the routes know all.
pub fn http_has_no_circle(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for (place, (resource, takes)) in RESOURCES.iter().enumerate() {
        let above = |name: &&&str| RESOURCES[place..].iter().any(|(later, _)| later == *name);
        if let Some(name) = takes.iter().find(above) {
            findings.push(format!("RESOURCES: `{resource}` takes from `{name}`, which does not stand before it"));
        }
    }
    for file in tree.shipped_files() {
        let Some(module) = module_path(file, SRC) else { continue };
        let inner = module.join("/");
        let ["http", part, rest @ ..] = module.as_slice() else { continue };
        let own = rest.first().copied().unwrap_or_default();
        let code = file.shipped_code();
        for (place, path) in absolute(&code, &module) {
            let mut names = path.split("::");
            if names.next() != Some("http") {
                continue;
            }
            let to = (names.next().unwrap_or_default(), names.next().unwrap_or_default());
            if !may_know((part, own), to) {
                let what = format!("`{inner}` knows `{path}`, which is not below it: see EDGE and RESOURCES");
                findings.push(file.finding(line_of(&code, place), &what));
            }
        }
    }
    findings
}

/// Returns true if a file of a part of `http` may know a file of a part.
fn may_know((part, own): (&str, &str), (to_part, to): (&str, &str)) -> bool {
    let floor = |name: &str| EDGE.iter().position(|known| *known == name);
    match (part, to_part) {
        ("routes", _) => true,
        ("edge", "edge") => own == to || matches!((floor(own), floor(to)), (Some(own), Some(to)) if to < own),
        ("api" | "hooks" | "openapi", "edge") => true,
        ("api", "api") => own == to || RESOURCES.iter().any(|(name, takes)| *name == own && takes.contains(&to)),
        ("hooks", "hooks") => true,
        _ => false,
    }
}

/// Returns each path in the code of a module that starts at the crate or above the module, written from the crate on.
fn absolute(code: &str, module: &[&str]) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (start, word) in [("crate::", "crate"), ("super::", "super")] {
        for place in words(code, word) {
            if code[..place].ends_with("super::") || !code[place..].starts_with(start) {
                continue;
            }
            let mut rest = &code[place..];
            let mut above = if word == "crate" { 0 } else { module.len() };
            while let Some(more) = rest.strip_prefix("super::").filter(|_| word == "super") {
                (rest, above) = (more, above.saturating_sub(1));
            }
            let rest = rest.strip_prefix("crate::").unwrap_or(rest);
            paths(rest, &module[..above].join("::"), &mut |path| found.push((place, path)));
        }
    }
    found
}

/// Returns each path in the code that starts at the store's crate, written as the server's lists have it.
fn of_the_store(code: &str, shared: &[&str]) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for place in words(code, "scrip_store").filter(|place| code[*place..].starts_with("scrip_store::")) {
        paths(&code[place + "scrip_store::".len()..], "", &mut |path| {
            let target = path.split("::").next().unwrap_or_default();
            found.push((place, if shared.contains(&target) { path } else { format!("store::{path}") }));
        });
    }
    found
}

/// Returns the names of the module that a file of a crate is, from the root on.
fn module_path<'f>(file: &'f File, src: &str) -> Option<Vec<&'f str>> {
    let inner = file.path.strip_prefix(src)?.strip_suffix(".rs")?;
    Some(inner.strip_suffix("/mod").unwrap_or(inner).split('/').collect())
}

/// Reads `a::b`, or `{a, b::{c, d}}`, and hands over every path in it; returns what follows.
fn paths<'a>(rest: &'a str, before: &str, found: &mut dyn FnMut(String)) -> &'a str {
    let rest = rest.trim_start();
    if let Some(mut inner) = rest.strip_prefix('{') {
        loop {
            inner = paths(inner, before, found).trim_start();
            match inner.strip_prefix(',') {
                Some(more) if !more.trim_start().starts_with('}') => inner = more,
                Some(more) => return more.trim_start().strip_prefix('}').unwrap_or(""),
                None => return inner.strip_prefix('}').unwrap_or(""),
            }
        }
    }
    let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    let path = if before.is_empty() { rest[..length].to_owned() } else { format!("{before}::{}", &rest[..length]) };
    match rest[length..].strip_prefix("::") {
        Some(more) if length > 0 => paths(more, &path, found),
        _ => {
            found(path);
            // `a as b` ends where its name does.
            let rest = &rest[length..];
            rest.find([',', '}', ';', '(', ' ', '\n']).map_or("", |end| &rest[end..])
        }
    }
}

/// Finds HTTP in the store, and use of its database elsewhere.
pub fn the_store_keeps_to_itself(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for file in tree.shipped_files().filter(|file| file.path.starts_with("crates/")) {
        let code = file.shipped_code();
        let in_store = file.path.starts_with(STORE);
        let strangers: &[&str] = if in_store {
            &["axum", "http", "reqwest", "utoipa"]
        } else {
            &["deadpool_postgres", "refinery", "rusqlite", "tokio_postgres"]
        };
        for stranger in strangers {
            let places = words(&code, stranger).filter(|place| code[place + stranger.len()..].starts_with("::"));
            let what = if in_store {
                format!("`{stranger}` in the store, which knows no HTTP: give it values")
            } else {
                format!("`{stranger}` outside the store: add a function to crates/store/src/rows")
            };
            findings.extend(places.map(|place| file.finding(line_of(&code, place), &what)));
        }
    }
    findings
}

/// Finds statements, values of statements and column numbers outside the store.
pub fn rows_have_types(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for file in tree.shipped_files() {
        let Some(module) = module_path(file, SRC) else { continue };
        let code = file.shipped_code();
        for (place, path) in absolute(&code, &module) {
            let is_raw = ["store::Row", "store::Value", "store::queries"].iter().any(|raw| path.starts_with(raw));
            if is_raw {
                let what =
                    format!("`{path}`: ask for it by a function in crates/store/src/rows, which returns a struct");
                findings.push(file.finding(line_of(&code, place), &what));
            }
        }
    }
    findings
}

/// Returns `true` for a file that a build starts from.
fn is_root(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        ["crates", _, "build.rs"] | ["crates", _, "src", "lib.rs" | "main.rs"] => true,
        ["crates", _, "tests" | "benches" | "examples", file] | ["crates", _, "src", "bin", file] => {
            file.ends_with(".rs")
        }
        ["crates", _, "tests" | "benches" | "examples", _, "main.rs"] => true,
        _ => false,
    }
}

/// Finds Rust files that no `mod` reaches from where a build starts.
pub fn no_file_is_dead(tree: &Tree) -> Vec<String> {
    let mut reached = BTreeSet::new();
    for file in tree.rust().filter(|file| is_root(&file.path)) {
        reach(tree, file, &mut reached);
    }
    let dead = tree.rust().filter(|file| !reached.contains(&file.path));
    dead.map(|file| file.finding(1, "no `mod` leads here: add one, or delete the file")).collect()
}

fn reach(tree: &Tree, file: &File, reached: &mut BTreeSet<String>) {
    if !reached.insert(file.path.clone()) {
        return;
    }
    let (folder, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
    let folder = match name {
        _ if is_root(&file.path) => folder.to_owned(),
        "mod.rs" => folder.to_owned(),
        name => format!("{folder}/{}", name.trim_end_matches(".rs")),
    };
    let code = file.code();
    for place in words(&code, "mod") {
        let rest = code[place + 3..].trim_start();
        let child: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        if child.is_empty() || !rest[child.len()..].trim_start().starts_with(';') {
            continue;
        }
        let places = [format!("{folder}/{child}.rs"), format!("{folder}/{child}/mod.rs")];
        for child in places.iter().filter_map(|path| tree.file(path)) {
            reach(tree, child, reached);
        }
    }
}

/// Finds files in a `tests` folder that a build starts from and that run no test, and scripts that cannot be run.
pub fn every_test_file_counts(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for file in tree.rust().filter(|file| is_root(&file.path) && file.path.contains("/tests/")) {
        let mut reached = BTreeSet::new();
        reach(tree, file, &mut reached);
        let tests = |path: &String| {
            let code = tree.file(path).map(File::code).unwrap_or_default();
            ["#[test]", "#[tokio::test", "proptest!"].iter().any(|mark| code.contains(mark))
        };
        if !reached.iter().any(tests) {
            findings.push(file.finding(1, "no test in it or below it: write one, or delete the file"));
        }
    }
    let switches = ["autotests = false", "test = false", "harness = false", "doctest = false"];
    for file in tree.ending("Cargo.toml") {
        let lines = file.text.lines().enumerate();
        let off = lines.filter(|(_, line)| switches.iter().any(|switch| line.trim().starts_with(switch)));
        findings.extend(off.map(|(line, _)| file.finding(line + 1, "switches tests off: nothing here may be skipped")));
    }
    let scripts = tree.files.iter().filter(|file| file.path.starts_with("tests/run.d/") || file.path == ".ci/run");
    let still = scripts.filter(|file| !file.executable);
    findings.extend(still.map(|file| file.finding(1, "would be passed over in silence: `chmod +x` it")));
    findings
}
