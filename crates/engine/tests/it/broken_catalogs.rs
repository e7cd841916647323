//! Catalogs with faults, and the messages for their author: each file beside the messages it must give.
//!
//! The messages are read by people, so the whole text is committed. After a change that is meant, write them anew with
//! `SCRIP_WRITE_EXPECTED=1 cargo test -p scrip-engine --test broken_catalogs` and read the difference.
//!
//! A faulty file may be as large as a good one, so the number and length of its messages are bounded here for files
//! of the largest size: see [`a_large_faulty_file_is_told_in_few_words`].
//!
//! **Invariant:** every message says where (a line and a column that exist) and what to write instead.

use scrip_engine::{Problem, parse_catalog};
use std::path::{Path, PathBuf};

fn broken_files() -> Vec<PathBuf> {
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
    let files = broken_files();
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
    for path in broken_files() {
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

/// Head of a catalog, without faults.
const HEAD: &str = "name = \"large\"\nfree_plan = \"free\"\n\n[[plan]]\nid = \"free\"\nname = \"Free\"\n";
/// A model of that catalog.
const MODEL: &str =
    "\n[[model]]\nid = \"m\"\nname = \"M\"\noutput = \"image\"\nrate = { credits = 1, per = \"call\" }\n";

/// Repeats a part of a file, numbered, until the file has nearly the largest size.
fn fill(head: &str, tail: &str, part: impl Fn(usize) -> String) -> String {
    let mut text = head.to_owned();
    for n in 0.. {
        let part = part(n);
        if text.len() + part.len() + tail.len() >= 1 << 20 {
            break;
        }
        text.push_str(&part);
    }
    text + tail
}

/// Returns faulty files of the largest size, each of another kind, with the text of the first problem.
fn large() -> Vec<(&'static str, String, &'static str)> {
    let good = format!("{HEAD}{MODEL}");
    let names = |n: usize| (0..490).map(|other| format!("\"no-{n}-{other}\"")).collect::<Vec<_>>().join(", ");
    let pack = "currency = \"usd\"\namount = 100\ncredits = 10";
    let choices = (0..490).map(|n| format!("\"choice-{n}\"")).collect::<Vec<_>>().join(", ");
    let long = "y".repeat(1_000_000);
    vec![
        ("misspelled keys", fill(&good, "", |n| format!("[[plan]]\nid = \"p{n}\"\nnaem = \"P\"\n")), "`naem` is not a"),
        (
            "unknown words",
            fill(&good, "", |n| format!("[[preset]]\nid = \"p{n}\"\nceilin = 1\n")),
            "`ceilin` is not a key",
        ),
        (
            "unknown plans",
            fill(&good, "", |n| format!("[[pack]]\nid = \"p{n}\"\n{pack}\nplans = [{}]\n", names(n))),
            "there is no plan `no-0-0`",
        ),
        (
            "a list that is never closed",
            fill(&format!("{good}levels = [\"a\"\n"), "", |n| format!("[[plan]]\nid = \"p{n}\"\nname = \"P\"\n")),
            "the list that begins here is never closed",
        ),
        ("lists that are never closed", fill(HEAD, "", |n| format!("a{n} = [\n")), "the list that begins here"),
        ("no syntax", fill(HEAD, "", |_| "what is this\n".to_owned()), "expected"),
        ("too many plans", fill(&good, "", |n| format!("[[plan]]\nid = \"p{n}\"\nname = \"P\"\n")), "more than 500 of"),
        (
            "too many grants",
            fill(&format!("{MODEL}{HEAD}once = ["), "]\n", |_| "{amount=1},".to_owned()).replacen(MODEL, "", 1) + MODEL,
            "`once` has",
        ),
        (
            "one key many times",
            fill(&good, "", |_| "name = \"again\"\n".to_owned()),
            "`name` is written here a second time",
        ),
        ("a long name", format!("{HEAD}{MODEL}\n[[pack]]\nid = \"{long}\"\n{pack}\n"), "is not a name"),
        ("a long key", format!("{HEAD}{long} = 1\n{MODEL}"), "is not a key here"),
        ("a long reference", format!("{HEAD}{MODEL}plans = [\"{long}\"]\n"), "there is no plan `yyy"),
        (
            "defaults that are no choice",
            fill(&good, "", |n| {
                let param =
                    format!("[model.params.p]\ntype = \"choice\"\ndefault = \"choic-{n}\"\nchoices = [{choices}]\n");
                MODEL.replace("\"m\"", &format!("\"m{n}\"")) + &param
            }),
            "there is no choice `choic-0`",
        ),
        (
            "money with decimals",
            fill(&good, "", |n| format!("[[pack]]\nid = \"p{n}\"\ncurrency = \"usd\"\namount = 1.5\ncredits = 10\n")),
            "the decimal 1.5 is written where an amount of money belongs",
        ),
        ("brackets alone", "[".repeat(1 << 20), ""),
        ("braces alone", fill(HEAD, "", |_| "{[".to_owned()), ""),
        ("one table many times", fill(HEAD, "", |_| "[plan]\n".to_owned()), "[plan] is one table"),
    ]
}

#[test]
fn a_large_faulty_file_is_told_in_few_words() {
    for (kind, text, first) in large() {
        assert!(text.len() > 900_000 && text.len() <= 1 << 20, "{kind} has {} bytes", text.len());
        let problems = parse_catalog(&text).expect_err(kind);
        assert!((1..=101).contains(&problems.len()), "{kind}: {} problems", problems.len());
        let told = problems.iter().find(|problem| problem.message.contains(first));
        assert!(told.is_some(), "{kind}: {:#?}", &problems[..problems.len().min(3)]);
        for problem in &problems {
            assert!(problem.to_string().chars().count() <= 1_300, "{kind}: a problem of many words");
        }
        if problems.len() == 101 {
            let last = &problems[100].message;
            assert!(last.starts_with("and ") && last.ends_with(" more"), "{kind}: {last}");
        }
    }
}

#[test]
fn what_is_left_out_is_counted() {
    let text = fill(&format!("{HEAD}{MODEL}"), "", |n| format!("[[plan]]\nid = \"p{n}\"\nnaem = \"P\"\n"));
    let all = text.matches("naem").count();
    let problems = parse_catalog(&text).expect_err("no key is called so");
    assert_eq!(problems[100].message, format!("and {} more", all - 100));
}
