//! Tests of the demo: every line that it prints is run exactly as it is printed.

use scrip_testing::program::{Dir, KillOnDrop, scrip, spawn, terminate};
use scrip_testing::smtp::read_mail;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// A running demo and its output.
struct Demo {
    child: KillOnDrop,
    lines: Vec<String>,
}

impl Demo {
    fn start(dir: &Dir, catalog: &str) -> Demo {
        let mut command = scrip(&["demo", "--catalog", catalog, "--listen", "127.0.0.1:0"]);
        command.arg("--data").arg(dir.path().join("data"));
        let (child, lines) = spawn(command, |line| line.starts_with("Ctrl-C ends it"));
        Demo { child, lines }
    }

    /// Returns the lines to copy, by the title above them.
    fn sections(&self) -> BTreeMap<String, Vec<String>> {
        let mut sections: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut title = "";
        for line in self.lines.iter().filter(|line| !line.is_empty()) {
            match line.strip_prefix("    ") {
                Some(copied) => sections.entry(title.to_owned()).or_default().push(copied.to_owned()),
                None => title = line,
            }
        }
        sections
    }

    /// Returns the rows of the table of workspaces: plan, id and credits.
    fn workspaces(&self) -> Vec<(String, String, i64)> {
        let rows = self.lines.iter().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let row = |cells: Vec<&str>| match cells.as_slice() {
            [plan, id, .., credits] if id.starts_with("ws_") => {
                Some(((*plan).to_owned(), (*id).to_owned(), credits.parse().expect("a number")))
            }
            _ => None,
        };
        rows.filter_map(row).collect()
    }
}

/// Runs a line as it was printed, after the exports and in a directory of its own.
fn paste(exports: &str, line: &str, directory: &Path) -> Output {
    let mut command = Command::new("bash");
    command.arg("-c").arg(format!("{exports}\n{line}")).current_dir(directory).stdin(Stdio::null());
    command.output().expect("bash is there")
}

fn answer(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    let first = text.lines().next().unwrap_or_default();
    serde_json::from_str(first)
        .unwrap_or_else(|error| panic!("{error}: {text} {}", String::from_utf8_lossy(&output.stderr)))
}

fn section<'a>(sections: &'a BTreeMap<String, Vec<String>>, start: &str) -> &'a [String] {
    let found = sections.iter().find(|(title, _)| title.starts_with(start));
    found.map(|(_, lines)| lines.as_slice()).unwrap_or_else(|| panic!("there is no `{start}`: {sections:#?}"))
}

/// Runs every line of a demo and checks the effect that the demo promises for it.
fn everything_printed_works(dir: &Dir, demo: &Demo, is_gated: bool) {
    let sections = demo.sections();
    let exports = &section(&sections, "To try it")[0];
    let run = |line: &str| paste(exports, line, dir.path());
    let code = |line: &str| run(line).status.code();

    let price = section(&sections, "Ask for a price");
    assert!(answer(&run(&price[0]))["credits"].as_i64() > Some(0));
    assert_eq!(code(&price[1]), Some(0));

    let picture = section(&sections, "Run it and fetch");
    assert!(run(&picture[0]).status.success());
    let bytes = std::fs::read(dir.path().join("picture.png")).expect("it was fetched");
    assert!(bytes.starts_with(b"\x89PNG\r\n\x1a\n"), "{} bytes", bytes.len());
    let stored = run(&picture[1]);
    let told = String::from_utf8_lossy(&stored.stdout).into_owned();
    let path = told.lines().find_map(|line| line.strip_prefix("stored ")).unwrap_or_else(|| panic!("{told}"));
    assert!(std::fs::read(dir.path().join(path)).expect("it was stored").starts_with(b"\x89PNG"));

    let fails = section(&sections, "Let it fail");
    let before = answer(&run(&fails[1]));
    let failed = answer(&run(&fails[0]));
    assert_eq!(failed["status"], "failed");
    assert_eq!(failed["credits"]["released"], failed["credits"]["quoted"]);
    assert_eq!(failed["credits"]["captured"], 0);
    assert_eq!(answer(&run(&fails[1]))["available"], before["available"]);
    let output = run(&fails[2]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("came back"), "{output:?}");
    assert_eq!(code(&fails[3]), Some(0));

    let refused = |start: &str, status: &str, code: &str| {
        let lines = section(&sections, start);
        let output = run(&lines[0]);
        assert_eq!(answer(&output)["code"], code);
        assert_eq!(String::from_utf8_lossy(&output.stdout).lines().last(), Some(status));
        let output = run(&lines[1]);
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&output.stderr).starts_with(code), "{output:?}");
    };
    refused("Ask for more credits than are left", "402", "INSUFFICIENT_CREDITS");
    if is_gated {
        refused("Ask for a model of a higher plan", "403", "MODEL_TIER_REQUIRED");
    } else {
        assert!(!sections.keys().any(|title| title.starts_with("Ask for a model")), "{sections:#?}");
    }

    let explain = section(&sections, "Have an entry");
    assert!(answer(&run(&explain[0]))["summary"].as_str().is_some_and(|summary| !summary.is_empty()));
    assert_eq!(code(&explain[1]), Some(0));
    keys_printed_work(&sections, &run);
    shop_printed_works(&sections, &run);
    assert_eq!(
        sections.values().map(Vec::len).sum::<usize>(),
        if is_gated { 31 } else { 29 },
        "no line is left out: {sections:#?}"
    );
}

