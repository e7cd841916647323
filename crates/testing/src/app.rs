//! Server of one test: the built binary on a free port in a temporary directory, and a client for it.

use crate::journal::Journal;
use crate::postgres::Database;
use crate::program::binary;
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

/// Maximum wait for any one thing before a test fails.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Variables that a server of a test must not take from the environment of the tests.
pub const NOT_TOLD: [&str; 26] = [
    "SCRIP_CATALOG",
    "SCRIP_DATA",
    "SCRIP_DATABASE_URL",
    "SCRIP_CONFIG",
    "SCRIP_DATABASE_CA",
    "SCRIP_DATABASE_SCHEMA",
    "SCRIP_LISTEN",
    "SCRIP_OPERATOR_LISTEN",
    "SCRIP_PUBLIC_URL",
    "SCRIP_GUESSES_PER_MINUTE",
    "SCRIP_TRUSTED_PROXIES",
    "SCRIP_OPERATOR_KEY",
    "SCRIP_SMTP_URL",
    "SCRIP_MAIL_FROM",
    "SCRIP_LOG",
    "SCRIP_LOG_JSON",
    "SCRIP_OIDC_ISSUER",
    "SCRIP_OIDC_CLIENT_ID",
    "SCRIP_OIDC_CLIENT_SECRET",
    "SCRIP_SESSION_IDLE",
    "SCRIP_STRIPE_SECRET_KEY",
    "SCRIP_STRIPE_API_URL",
    "SCRIP_STRIPE_WEBHOOK_SECRETS",
    "SCRIP_STRIPE_REQUESTS_PER_SECOND",
    "SCRIP_STRIPE_REQUESTS_KEPT",
    "SCRIP_CONNECTIONS_PER_ADDRESS",
];

static COUNT: AtomicU64 = AtomicU64::new(0);

/// Returns a number that is unique in this process.
pub fn unique() -> u64 {
    COUNT.fetch_add(1, Ordering::Relaxed)
}

/// Returns the root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the repository is there")
}

/// A running server of one test.
pub struct App {
    /// Directory of all its files, with the data in `data`; a journal in a database is elsewhere.
    pub directory: PathBuf,
    /// Base URL of the server.
    pub url: String,
    /// Operator key of the server.
    pub key: String,
    /// File that its log is written to.
    log: PathBuf,
    /// `true` if the directory belongs to another server, which removes it.
    is_guest: bool,
    catalog: PathBuf,
    journal: Journal,
    environment: Vec<(String, String)>,
    child: Option<Child>,
    client: reqwest::Client,
}

impl Drop for App {
    fn drop(&mut self) {
        self.kill();
        if !self.is_guest {
            let _ = std::fs::remove_dir_all(&self.directory);
        }
    }
}

impl App {
    /// Starts a server on the catalog that most stories are about.
    pub fn start() -> App {
        App::serving("canvas-tiers")
    }

    /// Starts a server on one of the shipped catalogs.
    pub fn serving(catalog: &str) -> App {
        App::with(&root().join(format!("catalogs/{catalog}.toml")), temporary(), Vec::new())
    }

    /// Starts a server on a catalog file, in a directory, with an environment, on the store that the tests run on.
    pub fn with(catalog: &Path, directory: PathBuf, environment: Vec<(String, String)>) -> App {
        App::on(Journal::create(), catalog, directory, environment)
    }

    /// Starts a server with everything in a directory, for stories about the files of the journal or about their clock.
    pub fn on_files(directory: PathBuf, environment: Vec<(String, String)>) -> App {
        App::on(Journal::Sqlite, &root().join("catalogs/canvas-tiers.toml"), directory, environment)
    }

    /// Starts a server on the catalog that most stories are about, on a journal.
    pub fn on_journal(journal: Journal, environment: Vec<(String, String)>) -> App {
        App::on(journal, &root().join("catalogs/canvas-tiers.toml"), temporary(), environment)
    }

    /// Starts another server over the same journal and the same files, which must be dropped before this one.
    pub fn beside(&self, environment: Vec<(String, String)>) -> App {
        self.beside_on(self.journal.clone(), environment)
    }

    /// Starts another server that reaches the journal in another way.
    pub fn beside_on(&self, journal: Journal, environment: Vec<(String, String)>) -> App {
        let mut app = App::off(journal, &self.catalog, self.directory.clone(), environment);
        (app.is_guest, app.key) = (true, self.key.clone());
        app.restart();
        app
    }

    fn on(journal: Journal, catalog: &Path, directory: PathBuf, environment: Vec<(String, String)>) -> App {
        let mut app = App::off(journal, catalog, directory, environment);
        app.restart();
        app
    }

