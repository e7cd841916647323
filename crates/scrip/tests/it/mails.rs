//! Mails of the built binary: to a server that is down, after a kill, behind encryption that does not hold, or without
//! a server.
//!
//! The mails are written to the journal's store, as if their writer had been killed before any was sent.

use reqwest::Method;
use scrip_testing::app::{App, PATIENCE, root, temporary, unique};
use scrip_testing::journal::Journal;
use scrip_testing::people::{Asker, Human};
use scrip_testing::smtp::{Certificate, ReceivedMail, Sink, read_mail};
use serde_json::json;
use std::path::Path;
use std::process::Command;

pub const URL: &str = "https://credits.example.com";

/// Returns the settings of a server that sends mails.
pub fn mail_settings(smtp: &str, more: &[(&str, &str)]) -> Vec<(String, String)> {
    let told = [("SCRIP_SMTP_URL", smtp), ("SCRIP_MAIL_FROM", "Credits <no-reply@credits.example.com>")];
    let told = told.iter().chain([&("SCRIP_PUBLIC_URL", URL)]).chain(more);
    told.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Returns a server that has been killed, and a mail in its journal.
fn killed_server(environment: Vec<(String, String)>) -> App {
    let mut app = App::with(&root().join("catalogs/canvas-tiers.toml"), temporary(), environment);
    app.kill();
    write(&app, "one");
    app
}

/// Writes an invitation into the store of the journal.
fn write(app: &App, id: &str) {
    let data = r#"{"workspace":"Ada''s <studio>","inviter":"ada@example.com","role":"member","invitation":"inv_1","#;
    app.query(&format!(
        r#"INSERT INTO mails (id, kind, recipient, data, due_at, attempts, lease_until, created_at)
           VALUES ('{id}', 'invitation', 'bo@example.com', '{data}"expires_at":4000000000000000}}', 0, 0, 0, 0)"#
    ));
    app.seal();
}

/// Waits until a statement about mails returns the expected rows.
pub async fn until(app: &App, sql: &str, gives: &str) {
    let told = async {
        while app.query(sql) != gives {
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, told).await;
    assert!(waited.is_ok(), "{sql}: {} and not {gives}; the server's log:\n{}", app.query(sql), app.log());
}

const SENT: &str = "SELECT count(*) FROM mails WHERE sent_at IS NOT NULL";

/// Starts a server with another environment, where the mail is due; returns the log once it has tried in vain.
async fn failed_attempt_log(app: &mut App, environment: Vec<(String, String)>) -> String {
    app.kill();
    app.query("UPDATE mails SET due_at = 0, attempts = 0, lease_until = 0, sent_at = NULL");
    app.set_environment(environment);
    let before = app.log().len();
    app.restart();
    until(app, "SELECT attempts, lease_until FROM mails", "1|0").await;
    assert_eq!(app.query(SENT), "0", "{}", app.log());
    app.log()[before..].to_owned()
}

/// Starts a server with another environment, where the mail is due; returns the mail that it sends.
async fn sent_mail(app: &mut App, sink: &Sink, environment: Vec<(String, String)>) -> ReceivedMail {
    app.kill();
    app.query("UPDATE mails SET due_at = 0, attempts = 0, lease_until = 0, sent_at = NULL");
    app.set_environment(environment);
    app.restart();
    until(app, SENT, "1").await;
    sink.next()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_server_had_to_send_arrives_when_both_are_there_again() {
    let sink = Sink::start();
    let (port, url) = (sink.port, sink.url());
    assert!(sink.stop().is_empty());
    let mut app = killed_server(mail_settings(&url, &[]));
    app.restart();
    until(&app, "SELECT attempts, lease_until FROM mails", "1|0").await;
    app.kill();
    // The next attempt would be in a minute: as if the server had been killed right in it.
    app.query("UPDATE mails SET due_at = 0");
    if matches!(app.journal(), Journal::Sqlite) {
        app.query("UPDATE mails SET lease_until = 9000000000000000");
    }
    let sink = Sink::on(port, &[]);
    app.restart();
    let mail = sink.next();
    assert_eq!(mail.whole().to(), ["bo@example.com"]);
    assert_eq!(mail.header("From"), "Credits <no-reply@credits.example.com>");
    assert_eq!(mail.header("Subject"), "You are invited to a workspace on canvas-tiers");
    assert_eq!(mail.header("Message-ID"), "<one@credits.example.com>");
    let link = mail.link();
    let secret = link.strip_prefix(&format!("{URL}/invitations/inv_1.")).unwrap_or_else(|| panic!("{link}"));
    assert_eq!(secret.len(), 32, "{link}");
    until(&app, SENT, "1").await;
    app.kill();
    app.restart();
    app.free().await;
    app.kill();
    assert!(sink.stop().is_empty(), "it arrives once");
    let kept = app.query("SELECT * FROM mails");
    for place in [kept, app.log()] {
        assert!(!place.contains(secret), "{place}");
    }
    app.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_runs_out_by_the_clock_of_its_workspace() {
    let sink = Sink::start();
    let mut app = App::with(&root().join("catalogs/canvas-tiers.toml"), temporary(), mail_settings(&sink.url(), &[]));
    {
        let clock = app.clock("2020-03-01T00:00:00Z").await;
        let desk = app.workspace(json!({ "test_clock": clock.id })).await;
        let mut tokens = Vec::new();
        for email in ["bo@example.com", "cy@example.com"] {
            desk.post("/v1/invitations", json!({ "email": email })).await.expect(201);
            let link = sink.next().link();
            tokens.push(link.strip_prefix(&format!("{URL}/invitations/")).expect("its page").to_owned());
        }
        let [bo, cy] = [app.human("bo@example.com").await, app.human("cy@example.com").await];
        let accept = async |human: &Human, token: &str| {
            Asker::with(&human.token).post(&app, "/v1/invitations/accept", json!({ "token": token })).await
        };
        // An invitation is for one person, and good once.
        accept(&cy, &tokens[0]).await.problem(403, "CAPABILITY_REQUIRED");
        assert_eq!(accept(&bo, &tokens[0]).await.expect(200)["id"], desk.id);
        accept(&bo, &tokens[0]).await.problem(404, "NOT_FOUND");
        clock.advance("2020-03-08T00:00:00Z").await;
        accept(&cy, &tokens[1]).await.problem(404, "NOT_FOUND");
    }
    app.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cannot_prove_its_name_gets_no_mail() {
    let directory = temporary();
    let made = Certificate::of(&directory, "DNS:localhost");
    let (files, trusted) = ([&*made.certificate, &*made.key], [("SSL_CERT_FILE", &*made.authority)]);
    let login = ["scrip@example.com", "p@ss/word"];
    let secure = Sink::on(0, &["--tls", files[0], files[1], "--user", login[0], login[1]]);
    let upgraded = Sink::on(0, &["--starttls", files[0], files[1], "--user", login[0], login[1]]);
    let plain = Sink::start();
    let at = |scheme: &str, host: &str, port: u16, more: &str| {
        format!("{scheme}://scrip%40example.com:p%40ss%2Fword@{host}:{port}{more}")
    };
    let mut app = killed_server(Vec::new());

    let smtps = at("smtps", "localhost", secure.port, "");
    let log = failed_attempt_log(&mut app, mail_settings(&smtps, &[])).await;
    assert!(log.contains("UnknownIssuer"), "no authority vouches for it: {log}");
    let elsewhere = at("smtps", "127.0.0.1", secure.port, "");
    let log = failed_attempt_log(&mut app, mail_settings(&elsewhere, &trusted)).await;
    assert!(log.contains("not valid for name"), "it is another's: {log}");
    let log = failed_attempt_log(&mut app, mail_settings(&at("smtps", "localhost", plain.port, ""), &trusted)).await;
    assert!(log.contains("tls error") || log.contains("onnection error"), "it does not encrypt: {log}");
    let mail = sent_mail(&mut app, &secure, mail_settings(&smtps, &trusted)).await;
    assert_eq!((&mail.whole().0["encrypted"], mail.0["user"].as_str()), (&true.into(), Some(login[0])));

    let starttls = at("smtp", "localhost", upgraded.port, "?tls=required");
    let log = failed_attempt_log(&mut app, mail_settings(&starttls, &[])).await;
    assert!(log.contains("UnknownIssuer"), "no authority vouches for it: {log}");
    let log =
        failed_attempt_log(&mut app, mail_settings(&at("smtp", "localhost", plain.port, "?tls=required"), &trusted))
            .await;
    assert!(log.contains("STARTTLS"), "it offers no encryption: {log}");
    let mail = sent_mail(&mut app, &upgraded, mail_settings(&starttls, &trusted)).await;
    assert_eq!((&mail.whole().0["encrypted"], mail.0["user"].as_str()), (&true.into(), Some(login[0])));
    let wrong = starttls.replace("p%40ss", "pass");
    let log = failed_attempt_log(&mut app, mail_settings(&wrong, &trusted)).await;
    assert!(log.contains("535"), "it does not know this password: {log}");

    app.kill();
    assert!(!app.log().contains("p@ss") && !app.log().contains("p%40ss"), "{}", app.log());
    for sink in [secure, upgraded, plain] {
        assert_eq!(sink.stop().len(), 0, "a server that was refused got no mail");
    }
    std::fs::remove_dir_all(&directory).expect("it is ours");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_mail_server_mails_are_files_whose_links_do_not_work() {
    let mut app = killed_server(Vec::new());
    write(&app, "../two\n");
    app.restart();
    until(&app, SENT, "2").await;
    let mails = app.data().join("mails");
    let names = std::fs::read_dir(&mails).expect("it is there").map(|file| file.expect("a file").path());
    let names: Vec<_> = names.collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(names.contains(&mails.join("one.eml")), "{names:?}");
    for name in &names {
        let mail = read_mail(name);
        let link = mail.whole().link();
        assert_eq!(link, format!("{}/invitations/inv_1.…", app.url));
        assert!(mail.html().contains(&format!("href=\"{link}\"")), "{}", mail.html());
    }
    app.kill();
    assert_eq!(signatures(app.directory.as_path()), Vec::<String>::new(), "no whole link is on the disk");
}

/// Returns everything that looks like the signature of the invitation in any file of a directory, an encoding undone.
fn signatures(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for file in std::fs::read_dir(directory).expect("it is there").map(|file| file.expect("a file").path()) {
        if file.is_dir() {
            found.extend(signatures(&file));
            continue;
        }
        let text = String::from_utf8_lossy(&std::fs::read(&file).expect("it can be read")).replace("=\r\n", "");
        let signed = text.split("inv_1.").skip(1).filter(|rest| {
            let digits = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
            digits >= 8
        });
        found.extend(signed.map(|rest| format!("{}: {}", file.display(), rest.chars().take(40).collect::<String>())));
    }
    found
}

#[test]
fn what_is_told_about_mails_is_judged_at_the_start_and_shown_to_nobody() {
    let serve = |arguments: &[&str], environment: &[(&str, &str)]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_scrip"));
        let data = temporary().join(format!("data-{}", unique()));
        command.args(["serve", "--catalog", "canvas-tiers", "--listen", "127.0.0.1:0", "--data"]).arg(&data);
        command.args(arguments).env_remove("SCRIP_MAIL_FROM").envs(environment.iter().copied());
        let output = command.output().expect("the built binary starts");
        let _ = std::fs::remove_dir_all(data.parent().expect("it is in a directory"));
        (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    };
    let url = ("SCRIP_SMTP_URL", "smtps://scrip:hush@mail.example.com");
    let (done, said) = serve(&[], &[url]);
    assert!(!done && said.contains("--mail-from"), "{said}");
    let (done, said) = serve(&["--mail-from", "nobody"], &[url]);
    assert!(!done && said.contains("--mail-from"), "{said}");
    let (done, said) = serve(&["--mail-from", "a@example.com\r\nBcc: eve@example.com"], &[url]);
    assert!(!done && said.contains("control characters"), "{said}");
    let wrong = ("SCRIP_SMTP_URL", "https://scrip:hush@mail.example.com");
    let (done, said) = serve(&["--mail-from", "a@example.com"], &[wrong]);
    assert!(!done && said.contains("--smtp-url") && !said.contains("hush"), "{said}");
    let (done, said) = serve(&["--help"], &[url]);
    assert!(done && said.contains("--smtp-url") && !said.contains("hush"), "{said}");
}

/// Goal: a mail server that accepts a mail and never answers delays no other mail. Method: it does so for one
/// recipient, and the mails to others arrive meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_recipient_whose_server_never_answers_delays_no_other_mail() {
    let sink = Sink::on(0, &["--hang", "slow@example.com"]);
    let mut app = App::with(&root().join("catalogs/canvas-tiers.toml"), temporary(), mail_settings(&sink.url(), &[]));
    let ask = async |email: &str| {
        app.bare(Method::POST, "/v1/sign_in").json(&json!({ "email": email })).send().await.expect(202);
    };
    ask("slow@example.com").await;
    assert_eq!(tokio::task::block_in_place(|| sink.line()), "hanging");
    for n in 0..3 {
        let email = format!("quick{n}@example.com");
        ask(&email).await;
        assert_eq!(tokio::task::block_in_place(|| sink.next()).to(), [email]);
    }
    let tasks = app.get("/v1/tasks").await.expect(200);
    let mails = tasks["data"].as_array().expect("a list").iter().find(|task| task["name"] == "mails");
    let mails = mails.expect("mails are a task").clone();
    assert_eq!((&mails["permits"], &mails["failures"], &mails["last_error"]), (&json!(16), &json!(0), &json!(null)));
    assert!(mails["busy"].as_u64() >= Some(1) && mails["backlog"].as_u64() >= Some(1), "it is being sent: {mails}");
    assert!(mails["last_run_at"].is_string(), "{mails}");
    app.kill();
}
