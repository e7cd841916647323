//! Operations of the committed document, each defined once for all stories that walk through them: its need of the
//! caller, a body that changes nothing, and one that does the operation's work.
//!
//! A text such as `<email>` in a good body stands for something that the story has; [`Operation::good`] puts it there.

use crate::openapi::committed_document;
use Trace::{All, Log, Nothing};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Rights that an operation needs of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// The operation needs no rights.
    Public,
    /// The operation needs a session, of any person.
    Session,
    /// The operation needs a session, or the operator.
    Person,
    /// The operation needs a caller who belongs to the workspace.
    Look,
    /// The operation needs the right to see runs.
    ReadRuns,
    /// The operation needs the right to run a model.
    Run,
    /// The operation needs a member.
    Member,
    /// The operation needs an admin, or the owner of the object, who is never the caller in the stories.
    Own,
    /// The operation needs an admin.
    Admin,
    /// The operation needs the operator.
    Operator,
}

/// An operation of the document.
pub struct Operation {
    pub method: Method,
    /// Path, with the kind of each id in the id's place.
    pub path: &'static str,
    /// Query behind the path.
    pub query: &'static str,
    pub need: Need,
    /// Body that can be read and changes nothing; null where there is none.
    pub idle: Value,
    /// Body that does the operation's work, and the status of its answer.
    good: Option<(u16, Value)>,
    /// Trace in the audit log; `None` for an operation that changes nothing.
    pub trace: Option<Trace>,
}

/// Trace that an operation leaves in a log.
#[derive(Clone, Copy)]
pub enum Trace {
    /// A line in the workspace's audit log.
    Log,
    /// A line in the log of acts that belong to no single workspace.
    All,
    /// No trace, with the reason why it is no act of power.
    Nothing(&'static str),
}

const EVERYDAY: Trace = Nothing("runs and holds are the workspace's business, and in its journal");
const ONESELF: Trace = Nothing("signs oneself in or out");

impl Operation {
    fn new(method: Method, path: &'static str, need: Need, idle: Value) -> Operation {
        let (path, query) = path.split_at(path.find('?').unwrap_or(path.len()));
        Operation { method, path, query, need, idle, good: None, trace: None }
    }

    /// Sets the body that does the operation's work, and the status of its answer.
    fn with_good(self, status: u16, body: Value) -> Operation {
        Operation { good: Some((status, body)), ..self }
    }

    fn leaves(self, trace: Trace) -> Operation {
        Operation { trace: Some(trace), ..self }
    }

    /// Returns the path as the document has it.
    pub fn document_path(&self) -> String {
        let id = self.kind().filter(|kind| *kind != "version");
        id.map_or(self.path.to_owned(), |kind| self.path.replace(&format!("{{{kind}}}"), "{id}"))
    }

    /// Returns the method and the path as the document has them.
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.document_path())
    }

    /// Returns the kind of the id in its path.
    pub fn kind(&self) -> Option<&'static str> {
        Some(self.path.split_once('{')?.1.split_once('}')?.0)
    }

    /// Returns its address with an id.
    pub fn to(&self, id: &str) -> String {
        let kind = self.kind().map(|kind| format!("{{{kind}}}")).unwrap_or_default();
        let path = if kind.is_empty() { self.path.to_owned() } else { self.path.replace(&kind, id) };
        path + self.query
    }

    /// Returns the good body, with a story's values in it, and the status of its answer.
    pub fn good(&self, has: &mut dyn FnMut(&str) -> String) -> Option<(u16, Value)> {
        let (status, body) = self.good.as_ref()?;
        Some((*status, fill(body, has)))
    }
}

/// Replaces the placeholders of a body by a story's values.
fn fill(body: &Value, has: &mut dyn FnMut(&str) -> String) -> Value {
    match body {
        Value::String(text) => match text.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')) {
            Some(name) => json!(has(name)),
            None => body.clone(),
        },
        Value::Array(items) => items.iter().map(|item| fill(item, has)).collect(),
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), fill(value, has))).collect(),
        other => other.clone(),
    }
}

