//! Transfer of a directory in use to a database: interrupted, refused, and in the end the same for every caller.

use futures_util::future::join_all;
use reqwest::Method;
use scrip_testing::app::{App, Desk, number, text};
use scrip_testing::postgres::{Database, database, psql, query};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

/// Number of workspaces, and of the holds and captures of each.
const WORKSPACES: usize = 60;
const HOLDS: usize = 25;
/// Number of entries in a transaction of the transfer.
const BATCH: i64 = 100;
/// Numbers of entries in whose transactions the transfer is killed.
const KILLED_AT: [i64; 2] = [1_234, 2_345];
/// Statement that returns everything that is kept of mails.
const MAILS: &str = "SELECT id, kind, recipient, data, due_at, attempts, lease_until, sent_at, failed, created_at
    FROM mails ORDER BY id";
/// Maximum number of times that the database is asked whether a transfer waits; asking takes some hundredths of a
/// second.
const LOOKS: u32 = 3_000;

fn scrip(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scrip"));
    command.args(arguments).env_remove("SCRIP_DATA").env_remove("SCRIP_DATABASE_URL").stdin(Stdio::null());
    command
}

fn moving(from: &Path, to: &str) -> Command {
    let mut command = scrip(&["migrate", "--batch", &BATCH.to_string(), "--to", to, "--from"]);
    command.arg(from);
    command
}

fn run(mut command: Command) -> Output {
    command.output().expect("the built binary starts")
}

#[track_caller]
fn printed_text(output: &Output) -> String {
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}: {out}\n{error}", output.status);
    out.into_owned()
}

