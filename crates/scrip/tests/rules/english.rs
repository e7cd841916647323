//! Rules about the English of doc comments: each one stands alone, as in a search result.

use super::Tree;
use std::collections::BTreeMap;

/// Words that say nothing at the head of a comment: the reader does not know what they stand for.
const OPENERS: [&str; 30] = [
    "anybody",
    "everybody",
    "he",
    "her",
    "his",
    "how",
    "it",
    "its",
    "itself",
    "neither",
    "nobody",
    "she",
    "somebody",
    "that",
    "their",
    "them",
    "there",
    "these",
    "they",
    "this",
    "those",
    "what",
    "when",
    "where",
    "whether",
    "which",
    "who",
    "whoever",
    "whom",
    "whose",
];

/// Phrases that hide who acts, with what to write instead.
const PHRASES: [(&str, &str); 9] = [
    ("whoever", "say the actor: the caller, the operator, Stripe"),
    ("whom", "say the actor: the caller, the operator, Stripe"),
    ("somebody", "say the actor"),
    ("nobody", "say the actor, or that there is none"),
    ("one another", "each other, or say which"),
    ("is told of", "is notified of, or receives"),
    ("as it stands", "say the state"),
    ("lets go of", "frees, drops or releases"),
    ("what there is", "say the thing"),
];

/// Minimum number of words of a doc comment; fewer repeat the name below it.
const WORDS_MIN: usize = 4;

/// Findings that a file may still have; the list only shrinks.
const EXCEPTIONS: &[(&str, usize)] = &[];

/// A doc comment begins with a verb or the thing's own noun, has four words or more, and says who acts.
pub fn doc_comments_stand_alone(tree: &Tree) -> Vec<String> {
    let mut by_file: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for file in tree.rust() {
        for (line, text) in paragraphs(&file.comments()) {
            if let Some(what) = objection(&text) {
                by_file.entry(&file.path).or_default().push(file.finding(line, &what));
            }
        }
    }
    let mut findings = Vec::new();
    for (path, allowed) in EXCEPTIONS {
        let found = by_file.get(path).map_or(0, Vec::len);
        if found < *allowed && tree.file(path).is_some() {
            findings.push(format!("{path}: has {found} findings and may have {allowed}: lower its exception"));
        }
    }
    for (path, found) in by_file {
        let allowed = EXCEPTIONS.iter().find(|(known, _)| *known == path).map_or(0, |(_, allowed)| *allowed);
        if found.len() > allowed {
            findings.extend(found);
        }
    }
    findings
}

/// Returns what is wrong with the first paragraph of a doc comment, if anything is.
fn objection(text: &str) -> Option<String> {
    let is_letter = |letter: char| letter.is_alphanumeric() || "`’'-_".contains(letter);
    let words: Vec<String> =
        text.split(|letter| !is_letter(letter)).filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
    let first = words.first()?;
    if OPENERS.contains(&first.as_str()) {
        return Some(format!("a doc comment opens with `{first}`: begin with a verb or the thing's noun"));
    }
    if words.len() < WORDS_MIN {
        return Some(format!("`{text}` repeats the name: say the unit, the meaning or the reason"));
    }
    let said = format!(" {} ", words.join(" "));
    let phrase = PHRASES.iter().find(|(phrase, _)| said.contains(&format!(" {phrase} ")));
    phrase.map(|(phrase, instead)| format!("`{phrase}` in a doc comment: {instead}"))
}

/// Returns the first paragraph of each doc comment with its line.
fn paragraphs(comments: &str) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut before = None;
    for (n, line) in comments.lines().enumerate() {
        let line = line.trim();
        let doc = ["///", "//!"].into_iter().find_map(|mark| Some((mark, line.strip_prefix(mark)?)));
        match (doc, before) {
            (Some((mark, text)), Some((known, is_open))) if mark == known => {
                before = Some((mark, is_open && !text.trim().is_empty()));
                if is_open && let Some((_, paragraph)) = found.last_mut() {
                    paragraph.push_str(text);
                }
            }
            (Some((mark, text)), _) => {
                found.push((n + 1, text.trim().to_owned()));
                before = Some((mark, true));
            }
            (None, _) => before = None,
        }
    }
    found
}
