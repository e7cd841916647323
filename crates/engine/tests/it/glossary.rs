//! Holds `docs/GLOSSARY.md` to its promise: each word once, in order, with a meaning and a type that exists.
//!
//! **Invariant:** the glossary names no type that is gone.

use crate::repository::{File, files, read};
use std::collections::BTreeSet;

/// Path of the glossary's document.
const GLOSSARY: &str = "docs/GLOSSARY.md";
/// Cell of a word that has no type.
const NONE: &str = "–";

/// Returns the rows of the first table of the document: word, meaning and types.
fn rows(document: &str) -> Vec<Vec<&str>> {
    let table = document.lines().skip_while(|line| !line.starts_with("|---"));
    let rows = table.skip(1).take_while(|line| line.starts_with('|'));
    rows.map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect()).collect()
}

/// Returns every name that the Rust files define: types as they are, functions with `()`.
fn defined_names(files: &[File]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in files.iter().filter(|file| file.path.ends_with(".rs")) {
        for line in file.text.lines() {
            for (word, ending) in [("struct ", ""), ("enum ", ""), ("type ", ""), ("fn ", "()")] {
                let Some((before, after)) = line.split_once(word) else { continue };
                let is_definition = before.trim().is_empty() || before.trim_start().starts_with("pub");
                let end = after.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
                if is_definition {
                    names.insert(format!("{}{ending}", &after[..end.unwrap_or(after.len())]));
                }
            }
        }
    }
    names
}

/// Judges the document against the names that exist; returns what is wrong.
fn judge(document: &str, defined: &BTreeSet<String>) -> Vec<String> {
    let rows = rows(document);
    let mut wrong = Vec::new();
    let words: Vec<&str> = rows.iter().map(|row| row[0]).collect();
    for pair in words.windows(2).filter(|pair| pair[0] >= pair[1]) {
        wrong.push(format!("`{}` stands before `{}`: each word once, in order", pair[0], pair[1]));
    }
    for row in &rows {
        let [word, meaning, types] = row.as_slice() else {
            wrong.push(format!("`{}` has {} cells; word, meaning and type", row[0], row.len()));
            continue;
        };
        if !meaning.ends_with('.') || meaning.len() < 20 {
            wrong.push(format!("`{word}` has no meaning in a sentence: {meaning}"));
        }
        for name in types.split(", ").filter(|name| *name != NONE) {
            if !name.starts_with('`') || !defined.contains(name.trim_matches('`')) {
                wrong.push(format!("`{word}`: there is no type or function {name}"));
            }
        }
    }
    wrong
}

#[test]
fn every_word_stands_once_with_a_type_that_exists() {
    let document = read(GLOSSARY);
    let wrong = judge(&document, &defined_names(&files()));
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    assert!(rows(&document).len() > 100, "the table was not found");
}

#[test]
fn a_bad_word_is_noticed() {
    let code = "pub struct Grant {\n    fn fold(&self) {}\n// struct Gone, and in words: enum Lost\n";
    let files = [File { path: "crates/engine/src/a.rs".to_owned(), text: code.to_owned() }];
    let table = |rows: &str| format!("# Words\n\n| word | meaning | type |\n|---|---|---|\n{rows}\n## Others\n");
    let judged = |rows: &str| judge(&table(rows), &defined_names(&files));
    let (fold, grant) =
        ("| fold | Computes it from entries. | `fold()` |\n", "| grant | A lot of one single unit. | `Grant` |\n");
    let good = format!("{fold}{grant}| worker | A loop of its own process. | – |\n");
    assert_eq!(judged(&good), Vec::<String>::new());
    for (rows, words) in [
        (format!("{grant}{fold}"), "`grant` stands before `fold`"),
        (format!("{fold}{fold}"), "`fold` stands before `fold`"),
        (grant.replace("Grant", "Gone"), "no type or function `Gone`"),
        (grant.replace("Grant", "Lost"), "no type or function `Lost`"),
        (grant.replace("`Grant`", "Grant"), "no type or function Grant"),
        (fold.replace("fold()", "unfold()"), "no type or function `unfold()`"),
        (grant.replace("A lot of one single unit.", "a lot"), "no meaning in a sentence"),
        ("| grant | A lot of one single unit. |\n".to_owned(), "has 2 cells"),
    ] {
        let wrong = judged(&rows);
        assert!(wrong.iter().any(|what| what.contains(words)), "not noticed: {words}: {wrong:?}");
    }
}
