//! Matrix of rights: every operation of the committed document, as every kind of caller, on every plan.
//!
//! The table of operations has the need of each, another one the rights of each caller; the expected answer follows
//! from the two by a few rules that are written here anew, not taken from the server. A caller who is let through may
//! still be answered that the id does not exist or that the body makes no sense: requests are made so that they change
//! nothing, since callers share a workspace. Ids have the number 4000000, which does not exist; bodies can be read and
//! ask for something impossible; only sessions are ended, when everything else was asked.
//!
//! Each request comes from an address of its own by way of a trusted proxy, and the catalogs limit no requests: limits
//! are the matter of another table.

use crate::operations::{Need, Operation, all};
use futures_util::StreamExt;
use futures_util::stream::iter;
use reqwest::Method;
use scrip_testing::app::{Answer, App, Call, Desk, root, temporary, text, unique};
use scrip_testing::people::{Asker, Human};
use serde_json::{Value, json};

/// Cases that are known to be answered otherwise than the tables say. The list may only shrink.
const GAPS: &[&str] = &[];
/// Number of an id that does not exist.
const NOWHERE: &str = "4000000";
/// Number of requests on their way at once.
const AT_ONCE: usize = 48;

impl Operation {
    /// Returns `true` if the operation ends the caller's session.
    fn ends_sessions(&self) -> bool {
        self.method == Method::DELETE && self.path.starts_with("/v1/session")
    }

    /// Returns an id of a workspace that does not exist in it; of kinds outside workspaces, one that does not exist at
    /// all.
    fn nowhere(&self, workspace: &str) -> String {
        match self.kind() {
            Some("ws") => workspace.to_owned(),
            Some(kind @ ("usr" | "tc")) => format!("{kind}_0000000000001"),
            Some("switch") => "nothing".to_owned(),
            Some("opk") => "opk_0000000000000000".to_owned(),
            Some("version") => NOWHERE.to_owned(),
            Some("rf") => format!("rf_{}_{NOWHERE}_1", &workspace[3..]),
            Some(kind) => format!("{kind}_{}_{NOWHERE}", &workspace[3..]),
            None => String::new(),
        }
    }

    /// Returns the request of the operation, as a caller.
    fn ask<'a>(&self, app: &'a App, asker: &Asker, id: &str) -> Call<'a> {
        let call = from_elsewhere(asker.call(app, self.method.clone(), &self.to(id)));
        let call = if self.method == Method::POST { call.once() } else { call };
        if self.idle.is_null() { call } else { call.json(&self.idle) }
    }
}

/// Adds an address to a request that no other request has.
pub fn from_elsewhere(call: Call<'_>) -> Call<'_> {
    let [.., high, middle, low] = unique().to_be_bytes();
    call.header("X-Forwarded-For", &format!("10.{high}.{middle}.{low}"))
}

/// Relation of a caller to the workspace of the request.
#[derive(Clone, Copy, Debug)]
enum Standing {
    /// Without a session or key that is known.
    Unknown,
    Operator,
    /// A person or a key of another workspace.
    Stranger {
        person: bool,
    },
    Member,
    Admin,
    /// A key with these capabilities; of a member, or of the workspace.
    Key {
        given: &'static [&'static str],
        of_member: bool,
    },
    /// A key that was frozen.
    FrozenKey,
}

/// Rights that a plan has, as far as they decide who may ask.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    name: &'static str,
    /// `true` if keys can run and read workflows.
    flows: bool,
    /// `true` if keys can run models.
    models: bool,
    /// `true` if more than one member has a place.
    team: bool,
}

const fn plan(name: &'static str, flows: bool, models: bool, team: bool) -> Plan {
    Plan { name, flows, models, team }
}

/// A catalog, its highest plan, a model of all plans, and all plans.
pub struct Product {
    pub catalog: &'static str,
    top: &'static str,
    model: &'static str,
    plans: &'static [Plan],
}

pub const CANVAS: Product = Product {
    catalog: "canvas-tiers",
    top: "business",
    model: "image-standard",
    plans: &[
        plan("free", false, false, true),
        plan("creator", false, false, true),
        plan("pro", true, false, true),
        plan("business", true, true, true),
        plan("enterprise", true, true, true),
    ],
};

