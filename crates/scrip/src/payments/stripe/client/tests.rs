//! The client against a server that answers or hangs up as each test tells it to.

use super::super::objects::Metadata;
use super::super::objects::customer::NewCustomer;
use super::super::objects::event::Events;
use super::super::objects::payment::NewPayment;
use super::*;
use serde_json::json;
use std::io::Write;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

const SECRET: &str = "sk_test_hush51Abc";

/// One reaction of the server to a connection.
enum Step {
    /// Answers with a status, headers and a body.
    Answer(u16, &'static str, String),
    /// Reads the request and hangs up.
    HangUp,
    /// Promises a longer body than it sends.
    CutShort,
}

/// A request as it arrived.
#[derive(Clone, Debug, PartialEq)]
struct ReceivedRequest {
    line: String,
    headers: Vec<String>,
    body: String,
}

impl ReceivedRequest {
    fn header(&self, name: &str) -> Option<&str> {
        let headers = self.headers.iter().filter_map(|line| line.split_once(": "));
        headers.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }
}

fn client(url: &str) -> Client {
    Client::new(url, SecretKey::new(SECRET).expect("it is one")).expect("secrets may be sent there")
}

/// Requests that a server has received so far.
#[derive(Clone, Default)]
struct Script(Arc<Mutex<Vec<ReceivedRequest>>>);

impl Script {
    fn requests(&self) -> Vec<ReceivedRequest> {
        self.0.lock().expect("no thread panicked").clone()
    }
}

/// Starts a server that takes one step for each connection, and hangs up on all further ones.
async fn server(steps: Vec<Step>) -> (Client, Script) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    let script = Script::default();
    let seen = script.0.clone();
    tokio::spawn(async move {
        let mut steps = steps.into_iter();
        loop {
            let (stream, _) = listener.accept().await.expect("the client connects");
            let mut stream = BufReader::new(stream);
            let request = request(&mut stream).await;
            seen.lock().expect("no thread panicked").push(request);
            let text = match steps.next().unwrap_or(Step::HangUp) {
                Step::HangUp => continue,
                Step::CutShort => "HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"id\":".to_owned(),
                Step::Answer(status, headers, body) => {
                    let head = format!("HTTP/1.1 {status} Said\r\nconnection: close\r\n{headers}");
                    format!("{head}content-length: {}\r\n\r\n{body}", body.len())
                }
            };
            stream.write_all(text.as_bytes()).await.expect("the client reads");
        }
    });
    (client(&url).impatient(), script)
}

async fn request(stream: &mut BufReader<tokio::net::TcpStream>) -> ReceivedRequest {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.expect("a line");
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let line = lines.remove(0);
    let mut seen = ReceivedRequest { line, headers: lines, body: String::new() };
    let length = seen.header("content-length").map_or(0, |length| length.parse().expect("a length"));
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.expect("a body");
    seen.body = String::from_utf8(body).expect("a form");
    seen
}

fn customer(id: &str) -> String {
    json!({ "id": id, "object": "customer", "livemode": false, "email": null, "metadata": {} }).to_string()
}

fn refusal(kind: &str, code: &str) -> String {
    json!({ "error": { "type": kind, "code": code, "param": "email", "message": format!("{SECRET} may not") } })
        .to_string()
}

fn answer(status: u16, body: String) -> Step {
    Step::Answer(status, "request-id: req_1\r\n", body)
}

fn key() -> IdempotencyKey {
    IdempotencyKey::of(&["decision-1"])
}

fn ada() -> NewCustomer {
    let metadata = Metadata::from([("scrip_workspace".to_owned(), "ws_1".to_owned())]);
    NewCustomer { email: Some("ada+1@example.com".to_owned()), metadata, ..NewCustomer::default() }
}

/// Creates a customer; returns the result, and the requests that the server received.
async fn create_customer(steps: Vec<Step>) -> (Result<String, Error>, Vec<ReceivedRequest>) {
    let (client, script) = server(steps).await;
    let made = client.create_customer(&ada(), &key()).await.map(|customer| customer.id);
    (made, script.requests())
}

/// Reads a customer; returns the result, and the requests that the server received.
async fn read_customer(steps: Vec<Step>) -> (Result<String, Error>, Vec<ReceivedRequest>) {
    let (client, script) = server(steps).await;
    let asked = client.customer("cus_1").await.map(|customer| customer.id);
    (asked, script.requests())
}

