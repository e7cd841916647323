//! Frames: the acts of the principals of one workspace do not affect any other: not a byte of the others changes, and
//! not an id of theirs is shown.
//!
//! An admin, a member and two keys throw dice: any operation, with bodies that mean something, and with the ids, keys
//! and cursors of the others wherever one can be put. Now and then a principal that the dice removed, demoted or signed
//! out is put back.

use crate::matrix::{CANVAS, from_elsewhere, serving, subscription};
use crate::operations::Operation;
use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::iter;
use reqwest::Method;
use scrip_testing::app::{Answer, App, Desk, text, unique};
use scrip_testing::dice::Dice;
use scrip_testing::people::Asker;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Number of workspaces that must not change.
const OTHERS: usize = 49;
/// Number of rounds of acts, and of acts in each.
const ROUNDS: usize = 24;
const ACTS: usize = 100;
const AT_ONCE: usize = 16;

/// Values that the dice may use, by the prefix of an identifier; the others' and the workspace's own.
type Pool = BTreeMap<&'static str, Vec<String>>;

/// Returns a workspace with a history, and adds every identifier in it to the pool.
async fn history<'a>(app: &'a App, n: usize, pool: &mut Pool) -> Desk<'a> {
    let desk = match n % 5 {
        0 => app.workspace(subscription("business")).await,
        1 => app.workspace(subscription("creator")).await,
        _ => app.free().await,
    };
    let order = json!({ "model": "image-standard" });
    let key = format!("history-{n}");
    let run = desk.call(Method::POST, "/v1/runs?wait=60").key(&key).json(&order).send().await.expect(202);
    let hold = desk.post("/v1/holds", json!({ "credits": 5, "reference": "r" })).await.expect(201);
    let quote = desk.post("/v1/quotes", order).await.expect(200);
    let runs = desk.get("/v1/runs?limit=1").await.expect(200);
    let entries = desk.get("/v1/entries?limit=1").await.expect(200);
    let grant = desk.balance().await["grants"][0]["id"].clone();
    let member =
        text(&desk.post("/v1/members", json!({ "email": format!("m{n}@example.com") })).await.expect(201)["id"]);
    let invitation = json!({ "email": format!("i{n}@example.com") });
    let invitation = desk.post("/v1/invitations", invitation).await.expect(201);
    if !n.is_multiple_of(5) {
        let new = json!({ "review": "business_verification", "form": { "company": format!("Company {n}") } });
        let review = text(&desk.post("/v1/reviews", new).await.expect(201)["id"]);
        let path = format!("/v1/reviews/{review}/files?name=papers");
        let file = desk.call(Method::POST, &path).bytes("application/pdf", format!("%PDF-{n}").into_bytes());
        pool.entry("rf").or_default().push(text(&file.send().await.expect(201)["id"]));
        pool.entry("rev").or_default().push(review);
    }
    if n.is_multiple_of(5) {
        pool.entry("key").or_default().push(desk.key(&["model:run"]).await.0);
    }
    for (kind, id) in [
        ("ws", json!(desk.id)),
        ("run", run["id"].clone()),
        ("as", run["outputs"][0]["asset"].clone()),
        ("hd", hold["id"].clone()),
        ("qt", quote["id"].clone()),
        ("gr", grant),
        ("en", entries["data"][0]["id"].clone()),
        ("inv", invitation["id"].clone()),
        ("usr", json!(member)),
        ("idempotency", json!(key)),
        ("email", json!(format!("m{n}@example.com"))),
        ("cursor", entries["next_cursor"].clone()),
        ("cursor", runs["next_cursor"].clone()),
    ] {
        pool.entry(kind).or_default().extend(id.as_str().map(str::to_owned));
    }
    desk
}

/// Returns everything of a workspace that could be different.
async fn digest(desk: &Desk<'_>) -> Value {
    let mut all = vec![desk.show().await];
    let lists = ["/v1/members", "/v1/keys", "/v1/invitations", "/v1/runs", "/v1/reviews"];
    for path in ["/v1/balance", "/v1/entries?limit=1"].into_iter().chain(lists) {
        let mut shown = desk.get(path).await.expect(200);
        for run in shown["data"].as_array_mut().into_iter().flatten() {
            for output in run["outputs"].as_array_mut().into_iter().flatten() {
                // The address of an output is made anew for each request.
                output["url"] = Value::Null;
            }
        }
        all.push(shown);
    }
    Value::Array(all)
}

/// Returns the digests of all other workspaces, and of the lists that belong to no workspace.
async fn digests(app: &App, others: &[Desk<'_>]) -> Vec<Value> {
    let mut all = join_all(others.iter().map(digest)).await;
    for path in ["/v1/catalogs", "/v1/test_clocks", "/v1/switches"] {
        all.push(app.get(path).await.expect(200));
    }
    all
}

/// The workspace of the dice, and the principals who act in it.
struct Frame<'a> {
    desk: Desk<'a>,
    owner: String,
    member: String,
    askers: Vec<Asker>,
}

