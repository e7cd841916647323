//! Sandbox provider: renders real files and does what a run's script says, at the instants it says.
//!
//! The sandbox stores nothing: the files of a run, and their instant, follow from the run alone. So it can be asked any
//! number of times, by any number of workers, and gives the same answer.
//!
//! Invariant: the same run, instant and seed give the same answer.

pub mod render;

use render::Picture;
use scrip_engine::{Failure, FailureCode, Output, Script, ScriptedOutcome, Timestamp, Value};
use scrip_store::projection::RunRow;

/// Answer of a provider about a run.
pub enum Answer {
    /// Not ready; ask again at the instant. `None` is never.
    Later(Option<Timestamp>),
    /// Output files of the run, complete.
    Files(Vec<Vec<u8>>),
    /// Failure of the run, which ends it.
    Failed(Failure),
}

/// Returns the sandbox's answer about a run that was started at an instant.
pub fn poll(run: &RunRow, started_at: Timestamp, now: Timestamp, seed: u64) -> Answer {
    let script = run.sandbox.clone().unwrap_or(Script {
        outcome: ScriptedOutcome::Succeed,
        after: 0,
        delivered: Default::default(),
    });
    let ready_at = started_at.after_seconds(i64::from(script.after));
    if script.outcome == ScriptedOutcome::Timeout {
        return Answer::Later(None);
    }
    if now < ready_at {
        return Answer::Later(Some(ready_at));
    }
    let failed = |code, detail: &str| Answer::Failed(Failure { code, detail: detail.to_owned() });
    match script.outcome {
        ScriptedOutcome::Fail => failed(FailureCode::ProviderError, "the sandbox was told to fail"),
        ScriptedOutcome::Refused => failed(FailureCode::Refused, "the sandbox was told to refuse"),
        ScriptedOutcome::Unusable => Answer::Files(vec![b"<html>upstream error</html>".to_vec()]),
        ScriptedOutcome::Succeed | ScriptedOutcome::Timeout => Answer::Files(files(run, &script, seed)),
    }
}

fn files(run: &RunRow, script: &Script, seed: u64) -> Vec<Vec<u8>> {
    let prompt = match run.params.get("prompt") {
        Some(Value::Text(prompt)) => prompt.as_str(),
        _ => "",
    };
    let number = |name: &str| match run.params.get(name) {
        Some(Value::Integer(value)) => u32::try_from(*value).ok(),
        Some(Value::List(entries)) => u32::try_from(entries.len()).ok(),
        _ => None,
    };
    // Without a seed of the caller, two runs of one prompt give two pictures.
    let seed = number("seed").filter(|seed| *seed != 0).map_or(seed, u64::from);
    let asked = match run.params.get("resolution") {
        Some(Value::Text(word)) => render::preview_size(word),
        _ => None,
    };
    let (width, height) = asked.or_else(|| render::preview_size("720p")).unwrap_or((640, 360));
    let picture = Picture { prompt, seed, width, height };
    let delivered = |name: &str| {
        let asked = number(name).unwrap_or(1);
        script.delivered.get(name).map_or(asked, |told| (*told).min(asked))
    };
    let copies = delivered("images");
    match run.output {
        Output::Image => (0..copies).map(|index| render::image(&picture, index)).collect(),
        Output::Video => {
            let seconds = delivered("duration");
            let one =
                |index: u32| render::video(&Picture { seed: picture.seed + u64::from(index), ..picture }, seconds);
            if seconds == 0 { Vec::new() } else { (0..copies).map(one).collect() }
        }
        Output::Weights => vec![render::weights(prompt, seed, number("images").unwrap_or(1))],
    }
}
