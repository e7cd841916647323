//! Bad input: every kind of wrong value in a body, for every operation that takes one.
//!
//! The rows are the operations that take JSON, each with its good body: each member of its schema is tried with every
//! value it must not have.

use crate::openapi::committed_document;
use crate::operations::{Need, all};
use reqwest::Method;
use scrip_testing::app::{App, Call, Desk, root, temporary, text};
use scrip_testing::smtp::Sink;
use scrip_testing::stripe::Stripe;
use serde_json::{Value, json};

/// An operation with a good body.
struct Row {
    method: Method,
    /// Path, as the document has it.
    path: String,
    /// The path with real ids.
    to: String,
    good: Value,
    status: u16,
    /// Token of the caller; `None` for the operator.
    bearer: Option<String>,
}

impl Row {
    /// Returns a request about a workspace, with the row's caller.
    fn call<'a>(&self, desk: &Desk<'a>) -> Call<'a> {
        match &self.bearer {
            None => desk.call(self.method.clone(), &self.to).once(),
            Some(token) => {
                let call = desk.app.bare(self.method.clone(), &self.to);
                call.header("Authorization", &format!("Bearer {token}"))
            }
        }
    }
}

/// Returns a good body for every operation.
async fn rows(app: &App, desk: &Desk<'_>, clock: &str, mails: &Sink, customer: &str) -> Vec<Row> {
    let mut holds = Vec::new();
    for _ in 0..4 {
        let hold = json!({ "credits": 5, "reference": "r", "seconds": 2_592_000 });
        holds.push(text(&desk.post("/v1/holds", hold).await.expect(201)["id"]));
    }
    let link = app.post("/v1/portal_links", json!({ "email": "bad@example.com" })).await.expect(201);
    let link = text(&link["url"]);
    let token = link.rsplit_once('#').expect("a token is behind it").1;
    let grant = text(&desk.give(7).await["id"]);
    let (key, _) = desk.key(&["workflow:read"]).await;
    let bob = desk.member("bob@example.com", "member").await;
    let spammer = app.human("spam@example.com").await;
    desk.post("/v1/invitations", json!({ "email": "eve@example.com" })).await.expect(201);
    let mail = mails.next().link();
    let invitation = mail.rsplit_once("/invitations/").expect("a token is at its end").1;
    let eve = app.human("eve@example.com").await.token;
    let catalog = std::fs::read_to_string(root().join("catalogs/canvas-tiers.toml")).expect("it is there");
    let new = json!({ "review": "business_verification", "form": { "company": "Ada & Sons" } });
    let review = text(&desk.post("/v1/reviews", new).await.expect(201)["id"]);
    let mut has = |name: &str| match name {
        "email" => "bad@example.com".to_owned(),
        "another email" => "zoe@example.com".to_owned(),
        "role" => "admin".to_owned(),
        "catalog" => catalog.clone(),
        "link" => token.to_owned(),
        "invitation" => invitation.to_owned(),
        "idempotency" => "a".to_owned(),
        "customer" => customer.to_owned(),
        "ws" => desk.id.clone(),
        "tc" => clock.to_owned(),
        "hd" => holds.pop().expect("each body ends one of its own"),
        other => panic!("nothing stands for <{other}>"),
    };
    let mut rows = Vec::new();
    for operation in all("image-standard") {
        let Some((status, good)) = operation.good(&mut has) else { continue };
        let id = match (operation.kind(), operation.path) {
            (Some("usr"), "/v1/people/{usr}/block") => spammer.id.clone(),
            (Some("usr"), _) => bob.id.clone(),
            (Some("switch"), "/v1/switches/models/{switch}") => "upscale".to_owned(),
            (Some("switch"), _) => "sandbox".to_owned(),
            (Some("rev"), _) => review.clone(),
            (Some("gr"), _) => grant.clone(),
            (Some("key"), _) => key.clone(),
            (Some("version"), _) => "1".to_owned(),
            (Some(kind), _) => has(kind),
            (None, _) => String::new(),
        };
        let bearer = (operation.need == Need::Session).then(|| eve.clone());
        let (path, to) = (operation.document_path(), operation.to(&id));
        rows.push(Row { method: operation.method, path, to, good, status, bearer });
    }
    rows
}

/// Resolves a reference in the document.
fn schema<'a>(document: &'a Value, at: &'a Value) -> &'a Value {
    let at = at["oneOf"].as_array().and_then(|kinds| kinds.iter().find(|kind| kind["type"] != "null")).unwrap_or(at);
    match at["$ref"].as_str().and_then(|name| name.strip_prefix("#/components/schemas/")) {
        Some(name) => &document["components"]["schemas"][name],
        None => at,
    }
}

