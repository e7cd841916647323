//! Load: clients that work on a server, or on several over one journal, while something is being taken away from them.
//!
//! Invariant: every request is recorded with its answer; a repeated request must get the same answer.

use crate::app::{App, Desk, PATIENCE, number, text};
use crate::dice::Dice;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

const CLIENTS: usize = 8;

/// A request of a client, and the id in its answer, if there was one.
#[derive(Clone, Debug)]
pub struct SentRequest {
    pub key: String,
    pub workspace: String,
    pub path: &'static str,
    pub body: Value,
    pub id: Option<String>,
    /// Index of the server that was asked.
    pub through: usize,
}

/// Address and key of a server for a client; the server may be gone at any moment.
#[derive(Clone)]
pub struct Wire {
    pub url: String,
    key: String,
    client: reqwest::Client,
}

impl Wire {
    pub fn of(app: &App) -> Wire {
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build();
        Wire { url: app.url.clone(), key: app.key.clone(), client: client.expect("a client can be made") }
    }

    /// Sends a request; returns the status, `true` for a replay, and the body; `None` when the server was gone.
    pub async fn send(&self, asked: &SentRequest) -> Option<(u16, bool, Value)> {
        let request = self.client.request(Method::POST, format!("{}{}", self.url, asked.path)).bearer_auth(&self.key);
        let request = request.header("Scrip-Workspace", &asked.workspace).header("Idempotency-Key", &asked.key);
        let answer = request.json(&asked.body).send().await.ok()?;
        let replayed = answer.headers().get("idempotent-replayed").is_some_and(|value| value == "true");
        let status = answer.status().as_u16();
        assert!(status != 503 || answer.headers().contains_key("retry-after"), "{answer:?}");
        Some((status, replayed, answer.json().await.ok()?))
    }
}

fn request(cycle: usize, client: usize, n: usize, workspaces: &[String], wires: usize) -> SentRequest {
    let workspace = workspaces[(client + n) % workspaces.len()].clone();
    let (path, body) = match (client + n) % 3 {
        0 => ("/v1/holds", json!({ "credits": 3, "reference": format!("c{cycle}"), "seconds": 1 })),
        1 => ("/v1/runs", json!({ "model": "image-standard", "sandbox": { "outcome": "fail" } })),
        _ => ("/v1/runs", json!({ "model": "image-standard" })),
    };
    // Not in step with the workspaces: each of them is written to through every server.
    let through = (client + n / workspaces.len() + n) % wires;
    SentRequest { key: format!("{cycle}-{client}-{n}"), workspace, path, body, id: None, through }
}

/// Workspaces that clients work on, and every request that was made.
pub struct Load {
    pub dice: Dice,
    pub workspaces: Arc<[String]>,
    pub everything: Vec<SentRequest>,
    pub acknowledged: usize,
    pub cut_off: usize,
    cycle: usize,
}

impl Load {
    /// Opens a number of workspaces, with plenty of credits.
    pub async fn on(app: &App, workspaces: usize, seed: u64) -> Load {
        let mut opened = Vec::new();
        for _ in 0..workspaces {
            let desk = app.free().await;
            desk.give(1_000_000).await;
            opened.push(desk.id);
        }
        let (dice, workspaces) = (Dice::new(seed), opened.into());
        Load { dice, workspaces, everything: Vec::new(), acknowledged: 0, cut_off: 0, cycle: 0 }
    }

    /// Lets the clients work until `strike` is called at a random moment; returns the requests of that time.
    pub async fn until(&mut self, wires: &[Wire], strike: impl FnOnce()) -> Vec<SentRequest> {
        let (sent, over) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let cycle = self.cycle;
        self.cycle += 1;
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let (wires, workspaces) = (wires.to_vec(), Arc::clone(&self.workspaces));
                tokio::spawn(work(wires, cycle, client, workspaces, Arc::clone(&sent), Arc::clone(&over)))
            })
            .collect();
        let enough = 1 + self.dice.below(80);
        let more = self.dice.below(200);
        let moment = async {
            while sent.load(Ordering::SeqCst) < enough {
                tokio::task::yield_now().await;
            }
            for _ in 0..more {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, moment).await.expect("the clients get on");
        // Requests are on their way at this moment; no client starts another.
        over.store(true, Ordering::SeqCst);
        strike();
        let mut asked = Vec::new();
        for client in clients {
            asked.extend(client.await.expect("a client does not panic"));
        }
        self.acknowledged += asked.iter().filter(|asked| asked.id.is_some()).count();
        self.cut_off += asked.iter().filter(|asked| asked.id.is_none()).count();
        asked
    }
}

