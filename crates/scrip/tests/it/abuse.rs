//! Abuse: the mail, requests to Stripe, streams and workspaces that one person who never paid can make others pay for;
//! and the means of an operator against it.
//!
//! The numbers are those of `docs/API.md`, "Requests at the cost of others"; they are written here anew, not taken from
//! the server.

use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::iter;
use reqwest::Method;
use scrip_testing::app::{Answer, App, PATIENCE, root, temporary, text, unique};
use scrip_testing::dice::Dice;
use scrip_testing::journal::Journal;
use scrip_testing::people::{Asker, Human};
use scrip_testing::stripe::Stripe;
use serde_json::{Value, json};
use std::net::TcpStream;
use std::time::Duration;

/// Number of requests of a random walk; `make prove` makes more.
const REQUESTS: usize = 2_000;

fn workspace(asker: &Asker) -> &str {
    asker.workspace.as_deref().expect("it is about one")
}

async fn invite(app: &App, asker: &Asker, email: &str) -> Answer {
    asker.post(app, "/v1/invitations", json!({ "email": email })).await
}

/// Returns the number of answers with a status, once each other one is a refusal that says the limit and the seconds to
/// wait.
fn count_admitted(answers: &[Answer], good: u16, limits: &[u64]) -> usize {
    for answer in answers.iter().filter(|answer| answer.status != good) {
        let problem = answer.problem(429, "RATE_LIMITED");
        let (limit, wait) = (problem["limit"].as_u64().expect("a limit"), problem["retry_after"].as_u64());
        assert!(limits.contains(&limit), "{problem}");
        let wait = wait.filter(|wait| (1..=86_400).contains(wait)).expect("seconds of a day");
        assert_eq!(answer.header("retry-after"), Some(&*wait.to_string()));
    }
    answers.iter().filter(|answer| answer.status == good).count()
}

#[tokio::test]
async fn a_mailbox_gets_three_invitations_a_day_whoever_sends_them_and_however_it_is_written() {
    let app = App::start();
    let mut teams = Vec::new();
    for _ in 0..6 {
        teams.push(app.team_of(&app.new_person().await).await);
    }
    let forms = ["target@example.net", "Target@Example.net", "target+1@example.net", "TARGET+x@EXAMPLE.NET"];
    let asked = (0..60).map(|n| invite(&app, &teams[n % teams.len()], forms[n % forms.len()]));
    let answers: Vec<Answer> = iter(asked).buffer_unordered(16).collect().await;
    assert_eq!(count_admitted(&answers, 201, &[1, 3]), 3);
    assert_eq!(app.mails("invitation"), 3, "one for each");
    // The limit of another mailbox is its own.
    invite(&app, &teams[0], "other@example.net").await.expect(201);
    // A workspace that has paid may send ten.
    for team in &teams {
        app.pay_by_hand(workspace(team)).await;
    }
    let asked = teams.iter().map(|team| invite(&app, team, "target@example.net"));
    assert_eq!(count_admitted(&join_all(asked).await, 201, &[1, 10]), 3, "those that have not sent one today");
}

#[tokio::test]
async fn a_workspace_mails_an_address_once_a_day_and_what_is_withdrawn_counts() {
    let app = App::start();
    let team = app.team_of(&app.new_person().await).await;
    let mut answers = Vec::new();
    for n in 0..30 {
        let answer = invite(&app, &team, &format!("bo{n}@example.net")).await;
        if answer.status == 201 {
            let path = format!("/v1/invitations/{}", text(&answer.json()["id"]));
            team.delete(&app, &path).await.expect(200);
            invite(&app, &team, &format!("Bo{n}+again@example.net")).await.problem(429, "RATE_LIMITED");
        }
        answers.push(answer);
    }
    assert_eq!(count_admitted(&answers, 201, &[20]), 20);
    assert_eq!(app.mails("invitation"), 20);
    let refused = team.get(&app, "/v1/audit?limit=100").await.expect(200);
    let acts = refused["data"].as_array().expect("a list").len();
    invite(&app, &team, "late@example.net").await.problem(429, "RATE_LIMITED");
    let after = team.get(&app, "/v1/audit?limit=100").await.expect(200);
    assert_eq!(after["data"].as_array().expect("a list").len(), acts, "a refused one writes no entry");
    // Mails of the operator's own product are not counted.
    let by_operator = app.call(Method::POST, "/v1/invitations").workspace(workspace(&team)).once();
    by_operator.json(&json!({ "email": "late@example.net" })).send().await.expect(201);
}

