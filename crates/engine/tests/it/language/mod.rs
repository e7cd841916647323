//! The scenario language: one statement a line, run against the engine with a catalog of ours.
//!
//! A file is a story about one workspace: actions on it (`actions`), and what must be true then (`expectations`).
//! `docs/SCENARIOS.md` lists every statement.
//!
//! **Invariant:** a statement that is not understood is an error, so that no line passes by not being read.

mod actions;
mod expectations;
mod money;
mod team;
mod words;

use scrip_engine::team::event::TeamEvent;
use scrip_engine::{
    Amount, By, Catalog, Catalogs, DatedEvent, Event, HoldEvent, Line, Refusal, RunEvent, Terms, Timestamp, Workspace,
    WorkspaceId, fold, parse_catalog,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use words::Words;

/// Outcome of running one file.
pub struct Report {
    /// Number of statements that were run.
    pub statements: usize,
    /// Number of those statements that can fail because the engine does something else.
    pub expectations: usize,
    /// First failure, with file and line.
    pub failure: Option<String>,
}

/// Returns every scenario file, as paths from the repository's root, in order.
pub fn files() -> Vec<String> {
    let root = repository();
    let mut found = Vec::new();
    let mut folders = vec![root.join("crates/engine/tests/scenarios")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("the folder was listed") {
            let path = entry.expect("an entry of a folder can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "txt") {
                let inside = path.strip_prefix(&root).expect("the folder is inside the repository");
                found.push(inside.to_str().expect("our file names are UTF-8").to_owned());
            }
        }
    }
    found.sort();
    found
}

/// Returns the repository's root.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the crate is inside the repository")
}

/// Runs one file, up to its first failure.
pub fn run(file: &str, text: &str) -> Report {
    let mut scenario = Scenario::default();
    let mut report = Report { statements: 0, expectations: 0, failure: None };
    if !["# document ", "# R"].iter().any(|start| text.starts_with(start)) {
        report.failure = Some(format!("{file}:1: expected a comment that cites a document or a rule"));
        return report;
    }
    for (number, line) in text.lines().enumerate() {
        let words = match Words::read(line) {
            Ok(words) => words,
            Err(error) => {
                report.failure = Some(format!("{file}:{}: {error}", number + 1));
                return report;
            }
        };
        if words.is_empty() {
            continue;
        }
        report.statements += 1;
        match scenario.statement(words) {
            Ok(expected) => report.expectations += usize::from(expected),
            Err(error) => {
                report.failure = Some(format!("{file}:{}: {}\n    {error}", number + 1, line.trim()));
                return report;
            }
        }
    }
    if report.expectations == 0 {
        report.failure = Some(format!("{file}:1: expected at least one expectation, got none"));
    }
    report
}

/// State of a story between two statements.
struct Scenario {
    catalogs: Catalogs,
    workspace: Workspace,
    at: Option<Timestamp>,
    /// Events of the last action.
    events: Vec<DatedEvent>,
    /// Refusal of the last refused action.
    refusal: Option<Refusal>,
    /// Lines of the last price.
    lines: Vec<Line>,
    /// Caller of the next commands.
    by: By,
    /// Number of the newest invitation of each person.
    invited: BTreeMap<String, u32>,
    /// End of the last run or hold that ended.
    ended: Option<RunEnd>,
}

/// The end of a run or hold.
struct RunEnd {
    status: String,
    captured: Amount,
    released: Amount,
    error: String,
}

impl Default for Scenario {
    fn default() -> Scenario {
        Scenario {
            catalogs: Catalogs::default(),
            workspace: Workspace::new(WorkspaceId::new(1)),
            at: None,
            events: Vec::new(),
            refusal: None,
            lines: Vec::new(),
            by: By::Operator,
            invited: BTreeMap::new(),
            ended: None,
        }
    }
}

impl Scenario {
    /// Runs a statement; returns true if it expected something.
    fn statement(&mut self, mut words: Words) -> Result<bool, String> {
        let verb = words.word("a statement")?;
        let expected = self.expects(&verb, &mut words)?
            || self.expects_of_team(&verb, &mut words)?
            || self.expects_of_money(&verb, &mut words)?;
        if expected {
            words.end()?;
            return Ok(true);
        }
        match verb.as_str() {
            "catalog" | "publish" => {
                let catalog = catalog(&words.word("a catalog")?)?;
                let at = self.at.unwrap_or_default();
                self.catalogs.publish(at, catalog.into());
                words.end().map(|()| false)
            }
            "as" => {
                self.by = self.who(&mut words)?;
                words.end().map(|()| false)
            }
            "at" => {
                let at: Timestamp = words.parse("an instant")?;
                words.end()?;
                self.at = Some(at);
                if self.workspace.is_open() {
                    let by = std::mem::replace(&mut self.by, By::Operator);
                    let passed = self.act(&scrip_engine::Command::Tick);
                    self.by = by;
                    passed.map(|()| false)
                } else {
                    Ok(false)
                }
            }
            _ => self.action(&verb, words),
        }
    }

