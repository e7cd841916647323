//! `scrip import`: the users of a `credits` column become workspaces, and the sums are held against each other.
//!
//! A line is imported under keys of its own, so that an import that stopped half-way is run again.
//!
//! Invariant: goes through the public API; a line that cannot be imported stops no other and is told by its number.

use super::api::Api;
use super::output::{Done, Fault, print, say};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use scrip_client::Client;
use scrip_client::types::{Interval, Mode, NewGrant, NewWorkspace, Owner, Workspace};
use serde::Deserialize;
use serde_json::json;
use std::path::PathBuf;

/// The columns of the file.
const COLUMNS: &str = "email,name,external_id,plan,interval,credits";

/// `scrip import`: opens a workspace for each line of a CSV file and gives it its credits.
///
/// The first line names the columns: email, and any of name, external_id, plan, interval and credits. Running the same
/// file again changes nothing but finishes what was not done.
#[derive(Args)]
pub struct Import {
    /// The CSV file
    file: PathBuf,
    /// Open live workspaces rather than test ones
    #[arg(long)]
    live: bool,
    /// Why the credits are given; people see it
    #[arg(long, default_value = "your balance from before")]
    reason: String,
    /// Read and check the file, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// One line of the file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    email: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    external_id: Option<String>,
    #[serde(default)]
    plan: Option<String>,
    #[serde(default)]
    interval: Option<String>,
    #[serde(default)]
    credits: Option<i64>,
}

/// What the import came to.
#[derive(Default)]
struct Tally {
    opened: u64,
    credits_in_file: i64,
    credits_given: i64,
    failed: Vec<String>,
}

impl Import {
    /// Imports every line and reconciles.
    ///
    /// # Errors
    /// When the file cannot be read, or any line could not be imported.
    pub async fn run(self, api: &Api) -> Done {
        let lines = self.read()?;
        if self.dry_run {
            let credits: i64 = lines.iter().filter_map(|line| line.credits).sum();
            return say(&format!("{} lines with {credits} credits can be imported\n", lines.len()));
        }
        let client = api.client()?;
        let style =
            ProgressStyle::with_template("{bar:40} {human_pos}/{human_len} lines").expect("the template is right");
        let bar = ProgressBar::new(lines.len() as u64).with_style(style);
        let mut tally = Tally::default();
        for (index, line) in lines.iter().enumerate() {
            tally.credits_in_file += line.credits.unwrap_or(0);
            match self.one(&client, line, &mut tally).await {
                Ok(()) => {}
                Err(fault @ Fault::Unavailable(_)) => return Err(fault),
                // The first line of the file names the columns.
                Err(fault) => tally.failed.push(format!("line {}: {}: {}", index + 2, line.email, fault.text())),
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        tally.told(api.json)
    }

    fn read(&self) -> Result<Vec<Line>, Fault> {
        let wrong =
            |error: csv::Error| Fault::Refused(format!("{}: {error}; the columns are {COLUMNS}", self.file.display()));
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(&self.file).map_err(wrong)?;
        reader.deserialize().collect::<Result<Vec<Line>, _>>().map_err(wrong)
    }

    async fn one(&self, client: &Client, line: &Line, tally: &mut Tally) -> Result<(), Fault> {
        let identity = line.external_id.as_deref().unwrap_or(&line.email);
        let workspace = self.open(client, line, identity).await?;
        tally.opened += 1;
        let Some(credits) = line.credits.filter(|credits| *credits != 0) else { return Ok(()) };
        let source = format!("import:{identity}");
        let grant = NewGrant {
            pack: None,
            amount: Some(credits),
            unit: None,
            reason: self.reason.clone(),
            source: Some(source.clone()),
            expires_at: None,
            models: Vec::new(),
        };
        let given = client.give(&workspace.id, &grant).idempotency_key(format!("{source}:credits")).await?;
        tally.credits_given += given.iter().map(|grant| grant.granted).sum::<i64>();
        Ok(())
    }

    async fn open(&self, client: &Client, line: &Line, identity: &str) -> Result<Workspace, Fault> {
        let interval = match line.interval.as_deref().filter(|interval| !interval.is_empty()) {
            None => None,
            Some("week") => Some(Interval::Week),
            Some("month") => Some(Interval::Month),
            Some("year") => Some(Interval::Year),
            Some(other) => return Err(Fault::Refused(format!("`{other}` is not an interval: week, month or year"))),
        };
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let new = NewWorkspace {
            name: given(&line.name).unwrap_or_else(|| line.email.clone()),
            owner: Some(Owner { email: line.email.clone() }),
            external_id: given(&line.external_id),
            mode: Some(if self.live { Mode::Live } else { Mode::Test }),
            test_clock: None,
            plan: given(&line.plan),
            interval,
            allowance: None,
            approve: Vec::new(),
        };
        Ok(client.open_workspace(&new).idempotency_key(format!("import:{identity}")).await?)
    }
}

impl Tally {
    fn told(self, as_json: bool) -> Done {
        let Tally { opened, credits_in_file, credits_given, failed } = self;
        if as_json {
            let told = json!({ "workspaces": opened, "credits_in_file": credits_in_file, "credits_given": credits_given, "failed": failed });
            print(&told.to_string())?;
        } else {
            say(&format!(
                "{opened} workspaces; {credits_given} of the file's {credits_in_file} credits are in the ledger\n"
            ))?;
        }
        if failed.is_empty() && credits_given == credits_in_file {
            return Ok(());
        }
        let missing = credits_in_file - credits_given;
        Err(Fault::Refused(format!(
            "{} lines were not imported, and {missing} credits are missing:\n{}",
            failed.len(),
            failed.join("\n")
        )))
    }
}