    fn off(journal: Journal, catalog: &Path, directory: PathBuf, environment: Vec<(String, String)>) -> App {
        let client = reqwest::Client::builder().timeout(Duration::from_secs(120)).no_proxy();
        // A story follows redirects itself.
        let client = client.redirect(reqwest::redirect::Policy::none());
        App {
            log: directory.join(format!("log-{}", unique())),
            is_guest: false,
            directory,
            url: String::new(),
            key: String::new(),
            catalog: catalog.to_owned(),
            journal,
            environment,
            child: None,
            client: client.build().expect("a client can be made"),
        }
    }

    /// Returns the database of its journal.
    pub fn database(&self) -> &Database {
        self.journal.database()
    }

    /// Returns the place of its journal.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Runs a statement in its journal's database or file: see [`Journal::query`].
    pub fn query(&self, sql: &str) -> String {
        self.journal.query(&self.data(), sql)
    }

    /// Returns the id of the server's process.
    pub fn process(&self) -> u32 {
        self.child.as_ref().expect("it serves").id()
    }

    /// Returns the directory of its files: the outputs of runs, and a journal that is in no database.
    pub fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    /// Returns a command of the binary on the data of this server.
    pub fn scrip(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(arguments).arg("--data").arg(self.data()).current_dir(&self.directory);
        self.journal.tell(&mut command);
        for name in NOT_TOLD {
            command.env_remove(name);
        }
        command
    }

    fn serve(&self, catalog: &Path) -> Command {
        let mut command = self.scrip(&["serve", "--listen", "127.0.0.1:0"]);
        command.arg("--catalog").arg(catalog).envs(self.environment.iter().cloned());
        command
    }

    /// Starts the server again in its directory.
    pub fn restart(&mut self) {
        self.kill();
        let log = std::fs::File::options().create(true).append(true).open(&self.log);
        let mut command = self.serve(&self.catalog);
        command.stdout(Stdio::piped()).stderr(log.expect("the log can be written"));
        let mut child = command.spawn().expect("the built binary starts");
        let output = child.stdout.take().expect("it is piped");
        self.child = Some(child);
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        loop {
            let Ok(line) = lines.recv_timeout(PATIENCE) else {
                panic!("the server did not come up:\n{}", self.log());
            };
            if let Some(rest) = line.strip_prefix("Your operator key is in ") {
                // The log is no terminal: the key is in a file, which the operator is to remove.
                let path = Path::new(rest.split(": ").next().expect("there is always a first part"));
                self.key = std::fs::read_to_string(path).expect("the file is there").trim().to_owned();
                std::fs::remove_file(path).expect("the file is the operator's");
            }
            if let Some(url) = line.strip_prefix("Scrip listens on ") {
                self.url = url.trim().to_owned();
                return;
            }
        }
    }

    /// Asks the server to stop, as a service manager does.
    pub fn terminate(&self) {
        let sent = Command::new("kill").args(["-TERM", &self.process().to_string()]).status();
        assert!(sent.expect("kill is there").success());
    }

