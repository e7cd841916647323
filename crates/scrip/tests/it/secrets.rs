//! Secrets: a key, session, link or signature is never stored: it is in no file, no table, no mail and no log.
//!
//! A story makes one of each, uses it, and misuses it; then everything that was written is searched for the secrets of
//! the story, and for every text that has the form and the checksum of one.

use crate::matrix::{checksummed_key, mistype};
use reqwest::Method;
use scrip_testing::app::{App, PATIENCE, root, temporary, text};
use scrip_testing::journal::Journal;
use scrip_testing::people::Asker;
use scrip_testing::smtp::Sink;
use serde_json::json;
use std::path::Path;

/// Prefixes of secrets; thirty letters and six of checksum follow.
const PREFIXES: [&str; 6] =
    ["scrip_sk_test_", "scrip_sk_live_", "scrip_wk_test_", "scrip_wk_live_", "st_", "scrip_ps_"];

/// Texts that must not be found, with their kinds.
type Secrets = Vec<(&'static str, String)>;

/// Creates and uses one of each secret, rightly and wrongly. Mails are read from the sink, if there is one.
async fn story(app: &App, mails: Option<&Sink>) -> Secrets {
    let mut secrets: Secrets = vec![("the operator's key", app.key.clone())];
    let desk = app.workspace(json!({ "plan": "pro", "interval": "month" })).await;
    let (id, first) = desk.key(&["workflow:read"]).await;
    let rotated = desk.post(&format!("/v1/keys/{id}/rotate"), json!({ "grace": 600 })).await.expect(200);
    let second = text(&rotated["secret"]);
    let ada = desk.owner().await;
    let made =
        ada.at(&desk.id).once(app, "/v1/keys", json!({ "name": "Ada's", "preset": "full", "owner": "me" })).await;
    let third = text(&made.expect(201)["secret"]);
    for (what, key) in [("a key", &first), ("a key that was rotated to", &second), ("a key of a member", &third)] {
        Asker::with(key).get(app, "/v1/balance").await.expect(200);
        Asker::with(&mistype(key)).get(app, "/v1/balance").await.problem(401, "UNAUTHENTICATED");
        // Keys in wrong places of a request.
        app.bare(Method::GET, &format!("/v1/balance?key={key}")).send().await.problem(401, "UNAUTHENTICATED");
        desk.call(Method::GET, "/v1/balance").workspace(key).send().await.problem(404, "NOT_FOUND");
        desk.post("/v1/runs", json!({ "model": key })).await.problem(422, "INVALID_REQUEST");
        secrets.push((what, key.clone()));
    }
    let link = app.post("/v1/portal_links", json!({ "email": "cy@example.com", "workspace": desk.id })).await;
    let link = text(&link.expect(201)["url"]).split_once('#').expect("a token").1.to_owned();
    let opened = app.bare(Method::POST, "/v1/sessions").json(&json!({ "token": link })).send().await;
    let cookie =
        opened.header("set-cookie").and_then(|line| line.split([';', '=']).nth(1)).expect("a cookie").to_owned();
    let csrf = text(&opened.expect(201)["csrf"]);
    app.bare(Method::POST, "/v1/sessions").json(&json!({ "token": link })).send().await.problem(401, "UNAUTHENTICATED");
    let call = app.bare(Method::GET, "/v1/session").header("Cookie", &format!("__Host-scrip_session={cookie}"));
    call.send().await.expect(200);
    secrets.extend([("a link", link), ("a session in a cookie", cookie), ("what its pages know", csrf)]);
    secrets.push(("a session", ada.token));

    app.bare(Method::POST, "/v1/sign_in").json(&json!({ "email": "bo@example.com" })).send().await.expect(202);
    let mailed = mails.map(|mails| mails.next().link());
    desk.post("/v1/invitations", json!({ "email": "bo@example.com" })).await.expect(201);
    let invited = mails.map(|mails| mails.next().link());
    if let (Some(mailed), Some(invited)) = (mailed, invited) {
        let token = mailed.split_once('#').expect("a token").1.to_owned();
        let body = json!({ "token": token, "cookie": false });
        let session = app.bare(Method::POST, "/v1/sessions").json(&body).send().await.expect(201);
        let bo = Asker::with(&text(&session["token"]));
        let invitation = invited.rsplit_once("/invitations/").expect("an invitation").1;
        let signature = invitation.rsplit_once('.').expect("a signature").1.to_owned();
        bo.post(app, "/v1/invitations/accept", json!({ "token": invitation })).await.expect(200);
        bo.post(app, "/v1/invitations/accept", json!({ "token": invitation })).await.problem(404, "NOT_FOUND");
        secrets.extend([("a mailed link", token), ("an invitation's signature", signature)]);
        secrets.push(("a session by mail", text(&session["token"])));
    }
    desk.run_to_end(json!({ "model": "image-standard" })).await;
    secrets
}

/// Adds every file below a directory.
fn files(directory: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(directory).expect("it can be listed") {
        let path = entry.expect("it can be read").path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push((path.display().to_string(), std::fs::read(&path).expect("it can be read")));
        }
    }
}

