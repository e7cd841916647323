//! `scrip run` and `scrip runs`: running a model, and the state of runs.

use super::api::{Api, Part, more};
use super::output::{CommandResult, Fault, print, say, table};
use super::params::Params;
use crate::crypto::{hex, sha256};
use clap::{Args, Subcommand, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use scrip_client::types::{NewRun, Run as ApiRun, Sandbox, SandboxOutcome};
use scrip_client::{Client, WorkspaceClient};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Arguments of `scrip run`.
#[derive(Args)]
pub struct Run {
    /// Id of the model
    model: String,
    #[command(flatten)]
    params: Params,
    /// Wait until the run has ended; exit with 1 when nothing was delivered
    #[arg(long)]
    wait: bool,
    /// Maximum wait, in seconds; the run goes on
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    patience: u64,
    /// Wait, and store the outputs in this directory
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Id of the quote whose price is held
    #[arg(long, value_name = "ID")]
    quote: Option<String>,
    /// Outcome that the sandbox makes; only in test mode
    #[arg(long, value_name = "OUTCOME")]
    sandbox: Option<Outcome>,
}

/// Outcome of a run in the sandbox.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Outcome {
    /// End with usable output
    Succeed,
    /// End with an error of the provider
    Fail,
    /// Never end by itself; the deadline ends it
    Timeout,
    /// End with output that cannot be used
    Unusable,
    /// End with a refusal by a filter
    Refused,
}

impl Outcome {
    fn script(self) -> Sandbox {
        let outcome = match self {
            Outcome::Succeed => SandboxOutcome::Succeed,
            Outcome::Fail => SandboxOutcome::Fail,
            Outcome::Timeout => SandboxOutcome::Timeout,
            Outcome::Unusable => SandboxOutcome::Unusable,
            Outcome::Refused => SandboxOutcome::Refused,
        };
        Sandbox { outcome: Some(outcome), after: None, delivered: Default::default() }
    }
}

impl Run {
    /// Starts the run, and waits for its end and stores its outputs when asked to.
    pub async fn run(self, api: &Api) -> CommandResult {
        let client = api.workspace_client()?;
        let new = NewRun {
            model: self.model.clone(),
            params: self.params.map(),
            quote: self.quote.clone(),
            sandbox: self.sandbox.map(Outcome::script),
            metadata: Default::default(),
        };
        let text = api.text(api.write(client.create_run(&new))).await?;
        let run: ApiRun = serde_json::from_str(&text)
            .map_err(|error| format!("the answer is of another version of Scrip: {error}"))?;
        if !self.wait && self.out.is_none() {
            return if api.json { print(&text) } else { say(&render(&run)) };
        }
        let text = self.wait_for_end(api, &client, &run).await?;
        let run: ApiRun = serde_json::from_str(&text)
            .map_err(|error| format!("the answer is of another version of Scrip: {error}"))?;
        if api.json {
            print(&text)?;
        } else {
            say(&render(&run))?;
        }
        if let Some(directory) = &self.out {
            let files = download(&client, &run, directory).await?;
            if !api.json {
                say(&files.iter().map(|file| format!("stored {}\n", file.display())).collect::<String>())?;
            }
        }
        if matches!(run.status.as_str(), "succeeded" | "partial") {
            Ok(())
        } else {
            Err(Fault::Refused(render_failure(&run)))
        }
    }

    /// Waits for the end of a run and returns it as the API shows it.
    async fn wait_for_end(&self, api: &Api, client: &WorkspaceClient, run: &ApiRun) -> Result<String, Fault> {
        let bar = spinner(&format!("{} is {}", run.model, run.status));
        let ended = tokio::time::timeout(Duration::from_secs(self.patience), client.wait(&run.id)).await;
        bar.finish_and_clear();
        ended.map_err(|_| {
            Fault::Refused(format!(
                "{} has not ended after {} seconds; see later: scrip runs show {}",
                run.id, self.patience, run.id
            ))
        })??;
        api.text(client.run(&run.id, None)).await
    }
}

fn render_failure(run: &ApiRun) -> String {
    let why = run.error.as_ref().map(|error| format!("{}: {}", error.code, error.detail));
    format!("{}; {} {} came back", why.unwrap_or_else(|| run.status.clone()), run.credits.released, run.unit)
}