    /// Returns `true` once the server has ended by itself.
    pub fn has_ended(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process())).unwrap_or_default();
        // A process without a parent that waits for it is a zombie: the state follows the name.
        stat.rsplit(") ").next().is_none_or(|rest| rest.is_empty() || rest.starts_with('Z'))
    }

    /// Waits until the server has ended by itself.
    pub async fn wait_until_ended(&self) {
        let ended = async {
            while !self.has_ended() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, ended).await.expect("the server ends");
    }

    /// Waits until `/readyz` answers as expected.
    pub async fn readiness(&self, expected: &str) {
        let mut last = String::new();
        let answered = async {
            while last.trim() != expected {
                // A server that stops may have closed a connection that was kept.
                let Some(answer) = self.bare(Method::GET, "/readyz").try_send().await else { continue };
                last = String::from_utf8_lossy(&answer.bytes).into_owned();
                assert_eq!(answer.status == 200, last == "ready\n", "{} {last}", answer.status);
                assert!([200, 503].contains(&answer.status), "{}", answer.status);
            }
        };
        if tokio::time::timeout(PATIENCE, answered).await.is_err() {
            panic!("expected {expected}, not {last}; the server's log:\n{}", self.log());
        }
    }

    /// Returns the text that it logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Sets the environment of the server's next start.
    pub fn set_environment(&mut self, environment: Vec<(String, String)>) {
        self.environment = environment;
    }

    /// Sets the database of the server's next start as its journal.
    pub fn move_to(&mut self, database: Database) {
        self.journal = Journal::Postgres(Arc::new(database));
    }

    /// Kills the server with SIGKILL, as a power cut does.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            child.wait().expect("a killed child can be waited for");
        }
    }

    /// Starts a second server over the same directory, which must end by itself.
    pub fn second(&self) -> Output {
        self.second_of(&self.catalog)
    }

    /// Starts a second server over the same directory, with another catalog file.
    pub fn second_of(&self, catalog: &Path) -> Output {
        self.serve(catalog).output().expect("the built binary starts")
    }

    /// Stops the server and replays the journal; returns the report, which must have no difference.
    pub fn verify(&mut self) -> Value {
        self.kill();
        let output = self.scrip(&["verify", "--json"]).output().expect("it starts");
        let text = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "verify: {text}\n{errors}\nthe server's log:\n{}", self.log());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("verify --json: {error}: {text}"))
    }

    /// Seals all rows of a server that has been stopped, after some were written by hand.
    pub fn seal(&self) {
        let output = self.scrip(&["migrate", "--seal"]).output().expect("it starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Returns a request with the operator's key, which can be filled in.
    pub fn call(&self, method: Method, path: &str) -> Call<'_> {
        self.bare(method, path).header("Authorization", &format!("Bearer {}", self.key))
    }

    /// Returns a request without a key.
    pub fn bare(&self, method: Method, path: &str) -> Call<'_> {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.url) };
        Call { request: self.client.request(method, url), app: self }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path).send().await
    }

    /// Posts with an idempotency key of its own.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.call(Method::POST, path).once().json(&body).send().await
    }

    /// Creates a test clock at an instant.
    pub async fn clock(&self, now: &str) -> Clock<'_> {
        let made = self.post("/v1/test_clocks", json!({ "now": now })).await.expect(201);
        Clock { app: self, id: text(&made["id"]) }
    }

    /// Opens a workspace, with `more` in the body.
    pub async fn workspace(&self, more: Value) -> Desk<'_> {
        let n = unique();
        let mut body = json!({ "name": format!("Story {n}"), "owner": { "email": format!("ada{n}@example.com") } });
        for (name, value) in more.as_object().expect("an object") {
            body[name] = value.clone();
        }
        let opened = self.post("/v1/workspaces", body).await.expect(201);
        Desk { app: self, id: text(&opened["id"]) }
    }

    /// Opens a workspace on the free plan.
    pub async fn free(&self) -> Desk<'_> {
        self.workspace(json!({})).await
    }
}

/// Sends half a request, whose rest its server waits for.
pub fn half_a_request(app: &App) -> TcpStream {
    let mut stream = TcpStream::connect(app.url.trim_start_matches("http://")).expect("it listens");
    let head = format!(
        "POST /v1/test_clocks HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\nidempotency-key: half\r\n\
         content-type: application/json\r\ncontent-length: 9\r\n\r\n{{",
        app.key
    );
    stream.write_all(head.as_bytes()).expect("it is open");
    stream
}

/// Creates a directory of one test's own.
pub fn temporary() -> PathBuf {
    let name = format!("scrip-it-{}-{}", std::process::id(), unique());
    let directory = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&directory).expect("a temporary directory can be made");
    directory
}

/// A request that is being built.
pub struct Call<'a> {
    app: &'a App,
    request: reqwest::RequestBuilder,
}

impl Call<'_> {
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    /// Adds a header with any bytes that may stand in one.
    pub fn raw_header(mut self, name: &str, value: &[u8]) -> Self {
        let value = reqwest::header::HeaderValue::from_bytes(value).expect("no ends of lines");
        self.request = self.request.header(name, value);
        self
    }

    pub fn workspace(self, id: &str) -> Self {
        self.header("Scrip-Workspace", id)
    }

    pub fn key(self, key: &str) -> Self {
        self.header("Idempotency-Key", key)
    }

    /// Adds a unique idempotency key.
    pub fn once(self) -> Self {
        let key = format!("{}-{}", std::process::id(), unique());
        self.key(&key)
    }

    pub fn json(self, body: &Value) -> Self {
        self.bytes("application/json", body.to_string().into_bytes())
    }

    pub fn bytes(mut self, kind: &str, body: Vec<u8>) -> Self {
        self.request = self.request.header("Content-Type", kind).body(body);
        self
    }

    /// Sends the request, and returns `None` when the server went away.
    pub async fn try_send(self) -> Option<Answer> {
        let response = self.request.send().await.ok()?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Some(Answer { status, headers, bytes: response.bytes().await.ok()?.to_vec() })
    }

    pub async fn send(self) -> Answer {
        let app = self.app;
        self.try_send().await.unwrap_or_else(|| panic!("no answer; the server's log:\n{}", app.log()))
    }

    /// Sends the request, and returns the answer as it comes, for streams.
    pub async fn stream(self) -> reqwest::Response {
        self.request.send().await.expect("an answer begins")
    }
}

