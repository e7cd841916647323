//! The plug is taken out fifty times while people work: what was acknowledged is there, and nothing is there twice.

use crate::app::{App, PATIENCE, number, text};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

const CYCLES: usize = 50;
const CLIENTS: usize = 8;

/// What somebody asked for, and the id they were told, if they were told one.
#[derive(Clone, Debug)]
struct Asked {
    key: String,
    workspace: String,
    path: &'static str,
    body: Value,
    id: Option<String>,
}

/// Numbers that repeat from run to run of this test; when the plug is taken out should differ, and be findable again.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % most as u64) as usize
    }
}

/// What a client needs; the server itself may be gone at any moment.
#[derive(Clone)]
struct Wire {
    url: String,
    key: String,
    client: reqwest::Client,
}

impl Wire {
    fn of(app: &App) -> Wire {
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build();
        Wire { url: app.url.clone(), key: app.key.clone(), client: client.expect("a client can be made") }
    }

    /// The status, whether it was a replay, and the id; nothing when the server was gone.
    async fn send(&self, asked: &Asked) -> Option<(u16, bool, Value)> {
        let request = self.client.request(Method::POST, format!("{}{}", self.url, asked.path)).bearer_auth(&self.key);
        let request = request.header("Scrip-Workspace", &asked.workspace).header("Idempotency-Key", &asked.key);
        let answer = request.json(&asked.body).send().await.ok()?;
        let replayed = answer.headers().get("idempotent-replayed").is_some_and(|value| value == "true");
        let status = answer.status().as_u16();
        Some((status, replayed, answer.json().await.ok()?))
    }
}

fn request(cycle: usize, client: usize, n: usize, workspaces: &[String]) -> Asked {
    let workspace = workspaces[(client + n) % workspaces.len()].clone();
    let (path, body) = match (client + n) % 3 {
        0 => ("/v1/holds", json!({ "credits": 3, "reference": format!("c{cycle}"), "seconds": 1 })),
        1 => ("/v1/runs", json!({ "model": "image-standard", "sandbox": { "outcome": "fail" } })),
        _ => ("/v1/runs", json!({ "model": "image-standard" })),
    };
    Asked { key: format!("{cycle}-{client}-{n}"), workspace, path, body, id: None }
}

/// Works until the server goes away; everything that was asked.
async fn work(
    wire: Wire,
    cycle: usize,
    client: usize,
    workspaces: Arc<[String]>,
    sent: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
) -> Vec<Asked> {
    let mut all = Vec::new();
    for n in 0.. {
        if over.load(Ordering::SeqCst) {
            break;
        }
        let mut asked = request(cycle, client, n, &workspaces);
        sent.fetch_add(1, Ordering::SeqCst);
        match wire.send(&asked).await {
            Some((201 | 202, false, body)) => asked.id = Some(text(&body["id"])),
            Some((503, ..)) | None => {}
            Some(other) => panic!("{asked:?}: {other:?}"),
        }
        all.push(asked);
    }
    all
}

/// Asks again for what was asked; whoever was told an id is told the same.
async fn again(wire: &Wire, all: &mut [Asked]) {
    for asked in all {
        let (status, replayed, body) = wire.send(asked).await.expect("the server is up");
        assert!(matches!(status, 201 | 202), "{asked:?}: {status} {body}");
        let id = text(&body["id"]);
        if let Some(told) = &asked.id {
            assert!(*told == id && replayed, "{asked:?} was acknowledged and is now {id}, replayed: {replayed}");
        }
        asked.id = Some(id);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_crashes_under_load_lose_nothing_and_do_nothing_twice() {
    let mut app = App::start();
    let mut opened = Vec::new();
    for _ in 0..8 {
        let desk = app.free().await;
        desk.give(1_000_000).await;
        opened.push(desk.id);
    }
    let workspaces: Arc<[String]> = opened.into();
    let mut chance = Chance(0x5ca1_ab1e_0dd5_eed5);
    let mut everything: Vec<Asked> = Vec::new();
    let (mut acknowledged, mut cut_off) = (0, 0);
    for cycle in 0..CYCLES {
        let wire = Wire::of(&app);
        let (sent, over) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                tokio::spawn(work(
                    wire.clone(),
                    cycle,
                    client,
                    Arc::clone(&workspaces),
                    Arc::clone(&sent),
                    Arc::clone(&over),
                ))
            })
            .collect();
        let enough = 1 + chance.below(80);
        let more = chance.below(200);
        let moment = async {
            while sent.load(Ordering::SeqCst) < enough {
                tokio::task::yield_now().await;
            }
            for _ in 0..more {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, moment).await.expect("the clients get on");
        // Requests are on their way at this moment; nobody starts another.
        over.store(true, Ordering::SeqCst);
        app.kill();
        let mut asked = Vec::new();
        for client in clients {
            asked.extend(client.await.expect("a client does not panic"));
        }
        acknowledged += asked.iter().filter(|asked| asked.id.is_some()).count();
        cut_off += asked.iter().filter(|asked| asked.id.is_none()).count();
        app.restart();
        again(&Wire::of(&app), &mut asked).await;
        everything.extend(asked);
    }
    assert!(acknowledged > CYCLES && cut_off > CYCLES, "{acknowledged} acknowledged, {cut_off} cut off: no real load");
    again(&Wire::of(&app), &mut everything).await;
    println!("{CYCLES} crashes: {acknowledged} acknowledged, {cut_off} cut off and asked again");
    settled(&app, &everything, &workspaces).await;
    let report = app.verify();
    assert_eq!(report["open_holds"], 0, "{report}");
}

/// Waits for every run and hold to end, and counts what there is against what was asked.
async fn settled(app: &App, everything: &[Asked], workspaces: &[String]) {
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
        let desk = crate::app::Desk { app, id: workspace.clone() };
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