const BUCKETS: Product = Product {
    catalog: "two-buckets",
    top: "pro",
    model: "image",
    plans: &[plan("free", false, false, false), plan("starter", true, true, false), plan("pro", true, true, true)],
};

/// Expected answer: let through, or refused with a status and a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Consequences {
    Through,
    No(u16, &'static str),
}

const UNKNOWN: Consequences = Consequences::No(401, "UNAUTHENTICATED");
const REQUIRED: Consequences = Consequences::No(403, "CAPABILITY_REQUIRED");
const SUSPENDED: Consequences = Consequences::No(403, "CAPABILITY_SUSPENDED");
const FOREIGN: Consequences = Consequences::No(404, "NOT_FOUND");

/// Returns the expected answer to a need, for a caller on a plan.
fn expected_answer(need: Need, standing: Standing, plan: Plan) -> Consequences {
    use Standing::{Admin, FrozenKey, Key, Member, Operator, Stranger, Unknown};
    match (need, standing) {
        (Need::Public, _) => Consequences::Through,
        (_, Unknown) | (Need::Session, Operator | Key { .. } | FrozenKey | Stranger { person: false }) => UNKNOWN,
        (_, Operator) | (Need::Session | Need::Person, Member | Admin | Stranger { person: true }) => {
            Consequences::Through
        }
        (_, Stranger { .. }) => FOREIGN,
        (_, FrozenKey) => SUSPENDED,
        (_, Key { given, of_member }) => of_key(need, given, of_member, plan),
        (_, Member) if !plan.team => SUSPENDED,
        (Need::Own | Need::Admin, Member) | (Need::Operator, Member | Admin) => REQUIRED,
        (_, Member | Admin) => Consequences::Through,
    }
}

/// Returns the expected answer to a key: it needs a capability that suffices, and the plan must reach it now.
fn of_key(need: Need, given: &[&str], of_member: bool, plan: Plan) -> Consequences {
    let is_model = |word: &str| word.starts_with("model:");
    let is_enough = |word: &str| match need {
        Need::Look => true,
        Need::ReadRuns => is_model(word) || word == "workflow:read",
        Need::Run => is_model(word),
        _ => false,
    };
    let enough: Vec<&&str> = given.iter().filter(|word| is_enough(word)).collect();
    let reached = |word: &&&str| if is_model(word) || **word == "agent:invoke" { plan.models } else { plan.flows };
    match (enough.is_empty(), enough.iter().any(reached) && (plan.team || !of_member)) {
        (true, _) => REQUIRED,
        (false, true) => Consequences::Through,
        (false, false) => SUSPENDED,
    }
}

/// Caller of the matrix, with a token.
struct Caller {
    name: &'static str,
    standing: Standing,
    asker: Asker,
    /// Workspace whose ids the caller asks for.
    about: String,
}

const READ: &[&str] = &["workflow:read"];
const MODELS: &[&str] = &["model:run"];
const FLOWS: &[&str] = &["workflow:run"];
const FULL: &[&str] =
    &["workflow:run", "workflow:read", "workflow:write", "webhook:receive", "model:run", "agent:invoke"];

/// A workspace with every kind of caller.
struct Scene<'a> {
    plan: Plan,
    desk: Desk<'a>,
    frozen: Desk<'a>,
    callers: Vec<Caller>,
    /// Bodies of the links that sign people in again, to end their sessions.
    links: Vec<Value>,
}

/// Starts a server that trusts the proxy of the requests, and limits no requests.
pub fn serving(product: &Product) -> App {
    let directory = temporary();
    let shipped = std::fs::read_to_string(root().join(format!("catalogs/{}.toml", product.catalog)));
    let lines = shipped.expect("it is there");
    let lines: Vec<&str> = lines.lines().filter(|line| !line.starts_with("requests_per_minute")).collect();
    let catalog = directory.join("catalog.toml");
    std::fs::write(&catalog, lines.join("\n")).expect("it can be written");
    let environment = vec![("SCRIP_TRUSTED_PROXIES".to_owned(), "127.0.0.0/8".to_owned())];
    App::with(&catalog, directory, environment)
}

pub fn subscription(plan: &str) -> Value {
    let mut body = json!({ "plan": plan, "interval": "month" });
    match plan {
        "business" => body["approve"] = json!([{ "review": "business_verification", "reason": "known" }]),
        "enterprise" => body["allowance"] = json!(20_000),
        _ => {}
    }
    body
}