    /// Applies a command that must not be refused.
    fn act(&mut self, command: &scrip_engine::Command) -> Result<(), String> {
        self.try_to(command)?.map_err(|refusal| format!("expected no refusal, got {refusal:?}"))
    }

    /// Applies a command, and checks that replaying its events gives the same workspace.
    fn try_to(&mut self, command: &scrip_engine::Command) -> Result<Result<(), Refusal>, String> {
        let at = self.at.ok_or("`at` must come first: there is no instant yet")?;
        let applied = match scrip_engine::apply(&self.workspace, &self.catalogs, self.by, command, at) {
            Ok(applied) => applied,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if !applied.events.is_empty() {
            let mut replayed = self.workspace.clone();
            fold(&mut replayed, applied.workspace.at, &applied.events);
            if replayed != applied.workspace {
                return Err(format!("replay gives another workspace:\n{replayed:?}\n{:?}", applied.workspace));
            }
        }
        self.workspace = applied.workspace;
        self.events = applied.events;
        self.remember_ends();
        Ok(Ok(()))
    }

    fn remember_ends(&mut self) {
        for DatedEvent(_, event) in &self.events {
            match event {
                Event::Run(RunEvent::RunSettled { status, captured, released, error, .. }) => {
                    self.ended = Some(RunEnd {
                        status: format!("{status:?}").to_lowercase(),
                        captured: *captured,
                        released: *released,
                        error: error.as_ref().map_or("none", |error| error.code.name()).to_owned(),
                    });
                }
                Event::Hold(HoldEvent::HoldEnded { captured, released, expired, .. }) => {
                    let status = match (expired, captured.is_zero()) {
                        (true, _) => "expired",
                        (false, true) => "released",
                        (false, false) => "captured",
                    };
                    self.ended = Some(RunEnd {
                        status: status.to_owned(),
                        captured: *captured,
                        released: *released,
                        error: "none".to_owned(),
                    });
                }
                Event::Team(TeamEvent::Invited { invitation, user: Some(user), .. }) => {
                    self.invited.insert(team::name_of(*user), *invitation);
                }
                _ => {}
            }
        }
    }

    /// Returns the terms of the workspace now.
    fn terms(&self) -> Result<Terms<'_>, String> {
        self.terms_at(self.at.unwrap_or_default())
    }

    fn terms_at(&self, at: Timestamp) -> Result<Terms<'_>, String> {
        let terms = Terms::of(&self.workspace, &self.catalogs, at);
        terms.ok_or_else(|| "`open` must come first: nothing is open".to_owned())
    }

    /// Returns the catalog version the workspace is on.
    fn catalog(&self) -> Result<&Catalog, String> {
        let published = self.catalogs.get(self.workspace.catalog).ok_or("`open` must come first: nothing is open")?;
        Ok(&published.catalog)
    }
}

/// Reads a shipped catalog, or one that is only for tests.
pub fn catalog(name: &str) -> Result<Catalog, String> {
    let folders = ["catalogs", "crates/engine/tests/catalogs"];
    let path = folders.iter().map(|folder| repository().join(folder).join(format!("{name}.toml")));
    let path = path.into_iter().find(|path| path.exists()).ok_or_else(|| format!("there is no catalog `{name}`"))?;
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    parse_catalog(&text).map_err(|problems| {
        let problems = problems.iter().map(|problem| format!("{name}.toml:{problem}"));
        problems.collect::<Vec<_>>().join("\n    ")
    })
}

/// Compares an expectation with the value; returns an error with both where they differ.
fn same<T: PartialEq + std::fmt::Display>(what: &str, expected: &T, got: &T) -> Result<(), String> {
    if expected == got { Ok(()) } else { Err(format!("{what}: expected {expected}, got {got}")) }
}

/// Facts of a refusal by name, as text.
type Facts = BTreeMap<&'static str, String>;