/// Adds every table of the journal's database, with bytes as the text that they may be.
fn tables(app: &App, found: &mut Vec<(String, Vec<u8>)>) {
    let named = app.query(
        "SELECT format('SELECT concat_ws(''|'', %s) FROM %I.%I', string_agg(CASE udt_name
             WHEN 'bytea' THEN format('encode(%1$I, ''escape'')', column_name)
             ELSE format('%1$I::text', column_name) END, ', '), table_schema, table_name)
         FROM information_schema.columns WHERE table_schema NOT IN ('pg_catalog', 'information_schema')
         GROUP BY table_schema, table_name",
    );
    for sql in named.lines() {
        found.push((sql.to_owned(), app.query(sql).into_bytes()));
    }
}

/// Returns everything in a text that has the form of a secret and its checksum.
fn well_formed(bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for prefix in PREFIXES {
        let length = prefix.len() + 36;
        let starts = bytes.windows(length).filter(|window| window.starts_with(prefix.as_bytes()));
        let texts = starts.filter_map(|window| std::str::from_utf8(window).ok());
        found.extend(texts.filter(|text| checksummed_key(&text[..length - 6]) == *text).map(str::to_owned));
    }
    found
}

fn has(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Searches everything that was written for secrets.
fn search(app: &App, secrets: &Secrets, times: &str) {
    let mut written = vec![("the log".to_owned(), app.log().into_bytes())];
    files(&app.data(), &mut written);
    if matches!(app.journal(), Journal::Postgres(_)) {
        tables(app, &mut written);
    }
    for (place, bytes) in &written {
        for (what, secret) in secrets {
            // The prefix and the last four letters are no secret.
            let inner = secret.trim_start_matches("scrip_wk_test_").trim_start_matches("scrip_sk_test_");
            assert!(!has(bytes, &inner[..inner.len() - 4]), "{times}: {what} is in {place}");
        }
        assert_eq!(well_formed(bytes), Vec::<String>::new(), "{times}: in {place}");
    }
    let whole: Vec<u8> = written.iter().flat_map(|(_, bytes)| bytes.iter().copied()).collect();
    // Texts that must be found are found, or the search would find nothing at all.
    for there in ["bo@example.com", "key_", "Ada's", "/v1/invitations"] {
        assert!(has(&whole, there), "{times}: {there} is nowhere in {} places", written.len());
    }
    assert!(well_formed(secrets[1].1.as_bytes()).len() == 1, "a secret would be found");
}

/// Starts a server that logs as much as it can.
fn loud(more: &[(&str, &str)]) -> App {
    let told = [("SCRIP_LOG", "debug")];
    let environment = told.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    App::with(&root().join("catalogs/canvas-tiers.toml"), temporary(), environment.collect())
}

/// Searches while the server runs, after a kill, and after a new start.
async fn search_throughout(mut app: App, secrets: &Secrets) {
    search(&app, secrets, "serving");
    let key = app.key.clone();
    app.kill();
    search(&app, secrets, "killed");
    app.key = String::new();
    app.restart();
    assert_eq!(app.key, "", "the operator's key is shown once");
    app.key = key;
    app.get("/v1/catalogs").await.expect(200);
    search(&app, secrets, "started again");
    app.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_opens_a_door_is_kept_nowhere() {
    let mails = Sink::start();
    let app = loud(&[("SCRIP_SMTP_URL", &mails.url()), ("SCRIP_MAIL_FROM", "credits@example.com")]);
    let secrets = story(&app, Some(&mails)).await;
    search_throughout(app, &secrets).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_that_become_files_open_no_door() {
    let app = loud(&[]);
    let secrets = story(&app, None).await;
    let directory = app.data().join("mails");
    let filed = || {
        let mut found = Vec::new();
        if directory.is_dir() {
            files(&directory, &mut found);
        }
        found.retain(|(name, _)| name.ends_with(".eml"));
        found
    };
    let both = async {
        while filed().len() < 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, both).await.expect("two mails become files");
    for (name, bytes) in filed() {
        let text = String::from_utf8_lossy(&bytes).replace("=\r\n", "");
        let link = text.split(['#', '.']).any(|rest| {
            let hex = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
            hex >= 32
        });
        assert!(!link, "{name} has a signature in it: {text}");
        assert_eq!(well_formed(text.as_bytes()), Vec::<String>::new(), "{name}");
    }
    search_throughout(app, &secrets).await;
}
