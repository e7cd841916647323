//! Holds `docs/RULES.md` to its promise: a rule that is cited is written there, and a rule that is written there is
//! cited and proved.
//!
//! **Invariant:** no comment cites a number that a reader cannot look up.

use crate::repository::{File, check_proof, files, read, scenarios};
use std::collections::{BTreeMap, BTreeSet};

/// The document of the rules.
const RULES: &str = "docs/RULES.md";
/// The document of the aims of performance, whose numbers begin with P.
const AIMS: &str = "benches/README.md";
/// Path of this file, whose samples cite rules that do not exist.
const HERE: &str = "crates/engine/tests/it/rules.rs";
/// Maximum number of proofs of one rule: the best ones, so that a reader opens them.
const PROOFS: usize = 4;

/// A rule of the document.
#[derive(Debug, Default)]
struct Rule {
    /// `R` for a rule, `I` for an invariant.
    letter: char,
    number: u32,
    name: String,
    sentences: String,
    source: String,
    proofs: Vec<String>,
}

impl Rule {
    /// Returns the number as it is cited.
    fn citation(&self) -> (char, u32) {
        (self.letter, self.number)
    }
}

/// Parses the document: `### R4 · Name`, sentences, `Source: …`, and `Proved by:` with a list. Returns the rules, and
/// the headings that are not of this shape.
fn parse(document: &str) -> (Vec<Rule>, Vec<String>) {
    let (mut rules, mut wrong): (Vec<Rule>, _) = (Vec::new(), Vec::new());
    let mut inside = false;
    let mut part = "";
    for line in document.lines() {
        if line.starts_with('#') {
            inside = line.starts_with("### ");
            part = "sentences";
            match line.strip_prefix("### ").map(heading) {
                Some(Some(rule)) => rules.push(rule),
                Some(None) => wrong.push(format!("`{line}` is no heading of a rule: write `### R1 · Name`")),
                None => {}
            }
            continue;
        }
        let Some(rule) = rules.last_mut().filter(|_| inside) else { continue };
        if line.starts_with("Source: ") {
            part = "source";
        } else if line == "Proved by:" {
            part = "proofs";
            continue;
        }
        match part {
            "sentences" => rule.sentences += &format!("{line} "),
            "source" => rule.source += &format!("{line} "),
            _ => rule.proofs.extend(line.strip_prefix("- ").map(|proof| proof.trim_matches('`').to_owned())),
        }
    }
    (rules, wrong)
}

/// Reads a heading such as `R4 · Renewal waits for its payment`.
fn heading(text: &str) -> Option<Rule> {
    let (cited, name) = text.split_once(" · ")?;
    let letter = cited.chars().next().filter(|letter| ['R', 'I'].contains(letter))?;
    let number = cited[1..].parse().ok()?;
    Some(Rule { letter, number, name: name.to_owned(), ..Rule::default() })
}