/// Returns every operation; the good bodies are good in this order. `model` is the model of idle runs.
pub fn all(model: &str) -> Vec<Operation> {
    [accounts(), catalogs(), workspaces(), runs(model), team(), selling()].into_iter().flatten().collect()
}

fn get(path: &'static str, need: Need) -> Operation {
    Operation::new(Method::GET, path, need, Value::Null)
}

fn delete(path: &'static str, need: Need) -> Operation {
    Operation::new(Method::DELETE, path, need, Value::Null)
}

fn post(path: &'static str, need: Need, idle: Value) -> Operation {
    Operation::new(Method::POST, path, need, idle)
}

fn put(path: &'static str, need: Need, idle: Value) -> Operation {
    Operation::new(Method::PUT, path, need, idle)
}

fn patch(path: &'static str, need: Need, idle: Value) -> Operation {
    Operation::new(Method::PATCH, path, need, idle)
}

/// Returns the operations about reviews, sessions, and acts of operators on people.
fn accounts() -> Vec<Operation> {
    use Need::{Admin, Operator, Public, Session};
    let decision = json!({ "reason": "papers seen" });
    let decide = |path: &'static str| {
        post(path, Operator, json!({ "reason": "r" })).with_good(200, decision.clone()).leaves(Log)
    };
    vec![
        decide("/v1/reviews/{rev}/reject"),
        decide("/v1/reviews/{rev}/approve"),
        decide("/v1/reviews/{rev}/revoke"),
        get("/v1/reviews", Admin),
        post("/v1/reviews", Admin, json!({ "review": "nothing" }))
            .with_good(201, json!({ "review": "business_verification", "form": { "company": "Ada & Sons" } }))
            .leaves(Log),
        get("/v1/reviews/{rev}", Admin),
        get("/v1/review_files/{rf}", Admin),
        // A body that is no file is refused before the application is read.
        post("/v1/reviews/{rev}/files?name=n", Admin, json!({}))
            .leaves(Nothing("adds to what was sent with an application, and names who did")),
        post("/v1/sign_in", Public, json!({ "email": "nobody" }))
            .with_good(202, json!({ "email": "<email>" }))
            .leaves(ONESELF),
        post("/v1/portal_links", Operator, json!({ "email": "nobody" }))
            .with_good(201, json!({ "email": "<email>", "workspace": "<ws>" }))
            .leaves(All),
        delete("/v1/session", Session).leaves(ONESELF),
        get("/v1/session", Session),
        delete("/v1/sessions", Session).leaves(ONESELF),
        post("/v1/sessions", Public, json!({}))
            .with_good(201, json!({ "token": "<link>", "cookie": false }))
            .leaves(ONESELF),
        get("/v1/oidc/callback", Public).leaves(ONESELF),
        get("/v1/oidc/start", Public).leaves(ONESELF),
        get("/v1/people?email=nobody", Operator),
        get("/v1/people/{usr}", Operator),
        delete("/v1/people/{usr}/block", Operator).leaves(All),
        get("/v1/audit", Admin),
    ]
}