fn is_a(schema: &Value, kind: &str) -> bool {
    schema["type"] == kind || schema["type"].as_array().is_some_and(|kinds| kinds.iter().any(|known| known == kind))
}

/// Returns values that a member must not have.
fn wrong_values(schema: &Value, nullable: bool) -> Vec<Value> {
    let mut wrong = Vec::new();
    if !nullable {
        wrong.push(Value::Null);
    }
    if !is_a(schema, "string") {
        wrong.extend([json!("7"), json!("")]);
    }
    if is_a(schema, "string") {
        wrong.extend([json!(7), json!(-1), json!(0), json!(1.5), json!(1e300)]);
        if schema["enum"].is_array() {
            wrong.extend([json!(""), json!("nothing")]);
        }
        if let Some(most) = schema["maxLength"].as_u64() {
            wrong.push(json!("x".repeat(most as usize + 1)));
        }
        if schema["minLength"].as_u64().is_some_and(|least| least > 0) {
            wrong.push(json!(""));
        }
    }
    if is_a(schema, "integer") {
        wrong.extend([json!(-1), json!(1.5), json!(-0.5), json!(1e300), json!(u64::MAX), json!(i64::MIN)]);
        if let Some(least) = schema["minimum"].as_i64() {
            wrong.push(json!(least - 1));
        }
        if let Some(most) = schema["maximum"].as_i64() {
            wrong.push(json!(most + 1));
        }
    }
    if !is_a(schema, "boolean") {
        wrong.extend([json!(true), json!(false)]);
    }
    if !is_a(schema, "array") {
        wrong.extend([json!([]), json!([1, [2]])]);
    }
    if !is_a(schema, "object") {
        wrong.push(json!({ "a": 1 }));
    }
    wrong
}

/// A wrong body, and the pointer that the answer must name.
struct Wrong {
    body: Value,
    pointer: String,
}

/// Adds wrong values for every member of an object at a pointer of the good body, to any depth.
fn wrong_members(document: &Value, object: &Value, good: &Value, at: &str, found: &mut Vec<Wrong>) {
    let mut wrong = |pointer: String, change: &dyn Fn(&mut Value)| {
        let mut body = good.clone();
        change(body.pointer_mut(at).expect("the good body has it"));
        found.push(Wrong { body, pointer });
    };
    wrong(format!("{at}/nonsense"), &|object| object["nonsense"] = json!(1));
    let required = object["required"].as_array().cloned().unwrap_or_default();
    for name in &required {
        let name = text(name);
        wrong(format!("{at}/{name}"), &|object| drop(object.as_object_mut().expect("an object").remove(&name)));
    }
    let members = object["properties"].as_object().cloned().unwrap_or_default();
    for (name, member) in &members {
        let nullable = is_a(member, "null") || member["oneOf"].is_array();
        for value in wrong_values(schema(document, member), nullable) {
            wrong(format!("{at}/{name}"), &|object| object[name] = value.clone());
        }
    }
    for (name, member) in &members {
        let path = format!("{at}/{name}");
        let inner = schema(document, member);
        if inner["properties"].is_object() && good.pointer(&path).is_some() {
            wrong_members(document, inner, good, &path, found);
        }
        let item = schema(document, &inner["items"]);
        let kinds = item["oneOf"].as_array().map_or(vec![item], |kinds| kinds.iter().collect());
        for (n, kind) in kinds.into_iter().enumerate() {
            let (kind, place) = (schema(document, kind), format!("{path}/{n}"));
            if kind["properties"].is_object() && good.pointer(&place).is_some() {
                wrong_members(document, kind, good, &place, found);
            }
        }
    }
}