/// Opens a workspace on the highest plan.
async fn on_top<'a>(app: &'a App, product: &Product, more: Value) -> Desk<'a> {
    let mut body = subscription(product.top);
    for (name, value) in more.as_object().expect("an object") {
        body[name] = value.clone();
    }
    app.workspace(body).await
}

/// Returns a well-formed key that does not exist.
pub fn well_formed() -> String {
    checksummed_key(&format!("scrip_wk_test_{:030}", unique()))
}

/// Returns a key of a prefix and thirty letters, with its checksum.
pub fn checksummed_key(body: &str) -> String {
    const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut rest = crc32fast::hash(body.as_bytes());
    let mut digits = [0; 6];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[(rest % 62) as usize];
        rest /= 62;
    }
    format!("{body}{}", String::from_utf8_lossy(&digits))
}

/// Returns the same key with another letter in its middle.
pub fn mistype(key: &str) -> String {
    let mut wrong = key.to_owned();
    wrong.replace_range(20..21, if &key[20..21] == "a" { "b" } else { "a" });
    wrong
}

impl<'a> Scene<'a> {
    /// Opens a workspace with every caller, while the plan is the highest; `other` is the workspace of those who do not
    /// belong.
    async fn set(app: &'a App, product: &Product, plan: Plan, clock: &str, other: &Desk<'a>) -> Scene<'a> {
        let desk = on_top(app, product, json!({ "test_clock": clock })).await;
        let ada = desk.owner().await;
        let owner = json!({ "email": ada.email });
        let frozen = on_top(app, product, json!({ "test_clock": clock, "owner": owner })).await;
        let n = unique();
        let bob = desk.member(&format!("bob{n}@example.com"), "member").await;
        let eve = desk.member(&format!("eve{n}@example.com"), "member").await;
        let sue = app.human(&format!("sue{n}@example.com")).await;
        let bound = json!({ "email": ada.email, "workspace": other.id });
        let bound_ada = app.human_of(bound.clone()).await;
        let mut scene = Scene { plan, desk, frozen, callers: Vec::new(), links: Vec::new() };
        scene.is("nobody", Standing::Unknown, Asker::default());
        scene.is("garbage", Standing::Unknown, Asker::with("garbage"));
        scene.is("garbage of a session", Standing::Unknown, Asker::with("ps_0"));
        scene.is("an unknown key", Standing::Unknown, Asker::with(&well_formed()));
        scene.is("the operator", Standing::Operator, Asker::with(&app.key));
        scene.is("the operator's key mistyped", Standing::Unknown, Asker::with(&mistype(&app.key)));
        scene.is("a stranger", Standing::Stranger { person: true }, Asker::with(&sue.token));
        scene.is("a member", Standing::Member, Asker::with(&bob.token));
        scene.is("an admin", Standing::Admin, Asker::with(&ada.token));
        scene.is("a removed member", Standing::Stranger { person: true }, Asker::with(&eve.token));
        scene.is("an admin with a session of elsewhere", Standing::Stranger { person: true }, {
            Asker::with(&bound_ada.token)
        });
        let at = scene.frozen.id.clone();
        let asker = Asker::with(&ada.token).about(&at);
        scene.callers.push(Caller { name: "an admin, frozen", standing: Standing::Admin, asker, about: at });
        for human in [&sue, &bob, &ada, &eve] {
            scene.links.push(json!({ "email": human.email }));
        }
        scene.links.push(bound);
        scene.keys(app, product, other, &bob, &eve).await;
        scene
    }

    fn is(&mut self, name: &'static str, standing: Standing, asker: Asker) {
        let about = self.desk.id.clone();
        self.callers.push(Caller { name, standing, asker: asker.about(&about), about });
    }

    async fn keys(&mut self, app: &App, product: &Product, other: &Desk<'a>, bob: &Human, eve: &Human) {
        let key = |given| Standing::Key { given, of_member: false };
        for (name, given) in
            [("a key that reads", READ), ("a key for models", MODELS), ("a key for flows", FLOWS), ("a full key", FULL)]
        {
            let (_, secret) = self.desk.key(given).await;
            self.is(name, key(given), Asker::with(&secret));
        }
        let one = format!("model:{}:run", product.model);
        let (_, secret) = self.desk.key(&[&one]).await;
        self.is("a key for one model", key(&["model:x:run"]), Asker::with(&secret));
        self.is("a key mistyped", Standing::Unknown, Asker::with(&mistype(&secret)));

        let new = json!({ "name": "Short", "capabilities": FULL, "expires_at": "2026-01-20T00:00:00Z" });
        let expired = text(&self.desk.post("/v1/keys", new).await.expect(201)["secret"]);
        let (id, revoked) = self.desk.key(FULL).await;
        self.desk.call(Method::DELETE, &format!("/v1/keys/{id}")).send().await.expect(200);
        let (id, rotated) = self.desk.key(FULL).await;
        let new = self.desk.post(&format!("/v1/keys/{id}/rotate"), json!({ "grace": 0 })).await.expect(200);
        let (id, frozen) = self.desk.key(FULL).await;
        let reason = json!({ "frozen": true, "reason": "seen elsewhere" });
        self.desk.post(&format!("/v1/keys/{id}/freeze"), reason).await.expect(200);
        let given = &["model:run", "workflow:read"][..];
        let mut owned = Vec::new();
        for human in [bob, eve] {
            let new = json!({ "name": "Mine", "capabilities": given, "owner": "me" });
            let made = human.at(&self.desk.id).post(app, "/v1/keys", new).await.expect(201);
            owned.push(Asker::with(&text(&made["secret"])));
        }
        self.desk.call(Method::DELETE, &format!("/v1/members/{}", eve.id)).send().await.expect(200);
        for (name, secret) in [("an expired key", expired), ("a revoked key", revoked), ("a key rotated away", rotated)]
        {
            self.is(name, Standing::Unknown, Asker::with(&secret));
        }
        self.is("the key it was rotated to", key(FULL), Asker::with(&text(&new["secret"])));
        self.is("a frozen key", Standing::FrozenKey, Asker::with(&frozen));
        self.is("a removed member's key", Standing::Unknown, owned.remove(1));
        self.is("a member's key", Standing::Key { given, of_member: true }, owned.remove(0));
        let (_, elsewhere) = other.key(FULL).await;
        self.is("a key of elsewhere", Standing::Stranger { person: false }, Asker::with(&elsewhere));
    }

    /// Puts both workspaces on the plan, from their period's end at the latest.
    async fn change(&self, product: &Product) {
        for desk in [&self.desk, &self.frozen] {
            let path = format!("/v1/workspaces/{}/subscription", desk.id);
            if self.plan.name == "free" {
                desk.call(Method::DELETE, &path).send().await.expect(200);
            } else if self.plan.name != product.top {
                desk.post(&path, subscription(self.plan.name)).await.expect(200);
            }
        }
    }

    /// Checks that the workspace is on the plan, and freezes what is to be frozen.
    async fn ready(&self) {
        for desk in [&self.desk, &self.frozen] {
            assert_eq!(desk.show().await["plan"], self.plan.name);
        }
        let path = format!("/v1/workspaces/{}/freeze", self.frozen.id);
        self.frozen.post(&path, json!({ "frozen": true, "reason": "unpaid" })).await.expect(200);
    }

    fn caller(&self, name: &str) -> &Caller {
        self.callers.iter().find(|caller| caller.name == name).expect("they are there")
    }
}