#[tokio::test]
async fn a_person_sends_twenty_mails_a_day_over_all_workspaces_however_many_ask_at_once() {
    let app = App::start();
    let human = app.new_person().await;
    let mut teams = Vec::new();
    for _ in 0..4 {
        teams.push(app.team_of(&human).await);
    }
    let asked = (0..80).map(|n| {
        let (app, team) = (&app, &teams[n % 4]);
        async move { invite(app, team, &format!("n{n}@example.net")).await }
    });
    let answers: Vec<Answer> = iter(asked).buffer_unordered(32).collect().await;
    assert_eq!(count_admitted(&answers, 201, &[20]), 20);
    assert_eq!(app.mails("invitation"), 20);
    // The same request again sends no other mail.
    let key = format!("again-{}", unique());
    let other = app.team_of(&app.new_person().await).await;
    for _ in 0..5 {
        let call = other.call(&app, Method::POST, "/v1/invitations").key(&key);
        call.json(&json!({ "email": "once@example.net" })).send().await.expect(201);
    }
    assert_eq!(app.mails("invitation"), 21);
}

#[tokio::test]
async fn two_servers_over_one_database_count_together() {
    let app = App::start();
    if matches!(app.journal(), Journal::Sqlite) {
        // One process owns a directory: the limits there are in the stories above.
        assert!(!app.second().status.success());
        return;
    }
    let other = app.beside(Vec::new());
    let mut teams = Vec::new();
    for _ in 0..8 {
        teams.push(app.team_of(&app.new_person().await).await);
    }
    let servers = [&app, &other];
    let asked = (0..64).map(|n| invite(servers[n % 2], &teams[n / 2 % teams.len()], "target@example.net"));
    assert_eq!(count_admitted(&join_all(asked).await, 201, &[1, 3]), 3);
    assert_eq!(app.mails("invitation"), 3);
    let human = app.new_person().await;
    let asker = Asker::with(&human.token);
    let asked = (0..20).map(|n| asker.once(servers[n % 2], "/v1/workspaces", json!({ "name": "Team" })));
    assert_eq!(count_admitted(&join_all(asked).await, 201, &[5]), 5);
    // Mails without an entry are limited, too.
    let ask =
        |n: usize| servers[n % 2].bare(Method::POST, "/v1/sign_in").json(&json!({ "email": "a@example.net" })).send();
    assert_eq!(count_admitted(&join_all((0..16).map(ask)).await, 202, &[5]), 5);
    // A block holds in both from its answer on.
    let team = app.team_of(&app.new_person().await).await;
    app.pay_by_hand(workspace(&team)).await;
    let blocked = app.new_person().await;
    let (session, key) = (Asker::with(&blocked.token), key_of(&app, &blocked).await);
    for server in servers {
        session.get(server, "/v1/session").await.expect(200);
        key.get(server, "/v1/balance").await.expect(200);
    }
    other.post(&format!("/v1/people/{}/block", blocked.id), json!({ "reason": "spam" })).await.expect(200);
    for server in servers {
        session.get(server, "/v1/session").await.problem(401, "UNAUTHENTICATED");
        key.get(server, "/v1/balance").await.problem(401, "UNAUTHENTICATED");
    }
}

/// Creates a key of a person in a workspace on a plan that has keys.
async fn key_of(app: &App, human: &Human) -> Asker {
    let plan = json!({ "plan": "business", "interval": "month", "owner": { "email": human.email },
                       "approve": [{ "review": "business_verification", "reason": "r" }], "name": "Theirs" });
    let id = text(&app.post("/v1/workspaces", plan).await.expect(201)["id"]);
    let new = json!({ "name": "k", "capabilities": ["model:run"] });
    let made = human.at(&id).post(app, "/v1/keys", new).await.expect(201);
    Asker::with(&text(&made["secret"]))
}

#[tokio::test]
async fn a_frozen_workspace_sends_no_mail_for_people() {
    let app = App::start();
    let team = app.team_of(&app.new_person().await).await;
    invite(&app, &team, "bo@example.net").await.expect(201);
    let freeze = format!("/v1/workspaces/{}/freeze", workspace(&team));
    app.post(&freeze, json!({ "frozen": true, "reason": "spam" })).await.expect(200);
    for n in 0..5 {
        let problem = invite(&app, &team, &format!("eve{n}@example.net")).await.problem(403, "WORKSPACE_FROZEN");
        assert_eq!(problem["reason"], "spam");
    }
    assert_eq!(app.mails("invitation"), 1);
    app.post(&freeze, json!({ "frozen": false })).await.expect(200);
    invite(&app, &team, "eve@example.net").await.expect(201);
}

