//! Roles: a server that is not the owner of the tables it serves.

use scrip_testing::app::{App, temporary, text};
use scrip_testing::postgres::{Role, database};
use serde_json::json;
use std::process::{Command, Stdio};

/// Runs a command of the binary on a database, and returns its output, or its error.
fn scrip(arguments: &[&str], url: &str) -> Result<String, String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scrip"));
    command.args(arguments).env_remove("SCRIP_DATABASE_CA").env("SCRIP_DATABASE_URL", url).stdin(Stdio::null());
    let output = command.output().expect("the built binary starts");
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(said(&output.stdout)) } else { Err(said(&output.stderr)) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_and_a_replay_need_no_right_to_change_an_entry() {
    let role = Role::new();
    let database = database();
    let refused = scrip(&["migrate", "--role", "postgres"], database.url()).expect_err("a superuser is no such role");
    assert!(refused.contains("could change entries all the same"), "{refused}");
    let told = scrip(&["migrate", "--role", role.name()], database.url()).expect("the owner may");
    assert!(told.contains("may neither change nor delete an entry"), "{told}");
    let url = role.url(&database);
    let mut app = App::on_files(temporary(), vec![("SCRIP_DATABASE_URL".to_owned(), url.clone())]);
    let desk = app.free().await;
    let hold = desk.post("/v1/holds", json!({ "credits": 5, "reference": "r" })).await.expect(201);
    desk.post(&format!("/v1/holds/{}/capture", text(&hold["id"])), json!({})).await.expect(200);
    assert_eq!(desk.credits().await, (245, 0));
    app.kill();
    let told = scrip(&["verify", "--rebuild"], &url).expect("there is no difference");
    assert!(told.contains("3 entries of 1 workspaces"), "{told}");
    let refused = scrip(&["migrate", "--role", role.name()], &url).expect_err("a role cannot grant itself rights");
    assert!(refused.contains("connect as the owner"), "{refused}");
}
