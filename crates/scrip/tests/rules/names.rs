//! Rules about names: a file is a noun, a function says what it does or returns.

use super::{Tree, line_of, words};

/// Beginnings of the paths whose files are nouns.
const SCOPE: &[&str] = &[
    "crates/bench/",
    "crates/client/",
    "crates/engine/",
    "crates/scrip/src/",
    "crates/store/",
    "crates/stripe-simulator/",
];

/// Words that end like a gerund and are nouns.
const NOUNS: &[&str] = &["billing", "ceiling", "posting", "setting", "string"];

/// Words that end like a participle and are verbs or nouns.
const VERBS: &[&str] = &["embed", "feed", "need", "proceed", "seed", "speed", "succeed"];

/// Past participles that do not end with `ed`.
const IRREGULAR: &[&str] = &[
    "begun",
    "bought",
    "broken",
    "brought",
    "built",
    "caught",
    "chosen",
    "done",
    "drawn",
    "driven",
    "eaten",
    "fallen",
    "fed",
    "forgotten",
    "found",
    "frozen",
    "given",
    "gone",
    "got",
    "grown",
    "heard",
    "held",
    "hidden",
    "hung",
    "kept",
    "known",
    "left",
    "lent",
    "lost",
    "made",
    "meant",
    "met",
    "overdrawn",
    "owned",
    "paid",
    "rewritten",
    "risen",
    "said",
    "seen",
    "sent",
    "shown",
    "sold",
    "sought",
    "spent",
    "spoken",
    "stolen",
    "stuck",
    "sworn",
    "taken",
    "taught",
    "thrown",
    "told",
    "torn",
    "understood",
    "unpaid",
    "unseen",
    "unsold",
    "withdrawn",
    "withheld",
    "woken",
    "won",
    "worn",
    "written",
];

/// Words after which a participle still names nothing: `sold_as`, `left_over`.
const PARTICLES: &[&str] = &[
    "as", "at", "away", "before", "beside", "by", "down", "for", "from", "in", "of", "off", "on", "out", "over",
    "since", "then", "to", "under", "up", "with",
];

/// Functions that may be participles, each with the reason; the list only shrinks.
const EXCEPTIONS: &[(&str, &str)] = &[
    // The standard library's `Instant` calls it so.
    ("crates/store/src/clock.rs", "elapsed"),
];

/// Finds files and folders that are named by a gerund.
pub fn files_are_nouns(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for file in tree.rust().filter(|file| is_in_scope(&file.path)) {
        let names = file.path.trim_end_matches(".rs").split('/').flat_map(|name| name.split('_'));
        for gerund in names.filter(|name| name.len() > 5 && name.ends_with("ing") && !NOUNS.contains(name)) {
            findings.push(file.finding(1, &format!("`{gerund}` is no noun: name the file after what is in it")));
        }
    }
    findings
}

/// Finds functions whose name is a past participle, which says neither what goes in nor what comes out; the names of
/// tests are sentences.
pub fn functions_are_verbs(tree: &Tree) -> Vec<String> {
    let (mut findings, mut excused) = (Vec::new(), Vec::new());
    for file in tree.rust() {
        let code = file.code();
        for place in words(&code, "fn").filter(|place| !is_test(&code[..*place])) {
            let rest = code[place + 2..].trim_start();
            let name = rest.split(|letter: char| !letter.is_alphanumeric() && letter != '_').next().unwrap_or_default();
            if !is_participle(name) {
                continue;
            }
            match EXCEPTIONS.iter().find(|exception| **exception == (file.path.as_str(), name)) {
                Some(exception) => excused.push(exception),
                None => {
                    let what = format!("`{name}` is a participle: name the function by a verb, or by what it returns");
                    findings.push(file.finding(line_of(&code, place), &what));
                }
            }
        }
    }
    let stale = EXCEPTIONS.iter().filter(|exception| tree.file(exception.0).is_some() && !excused.contains(exception));
    findings.extend(stale.map(|(path, name)| format!("{path}: no function `{name}`: take it off EXCEPTIONS")));
    findings
}

/// Finds types whose whole name is a past participle, which does not say what a value is.
pub fn types_are_nouns(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        let code = file.code();
        let places = ["struct", "enum", "type"].map(|word| words(&code, word).map(move |place| place + word.len()));
        for place in places.into_iter().flatten() {
            let rest = code[place..].trim_start();
            let name = rest.split(|letter: char| !letter.is_alphanumeric()).next().unwrap_or_default();
            let humps = name.chars().filter(|letter| letter.is_uppercase()).count();
            if humps == 1 && name.starts_with(char::is_uppercase) && is_participle(&name.to_lowercase()) {
                let what = format!("`{name}` is a participle: name the type by what a value of it is");
                findings.push(file.finding(line_of(&code, place), &what));
            }
        }
    }
    findings
}

/// Returns `true` if the attributes at the end of some code mark the function after them as a test.
fn is_test(before: &str) -> bool {
    let attributes = before.rsplit(['{', '}', ';']).next().unwrap_or_default();
    attributes.contains("#[test]") || attributes.contains("#[tokio::test")
}

fn is_in_scope(path: &str) -> bool {
    SCOPE.iter().any(|beginning| path.starts_with(beginning))
}

/// Returns `true` for a participle, alone or with a particle after it; one before a noun describes the noun.
fn is_participle(name: &str) -> bool {
    let mut parts = name.split('_');
    let first = parts.next().unwrap_or_default();
    let regular = first.len() > 3 && first.ends_with("ed") && !VERBS.contains(&first);
    (regular || IRREGULAR.contains(&first)) && parts.next().is_none_or(|next| PARTICLES.contains(&next))
}