/// Runs a command, which must be refused, and returns its error.
#[track_caller]
fn refusal(command: Command) -> String {
    let output = run(command);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Returns the journal as `export` writes it, with the hash of every entry.
fn export(place: &[&str]) -> String {
    let mut command = scrip(&["export", "--format", "jsonl"]);
    command.args(place);
    printed_text(&run(command))
}

/// Returns the digest that `verify` prints, when there is no difference.
fn digest(place: &[&str]) -> String {
    let mut command = scrip(&["verify", "--json"]);
    command.args(place);
    let report: Value = serde_json::from_str(&printed_text(&run(command))).expect("it prints JSON");
    text(&report["digest"])
}

/// A session that holds a lock, for as long as this lives.
struct Holder(Child);

impl Holder {
    fn of(database: &Database, lock: &str) -> Holder {
        let mut command = psql(database.url());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("psql starts");
        let asks = child.stdin.as_mut().expect("it is piped");
        writeln!(asks, "{lock};\nSELECT 'held';").expect("psql reads");
        let answers = BufReader::new(child.stdout.take().expect("it is piped"));
        assert!(answers.lines().map_while(Result::ok).any(|line| line == "held"), "psql has the lock");
        Holder(child)
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Makes every insert of certain entries wait for a lock of their number.
fn slow_down(database: &Database) {
    let at = KILLED_AT.map(|position| position.to_string()).join(", ");
    database.query(&format!(
        "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN PERFORM pg_advisory_xact_lock_shared(NEW.position); RETURN NEW; END $$;
         CREATE TRIGGER wait BEFORE INSERT ON entries FOR EACH ROW WHEN (NEW.position IN ({at})) EXECUTE FUNCTION wait()"
    ));
}

/// Kills a transfer while it waits for a lock that another session holds; `waits` is the condition by which the
/// database shows that.
fn kill_at(database: &Database, from: &Path, lock: &str, waits: &str) -> Holder {
    let holder = Holder::of(database, lock);
    let mut child = moving(from, database.url()).stdout(Stdio::null()).spawn().expect("the built binary starts");
    let waits = format!("SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted AND {waits})");
    let is_waiting = |_: u32| {
        assert!(child.try_wait().expect("it is our child").is_none(), "the move ended before it came to {lock}");
        database.query(&waits) == "t"
    };
    assert!((0..LOOKS).any(is_waiting), "the move does not come to {lock}");
    child.kill().expect("it was running");
    child.wait().expect("it is our child");
    holder
}

/// Kills a transfer in the middle of a transaction.
fn kill_while_it_copies(database: &Database, from: &Path, at: i64) {
    let waits = format!("locktype = 'advisory' AND objid = {at}");
    let holder = kill_at(database, from, &format!("SELECT pg_advisory_lock({at})"), &waits);
    let whole = at / BATCH * BATCH;
    let there = database.query("SELECT count(*), max(position), count(DISTINCT position) FROM entries");
    assert_eq!(there, format!("{whole}|{whole}|{whole}"), "whole transactions arrived, in order");
    drop(holder);
}

/// Kills a transfer when everything has been copied and the projections are being folded.
fn kill_while_it_folds(database: &Database, from: &Path) {
    let holder = kill_at(database, from, "BEGIN;\nLOCK TABLE unfolded", "relation = 'unfolded'::regclass");
    assert_eq!(database.query("SELECT count(*) FROM settings WHERE name IN ('moving', 'secret')"), "2");
    drop(holder);
}

/// Makes a product in use: the holds and captures of many people.
async fn use_product(app: &App) {
    let one = async |n: usize| {
        let desk = app.workspace(json!({ "external_id": format!("person-{n}") })).await;
        for time in 0..HOLDS {
            let ask = json!({ "credits": 1, "reference": format!("work {time}") });
            let hold = desk.post("/v1/holds", ask).await.expect(201);
            desk.post(&format!("/v1/holds/{}/capture", text(&hold["id"])), json!({})).await.expect(200);
        }
    };
    join_all((0..WORKSPACES).map(one)).await;
}

/// Returns an answer without the links in it: those contain the address of a server, and the time at which they were
/// made.
fn without_links(mut value: Value) -> Value {
    match &mut value {
        Value::Object(members) => {
            members.remove("url");
            members.values_mut().for_each(|member| *member = without_links(member.take()));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = without_links(item.take())),
        _ => {}
    }
    value
}

/// Returns everything that one workspace can read.
async fn read_workspace(desk: &Desk<'_>, hold: &str) -> Vec<Value> {
    let mut all = desk.entries().await;
    let ids: Vec<String> = all.iter().map(|entry| text(&entry["id"])).collect();
    for id in ids {
        all.push(desk.get(&format!("/v1/entries/{id}/explain")).await.expect(200));
    }
    for path in ["/v1/balance", "/v1/entitlements", "/v1/runs", "/v1/usage", "/v1/catalogs", "/v1/test_clocks"] {
        all.push(desk.get(path).await.expect(200));
    }
    all.push(desk.get(&format!("/v1/holds/{hold}")).await.expect(200));
    all.push(desk.show().await);
    all.into_iter().map(without_links).collect()
}

#[tokio::test]
async fn a_move_that_is_killed_three_times_ends_with_the_same_journal_and_the_same_answers() {
    let database = database();
    let mut app = App::on_files(scrip_testing::app::temporary(), Vec::new());
    use_product(&app).await;
    let order = json!({ "model": "image-standard", "params": { "prompt": "a lake at dawn" } });
    let (id, hold, before, first, quote, link) = {
        let clock = app.clock("2026-03-01T00:00:00Z").await;
        let desk = app.workspace(json!({ "test_clock": clock.id, "external_id": "ada" })).await;
        let run = desk.run_to_end(order.clone()).await;
        desk.run_to_end(json!({ "model": "image-standard", "sandbox": { "outcome": "fail" } })).await;
        let ask = json!({ "credits": 7, "reference": "kept", "seconds": 86_400 });
        let first = desk.call(Method::POST, "/v1/holds").key("once").json(&ask).send().await.expect(201);
        let hold = text(&first["id"]);
        let quote = text(&desk.post("/v1/quotes", order.clone()).await.expect(200)["id"]);
        let link = text(&run["outputs"][0]["url"]);
        (desk.id.clone(), hold.clone(), read_workspace(&desk, &hold).await, (ask, first), quote, link)
    };
    let served = app.url.clone();
    let data = app.data();
    let open = refusal(moving(&data, database.url()));
    assert!(open.contains("another scrip process has this directory open"), "{open}");
    app.kill();
    app.query(
        "INSERT INTO mails (id, kind, recipient, data, due_at, attempts, lease_until, sent_at, failed, created_at)
         VALUES ('sent', 'invitation', 'bo@example.com', '{}', 1, 2, 0, 3, NULL, 1),
         ('waits', 'invitation', 'bo@example.com', '{\"a\":1}', 4000000000000000, 1, 0, NULL, NULL, 2),
         ('failed', 'invitation', 'bo@example.com', '{}', 1, 8, 0, NULL, 'why', 1)",
    );
    app.seal();
    let mails = app.query(MAILS);
    assert_eq!(mails.lines().count(), 3, "{mails}");

    printed_text(&run(scrip(&["migrate", "--database-url", database.url()])));
    slow_down(&database);
    for at in [Some(KILLED_AT[0]), Some(KILLED_AT[1]), None] {
        match at {
            Some(at) => kill_while_it_copies(&database, &data, at),
            None => kill_while_it_folds(&database, &data),
        }
        for verb in ["serve", "verify"] {
            let half = refusal(scrip(&[verb, "--database-url", database.url()]));
            assert!(half.contains("a move into this database has not ended"), "{verb}: {half}");
        }
    }
    let ended = printed_text(&run(moving(&data, database.url())));
    assert!(ended.contains("it goes on there.") && ended.contains("\n0 entries copied"), "{ended}");
    assert!(ended.contains("The digests are equal") && ended.contains("outputs of runs were not moved"), "{ended}");

    let (here, there) = (["--data", data.to_str().expect("UTF-8")], ["--database-url", database.url()]);
    let same = digest(&here);
    assert_eq!(digest(&there), same);
    assert_eq!(ended.matches(&same).count(), 2, "it is printed of both sides: {ended}");
    let journal = export(&here);
    assert!(journal.lines().count() > 3_000, "there is something to move");
    assert!(export(&there) == journal, "every entry is as it was, in the order in which it was");
    assert_eq!(database.query(MAILS), mails, "what is to be mailed, and what was, is known there too");
    let again = printed_text(&run(moving(&data, database.url())));
    assert!(again.contains("the move has ended"), "{again}");

    app.move_to(database);
    app.restart();
    let desk = Desk { app: &app, id };
    assert_eq!(read_workspace(&desk, &hold).await, before, "the workspace reads the same");
    let answer = desk.call(Method::POST, "/v1/holds").key("once").json(&first.0).send().await;
    assert_eq!((answer.expect(201), answer.header("idempotent-replayed")), (first.1, Some("true")));
    let mut cited = order;
    cited["quote"] = json!(quote);
    let run = desk.run_to_end(cited).await;
    assert_eq!(run["status"], "succeeded", "a quote of before is good: {run}");
    let file = reqwest::get(link.replace(&served, &app.url)).await.expect("an answer");
    assert_eq!(file.status(), 200, "a link of before is good");
    let held = number(&desk.balance().await["held"]);
    assert_eq!(held, 7, "what was held is held");
    app.verify();
}

#[tokio::test]
async fn a_database_that_has_something_else_is_refused_and_left_as_it_was() {
    let mut app = App::on_files(scrip_testing::app::temporary(), Vec::new());
    app.free().await;
    app.kill();
    let data = app.data();

    let strange = database();
    strange.query("CREATE TABLE products (id int)");
    let told = refusal(moving(&data, strange.url()));
    assert!(told.contains("its tables are not those of scrip"), "{told}");
    assert_eq!(
        strange.query("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"),
        "1",
        "nothing was made there"
    );

    let half = database();
    let other = App::on_files(scrip_testing::app::temporary(), Vec::new());
    join_all((0..3).map(|_| other.free())).await;
    let elsewhere = other.data();
    let mut other = other;
    other.kill();
    printed_text(&run(moving(&elsewhere, half.url())));
    let told = refusal(moving(&data, half.url()));
    assert!(told.contains("another journal, or this one with fewer entries, was moved here before"), "{told}");
    half.query("UPDATE settings SET name = 'moving' WHERE name = 'moved'");
    let told = refusal(moving(&data, half.url()));
    assert!(told.contains("another directory's journal was being moved here"), "{told}");
    assert_eq!(half.query("SELECT count(*) FROM entries"), "3", "nothing was lost");
    half.query("DELETE FROM settings WHERE name = 'moving'");
    let told = refusal(moving(&data, half.url()));
    assert!(told.contains("this database has a journal of its own"), "{told}");

    let nothing = run(moving(&data.join("nowhere"), half.url()));
    assert_eq!(nothing.status.code(), Some(2), "there is no journal to move");
    let unreachable = refusal(moving(&data, "postgres://nobody@127.0.0.1:1/none"));
    assert!(!unreachable.contains("panicked"), "{unreachable}");
    assert!(query(half.url(), "SELECT 1").is_ok());
}

#[tokio::test]
async fn a_database_with_an_entry_too_many_is_never_served() {
    let database = database();
    let mut app = App::on_files(scrip_testing::app::temporary(), Vec::new());
    app.free().await;
    app.kill();
    printed_text(&run(moving(&app.data(), database.url())));
    // As if another server had written during the transfer.
    database.query(
        "UPDATE settings SET name = 'moving' WHERE name = 'moved';
         INSERT INTO entries (position, workspace, seq, at, body, previous_hash, hash) OVERRIDING SYSTEM VALUE
         SELECT 0, 1, 1, at, body, previous_hash, hash FROM entries WHERE position = 1",
    );
    let told = refusal(moving(&app.data(), database.url()));
    assert!(told.contains("differences in the database: do not serve it"), "{told}");
    let told = refusal(scrip(&["verify", "--database-url", database.url()]));
    assert!(told.contains("a move into this database has not ended"), "{told}");
}

#[tokio::test]
async fn whoever_was_signed_in_still_is_and_a_link_that_was_sent_is_good_once() {
    let database = database();
    let mut app = App::on_files(scrip_testing::app::temporary(), Vec::new());
    let desk = app.free().await;
    let mut tokens = Vec::new();
    for body in [json!({ "email": "ada@example.com" }), json!({ "email": "bob@example.com", "workspace": desk.id })] {
        let made = app.post("/v1/portal_links", body).await.expect(201);
        tokens.push(text(&made["url"]).rsplit_once('#').expect("a token is behind it").1.to_owned());
    }
    let open = async |app: &App, token: &str| {
        let body = json!({ "token": token, "cookie": false });
        app.bare(Method::POST, "/v1/sessions").json(&body).send().await
    };
    let show = async |app: &App, token: &str| {
        let call = app.bare(Method::GET, "/v1/session").header("Authorization", &format!("Bearer {token}"));
        call.send().await.expect(200)
    };
    let bound = desk.id.clone();
    let ada = text(&open(&app, &tokens[0]).await.expect(201)["token"]);
    let before = show(&app, &ada).await;
    app.kill();
    printed_text(&run(moving(&app.data(), database.url())));
    app.move_to(database);
    app.restart();
    assert_eq!(show(&app, &ada).await, before);
    open(&app, &tokens[0]).await.problem(401, "UNAUTHENTICATED");
    assert_eq!(open(&app, &tokens[1]).await.expect(201)["workspace"], json!(bound));
    open(&app, &tokens[1]).await.problem(401, "UNAUTHENTICATED");
    app.verify();
}

#[tokio::test]
async fn what_operators_did_is_known_there_and_what_they_do_next_comes_after_it() {
    let database = database();
    let mut app = App::on_files(scrip_testing::app::temporary(), Vec::new());
    for email in ["ada@example.com", "bob@example.com"] {
        app.post("/v1/portal_links", json!({ "email": email })).await.expect(201);
    }
    let acts = async |app: &App| app.get("/v1/audit").await.expect(200)["data"].as_array().expect("a page").clone();
    let before = acts(&app).await;
    app.kill();
    printed_text(&run(moving(&app.data(), database.url())));
    app.move_to(database);
    app.restart();
    assert_eq!(acts(&app).await, before);
    app.post("/v1/portal_links", json!({ "email": "eve@example.com" })).await.expect(201);
    let after = acts(&app).await;
    assert_eq!(after[1..], before, "the newest comes first");
    assert!(text(&after[0]["summary"]).contains("eve@example.com"), "{}", after[0]);
}

#[tokio::test]
async fn applications_and_their_files_are_there_and_the_next_one_comes_after_them() {
    let database = database();
    let mut app = App::on_files(scrip_testing::app::temporary(), Vec::new());
    let (one, two) = (app.free().await.id, app.free().await.id);
    let apply = async |app: &App, workspace: &str| {
        let new = json!({ "review": "business_verification", "form": { "company": "Ada & Sons" } });
        let call = app.call(Method::POST, "/v1/reviews").workspace(workspace).once().json(&new);
        text(&call.send().await.expect(201)["id"])
    };
    let first = apply(&app, &one).await;
    let path = format!("/v1/reviews/{first}/files?name=papers.pdf");
    let file = app.call(Method::POST, &path).bytes("application/pdf", b"%PDF-1.7".to_vec()).send().await.expect(201);
    let reject = format!("/v1/reviews/{first}/reject");
    app.post(&reject, json!({ "reason": "not yet" })).await.expect(200);
    let second = apply(&app, &one).await;
    let all = async |app: &App| app.get("/v1/reviews").await.expect(200)["data"].as_array().expect("a page").clone();
    let before = all(&app).await;
    app.kill();
    printed_text(&run(moving(&app.data(), database.url())));
    app.move_to(database);
    app.restart();
    assert_eq!(all(&app).await, before);
    let saved = app.get(&format!("/v1/review_files/{}", text(&file["id"]))).await;
    assert_eq!((saved.status, &*saved.bytes), (200, &b"%PDF-1.7"[..]));
    // A decided review stays decided, and an open one can be decided.
    let again = app.post(&reject, json!({ "reason": "no" })).await;
    again.problem(422, "INVALID_REQUEST");
    app.post(&format!("/v1/reviews/{second}/approve"), json!({ "reason": "papers seen" })).await.expect(200);
    let third = apply(&app, &two).await;
    let ids: Vec<String> = all(&app).await.iter().map(|review| text(&review["id"])).collect();
    assert_eq!(ids, [third, second, first], "the newest comes first");
    app.verify();
}

/// Goal: a name of an earlier version that PostgreSQL cannot keep does not stop a transfer.
#[tokio::test]
async fn a_zero_in_a_name_of_before_moves_as_a_mark() {
    let mut app = App::on_files(scrip_testing::app::temporary(), Vec::new());
    app.clock("2026-01-10T00:00:00Z").await;
    app.workspace(json!({ "external_id": "ab" })).await;
    app.kill();
    app.query("UPDATE test_clocks SET name = 'a' || char(0) || 'b'");
    app.query(
        "INSERT INTO claims (scope, claim, workspace)
         SELECT scope, 'a' || char(0) || 'b', workspace FROM claims WHERE scope = 'external_id'",
    );
    app.seal();
    let database = database();
    printed_text(&run(moving(&app.data(), database.url())));
    let kept = "SELECT name FROM test_clocks UNION ALL SELECT claim FROM claims WHERE scope = 'external_id' ORDER BY 1";
    assert_eq!(database.query(kept).lines().collect::<std::collections::BTreeSet<_>>(), ["ab", "a\u{fffd}b"].into());
    app.move_to(database);
    app.restart();
    app.verify();
}
