//! Holds `catalogs/sentences.toml` to its promise: every sentence is proved by something that runs, or waits by name.
//!
//! **Invariant:** the set of waiting sentences only shrinks; `catalogs/sentences.pending` lists the ones that may wait.

#[allow(dead_code, reason = "only the list of scenario files is wanted here, not the language that runs them")]
mod language;

use language::repository;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sentences {
    sentence: Vec<Sentence>,
}

/// A rule of a document.
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

/// What a sentence may wait for.
const SUBJECTS: [&str; 4] = ["access", "money", "gateway", "pages"];

fn sentences() -> Vec<Sentence> {
    let text = std::fs::read_to_string(repository().join("catalogs/sentences.toml")).expect("the list is committed");
    toml::from_str::<Sentences>(&text).expect("the list is TOML of this shape").sentence
}

fn allowed() -> Vec<String> {
    let text = std::fs::read_to_string(repository().join("catalogs/sentences.pending")).expect("the list is committed");
    text.lines().map(str::to_owned).collect()
}

#[test]
fn every_sentence_is_proved_or_waits() {
    let scenarios: BTreeSet<String> = language::files().into_iter().collect();
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
            if let Err(error) = runs(proof, &scenarios) {
                complain(error);
            }
        }
    }
    println!("{proved} sentences are proved, {} wait", sentences().len() - proved);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether a proof is something that a test run runs: a scenario, or a test function.
fn runs(proof: &str, scenarios: &BTreeSet<String>) -> Result<(), String> {
    let Some((file, name)) = proof.split_once("::") else {
        return match scenarios.contains(proof) {
            true => Ok(()),
            false => Err(format!("`{proof}` is not a scenario that scenarios.rs runs")),
        };
    };
    let text = std::fs::read_to_string(repository().join(file)).map_err(|error| format!("`{file}`: {error}"))?;
    let threads = "#[tokio::test(flavor = \"multi_thread\")]\nasync fn NAME()";
    let forms = ["#[test]\nfn NAME()", "#[test]\n    fn NAME()", "#[tokio::test]\nasync fn NAME()", threads];
    match forms.iter().any(|form| text.contains(&form.replace("NAME", name))) {
        true => Ok(()),
        false => Err(format!("`{file}` has no test `{name}`")),
    }
}

#[test]
fn every_sentence_stands_once() {
    let mut seen = BTreeMap::new();
    for Sentence { document, says, .. } in sentences() {
        assert!(["000", "001", "002", "003", "004"].contains(&document.as_str()), "there is no document {document}");
        assert!(says.len() > 10 && says.ends_with('.'), "{document}: `{says}` is not a sentence");
        let before = seen.insert(says.to_lowercase(), document.clone());
        assert!(before.is_none(), "`{says}` stands under {before:?} and {document}");
    }
}

#[test]
fn the_waiting_sentences_only_become_fewer() {
    let waiting: BTreeSet<String> =
        sentences().into_iter().filter(|s| s.pending.is_some()).map(|sentence| sentence.says).collect();
    let listed = allowed();
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
    let of_documents = language::files().into_iter().filter(|file| {
        let text = std::fs::read_to_string(repository().join(file)).expect("the file was just listed");
        text.starts_with("# document ")
    });
    let forgotten: Vec<String> = of_documents.filter(|file| !named.contains(file)).collect();
    assert!(forgotten.is_empty(), "no sentence names these: {forgotten:#?}");
}

#[test]
fn a_proof_that_does_not_run_is_noticed() {
    let scenarios: BTreeSet<String> = language::files().into_iter().collect();
    let engine = "crates/engine/tests";
    assert_eq!(runs(&format!("{engine}/scenarios/canvas-tiers/free-plan.txt"), &scenarios), Ok(()));
    assert_eq!(runs(&format!("{engine}/sentences.rs::a_proof_that_does_not_run_is_noticed"), &scenarios), Ok(()));
    for wrong in [
        format!("{engine}/scenarios/canvas-tiers/no-such-plan.txt"),
        format!("{engine}/sentences.rs"),
        format!("{engine}/sentences.rs::runs"),
        format!("{engine}/no_such_file.rs::every_sentence_stands_once"),
    ] {
        assert!(runs(&wrong, &scenarios).is_err(), "{wrong}");
    }
}