#[tokio::test]
async fn a_person_opens_five_workspaces_a_day_and_belongs_to_a_hundred() {
    let app = App::start();
    let human = app.new_person().await;
    let asker = Asker::with(&human.token);
    let open = || asker.once(&app, "/v1/workspaces", json!({ "name": "Team" }));
    let answers = join_all((0..40).map(|_| open())).await;
    assert_eq!(count_admitted(&answers, 201, &[5]), 5);
    // Their own workspace and five more.
    let listed = async || asker.get(&app, "/v1/workspaces").await.expect(200)["data"].as_array().expect("a list").len();
    assert_eq!(listed().await, 6);
    // A person who has paid for one workspace opens more.
    let paid = text(&answers.iter().find(|answer| answer.status == 201).expect("there are").json()["id"]);
    app.pay_by_hand(&paid).await;
    assert_eq!(count_admitted(&join_all((0..30).map(|_| open())).await, 201, &[20]), 15);
    // The limit of a hundred is exact, for any number of requests at once.
    let many = app.new_person().await;
    let owned = json!({ "name": "Given", "owner": { "email": many.email }, "welcome": false });
    let given: Vec<Answer> =
        iter((0..97).map(|_| app.post("/v1/workspaces", owned.clone()))).buffer_unordered(8).collect().await;
    assert!(given.iter().all(|answer| answer.status == 201));
    let asker = Asker::with(&many.token);
    let answers = join_all((0..20).map(|_| asker.once(&app, "/v1/workspaces", json!({ "name": "Team" })))).await;
    let (opened, refused): (Vec<&Answer>, Vec<&Answer>) = answers.iter().partition(|answer| answer.status == 201);
    assert_eq!(opened.len(), 2, "97, their own, and two");
    for answer in refused {
        let problem = answer.problem(422, "LIMIT_EXCEEDED");
        assert_eq!((&problem["limit"], &problem["asked"]), (&json!(100), &json!(101)), "{problem}");
    }
}

#[tokio::test]
async fn a_mailbox_gets_five_sign_in_mails_in_a_quarter_of_an_hour_however_it_is_written() {
    let app = App::start();
    let forms = ["victim@gmail.com", "v.i.c.t.i.m@gmail.com", "victim+1@gmail.com", "Victim@GoogleMail.com"];
    let ask = |n: usize| app.bare(Method::POST, "/v1/sign_in").json(&json!({ "email": forms[n % 4] })).send();
    let answers = join_all((0..16).map(ask)).await;
    assert_eq!(count_admitted(&answers, 202, &[5]), 5);
    assert_eq!(app.mails("sign_in"), 5);
}

