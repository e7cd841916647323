//! Runs every story in `tests/scenarios` and reports what failed in all of them together.
//!
//! **Invariant:** a file without an expectation fails, so that no file counts as proof of a thing that it does not
//! check.

#[test]
fn every_scenario_holds() {
    let mut statements = 0;
    let mut expectations = 0;
    let mut failures = Vec::new();
    let files = crate::language::files();
    for file in &files {
        let text = std::fs::read_to_string(crate::language::repository().join(file)).expect("the file was just listed");
        let report = crate::language::run(file, &text);
        statements += report.statements;
        expectations += report.expectations;
        failures.extend(report.failure);
    }
    println!("{} files, {statements} statements, {expectations} of them expectations", files.len());
    assert!(!files.is_empty(), "there are scenarios");
    assert!(failures.is_empty(), "{} of {} files fail:\n{}", failures.len(), files.len(), failures.join("\n"));
}

/// Files that test the language itself: each must fail, at the line and for the reason given.
#[test]
fn a_scenario_that_is_wrong_says_where_and_why() {
    let story = |rest: &str| format!("# R1 a story\ncatalog canvas-tiers\nat 2026-01-31T12:00Z\nopen\n{rest}");
    for (text, expected) in [
        ("catalog canvas-tiers".to_owned(), "x.txt:1: expected a comment that cites"),
        (story(""), "x.txt:1: expected at least one expectation, got none"),
        (story("balance 251"), "x.txt:5: balance 251\n    available: expected 251, got 250\n    grant lifetime"),
        (story("dance"), "x.txt:5: dance\n    `dance` is not a statement"),
        (story("balance 250 held 0 more"), "expected the end of the line, got `more`"),
        (story("run image-standard -> 11"), "held: expected 11, got 10"),
        (story("run kling"), "expected no refusal, got InvalidRequest"),
        (story("refused NOT_FOUND run image-standard"), "expected NOT_FOUND, got no refusal"),
        (story("refused NOT_FOUND run kling"), "refusal: expected NOT_FOUND, got INVALID_REQUEST"),
        (story("model image-pro open"), "model: expected open, got trial 3"),
        (story("grant lifetime expires 2027-01-01T00:00:00Z"), "expected such a grant, got none"),
        (story("happened nothing"), "expected otherwise, got [\"workspace_opened\", \"grant_issued\""),
        (story("run image-standard → 10"), "x.txt:5: expected `->`"),
        (story("publish nowhere"), "there is no catalog `nowhere`"),
        (story("pay pro month"), "expected source=…: what was paid"),
        (story("pay pro month source=in-1\nbalance 5251"), "available: expected 5251, got 5250"),
        (story("pay pro month source=in-1\npaid in-2 of sub-1"), "paid: expected in-2 of sub-1, got in-1 of sub-1"),
        (story("pay pro month source=in-1\nat 2026-02-28T14:00Z\nfrozen 0"), "frozen: expected 0, got 5000"),
        (story("pay pro month source=in-1\nfollow elsewhere"), "expected goes-on, ending, processing, ended or then"),
        (story("awaited 2026-01-31T12:00:00Z"), "awaited: expected 2026-01-31T12:00:00Z, got never"),
        (story("hold 201\ncapture\ntold nothing"), "told: expected nothing, got credits_low"),
        (story("top-up credits-1000 below=1 max=1200\ntop-ups off"), "top-ups: expected off, got 0 spent 0"),
    ] {
        let failure = crate::language::run("x.txt", &text).failure.expect("the story is wrong");
        assert!(failure.contains(expected), "expected {expected:?} in {failure:?}");
    }
}
