//! A small story with a row in every table.

use crate::alerts::{self, Alert};
use crate::billing::customers;
use crate::email::Email;
use crate::ledger::idempotency;
use crate::mail::Mail;
use crate::sign_in::{self, Lifetimes, Redeemed};
use crate::store::{Allowance, Claim, Statement, Store, Submission, Use, Value, queries};
use crate::{acts, blocks, outbox, shipped};
use scrip_engine::billing::command::BillingCommand;
use scrip_engine::team::Tenancy;
use scrip_engine::{Amount, Ask, By, Command, Mode, Name, Params, Profile, Timestamp, WorkspaceId, parse_catalog};

/// Entries that a workspace has when it is snapshotted, and some more.
const ENTRIES: usize = 70;

pub fn submission(workspace: WorkspaceId, n: usize, command: Command) -> Submission {
    Submission {
        workspace,
        command,
        by: By::Operator,
        request: None,
        actor: "test".to_owned(),
        idempotency: Some(idempotency(workspace, &format!("key {n}"), &[b"request"])),
        claims: Vec::new(),
        mails: Vec::new(),
        rows: Vec::new(),
        allowance: Default::default(),
        wants_workspace: false,
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

pub async fn submit(store: &Store, submission: Submission) {
    store.submit(submission).await.unwrap_or_else(|error| panic!("{error:?}"));
}

/// Tells the story: two workspaces with runs, holds, a review, a customer and a purchase; somebody who signed in; an
/// operator who did this and that.
pub async fn tell(store: &Store) {
    for actor in ["first", "second"] {
        let catalog = format!("{}# {actor}\n", shipped::named("canvas-tiers").expect("it is shipped"));
        let parsed = parse_catalog(&catalog).expect("it is good");
        store.publish(catalog, parsed, actor.to_owned()).await.expect("a version");
    }
    let now = store.now(None).await.expect("it answers");
    for clock in [7, 8] {
        store.set_clock(clock, Some(format!("clock {clock}")), now).await.expect("a clock");
    }
    for id in [1, 2] {
        workspace(store, WorkspaceId::new(id)).await;
    }
    people(store, now).await;
    operator(store, now).await;
    selling(store, now).await;
    store.projected().await.expect("they follow");
}

async fn workspace(store: &Store, id: WorkspaceId) {
    let external_id = Some(format!("ext {id}"));
    let profile = Profile { name: "Studio".to_owned(), owner: format!("{id}@example.com"), external_id };
    let open = Command::OpenWorkspace {
        mode: Mode::Test,
        test_clock: None,
        profile,
        lifetime_allowed: true,
        choice: None,
        tenancy: Tenancy::Team,
        owner: None,
    };
    let claim = |scope: &'static str, what: &str| Claim { scope: scope.into(), what: format!("{what} {id}") };
    let claims = vec![claim("person", "hash"), claim("external_id", "ext"), claim("key", "hash")];
    submit(store, Submission { claims, ..submission(id, 0, open) }).await;
    let run = || Command::CreateRun {
        model: Name::from("image-standard"),
        params: Params::from([(Name::from("prompt"), scrip_engine::Value::Text("a lighthouse".to_owned()))]),
        quote: None,
        sandbox: None,
        metadata: Default::default(),
        off: None,
        served: true,
    };
    let hold = || Command::OpenHold {
        ask: Ask::Credits(Amount::new(1).expect("an amount")),
        reference: "r".to_owned(),
        seconds: None,
        off: None,
        behalf: None,
    };
    // One run waits, one was cancelled; one hold is open, many were captured.
    for (n, command) in [run(), run(), Command::CancelRun { run: 2 }, hold()].into_iter().enumerate() {
        submit(store, submission(id, 1 + n, command)).await;
    }
    let mut n = 5;
    for captured in 0.. {
        if n >= ENTRIES {
            break;
        }
        let hold_number = 4 + captured;
        submit(store, submission(id, n, hold())).await;
        submit(store, submission(id, n + 1, Command::CaptureHold { hold: hold_number, amount: None })).await;
        n += 2;
    }
    let review = Name::from("business_verification");
    let now = store.now(None).await.expect("it answers");
    let values = vec![id.into(), text("business_verification"), 1.into(), text("{\"name\":\"Studio\"}"), text("test")];
    let values: Vec<Value> = values.into_iter().chain([now.micros().into()]).collect();
    let sealed = Some(("reviews", values.clone()));
    let rows = vec![Statement { sql: queries::NEW_REVIEW, values, sealed }];
    let ask = Command::Billing(BillingCommand::RequestReview { review: review.clone(), application: 1 });
    submit(store, Submission { rows, ..submission(id, 1_000, ask) }).await;
    let reason = "it is one".to_owned();
    submit(store, submission(id, 1_001, Command::ApproveReview { review, reason })).await;
    let mut file =
        vec![id.into(), 1.into(), text("paper.png"), text("image/png"), 9.into(), text("aa11"), text("test")];
    file.push(now.micros().into());
    let seal = store.seals().seal("review_files", &file);
    file.extend([10.into(), seal]);
    store.write(queries::NEW_REVIEW_FILE, file).await.expect("a file");
    store.write(queries::KEY_USED, vec![id.into(), 1.into(), now.micros().into()]).await.expect("a use");
}

async fn people(store: &Store, now: Timestamp) {
    let lifetimes = Lifetimes::of_seconds(None, None).expect("they are good");
    for email in ["ada1@example.com", "bob1@example.com"] {
        let address = &Email::parse(email).expect("an address");
        let user = sign_in::user_of(store, address, now).await.expect("somebody");
        let known = sign_in::identify(store, ("https://id1.example.com", email), email, now).await.expect("it answers");
        assert_eq!(known, Ok(Some(address.clone())));
        let token = sign_in::issue(store, address, None, "test", 900_000_000, now).await.expect("a link");
        assert!(token.len() > 30);
        let redeemed = Redeemed { email: address.clone(), workspace: Some(WorkspaceId::new(1)) };
        sign_in::open(store, user, redeemed, lifetimes, now).await.expect("a session");
        assert!(sign_in::spend(store, email, now.after_seconds(600)).await.expect("it writes"));
        let mail =
            Mail::SignIn { workspace: None, known_as: None }.to(format!("mail {email}"), email).expect("an address");
        outbox::enqueue(store, mail).await.expect("a mail");
    }
}

async fn operator(store: &Store, now: Timestamp) {
    for email in ["eve1@example.com", "mal1@example.com"] {
        let user = sign_in::user_of(store, &Email::parse(email).expect("an address"), now).await.expect("somebody");
        let known = blocks::person(store, user).await.expect("it answers").expect("they are there");
        blocks::block(store, &known, "spam 1", ("operator", None), now).await.expect("a block");
        let of = |kind| Use { kind, subject: email.to_owned(), window: 60, limit: 9, cost: 1, room: 1, what: "tries" };
        let uses = Allowance { uses: vec![of("tries 1")], claims: None };
        store.spend(uses).await.expect("it counts").expect("it is within its limit");
    }
    for name in ["image-standard", "image-pro", "image-standard"] {
        let act = ("model", name, "broken 1");
        acts::note(store, act, ("operator", Some("req_1".to_owned())), now).await.expect("an act");
    }
    for name in ["first", "second"] {
        let hash = crate::crypto::sha256(&[name.as_bytes()]).to_vec();
        let mut key = vec![Value::Bytes(hash.clone()), text(name), text("ab12"), now.micros().into(), text("grants")];
        key.extend([100.into(), now.after_seconds(6_000).micros().into(), Value::Null]);
        key[7] = store.seals().seal("operator_keys", &key);
        let mut granted = vec![Value::Bytes(hash), 20_000.into(), 7.into()];
        granted.push(store.seals().seal("operator_grants", &granted));
        store.write(queries::NEW_OPERATOR_GRANT, granted).await.expect("a day");
        store.write(queries::NEW_OPERATOR_KEY, key).await.expect("a key");
        let about = Alert::new("unknown_customer", name, Some(WorkspaceId::new(1)), "look at it 1");
        alerts::raise(store, about).await.expect("an alert");
    }
    let secret = store.seals().setting("secret", vec![7; 32]);
    store.write(queries::NEW_SETTING, secret).await.expect("a secret");
    if matches!(store, Store::Postgres(_)) {
        for id in [1, 2] {
            store.admit(WorkspaceId::new(id), 10).await.expect("it is admitted");
        }
    }
}

async fn selling(store: &Store, now: Timestamp) {
    for id in [1, 2] {
        let workspace = WorkspaceId::new(id);
        customers::keep(store, workspace, &format!("cus_{id}")).await.expect("a customer");
        let event = [format!("evt_{id}"), "invoice.paid".to_owned(), format!("cus_{id}"), "ch_1".to_owned()];
        let event = event.map(Value::Text).into_iter().chain([now.micros().into(), now.micros().into()]);
        store.write(queries::NEW_EVENT, event.collect()).await.expect("an event");
        let mut purchase = vec![text(&format!("pur_{id}")), workspace.into(), text("pack p1"), 1.into(), 1200.into()];
        purchase.extend([text("usd"), Value::Null, Value::Null]);
        purchase.extend([now.micros().into(), now.after_seconds(600).micros().into()]);
        purchase.push(store.seals().seal("purchases", &purchase[..8]));
        store.write(queries::NEW_PURCHASE, purchase).await.expect("a purchase");
    }
}
