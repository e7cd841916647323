//! OpenAPI document: the committed one is what the binary prints and serves.

use scrip_testing::app::{App, root};
use serde_json::Value;
use std::process::Command;

/// Returns the committed document of the API.
pub fn committed_document() -> Value {
    let path = root().join("openapi.json");
    let text = std::fs::read_to_string(&path).expect("openapi.json is committed: `scrip openapi > openapi.json`");
    serde_json::from_str(&text).expect("it is JSON")
}

#[tokio::test]
async fn the_committed_document_is_what_the_binary_prints_and_serves() {
    let output = Command::new(env!("CARGO_BIN_EXE_scrip")).arg("openapi").output().expect("it starts");
    let printed = String::from_utf8(output.stdout).expect("UTF-8");
    let file = std::fs::read_to_string(root().join("openapi.json")).expect("openapi.json is committed");
    assert!(printed == file, "openapi.json is out of date: `scrip openapi > openapi.json`");
    let app = App::start();
    let served = reqwest::get(format!("{}/openapi.json", app.url)).await.expect("an answer");
    let etag = served.headers()["etag"].clone();
    let served: Value = served.json().await.expect("JSON");
    assert_eq!(served, committed_document());
    let client = reqwest::Client::new();
    for (known, status) in [(etag.to_str().expect("ASCII"), 304), ("\"another\"", 200), ("\"another\", *", 304)] {
        let asked = client.get(format!("{}/openapi.json", app.url)).header("if-none-match", known);
        let answer = asked.send().await.expect("an answer");
        assert_eq!((answer.status().as_u16(), &answer.headers()["etag"]), (status, &etag), "{known}");
    }
}

#[test]
fn every_operation_says_who_it_is_for_and_every_answer_has_a_description() {
    let document = committed_document();
    assert!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")));
    let mut names = std::collections::BTreeSet::new();
    for (path, operations) in document["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            let what = format!("{method} {path}");
            let name = operation["operationId"].as_str().unwrap_or_else(|| panic!("{what} has no name"));
            assert!(names.insert(name.to_owned()), "{what}: `{name}` is the name of two operations");
            assert!(operation["summary"].is_string() || operation["description"].is_string(), "{what} says nothing");
            for (status, answer) in operation["responses"].as_object().expect("responses") {
                assert!(answer["description"].as_str().is_some_and(|text| !text.is_empty()), "{what} {status}");
            }
        }
    }
}
