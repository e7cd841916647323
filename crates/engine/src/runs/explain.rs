//! Explanations of the events of runs.

use super::event::{RunEvent, RunStatus};
use super::quote::Line;
use crate::explain::scene::{Scene, Sentence};
use crate::kernel::id::Kind;

impl Scene<'_> {
    /// Describes an event of a run.
    pub(crate) fn describe_run(&self, event: &RunEvent) -> Sentence {
        match event {
            RunEvent::RunQueued { run, model, unit, quoted, lines, parts, trial, opens_until, limited_day, .. } => {
                let name = format!("run {} of {model}", self.after.id.id_of(Kind::Run, *run));
                let price = if trial.is_some() { String::new() } else { breakdown(lines) };
                let mut sentence = self.describe_opening(&name, *unit, *quoted, &price, parts, *trial, *opens_until);
                if limited_day.is_some() {
                    sentence.detail.push_str(&format!(" It counts against the daily limit of {model}."));
                }
                sentence
            }
            RunEvent::RunStarted { run, attempt } => {
                Sentence::plain(format!("{} went to a worker, attempt {attempt}", self.run_name(*run)))
            }
            RunEvent::RunSettled { run, status, ends, delivered, error, .. } => {
                let how = match status {
                    RunStatus::Succeeded => "succeeded".to_owned(),
                    RunStatus::Partial => match self.before.hold(*run) {
                        Some(hold) => format!("delivered {delivered} of the {} asked for", hold.asked),
                        None => format!("delivered {delivered} of what was asked for"),
                    },
                    RunStatus::Failed => "failed".to_owned(),
                    RunStatus::Canceled => "was canceled".to_owned(),
                };
                self.describe_end(*run, format!("{} {how}", self.run_name(*run)), ends, error.as_ref())
            }
            RunEvent::OutcomeIgnored { run, usable } => {
                let what = if *usable { "A late result" } else { "A late failure" };
                Sentence::with(
                    format!("{what} of run {} was not charged", self.after.id.id_of(Kind::Run, *run)),
                    ": the run had ended before, and its first outcome counts.",
                )
            }
            RunEvent::WindowWithdrawn { plan, model } => Sentence::with(
                format!("The free trial period of {model} under the {plan} plan was set back"),
                ", because the run delivered nothing usable: the next run starts it again.",
            ),
        }
    }

    fn run_name(&self, run: u32) -> String {
        let id = self.after.id.id_of(Kind::Run, run);
        match self.before.hold(run).and_then(|hold| hold.model.as_ref()) {
            Some(model) => format!("Run {id} of {model}"),
            None => format!("Run {id}"),
        }
    }
}

/// Returns the lines of a price as one text; each with its credits where there are several.
fn breakdown(lines: &[Line]) -> String {
    match lines {
        [line] => line.text.clone(),
        lines => {
            let each = lines.iter().map(|line| format!("{} ({})", line.text, line.credits));
            each.collect::<Vec<_>>().join(" + ")
        }
    }
}