/// Buys, reads, and refunds, with the printed lines.
fn shop_printed_works(sections: &BTreeMap<String, Vec<String>>, run: &impl Fn(&str) -> Output) {
    let told = |line: &str| {
        let output = run(line);
        assert!(output.status.success(), "{line}: {output:?}");
        String::from_utf8(output.stdout).expect("text")
    };
    let credits = |line: &str| -> i64 {
        let text = told(line);
        text.split_once(" credits").expect("a balance").0.parse().unwrap_or_else(|_| panic!("{text}"))
    };
    let shop = section(sections, "See what can be bought");
    assert!(told(&shop[0]).contains("at once"));
    assert!(told(&shop[1]).contains("/c/pay/cs_test_"));
    let pay = section(sections, "Or pay from here");
    let before = credits(&pay[2]);
    told(&pay[0]);
    told(&pay[1]);
    let after = credits(&pay[2]);
    assert!(after > before, "{before} then {after}");
    let refund = section(sections, "Refund the payment");
    told(&refund[0]);
    told(&refund[1]);
    assert_eq!(credits(&refund[2]), before, "what was bought is gone, and nothing else");
}

/// Runs the lines about keys and people and checks the effect of each.
fn keys_printed_work(sections: &BTreeMap<String, Vec<String>>, run: &impl Fn(&str) -> Output) {
    let told = |line: &str| {
        let output = run(line);
        assert!(output.status.success(), "{line}: {output:?}");
        String::from_utf8(output.stdout).expect("text")
    };
    let keys = section(sections, "Run it with a key");
    assert!(keys[0].contains("Bearer scrip_wk_test_") && keys[1].contains("--key scrip_wk_test_"), "{keys:?}");
    let accepted = answer(&run(&keys[0]));
    assert!(accepted["credits"]["quoted"].as_i64() > Some(0), "{accepted}");
    assert!(told(&keys[1]).contains("quoted"));

    let refused = section(sections, "With a key that may");
    let output = run(&refused[0]);
    assert_eq!(answer(&output)["code"], "CAPABILITY_REQUIRED");
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().last(), Some("403"));
    let output = run(&refused[1]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("CAPABILITY_REQUIRED: "), "{output:?}");

    let seen = section(sections, "List the keys");
    let listed = told(&seen[0]);
    assert!(listed.contains("Demo: runs models") && listed.contains("Demo: reads"), "{listed}");
    assert!(told(&seen[1]).contains("make_key"));

    let signs_in = section(sections, "Sign in as the owner");
    let session = answer(&run(&signs_in[0]));
    let token = session["token"].as_str().expect("it is in the answer");
    assert!(token.starts_with("scrip_ps_"), "{session}");
    let email = session["user"]["email"].as_str().expect("an address");
    let workspace = session["workspace"].as_str().expect("the link was for one");
    assert_eq!(answer(&run(&signs_in[0]))["code"], "UNAUTHENTICATED", "a link is good once");
    let another = told(&signs_in[1]);
    assert!(another.contains("/sign-in#st_") && another.contains(email), "{another}");
    assert!(another.contains(&format!("{workspace} alone")), "{another}");
    let shown = told(&format!("{} members list --key {token}", env!("CARGO_BIN_EXE_scrip")));
    assert!(shown.contains(email) && shown.contains("admin"), "{shown}");
}

