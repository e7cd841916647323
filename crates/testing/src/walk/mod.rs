//! Random walks: the engine and the naive model side by side, compared after every command, on worlds of catalogs.

pub mod callers;
pub mod commands;
mod purchases;

use crate::laws::Laws;
use crate::model::agreement::{agree, same};
use crate::model::{Model, NEVER};
use scrip_engine::{
    By, Catalogs, Command, DatedEvent, Refusal, Timestamp, Workspace, WorkspaceId, apply, parse_catalog,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Day on which every sequence starts, in the year before a leap year.
pub const START: i64 = 1_801_353_600_000_000;
const DAY: i64 = 86_400_000_000;

/// Returns the catalogs that sequences run on.
pub fn worlds() -> Vec<Arc<Catalogs>> {
    let read = |text: &str| Arc::new(parse_catalog(text).expect("a test catalog is right"));
    let rich = [
        include_str!("../../../engine/tests/catalogs/rich.toml"),
        include_str!("../../../engine/tests/catalogs/rich-2.toml"),
    ]
    .map(read);
    let forfeit = [
        include_str!("../../../engine/tests/catalogs/forfeit.toml"),
        include_str!("../../../engine/tests/catalogs/forfeit-2.toml"),
    ]
    .map(read);
    [rich, forfeit]
        .into_iter()
        .map(|[first, second]| {
            let mut catalogs = Catalogs::default();
            catalogs.publish(Timestamp::from_micros(0), first);
            catalogs.publish(Timestamp::from_micros(START + 100 * DAY), second);
            Arc::new(catalogs)
        })
        .collect()
}

/// A command and the instant it is said to come at.
pub type DatedCommand = (i64, Command);

/// The engine and the naive model, side by side.
pub struct Pair {
    pub catalogs: Arc<Catalogs>,
    pub engine: Workspace,
    pub model: Model,
    pub journal: Vec<(Timestamp, Vec<DatedEvent>)>,
    pub laws: Laws,
    /// Number of accepted and refused commands, by name or code.
    pub seen: BTreeMap<&'static str, usize>,
}

impl Pair {
    pub fn new(catalogs: &Arc<Catalogs>) -> Pair {
        Pair {
            catalogs: catalogs.clone(),
            engine: Workspace::new(WorkspaceId::new(7)),
            model: Model::new(catalogs.clone()),
            journal: Vec::new(),
            laws: Laws::under(catalogs),
            seen: BTreeMap::new(),
        }
    }

    /// Runs one command in both; returns the first difference.
    pub fn step(&mut self, (at, command): &DatedCommand) -> Result<(), String> {
        let instant = Timestamp::from_micros(*at);
        let modelled = self.model.apply(By::Operator, *at, command);
        match apply(&self.engine, &self.catalogs, By::Operator, command, instant) {
            Ok(applied) => {
                modelled.map_err(|code| format!("the engine accepts what the model refuses with {code}"))?;
                *self.seen.entry(command.name()).or_default() += 1;
                self.accept(command, applied)?;
            }
            Err(refusal) => {
                same("answer", refusal.code(), modelled.err().unwrap_or("accepted"))?;
                *self.seen.entry(refusal.code()).or_default() += 1;
                let again = apply(&self.engine, &self.catalogs, By::Operator, command, instant);
                same("second refusal", Some(&refusal), again.as_ref().err())?;
                facts(&refusal)?;
            }
        }
        agree(&self.engine, &self.model, self.model.last.max(*at))
    }

    fn accept(&mut self, command: &Command, applied: scrip_engine::Transition) -> Result<(), String> {
        same("whether anything happened", !applied.events.is_empty(), self.model.happened)?;
        if applied.workspace.at < self.engine.at {
            return Err(format!("time went back from {} to {}", self.engine.at, applied.workspace.at));
        }
        let seq = self.engine.seq + u64::from(!applied.events.is_empty());
        same("seq", applied.workspace.seq, seq)?;
        self.laws.read(&applied.events, applied.workspace.at).map_err(|wrong| format!("{command:?}: {wrong}"))?;
        self.engine = applied.workspace;
        if !applied.events.is_empty() {
            same("the entry's instant", self.engine.at.micros(), self.model.last)?;
            self.journal.push((self.engine.at, applied.events));
        }
        self.laws.agree(&self.engine)
    }
}

/// Checks that a refusal for credits has the true amounts.
fn facts(refusal: &Refusal) -> Result<(), String> {
    if let Refusal::InsufficientCredits { required, available, held, retryable, .. } = refusal {
        if available >= required {
            return Err(format!("refused {required} although {available} are available"));
        }
        same("retryable", *retryable, available.get() + held.get() >= required.get())?;
    }
    Ok(())
}

/// Replays a script; returns the number of the command that failed, and the difference.
pub fn replay(catalogs: &Arc<Catalogs>, script: &[DatedCommand]) -> Option<(usize, String)> {
    let mut pair = Pair::new(catalogs);
    for (index, said) in script.iter().enumerate() {
        let stepped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| pair.step(said)));
        match stepped {
            Ok(Ok(())) => {}
            Ok(Err(wrong)) => return Some((index, wrong)),
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
                return Some((index, format!("panic: {}", text.unwrap_or_default())));
            }
        }
    }
    None
}

/// Returns the shortest script found, by leaving commands out, that still fails.
pub fn shrink(catalogs: &Arc<Catalogs>, script: &[DatedCommand]) -> Vec<DatedCommand> {
    let mut script = script.to_vec();
    let mut size = script.len() / 2;
    while size > 0 {
        let mut from = 0;
        while from < script.len() {
            let mut shorter = script.clone();
            shorter.drain(from..(from + size).min(script.len()));
            match replay(catalogs, &shorter) {
                Some((failed, _)) => {
                    shorter.truncate(failed + 1);
                    script = shorter;
                }
                None => from += size,
            }
        }
        size /= 2;
    }
    script
}

/// Clamps an instant into the calendar.
pub fn inside(at: i64) -> i64 {
    at.clamp(0, NEVER - 1)
}