/// Finds the citations of a letter in a text: the letter and one or two digits that stand alone. A value between
/// quotes, such as `"I8"`, is none.
fn citations(text: &str, letter: char) -> BTreeSet<u32> {
    let bytes = text.as_bytes();
    let is_part = |at: usize| bytes.get(at).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let mut found = BTreeSet::new();
    for (at, _) in text.match_indices(letter) {
        let digits = bytes[at + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let end = at + 1 + digits;
        let alone = (at == 0 || !is_part(at - 1)) && !is_part(end);
        let quoted = at > 0 && bytes[at - 1] == b'"' && bytes.get(end) == Some(&b'"');
        if (1..=2).contains(&digits) && alone && !quoted {
            found.insert(text[at + 1..end].parse().expect("one or two digits"));
        }
    }
    found
}

/// Judges the document of the rules against the other files; returns what is wrong.
fn judge(document: &str, aims: &str, files: &[File], proves: &dyn Fn(&str) -> Result<(), String>) -> Vec<String> {
    let (rules, mut wrong) = parse(document);
    for (before, after) in rules.iter().zip(rules.iter().skip(1)) {
        let order = |rule: &Rule| (rule.letter == 'I', rule.number);
        if order(before) >= order(after) {
            wrong.push(format!("{}{} stands before {}{}", before.letter, before.number, after.letter, after.number));
        }
    }
    let aims = citations(aims, 'P').into_iter().map(|number| ('P', number));
    let known: BTreeSet<(char, u32)> = rules.iter().map(Rule::citation).chain(aims).collect();
    let mut cited_by: BTreeMap<(char, u32), Vec<&str>> = BTreeMap::new();
    for file in files.iter().filter(|file| file.path != HERE) {
        for letter in ['R', 'I', 'P'] {
            for number in citations(&file.text, letter) {
                cited_by.entry((letter, number)).or_default().push(&file.path);
            }
        }
    }
    for ((letter, number), paths) in &cited_by {
        if !known.contains(&(*letter, *number)) {
            wrong.push(format!("{}: {letter}{number} is cited and nowhere written down", paths.join(", ")));
        }
    }
    for rule in &rules {
        let mut complain = |what: &str| wrong.push(format!("{}{}: {what}", rule.letter, rule.number));
        let is_code = |path: &&&str| path.ends_with(".rs") || path.ends_with(".txt");
        if cited_by.get(&rule.citation()).is_none_or(|paths| paths.iter().filter(is_code).count() == 0) {
            complain("neither code nor a scenario cites it");
        }
        if rule.name.is_empty() || !rule.sentences.trim_end().ends_with('.') {
            complain("it has no name, or no sentence");
        }
        if !rule.source.trim_end().ends_with('.') {
            complain("it has no source: say where it comes from");
        }
        if !(1..=PROOFS).contains(&rule.proofs.len()) {
            complain(&format!("it has {} proofs; 1 to {PROOFS}", rule.proofs.len()));
        }
        if rule.proofs.iter().collect::<BTreeSet<_>>().len() < rule.proofs.len() {
            complain("it names a proof twice");
        }
        for error in rule.proofs.iter().filter_map(|proof| proves(proof).err()) {
            complain(&error);
        }
    }
    wrong
}

#[test]
fn every_rule_that_is_cited_is_written_down_and_proved() {
    let files = files();
    let scenarios = scenarios(&files);
    let wrong = judge(&read(RULES), &read(AIMS), &files, &|proof| check_proof(proof, &scenarios));
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    println!("{} rules and invariants", parse(&read(RULES)).0.len());
}

/// Returns a document of one rule, written as the real one is.
fn one_rule(heading: &str) -> String {
    format!("# Rules\n\n## Time\n\n### {heading}\n\nIt holds.\n\nSource: a decision.\n\nProved by:\n- `a.rs::holds`\n")
}

/// Judges a sample: a document, and a file of code that has a text.
fn sample(document: &str, code: &str) -> Vec<String> {
    let file = File { path: "crates/engine/src/a.rs".to_owned(), text: code.to_owned() };
    judge(document, "| P1 |", &[file], &|proof| match proof {
        "a.rs::holds" => Ok(()),
        other => Err(format!("`{other}` does not run")),
    })
}

#[test]
fn a_bad_rule_is_noticed() {
    let good = one_rule("R1 · It holds");
    assert_eq!(sample(&good, "// (R1) and P1, and \"R7\" of XR8 R9a R100"), Vec::<String>::new());
    let two = |first: &str, second: &str| one_rule(first) + &one_rule(second)["# Rules\n\n".len()..];
    for (document, code, words) in [
        (good.clone(), "// R1, R2", "a.rs: R2 is cited and nowhere written down"),
        (good.clone(), "// R1, I1", "I1 is cited"),
        (good.clone(), "// R1, P2", "P2 is cited"),
        (good.clone(), "// nothing", "R1: neither code nor a scenario cites it"),
        (good.replace("holds`", "holed`"), "// R1", "`a.rs::holed` does not run"),
        (good.replace("- `a.rs::holds`\n", ""), "// R1", "R1: it has 0 proofs"),
        (good.clone() + &"- `a.rs::holds`\n".repeat(4), "// R1", "R1: it has 5 proofs"),
        (good.clone() + "- `a.rs::holds`\n", "// R1", "R1: it names a proof twice"),
        (good.replace("Source: a decision.", ""), "// R1", "R1: it has no source"),
        (good.replace("It holds.", ""), "// R1", "R1: it has no name, or no sentence"),
        (one_rule("R1: It holds"), "", "is no heading of a rule"),
        (two("R2 · Later", "R1 · Earlier"), "// R1, R2", "R2 stands before R1"),
        (two("R1 · Once", "R1 · Twice"), "// R1", "R1 stands before R1"),
        (two("I1 · An invariant", "R2 · A rule"), "// I1, R2", "I1 stands before R2"),
    ] {
        let wrong = sample(&document, code);
        assert!(wrong.iter().any(|what| what.contains(words)), "not noticed: {words}: {wrong:?}");
    }
}
