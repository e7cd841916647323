//! Everything that can be wrong with a body, for every operation that takes one.
//!
//! The rows come from the committed document: an operation without a good body here fails the table, and each member of
//! its schema is tried with every value it must not have.

use crate::app::{App, Call, Desk, root, temporary, text};
use crate::openapi::committed;
use crate::smtp::Sink;
use crate::stripe::Stripe;
use reqwest::Method;
use serde_json::{Value, json};

/// An operation with a body that is good.
struct Row {
    method: Method,
    path: &'static str,
    /// The path with real ids.
    to: String,
    good: Value,
    status: u16,
    /// Whose it is to ask; the operator's, if nobody is named.
    bearer: Option<String>,
}

impl Row {
    /// A request about a workspace, as whoever may ask.
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

/// A good body for every operation.
async fn rows(app: &App, desk: &Desk<'_>, clock: &str, mails: &Sink, customer: &str) -> Vec<Row> {
    let hold = async || {
        let hold =
            desk.post("/v1/holds", json!({ "credits": 5, "reference": "r", "seconds": 2_592_000 })).await.expect(201);
        text(&hold["id"])
    };
    let (first, second, third, fourth) = (hold().await, hold().await, hold().await, hold().await);
    // One of each kind, in the order of the schema.
    let decisions = json!([
        { "key": "a", "workspace": desk.id, "open": { "credits": 2, "reference": "r", "seconds": 60 } },
        { "key": "b", "hold": third, "capture": { "credits": 1 } },
        { "key": "c", "hold": fourth, "release": {} },
    ]);
    let link = app.post("/v1/portal_links", json!({ "email": "bad@example.com" })).await.expect(201);
    let link = text(&link["url"]);
    let token = link.rsplit_once('#').expect("a token is behind it").1;
    let grant = text(&desk.give(7).await["id"]);
    let (key, _) = desk.key(&["workflow:read"]).await;
    let bob = desk.member("bob@example.com", "member").await;
    let spammer = app.human("spam@example.com").await;
    desk.post("/v1/invitations", json!({ "email": "eve@example.com" })).await.expect(201);
    let link = mails.next().link();
    let invitation = link.rsplit_once("/invitations/").expect("a token is at its end").1.to_owned();
    let eve = app.human("eve@example.com").await.token;
    let cap = json!({ "credits": 50, "every": "month" });
    let workspace = format!("/v1/workspaces/{}", desk.id);
    let catalog = std::fs::read_to_string(crate::app::root().join("catalogs/canvas-tiers.toml")).expect("it is there");
    let approve = json!([{ "review": "business_verification", "reason": "papers seen" }]);
    let params = json!({ "prompt": "hills", "images": 2, "references": ["a"], "seed": 4 });
    let row = |method: Method, path: &'static str, to: &str, good: Value, status: u16| Row {
        method,
        path,
        to: to.to_owned(),
        good,
        status,
        bearer: None,
    };
    let post = |path: &'static str, to: &str, good: Value, status: u16| row(Method::POST, path, to, good, status);
    let new = json!({ "review": "business_verification", "form": { "company": "Ada & Sons" } });
    let review = text(&desk.post("/v1/reviews", new.clone()).await.expect(201)["id"]);
    let decide =
        |path: &'static str| post(path, &path.replace("{id}", &review), json!({ "reason": "papers seen" }), 200);
    vec![
        // In this order each is good.
        decide("/v1/reviews/{id}/reject"),
        decide("/v1/reviews/{id}/approve"),
        decide("/v1/reviews/{id}/revoke"),
        post("/v1/reviews", "/v1/reviews", new, 201),
        post("/v1/sign_in", "/v1/sign_in", json!({ "email": "bad@example.com" }), 202),
        post("/v1/portal_links", "/v1/portal_links", json!({ "email": "bad@example.com", "workspace": desk.id }), 201),
        post("/v1/sessions", "/v1/sessions", json!({ "token": token, "cookie": false }), 201),
        post("/v1/catalogs/check", "/v1/catalogs/check", json!({ "toml": catalog }), 200),
        post("/v1/catalogs", "/v1/catalogs", json!({ "toml": catalog }), 201),
        post("/v1/catalogs/{version}/migrate", "/v1/catalogs/1/migrate", json!({ "dry_run": true }), 200),
        post("/v1/test_clocks", "/v1/test_clocks", json!({ "name": "n", "now": "2026-03-01T00:00:00Z" }), 201),
        post(
            "/v1/test_clocks/{id}/advance",
            &format!("/v1/test_clocks/{clock}/advance"),
            json!({ "to": "2026-03-02T00:00:00Z" }),
            200,
        ),
        post(
            "/v1/workspaces",
            "/v1/workspaces",
            json!({ "name": "n", "owner": { "email": "bad@example.com" }, "external_id": "x", "mode": "test",
                    "test_clock": clock, "plan": "business", "interval": "month", "approve": approve }),
            201,
        ),
        post(
            "/v1/workspaces/check",
            "/v1/workspaces/check",
            json!({ "workspace": { "name": "n", "owner": { "email": "good@example.com" }, "external_id": "y",
                                   "mode": "test", "plan": "pro", "interval": "month", "welcome": false },
                    "grant": { "amount": 3, "unit": "credits", "reason": "r", "source": "s" } }),
            200,
        ),
        row(Method::PATCH, "/v1/workspaces/{id}", &workspace, json!({ "name": "n" }), 200),
        post(
            "/v1/workspaces/{id}/grants",
            &format!("{workspace}/grants"),
            json!({ "amount": 3, "unit": "credits", "reason": "r", "source": "s", "expires_at": "2099-01-01T00:00:00Z",
                    "models": ["upscale"] }),
            201,
        ),
        post(
            "/v1/workspaces/{id}/freeze",
            &format!("{workspace}/freeze"),
            json!({ "frozen": false, "reason": "r" }),
            200,
        ),
        post("/v1/quotes", "/v1/quotes", json!({ "model": "image-standard", "params": params }), 200),
        post(
            "/v1/runs",
            "/v1/runs",
            json!({ "model": "image-standard", "params": params, "metadata": { "board": "b" },
                    "sandbox": { "outcome": "fail", "after": 1, "delivered": { "images": 1 } } }),
            202,
        ),
        post("/v1/holds", "/v1/holds", json!({ "credits": 2, "reference": "r", "seconds": 60 }), 201),
        post("/v1/holds/batch", "/v1/holds/batch", json!({ "decisions": decisions }), 200),
        post("/v1/holds/{id}/extend", &format!("/v1/holds/{first}/extend"), json!({ "seconds": 7200 }), 200),
        post("/v1/holds/{id}/capture", &format!("/v1/holds/{second}/capture"), json!({ "credits": 1 }), 200),
        post(
            "/v1/keys",
            "/v1/keys",
            json!({ "name": "n", "capabilities": ["workflow:run"], "models": ["upscale"], "workflows": ["a"],
                    "owner": "workspace", "spend_cap": cap, "expires_at": "2099-01-01T00:00:00Z" }),
            201,
        ),
        row(
            Method::PATCH,
            "/v1/keys/{id}",
            &format!("/v1/keys/{key}"),
            json!({ "name": "n", "capabilities": ["workflow:run"], "spend_cap": cap, "reviewed": true }),
            200,
        ),
        post("/v1/keys/{id}/rotate", &format!("/v1/keys/{key}/rotate"), json!({ "grace": 60 }), 200),
        post("/v1/keys/{id}/freeze", &format!("/v1/keys/{key}/freeze"), json!({ "frozen": true, "reason": "r" }), 200),
        post("/v1/members", "/v1/members", json!({ "email": "bad@example.com", "role": "member" }), 201),
        row(
            Method::PATCH,
            "/v1/members/{id}",
            &format!("/v1/members/{}", bob.id),
            json!({ "role": "admin", "spend_cap": cap }),
            200,
        ),
        post("/v1/people/{id}/block", &format!("/v1/people/{}/block", spammer.id), json!({ "reason": "r" }), 200),
        post("/v1/invitations", "/v1/invitations", json!({ "email": "zoe@example.com", "role": "admin" }), 201),
        Row {
            bearer: Some(eve),
            ..post("/v1/invitations/accept", "/v1/invitations/accept", json!({ "token": invitation }), 200)
        },
        post("/v1/operator_keys", "/v1/operator_keys", json!({ "name": "robot", "scopes": ["read"] }), 201),
        row(
            Method::PUT,
            "/v1/switches/models/{id}",
            "/v1/switches/models/upscale",
            json!({ "off": false, "reason": "r" }),
            200,
        ),
        row(
            Method::PUT,
            "/v1/switches/providers/{id}",
            "/v1/switches/providers/sandbox",
            json!({ "off": false, "reason": "r" }),
            200,
        ),
        row(
            Method::PUT,
            "/v1/workspaces/{id}/customer",
            &format!("{workspace}/customer"),
            json!({ "customer": customer }),
            200,
        ),
        post("/v1/checkout", "/v1/checkout", json!({ "pack": "credits-1000" }), 201),
        post("/v1/billing_portal", "/v1/billing_portal", json!({ "flow": "payment_method" }), 201),
        row(
            Method::PUT,
            "/v1/billing/top_up",
            "/v1/billing/top_up",
            json!({ "pack": "credits-1000", "below": 100, "monthly_max": 5000 }),
            200,
        ),
        post("/v1/grants/{id}/void", &format!("/v1/grants/{grant}/void"), json!({ "reason": "r" }), 200),
        post(
            "/v1/workspaces/{id}/subscription",
            &format!("{workspace}/subscription"),
            json!({ "plan": "business", "interval": "month", "approve": approve }),
            200,
        ),
    ]
}