#[tokio::test]
async fn whoever_is_blocked_has_no_session_no_key_no_link_and_no_mail() {
    let app = App::start();
    let spammer = app.human("mallory@example.com").await;
    let bystander = app.new_person().await;
    let (key, team) = (key_of(&app, &spammer).await, app.team_of(&spammer).await);
    invite(&app, &team, "one@example.net").await.expect(201);
    let link = app.post("/v1/portal_links", json!({ "email": "mallory@example.com" })).await.expect(201);
    let token = text(&link["url"]).split_once('#').expect("a link").1.to_owned();
    // An operator finds the person by the address, in any spelling.
    let found = app.get("/v1/people?email=Mallory%2Bx@example.com").await.expect(200);
    let found = found["data"].as_array().expect("a list");
    assert_eq!((found.len(), text(&found[0]["id"])), (1, spammer.id.clone()));
    assert_eq!(found[0]["blocked"], Value::Null);
    assert_eq!(found[0]["workspaces"].as_array().expect("a list").len(), 3, "{}", found[0]);
    let path = format!("/v1/people/{}/block", spammer.id);
    for reason in [json!({}), json!({ "reason": "" }), json!({ "reason": "a\u{7}b" })] {
        app.post(&path, reason).await.problem(422, "INVALID_REQUEST");
    }
    app.post("/v1/people/usr_0000000000007/block", json!({ "reason": "r" })).await.problem(404, "NOT_FOUND");
    let blocked = app.post(&path, json!({ "reason": "invites strangers" })).await.expect(200);
    assert_eq!(blocked["blocked"]["reason"], "invites strangers", "{blocked}");
    assert!(text(&blocked["blocked"]["by"]).starts_with("operator …"));
    assert_eq!(app.get(&format!("/v1/people/{}", spammer.id)).await.expect(200), blocked);

    let session = Asker::with(&spammer.token);
    session.get(&app, "/v1/session").await.problem(401, "UNAUTHENTICATED");
    invite(&app, &team, "two@example.net").await.problem(401, "UNAUTHENTICATED");
    key.get(&app, "/v1/balance").await.problem(401, "UNAUTHENTICATED");
    let redeem = json!({ "token": token, "cookie": false });
    app.bare(Method::POST, "/v1/sessions").json(&redeem).send().await.problem(401, "UNAUTHENTICATED");
    for email in ["mallory@example.com", "Mallory+other@Example.com"] {
        app.post("/v1/portal_links", json!({ "email": email })).await.problem(422, "INVALID_REQUEST");
        let opened = json!({ "name": "Again", "owner": { "email": email } });
        app.post("/v1/workspaces", opened).await.problem(422, "INVALID_REQUEST");
        let before = app.mails("sign_in");
        app.bare(Method::POST, "/v1/sign_in").json(&json!({ "email": email })).send().await.expect(202);
        assert_eq!(app.mails("sign_in"), before, "no mail goes to them");
    }
    // Other people are not affected.
    Asker::with(&bystander.token).get(&app, "/v1/session").await.expect(200);
    let acts = app.get("/v1/audit?limit=1").await.expect(200);
    assert_eq!(acts["data"][0]["summary"], format!("Blocked {}: invites strangers", spammer.id));

    let unblock = app.call(Method::DELETE, &path).send().await.expect(200);
    assert_eq!(unblock["blocked"], Value::Null);
    key.get(&app, "/v1/balance").await.expect(200);
    session.get(&app, "/v1/session").await.problem(401, "UNAUTHENTICATED");
    app.human("mallory@example.com").await;
}

#[tokio::test]
async fn a_mail_that_waits_is_not_sent_for_whoever_is_blocked_meanwhile() {
    // No server listens at that address, so that mails wait.
    let mut app = App::with(
        &root().join("catalogs/canvas-tiers.toml"),
        temporary(),
        crate::mails::mail_settings("smtp://127.0.0.1:1", &[]),
    );
    let spammer = app.new_person().await;
    let team = app.team_of(&spammer).await;
    let other = app.team_of(&app.new_person().await).await;
    for (asker, email) in [(&team, "by@example.net"), (&other, &*spammer.email), (&other, "stays@example.net")] {
        invite(&app, asker, email).await.expect(201);
    }
    app.post(&format!("/v1/people/{}/block", spammer.id), json!({ "reason": "spam" })).await.expect(200);
    app.kill();
    app.query("UPDATE mails SET due_at = 0, attempts = 0, lease_until = 0");
    app.restart();
    let failed = "SELECT count(*) FROM mails WHERE failed LIKE '%blocked%'";
    crate::mails::until(&app, failed, "2").await;
    let waits = "SELECT count(*) FROM mails WHERE failed IS NULL AND recipient = 'stays@example.net'";
    assert_eq!(app.query(waits), "1");
}

/// Starts a run that goes on for as long as the test does.
async fn endless(app: &App, asker: &Asker) -> String {
    let gift = json!({ "amount": 100, "reason": "r" });
    app.post(&format!("/v1/workspaces/{}/grants", workspace(asker)), gift).await.expect(201);
    let run = json!({ "model": "image-standard", "params": {}, "sandbox": { "outcome": "succeed", "after": 3_600 } });
    text(&asker.once(app, "/v1/runs", run).await.expect(202)["id"])
}

