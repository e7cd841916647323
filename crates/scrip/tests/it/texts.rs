//! Texts: one rule for all text in requests, on every engine: no control characters, wherever they are in a request.
//!
//! The fields are those of the committed document, so that a new one is tried from the day it is there.

use crate::openapi::committed_document;
use reqwest::Method;
use scrip_testing::app::{Answer, App, Call, Desk};
use scrip_testing::people::Asker;
use serde_json::{Map, Value, json};

/// Texts that no field takes.
const FORBIDDEN: [&str; 4] = ["a\u{0}b", "\u{1b}[31ma", "a\u{7f}", "a\u{85}b"];

/// A step on the way to a field.
#[derive(Clone, Debug)]
enum Step {
    Member(String),
    Item,
}

/// Collects the way to each field of a schema that may be a text.
fn texts(document: &Value, schema: &Value, way: &mut Vec<Step>, open: &mut Vec<String>, found: &mut Vec<Vec<Step>>) {
    if let Some(name) = schema["$ref"].as_str() {
        if open.iter().any(|known| known == name) {
            return;
        }
        open.push(name.to_owned());
        let named = document.pointer(&name[1..]).unwrap_or_else(|| panic!("{name} is not there"));
        texts(document, named, way, open, found);
        open.pop();
        return;
    }
    for kind in ["oneOf", "anyOf", "allOf"] {
        for one in schema[kind].as_array().into_iter().flatten() {
            texts(document, one, way, open, found);
        }
    }
    let is = |kind: &str| match &schema["type"] {
        Value::String(only) => only == kind,
        Value::Array(many) => many.iter().any(|one| one == kind),
        _ => false,
    };
    if is("string") && !found.iter().any(|known| pointer(known) == pointer(way)) {
        found.push(way.clone());
    }
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        way.push(Step::Member(name.clone()));
        texts(document, inner, way, open, found);
        way.pop();
    }
    if is("object") && !schema["additionalProperties"].is_boolean() && schema["properties"].is_null() {
        // Any member: its value may be a text, among other types.
        way.push(Step::Member("any".to_owned()));
        found.push(way.clone());
        way.pop();
    }
    if is("array") {
        way.push(Step::Item);
        texts(document, &schema["items"], way, open, found);
        way.pop();
    }
}

fn pointer(way: &[Step]) -> String {
    let step = |step: &Step| match step {
        Step::Member(name) => format!("/{name}"),
        Step::Item => "/0".to_owned(),
    };
    way.iter().map(step).collect()
}

/// Returns a body that has nothing but a value at the end of a way.
fn body(way: &[Step], value: &str) -> Value {
    way.iter().rev().fold(json!(value), |inner, step| match step {
        Step::Member(name) => Value::Object(Map::from_iter([(name.clone(), inner)])),
        Step::Item => json!([inner]),
    })
}

/// Callers of every kind, the operator first.
struct Askers {
    all: Vec<Asker>,
}

impl Askers {
    async fn at(desk: &Desk<'_>) -> Askers {
        let app = desk.app;
        let ada = desk.owner().await;
        let with = |token: &str| Asker::with(token).about(&desk.id);
        Askers { all: vec![with(&app.key), with(&ada.token), Asker::default()] }
    }

    /// Returns the first answer that is not about the rights of the caller.
    async fn ask<'a>(&self, call: impl Fn(&Asker) -> Call<'a>) -> Answer {
        let mut last = None;
        for asker in &self.all {
            let answer = call(asker).send().await;
            if ![401, 403].contains(&answer.status) {
                return answer;
            }
            last = Some(answer);
        }
        last.expect("there are some")
    }
}

fn is_refused_for_text(answer: &Answer, at: &str, what: &str) {
    assert_eq!(answer.status, 422, "{what}: {}", String::from_utf8_lossy(&answer.bytes));
    let problem = answer.problem(422, "INVALID_REQUEST");
    let error = &problem["errors"][0];
    assert!(error["detail"].as_str().is_some_and(|detail| detail.contains("control characters")), "{what}: {problem}");
    assert!(at.is_empty() || error["pointer"] == at, "{what}: {problem}");
}

#[tokio::test]
async fn no_text_of_a_body_has_control_characters() {
    let mut app = App::start();
    {
        let desk = app.free().await;
        let (document, askers) = (committed_document(), Askers::at(&desk).await);
        let mut fields = 0;
        for (path, methods) in document["paths"].as_object().expect("paths") {
            for (method, operation) in methods.as_object().expect("operations") {
                let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
                let mut found = Vec::new();
                texts(&document, schema, &mut Vec::new(), &mut Vec::new(), &mut found);
                let method = Method::from_bytes(method.to_uppercase().as_bytes()).expect("a method");
                let to = path.replace(['{', '}'], "").replace("/version/", "/1/");
                for way in &found {
                    for wrong in FORBIDDEN {
                        let given = body(way, wrong);
                        let what = format!("{method} {path} {given}");
                        let app = &app;
                        let answer = askers.ask(|asker| asker.call(app, method.clone(), &to).once().json(&given));
                        is_refused_for_text(&answer.await, &pointer(way), &what);
                    }
                    fields += 1;
                }
                if !schema.is_null() {
                    // So do the names of members.
                    let given = json!({ "a\u{0}b": 1 });
                    let app = &app;
                    let answer = askers.ask(|asker| asker.call(app, method.clone(), &to).once().json(&given));
                    is_refused_for_text(&answer.await, "", &format!("{method} {path} {given}"));
                }
            }
        }
        assert!(fields >= 90, "{fields} fields were found");
    }
    app.verify();
}