#[test]
fn every_line_of_the_demo_works_and_a_second_start_goes_on() {
    let dir = Dir::new();
    let mut demo = Demo::start(&dir, "canvas-tiers");
    let first = demo.workspaces();
    let plans: Vec<&str> = first.iter().map(|(plan, _, _)| plan.as_str()).collect();
    assert_eq!(plans, ["free", "creator", "pro", "business", "enterprise"]);
    assert!(first.iter().all(|(_, _, credits)| *credits > 0), "{first:?}");
    everything_printed_works(&dir, &demo, true);
    let old = section(&demo.sections(), "Run it with a key")[1].clone();
    terminate(&mut demo.child.0);
    drop(demo);

    let again = Demo::start(&dir, "canvas-tiers");
    let new = section(&again.sections(), "Run it with a key")[1].clone();
    let run = |line: &str| paste(&section(&again.sections(), "To try it")[0], line, dir.path());
    assert_eq!(run(&new).status.code(), Some(0));
    // The simulated Stripe has lost all customers, and they buy all the same.
    shop_printed_works(&again.sections(), &run);
    let shut = String::from_utf8(run(&old).stderr).expect("text");
    assert!(shut.starts_with("UNAUTHENTICATED: "), "the secret before opens nothing any more: {shut}");
    let ids = |workspaces: &[(String, String, i64)]| workspaces.iter().map(|(_, id, _)| id.clone()).collect::<Vec<_>>();
    let (after, own) =
        again.workspaces().split_at_checked(first.len()).map(|(a, b)| (ids(a), b.to_vec())).expect("all");
    assert_eq!(after, ids(&first));
    assert!(
        matches!(&own[..], [(plan, _, _)] if plan == "free"),
        "a person who signed in has a workspace of their own: {own:?}"
    );
}

#[test]
fn the_demo_makes_the_history_it_promises() {
    let dir = Dir::new();
    let demo = Demo::start(&dir, "canvas-tiers");
    let exports = section(&demo.sections(), "To try it")[0].clone();
    let (_, business, _) = demo.workspaces().into_iter().find(|(plan, _, _)| plan == "business").expect("it is a plan");
    let listed = |verb: &str| {
        let line = format!("{} {verb} --json --limit 100 --workspace {business}", env!("CARGO_BIN_EXE_scrip"));
        answer(&paste(&exports, &line, dir.path()))["data"].as_array().cloned().expect("a page")
    };
    let runs = listed("runs list");
    let ended = |status: &str, kind: &str| {
        let outputs = |run: &&Value| run["outputs"][0]["content_type"].as_str().unwrap_or_default().starts_with(kind);
        runs.iter().filter(|run| run["status"] == status).filter(outputs).count()
    };
    assert_eq!(
        (ended("succeeded", "image/"), ended("failed", "")),
        (4, 1),
        "three pictures, a film of pictures, one failed: {runs:#?}"
    );
    let commands: Vec<String> =
        listed("entries").iter().map(|entry| entry["command"].as_str().unwrap_or_default().to_owned()).collect();
    for command in ["open_workspace", "grant", "void_grant", "create_run", "settle_run"] {
        assert!(commands.iter().any(|done| done == command), "{command}: {commands:?}");
    }
}