#[tokio::test]
async fn ten_streams_of_a_workspace_are_open_at_once_and_fifty_of_an_address() {
    let app = App::start();
    let human = app.new_person().await;
    let mut teams = Vec::new();
    for _ in 0..5 {
        let team = app.team_of(&human).await;
        let run = endless(&app, &team).await;
        teams.push((team, run));
    }
    let follow = |at: usize| {
        let (team, run) = &teams[at];
        team.call(&app, Method::GET, &format!("/v1/runs/{run}/events")).stream()
    };
    let mut open = Vec::new();
    for _ in 0..10 {
        open.push(follow(0).await);
    }
    assert!(open.iter().all(|stream| stream.status() == 200));
    let (team, run) = &teams[0];
    let refused = team.get(&app, &format!("/v1/runs/{run}/events")).await.problem(429, "RATE_LIMITED");
    assert_eq!(refused["limit"], 10);
    // A request that waits counts as a stream; one that does not wait is none.
    team.get(&app, &format!("/v1/runs/{run}?wait=5")).await.problem(429, "RATE_LIMITED");
    team.get(&app, &format!("/v1/runs/{run}")).await.expect(200);
    let before = team.get(&app, "/v1/runs").await.expect(200)["data"].as_array().expect("a list").len();
    team.once(&app, "/v1/runs?wait=5", json!({ "model": "image-standard", "params": {} }))
        .await
        .problem(429, "RATE_LIMITED");
    let after = team.get(&app, "/v1/runs").await.expect(200)["data"].as_array().expect("a list").len();
    assert_eq!(before, after, "nothing was run");
    // The operator has no limit.
    let operator = app.call(Method::GET, &format!("/v1/runs/{run}?wait=1")).workspace(workspace(team));
    operator.send().await.expect(200);
    // A stream that is dropped gives its place back, as soon as the server sees the end of its connection.
    open.pop();
    let again = async {
        loop {
            let stream = follow(0).await;
            if stream.status() == 200 {
                return stream;
            }
            tokio::task::yield_now().await;
        }
    };
    open.push(tokio::time::timeout(PATIENCE, again).await.expect("its place is free"));
    for at in 1..5 {
        for _ in 0..10 {
            open.push(follow(at).await);
        }
    }
    assert_eq!(open.iter().filter(|stream| stream.status() == 200).count(), 50);
    let other = app.team_of(&app.new_person().await).await;
    let run = endless(&app, &other).await;
    let refused = other.get(&app, &format!("/v1/runs/{run}/events")).await.problem(429, "RATE_LIMITED");
    assert_eq!(refused["limit"], 50, "the address has fifty, over all its callers");
}

/// Starts a server that sells, with webhooks, at Stripe's own pace unless `more` says otherwise.
async fn shop(more: &[(&str, &str)]) -> (App, Stripe) {
    let stripe = Stripe::open();
    let catalog = root().join("catalogs/canvas-tiers.toml");
    stripe.sync(&catalog);
    let mut told = stripe.environment();
    told.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let app = App::with(&catalog, temporary(), told);
    stripe.tell(&app.url);
    // The server's own requests at its start are over.
    wait_until_quiet(&stripe).await;
    (app, stripe)
}

/// Waits until no more requests reach Stripe; returns their number.
async fn wait_until_quiet(stripe: &Stripe) -> usize {
    loop {
        let before = stripe.calls().len();
        stripe.quiet().await;
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        if stripe.calls().len() == before {
            return before;
        }
    }
}

#[tokio::test]
async fn a_portal_visit_costs_stripe_one_request_when_it_is_warm() {
    let (app, stripe) = shop(&[]).await;
    let teams = [app.team_of(&app.new_person().await).await, app.team_of(&app.new_person().await).await];
    for team in &teams {
        team.post(&app, "/v1/billing_portal", json!({})).await.expect(201);
    }
    let before = wait_until_quiet(&stripe).await;
    for team in &teams {
        team.post(&app, "/v1/billing_portal", json!({})).await.expect(201);
    }
    let asked = &stripe.calls()[before..];
    let expected = ("POST".to_owned(), "/v1/billing_portal/sessions".to_owned());
    assert_eq!(asked, [expected.clone(), expected], "one request a visit");
    // A frozen workspace may cancel and leave a card, and buys nothing.
    let freeze = format!("/v1/workspaces/{}/freeze", workspace(&teams[0]));
    app.post(&freeze, json!({ "frozen": true, "reason": "spam" })).await.expect(200);
    let before = stripe.calls().len();
    teams[0].post(&app, "/v1/billing_portal", json!({})).await.problem(403, "WORKSPACE_FROZEN");
    teams[0].once(&app, "/v1/checkout", json!({ "pack": "credits-1000" })).await.problem(403, "WORKSPACE_FROZEN");
    assert_eq!(stripe.calls().len(), before);
    teams[0].post(&app, "/v1/billing_portal", json!({ "flow": "payment_method" })).await.expect(201);
}