#[tokio::test]
async fn a_request_says_who_asks_in_which_version_and_for_which_decision() {
    let (made, seen) = create_customer(vec![answer(200, customer("cus_1"))]).await;
    assert_eq!(made.expect("it is made"), "cus_1");
    let [seen] = seen.as_slice() else { panic!("one request: {seen:?}") };
    assert_eq!(seen.line, "POST /v1/customers HTTP/1.1");
    assert_eq!(seen.header("authorization"), Some(&*format!("Bearer {SECRET}")));
    assert_eq!(seen.header("stripe-version"), Some("2026-10-28.endive"));
    assert_eq!(seen.header("idempotency-key"), Some(key().as_str()));
    assert_eq!(seen.header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(seen.body, "email=ada%2B1%40example.com&metadata[scrip_workspace]=ws_1");
}

#[tokio::test]
async fn a_question_carries_no_key() {
    let (asked, seen) = read_customer(vec![answer(200, customer("cus_1"))]).await;
    assert!(asked.is_ok() && seen[0].header("idempotency-key").is_none(), "{seen:?}");
    assert_eq!(seen[0].line, "GET /v1/customers/cus_1 HTTP/1.1");
}

#[tokio::test]
async fn a_decision_is_sent_again_to_the_letter_until_it_is_answered() {
    for bad in [Step::HangUp, Step::CutShort, answer(500, String::new()), answer(409, refusal("api_error", "lock"))] {
        let busy = answer(429, refusal("api_error", "rate_limit"));
        let (made, seen) = create_customer(vec![bad, busy, answer(200, customer("c"))]).await;
        assert_eq!(made.expect("it is made"), "c");
        assert_eq!(seen.len(), 3);
        let same = |one: &ReceivedRequest| {
            (one.line.clone(), one.body.clone(), one.header("idempotency-key").map(str::to_owned))
        };
        assert!(seen.iter().all(|one| same(one) == same(&seen[0])), "{seen:?}");
    }
}

#[tokio::test]
async fn a_verdict_is_never_asked_for_again() {
    for (status, kind, code) in [
        (400, "invalid_request_error", "parameter_invalid"),
        (401, "invalid_request_error", "api_key_expired"),
        (402, "card_error", "card_declined"),
        (403, "invalid_request_error", "permission"),
        (404, "invalid_request_error", "resource_missing"),
    ] {
        let (made, seen) = create_customer(vec![answer(status, refusal(kind, code))]).await;
        let error = made.expect_err("it is refused");
        let refused = error.refusal().unwrap_or_else(|| panic!("{status}: {error:?}"));
        assert_eq!((refused.status, &*refused.kind, refused.code.as_deref()), (status, kind, Some(code)));
        assert_eq!((refused.param.as_deref(), refused.request_id.as_deref()), (Some("email"), Some("req_1")));
        assert_eq!(refused.message, "… may not");
        assert_eq!(seen.len(), 1);
    }
}

#[tokio::test]
async fn a_declined_card_names_its_payment_and_its_reason() {
    let body = json!({ "error": { "type": "card_error", "code": "card_declined", "decline_code": "do_not_honor",
        "message": "Declined.", "payment_intent": { "id": "pi_1", "object": "payment_intent", "status": "x" } } });
    let (made, _) = create_customer(vec![answer(402, body.to_string())]).await;
    let error = made.expect_err("it is declined");
    let refused = error.refusal().expect("it is a refusal");
    assert_eq!(refused.decline_code.as_deref(), Some("do_not_honor"));
    assert_eq!(refused.payment_intent.as_ref().map(|payment| &*payment.id), Some("pi_1"));
    assert_eq!(error.to_string(), "Stripe refuses it: 402 card_declined: Declined. (request req_1)");
}

#[tokio::test]
async fn after_three_tries_nobody_knows() {
    for last in [
        Step::HangUp,
        Step::CutShort,
        answer(500, refusal("api_error", "x")),
        // A refusal for too many requests does not tell what became of the first attempt.
        answer(429, refusal("invalid_request_error", "rate_limit")),
    ] {
        let (made, seen) = create_customer(vec![Step::HangUp, Step::HangUp, last]).await;
        assert!(matches!(made, Err(Error::Unknown(_))), "{made:?}");
        assert_eq!(seen.len(), 3);
    }
    // A refusal of the key is not tried again.
    let (made, seen) =
        create_customer(vec![Step::HangUp, answer(401, refusal("invalid_request_error", "api_key_expired"))]).await;
    assert!(matches!(made, Err(Error::Unknown(_))) && seen.len() == 2, "{made:?}");
    // A refusal of the decision itself also held for the attempt before.
    let (made, seen) = made_again(402).await;
    assert!(matches!(made, Err(Error::Refused(_))) && seen.len() == 2, "{made:?}");
}

async fn made_again(status: u16) -> (Result<String, Error>, Vec<ReceivedRequest>) {
    create_customer(vec![Step::HangUp, answer(status, refusal("card_error", "card_declined"))]).await
}

#[tokio::test]
async fn what_is_under_way_elsewhere_is_not_known() {
    let busy = || answer(409, refusal("idempotency_error", "idempotency_key_in_use"));
    let (made, seen) = create_customer(vec![busy(), busy(), busy()]).await;
    assert!(matches!(made, Err(Error::Unknown(_))) && seen.len() == 3, "{made:?}");
}

#[tokio::test]
async fn a_limit_that_does_not_end_is_a_refusal() {
    let busy = || answer(429, refusal("invalid_request_error", "rate_limit"));
    let (made, _) = create_customer(vec![busy(), busy(), busy()]).await;
    assert_eq!(made.expect_err("it is refused").refusal().map(|refused| refused.status), Some(429));
}

#[tokio::test]
async fn where_nobody_listens_nothing_is_done() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    drop(listener);
    let made = client(&url).impatient().create_customer(&ada(), &key()).await;
    assert!(matches!(&made, Err(Error::Unreachable(why)) if why.contains("refused")), "{made:?}");
}

