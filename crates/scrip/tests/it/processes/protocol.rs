//! Protocol: connections are cut at every message that passes between an appender and the database, in both directions.
//!
//! One server reaches the database through a proxy, another one directly: an answer of the first one must hold at the
//! second one. A cut goes one message further each time, until nothing is left to be cut.

use super::Peers;
use super::proxy::{Cut, Fate, Point, Proxy, Side};
use reqwest::Method;
use scrip_testing::app::{PATIENCE, text};
use scrip_testing::load::{SentRequest, Wire};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const WORKSPACES: usize = 4;

/// Request that is made while the connection is cut.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Question {
    /// A hold, by an appender that knows the workspace.
    Hold,
    /// A hold, by an appender that cannot connect again until it has answered.
    Unknown,
    /// A hold, by an appender that has yet to connect.
    Connect,
    /// The first hold in a workspace that is unknown to this process.
    Meet,
    /// A hold that another process has made already, under the same key.
    Repeat,
    /// A hold of more than the balance.
    Refuse,
    /// A read of the balance.
    Read,
    /// Three holds in each of four workspaces.
    Batch,
}

struct Scene {
    peers: Peers,
    proxy: Proxy,
    wires: [Wire; 2],
    workspaces: Vec<String>,
    holds: usize,
    /// Number of answers that said to come back, and number of those whose request had been carried out.
    delayed: usize,
    done_all_the_same: usize,
    cuts: Vec<Cut>,
}

const DIRECT: usize = 0;
const CUT: usize = 1;

impl Scene {
    async fn new() -> Scene {
        let (peers, proxy) = Peers::through_a_proxy();
        let mut workspaces = Vec::new();
        for _ in 0..WORKSPACES {
            let desk = peers.0[DIRECT].free().await;
            desk.give(100_000).await;
            workspaces.push(desk.id);
        }
        let wires = [Wire::of(&peers.0[DIRECT]), Wire::of(&peers.0[CUT])];
        let (holds, delayed, done_all_the_same, cuts) = (0, 0, 0, Vec::new());
        Scene { peers, proxy, wires, workspaces, holds, delayed, done_all_the_same, cuts }
    }

    fn hold(&mut self, workspace: &str) -> SentRequest {
        self.holds += 1;
        let (key, body) = (format!("hold-{}", self.holds), json!({ "credits": 1, "reference": "cut" }));
        SentRequest { key, workspace: workspace.to_owned(), path: "/v1/holds", body, id: None, through: CUT }
    }

    /// Repeats a request until it is answered, and returns the answer.
    async fn repeat_until_answered(&mut self, asked: &SentRequest, status: u16) -> Value {
        let mut early = 0;
        let answered = async {
            loop {
                match self.wires[CUT].send(asked).await.expect("the server is up") {
                    (503, _, body) => {
                        let detail = text(&body["detail"]);
                        assert!(!detail.contains("nothing was done"), "perhaps it was: {detail}");
                        early += 1;
                        self.proxy.open();
                    }
                    (found, replayed, body) => return (found, replayed, body),
                }
            }
        };
        let (found, replayed, body) = tokio::time::timeout(PATIENCE, answered).await.expect("it goes on by itself");
        assert_eq!(found, status, "{asked:?}: {body}");
        self.delayed += early;
        self.done_all_the_same += usize::from(early > 0 && replayed && asked.id.is_none());
        body
    }

    /// Makes a hold, and checks at the other process that it was made, and is this one.
    async fn make_hold(&mut self, asked: &SentRequest) {
        let body = self.repeat_until_answered(asked, 201).await;
        let (status, replayed, known) = self.wires[DIRECT].send(asked).await.expect("the server is up");
        assert!(status == 201 && replayed && known["id"] == body["id"], "{asked:?}: {body}, and then {known}");
        assert!(asked.id.as_deref().is_none_or(|id| body["id"] == id), "{asked:?}: {body}");
    }