/// Returns wrong values that the schema cannot exclude: instants, names of things, parameters of models.
fn wrong_meanings(row: &Row) -> Vec<Wrong> {
    let mut found = Vec::new();
    let mut wrong = |pointer: &str, values: &[Value]| {
        for value in values {
            let mut body = row.good.clone();
            let Some(member) = body.pointer_mut(pointer) else { return };
            *member = value.clone();
            found.push(Wrong { body, pointer: pointer.to_owned() });
        }
    };
    let instants =
        ["", "yesterday", "2026-02-30T00:00:00Z", "2026-01-01", "9999999-01-01T00:00:00Z", "2026-01-01T25:00:00Z"];
    let instants = instants.map(|text| json!(text));
    for pointer in ["/to", "/now", "/expires_at"] {
        wrong(pointer, &instants);
    }
    let nothing = [json!("nothing"), json!(""), json!("x".repeat(100_000)), json!("\u{0}"), json!("../..")];
    for pointer in [
        "/model",
        "/plan",
        "/pack",
        "/customer",
        "/test_clock",
        "/quote",
        "/models/0",
        "/approve/0/review",
        "/toml",
        "/capabilities/0",
        "/review",
    ] {
        wrong(pointer, &nothing);
    }
    // Any workflow may be named here, but each needs a name.
    wrong("/workflows/0", &nothing[1..]);
    wrong("/capabilities/0", &[json!(format!("workflow:{}:run", "x".repeat(100_000)))]);
    for pointer in ["/owner/email", "/email"] {
        wrong(
            pointer,
            &[
                json!("ada"),
                json!("@"),
                json!("a b@example.com"),
                json!("a@b"),
                json!(format!("{}@example.com", "x".repeat(250))),
            ],
        );
    }
    wrong("/external_id", &[json!(""), json!("x".repeat(201))]);
    let counts = [
        json!(0),
        json!(-1),
        json!(17),
        json!(1.5),
        json!("2"),
        Value::Null,
        json!([]),
        json!({}),
        json!(true),
        json!(u64::MAX),
        json!(1e300),
    ];
    wrong("/params/images", &counts);
    wrong("/params/prompt", &[json!(1), json!("x".repeat(4_001)), Value::Null, json!(["a"]), json!({ "a": 1 })]);
    wrong(
        "/params/references",
        &[json!("a"), json!([1]), json!(["a", "b", "c", "d", "e"]), json!([null]), json!([["a"]])],
    );
    wrong("/metadata/board", &[json!(1), Value::Null, json!([]), json!({}), json!("x".repeat(201))]);
    wrong("/sandbox/delivered/images", &[json!(-1), json!(1.5), json!("1"), Value::Null, json!(u64::MAX)]);
    found
}

/// Returns bodies that are not JSON, or too large to read: the content type, and the bytes.
fn wrong_bytes(good: &Value) -> Vec<(&'static str, Vec<u8>)> {
    let json = "application/json";
    let text = good.to_string();
    let (first, rest) = (text.find(':').expect("a member") + 1, &text[1..]);
    let opening = &text[..first];
    let mut all = vec![
        ("text/plain", text.clone().into_bytes()),
        ("application/x-www-form-urlencoded", text.clone().into_bytes()),
        ("application/problem+json", text.clone().into_bytes()),
        ("", text.clone().into_bytes()),
        (json, format!("{},{rest}", &text[..text.len() - 1]).into_bytes()),
        (json, format!("{opening}{}", "[".repeat(1_000_000)).into_bytes()),
        (json, format!("{opening}{}{}}}", "[".repeat(500_000), "]".repeat(500_000)).into_bytes()),
        (json, format!("{opening}{}", "{\"a\":".repeat(300_000)).into_bytes()),
        (json, [opening.as_bytes(), b"\"\xff\xfe\"}"].concat()),
        (json, [opening.as_bytes(), b"\"\\ud800\"}"].concat()),
        (json, [b"\xef\xbb\xbf".as_slice(), text.as_bytes()].concat()),
        (json, format!("{text} {{}}").into_bytes()),
        (json, text.as_bytes()[..text.len() - 1].to_vec()),
        (json, format!("{opening}NaN}}").into_bytes()),
        (json, format!("{opening}1e999999}}").into_bytes()),
        (json, format!("{opening}{}}}", "9".repeat(100_000)).into_bytes()),
        (json, format!("{{\"padding\": \"{}\",{rest}", "x".repeat(2 << 20)).into_bytes()),
    ];
    for whole in ["[]", "7", "\"text\"", "null", "true", "[{}]", " ", "\u{0}"] {
        all.push((json, whole.as_bytes().to_vec()));
    }
    all
}

/// Returns everything that a bad request could have changed.
async fn state(app: &App, desk: &Desk<'_>, clock: &str) -> Value {
    let mut catalogs = app.get("/v1/catalogs").await.expect(200);
    catalogs["data"].as_array_mut().expect("a list").truncate(5);
    json!({
        "entries": desk.get("/v1/entries?limit=1").await.expect(200)["data"][0]["hash"],
        "balance": desk.balance().await,
        "runs": desk.get("/v1/runs?limit=1").await.expect(200)["data"][0]["id"],
        "workspace": desk.show().await,
        "members": desk.get("/v1/members").await.expect(200),
        "invitations": desk.get("/v1/invitations").await.expect(200),
        "keys": desk.get("/v1/keys").await.expect(200),
        "workspaces": app.get("/v1/workspaces?limit=100").await.expect(200)["data"].as_array().map(Vec::len),
        "clocks": app.get("/v1/test_clocks").await.expect(200)["data"].as_array().map(Vec::len),
        "clock": app.get(&format!("/v1/test_clocks/{clock}")).await.expect(200),
        "catalogs": catalogs,
        "switches": app.get("/v1/switches").await.expect(200),
        "operator_keys": app.get("/v1/operator_keys").await.expect(200)["data"].as_array().map(Vec::len),
        "billing": desk.get("/v1/billing").await.expect(200),
        "customer": app.get(&format!("/v1/workspaces/{}/customer", desk.id)).await.status,
        "alerts": app.get("/v1/alerts").await.expect(200),
    })
}