#[tokio::test]
async fn no_part_of_an_address_has_control_characters() {
    let app = App::start();
    let desk = app.free().await;
    let (document, askers) = (committed_document(), Askers::at(&desk).await);
    let (mut paths, mut queries) = (0, 0);
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("operations") {
            let named = Method::from_bytes(method.to_uppercase().as_bytes()).expect("a method");
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let name = parameter["name"].as_str().expect("a name");
                for encoded in ["a%00b", "%1b", "a%0Ab", "%c2%85"] {
                    let to = match parameter["in"].as_str() {
                        Some("path") => path.replace(&format!("{{{name}}}"), encoded).replace(['{', '}'], ""),
                        Some("query") => format!("{}?{name}={encoded}", path.replace(['{', '}'], "")),
                        _ => continue,
                    };
                    let what = format!("{named} {to}");
                    let app = &app;
                    let answer = askers.ask(|asker| asker.call(app, named.clone(), &to).once().json(&json!({})));
                    let answer = answer.await;
                    match to.contains('?') {
                        true => is_refused_for_text(&answer, "", &what),
                        // An id that does not exist: the answer is that, or the refusal of the text before.
                        false => assert!([404, 422].contains(&answer.status), "{what}: {}", answer.status),
                    }
                }
                match parameter["in"].as_str() {
                    Some("path") => paths += 1,
                    Some("query") => queries += 1,
                    _ => {}
                }
            }
        }
    }
    assert!(paths >= 30 && queries >= 20, "{paths} in paths, {queries} in queries");
}

#[tokio::test]
async fn what_is_shown_as_a_line_is_one_and_shows_all_of_its_letters() {
    let mut app = App::start();
    {
        let desk = app.workspace(json!({ "plan": "pro", "interval": "month" })).await;
        let (key, _) = desk.key(&["workflow:read"]).await;
        let grant = scrip_testing::app::text(&desk.give(5).await["id"]);
        let workspace = format!("/v1/workspaces/{}", desk.id);
        let owner = json!({ "email": "line@example.com" });
        let doors = |line: &str| {
            let post = |path: &str, at: &'static str, body: Value| (Method::POST, path.to_owned(), at, body);
            vec![
                post("/v1/workspaces", "/name", json!({ "name": line, "owner": owner })),
                post("/v1/workspaces", "/external_id", json!({ "name": "n", "owner": owner, "external_id": line })),
                (Method::PATCH, workspace.clone(), "/name", json!({ "name": line })),
                post("/v1/test_clocks", "/name", json!({ "name": line })),
                post("/v1/keys", "/name", json!({ "name": line, "capabilities": ["workflow:read"] })),
                (Method::PATCH, format!("/v1/keys/{key}"), "/name", json!({ "name": line })),
                post(&format!("/v1/keys/{key}/freeze"), "/reason", json!({ "frozen": true, "reason": line })),
                post("/v1/holds", "/reference", json!({ "credits": 1, "reference": line })),
                post(&format!("{workspace}/grants"), "/reason", json!({ "amount": 1, "reason": line })),
                post(&format!("{workspace}/grants"), "/source", json!({ "amount": 1, "reason": "r", "source": line })),
                post(&format!("{workspace}/freeze"), "/reason", json!({ "frozen": true, "reason": line })),
                post(&format!("/v1/grants/{grant}/void"), "/reason", json!({ "reason": line })),
                (
                    Method::PUT,
                    "/v1/switches/models/upscale".to_owned(),
                    "/reason",
                    json!({ "off": true, "reason": line }),
                ),
                (
                    Method::PUT,
                    "/v1/switches/models/upscale".to_owned(),
                    "/reason",
                    json!({ "off": false, "reason": line }),
                ),
            ]
        };
        for wrong in
            ["two\nlines", "a\tb", "\u{202e}gpj", "a\u{200b}b", "\u{feff}a", "a\u{2066}b", "a\u{200d}b", "a\u{2028}b"]
        {
            for (method, path, at, body) in doors(wrong) {
                let call = app.call(method.clone(), &path).once();
                let call = if path == "/v1/workspaces" { call } else { call.workspace(&desk.id) };
                let refused = call.json(&body).send().await;
                assert_eq!(
                    refused.status,
                    422,
                    "{method} {path} {body}: {:?}",
                    String::from_utf8_lossy(&refused.bytes)
                );
                assert_eq!(refused.json()["errors"][0]["pointer"], at, "{method} {path} {body}");
            }
        }
        // Fields with several lines accept them.
        let params = json!({ "prompt": "hills,\n\tand a river", "images": 1 });
        desk.run(json!({ "model": "image-standard", "params": params })).await.expect(202);
        let emoji = json!({ "name": "👩\u{200d}🎨 Ada's" });
        app.call(Method::PATCH, &workspace).json(&emoji).send().await.expect(200);
    }
    app.verify();
}