/// Returns the fault of an answer, if it has one.
fn wrong(answer: &Answer, expected: Consequences) -> Option<String> {
    let code = if answer.status >= 400 {
        answer.json()["code"].as_str().unwrap_or_default().to_owned()
    } else {
        String::new()
    };
    let denied =
        answer.status == 401 || code.starts_with("CAPABILITY") || code == "RATE_LIMITED" || answer.status >= 500;
    let right = match expected {
        Consequences::Through => !denied,
        Consequences::No(status, expected) => answer.status == status && code == expected,
    };
    (!right).then(|| format!("{} {code} and not {expected:?}", answer.status))
}

/// Makes every request as every caller; returns the number of cases, and those with a wrong answer.
async fn walk(app: &App, rows: &[Operation], scenes: &[Scene<'_>]) -> (usize, Vec<String>) {
    let mut cases = Vec::new();
    for scene in scenes {
        for caller in &scene.callers {
            let signed_in = expected_answer(Need::Session, caller.standing, scene.plan) == Consequences::Through;
            let rows = rows.iter().filter(|row| !(signed_in && row.ends_sessions()));
            cases.extend(rows.map(|row| (scene.plan, caller, row)));
        }
    }
    let count = cases.len();
    let asked = cases.into_iter().map(async |(plan, caller, row): (Plan, &Caller, &Operation)| {
        let answer = row.ask(app, &caller.asker, &row.nowhere(&caller.about)).send().await;
        let wrong = wrong(&answer, expected_answer(row.need, caller.standing, plan))?;
        Some(format!("{} on {}: {}: {wrong}", caller.name, plan.name, row.name()))
    });
    let failures: Vec<String> = iter(asked).buffer_unordered(AT_ONCE).filter_map(async |told| told).collect().await;
    (count, failures)
}

/// Ends the sessions of all who have one; afterwards their tokens are unknown.
async fn leave(app: &App, rows: &[Operation], scene: &Scene<'_>) -> (usize, Vec<String>) {
    let (mut count, mut failures) = (0, Vec::new());
    for link in &scene.links {
        for row in rows.iter().filter(|row| row.ends_sessions()) {
            let human = app.human_of(link.clone()).await;
            let asker = Asker::with(&human.token);
            for (nth, told) in [Consequences::Through, UNKNOWN].into_iter().enumerate() {
                let answer = row.ask(app, &asker, "").send().await;
                let wrong = wrong(&answer, told);
                failures.extend(wrong.map(|wrong| format!("{link}, time {nth}: {}: {wrong}", row.name())));
                count += 1;
            }
        }
    }
    (count, failures)
}

/// Another person's workspace, with one of everything that has an id.
struct Elsewhere<'a> {
    desk: Desk<'a>,
    ids: Value,
}