#[tokio::test]
async fn whatever_is_wrong_with_a_body_is_said_and_nothing_happens() {
    // One of the bodies contains a token from a mail.
    let mails = Sink::start();
    let told = [("SCRIP_SMTP_URL", mails.url()), ("SCRIP_MAIL_FROM", "credits@example.com".to_owned())];
    let mut environment = told.map(|(name, value)| (name.to_owned(), value)).to_vec();
    let catalog = root().join("catalogs/canvas-tiers.toml");
    let stripe = Stripe::selling(&catalog);
    environment.extend(stripe.environment());
    let mut app = App::with(&catalog, temporary(), environment);
    let document = committed_document();
    {
        let clock = app.clock("2026-03-01T00:00:00Z").await;
        let desk = app.workspace(json!({ "test_clock": clock.id, "plan": "pro", "interval": "month" })).await;
        let mut rows = rows(&app, &desk, &clock.id, &mails, &stripe.customer().await).await;
        let mut tried = 0;
        let mut failures = Vec::new();
        for row in &rows {
            let before = state(&app, &desk, &clock.id).await;
            let method = row.method.as_str().to_lowercase();
            let operation = &document["paths"][&row.path][&method];
            let object = schema(&document, &operation["requestBody"]["content"]["application/json"]["schema"]);
            let mut wrong = wrong_meanings(row);
            wrong_members(&document, object, &row.good, "", &mut wrong);
            for Wrong { body, pointer } in wrong {
                let answer = row.call(&desk).json(&body).send().await;
                let shown: String = body.to_string().chars().take(300).collect();
                let problem = answer.json();
                let said = problem["errors"][0]["pointer"].as_str().unwrap_or_default().to_owned();
                let whole = said.is_empty() || !pointer.starts_with(&said);
                let meant = said == pointer || said.starts_with(&format!("{pointer}/")) || !whole;
                if answer.status != 422 || problem["code"] != "INVALID_REQUEST" || !meant {
                    failures.push(format!("{method} {} {pointer}: {shown}: {}: {problem}", row.path, answer.status));
                }
                tried += 1;
            }
            for (kind, bytes) in wrong_bytes(&row.good) {
                let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(100)]).into_owned();
                let answer = row.call(&desk).bytes(kind, bytes).send().await;
                if answer.status != 422 || answer.json()["code"] != "INVALID_REQUEST" {
                    failures.push(format!("{method} {} {kind} {shown}: {}", row.path, answer.status));
                }
                tried += 1;
            }
            let after = state(&app, &desk, &clock.id).await;
            if after != before {
                failures.push(format!("{method} {} left something behind: {before} {after}", row.path));
            }
        }
        assert!(failures.is_empty(), "{} of {tried}:\n{}", failures.len(), failures.join("\n"));
        println!("{tried} bad requests to {} operations", rows.len());
        assert!(tried > 1_000, "only {tried} bad requests were tried");
        // The good bodies must be accepted, or the table would prove nothing.
        for row in rows.drain(..) {
            let answer = row.call(&desk).json(&row.good).send().await;
            assert_eq!(answer.status, row.status, "{} {}: {}", row.method, row.path, answer.json());
        }
    }
    app.verify();
}

#[tokio::test]
async fn a_bad_header_is_refused_before_anything_happens() {
    let mut app = App::start();
    {
        let desk = app.free().await;
        let order = json!({ "model": "image-standard" });
        for key in ["", " ", &"x".repeat(256)] {
            let answer = desk.call(Method::POST, "/v1/runs").key(key).json(&order).send().await;
            answer.problem(422, "INVALID_REQUEST");
        }
        let missing = app.call(Method::POST, "/v1/runs").once().json(&order).send().await;
        missing.problem(422, "INVALID_REQUEST");
        let unknown = app.call(Method::POST, "/v1/runs").workspace("ws_0000000000000").once().json(&order).send().await;
        unknown.problem(404, "NOT_FOUND");
        assert_eq!(desk.entries().await.len(), 1);
    }
    app.verify();
}