/// Returns the operations about catalogs and test clocks.
fn catalogs() -> Vec<Operation> {
    use Need::{Operator, Public};
    let idle = json!({ "toml": "nothing" });
    let good = json!({ "toml": "<catalog>" });
    vec![
        get("/v1/catalog", Public),
        get("/v1/catalogs", Operator),
        post("/v1/catalogs/check", Operator, idle.clone())
            .with_good(200, good.clone())
            .leaves(Nothing("says what would be left behind, and does nothing")),
        post("/v1/catalogs", Operator, idle).with_good(201, good).leaves(All),
        post("/v1/catalogs/{version}/migrate", Operator, json!({ "dry_run": true }))
            .with_good(200, json!({ "dry_run": true }))
            .leaves(All),
        get("/v1/test_clocks", Operator),
        post("/v1/test_clocks", Operator, json!({ "now": "yesterday" }))
            .with_good(201, json!({ "name": "n", "now": "2026-03-01T00:00:00Z" }))
            .leaves(Nothing("is about test workspaces alone")),
        get("/v1/test_clocks/{tc}", Operator),
        post("/v1/test_clocks/{tc}/advance", Operator, json!({ "to": "yesterday" }))
            .with_good(200, json!({ "to": "2026-03-02T00:00:00Z" }))
            .leaves(Nothing("is about test workspaces alone")),
    ]
}

/// Returns the operations about workspaces and their objects.
fn workspaces() -> Vec<Operation> {
    use Need::{Admin, Look, Operator, Person};
    let approve = json!([{ "review": "business_verification", "reason": "papers seen" }]);
    vec![
        get("/v1/workspaces", Person),
        post("/v1/workspaces", Person, json!({ "name": "" })).with_good(
            201,
            json!({ "name": "n", "owner": { "email": "<email>" }, "external_id": "x", "mode": "test",
                    "test_clock": "<tc>", "plan": "business", "interval": "month", "approve": approve }),
        ).leaves(Log),
        post("/v1/workspaces/check", Operator, json!({ "workspace": { "name": "" } })).with_good(
            200,
            json!({ "workspace": { "name": "n", "owner": { "email": "good@example.com" }, "external_id": "y",
                                   "mode": "test", "plan": "pro", "interval": "month", "welcome": false },
                    "grant": { "amount": 3, "unit": "credits", "reason": "r", "source": "s" } }),
        ).leaves(Nothing("says what would be refused, and does nothing")),
        get("/v1/workspaces/{ws}", Look),
        patch("/v1/workspaces/{ws}", Admin, json!({ "name": "" })).with_good(200, json!({ "name": "n" })).leaves(Log),
        post("/v1/workspaces/{ws}/grants", Operator, json!({ "amount": 0, "reason": "" })).with_good(
            201,
            json!({ "amount": 3, "unit": "credits", "reason": "r", "source": "s", "expires_at": "2099-01-01T00:00:00Z",
                    "models": ["upscale"] }),
        ).leaves(Log),
        post("/v1/workspaces/{ws}/freeze", Operator, json!({ "frozen": false }))
            .with_good(200, json!({ "frozen": false, "reason": "r" })).leaves(Log),
        get("/v1/balance", Look),
        get("/v1/entitlements", Look),
        get("/v1/entries", Look),
        get("/v1/entries/{en}/explain", Look),
        get("/v1/usage", Look),
    ]
}

