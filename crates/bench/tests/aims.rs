//! Tests of `scrip-bench aims` from start to end, for a moment: its output, and never its speed.

#![allow(missing_docs, reason = "the names of tests say what they are about")]

use scrip_testing::postgres::database;
use scrip_testing::program::{Dir, failure, output, without_settings};
use serde_json::Value;
use std::process::Command;

/// Returns a short run, in a directory of its own.
fn aims(dir: &Dir, more: &[&str]) -> Command {
    let mut command = without_settings(env!("CARGO_BIN_EXE_scrip-bench"));
    command.args(["aims", "--seconds", "0.2", "--workspaces", "20", "--connections", "4"]);
    command.arg("--directory").arg(dir.path()).args(more);
    command
}

/// Returns the numbers of the aims in a document, each with `true` if it was measured.
fn goals(report: &Value) -> Vec<(&str, bool)> {
    let goals = report["goals"].as_array().expect("aims");
    goals.iter().map(|goal| (goal["number"].as_str().expect("a number"), !goal["measured"].is_null())).collect()
}

#[test]
fn every_part_is_measured_in_one_run() {
    let dir = Dir::new();
    let picture = dir.path().join("picture.svg");
    let asked = ["--entries", "300", "--json", "--svg", picture.to_str().expect("UTF-8")];
    let report: Value = serde_json::from_str(&output(aims(&dir, &asked))).expect("JSON");
    let measured = goals(&report);
    for number in ["P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8", "P9", "P10", "P11", "P17"] {
        let elsewhere = ["P2", "P4", "P5"].contains(&number);
        let there: Vec<bool> = measured.iter().filter(|goal| goal.0 == number).map(|goal| goal.1).collect();
        assert!(!there.is_empty() && there.iter().all(|there| *there != elsewhere), "{number}: {measured:?}");
    }
    assert_eq!((report["filled"]["entries"].as_u64(), report["filled"]["workspaces"].as_u64()), (Some(300), Some(60)));
    assert_eq!(report["one_balance"]["accepted"], report["one_balance"]["expected"]);
    let sized = report["goals"].as_array().expect("aims").iter().filter(|goal| goal["number"] == "P7");
    assert!(
        sized.clone().count() == 2 && sized.clone().all(|goal| goal["verdict"] != "met"),
        "300 are not 100 million"
    );
    let picture = std::fs::read_to_string(picture).expect("it was written");
    assert!(picture.starts_with("<svg") && picture.ends_with("</svg>\n"), "{picture}");
    let left: Vec<_> =
        std::fs::read_dir(dir.path()).expect("it is there").flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(left, ["picture.svg"], "nothing else stays behind");
}

#[test]
fn parts_are_measured_alone() {
    let dir = Dir::new();
    let told = output(aims(&dir, &["--only", "p6,P10"]));
    assert!(told.contains("P10  engine, one command") && told.contains(" P6  p99 of a pair's first"), "{told}");
    assert!(!told.contains("P9") && !told.contains("renewed"), "nothing else was asked for: {told}");
    for wrong in [&["--only", "p5"][..], &["--only", "p8", "--entries", "0"], &["--only", "p2"]] {
        let (code, told) = failure(aims(&dir, wrong));
        assert_eq!(code, 2, "{told}");
    }
    let (code, told) = failure(aims(&dir, &["--svg", "/nowhere/x.svg"]));
    assert!(code == 1 && told.contains("/nowhere/x.svg"), "before anything is measured: {told}");
}

#[test]
fn processes_on_one_database_are_compared() {
    let (dir, database) = (Dir::new(), database());
    let told = output(aims(&dir, &["--only", "p5,p9", "--json", "--database-url", database.url()]));
    let report: Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(goals(&report), [("P5", true), ("P5", true), ("P9", true), ("P9", true)]);
    assert_eq!((report["store"].as_str(), report["several"]["processes"].as_u64()), (Some("postgresql"), Some(3)));
    assert!(report["lag"]["looks"].as_u64().is_some(), "{report}");
}
