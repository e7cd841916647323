//! Routes of the client against the committed document: no list of them is kept, since each method is read from its
//! source.
//!
//! Invariant: every operation of the document has a method that sends its path, its query and its body, names the
//! workspace where the document requires one, and returns the type of its answer.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

const ROUTES: &str = include_str!("../routes.rs");
const DOCUMENT: &str = include_str!("../../../../openapi.json");

/// Operations that no method of a usual form calls, each with the reason.
const EXCEPTIONS: [(&str, &str); 3] = [
    ("GET /v1/assets/{id}", "the server signs the whole address of an output"),
    ("GET /v1/oidc/start", "a browser is redirected by it"),
    ("GET /v1/oidc/callback", "a browser is redirected to it"),
];

/// Request and answer of an operation, as the document describes them or as a method makes them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Operation {
    /// Names of the query parameters.
    query: BTreeSet<String>,
    /// Type of the body; `file` for one that is not JSON.
    body: Option<String>,
    /// Type of the answer.
    answer: String,
}

/// A public method that calls a route.
#[derive(Clone, Debug, Default)]
struct Route {
    name: String,
    /// Method and path; `{}` stands for an id, and `*` for a literal that an argument chooses.
    call: String,
    /// `true` if the request names a workspace.
    scoped: bool,
    operation: Operation,
}

/// Returns the text between two marks, the first of which is searched from the start.
fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    rest.split_once(end).map(|(inside, _)| inside)
}

/// Returns the HTTP method and the path of the call that a function makes itself.
fn call_of(code: &str) -> Option<String> {
    let (before, rest) = code.split_once("&[\"")?;
    let method = match before.rsplit_once("Method::") {
        Some((_, method)) => method.trim_end_matches([',', ' ']),
        None if before.contains("self.post(") => "POST",
        None => "GET",
    };
    let segments = format!("\"{}", rest.split_once(']')?.0);
    let segments = segments.split(", ").filter(|segment| !segment.is_empty()).map(|segment| {
        let literal = segment.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        literal.unwrap_or(if segment.starts_with("&format!") { "*" } else { "{}" })
    });
    Some(format!("{method} /{}", segments.collect::<Vec<_>>().join("/")))
}

/// Returns the names of the query parameters that a function sets.
fn query_of(code: &str) -> BTreeSet<String> {
    let mut names: BTreeSet<String> =
        code.split(".with(\"").skip(1).filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())).collect();
    if code.contains(".with_paging(") {
        names.extend(["limit", "cursor"].map(str::to_owned));
    }
    if code.contains(".wait(") {
        names.insert("wait".to_owned());
    }
    names
}

/// Returns the type of the body that a function sends: written in place, or that of a parameter or a variable.
fn body_of(code: &str) -> Option<String> {
    if code.contains(".raw(") {
        return Some("file".to_owned());
    }
    let argument = code.split_once(".body(")?.1.trim_start_matches('&');
    let name = argument.split(|letter: char| !letter.is_alphanumeric() && letter != '_').next()?;
    if name.starts_with(char::is_uppercase) {
        return Some(name.to_owned());
    }
    let given = between(code, &format!("{name}: &"), ")").and_then(|rest| rest.split(',').next());
    given.or_else(|| between(code, &format!("let {name} = "), " {")).map(str::to_owned)
}

/// Returns the type of a function's answer, as the document names it.
fn answer_of(signature: &str) -> Option<String> {
    if signature.contains("-> Result<Follow,") {
        return Some("Follow".to_owned());
    }
    let inside = signature.split_once("-> Call<")?.1.trim_end().strip_suffix('>')?;
    Some(match inside.strip_prefix("Page<").and_then(|rest| rest.strip_suffix('>')) {
        Some(item) => format!("Page_{item}"),
        None => inside.to_owned(),
    })
}