    async fn batch(&mut self) {
        let workspaces = self.workspaces.clone();
        let open = |n: usize| {
            let SentRequest { key, workspace, body, .. } = self.hold(&workspaces[n % WORKSPACES]);
            json!({ "key": key, "workspace": workspace, "open": body })
        };
        let decisions: Vec<Value> = (0..3 * WORKSPACES).map(open).collect();
        let (path, body, workspace) = ("/v1/holds/batch", json!({ "decisions": decisions }), workspaces[0].clone());
        let mut told = vec![Value::Null; decisions.len()];
        let asked = SentRequest { key: "unused".to_owned(), workspace, path, body, id: None, through: CUT };
        for round in 0.. {
            assert!(round < 100, "it does not go on by itself: {told:?}");
            self.proxy.open();
            let wire = if told.contains(&Value::Null) { CUT } else { DIRECT };
            let body = json!({ "decisions": decisions });
            let request = self.peers.0[wire].call(Method::POST, path).json(&body).send().await;
            if request.status == 503 {
                assert!(request.header("retry-after").is_some(), "{request:?}");
                self.delayed += 1;
                continue;
            }
            let answers = request.expect(200);
            for (n, answer) in answers["answers"].as_array().expect("a list").iter().enumerate() {
                match answer["status"].as_i64() {
                    Some(503) if wire == CUT => self.delayed += 1,
                    Some(201) if told[n].is_null() => told[n] = answer["hold"]["id"].clone(),
                    Some(201) => assert!(answer["replayed"] == true && answer["hold"]["id"] == told[n], "{answer}"),
                    _ => panic!("{asked:?}: {answer}"),
                }
            }
            if wire == DIRECT {
                break;
            }
        }
    }

    async fn ask(&mut self, question: Question) {
        let known = self.workspaces[0].clone();
        match question {
            Question::Hold | Question::Unknown | Question::Connect | Question::Meet | Question::Repeat => {
                let workspace = if question == Question::Meet { self.workspaces.last() } else { None };
                let mut asked = self.hold(&workspace.unwrap_or(&known).clone());
                if question == Question::Repeat {
                    let (status, _, body) = self.wires[DIRECT].send(&asked).await.expect("the server is up");
                    assert_eq!(status, 201);
                    asked.id = Some(text(&body["id"]));
                }
                self.make_hold(&asked).await;
            }
            Question::Refuse => {
                let mut asked = self.hold(&known);
                self.holds -= 1;
                asked.key = format!("refused-{}", self.cuts.len());
                asked.body = json!({ "credits": 1_000_000, "reference": "cut" });
                assert_eq!(self.repeat_until_answered(&asked, 402).await["code"], "INSUFFICIENT_CREDITS");
            }
            Question::Read => {
                let read = async {
                    loop {
                        let answer = self.peers.desk(CUT, &known).call(Method::GET, "/v1/balance").send().await;
                        if answer.status == 200 {
                            return answer.json();
                        }
                        answer.problem(503, "UNAVAILABLE");
                        assert!(answer.header("retry-after").is_some(), "{answer:?}");
                    }
                };
                let shown = tokio::time::timeout(PATIENCE, read).await.expect("it goes on by itself");
                assert_eq!(shown, self.peers.desk(DIRECT, &known).balance().await);
            }
            Question::Batch => self.batch().await,
        }
    }

    /// Repeats a question, and cuts at the first message of a side, then at the second one, up to the last one. Returns
    /// the number of cuts.
    async fn cut_everywhere(&mut self, question: Question, of: Side) -> usize {
        let (fate, misses) = match question {
            Question::Unknown => (Fate::Closed, 1),
            // Appenders have different shares of the batch, and the shortest one may be the first.
            Question::Batch => (Fate::Cut, 4),
            _ => (Fate::Cut, 1),
        };
        let mut missed = 0;
        for after in 0.. {
            let warm = self.hold(&self.workspaces[0].clone());
            self.make_hold(&warm).await;
            match question {
                Question::Connect => self.proxy.cut_all(),
                Question::Meet => {
                    self.workspaces.push(self.peers.0[DIRECT].free().await.id);
                    // Any appender may get the request; this way none is connected.
                    self.proxy.cut_all();
                }
                _ => {}
            }
            self.proxy.order(Point::After(of, after), fate);
            self.ask(question).await;
            match self.proxy.take() {
                Some(cut) => self.cuts.push(cut),
                None => missed += 1,
            }
            self.proxy.open();
            if missed == misses {
                return after;
            }
        }
        unreachable!("a submission has an end")
    }

