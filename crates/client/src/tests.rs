//! Tests of the client against a socket that answers from a script.

mod document;

use crate::types::*;
use crate::{Client, Error, KeyKind, Paging, Retries};
use serde_json::{Map, Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Reaction of the stub to one request.
enum Step {
    /// Reads the request and hangs up.
    HangUp,
    /// Answers the request with a status, headers and a body.
    Answer(u16, &'static str, String),
}

fn answer(status: u16, body: &Value) -> Step {
    Step::Answer(status, "", body.to_string())
}

/// A request as it arrived: the head in lower case, and the body.
#[derive(Clone, Debug, PartialEq)]
struct Request {
    head: String,
    body: String,
}

impl Request {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// A server that takes one connection a step and then goes away.
struct Stub {
    url: String,
    served: JoinHandle<Vec<Request>>,
}

impl Stub {
    async fn start(script: Vec<Step>) -> Stub {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let served = tokio::spawn(async move {
            let mut requests = Vec::new();
            for step in script {
                let (mut stream, _) = listener.accept().await.expect("the client connects");
                requests.push(read(&mut stream).await);
                if let Step::Answer(status, headers, body) = step {
                    let head = format!(
                        "HTTP/1.1 {status} X\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n",
                        body.len()
                    );
                    stream.write_all((head + &body).as_bytes()).await.expect("the client reads");
                }
            }
            requests
        });
        Stub { url, served }
    }

    /// Returns a client of this stub, and the list of its pauses, which take no time.
    fn client(&self) -> (Client, Arc<Mutex<Vec<Duration>>>) {
        let pauses: Arc<Mutex<Vec<Duration>>> = Arc::default();
        let taken = Arc::clone(&pauses);
        let client = Client::new(&self.url, "sk_test_key").expect("the address is good");
        let client = client.with_sleeper(move |pause| {
            taken.lock().expect("no thread panicked").push(pause);
            Box::pin(async {})
        });
        (client, pauses)
    }

    async fn requests(self) -> Vec<Request> {
        self.served.await.expect("the whole script was played")
    }
}

async fn read(stream: &mut tokio::net::TcpStream) -> Request {
    let mut bytes = Vec::new();
    loop {
        let mut some = [0; 4_096];
        let read = stream.read(&mut some).await.expect("the client sends");
        bytes.extend_from_slice(&some[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let mut lines = head.lines();
        let first = lines.next().unwrap_or_default().to_owned();
        let headers = lines.map(|line| line.split_once(": ").expect("a header"));
        let head = headers.fold(first, |head, (name, value)| format!("{head}\n{}: {value}", name.to_lowercase()));
        let request = Request { head, body: body.to_owned() };
        let length: usize = request.header("content-length").map_or(0, |length| length.parse().expect("a number"));
        if body.len() >= length {
            return request;
        }
    }
}

fn problem(status: u16, code: &str, more: &Value) -> Value {
    let mut problem = json!({
        "type": "urn:scrip:problem:x", "title": "X", "status": status, "code": code, "detail": "do better", "request_id": "req_1",
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        problem[name] = value.clone();
    }
    problem
}

fn gift() -> NewGrant {
    NewGrant {
        pack: None,
        amount: Some(5),
        unit: None,
        reason: "sorry".to_owned(),
        source: None,
        expires_at: None,
        models: Vec::new(),
    }
}

fn new_run() -> NewRun {
    NewRun {
        model: "image".to_owned(),
        params: Default::default(),
        quote: None,
        sandbox: None,
        metadata: Default::default(),
    }
}

#[tokio::test]
async fn a_lost_connection_and_an_unavailable_server_are_tried_again_with_the_same_key_and_bytes() {
    let unavailable = || answer(503, &problem(503, "UNAVAILABLE", &json!({})));
    let stub = Stub::start(vec![
        Step::HangUp,
        unavailable(),
        Step::Answer(502, "", "<html>".to_owned()),
        answer(201, &json!([])),
    ])
    .await;
    let (client, pauses) = stub.client();
    assert_eq!(client.give("ws_1", &gift()).await.expect("the fourth try is answered"), []);
    let requests = stub.requests().await;
    assert_eq!(requests.len(), 4);
    assert!(requests.iter().all(|request| *request == requests[0]), "{requests:#?}");
    assert_eq!(requests[0].header("idempotency-key").map(str::len), Some(32));
    assert_eq!(requests[0].header("authorization"), Some("Bearer sk_test_key"));
    assert!(requests[0].head.starts_with("POST /v1/workspaces/ws_1/grants HTTP/1.1\n"), "{}", requests[0].head);
    let pauses = pauses.lock().expect("no thread panicked").clone();
    for (pause, whole) in pauses.iter().zip([200, 400, 800]) {
        assert!((Duration::from_millis(whole / 2)..=Duration::from_millis(whole)).contains(pause), "{pauses:?}");
    }
    assert_eq!(pauses.len(), 3);
}

#[tokio::test]
async fn two_calls_have_two_keys_and_a_caller_may_give_its_own() {
    let stub = Stub::start((0..3).map(|_| answer(201, &json!([]))).collect()).await;
    let (client, _) = stub.client();
    for call in [
        client.give("ws_1", &gift()),
        client.give("ws_1", &gift()),
        client.give("ws_1", &gift()).idempotency_key("invoice-7"),
    ] {
        call.await.expect("it is answered");
    }
    let requests = stub.requests().await;
    let keys: Vec<&str> = requests.iter().filter_map(|request| request.header("idempotency-key")).collect();
    assert_ne!(keys[0], keys[1]);
    assert_eq!(keys[2], "invoice-7");
}

#[tokio::test]
async fn decisions_go_out_in_one_request_and_each_has_its_answer() {
    let hold = json!({
        "id": "hd_1_1", "reference": "r", "model": null, "status": "open", "unit": "credits", "credits": 5, "captured": 0,
        "released": 0, "created_at": "2026-03-01T00:00:00Z", "expires_at": "2026-03-01T01:00:00Z", "ended_at": null,
    });
    let refused = problem(402, "INSUFFICIENT_CREDITS", &json!({ "required": 9 }));
    let answers = json!({ "answers": [
        { "key": "a", "status": 201, "hold": hold, "entry": "en_1_2", "replayed": false },
        { "key": "b", "status": 402, "problem": refused },
    ] });
    let stub = Stub::start(vec![answer(200, &answers)]).await;
    let (client, _) = stub.client();
    let new = NewHold {
        credits: Some(5),
        model: None,
        params: Map::new(),
        reference: "r".to_owned(),
        seconds: None,
        on_behalf_of: None,
        count_request: false,
    };
    let (open, capture) = (new.clone(), CaptureRequest { credits: None });
    let decisions = [
        Decision::Open(OpenDecision { key: "a".to_owned(), workspace: "ws_1".to_owned(), open }),
        Decision::Capture(CaptureDecision { key: "b".to_owned(), hold: "hd_1_7".to_owned(), capture }),
        Decision::Release(ReleaseDecision {
            key: "c".to_owned(),
            hold: "hd_1_8".to_owned(),
            release: ReleaseRequest {},
        }),
    ];
    let decided = client.decide(&decisions).await.expect("it is answered");
    let [DecisionAnswer::Made(made), DecisionAnswer::Refused(refused)] = &decided.answers[..] else {
        panic!("one was made and one refused: {decided:?}");
    };
    assert_eq!((made.hold.id.as_str(), made.entry.as_deref()), ("hd_1_1", Some("en_1_2")));
    assert_eq!(
        (refused.problem.problem.code.as_str(), &refused.problem.members["required"]),
        ("INSUFFICIENT_CREDITS", &json!(9))
    );
    assert_eq!(refused.problem.members.len(), 1, "what every problem has is not among its own members");
    let requests = stub.requests().await;
    assert!(requests[0].head.starts_with("POST /v1/holds/batch HTTP/1.1\n"), "{}", requests[0].head);
    let sent: Value = serde_json::from_str(&requests[0].body).expect("it is JSON");
    assert_eq!(
        sent["decisions"],
        json!([
            { "key": "a", "workspace": "ws_1", "open": { "credits": 5, "reference": "r" } },
            { "key": "b", "hold": "hd_1_7", "capture": {} },
            { "key": "c", "hold": "hd_1_8", "release": {} },
        ])
    );
    let read: DecisionBatch = serde_json::from_value(sent).expect("what is written can be read");
    assert_eq!(read.decisions, decisions);
}

#[tokio::test]
async fn a_read_has_no_key_and_a_workspace_its_header() {
    let stub = Stub::start(vec![answer(200, &json!({ "data": [], "next_cursor": null, "has_more": false }))]).await;
    let (client, _) = stub.client();
    let paging = Paging { limit: Some(5), cursor: Some("c_1&x".to_owned()) };
    let page = client.workspace("ws_1").runs(&paging, Some("failed")).await.expect("it is answered");
    assert!(page.data.is_empty());
    let requests = stub.requests().await;
    assert!(
        requests[0].head.starts_with("GET /v1/runs?limit=5&cursor=c_1%26x&status=failed HTTP/1.1\n"),
        "{}",
        requests[0].head
    );
    assert_eq!(requests[0].header("scrip-workspace"), Some("ws_1"));
    assert_eq!(requests[0].header("idempotency-key"), None);
}

#[tokio::test]
async fn the_server_says_how_long_to_wait() {
    let limited = Step::Answer(
        429,
        "retry-after: 7\r\n",
        problem(429, "CONCURRENCY_LIMITED", &json!({ "limit": 1 })).to_string(),
    );
    let stub = Stub::start(vec![limited, answer(201, &json!([]))]).await;
    let (client, pauses) = stub.client();
    client.give("ws_1", &gift()).await.expect("the second try is answered");
    assert_eq!(*pauses.lock().expect("no thread panicked"), [Duration::from_secs(7)]);
    stub.requests().await;
}

#[tokio::test]
async fn a_wait_beyond_patience_is_left_to_the_caller() {
    let limited =
        Step::Answer(429, "retry-after: 3600\r\n", problem(429, "RATE_LIMITED", &json!({ "limit": 100 })).to_string());
    let stub = Stub::start(vec![limited]).await;
    let (client, pauses) = stub.client();
    let error = client.give("ws_1", &gift()).await.expect_err("an hour is too long");
    assert_eq!(error.code(), Some("RATE_LIMITED"));
    assert!(pauses.lock().expect("no thread panicked").is_empty());
    stub.requests().await;
}

#[tokio::test]
async fn tries_are_bounded_and_the_last_answer_is_the_one_told() {
    let unavailable = || answer(503, &problem(503, "UNAVAILABLE", &json!({})));
    let stub = Stub::start(vec![unavailable(), Step::HangUp]).await;
    let (client, pauses) = stub.client();
    let client = client.with_retries(Retries { tries: 2, ..Retries::default() });
    let error = client.give("ws_1", &gift()).await.expect_err("no server answers");
    assert!(matches!(error, Error::Transport { tries: 2, .. }), "{error:?}");
    assert!(error.is_unavailable());
    assert_eq!(pauses.lock().expect("no thread panicked").len(), 1);
    stub.requests().await;
}

#[tokio::test]
async fn a_refusal_is_typed_with_its_members_and_never_tried_again() {
    let members = json!({ "required": 10, "available": 3, "options": [{ "kind": "renewal" }] });
    let stub = Stub::start(vec![answer(402, &problem(402, "INSUFFICIENT_CREDITS", &members))]).await;
    let (client, pauses) = stub.client();
    let error = client.workspace("ws_1").create_run(&new_run()).await.expect_err("it is refused");
    let Error::Refused { status, problem, members: found } = &error else { panic!("{error:?}") };
    assert_eq!((*status, problem.code.as_str(), problem.request_id.as_str()), (402, "INSUFFICIENT_CREDITS", "req_1"));
    assert_eq!(*found, members);
    assert!(!error.is_unavailable());
    assert!(pauses.lock().expect("no thread panicked").is_empty());
    stub.requests().await;
}

#[tokio::test]
async fn what_is_not_this_api_is_said_to_be_so() {
    let html = || Step::Answer(404, "", "<html>not here</html>".to_owned());
    let stub = Stub::start(vec![html(), answer(200, &json!({ "id": 7 }))]).await;
    let (client, _) = stub.client();
    let error = client.show_workspace("ws_1").await.expect_err("a page is no answer");
    assert!(matches!(&error, Error::Unreadable { status: 404, detail } if detail.contains("not here")), "{error:?}");
    let error = client.show_workspace("ws_1").await.expect_err("a number is no id");
    assert!(matches!(error, Error::Unreadable { status: 200, .. }), "{error:?}");
    stub.requests().await;
}

#[tokio::test]
async fn an_id_cannot_leave_its_place_in_the_address() {
    let stub = Stub::start(vec![answer(404, &problem(404, "NOT_FOUND", &json!({})))]).await;
    let (client, _) = stub.client();
    let error = client.run("a/../b?c#d", None).await.expect_err("it is not there");
    assert_eq!(error.code(), Some("NOT_FOUND"));
    let requests = stub.requests().await;
    assert!(requests[0].head.starts_with("GET /v1/runs/a%2F..%2Fb%3Fc%23d HTTP/1.1\n"), "{}", requests[0].head);
}

#[tokio::test]
async fn waiting_asks_until_the_run_has_ended() {
    let stub = Stub::start(vec![answer(200, &run("running")), answer(200, &run("partial"))]).await;
    let (client, pauses) = stub.client();
    assert_eq!(client.wait("run_1_1").await.expect("it ends").status, "partial");
    assert_eq!(pauses.lock().expect("no thread panicked").len(), 1);
    let requests = stub.requests().await;
    assert!(
        requests.iter().all(|request| request.head.starts_with("GET /v1/runs/run_1_1?wait=30 HTTP/1.1\n")),
        "{requests:#?}"
    );
}

#[tokio::test]
async fn a_followed_run_is_read_event_by_event() {
    let events =
        format!(": hello\n\nevent: run\nid: 1\ndata: {}\n\nevent: run\ndata: {}\n\n", run("running"), run("succeeded"));
    let stub = Stub::start(vec![Step::Answer(200, "content-type: text/event-stream\r\n", events)]).await;
    let (client, _) = stub.client();
    let mut follow = client.follow("run_1_1").await.expect("it is there");
    let mut statuses = Vec::new();
    while let Some(run) = follow.next().await.expect("the events are good") {
        statuses.push(run.status);
    }
    assert_eq!(statuses, ["running", "succeeded"]);
    stub.requests().await;
}

#[test]
fn a_cap_that_is_taken_away_is_sent_and_what_is_not_changed_is_not() {
    let client = Client::new("http://127.0.0.1:1", "sk_test_key").expect("both are good");
    let scoped = client.workspace("ws_1");
    let cap = Some(Some(SpendCap { credits: 5, every: Some(Interval::Month) }));
    let key = KeyChange { spend_cap: Some(None), ..KeyChange::default() };
    let member = MemberChange { role: None, spend_cap: cap };
    for (request, expected) in [
        (client.change_key("key_1", &key).request(), json!({ "spend_cap": null })),
        (scoped.change_member("usr_1", &member).request(), json!({ "spend_cap": { "credits": 5, "every": "month" } })),
    ] {
        let request = request.expect("it can be built").build().expect("it can be built");
        let body = request.body().and_then(reqwest::Body::as_bytes).expect("it has a body");
        assert_eq!(serde_json::from_slice::<Value>(body).expect("it is JSON"), expected);
    }
}

#[tokio::test]
async fn a_key_of_a_workspace_and_a_session_name_none() {
    for (key, kind) in [("wk_test_x", KeyKind::Workspace), ("ps_x", KeyKind::Session)] {
        let stub = Stub::start(vec![answer(200, &json!({ "data": [], "next_cursor": null, "has_more": false }))]).await;
        let client = Client::new(&stub.url, key).expect("the address is good");
        assert_eq!(client.kind(), Some(kind));
        // No workspace that was named before is sent.
        let own = client.workspace("ws_1").own_workspace();
        assert!(own.keys().await.expect("it is answered").data.is_empty());
        let requests = stub.requests().await;
        assert_eq!(requests[0].header("scrip-workspace"), None);
        assert_eq!(requests[0].header("authorization"), Some(format!("Bearer {key}").as_str()));
    }
}

#[test]
fn what_cannot_be_sent_is_refused_before() {
    for (url, key) in [("nonsense", "k"), ("mailto:a@example.com", "k"), ("http://127.0.0.1", "a\nb")] {
        assert!(matches!(Client::new(url, key), Err(Error::Misused(_))), "{url} {key:?}");
    }
    let client = Client::new("http://127.0.0.1:1/behind/a/path/", "secret").expect("both are good");
    assert!(!format!("{client:?}").contains("secret"));
    let new = NewWorkspace { name: "N".to_owned(), ..NewWorkspace::default() };
    let request = client.open_workspace(&new).request().expect("it can be built").build().expect("it can be built");
    assert_eq!(request.url().path(), "/behind/a/path/v1/workspaces");
}

fn run(status: &str) -> Value {
    json!({
        "id": "run_1_1", "kind": "model", "model": "image", "status": status, "params": {},
        "credits": { "quoted": 1, "held": 1, "captured": 0, "released": 0 }, "unit": "credits", "lines": [], "trial": null,
        "outputs": [], "error": null, "metadata": {}, "catalog_version": 1, "created_at": "2026-01-01T00:00:00Z",
        "started_at": null, "ended_at": null, "expires_at": "2026-01-01T01:00:00Z",
    })
}