#[tokio::test]
async fn a_question_changes_nothing_however_it_ends() {
    let (found, seen) = read_customer(vec![Step::HangUp, answer(503, String::new()), Step::CutShort]).await;
    assert!(matches!(found, Err(Error::Unreachable(_))) && seen.len() == 3, "{found:?}");
    let (found, _) = read_customer(vec![Step::HangUp, answer(200, customer("cus_1"))]).await;
    assert_eq!(found.expect("it is found"), "cus_1");
}

#[tokio::test]
async fn a_charge_in_the_customers_absence_is_sent_once_however_it_ends() {
    for step in [Step::HangUp, Step::CutShort, answer(503, String::new()), answer(500, refusal("api_error", "x"))] {
        let (client, script) = server(vec![step]).await;
        let new = NewPayment {
            amount: 1200,
            currency: "usd".to_owned(),
            customer: "cus_1".to_owned(),
            payment_method: "pm_1".to_owned(),
            description: "a pack".to_owned(),
            metadata: Metadata::default(),
        };
        let charged = client.pay_off_session(&new, &key()).await;
        assert!(matches!(charged, Err(Error::Unknown(_))) && script.requests().len() == 1, "{charged:?}");
    }
}

#[tokio::test]
async fn stripe_says_whether_and_when_another_try_is_of_use() {
    let no = Step::Answer(500, "stripe-should-retry: false\r\n", refusal("api_error", "x"));
    let (made, seen) = create_customer(vec![no]).await;
    assert!(matches!(made, Err(Error::Unknown(_))) && seen.len() == 1, "{made:?}");

    // A refusal of the decision itself is final, whatever the header says.
    let declined = Step::Answer(402, "stripe-should-retry: true\r\n", refusal("card_error", "card_declined"));
    let (declined, seen) = self::create_customer(vec![declined]).await;
    assert!(declined.is_err_and(|error| error.refusal().is_some()) && seen.len() == 1);

    let long = Step::Answer(429, "retry-after: 3600\r\n", refusal("invalid_request_error", "rate_limit"));
    let (found, seen) = read_customer(vec![long]).await;
    assert!(found.is_err_and(|error| error.refusal().is_some()) && seen.len() == 1);

    let clock = scrip_store::clock::Stopwatch::start();
    let soon = Step::Answer(429, "retry-after: 1\r\n", refusal("invalid_request_error", "rate_limit"));
    let (found, _) = read_customer(vec![soon, answer(200, customer("cus_1"))]).await;
    assert!(found.is_ok() && clock.elapsed() >= Duration::from_secs(1), "{found:?}");
}

#[tokio::test]
async fn a_success_that_cannot_be_read_is_no_success_and_no_refusal() {
    for garbage in ["", "<html>", "[]", "{}", "{\"id\": 7}"] {
        let (made, seen) = create_customer(vec![answer(200, garbage.to_owned())]).await;
        assert!(matches!(made, Err(Error::Unknown(_))) && seen.len() == 1, "{garbage}: {made:?}");
        let (found, seen) = read_customer(vec![answer(200, garbage.to_owned())]).await;
        assert!(matches!(found, Err(Error::Unreachable(_))) && seen.len() == 1, "{garbage}: {found:?}");
    }
}

#[tokio::test]
async fn what_is_not_stripe_is_not_believed() {
    for status in [302, 400, 404] {
        let page = || Step::Answer(status, "location: http://127.0.0.1:1/\r\n", "<html>".to_owned());
        let (made, seen) = create_customer(vec![page()]).await;
        assert!(matches!(made, Err(Error::Unknown(_))) && seen.len() == 1, "{status}: {made:?}");
        let (found, seen) = read_customer(vec![page()]).await;
        assert!(matches!(found, Err(Error::Unreachable(_))) && seen.len() == 1, "{status}: {found:?}");
    }
}