/// Draws a spinner on standard error; nothing when that is no terminal.
pub fn spinner(message: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {msg} ({elapsed})").expect("the template is good");
    let bar = ProgressBar::new_spinner().with_style(style).with_message(message.to_owned());
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

/// Stores the outputs of a run, checked against their hashes, and returns their paths.
async fn download(client: &Client, run: &ApiRun, directory: &Path) -> Result<Vec<PathBuf>, Fault> {
    std::fs::create_dir_all(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let mut files = Vec::new();
    for output in &run.outputs {
        let bytes = client.asset(output).await?;
        if hex(&sha256(&[&bytes])) != output.sha256 {
            return Err(Fault::Refused(format!(
                "{}: the file that arrived is not the one that was stored",
                output.asset
            )));
        }
        // The name comes from the server, so a path takes only the characters of an id.
        let safe: String =
            output.asset.chars().filter(|letter| letter.is_ascii_alphanumeric() || *letter == '_').collect();
        let path = directory.join(format!("{safe}.{}", extension(&output.content_type)));
        std::fs::write(&path, bytes).map_err(|error| format!("{}: {error}", path.display()))?;
        files.push(path);
    }
    Ok(files)
}

fn extension(content_type: &str) -> &'static str {
    match content_type {
        "image/png" | "image/apng" => "png",
        "image/jpeg" => "jpg",
        "image/webp" => "webp",
        "image/gif" => "gif",
        "video/mp4" => "mp4",
        "video/webm" => "webm",
        "video/x-msvideo" | "video/avi" => "avi",
        _ => "bin",
    }
}

/// Subcommands of `scrip runs`.
#[derive(Subcommand)]
pub enum Verb {
    /// List runs, newest first
    List {
        #[command(flatten)]
        part: Part,
        /// Show runs with this status alone
        #[arg(long)]
        status: Option<String>,
    },
    /// Show a run and its outputs
    Show {
        /// Id of the run, `run_…`
        id: String,
        /// Maximum wait for the run's end, in seconds
        #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(0..=60))]
        wait: Option<u32>,
        /// Store the outputs in this directory
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Cancel a run before its end
    Cancel {
        /// Id of the run, `run_…`
        id: String,
    },
}

impl Verb {
    /// Calls the API and prints the answer.
    pub async fn run(self, api: &Api) -> CommandResult {
        match self {
            Verb::List { part, status } => {
                let call = api.workspace_client()?.runs(&part.paging(), status.as_deref());
                api.show(call, |page| render_list(&page.data) + &more(page.next_cursor.as_deref())).await
            }
            Verb::Show { id, wait, out } => {
                let client = api.client()?;
                api.show(client.run(&id, wait), render).await?;
                if let Some(directory) = out {
                    let files = download(&client, &client.run(&id, None).await?, &directory).await?;
                    let stored: String = files.iter().map(|file| format!("stored {}\n", file.display())).collect();
                    return if api.json { Ok(()) } else { say(&stored) };
                }
                Ok(())
            }
            Verb::Cancel { id } => api.show(api.write(api.client()?.cancel_run(&id)), render).await,
        }
    }
}

fn render_list(runs: &[ApiRun]) -> String {
    let row = |run: &ApiRun| {
        let credits = &run.credits;
        let numbers =
            [credits.quoted, credits.held, credits.captured, credits.released].map(|number| number.to_string());
        let why = run.error.as_ref().map_or("", |error| error.code.as_str());
        [
            vec![run.id.clone(), run.model.clone(), run.status.clone()],
            numbers.to_vec(),
            vec![run.created_at.clone(), why.to_owned()],
        ]
        .concat()
    };
    table(
        &["run", "model", "status", "quoted", "held", "captured", "released", "created", "error"],
        &runs.iter().map(row).collect::<Vec<_>>(),
    )
}

/// Renders a run for people.
fn render(run: &ApiRun) -> String {
    let credits = &run.credits;
    let trial = run.trial.as_ref().map(|trial| format!(" on trial ({trial})")).unwrap_or_default();
    let mut text = format!("{}: {} is {}{trial}\n", run.id, run.model, run.status);
    text.push_str(&format!(
        "{} {} quoted, {} held, {} captured, {} released\n",
        credits.quoted, run.unit, credits.held, credits.captured, credits.released
    ));
    if run.lines.len() > 1 {
        run.lines.iter().for_each(|line| text.push_str(&format!("  {:>8}  {}\n", line.credits, line.text)));
    }
    if let Some(error) = &run.error {
        text.push_str(&format!("{}: {}\n", error.code, error.detail));
    }
    for output in &run.outputs {
        text.push_str(&format!(
            "{} ({}, {} bytes)\n  {}\n",
            output.asset, output.content_type, output.bytes, output.url
        ));
    }
    text
}
