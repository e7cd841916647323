//! House style as a test: the remarks that reviews would otherwise repeat.
//!
//! Each rule is a function in `rules/` that returns its findings: the fault, the place and the remedy. It runs on this
//! repository, and on a bad sample that it must object to: a rule that cannot fire is no rule.

mod rules;

use rules::{Tree, code, english, manifests, names, prose, shape};

/// Applies a rule to the repository, and fails with its findings.
fn holds(rule: fn(&Tree) -> Vec<String>) {
    let findings = rule(&Tree::of_this_repository());
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

/// Shows a rule a bad sample, which it must object to in these words, and a good one, if there is one.
fn fires(rule: fn(&Tree) -> Vec<String>, bad: &[(&str, &str)], words: &str, good: &[(&str, &str)]) {
    let findings = rule(&Tree::sample(bad));
    assert!(findings.iter().any(|finding| finding.contains(words)), "not found: {words}: {findings:?}");
    if !good.is_empty() {
        let findings = rule(&Tree::sample(good));
        assert!(findings.is_empty(), "a good sample is objected to: {findings:?}");
    }
}

const ENGINE: &str = "crates/engine/src/a.rs";
const STORE: &str = "crates/store/src/lib.rs";

#[test]
fn files_are_short() {
    let line = "fn f() {}\n";
    let with_tests = format!("{}#[cfg(test)]\nmod tests {{\n{}}}\n", line.repeat(600), line.repeat(100));
    fires(code::files_are_short, &[(ENGINE, &line.repeat(601))], "601 lines; split", &[(ENGINE, &with_tests)]);
    holds(code::files_are_short);
}

#[test]
fn engine_functions_are_short() {
    let long = format!("fn f() {{\n{}}}\n", "    let x = \"}\"; // }\n".repeat(71));
    let good = format!("fn f() {{\n{}}}\n", "    let x = '}';\n".repeat(70));
    fires(code::engine_functions_are_short, &[(ENGINE, &long)], "`f` has 71 lines", &[(ENGINE, &good)]);
    holds(code::engine_functions_are_short);
}

#[test]
fn matches_are_total() {
    let rule = code::matches_are_total;
    let good = "fn f() {\n    match event {\n        Event::A { .. } => match x {\n            1 => {}\n            _ => {}\n        },\n        \
                Event::B(_) | Event::C => g(|_| 1),\n    }\n}\n";
    for bad in [
        "fn f() {\n    match event {\n        Event::A { .. } => {}\n        _ => {}\n    }\n}\n",
        "fn f() {\n    match event {\n        Event::A { .. } => 1,\n        _ => 2,\n    }\n}\n",
        "fn f() {\n    match &x.command {\n        _ if y => 1,\n        TeamCommand::A(B { c }) => 2,\n    }\n}\n",
        "fn f() {\n    match (a, b) {\n        (Refusal::A, true) => 1,\n        _ => 2,\n    }\n}\n",
    ] {
        fires(rule, &[(ENGINE, bad)], "name the variants", &[(ENGINE, good), ("crates/scrip/src/http/a.rs", bad)]);
        fires(rule, &[(STORE, bad)], "name the variants", &[]);
        fires(rule, &[("crates/scrip/src/mail/notices.rs", bad)], "name the variants", &[]);
    }
    for path in [ENGINE, STORE, "crates/scrip/src/http/a.rs"] {
        fires(rule, &[(path, "fn f() { unreachable!(\"elsewhere\") }\n")], "`unreachable!`", &[]);
    }
    holds(rule);
}

#[test]
fn files_are_nouns() {
    let rule = names::files_are_nouns;
    let good =
        [("crates/store/src/settings.rs", ""), ("crates/engine/src/posting.rs", ""), ("crates/a/src/moving.rs", "")];
    fires(rule, &[("crates/store/src/postgres/sealing.rs", "")], "`sealing` is no noun", &good);
    fires(rule, &[("crates/engine/tests/a_closing/mod.rs", "")], "`closing` is no noun", &[]);
    holds(rule);
}

#[test]
fn functions_are_verbs() {
    let rule = names::functions_are_verbs;
    let good = "fn tell() {}\nfn stored_keys() {}\nfn is_sealed() {}\nfn need() {}\n\
                #[test]\nfn sealed_by_hand() {}\n#[tokio::test(flavor = \"x\")]\nasync fn paid() {}\n";
    let places = [STORE, "crates/testing/src/app.rs", "crates/scrip/tests/it/mails.rs", "crates/scrip/src/a/tests.rs"];
    for bad in [
        "fn told() {}",
        "pub(crate) async fn sealed<T>(x: T) {}",
        "fn left_over() {}",
        "const fn spent_in(self) {}",
        "#[cfg(test)]\nmod tests { fn told() {} }\n",
        "#[test]\nfn tells() {}\nfn told() {}\n",
    ] {
        for place in places {
            fires(rule, &[(place, bad)], "is a participle", &[(place, good)]);
        }
    }
    fires(rule, &[("crates/store/src/clock.rs", "fn now() {}")], "take it off EXCEPTIONS", &[]);
    holds(rule);
}

#[test]
fn types_are_nouns() {
    let rule = names::types_are_nouns;
    let good = "struct StoredKeys;\nenum Refusal { Refused }\ntype Seed = u8;\n";
    for bad in [
        "pub struct Seen {}",
        "pub(super) enum Denied<'a> {}",
        "type Settled = u8;",
        "#[cfg(test)]\nmod tests { struct Seen; }\n",
    ] {
        for place in ["crates/scrip/src/a.rs", "crates/testing/src/load.rs", "crates/scrip/tests/it/oidc.rs"] {
            fires(rule, &[(place, bad)], "is a participle", &[(place, good)]);
        }
    }
    holds(rule);
}

#[test]
fn traits_are_few() {
    let four = "pub trait A {}\ntrait B {}\ntrait C {}\ntrait D {}\n";
    fires(code::traits_are_few, &[(STORE, four)], "4 traits", &[(STORE, "// trait\ntrait A {}")]);
    holds(code::traits_are_few);
}

#[test]
fn lines_fit() {
    let long = format!("// {}\n", "word ".repeat(30));
    let text = format!("let x = \"{}\";\n", "word ".repeat(30));
    fires(code::lines_fit, &[(STORE, &long)], "columns; 120", &[(STORE, &text)]);
    let code = format!("let x = [{}];\n", "1, ".repeat(50));
    fires(code::lines_fit, &[(STORE, &code)], "columns; 120", &[]);
    holds(code::lines_fit);
}

#[test]
fn panics_have_reasons() {
    let good =
        "fn f() { x.expect(\"there is one in every list\"); }\n#[cfg(test)]\nmod tests { fn g() { x.unwrap(); } }";
    fires(code::panics_have_reasons, &[(STORE, "fn f() { x.unwrap(); }")], "unwrap:", &[(STORE, good)]);
    fires(code::panics_have_reasons, &[(STORE, "fn f() { x.expect(\"x\"); }")], "expect:", &[]);
    let for_tests = "crates/store/src/simulation.rs";
    let good = [(STORE, "#[cfg(test)]\nmod simulation;\n"), (for_tests, "fn f() { x.unwrap(); }")];
    fires(code::panics_have_reasons, &[(STORE, "mod simulation;\n"), good[1]], "simulation.rs:1: unwrap", &good);
    holds(code::panics_have_reasons);
}

#[test]
fn nothing_is_left_over() {
    let good = [(STORE, "let text = \"TODO\"; // what is to be done\n")];
    fires(code::nothing_is_left_over, &[(STORE, "// TODO: all of it\n")], "`TODO`", &good);
    fires(code::nothing_is_left_over, &[(STORE, "/* FIXME */\n")], "`FIXME`", &[]);
    fires(code::nothing_is_left_over, &[(STORE, "#[test]\n#[ignore]\nfn f() {}\n")], ":2: `#[ignore`", &[]);
    fires(code::nothing_is_left_over, &[(STORE, "fn f() { todo!() }\n")], "`todo!`", &[]);
    holds(code::nothing_is_left_over);
}

#[test]
fn the_engine_is_pure() {
    let good = [
        (ENGINE, "fn f(x: &'static str) -> u8 { pair.0.1 + (0..3).len() } // f64, std::fs\n"),
        (STORE, "use std::fs;"),
    ];
    for (bad, words) in [
        ("fn f(x: f64) {}\n", "`f64`"),
        ("fn f() { g(1.5) }\n", "a float"),
        ("use std::time::Duration;\n", "`std::time`"),
        ("use std::fs;\n", "`std::fs`"),
        ("async fn f() {}\n", "`async`"),
        ("static X: u8 = 1;\n", "`static`"),
    ] {
        fires(code::the_engine_is_pure, &[(ENGINE, bad)], words, &good);
    }
    holds(code::the_engine_is_pure);
}

#[test]
fn modules_say_what_they_are() {
    fires(code::modules_say_what_they_are, &[(STORE, "use x;")], "open with", &[(STORE, "//! What it is.\n")]);
    holds(code::modules_say_what_they_are);
}

#[test]
fn direct_dependencies_are_few() {
    let many: String = (0..41).map(|n| format!("d{n} = \"1\"\n")).collect();
    let bad = format!("[dependencies]\n{many}");
    let path = "crates/a/Cargo.toml";
    // A crate of this workspace is no dependency.
    let good = [(path, &*bad), ("crates/d0/Cargo.toml", "[package]\nname = \"d0\"\n")];
    fires(manifests::direct_dependencies_are_few, &[(path, &bad)], "41 direct", &good);
    let engine = format!("[dependencies]\n{}", (0..5).map(|n| format!("d{n} = \"1\"\n")).collect::<String>());
    fires(manifests::direct_dependencies_are_few, &[("crates/engine/Cargo.toml", &engine)], "5 direct", &[]);
    holds(manifests::direct_dependencies_are_few);
}

#[test]
fn the_engine_depends_on_little() {
    let path = "crates/engine/Cargo.toml";
    let base = "[dependencies]\nserde = \"1\"\ntoml = \"1\"\njiff = \"1\"\n";
    let rule = manifests::the_engine_depends_on_little;
    let good = format!("{base}schemars = {{ version = \"1\", optional = true }}\n");
    fires(rule, &[(path, &format!("{base}tokio = \"1\"\n"))], "`tokio`", &[(path, &good)]);
    fires(rule, &[(path, &format!("{base}schemars = \"1\"\n"))], "`schemars`", &[]);
    fires(rule, &[(path, "[dependencies]\nserde = \"1\"\ntoml = \"1\"\n")], "`jiff` is gone", &[]);
    holds(rule);
}

#[test]
fn the_lock_file_is_plain() {
    let rule = manifests::the_lock_file_is_plain;
    let one = |name: &str, version: &str, rest: &str| {
        format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n{rest}\n")
    };
    let deny = r#"licenses.allow = []
        bans.deny = [{ crate = "rsa", reason = "it leaks" }]
        bans.skip = [{ crate = "old@1", reason = "b" }]"#;
    let both = one("old", "1.2.3", "") + &one("old", "2.0.0", "");
    let good =
        both.clone() + &one("a", "1.0.0", "source = \"registry+x\"\nchecksum = \"00\"") + &one("ours", "0.1.0", "");
    let many: String = (0..431).map(|n| one(&format!("p{n}"), "1.0.0", "")).collect();
    for (bad, what) in [
        (both.clone() + &one("rsa", "1.0.0", ""), "`rsa`: it leaks"),
        (both.clone() + &one("a", "1.0.0", "source = \"git+x\""), "git repository"),
        (both.clone() + &one("a", "1.0.0", "source = \"registry+x\""), "no checksum"),
        (both.clone() + &many, "433 packages"),
        (both.clone() + &one("a", "1.0.0", "") + &one("a", "2.0.0", ""), "`a` is there as"),
        (one("old", "10.0.0", ""), "`old@1` is in one version"),
    ] {
        let with = |lock| [("Cargo.lock", lock), ("deny.toml", deny)];
        fires(rule, &with(&bad), what, &with(&good));
    }
    fires(rule, &[], "commit it", &[]);
    holds(rule);
}

#[test]
fn licences_are_known() {
    let denied =
        manifests::DenyLists::read(&std::fs::read_to_string(rules::root().join("deny.toml")).expect("deny.toml"));
    let judged =
        |licence: Option<&str>| manifests::licences_are_known(&denied, &[("a".to_owned(), licence.map(str::to_owned))]);
    for good in
        ["MIT", "MIT/Apache-2.0", "MIT OR GPL-3.0", "(MIT OR GPL-3.0) AND ISC", "Apache-2.0 WITH LLVM-exception"]
    {
        assert!(judged(Some(good)).is_empty(), "{good}");
    }
    for bad in [Some("GPL-3.0"), Some("MIT AND GPL-3.0"), Some("(MIT OR GPL-3.0"), Some(""), None] {
        assert_eq!(judged(bad).len(), 1, "{bad:?}");
    }
    let packages = manifests::packages_built_here();
    assert!(packages.len() > 100, "the packages were not found: {}", packages.len());
    let findings = manifests::licences_are_known(&denied, &packages);
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

#[test]
fn documents_have_one_title() {
    let rule = prose::documents_have_one_title;
    fires(
        rule,
        &[("a.md", "# One\n\n# Two\n")],
        "a.md:3: a second",
        &[("a.md", "# One\n```\n# a comment\n```\n## Two\n")],
    );
    fires(rule, &[("a.md", "Text.\n\n# One\n")], "comes first", &[]);
    fires(rule, &[("a.md", "Text.\n")], "no title", &[]);
    holds(rule);
}

#[test]
fn links_lead_somewhere() {
    let good =
        [("docs/a.md", "[b](../b.md#part) [c](https://example.com) [d](sub)"), ("b.md", ""), ("docs/sub/x.md", "")];
    fires(prose::links_lead_somewhere, &[("docs/a.md", "[b](b.md)")], "`b.md` is not there", &good);
    holds(prose::links_lead_somewhere);
}

#[test]
fn doc_comments_stand_alone() {
    let rule = english::doc_comments_stand_alone;
    let good = "//! Holds of a workspace.\n\n/// Returns the hold with a number.\n///\n/// It is open.\nfn f() {}\n";
    fires(rule, &[(STORE, "/// Whether it is open now.\nfn f() {}\n")], "opens with `whether`", &[(STORE, good)]);
    fires(rule, &[(STORE, "/// The ledger.\nfn f() {}\n")], "repeats the name", &[]);
    fires(rule, &[(STORE, "/// Refuses a key that nobody\n/// has made.\nfn f() {}\n")], "`nobody`", &[]);
    fires(rule, &[(STORE, "/// Ends what\n/// there is of it.\nfn f() {}\n")], "`what there is`", &[]);
    fires(rule, &[(STORE, "/// Ends the hold now.\nfn f() {}\n//! They are kept for ever.\n")], "lib.rs:3", &[]);
    holds(rule);
}

#[test]
fn words_say_something() {
    let rule = prose::words_say_something;
    fires(rule, &[("a.md", "It is Simply so.")], "`simply`", &[("a.md", "`simply` is a word, and so is simplify.")]);
    fires(rule, &[(STORE, "// Leverage it.\n")], "`leverage`: use", &[(STORE, "let leverage = 1;\n")]);
    holds(rule);
}

#[test]
fn no_registry_is_named() {
    let bad = concat!("registry = \"https://crates", ".io\"");
    fires(prose::no_registry_is_named, &[("a.toml", bad)], "package registry", &[("Cargo.lock", bad)]);
    holds(prose::no_registry_is_named);
}

#[test]
fn modules_know_only_those_below() {
    let rule = shape::modules_know_only_those_below;
    let with = |path: &'static str, text: &'static str| {
        vec![
            (path, text),
            ("crates/scrip/src/ledger.rs", ""),
            ("crates/scrip/src/people/mod.rs", ""),
            ("crates/scrip/src/runs/mod.rs", ""),
            ("crates/scrip/src/crypto.rs", ""),
            ("crates/store/src/crypto.rs", ""),
            ("crates/store/src/postgres/mod.rs", ""),
            ("crates/scrip/src/jobs/mod.rs", ""),
        ]
    };
    let inner = "crates/scrip/src/people/oidc/a.rs";
    let good = with(
        inner,
        "use crate::{outbound, crypto::{hex, sha256}};\nuse super::ledger;\nuse super::super::oidc::f;\n// crate::ledger\n",
    );
    for bad in [
        "use crate::ledger::Ledger;",
        "use crate::{crypto, ledger::{Ledger, Asked}};",
        "fn f() { crate::ledger::f() }",
        "use super::super::super::ledger;",
    ] {
        fires(rule, &with(inner, bad), "`people::oidc` knows `ledger", &good);
    }
    for bad in
        ["use scrip_store::Store;", "use scrip_store::{clock, rows::mails};", "use super::super::sign_in::Session;"]
    {
        fires(rule, &with(inner, bad), "`people::oidc` knows", &good);
    }
    let engine = "crates/store/src/sqlite/a.rs";
    let good = with(engine, "use crate::crypto::sha256;\nuse super::postgres;\n");
    fires(rule, &with(engine, "use crate::postgres::Postgres;"), "`sqlite` knows `postgres::Postgres`", &good);
    let http = "crates/scrip/src/http/a.rs";
    let good = with(http, "use crate::people::email;\nuse crate::jobs::scheduler::TimeMachine;\n");
    fires(rule, &with(http, "use crate::runs::dispatch::Dispatcher;"), "`runs::dispatch::Dispatcher`", &good);
    holds(rule);
}

#[test]
fn files_import_in_no_circle() {
    let rule = shape::files_import_in_no_circle;
    let (a, b, c) = ("crates/store/src/a.rs", "crates/store/src/b/mod.rs", "crates/store/src/b/c.rs");
    let good = [(a, "use crate::b::{c::f, g};"), (b, "use crate::b::c;"), (c, "use crate::d;")];
    let bad = [(a, "use crate::b::{c::f, g};"), (b, ""), (c, "fn f() { super::super::a::f() }")];
    fires(rule, &bad, "crates/store/src/b/c.rs: imports a file that imports it", &good);
    holds(rule);
}

#[test]
fn http_has_no_circle() {
    let rule = shape::http_has_no_circle;
    let (edge, api) = ("crates/scrip/src/http/edge/caller.rs", "crates/scrip/src/http/api/keys.rs");
    let good = [
        (edge, "use super::app::App;\nuse super::{rates, scopes};\n"),
        (api, "use super::caps;\nuse crate::http::edge::app::App;\n"),
        ("crates/scrip/src/http/api/runs/events.rs", "use super::find;\nuse super::super::assets::Links;\n"),
        ("crates/scrip/src/http/routes.rs", "use super::{api, edge::app::App};\n"),
    ];
    for bad in
        ["use crate::http::api::keys;", "use super::super::api::keys;", "use super::rights::On;", "use super::new::f;"]
    {
        fires(rule, &[(edge, bad)], "`http/edge/caller` knows", &good);
    }
    for bad in ["use super::members::f;", "fn f() { crate::http::api::members::f() }", "use super::super::App;"] {
        fires(rule, &[(api, bad)], "`http/api/keys` knows", &good);
    }
    holds(rule);
}

#[test]
fn the_store_keeps_to_itself() {
    let rule = shape::the_store_keeps_to_itself;
    let good =
        [(STORE, "use rusqlite::Connection; // axum::Json\n"), ("crates/scrip/src/http/mod.rs", "use axum::Json;")];
    fires(rule, &[(STORE, "use axum::http::StatusCode;")], "`axum` in the store", &good);
    fires(rule, &[("crates/scrip/src/http/mod.rs", "use rusqlite::Connection;")], "outside the store", &[]);
    fires(rule, &[("crates/client/src/lib.rs", "use tokio_postgres::Client;")], "outside the store", &[]);
    holds(rule);
}

#[test]
fn rows_have_types() {
    let file = "crates/scrip/src/operate/alerts.rs";
    let good = [(file, "use crate::store::rows::alerts;\nuse crate::store::{Store, Unavailable};")];
    for bad in ["use crate::store::{Store, Value};", "use crate::store::queries;", "fn f(row: &crate::store::Row) {}"] {
        fires(shape::rows_have_types, &[(file, bad)], "by a function", &good);
    }
    holds(shape::rows_have_types);
}

#[test]
fn no_file_is_dead() {
    let main = ("crates/a/src/main.rs", "mod b;\nmod c;\n// mod d;\nmod e { }\n");
    let good = [
        main,
        ("crates/a/src/b.rs", "mod f;"),
        ("crates/a/src/b/f.rs", ""),
        ("crates/a/src/c/mod.rs", "mod g;"),
        ("crates/a/src/c/g.rs", ""),
        ("crates/a/tests/t.rs", "mod language;"),
        ("crates/a/tests/language/mod.rs", ""),
    ];
    fires(shape::no_file_is_dead, &[main, ("crates/a/src/d.rs", "")], "d.rs:1: no `mod`", &good);
    fires(shape::no_file_is_dead, &[main, ("crates/a/src/tests/d.rs", "")], "tests/d.rs:1: no `mod`", &[]);
    holds(shape::no_file_is_dead);
}

#[test]
fn every_test_file_counts() {
    let rule = shape::every_test_file_counts;
    let good = [("crates/a/tests/t.rs", "mod inner;"), ("crates/a/tests/inner/mod.rs", "#[test]\nfn f() {}")];
    fires(rule, &[("crates/a/tests/t.rs", "// #[test]\nfn f() {}")], "no test in it", &good);
    fires(rule, &[("crates/a/Cargo.toml", "[lib]\ntest = false\n")], "Cargo.toml:2: switches", &[]);
    fires(rule, &[("tests/run.d/10-a", "#!/bin/sh\n")], "chmod +x", &[]);
    holds(rule);
}