#[tokio::test]
async fn a_workspace_that_never_paid_causes_thirty_requests_to_stripe_a_day() {
    let (app, stripe) = shop(&[]).await;
    let team = app.team_of(&app.new_person().await).await;
    // Requests that Scrip makes for all workspaces together count for none of them.
    app.team_of(&app.new_person().await).await.post(&app, "/v1/billing_portal", json!({})).await.expect(201);
    let before = wait_until_quiet(&stripe).await;
    let bodies = [
        ("/v1/checkout", json!({ "plan": "creator", "interval": "month" })),
        ("/v1/checkout", json!({ "plan": "pro", "interval": "month" })),
        ("/v1/billing_portal", json!({})),
        ("/v1/checkout", json!({ "pack": "credits-1000" })),
    ];
    let mut opened = 0;
    for round in 0..6 {
        let asked = (0..40).map(|n| {
            let (path, body) = &bodies[(round + n) % bodies.len()];
            team.once(&app, path, body.clone())
        });
        let answers = join_all(asked).await;
        opened += answers.iter().filter(|answer| answer.status == 201).count();
        assert!(answers.iter().all(|answer| [201, 422, 429].contains(&answer.status)));
        // As if a minute had passed.
        app.query("DELETE FROM allowances WHERE kind = 'stripe_sessions'");
    }
    assert!((1..30).contains(&opened), "{opened} sessions were opened");
    let caused = wait_until_quiet(&stripe).await - before;
    assert!((10..=30).contains(&caused), "{caused} requests: {:?}", &stripe.calls()[before..]);
    // The workspace of another person is not held up by it.
    let other = app.team_of(&app.new_person().await).await;
    other.once(&app, "/v1/checkout", json!({ "pack": "credits-1000" })).await.expect(201);
}

#[tokio::test]
async fn when_people_ask_too_much_of_stripe_they_are_told_so_and_deliveries_go_on() {
    let pace = [("SCRIP_STRIPE_REQUESTS_PER_SECOND", "10"), ("SCRIP_STRIPE_REQUESTS_KEPT", "8")];
    let (app, stripe) = shop(&pace).await;
    let mut teams = Vec::new();
    for _ in 0..24 {
        teams.push(app.team_of(&app.new_person().await).await);
    }
    // A person has a checkout session, which is paid while the others storm.
    let page = app.call(Method::POST, "/v1/checkout").workspace(workspace(&teams[0])).once();
    let page = page.json(&json!({ "pack": "credits-1000" })).send().await.expect(201);
    wait_until_quiet(&stripe).await;
    let storm =
        join_all(teams.iter().map(|team| team.once(&app, "/v1/checkout", json!({ "pack": "credits-1000" })))).await;
    let busy: Vec<&Answer> = storm.iter().filter(|answer| answer.status == 503).collect();
    assert!(!busy.is_empty(), "{:?}", storm.iter().map(|answer| answer.status).collect::<Vec<_>>());
    for answer in busy {
        let problem = answer.problem(503, "UNAVAILABLE");
        let wait = problem["retry_after"].as_u64().expect("seconds");
        assert!((1..=10).contains(&wait) && text(&problem["detail"]).contains("Stripe"), "{problem}");
        assert_eq!(answer.header("retry-after"), Some(&*wait.to_string()));
    }
    let id = text(&page["url"]).rsplit_once('/').expect("an id is at its end").1.to_owned();
    let (status, paid) = stripe.control(&format!("/checkout/{id}/pay"), json!({ "card": "pm_card_visa" })).await;
    assert_eq!(status, 200, "{paid}");
    let available = async || {
        let balance = app.call(Method::GET, "/v1/balance").workspace(workspace(&teams[0])).send().await.expect(200);
        balance["available"].as_i64().expect("a number")
    };
    let given = async {
        while available().await < 1_000 {
            let _ = teams[1].once(&app, "/v1/checkout", json!({ "pack": "credits-1000" })).await;
        }
    };
    tokio::time::timeout(PATIENCE, given).await.expect("what was paid is given while others ask");
}

#[tokio::test]
async fn a_server_without_handles_says_so_and_serves_again_when_the_silent_are_cut() {
    let told = vec![("SCRIP_CONNECTIONS_PER_ADDRESS".to_owned(), "100000".to_owned())];
    let app = App::with(&root().join("catalogs/canvas-tiers.toml"), temporary(), told);
    let few = std::process::Command::new("prlimit")
        .args(["--pid", &app.process().to_string(), "--nofile=120:4096"])
        .status()
        .expect("prlimit is there");
    assert!(few.success());
    let address = app.url.strip_prefix("http://").expect("it is not encrypted").to_owned();
    let silent: Vec<TcpStream> = (0..150).map(|_| TcpStream::connect(&address).expect("the system takes it")).collect();
    let served =
        async { while app.bare(Method::GET, "/healthz").try_send().await.is_none_or(|answer| answer.status != 200) {} };
    // Connections without a request are cut after ten seconds at most.
    tokio::time::timeout(Duration::from_secs(30), served).await.expect("it serves again");
    assert!(app.log().contains("connections cannot be accepted"), "{}", app.log());
    drop(silent);
}