/// Works until the load is over; returns every request.
async fn work(
    wires: Vec<Wire>,
    cycle: usize,
    client: usize,
    workspaces: Arc<[String]>,
    sent: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
) -> Vec<SentRequest> {
    let mut all = Vec::new();
    for n in 0.. {
        if over.load(Ordering::SeqCst) {
            break;
        }
        let mut asked = request(cycle, client, n, &workspaces, wires.len());
        sent.fetch_add(1, Ordering::SeqCst);
        match wires[asked.through].send(&asked).await {
            Some((201 | 202, false, body)) => asked.id = Some(text(&body["id"])),
            Some((503, ..)) | None => {}
            Some(other) => panic!("{asked:?}: {other:?}"),
        }
        all.push(asked);
    }
    all
}

/// Repeats every request, at another server where one is up; a request that has an id gets the same one. Returns the
/// number of answers that asked to come back later.
pub async fn again(wires: &[Wire], down: Option<usize>, all: &mut [SentRequest]) -> usize {
    let mut delayed = 0;
    for some in all.chunks_mut(CLIENTS) {
        let some = some.iter_mut().map(|asked| {
            let mut others = (1..=wires.len()).map(|step| (asked.through + step) % wires.len());
            let other = others.find(|other| Some(*other) != down).expect("one of them is up");
            once_more(&wires[other], asked)
        });
        delayed += join_all(some).await.iter().sum::<usize>();
    }
    delayed
}

async fn once_more(wire: &Wire, asked: &mut SentRequest) -> usize {
    let mut delayed = 0;
    let answered = async {
        loop {
            let (status, replayed, body) = wire.send(asked).await.expect("the server is up");
            if status != 503 {
                return (status, replayed, body);
            }
            delayed += 1;
        }
    };
    let (status, replayed, body) = tokio::time::timeout(PATIENCE, answered).await.expect("it is up again");
    assert!(matches!(status, 201 | 202), "{asked:?}: {status} {body}");
    let id = text(&body["id"]);
    if let Some(told) = &asked.id {
        assert!(*told == id && replayed, "{asked:?} was acknowledged and is now {id}, replayed: {replayed}");
    }
    asked.id = Some(id);
    delayed
}

/// Waits for every run and hold to end, and compares the totals with the requests.
pub async fn check_totals(app: &App, everything: &[SentRequest], workspaces: &[String]) {
    let mut spent: BTreeMap<&str, i64> = BTreeMap::new();
    for asked in everything.iter().filter(|asked| asked.path == "/v1/runs") {
        let id = asked.id.as_deref().expect("it was asked again");
        let run = app.get(&format!("/v1/runs/{id}?wait=60")).await.expect(200);
        let fails = asked.body["sandbox"].is_object();
        assert_eq!(run["status"], if fails { "failed" } else { "succeeded" }, "{run}");
        *spent.entry(&asked.workspace).or_default() += number(&run["credits"]["captured"]);
    }
    for workspace in workspaces {
        let balance = || async { app.call(Method::GET, "/v1/balance").workspace(workspace).send().await.expect(200) };
        let released = async {
            while balance().await["held"] != 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, released).await.expect("holds end by themselves");
        let spent = spent.get(workspace.as_str()).copied().unwrap_or_default();
        assert_eq!(balance().await["available"], 1_000_250 - spent);
        let desk = Desk { app, id: workspace.clone() };
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for entry in desk.entries().await {
            *counts.entry(text(&entry["command"])).or_default() += 1;
        }
        let asked =
            |path: &str| everything.iter().filter(|asked| asked.path == path && asked.workspace == *workspace).count();
        assert_eq!(counts.get("create_run").copied().unwrap_or(0), asked("/v1/runs"), "{counts:?}");
        assert_eq!(counts.get("open_hold").copied().unwrap_or(0), asked("/v1/holds"), "{counts:?}");
    }
}
