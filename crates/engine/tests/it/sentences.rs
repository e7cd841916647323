//! Holds `catalogs/sentences.toml` to its promise: every sentence is proved by a scenario or test, or waits by name,
//! and every value of a shipped catalog has a source.
//!
//! **Invariant:** the set of waiting sentences only shrinks; `catalogs/sentences.pending` lists the ones that may wait.

use crate::repository::{check_proof, files, read, root, scenarios};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// `catalogs/sentences.toml` as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sentences {
    sentence: Vec<Sentence>,
    /// Sources of a catalog's values: the paths that a document states, or that are `assumed`.
    values: BTreeMap<String, BTreeMap<String, Vec<String>>>,
}

/// One rule of a document.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sentence {
    document: String,
    says: String,
    #[serde(default)]
    proved_by: Vec<String>,
    #[serde(default)]
    pending: Option<String>,
}

/// Subjects that a sentence may wait for.
const SUBJECTS: [&str; 4] = ["access", "money", "gateway", "pages"];

/// Numbers of the documents.
const DOCUMENTS: [&str; 5] = ["000", "001", "002", "003", "004"];

fn file() -> Sentences {
    toml::from_str(&read("catalogs/sentences.toml")).expect("the list is TOML of this shape")
}

fn sentences() -> Vec<Sentence> {
    file().sentence
}

fn pending_lines() -> Vec<String> {
    read("catalogs/sentences.pending").lines().map(str::to_owned).collect()
}

#[test]
fn every_sentence_is_proved_or_waits() {
    let scenarios = scenarios(&files());
    let mut wrong = Vec::new();
    let mut proved = 0;
    for Sentence { document, says, proved_by, pending } in &sentences() {
        let mut complain = |what: String| wrong.push(format!("{document}: {says}\n    {what}"));
        match pending.as_deref() {
            None if proved_by.is_empty() => complain("has neither a proof nor a subject it waits for".to_owned()),
            Some(_) if !proved_by.is_empty() => complain("has a proof and waits as well".to_owned()),
            Some(subject) if !SUBJECTS.contains(&subject) => {
                complain(format!("waits for `{subject}`, which is none of {SUBJECTS:?}"));
            }
            Some(_) => {}
            None => proved += 1,
        }
        if proved_by.iter().collect::<BTreeSet<_>>().len() < proved_by.len() {
            complain("names a proof twice".to_owned());
        }
        for proof in proved_by {
            if let Err(error) = check_proof(proof, &scenarios) {
                complain(error);
            }
        }
    }
    println!("{proved} sentences are proved, {} wait", sentences().len() - proved);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_sentence_stands_once() {
    let mut seen = BTreeMap::new();
    for Sentence { document, says, .. } in sentences() {
        assert!(DOCUMENTS.contains(&document.as_str()), "there is no document {document}");
        assert!(says.len() > 10 && says.ends_with('.'), "{document}: `{says}` is not a sentence");
        let before = seen.insert(says.to_lowercase(), document.clone());
        assert!(before.is_none(), "`{says}` stands under {before:?} and {document}");
    }
}

#[test]
fn the_waiting_sentences_only_become_fewer() {
    let waiting: BTreeSet<String> =
        sentences().into_iter().filter(|s| s.pending.is_some()).map(|sentence| sentence.says).collect();
    let listed = pending_lines();
    let allowed: BTreeSet<String> = listed.iter().cloned().collect();
    assert_eq!(listed.len(), allowed.len(), "sentences.pending lists a sentence twice");
    let new: Vec<&String> = waiting.difference(&allowed).collect();
    assert!(new.is_empty(), "these wait and may not: prove them now\n{new:#?}");
    let done: Vec<&String> = allowed.difference(&waiting).collect();
    assert!(done.is_empty(), "these no longer wait: take them out of sentences.pending\n{done:#?}");
}

#[test]
fn every_scenario_of_a_document_is_named_by_a_sentence() {
    let named: BTreeSet<String> = sentences().into_iter().flat_map(|sentence| sentence.proved_by).collect();
    let files = files();
    let of_documents = files.iter().filter(|file| file.is_scenario() && file.text.starts_with("# document "));
    let forgotten: Vec<&String> = of_documents.map(|file| &file.path).filter(|path| !named.contains(*path)).collect();
    assert!(forgotten.is_empty(), "no sentence names these: {forgotten:#?}");
}

#[test]
fn a_proof_that_does_not_run_is_noticed() {
    let scenarios = scenarios(&files());
    let engine = "crates/engine/tests";
    assert_eq!(check_proof(&format!("{engine}/scenarios/canvas-tiers/free-plan.txt"), &scenarios), Ok(()));
    assert_eq!(
        check_proof(&format!("{engine}/it/sentences.rs::a_proof_that_does_not_run_is_noticed"), &scenarios),
        Ok(())
    );
    for wrong in [
        format!("{engine}/scenarios/canvas-tiers/no-such-plan.txt"),
        format!("{engine}/it/sentences.rs"),
        format!("{engine}/it/sentences.rs::sentences"),
        format!("{engine}/it/no_such_file.rs::every_sentence_stands_once"),
    ] {
        assert!(check_proof(&wrong, &scenarios).is_err(), "{wrong}");
    }
}

/// Lists the paths of all values below one, a `/` between names. An entry of an array goes by its `id`, its
/// `interval`, or its number.
fn paths(value: &toml::Value, path: &str, into: &mut Vec<String>) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
    match value {
        toml::Value::Table(table) => table.iter().for_each(|(name, value)| paths(value, &below(name), into)),
        toml::Value::Array(entries) if !entries.is_empty() => {
            for (n, entry) in entries.iter().enumerate() {
                let name = ["id", "interval"].iter().find_map(|key| entry.get(key)?.as_str());
                paths(entry, &below(name.unwrap_or(&n.to_string())), into);
            }
        }
        _ => into.push(path.to_owned()),
    }
}