#[tokio::test]
async fn an_address_has_so_many_connections_and_others_are_served() {
    let told = vec![("SCRIP_CONNECTIONS_PER_ADDRESS".to_owned(), "8".to_owned())];
    let app = App::with(&root().join("catalogs/canvas-tiers.toml"), temporary(), told);
    let address = app.url.strip_prefix("http://").expect("it is not encrypted").to_owned();
    let silent: Vec<TcpStream> = (0..50).map(|_| TcpStream::connect(&address).expect("the system takes it")).collect();
    let served =
        async { while app.bare(Method::GET, "/healthz").try_send().await.is_none_or(|answer| answer.status != 200) {} };
    tokio::time::timeout(Duration::from_secs(30), served).await.expect("it serves again");
    assert!(app.log().contains("reached its limit of connections"), "{}", app.log());
    drop(silent);
}

/// Names that would be shown as something else are refused, and one with the form of a link is no link in a mail.
#[tokio::test]
async fn names_are_what_is_seen_of_them() {
    let app = App::start();
    let human = app.new_person().await;
    let asker = Asker::with(&human.token);
    for name in ["x\u{1b}[31m", "a\u{7}b", "a\nb"] {
        asker.once(&app, "/v1/workspaces", json!({ "name": name })).await.problem(422, "INVALID_REQUEST");
    }
    let name = "Your PayPal is limited, visit http://evil.example/login now";
    let opened = asker.once(&app, "/v1/workspaces", json!({ "name": name })).await.expect(201);
    let team = asker.about(&text(&opened["id"]));
    invite(&app, &team, "target@example.net").await.expect(201);
    let mails = app.data().join("mails");
    let mail = async {
        loop {
            let files = std::fs::read_dir(&mails).into_iter().flatten().filter_map(Result::ok);
            let found = files.filter_map(|file| std::fs::read_to_string(file.path()).ok());
            if let Some(mail) = found.into_iter().find(|mail| mail.contains("target@example.net")) {
                return mail;
            }
            tokio::task::yield_now().await;
        }
    };
    let mail = tokio::time::timeout(PATIENCE, mail).await.expect("it is written");
    let subject = mail.lines().find(|line| line.starts_with("Subject:")).expect("it has one");
    assert!(!subject.contains("PayPal") && !subject.contains("evil"), "{subject}");
    assert!(!mail.contains("http://evil") && !mail.contains("evil.example"), "{mail}");
}

/// Returns one request of a person who tries everything, and its path if the answer is a stream.
fn attempt(dice: &mut Dice, teams: &[String], run: &str) -> (Method, String, Value) {
    let n = dice.below(40);
    let victim = format!("victim{}{}@example.net", n % 4, ["", "+a", "+b"][n % 3]);
    let get = |path: String| (Method::GET, path, Value::Null);
    let post = |path: &str, body: Value| (Method::POST, path.to_owned(), body);
    match dice.below(24) {
        0 | 1 => post("/v1/invitations", json!({ "email": victim })),
        2 => post("/v1/invitations", json!({ "email": format!("somebody{}@example.net", dice.below(10_000)) })),
        3 => post("/v1/sign_in", json!({ "email": victim })),
        4 => post("/v1/workspaces", json!({ "name": "Another" })),
        5 => post("/v1/checkout", json!({ "pack": "credits-1000" })),
        6 => post("/v1/checkout", json!({ "plan": dice.pick(&["creator", "pro"]), "interval": "month" })),
        7 => post("/v1/billing_portal", json!({})),
        8 => post("/v1/billing_portal", json!({ "flow": dice.pick(&["cancel", "payment_method"]) })),
        9 => (
            Method::PUT,
            "/v1/billing/top_up".to_owned(),
            json!({ "pack": "credits-1000", "below": 1_000_000, "monthly_max": 1_000_000 }),
        ),
        10 => (Method::DELETE, "/v1/billing/top_up".to_owned(), Value::Null),
        11 => get(format!("/v1/runs/{run}/events")),
        12 => get("/v1/audit?limit=100".to_owned()),
        13 => post("/v1/quotes", json!({ "model": "image-standard", "params": {} })),
        14 => post("/v1/runs", json!({ "model": "image-standard", "params": {}, "sandbox": { "outcome": "fail" } })),
        15 => get("/v1/entries?limit=100".to_owned()),
        16 => post("/v1/keys", json!({ "name": "k", "capabilities": ["model:run"] })),
        17 => post("/v1/reviews", json!({ "review": "business_verification", "form": {} })),
        18 => (Method::PATCH, format!("/v1/workspaces/{}", dice.pick(teams)), json!({ "name": "http://evil.example" })),
        19 => get("/v1/invitations".to_owned()),
        20 => get("/v1/billing".to_owned()),
        21 => get("/v1/workspaces".to_owned()),
        22 => get("/v1/usage".to_owned()),
        _ => get("/v1/catalog".to_owned()),
    }
}