/// Returns the names in the document of the types that have another name there.
fn schema_names() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/types");
    let mut names = BTreeMap::new();
    for file in fs::read_dir(folder).expect("the types have a folder") {
        let text = fs::read_to_string(file.expect("a file is listed").path()).expect("a source is text");
        for part in text.split("schema(as = ").skip(1) {
            let (schema, rest) = part.split_once(')').expect("an attribute ends");
            let declared = rest.split_once("\npub ").and_then(|(_, declared)| declared.split_whitespace().nth(1));
            names.insert(declared.expect("a type follows its attribute").to_owned(), schema.to_owned());
        }
    }
    names
}

/// Reads the methods that call a route. One that calls another method adds to what that one sends.
fn routes(source: &str) -> Vec<Route> {
    let mut routes: Vec<Route> = Vec::new();
    let names = schema_names();
    let named = |name: String| names.get(&name).cloned().unwrap_or(name);
    for block in source.split("\n}\n") {
        let Some(head) = block.lines().find(|line| line.starts_with("impl ")) else { continue };
        let scoped = match head {
            "impl Client {" => false,
            "impl WorkspaceClient {" => true,
            _ => continue,
        };
        for function in block.split("    pub ").skip(1) {
            let code = function.split("\n    }").next().unwrap_or_default();
            let code = code.split_whitespace().collect::<Vec<_>>().join(" ");
            let Some((signature, inside)) = code.split_once(" { ") else { continue };
            let Some(answer) = answer_of(signature) else { continue };
            let name = between(signature, "fn ", "(").unwrap_or_default().to_owned();
            let (query, body, answer) = (query_of(inside), body_of(&code).map(named), named(answer));
            let own = Route { name, scoped, call: String::new(), operation: Operation { query, body, answer } };
            match call_of(inside) {
                Some(call) => routes.push(Route { call, ..own }),
                None => {
                    let other =
                        between(inside, "self.", "(").and_then(|name| routes.iter().find(|one| one.name == name));
                    let mut other = other.unwrap_or_else(|| panic!("{}: calls no route", own.name)).clone();
                    other.operation.query.extend(own.operation.query);
                    routes.push(Route { name: own.name, ..other });
                }
            }
        }
    }
    routes
}

/// Returns the type that a schema refers to.
fn type_of(schema: &Value) -> String {
    let name = |schema: &Value| schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()).map(str::to_owned);
    name(schema).or_else(|| Some(format!("Vec<{}>", name(&schema["items"])?))).unwrap_or_else(|| schema.to_string())
}

