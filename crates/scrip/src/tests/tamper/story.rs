//! Story: a small history with a row in every table.

use crate::ledger::idempotency;
use crate::mail::{Mail, outbox};
use crate::operate::acts;
use crate::operate::alerts::{self, Alert};
use crate::payments::customers;
use crate::people::blocks;
use crate::people::email::Email;
use crate::people::sign_in::{self, Lifetimes, SignIn};
use crate::shipped;
use scrip_engine::team::Tenancy;
use scrip_engine::{
    Amount, Ask, By, Command, HoldCommand, Mode, Name, Params, Profile, ReviewCommand, RunCommand, Timestamp, UserId,
    WorkspaceCommand, WorkspaceId, parse_catalog,
};
use scrip_store::rows::operators::{self, DayGrants};
use scrip_store::rows::purchases::{self, Purchase};
use scrip_store::rows::review_files::{self, ReviewFile};
use scrip_store::rows::reviews::{self, NewApplication};
use scrip_store::rows::stripe_events::{self, Event};
use scrip_store::rows::{key_uses, profiles, settings};
use scrip_store::{Allowance, Claim, Store, Submission, Use};

/// Number of entries of a workspace: enough for a snapshot, and some more.
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

pub async fn submit(store: &Store, submission: Submission) {
    store.submit(submission).await.unwrap_or_else(|error| panic!("{error:?}"));
}