    /// Stops both servers and counts: each hold exists once, and nothing else does.
    async fn end(self, grants: usize) {
        let Scene { peers, workspaces, holds, .. } = self;
        let entries: usize = peers.database().query("SELECT count(*) FROM entries").parse().expect("a number");
        assert_eq!(entries, workspaces.len() + grants + holds, "each has one entry");
        let report = peers.verify();
        assert_eq!(report["open_holds"], holds, "{report}");
    }
}

fn withheld_messages(cuts: &[Cut]) -> BTreeSet<&str> {
    cuts.iter().map(|cut| cut.withheld.as_str()).collect()
}

fn print_summary(what: &str, scene: &Scene) {
    let inside = scene.cuts.iter().filter(|cut| cut.committing).count();
    println!(
        "{what}: {} cuts, {inside} of them inside a commit; {} answers said to come back, {} of what they were about was done",
        scene.cuts.len(),
        scene.delayed,
        scene.done_all_the_same
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_submission_that_is_cut_at_any_message_is_done_once_and_known_to_all() {
    let mut scene = Scene::new().await;
    let questions = [Question::Hold, Question::Unknown, Question::Connect, Question::Meet, Question::Repeat];
    for question in questions.into_iter().chain([Question::Refuse, Question::Read]) {
        let before = scene.cuts.len();
        for of in [Side::Process, Side::Database] {
            let messages = scene.cut_everywhere(question, of).await;
            assert!(messages >= 3, "{question:?}: the {of:?} was cut at {messages} messages");
        }
        println!("{question:?}: {:?}", withheld_messages(&scene.cuts[before..]));
    }
    let withheld = withheld_messages(&scene.cuts);
    for step in [">P", ">Q BEGIN", ">B", ">E", ">S", "<1", "<2", "<D", "<C INSERT 0 1", "<Z", ">Q COMMIT", "<C COMMIT"]
    {
        assert!(withheld.contains(step), "nothing was cut at {step}: {withheld:?}");
    }
    assert!(withheld.contains(">Q ROLLBACK"), "{withheld:?}");
    print_summary("single", &scene);
    assert!(scene.cuts.iter().filter(|cut| cut.committing).count() >= 8);
    assert!(scene.done_all_the_same >= 2, "a process that cannot read the outcome of a commit says so");
    assert!(scene.delayed >= scene.cuts.len() / 2, "hardly any caller was told to come back");
    scene.end(WORKSPACES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_cut_at_any_message_is_done_once_each() {
    let mut scene = Scene::new().await;
    for of in [Side::Process, Side::Database] {
        let messages = scene.cut_everywhere(Question::Batch, of).await;
        assert!(messages >= 5, "the {of:?} was cut at {messages} messages");
    }
    for fate in [Fate::Cut, Fate::Closed, Fate::Cut, Fate::Closed] {
        for point in [">Q COMMIT", "<C COMMIT"] {
            scene.proxy.order(Point::Before(point), fate);
            scene.batch().await;
            let cut = scene.proxy.take().expect("every batch commits");
            assert_eq!((cut.withheld.as_str(), cut.committing), (point, point == "<C COMMIT"));
            scene.cuts.push(cut);
            scene.proxy.open();
        }
    }
    print_summary("batches", &scene);
    assert!(scene.cuts.iter().filter(|cut| cut.committing).count() >= 4);
    scene.end(WORKSPACES).await;
}