#[tokio::test]
async fn a_list_is_read_to_its_end() {
    let event = |n: u8| {
        json!({ "id": format!("evt_{n}"), "type": "x", "livemode": false, "created": n,
                                "data": { "object": { "id": format!("in_{n}") } } })
    };
    let page = |of: &[u8], has_more: bool| {
        let data: Vec<Value> = of.iter().map(|n| event(*n)).collect();
        answer(200, json!({ "object": "list", "data": data, "has_more": has_more }).to_string())
    };
    let (client, script) = server(vec![page(&[5, 4], true), page(&[3, 2], true), page(&[1], false)]).await;
    let events = client.events(&Events { types: &["x", "invoice.paid"], ..Events::default() }).await;
    let events: Vec<String> = events.expect("they are there").into_iter().map(|event| event.id).collect();
    assert_eq!(events, ["evt_5", "evt_4", "evt_3", "evt_2", "evt_1"]);
    let seen: Vec<String> = script.requests().into_iter().map(|seen| seen.line).collect();
    let line = |cursor: &str| format!("GET /v1/events?limit=100&types[0]=x&types[1]=invoice.paid{cursor} HTTP/1.1");
    assert_eq!(seen, [line(""), line("&starting_after=evt_4"), line("&starting_after=evt_2")]);

    // A list whose cursor does not move is refused.
    let (client, script) = server(vec![page(&[5], true), page(&[5], true)]).await;
    let events = client.events(&Events::default()).await;
    assert!(matches!(events, Err(Error::Unreachable(_))) && script.requests().len() == 2, "{events:?}");
}

#[tokio::test]
async fn an_id_from_elsewhere_leads_nowhere_else() {
    let (client, script) = server(vec![]).await;
    for id in ["", "..", "../events", "cus_1/sources", "cus_1?expand[]=x", "cus_1#", "cus%2F", "ü", "a b", "a\r\nX: y"]
    {
        let found = client.customer(id).await;
        let error = found.expect_err("there is none");
        assert_eq!(error.refusal().map(|refused| refused.status), Some(404), "{id:?}: {error:?}");
    }
    assert_eq!(script.requests(), []);
}

/// Output of the log while a test ran.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no thread panicked").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_knows_requests_and_neither_the_key_nor_people() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone()).finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let steps = vec![answer(402, refusal("card_error", "card_declined"))];
    let (client, script) = server(steps).await;
    let refused = client.create_customer(&ada(), &key()).await.expect_err("it is refused");
    let dead = client.customer("cus_1").await.expect_err("it hangs up");
    let told = format!("{client:?} {:?} {refused:?} {refused} {dead:?} {dead}", client.key);
    assert_eq!(script.requests().len(), 4);
    drop(guard);
    let log = String::from_utf8(log.0.lock().expect("no thread panicked").clone()).expect("text");
    assert!(log.contains("req_1") && log.contains("card_declined"), "{log}");
    assert!(log.contains("Stripe did not answer a request"), "{log}");
    for secret in [SECRET, "hush51", "ada"] {
        assert!(!log.contains(secret) && !told.contains(secret), "{secret}: {log}{told}");
    }
}

#[test]
fn a_key_goes_to_no_other_machine_unencrypted() {
    let of = |url: &str| Client::of(Some(url), Some(SECRET)).map(|client| client.is_some());
    assert_eq!(of("https://api.stripe.com"), Ok(true));
    assert_eq!(of("http://127.0.0.1:12111/"), Ok(true));
    for bad in ["http://api.stripe.com", "api.stripe.com", ""] {
        assert!(of(bad).is_err_and(|said| !said.contains("hush")), "{bad}");
    }
    assert!(
        Client::of(None, Some("hush")).is_err_and(|said| said.contains("stripe_secret_key") && !said.contains("hush"))
    );
    assert!(Client::of(None, None).is_ok_and(|client| client.is_none()));
}

#[test]
fn waits_double_and_are_never_in_step() {
    let client = client("https://api.stripe.com");
    for tried in 1..=TRIES {
        let whole = FIRST_WAIT * 2_u32.pow(tried - 1);
        let waits: Vec<Duration> = (0..50).map(|_| client.backoff(tried)).collect();
        assert!(waits.iter().all(|wait| *wait >= whole / 2 && *wait <= whole), "{waits:?}");
        assert!(waits.iter().any(|wait| *wait != waits[0]));
    }
}