/// Plays the story: two workspaces with runs, holds, a review, a customer and a purchase; a person who signed in; and
/// acts of an operator.
pub async fn tell(store: &Store) {
    for actor in ["first", "second"] {
        let catalog = format!("{}# {actor}\n", shipped::find("canvas-tiers").expect("it is shipped"));
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
    store.await_projections().await.expect("they follow");
}

async fn workspace(store: &Store, id: WorkspaceId) {
    let external_id = Some(format!("ext {id}"));
    let profile = Profile { name: "Studio".to_owned(), owner: None, external_id };
    let owner = UserId::new(id.get().unsigned_abs());
    let open = Command::Workspace(WorkspaceCommand::Open {
        mode: Mode::Test,
        test_clock: None,
        profile,
        lifetime_allowed: true,
        choice: None,
        tenancy: Tenancy::Team,
        owner: Some(owner),
    });
    let claim = |scope: &'static str, what: &str| Claim { scope: scope.into(), what: format!("{what} {id}") };
    let claims = vec![claim("person", "hash"), claim("external_id", "ext"), claim("key", "hash")];
    let rows = vec![profiles::add_with_entry(id, owner, &format!("{id}@example.com"))];
    submit(store, Submission { claims, rows, ..submission(id, 0, open) }).await;
    let run = || {
        Command::Run(RunCommand::Create {
            model: Name::from("image-standard"),
            params: Params::from([(Name::from("prompt"), scrip_engine::Value::Text("a lighthouse".to_owned()))]),
            quote: None,
            sandbox: None,
            metadata: Default::default(),
            off: None,
            served: true,
        })
    };
    let hold = || {
        Command::Hold(HoldCommand::Open {
            ask: Ask::Credits(Amount::new(1).expect("an amount")),
            reference: "r".to_owned(),
            seconds: None,
            off: None,
            behalf: None,
        })
    };
    // One run waits, one was cancelled; one hold is open, many were captured.
    for (n, command) in [run(), run(), Command::Run(RunCommand::Cancel { run: 2 }), hold()].into_iter().enumerate() {
        submit(store, submission(id, 1 + n, command)).await;
    }
    let mut n = 5;
    for captured in 0.. {
        if n >= ENTRIES {
            break;
        }
        let hold_number = 4 + captured;
        submit(store, submission(id, n, hold())).await;
        submit(store, submission(id, n + 1, Command::Hold(HoldCommand::Capture { hold: hold_number, amount: None })))
            .await;
        n += 2;
    }
    let review = Name::from("business_verification");
    let now = store.now(None).await.expect("it answers");
    let applied = NewApplication {
        workspace: id,
        review: "business_verification",
        application: 1,
        form: "{\"name\":\"Studio\"}",
        actor: "test",
        applied_at: now,
    };
    let rows = vec![reviews::add_with_entry(&applied)];
    let ask = Command::Review(ReviewCommand::Request { review: review.clone(), application: 1 });
    submit(store, Submission { rows, ..submission(id, 1_000, ask) }).await;
    let reason = "it is one".to_owned();
    submit(store, submission(id, 1_001, Command::Review(ReviewCommand::Approve { review, reason }))).await;
    let [name, content_type, sha256, actor] = ["paper.png", "image/png", "aa11", "test"].map(str::to_owned);
    let file = ReviewFile { file: 0, name, content_type, bytes: 9, sha256, actor, added_at: now };
    review_files::add(store.reader(), (id, 1), &file, 10).await.expect("a file");
    key_uses::mark(store.reader(), id, 1, now).await.expect("a use");
}

async fn people(store: &Store, now: Timestamp) {
    let lifetimes = Lifetimes::of_seconds(None, None).expect("they are good");
    for email in ["ada1@example.com", "bob1@example.com"] {
        let address = &Email::parse(email).expect("an address");
        let user = sign_in::user_of(store, address, now).await.expect("a user");
        let known = sign_in::identify(store, ("https://id1.example.com", email), email, now).await.expect("it answers");
        assert_eq!(known, Ok(Some(address.clone())));
        let token = sign_in::issue(store, address, None, "test", 900_000_000, now).await.expect("a link");
        assert!(token.len() > 30);
        let redeemed = SignIn { email: address.clone(), workspace: Some(WorkspaceId::new(1)) };
        sign_in::open(store, user, redeemed, lifetimes, now).await.expect("a session");
        assert!(sign_in::spend(store, email, now.after_seconds(600)).await.expect("it writes"));
        let mail =
            Mail::SignIn { workspace: None, known_as: None }.to(format!("mail {email}"), email).expect("an address");
        outbox::enqueue(store, mail).await.expect("a mail");
    }
}

async fn operator(store: &Store, now: Timestamp) {
    for email in ["eve1@example.com", "mal1@example.com"] {
        let user = sign_in::user_of(store, &Email::parse(email).expect("an address"), now).await.expect("a user");
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
        let key = operators::Key {
            hash: crate::crypto::sha256(&[name.as_bytes()]),
            name: name.to_owned(),
            last4: "ab12".to_owned(),
            created_at: now,
            scopes: "grants".to_owned(),
            grants_per_day: Some(100),
            expires_at: Some(now.after_seconds(6_000)),
            revoked_at: None,
            last_used_at: None,
        };
        let on = store.reader();
        operators::begin_counting(on, &key.hash).await.expect("a day");
        let (before, after) = (DayGrants { day: 0, amount: 0 }, DayGrants { day: 20_000, amount: 7 });
        assert!(operators::set_grants_of_day(on, &key.hash, before, after).await.expect("a day"));
        assert!(operators::add(on, &key).await.expect("a key"));
        let about = Alert::new("unknown_customer", name, Some(WorkspaceId::new(1)), "look at it 1");
        alerts::raise(store, about).await.expect("an alert");
    }
    settings::add(store.reader(), "secret", vec![7; 32]).await.expect("a secret");
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
        let (customer, charge) = (Some(format!("cus_{id}")), Some("ch_1".to_owned()));
        let event = Event { id: format!("evt_{id}"), kind: "invoice.paid".to_owned(), customer, charge };
        stripe_events::add(store.reader(), &event, (now, now)).await.expect("an event");
        let purchase = Purchase {
            id: format!("pur_{id}"),
            workspace,
            what: "pack p1".to_owned(),
            catalog: 1,
            amount: 1200,
            currency: "usd".to_owned(),
            session: None,
            url: None,
            created_at: now,
            expires_at: now.after_seconds(600),
        };
        purchases::add(store.reader(), &purchase).await.expect("a purchase");
    }
}