impl Frame<'_> {
    /// Puts every principal back after its removal, demotion or sign-out.
    async fn mend(&mut self, pool: &mut Pool) {
        let desk = &self.desk;
        let app = desk.app;
        for (email, role) in [(&self.owner, "admin"), (&self.member, "member")] {
            let member = desk.post("/v1/members", json!({ "email": email, "role": role })).await.expect(201);
            let path = format!("/v1/members/{}", text(&member["id"]));
            let change = json!({ "role": role, "spend_cap": null });
            desk.call(Method::PATCH, &path).json(&change).send().await.expect(200);
        }
        for key in desk.get("/v1/keys").await.expect(200)["data"].as_array().expect("a list") {
            desk.call(Method::DELETE, &format!("/v1/keys/{}", text(&key["id"]))).send().await.expect(200);
        }
        for open in desk.get("/v1/invitations").await.expect(200)["data"].as_array().expect("a list") {
            desk.call(Method::DELETE, &format!("/v1/invitations/{}", text(&open["id"]))).send().await.expect(200);
        }
        let (ada, bob) = (app.human(&self.owner).await, app.human(&self.member).await);
        let (id, full) = desk.key(&["workflow:run", "workflow:read", "workflow:write", "model:run"]).await;
        let (other, reads) = desk.key(&["workflow:read"]).await;
        let run = desk.run(json!({ "model": "image-standard" })).await.expect(202);
        pool.clear();
        for (kind, ids) in [
            ("ws", vec![desk.id.clone()]),
            ("key", vec![id, other]),
            ("usr", vec![ada.id, bob.id]),
            ("run", vec![text(&run["id"])]),
            ("email", vec![self.owner.clone(), self.member.clone()]),
            ("idempotency", vec!["mine".to_owned()]),
        ] {
            pool.insert(kind, ids);
        }
        // An admin can do the most.
        self.askers =
            [&ada.token, &ada.token, &ada.token, &bob.token, &full, &reads].map(|token| Asker::with(token)).into();
    }
}

/// Dice with the values that they choose from.
struct Choices<'p> {
    dice: Dice,
    own: &'p Pool,
    others: &'p Pool,
}

impl Choices<'_> {
    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.dice.below(of.len())].clone()
    }

    /// Returns `true` in `of_hundred` of a hundred cases.
    fn often(&mut self, of_hundred: usize) -> bool {
        self.dice.below(100) < of_hundred
    }

    /// Returns an identifier of a kind: two of three are the others'.
    fn name(&mut self, kind: &str) -> String {
        let own = self.own.get(kind).filter(|known| !known.is_empty());
        let others = self.others.get(kind).filter(|known| !known.is_empty());
        match (own, others) {
            (Some(own), Some(others)) => {
                if self.often(33) {
                    self.one(own)
                } else {
                    self.one(others)
                }
            }
            (Some(known), None) | (None, Some(known)) => self.one(known),
            (None, None) => format!("{kind}_0000000000001"),
        }
    }

    /// Returns a body that means something: the good one of the operation, unless the dice have something worse.
    fn body(&mut self, operation: &Operation) -> Option<Value> {
        let model = self.one(&["image-standard", "upscale", "image-pro"]);
        let mut order = json!({ "model": model });
        if self.often(30) {
            order["quote"] = json!(self.name("qt"));
        }
        // A stored quote would be shown again, and rightly.
        if operation.path == "/v1/quotes" && self.often(50) {
            order["params"] = json!({ "prompt": self.name("run"), "references": [self.name("as")] });
        }
        Some(match (operation.method.as_str(), operation.path) {
            ("POST", "/v1/keys") => {
                let preset = self.one(&["full", "read-only"]);
                json!({ "name": "Mine", "preset": preset, "owner": self.one(&["me", "workspace"]) })
            }
            ("PATCH", "/v1/keys/{key}") => json!({ "name": "Mine now", "spend_cap": { "credits": 1 } }),
            ("POST", "/v1/keys/{key}/freeze") => json!({ "frozen": self.often(50), "reason": "because" }),
            ("POST", "/v1/quotes" | "/v1/runs") => order,
            ("POST", "/v1/workspaces") => json!({ "name": "Mine" }),
            _ => return operation.good(&mut |name| self.value(name)).map(|(_, body)| body),
        })
    }

    /// Returns a value for a name in a good body.
    fn value(&mut self, name: &str) -> String {
        match name {
            "email" | "another email" if self.often(50) => self.name("email"),
            "email" | "another email" => format!("f{}@example.com", unique()),
            "role" => self.one(&["member", "admin"]).to_owned(),
            "catalog" => "name = \"canvas-tiers\"".to_owned(),
            "invitation" => format!("{}.{:032x}", self.name("ws"), 7),
            "link" => format!("st_{:036}", 7),
            kind => self.name(kind),
        }
    }

    /// Returns an act of one of the principals.
    fn act(&mut self, operations: &[Operation], askers: &[Asker]) -> Act {
        let mut operation = &operations[self.dice.below(operations.len())];
        while operation.method == Method::DELETE && operation.path.starts_with("/v1/session") && !self.often(5) {
            // Otherwise most of a round would run without a session.
            operation = &operations[self.dice.below(operations.len())];
        }
        let (method, path) = (operation.method.clone(), operation.path);
        let body = self.body(operation);
        let mut to = path.to_owned();
        if let Some((before, rest)) = path.split_once('{') {
            let (kind, after) = rest.split_once('}').expect("it ends");
            to = format!("{before}{}{after}", self.name(kind));
        } else if method == Method::GET && self.often(40) {
            let (limit, cursor) = (1 + self.dice.below(100), self.name("cursor"));
            to = self.one(&[format!("{path}?limit={limit}&cursor={cursor}"), format!("{path}?cursor={cursor}")]);
        }
        let workspace = match self.dice.below(10) {
            0 => None,
            1 | 2 => Some(self.name("ws")),
            _ => self.own.get("ws").and_then(|own| own.first()).cloned(),
        };
        let asker = Asker { workspace, ..self.one(askers) };
        let key = match self.dice.below(4) {
            _ if method == Method::GET => None,
            0 => Some(self.name("idempotency")),
            1 => None,
            _ => Some(format!("act-{}", unique())),
        };
        Act { method, to, body, asker, key }
    }
}