/// Returns true if a pattern is a value's path or the beginning of it; `*` is any one name.
fn covers(pattern: &str, path: &str) -> bool {
    let mut names = path.split('/');
    pattern.split('/').all(|part| names.next().is_some_and(|name| part == "*" || part == name))
}

/// Returns the faults in the sources of a catalog: values that have none, and patterns that cover no value or a whole
/// entry.
fn source_faults(catalog: &str, sources: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let (value, mut found) = (toml::from_str(catalog).expect("a catalog is TOML"), Vec::new());
    paths(&value, "", &mut found);
    let patterns: Vec<&String> = sources.values().flatten().collect();
    let without = found.iter().filter(|path| !patterns.iter().any(|pattern| covers(pattern, path)));
    let mut wrong: Vec<String> = without.map(|path| format!("`{path}` has no source")).collect();
    for pattern in &patterns {
        let covered: Vec<&String> = found.iter().filter(|path| covers(pattern, path)).collect();
        let is_entry = covered.iter().any(|path| {
            let rest: Vec<&str> = path.split('/').skip(pattern.split('/').count()).collect();
            matches!(rest[..], ["id" | "interval"] | [_, "id" | "interval"])
        });
        match covered.len() {
            0 => wrong.push(format!("`{pattern}` is no value")),
            _ if is_entry => wrong.push(format!("`{pattern}` is a whole entry: name its values")),
            _ => {}
        }
    }
    wrong
}

#[test]
fn every_value_of_a_catalog_has_a_source() {
    let values = file().values;
    let mut shipped = BTreeSet::new();
    for entry in std::fs::read_dir(root().join("catalogs")).expect("the folder is committed") {
        let name = entry.expect("an entry of a folder can be read").file_name().into_string().expect("UTF-8");
        shipped.extend(name.strip_suffix(".toml").filter(|name| *name != "sentences").map(str::to_owned));
    }
    assert_eq!(values.keys().cloned().collect::<BTreeSet<_>>(), shipped, "the catalogs that have sources");
    for (name, sources) in values {
        let text = read(&format!("catalogs/{name}.toml"));
        assert_eq!(source_faults(&text, &sources), Vec::<String>::new(), "{name}.toml");
        for source in sources.keys() {
            assert!(source == "assumed" || DOCUMENTS.contains(&source.as_str()), "{name}: there is no {source}");
        }
    }
}

#[test]
fn a_value_without_a_source_is_noticed() {
    let catalog = "name = \"a\"\n[[plan]]\nid = \"b\"\nonce = [{ amount = 1 }]\nceiling = []";
    let wrong = |patterns: &[&str]| {
        let patterns = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        source_faults(catalog, &BTreeMap::from([("000".to_owned(), patterns)]))
    };
    assert_eq!(wrong(&["name", "plan/*/id", "plan/b/once", "plan/b/ceiling"]), Vec::<String>::new());
    assert_eq!(wrong(&["name", "plan/b/id", "plan/*/once/0/amount"]), ["`plan/b/ceiling` has no source"]);
    let rest = ["name", "plan/b/id", "plan/b/once", "plan/b/ceiling"];
    assert_eq!(wrong(&[&rest[..], &["plan/c/once"]].concat()), ["`plan/c/once` is no value"]);
    assert_eq!(wrong(&["name", "plan/b"]), ["`plan/b` is a whole entry: name its values"]);
    assert_eq!(wrong(&["name", "plan"]), ["`plan` is a whole entry: name its values"]);
}