/// Revokes the approval that the workspace has without an application, and approves an application with a file; returns
/// the ids of the application and of the file.
async fn review(desk: &Desk<'_>) -> (Value, Value) {
    let reason = json!({ "reason": "r" });
    let unasked = desk.get("/v1/reviews").await.expect(200)["data"][0]["id"].clone();
    desk.post(&format!("/v1/reviews/{}/revoke", text(&unasked)), reason.clone()).await.expect(200);
    let review = desk.post("/v1/reviews", json!({ "review": "business_verification" })).await.expect(201)["id"].clone();
    let path = format!("/v1/reviews/{}/files?name=papers", text(&review));
    let file = desk.call(Method::POST, &path).bytes("application/pdf", b"%PDF-1.7".to_vec()).send().await.expect(201);
    desk.post(&format!("/v1/reviews/{}/approve", text(&review)), reason).await.expect(200);
    (review, file["id"].clone())
}

impl<'a> Elsewhere<'a> {
    async fn set(app: &'a App, product: &Product) -> Elsewhere<'a> {
        let desk = on_top(app, product, json!({})).await;
        let run = desk.run_to_end(json!({ "model": product.model })).await;
        let hold = desk.post("/v1/holds", json!({ "credits": 5, "reference": "r" })).await.expect(201);
        let max = desk.member(&format!("max{}@example.com", unique()), "member").await;
        let (key, _) = desk.key(MODELS).await;
        let email = format!("zoe{}@example.com", unique());
        let invitation = desk.post("/v1/invitations", json!({ "email": email })).await.expect(201);
        let (review, file) = match product.top {
            "business" => review(&desk).await,
            // No plan of this catalog requires a review, so none can be found.
            _ => (json!(format!("rev_{}_1", &desk.id[3..])), json!(format!("rf_{}_1_1", &desk.id[3..]))),
        };
        let ids = json!({
            "rev": review, "rf": file, "ws": desk.id, "run": run["id"], "as": run["outputs"][0]["asset"], "hd": hold["id"],
            "gr": desk.balance().await["grants"][0]["id"], "en": desk.entries().await[0]["id"],
            "usr": max.id, "key": key, "inv": invitation["id"],
        });
        Elsewhere { desk, ids }
    }

    /// Returns everything that a foreign caller could have changed.
    async fn digest(&self) -> Value {
        let mut all = Vec::new();
        for path in ["/v1/balance", "/v1/entries?limit=1", "/v1/members", "/v1/keys", "/v1/invitations", "/v1/reviews"]
        {
            all.push(self.desk.get(path).await.expect(200));
        }
        all.push(self.desk.show().await);
        Value::Array(all)
    }
}

/// Returns an answer without the id of its request.
fn bare(answer: &Answer) -> (u16, Value) {
    let mut body = if answer.bytes.is_empty() { Value::Null } else { answer.json() };
    if body["request_id"].is_string() {
        body["request_id"] = Value::Null;
    }
    (answer.status, body)
}

/// Asks for another workspace's objects: the answer is, letter by letter, that for objects that do not exist.
async fn look_elsewhere(
    app: &App,
    rows: &[Operation],
    scene: &Scene<'_>,
    there: &Elsewhere<'_>,
) -> (usize, Vec<String>) {
    let before = there.digest().await;
    let (mut count, mut failures) = (0, Vec::new());
    for name in ["the operator", "an admin", "a member", "a full key", "a key that reads", "a stranger"] {
        let caller = scene.caller(name);
        let operates = matches!(caller.standing, Standing::Operator);
        for row in rows {
            // People belong to no workspace: the operator finds each of them.
            let is_of_nobody =
                |kind: &&str| ["tc", "switch", "version", "opk"].contains(kind) || row.path.starts_with("/v1/people/");
            let Some(kind) = row.kind().filter(|kind| !is_of_nobody(kind)) else { continue };
            let silent = Asker { workspace: None, ..caller.asker.clone() };
            // An operator who names no workspace may act everywhere.
            let askers = if operates { vec![&caller.asker] } else { vec![&caller.asker, &silent] };
            for asker in askers {
                let theirs = bare(&row.ask(app, asker, &text(&there.ids[kind])).send().await);
                let mut nowhere = vec![row.nowhere(&there.desk.id), row.nowhere("ws_0000000000000")];
                let judged_by_whose = row.need == Need::Own && matches!(caller.standing, Standing::Member);
                if asker.workspace.is_some() && kind != "ws" && !judged_by_whose {
                    nowhere.push(row.nowhere(&scene.desk.id));
                }
                for id in nowhere {
                    let missing = bare(&row.ask(app, asker, &id).send().await);
                    count += 1;
                    if missing != theirs || theirs.0 < 400 {
                        let header = asker.workspace.is_some();
                        failures
                            .push(format!("{name}, header {header}: {}: {theirs:?}, {id}: {missing:?}", row.name()));
                    }
                }
            }
        }
    }
    assert_eq!(there.digest().await, before, "a caller changed another workspace");
    (count, failures)
}

async fn story(product: &Product) {
    let mut app = serving(product);
    let rows = all(product.model);
    {
        let clock = app.clock("2026-01-10T00:00:00Z").await;
        let there = Elsewhere::set(&app, product).await;
        let mut scenes = Vec::new();
        for plan in product.plans {
            let scene = Scene::set(&app, product, *plan, &clock.id, &there.desk).await;
            scene.change(product).await;
            scenes.push(scene);
        }
        clock.advance("2026-02-11T00:00:00Z").await;
        for scene in &scenes {
            scene.ready().await;
        }
        let (asked, mut failures) = walk(&app, &rows, &scenes).await;
        let mut foreign = 0;
        for scene in &scenes {
            let (count, wrong) = look_elsewhere(&app, &rows, scene, &there).await;
            foreign += count;
            failures.extend(wrong);
        }
        let mut left = 0;
        for scene in &scenes {
            let (count, wrong) = leave(&app, &rows, scene).await;
            left += count;
            failures.extend(wrong);
        }
        println!("{}: {asked} cases, {foreign} foreign ids, {left} ends of sessions", product.catalog);
        failures.sort();
        assert_eq!(failures, GAPS, "{} of {asked}:\n{}", failures.len(), failures.join("\n"));
        assert!(asked >= 2_000, "only {asked} cases");
    }
    app.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_is_let_through_to_what_is_theirs_on_every_plan_of_one_catalog() {
    story(&CANVAS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_is_let_through_to_what_is_theirs_on_every_plan_of_another() {
    story(&BUCKETS).await;
}

#[test]
fn no_gap_is_left_open() {
    assert_eq!(GAPS.len(), 0, "the list may only shrink");
}
