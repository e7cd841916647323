//! The users of a `credits` column come to a real server, twice.

mod common;

use common::{Dir, Server, failure, output, scrip};
use serde_json::Value;

const USERS: &str = "email,external_id,plan,credits\n\
    bo@example.com,u1,,120\n\
    \"cy+tag@example.com\",u2,creator,80\n\
    di@example.com,u3,,\n";

fn file(dir: &Dir, text: &str) -> String {
    let path = dir.path().join("users.csv");
    std::fs::write(&path, text).expect("it can be written");
    path.to_str().expect("UTF-8").to_owned()
}

#[test]
fn a_column_of_credits_is_imported_once_and_reconciled() {
    let dir = Dir::new();
    let server = Server::start("canvas-tiers");
    let users = file(&dir, USERS);
    for time in ["first", "second"] {
        let told = output(server.scrip(&["import", &users]));
        assert_eq!(told, "3 workspaces; 200 of the file's 200 credits are in the ledger\n", "the {time} time");
    }
    let listed: Value =
        serde_json::from_str(&output(server.scrip(&["workspaces", "list", "--json"]))).expect("it prints JSON");
    let workspaces = listed["data"].as_array().expect("a list");
    assert_eq!(workspaces.len(), 3, "{listed}");
    let creator = workspaces.iter().find(|workspace| workspace["plan"] == "creator").expect("cy is on a plan");
    let id = creator["id"].as_str().expect("an id");
    let balance: Value =
        serde_json::from_str(&output(server.scrip(&["balance", "--workspace", id, "--json"]))).expect("it prints JSON");
    assert_eq!(balance["available"], 1_700 + 80, "the plan's credits and those from before, once");
}

#[test]
fn a_line_that_cannot_be_imported_is_told_by_its_number_and_stops_no_other() {
    let dir = Dir::new();
    let server = Server::start("canvas-tiers");
    let users = file(&dir, "email,credits\nbo@example.com,10\nnobody,20\ndi@example.com,30\n");
    let (code, told) = failure(server.scrip(&["import", &users]));
    assert_eq!(code, 1);
    assert!(told.contains("1 lines were not imported, and 20 credits are missing"), "{told}");
    assert!(told.contains("line 3: nobody: INVALID_REQUEST"), "{told}");
}

#[test]
fn a_dry_run_changes_nothing_and_a_wrong_column_is_named() {
    let dir = Dir::new();
    let server = Server::start("canvas-tiers");
    let told = output(server.scrip(&["import", "--dry-run", &file(&dir, USERS)]));
    assert_eq!(told, "3 lines with 200 credits can be imported\n");
    let listed = output(server.scrip(&["workspaces", "list", "--json"]));
    assert!(listed.contains("\"data\":[]"), "{listed}");
    let (code, told) = failure(scrip(&["import", "--dry-run", &file(&dir, "email,credit\nbo@example.com,1\n")]));
    assert_eq!(code, 1);
    assert!(told.contains("credit") && told.contains("the columns are email,"), "{told}");
}
