//! Stopping: a server that must stop answers the requests that wait, and is not delayed by them.

#![allow(clippy::disallowed_methods, reason = "how long an answer takes is what these stories are about")]

use reqwest::Method;
use scrip_testing::app::{App, Desk, PATIENCE, half_a_request, text};
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Maximum time of a stop when nothing is left to do.
const AT_ONCE: Duration = Duration::from_secs(2);

/// Returns the body of a run that goes on for as long as the story does.
fn endless() -> serde_json::Value {
    json!({ "model": "image-standard", "sandbox": { "outcome": "succeed", "after": 600 } })
}

fn connect(app: &App) -> TcpStream {
    let stream = TcpStream::connect(app.url.trim_start_matches("http://")).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("it is a time");
    stream
}

fn rest(mut stream: &TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_are_closed_and_waits_are_answered_with_the_run_as_it_is() {
    let app = App::start();
    let desk = app.free().await;
    let run = desk.run(endless()).await.expect(202);
    let path = format!("/v1/runs/{}", text(&run["id"]));
    desk.running(&run).await;
    let mut streams = Vec::new();
    for _ in 0..5 {
        let mut stream = desk.call(Method::GET, &format!("{path}/events")).stream().await;
        let first = stream.chunk().await.expect("it is open").expect("an event");
        assert!(String::from_utf8_lossy(&first).contains("event: run"));
        streams.push(stream);
    }
    // A connection that is kept without a request, and one that never sent a byte.
    let (mut idle, silent) = (connect(&app), connect(&app));
    idle.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").expect("it is open");
    let mut answer = [0; 512];
    let length = idle.read(&mut answer).expect("it answers");
    assert!(String::from_utf8_lossy(&answer[..length]).starts_with("HTTP/1.1 200"));

    let waits = [
        desk.call(Method::GET, &format!("{path}?wait=60")).send(),
        desk.call(Method::POST, "/v1/runs?wait=60").once().json(&endless()).send(),
    ];
    let stop = async {
        // The second listener is there once its run is.
        while desk.get("/v1/runs").await.expect(200)["data"].as_array().map_or(0, Vec::len) < 2 {
            tokio::task::yield_now().await;
        }
        let begun = Instant::now();
        app.terminate();
        begun
    };
    let [shown, made] = waits;
    let (begun, shown, made) = tokio::join!(stop, shown, made);
    assert_eq!(shown.expect(200)["status"], "running");
    assert!(["queued", "running"].contains(&&*text(&made.expect(202)["status"])));
    for mut stream in streams {
        while stream.chunk().await.expect("it is closed in order").is_some() {}
    }
    app.wait_until_ended().await;
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    assert_eq!((rest(&idle), rest(&silent)), (String::new(), String::new()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_in_the_middle_of_a_request_is_answered_and_who_comes_later_is_sent_away() {
    let mut app = App::start();
    let desk = app.free().await;
    let body = json!({ "credits": 3, "reference": "half" }).to_string();
    let (half, more) = body.split_at(body.len() / 2);
    let mut stream = connect(&app);
    let head = format!(
        "POST /v1/holds HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\nscrip-workspace: {}\r\nidempotency-key: half\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{half}",
        app.key,
        desk.id,
        body.len()
    );
    stream.write_all(head.as_bytes()).expect("it is open");
    // The server has the head of the request once it answers another one that was sent after it.
    desk.show().await;
    app.terminate();
    app.readiness("not ready: the server is stopping").await;
    let alive = app.bare(Method::GET, "/healthz").send().await;
    assert_eq!(alive.status, 200);
    let late = app.bare(Method::GET, "/v1/catalog").send().await;
    late.problem(503, "UNAVAILABLE");
    assert!(late.header("retry-after").is_some());
    assert!(!app.has_ended(), "a client is in the middle of a request");
    let begun = Instant::now();
    stream.write_all(more.as_bytes()).expect("it is open");
    let answer = rest(&stream);
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    app.wait_until_ended().await;
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    let id = desk.id;
    app.restart();
    assert_eq!(Desk { app: &app, id }.credits().await.1, 3);
}

#[tokio::test]
async fn who_never_ends_a_request_is_waited_for_no_longer_than_ten_seconds() {
    let app = App::start();
    let _stream = half_a_request(&app);
    app.get("/v1/catalog").await.expect(200);
    let begun = Instant::now();
    app.terminate();
    app.wait_until_ended().await;
    let (least, most) = (Duration::from_secs(9), Duration::from_secs(13));
    assert!((least..most).contains(&begun.elapsed()), "{:?}", begun.elapsed());
}