#[test]
fn a_catalog_without_gates_has_no_line_about_them() {
    let dir = Dir::new();
    let demo = Demo::start(&dir, "shared-balance");
    everything_printed_works(&dir, &demo, false);
}

#[test]
fn where_no_key_may_run_a_model_none_is_printed_but_what_one_may() {
    let dir = Dir::new();
    let path = dir.path().join("shut.toml");
    let shut = include_str!("../../../../../catalogs/canvas-tiers.toml").replace("    \"model:run\",\n", "");
    std::fs::write(&path, shut).expect("it can be written");
    let demo = Demo::start(&dir, path.to_str().expect("UTF-8"));
    let sections = demo.sections();
    assert!(!sections.keys().any(|title| title.contains("key of") || title.contains("keys")), "{sections:#?}");
    assert!(demo.lines.iter().any(|line| line.starts_with("free, creator ") && line.ends_with(" nothing")));
    let may = demo.lines.iter().find(|line| line.starts_with("business, enterprise ")).expect("they are alike");
    assert!(may.contains("workflow:read") && !may.contains("model:run"), "{may}");
    let session =
        answer(&paste(&section(&sections, "To try it")[0], &section(&sections, "Sign in as the owner")[0], dir.path()));
    assert_eq!(session["user"]["email"], "free@example.com");
}

#[test]
fn the_lines_fit_the_catalog_of_two_buckets() {
    let dir = Dir::new();
    let demo = Demo::start(&dir, "two-buckets");
    everything_printed_works(&dir, &demo, true);
}

#[test]
fn the_lines_fit_the_catalog_of_weeks_and_years() {
    let dir = Dir::new();
    let demo = Demo::start(&dir, "weekly-yearly");
    everything_printed_works(&dir, &demo, true);
}

#[test]
fn a_mail_is_a_file_and_its_link_is_printed() {
    let dir = Dir::new();
    let start = || {
        let mut command = scrip(&["demo", "--catalog", "two-buckets", "--listen", "127.0.0.1:0"]);
        command.arg("--data").arg(dir.path().join("data")).stdout(Stdio::piped());
        let mut child = KillOnDrop(command.spawn().expect("the binary is built"));
        let lines = BufReader::new(child.0.stdout.take().expect("it is piped")).lines().map_while(Result::ok);
        (child, lines)
    };
    let (mut child, mut lines) = start();
    assert!(lines.any(|line| line.starts_with("Ctrl-C ends it")), "it comes up");
    terminate(&mut child.0);
    let journal = rusqlite::Connection::open(dir.path().join("data/journal.db")).expect("the journal opens");
    let data = r#"{"workspace":"A","inviter":"ada@example.com","role":"member","invitation":"inv_1","#;
    let sql = format!(
        r#"INSERT INTO mails (id, kind, recipient, data, due_at, attempts, lease_until, created_at)
           VALUES ('one', 'invitation', 'bo@example.com', '{data}"expires_at":4000000000000000}}', 0, 0, 0, 0)"#
    );
    journal.execute(&sql, []).expect("it can be written");
    drop(journal);
    let mut seal = scrip(&["migrate", "--seal"]);
    let sealed = seal.arg("--data").arg(dir.path().join("data")).output().expect("the binary is built");
    assert!(sealed.status.success(), "{sealed:?}");
    let (mut child, mut lines) = start();
    let line = lines.find(|line| line.starts_with("Mail to ")).expect("it is printed");
    let start = "Mail to bo@example.com, You are invited to a workspace on two-buckets: http://127.0.0.1:";
    let (open, secret) = line.rsplit_once('.').expect("a link");
    assert!(line.starts_with(start) && open.ends_with("/invitations/inv_1"), "{line}");
    assert_eq!(secret.len(), 32, "{line}");
    let mail = read_mail(&dir.path().join("data/mails/one.eml"));
    assert!(mail.whole().link().ends_with("/invitations/inv_1.…"), "{}", mail.text());
    terminate(&mut child.0);
}