/// Returns the operations of a document by method and path, and those that require a workspace.
fn operations(document: &Value) -> (BTreeMap<String, Operation>, BTreeSet<String>) {
    let (mut all, mut need_workspace) = (BTreeMap::new(), BTreeSet::new());
    for (path, methods) in document["paths"].as_object().expect("a document has paths") {
        for (method, described) in methods.as_object().expect("a path has methods") {
            let name = format!("{} {path}", method.to_uppercase());
            let parameters = described["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
            if parameters.iter().any(|one| one["name"] == "Scrip-Workspace" && one["required"] == true) {
                need_workspace.insert(name.clone());
            }
            let query = parameters.iter().filter(|one| one["in"] == "query").filter_map(|one| one["name"].as_str());
            let body =
                described["requestBody"]["content"].as_object().map(|kinds| match kinds.get("application/json") {
                    Some(json) => type_of(&json["schema"]),
                    None => "file".to_owned(),
                });
            let good = described["responses"].as_object().and_then(|answers| {
                answers.iter().find(|(status, _)| status.starts_with('2')).map(|(_, answer)| &answer["content"])
            });
            let answer = match good.and_then(Value::as_object).and_then(|kinds| kinds.iter().next()) {
                Some((kind, _)) if kind == "text/event-stream" => "Follow".to_owned(),
                Some((kind, _)) if kind == "application/octet-stream" => "Vec<u8>".to_owned(),
                Some((_, answer)) => type_of(&answer["schema"]),
                None => String::new(),
            };
            all.insert(name, Operation { query: query.map(str::to_owned).collect(), body, answer });
        }
    }
    (all, need_workspace)
}

/// Returns `true` if a call of the client is an operation of the document.
fn is_call_of(call: &str, operation: &str) -> bool {
    let (call, operation): (Vec<&str>, Vec<&str>) = (call.split('/').collect(), operation.split('/').collect());
    let fits = |(sent, named): (&&str, &&str)| match *sent {
        "{}" => named.starts_with('{'),
        "*" => !named.starts_with('{'),
        literal => literal == *named,
    };
    call.len() == operation.len() && call.iter().zip(&operation).all(fits)
}

/// Returns the differences between the methods of a source and the operations of a document.
fn differences(source: &str, document: &Value) -> Vec<String> {
    let (operations, need_workspace) = operations(document);
    let routes = routes(source);
    let mut found = Vec::new();
    for (name, described) in &operations {
        if EXCEPTIONS.iter().any(|(exception, _)| exception == name) {
            continue;
        }
        let mut query = BTreeSet::new();
        let mut is_called = false;
        for route in routes.iter().filter(|route| is_call_of(&route.call, name)) {
            is_called = true;
            query.extend(route.operation.query.iter().cloned());
            let (sent, needed) = (&route.operation, need_workspace.contains(name));
            if (&sent.body, &sent.answer) != (&described.body, &described.answer) {
                found.push(format!("{}: {name} is described as {described:?}, and called as {sent:?}", route.name));
            }
            if needed && !route.scoped {
                found.push(format!(
                    "{}: {name} requires a workspace: make it a method of `WorkspaceClient`",
                    route.name
                ));
            }
        }
        // A call of any route that answers a run can wait for its end.
        query.extend(
            (described.answer == "Run").then(|| "wait".to_owned()).filter(|wait| described.query.contains(wait)),
        );
        if !is_called {
            found.push(format!("{name}: no method calls it"));
        } else if query != described.query {
            found.push(format!("{name}: has the query {:?}, and is sent {query:?}", described.query));
        }
    }
    let known = |route: &&Route| !operations.keys().any(|name| is_call_of(&route.call, name));
    let unknown = routes.iter().filter(known).filter(|route| route.call != "GET /openapi.json");
    found.extend(unknown.map(|route| format!("{}: the document has no {}", route.name, route.call)));
    found
}

#[test]
fn every_operation_has_a_method_that_sends_what_the_document_says() {
    let document = serde_json::from_str(DOCUMENT).expect("it is JSON");
    let found = differences(ROUTES, &document);
    assert!(found.is_empty(), "{}", found.join("\n"));
    for (exception, _) in EXCEPTIONS {
        assert!(operations(&document).0.contains_key(exception), "{exception}: take it off EXCEPTIONS");
    }
}

#[test]
fn a_method_that_differs_from_its_operation_is_found() {
    let document = serde_json::from_str(DOCUMENT).expect("it is JSON");
    for (right, wrong) in [
        ("\"rotate\"", "\"rotates\""),
        ("\"reject\"", "\"approve\""),
        ("{kind}s\")", "{kind}s\"), \"all\""),
        ("Method::PATCH, &[\"v1\", \"keys\"", "Method::PUT, &[\"v1\", \"keys\""),
        ("change: &KeyChange", "change: &MemberChange"),
        ("let link = CustomerLink", "let link = Customer"),
        (".body(&VoidRequest", ".body(&ReviewDecision"),
        ("-> Call<Vec<Grant>>", "-> Call<Grant>"),
        ("-> Call<Page<Alert>>", "-> Call<Page<Entry>>"),
        (".with(\"undo\"", ".with(\"back\""),
        (".with(\"external_id\", external_id)", ""),
        ("impl WorkspaceClient {", "impl Client {"),
        ("pub fn audit(", "fn audit("),
    ] {
        let source = ROUTES.replacen(right, wrong, 1);
        assert_ne!(source, ROUTES, "{right}: the source has no such text");
        assert!(!differences(&source, &document).is_empty(), "{wrong}: nothing is found");
    }
}