/// Goal: R39: a free person causes no more than a fixed number of mails, requests to Stripe, workspaces and streams, by
/// any requests in any order and number. Method: a walk of requests from a seed, sixteen at once, and then a count
/// where the cost arises: of mails in the database, and of requests at the Stripe simulator.
#[tokio::test(flavor = "multi_thread")]
async fn a_free_person_with_many_requests_causes_no_more_than_the_table_says() {
    let number =
        |name: &str, default: usize| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default);
    let (requests, seed) = (number("ABUSE_REQUESTS", REQUESTS), number("ABUSE_FROM", 7));
    // The simulator's account has its limit of Stripe's test mode; deliveries come.
    let (app, stripe) = shop(&[("SCRIP_STRIPE_REQUESTS_PER_SECOND", "20")]).await;
    let mallory = app.human("mallory@example.com").await;
    let mut teams = vec![workspace(&app.team_of(&mallory).await).to_owned()];
    let first = mallory.at(&teams[0]);
    let run = endless(&app, &first).await;
    let before = wait_until_quiet(&stripe).await;
    let mut dice = Dice::new(seed as u64);
    let (mut streams, mut most_open, mut done) = (Vec::new(), 0, 0);
    while done < requests {
        let wave: Vec<_> = (0..16).map(|_| (attempt(&mut dice, &teams, &run), dice.below(teams.len()))).collect();
        done += wave.len();
        let sent = wave.iter().map(|((method, path, body), team)| {
            let asker = mallory.at(if path.contains("/runs/") { &teams[0] } else { &teams[*team] });
            let mut call = asker.call(&app, method.clone(), path);
            if *method != Method::GET {
                call = call.once();
            }
            if body.is_object() {
                call = call.json(body);
            }
            call.stream()
        });
        for (answer, ((method, path, _), _)) in join_all(sent).await.into_iter().zip(&wave) {
            let status = answer.status().as_u16();
            assert!(status < 500 || status == 503, "{method} {path}: {status}\n{}", app.log());
            match (path.as_str(), status) {
                (_, 200) if path.ends_with("/events") => streams.push(answer),
                ("/v1/workspaces", 201) if *method == Method::POST => {
                    let opened: Value = answer.json().await.expect("a workspace");
                    teams.push(text(&opened["id"]));
                }
                _ => drop(answer.bytes().await),
            }
        }
        most_open = most_open.max(streams.len());
        if streams.len() >= 10 && dice.below(8) == 0 {
            streams.clear();
        }
    }
    let count = |sql: &str| app.query(sql).parse::<usize>().expect("a number");
    let (sent, opened) = (app.mails("invitation"), teams.len());
    assert!(sent <= 20, "{sent} invitation mails of one person");
    assert!(opened <= 5, "{opened} workspaces of one person");
    let worst = "SELECT COALESCE(MAX(n), 0) FROM (SELECT count(*) AS n FROM mails WHERE kind = 'invitation'
                 AND recipient LIKE 'victim%' GROUP BY substr(recipient, 1, 7)) AS each_one";
    assert!(count(worst) <= 3, "{} mails to one mailbox", count(worst));
    let asked = wait_until_quiet(&stripe).await - before;
    // Requests that Scrip makes for all workspaces together are made once for each kind of portal.
    let shared = 2 * 16;
    assert!(asked <= 30 * opened + shared, "{asked} requests to Stripe of {opened} workspaces");
    assert!((1..=10).contains(&most_open), "{most_open} streams were open at once");
    eprintln!(
        "{done} requests from seed {seed}: {sent} invitation mails, {} sign-in mails, {asked} requests to Stripe, \
         {opened} workspaces, {most_open} streams at once",
        app.mails("sign_in")
    );
}