/// A request that the dice made.
#[derive(Debug)]
struct Act {
    method: Method,
    to: String,
    body: Option<Value>,
    asker: Asker,
    key: Option<String>,
}

impl Act {
    async fn send(&self, app: &App) -> Answer {
        let mut call = from_elsewhere(self.asker.call(app, self.method.clone(), &self.to));
        if let Some(key) = &self.key {
            call = call.key(key);
        }
        if let Some(body) = &self.body {
            call = call.json(body);
        }
        call.send().await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_acts_in_one_workspace_are_nothing_to_forty_nine_others() {
    let mut app = serving(&CANVAS);
    {
        let mut theirs = Pool::new();
        let mut others = Vec::new();
        for n in 0..OTHERS {
            others.push(history(&app, n, &mut theirs).await);
        }
        let clock = app.clock("2026-03-01T00:00:00Z").await;
        theirs.insert("tc", vec![clock.id.clone()]);
        theirs.insert("opk", ["opk_0000000000000000".to_owned()].into());
        theirs.insert("switch", ["image-standard", "sandbox"].map(str::to_owned).into());
        let desk = app.workspace(subscription("enterprise")).await;
        let owner = text(&desk.show().await["owner_email"]);
        let mut frame = Frame { desk, owner, member: "bob@example.com".to_owned(), askers: Vec::new() };
        let before = digests(&app, &others).await;
        let operations = crate::operations::all("");
        let hidden: Vec<&str> = others.iter().map(|other| &other.id[3..]).collect();
        let mut own = Pool::new();
        let mut dice = Dice::new(0x5c71_9f2a_e50f_f4a3);
        let mut told: BTreeMap<u16, usize> = BTreeMap::new();
        for round in 0..ROUNDS {
            frame.mend(&mut own).await;
            let mut choices = Choices { dice, own: &own, others: &theirs };
            let acts: Vec<Act> = (0..ACTS).map(|_| choices.act(&operations, &frame.askers)).collect();
            dice = choices.dice;
            let sent = iter(acts).map(async |act| (act.send(&app).await, act)).buffer_unordered(AT_ONCE);
            for (answer, act) in sent.collect::<Vec<_>>().await {
                let body = String::from_utf8_lossy(&answer.bytes).into_owned();
                assert!(answer.status < 500, "round {round}, {act:?}: {} {body}", answer.status);
                // A value that the caller sent may be echoed to the caller, if nothing else is shown.
                let echoes = answer.status >= 400 || act.to == "/v1/quotes";
                let said = if echoes { format!("{act:?}") } else { String::new() };
                let leaked = hidden.iter().find(|id| body.contains(**id) && !said.contains(**id));
                assert!(leaked.is_none(), "round {round}, {act:?}: {body}");
                *told.entry(answer.status).or_default() += 1;
            }
        }
        println!("{} acts: {told:?}", ROUNDS * ACTS);
        let done: usize = told.range(200..300).map(|(_, count)| count).sum();
        assert!(done > 300 && told[&404] > 300, "the dice do nothing, or nothing wrong: {told:?}");
        let after = digests(&app, &others).await;
        for (n, (before, after)) in before.iter().zip(&after).enumerate() {
            assert_eq!(before, after, "workspace {n} is not as it was");
        }
    }
    app.verify();
}