/// Returns the operations about runs, and about holds for products that run models themselves.
fn runs(model: &str) -> Vec<Operation> {
    use Need::{Operator, Public, ReadRuns, Run};
    // More images than any model makes.
    let idle = json!({ "model": model, "params": { "images": 99 } });
    let params = json!({ "prompt": "hills", "images": 2, "references": ["a"], "seed": 4 });
    // One of each kind, in the order of the schema.
    let decisions = json!([
        { "key": "<idempotency>", "workspace": "<ws>", "open": { "credits": 2, "reference": "r", "seconds": 60 } },
        { "key": "b", "hold": "<hd>", "capture": { "credits": 1 } },
        { "key": "c", "hold": "<hd>", "release": {} },
    ]);
    vec![
        post("/v1/quotes", Run, idle.clone())
            .with_good(200, json!({ "model": "image-standard", "params": params }))
            .leaves(Nothing("changes nothing")),
        get("/v1/runs", ReadRuns),
        post("/v1/runs", Run, idle)
            .with_good(
                202,
                json!({ "model": "image-standard", "params": params, "metadata": { "board": "b" },
                    "sandbox": { "outcome": "fail", "after": 1, "delivered": { "images": 1 } } }),
            )
            .leaves(EVERYDAY),
        get("/v1/runs/{run}", ReadRuns),
        post("/v1/runs/{run}/cancel", Run, Value::Null).leaves(EVERYDAY),
        get("/v1/runs/{run}/events", ReadRuns),
        get("/v1/assets/{as}?expires=4000000000&signature=0", Public),
        post("/v1/holds", Operator, json!({ "credits": 0, "reference": "" }))
            .with_good(201, json!({ "credits": 2, "reference": "r", "seconds": 60 }))
            .leaves(EVERYDAY),
        post("/v1/holds/batch", Operator, json!({ "decisions": [] }))
            .with_good(200, json!({ "decisions": decisions }))
            .leaves(EVERYDAY),
        get("/v1/holds/{hd}", Operator),
        post("/v1/holds/{hd}/extend", Operator, json!({ "seconds": 60 }))
            .with_good(200, json!({ "seconds": 7_200 }))
            .leaves(EVERYDAY),
        post("/v1/holds/{hd}/capture", Operator, json!({})).with_good(200, json!({ "credits": 1 })).leaves(EVERYDAY),
        post("/v1/holds/{hd}/release", Operator, Value::Null).leaves(EVERYDAY),
    ]
}

/// Returns the operations about keys, members, people, background tasks and switches.
fn team() -> Vec<Operation> {
    use Need::{Admin, Member, Operator, Own, Session};
    let cap = json!({ "credits": 1_000, "every": "month" });
    let off = json!({ "off": true, "reason": "r" });
    let on = json!({ "off": false, "reason": "r" });
    vec![
        get("/v1/keys", Member),
        post("/v1/keys", Member, json!({ "name": "" }))
            .with_good(
                201,
                json!({ "name": "n", "capabilities": ["workflow:run"], "models": ["upscale"], "workflows": ["a"],
                    "owner": "workspace", "spend_cap": cap, "expires_at": "2099-01-01T00:00:00Z" }),
            )
            .leaves(Log),
        delete("/v1/keys/{key}", Own).leaves(Log),
        get("/v1/keys/{key}", Member),
        patch("/v1/keys/{key}", Own, json!({ "name": "Another" }))
            .with_good(
                200,
                json!({ "name": "n", "capabilities": ["workflow:run"], "spend_cap": cap, "reviewed": true }),
            )
            .leaves(Log),
        post("/v1/keys/{key}/rotate", Own, json!({ "grace": 0 })).with_good(200, json!({ "grace": 600 })).leaves(Log),
        post("/v1/keys/{key}/freeze", Own, json!({ "frozen": true, "reason": "r" }))
            .with_good(200, json!({ "frozen": true, "reason": "r" }))
            .leaves(Log),
        get("/v1/members", Member),
        post("/v1/members", Operator, json!({ "email": "nobody" }))
            .with_good(201, json!({ "email": "<email>", "role": "<role>" }))
            .leaves(Log),
        delete("/v1/members/{usr}", Own).leaves(Log),
        patch("/v1/members/{usr}", Admin, json!({ "role": "admin" }))
            .with_good(200, json!({ "role": "<role>", "spend_cap": cap }))
            .leaves(Log),
        post("/v1/people/{usr}/block", Operator, json!({ "reason": "r" }))
            .with_good(200, json!({ "reason": "r" }))
            .leaves(All),
        get("/v1/invitations", Admin),
        post("/v1/invitations", Admin, json!({ "email": "nobody" }))
            .with_good(201, json!({ "email": "<another email>", "role": "<role>" }))
            .leaves(Log),
        post("/v1/invitations/accept", Session, json!({ "token": "nothing" }))
            .with_good(200, json!({ "token": "<invitation>" }))
            .leaves(Log),
        delete("/v1/invitations/{inv}", Admin).leaves(Log),
        get("/v1/operator_keys", Operator),
        post("/v1/operator_keys", Operator, json!({ "name": "", "scopes": [] }))
            .with_good(201, json!({ "name": "robot", "scopes": ["read"] }))
            .leaves(All),
        delete("/v1/operator_keys/{opk}", Operator).leaves(All),
        get("/v1/tasks", Operator),
        get("/v1/switches", Operator),
        put("/v1/switches/models/{switch}", Operator, off.clone()).with_good(200, on.clone()).leaves(All),
        put("/v1/switches/providers/{switch}", Operator, off).with_good(200, on).leaves(All),
    ]
}

