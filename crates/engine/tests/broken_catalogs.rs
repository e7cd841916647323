//! Catalogs with something wrong, and what their author is told: each file beside the messages it must give.
//!
//! The messages are read by people, so the whole text is committed. After a change that is meant, write them anew with
//! `SCRIP_WRITE_EXPECTED=1 cargo test -p scrip-engine --test broken_catalogs` and read the difference.
//!
//! **Invariant:** every message says where (a line and a column that exist) and what to write instead.

use scrip_engine::{Problem, parse_catalog};
use std::path::{Path, PathBuf};

fn broken() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken");
    let files = std::fs::read_dir(folder).expect("the folder is committed");
    let files = files.map(|entry| entry.expect("an entry of a folder can be read").path());
    let mut files: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|end| end == "toml")).collect();
    files.sort();
    files
}

fn problems(path: &Path) -> (String, Vec<Problem>) {
    let text = std::fs::read_to_string(path).expect("the file was just listed");
    let problems = parse_catalog(&text).expect_err(&format!("{} is broken", path.display()));
    (text, problems)
}

#[test]
fn every_broken_catalog_is_told_what_is_expected() {
    let write = std::env::var_os("SCRIP_WRITE_EXPECTED").is_some();
    let files = broken();
    assert!(files.len() >= 10, "{} broken catalogs", files.len());
    let mut wrong = Vec::new();
    for path in files {
        let got: String = problems(&path).1.iter().map(|problem| format!("{problem}\n")).collect();
        let beside = path.with_extension("expected");
        if write {
            std::fs::write(&beside, &got).expect("the folder can be written");
        }
        let expected = std::fs::read_to_string(&beside).unwrap_or_default();
        if expected != got {
            wrong.push(format!("{}\nexpected:\n{expected}got:\n{got}", beside.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_message_says_where_and_what_to_write() {
    for path in broken() {
        let (text, problems) = problems(&path);
        let mut last = (0, 0);
        for problem in problems {
            let shown = format!("{}: {problem}", path.display());
            let line = text.lines().nth(problem.line - 1).unwrap_or_else(|| panic!("no such line: {shown}"));
            assert!(problem.column <= line.chars().count() + 1, "no such column: {shown}");
            assert!(!problem.message.is_empty() && !problem.help.is_empty(), "no message or no help: {shown}");
            assert!(!problem.message.contains('\n') && !problem.help.contains('\n'), "more than a line: {shown}");
            assert!((problem.line, problem.column) >= last, "out of order: {shown}");
            last = (problem.line, problem.column);
        }
    }
}

#[test]
fn no_expected_text_is_left_without_its_catalog() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken");
    for entry in std::fs::read_dir(folder).expect("the folder is committed") {
        let path = entry.expect("an entry of a folder can be read").path();
        assert!(path.with_extension("toml").exists(), "{} has no catalog", path.display());
    }
}

#[test]
fn a_file_that_is_too_large_is_not_read() {
    let problems = parse_catalog(&"#".repeat((1 << 20) + 1)).expect_err("it is too large");
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].message, "the file has 1048577 bytes; at most 1048576 are read");
    assert!(!problems[0].help.is_empty());
}