/// Follows a reference.
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

/// Values a member must not have.
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

/// A body that is wrong, and the pointer that must say where.
struct Wrong {
    body: Value,
    pointer: String,
}

/// Wrong values for every member of an object at a pointer of the good body, to any depth.
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

/// What the schema cannot say: instants, names of things, parameters of models.
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
    // Which workflows there are is nobody's business here, but each has a name.
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

/// Bodies that are not JSON, or more than one can read; the content type, and the bytes.
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

/// Everything a bad request could have changed.
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
    // One of the bodies is from a mail.
    let mails = Sink::start();
    let told = [("SCRIP_SMTP_URL", mails.url()), ("SCRIP_MAIL_FROM", "credits@example.com".to_owned())];
    let mut environment = told.map(|(name, value)| (name.to_owned(), value)).to_vec();
    let catalog = root().join("catalogs/canvas-tiers.toml");
    let stripe = Stripe::selling(&catalog);
    environment.extend(stripe.environment());
    let mut app = App::with(&catalog, temporary(), environment);
    let document = committed();
    {
        let clock = app.clock("2026-03-01T00:00:00Z").await;
        let desk = app.workspace(json!({ "test_clock": clock.id, "plan": "pro", "interval": "month" })).await;
        let mut rows = rows(&app, &desk, &clock.id, &mails, &stripe.customer().await).await;
        for (path, operations) in document["paths"].as_object().expect("paths") {
            for (method, operation) in operations.as_object().expect("operations") {
                let known = rows.iter().any(|row| row.path == path && row.method.as_str().eq_ignore_ascii_case(method));
                // A body that is a file has a story of its own.
                let takes = operation["requestBody"]["content"]["application/json"].is_object();
                assert_eq!(known, takes, "{method} {path}: its bodies are not tried");
            }
        }
        let mut tried = 0;
        let mut failures = Vec::new();
        for row in &rows {
            let before = state(&app, &desk, &clock.id).await;
            let method = row.method.as_str().to_lowercase();
            let operation = &document["paths"][row.path][&method];
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
        // The good bodies are good, or the table would prove nothing.
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