/// Returns the operations about payments, and about plans by hand.
fn selling() -> Vec<Operation> {
    use Need::{Admin, Operator};
    let approve = json!([{ "review": "business_verification", "reason": "papers seen" }]);
    vec![
        get("/v1/workspaces/{ws}/customer", Operator),
        put("/v1/workspaces/{ws}/customer", Operator, json!({ "customer": "nobody" }))
            .with_good(200, json!({ "customer": "<customer>" }))
            .leaves(All),
        post("/v1/workspaces/{ws}/customer/sync", Operator, Value::Null)
            .leaves(Nothing("looks again; what follows from it is in the journal")),
        get("/v1/billing", Admin),
        post("/v1/billing/sweep", Operator, Value::Null)
            .leaves(Nothing("looks again; what follows from it is in the journal")),
        get("/v1/alerts", Operator),
        post("/v1/checkout", Admin, json!({ "pack": "nothing" }))
            .with_good(201, json!({ "pack": "credits-1000" }))
            .leaves(Nothing("opens a page; what is paid there is in the journal")),
        post("/v1/billing_portal", Admin, json!({}))
            .with_good(201, json!({ "flow": "payment_method" }))
            .leaves(Nothing("opens a checkout session; Stripe reports what is paid there")),
        delete("/v1/billing/top_up", Admin).leaves(Log),
        put("/v1/billing/top_up", Admin, json!({ "pack": "nothing", "below": 1, "monthly_max": 1 }))
            .with_good(200, json!({ "pack": "credits-1000", "below": 100, "monthly_max": 5_000 }))
            .leaves(Log),
        post("/v1/grants/{gr}/void", Operator, json!({ "reason": "r" }))
            .with_good(200, json!({ "reason": "r" }))
            .leaves(Log),
        delete("/v1/workspaces/{ws}/subscription?undo=true", Operator).leaves(Log),
        post("/v1/workspaces/{ws}/subscription", Operator, json!({ "plan": "nothing" }))
            .with_good(200, json!({ "plan": "business", "interval": "month", "approve": approve }))
            .leaves(Log),
    ]
}

#[test]
fn every_operation_of_the_document_is_here_once() {
    let (document, all) = (committed_document(), all("image-standard"));
    let mut operations = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("operations") {
            let name = format!("{} {path}", method.to_uppercase());
            if let Some(row) = all.iter().find(|row| row.name() == name) {
                let body = &operation["requestBody"];
                assert_eq!(body.is_object(), !row.idle.is_null(), "{name}: whether it has a body");
                // Bodies that are files have a story of their own.
                let takes = body["content"]["application/json"].is_object();
                assert_eq!(takes, row.good.is_some(), "{name}: whether it has a JSON body that is good");
                assert!(method == "get" || row.trace.is_some(), "{name}: what it leaves in the audit log");
                // An operation without a key says so in the document, and mentions no other scheme.
                let public = operation["security"] == json!([{}]);
                assert_eq!(public, row.need == Need::Public, "{name}: whether it takes no key");
            }
            operations.insert(name);
        }
    }
    let known: BTreeSet<String> = all.iter().map(Operation::name).collect();
    assert_eq!(known.len(), all.len(), "an operation is here twice");
    assert_eq!(known, operations, "operations that are not here, or are no more");
}