/// An answer that was read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        let wrong = |error| panic!("{}: {error}: {}", self.status, String::from_utf8_lossy(&self.bytes));
        serde_json::from_slice(&self.bytes).unwrap_or_else(wrong)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Returns the body, when the status is the expected one.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.bytes));
        self.json()
    }

    /// Checks that the answer is a problem document with this status and code, and returns it.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Value {
        let body = self.expect(status);
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        assert_eq!(body["code"], code, "{body}");
        assert_eq!(body["status"], status, "{body}");
        assert_eq!(body["type"], format!("urn:scrip:problem:{}", code.to_lowercase()));
        assert_eq!(body["request_id"].as_str(), self.header("request-id"), "{body}");
        assert!(body["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{body}");
        body
    }
}

/// A test clock of a server.
pub struct Clock<'a> {
    app: &'a App,
    pub id: String,
}

impl Clock<'_> {
    pub async fn advance(&self, to: &str) {
        let answer = self.app.post(&format!("/v1/test_clocks/{}/advance", self.id), json!({ "to": to })).await;
        assert_eq!(answer.expect(200)["now"], to);
    }
}

/// A workspace, and requests on its behalf.
pub struct Desk<'a> {
    pub app: &'a App,
    pub id: String,
}

impl<'a> Desk<'a> {
    pub fn call(&self, method: Method, path: &str) -> Call<'a> {
        self.app.call(method, path).workspace(&self.id)
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path).send().await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.call(Method::POST, path).once().json(&body).send().await
    }

    pub async fn show(&self) -> Value {
        self.get(&format!("/v1/workspaces/{}", self.id)).await.expect(200)
    }

    pub async fn balance(&self) -> Value {
        self.get("/v1/balance").await.expect(200)
    }

    /// Returns the credits that are available and held.
    pub async fn credits(&self) -> (i64, i64) {
        let balance = self.balance().await;
        (number(&balance["available"]), number(&balance["held"]))
    }

    /// Starts a run, and returns the answer.
    pub async fn run(&self, body: Value) -> Answer {
        self.post("/v1/runs", body).await
    }

    /// Starts a run, and waits for its end.
    pub async fn run_to_end(&self, body: Value) -> Value {
        let run = self.post("/v1/runs?wait=60", body).await.expect(202);
        assert!(run["ended_at"].is_string(), "the run has not ended: {run}");
        run
    }

    pub async fn run_shown(&self, run: &Value) -> Value {
        self.get(&format!("/v1/runs/{}", text(&run["id"]))).await.expect(200)
    }

    /// Waits until a worker has started a run.
    pub async fn running(&self, run: &Value) -> Value {
        let mut events = self.call(Method::GET, &format!("/v1/runs/{}/events", text(&run["id"]))).stream().await;
        let mut seen = String::new();
        let started = async {
            while let Some(piece) = events.chunk().await.expect("the stream goes on") {
                seen.push_str(&String::from_utf8_lossy(&piece));
                if seen.contains(r#""status":"running""#) {
                    return;
                }
            }
        };
        tokio::time::timeout(PATIENCE, started).await.expect("a worker takes the run");
        self.run_shown(run).await
    }

    pub async fn give(&self, amount: i64) -> Value {
        let body = json!({ "amount": amount, "reason": "a story" });
        self.post(&format!("/v1/workspaces/{}/grants", self.id), body).await.expect(201)[0].clone()
    }

    /// Returns every entry, oldest first.
    pub async fn entries(&self) -> Vec<Value> {
        let mut all = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self.get(&format!("/v1/entries?limit=100{cursor}")).await.expect(200);
            all.extend(page["data"].as_array().expect("a list").iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        all.reverse();
        all
    }
}

/// Returns a value that must be a text.
#[track_caller]
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a text, not {value}")).to_owned()
}

/// Returns a value that must be a whole number.
#[track_caller]
pub fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("a whole number, not {value}"))
}

/// Returns the values of one member of every item of a list.
pub fn each<'a>(list: &'a Value, member: &str) -> Vec<&'a Value> {
    list.as_array().expect("a list").iter().map(|item| &item[member]).collect()
}
