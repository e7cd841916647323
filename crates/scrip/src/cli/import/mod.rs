//! `scrip import`: opens a workspace for each user of another system and gives it the user's credits.
//!
//! The whole file is checked first, by the server where only the server knows; `--dry-run` ends there. Every write has
//! an idempotency key that follows from the user, so that an interrupted import can be run again.
//!
//! Invariant: goes through the public API. A line that fails the check opens nothing, and stops no other line; the
//! closing sum is read from the ledger.

mod file;

use super::api::Api;
use super::output::{CommandResult, Fault, print, say};
use crate::crypto::{hex, sha256};
use crate::people::email::{form_of, is_same};
use clap::Args;
use file::{Line, LineFault, Users};
use futures_util::{StreamExt, stream};
use indicatif::{ProgressBar, ProgressStyle};
use scrip_client::types::{Mode, NewGrant, NewWorkspace, NewWorkspaceCheck, Owner, WorkspaceCheck};
use scrip_client::{Client, Error, KeyKind};
use serde_json::json;
use std::path::PathBuf;

/// Source of the credits that an import gives; a workspace gets them once.
const SOURCE: &str = "import:credits";

/// Number of lines that are checked at the same time.
const AT_A_TIME: usize = 8;

/// Number of faults that are listed; the others are counted.
const FAULTS_LISTED: usize = 100;

/// Name of the workspace of a line without a name.
const NAME: &str = "Workspace";

/// Columns of the file, for `--help`.
const COLUMNS_HELP: &str = "Columns (CSV in UTF-8; the first line names them, in any order):
  email        the \
                            owner's address; required
  name         shown on pages; `Workspace` when absent
  \
                            external_id  your own id for the workspace, compared exactly
  plan         a plan of the \
                            catalog, billed by hand; the free plan when absent
  interval     week, month or year, \
                            where the plan has several prices
  credits      a whole number, given in addition to the \
                            plan's credits
  welcome      `no` when the user had the welcome credits before; `yes` \
                            when absent

A user is identified by external_id, or by email if a line has none. The same \
                            file again gives nothing twice.";

/// Arguments of `scrip import`: opens a workspace for each line of a CSV file and gives it its credits.
#[derive(Args)]
#[command(after_help = COLUMNS_HELP)]
pub struct Import {
    /// CSV file with the users
    file: PathBuf,
    /// Open the workspaces in live mode
    #[arg(long, conflicts_with = "test")]
    live: bool,
    /// Open the workspaces in test mode; must be said with a live key
    #[arg(long)]
    test: bool,
    /// Give no welcome credits and trials, unless a line says `yes`
    #[arg(long)]
    no_welcome: bool,
    /// Reason for the credits, which the workspace's members see
    #[arg(long, default_value = "your balance from before")]
    reason: String,
    /// Check the file as the import would, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Result of the check: lines that can be imported, and faults of those that cannot.
struct CheckResult {
    good: Vec<(Line, WorkspaceCheck)>,
    faults: Vec<LineFault>,
}

/// Sums of an import, for its closing line.
struct Outcome {
    mode: Mode,
    workspaces: usize,
    opened: usize,
    credits_in_file: i128,
    credits_given: i128,
    credits_in_ledger: i128,
    faults: Vec<LineFault>,
}

impl Import {
    /// Checks the file, imports its lines and reconciles with the ledger.
    ///
    /// # Errors
    /// When the file cannot be read, a line could not be imported, or the ledger differs from the file.
    pub async fn run(self, api: &Api) -> CommandResult {
        let whole = |error: String| Fault::Refused(format!("{}: {error}", self.file.display()));
        let bytes = std::fs::read(&self.file).map_err(|error| whole(error.to_string()))?;
        let users = file::read(&bytes, !self.no_welcome).map_err(whole)?;
        let client = api.client()?;
        let mode = self.mode(api, &client)?;
        let credits_in_file = users.credits;
        let checked = self.check(&client, mode, users).await?;
        if self.dry_run {
            return report_check(&checked, mode, api.json);
        }
        let outcome = self.import(&client, mode, checked, credits_in_file).await?;
        outcome.report(api.json)
    }

    fn mode(&self, api: &Api, client: &Client) -> Result<Mode, Fault> {
        if client.kind().is_some_and(|kind| kind != KeyKind::Operator) {
            return Err(Fault::Misused("an import needs an operator's key: --key scrip_sk_…".to_owned()));
        }
        match (self.live, self.test) {
            (true, _) => Ok(Mode::Live),
            (false, true) => Ok(Mode::Test),
            (false, false) if api.has_live_key() => Err(Fault::Misused(
                "the key is for live mode, and a workspace keeps its mode for ever: add --live to confirm, or --test \
                 to try"
                    .to_owned(),
            )),
            (false, false) => Ok(Mode::Test),
        }
    }

    /// Checks every line with the server; the import does what passes here.
    async fn check(&self, client: &Client, mode: Mode, users: Users) -> Result<CheckResult, Fault> {
        let Users { lines, mut faults, .. } = users;
        let bar = progress("checking", lines.len());
        let shown = &bar;
        let asked = stream::iter(lines).map(|line| async move {
            let answer = self.ask(client, mode, &line).await;
            shown.inc(1);
            (line, answer)
        });
        let answers: Vec<(Line, Result<WorkspaceCheck, Error>)> = asked.buffered(AT_A_TIME).collect().await;
        bar.finish_and_clear();
        let mut good = Vec::new();
        for (line, answer) in answers {
            match answer.map_err(of_line) {
                Ok(answer) => match differs(&line, mode, &answer) {
                    None => good.push((line, answer)),
                    Some(why) => faults.push(line.fault(&why)),
                },
                // The check's body has two parts, `/workspace` and `/grant`, which the file does not have.
                Err(Ok(why)) => {
                    let why = why.replace(" /workspace/", " /").replace(" /grant/", " /");
                    faults.push(line.fault(&why));
                }
                Err(Err(fault)) => return Err(with_faults(fault, &faults)),
            }
        }
        faults.sort();
        Ok(CheckResult { good, faults })
    }

    /// Asks the server about a line, and changes nothing.
    async fn ask(&self, client: &Client, mode: Mode, line: &Line) -> Result<WorkspaceCheck, Error> {
        // The server says how many credits a source gave. A line without credits asks too, with an amount of one.
        let grant = Some(self.grant(line.credits.max(1)));
        let check = NewWorkspaceCheck { workspace: line.workspace(mode), grant };
        client.check_workspace(&check).idempotency_key(line.key("workspace")).await
    }

    async fn import(&self, client: &Client, mode: Mode, checked: CheckResult, in_file: i128) -> Result<Outcome, Fault> {
        let CheckResult { good, mut faults } = checked;
        let bar = progress("importing", good.len());
        let (mut opened, mut credits_given) = (0, 0);
        let mut done = Vec::new();
        for (line, check) in good {
            if !check.exists {
                match client.open_workspace(&line.workspace(mode)).idempotency_key(line.key("workspace")).await {
                    Ok(_) => opened += 1,
                    Err(error) => {
                        let why = of_line(error).map_err(|fault| stop_fault(fault, &line))?;
                        faults.push(line.fault(&format!("nothing was opened: {why}")));
                        continue;
                    }
                }
            }
            if line.credits > 0 && check.granted.is_none() {
                let key = line.key(&format!("{} credits, {}", line.credits, self.reason));
                let given = client.give(&check.workspace.id, &self.grant(line.credits)).idempotency_key(key).await;
                match given {
                    Ok(grants) => credits_given += grants.iter().map(|grant| i128::from(grant.granted)).sum::<i128>(),
                    Err(error) => {
                        let why = of_line(error).map_err(|fault| stop_fault(fault, &line))?;
                        let id = &check.workspace.id;
                        let text = format!("{id} is open, and its credits were not given: {why}; run the file again");
                        faults.push(line.fault(&text));
                    }
                }
            }
            bar.inc(1);
            done.push(line);
        }
        bar.finish_and_clear();
        let credits_in_ledger = self.reconcile(client, mode, &done, &mut faults).await?;
        faults.sort();
        let (workspaces, credits_in_file) = (done.len(), in_file);
        Ok(Outcome { mode, workspaces, opened, credits_in_file, credits_given, credits_in_ledger, faults })
    }

    /// Reads the imported credits from the ledger and returns their sum; adds a fault for each line that differs.
    async fn reconcile(
        &self,
        client: &Client,
        mode: Mode,
        lines: &[Line],
        faults: &mut Vec<LineFault>,
    ) -> Result<i128, Fault> {
        let bar = progress("reconciling", lines.len());
        let shown = &bar;
        let asked = stream::iter(lines).map(|line| async move {
            let answer = self.ask(client, mode, line).await;
            shown.inc(1);
            (line, answer)
        });
        let answers: Vec<(&Line, Result<WorkspaceCheck, Error>)> = asked.buffered(AT_A_TIME).collect().await;
        bar.finish_and_clear();
        let mut sum = 0;
        for (line, answer) in answers {
            let answer = answer.map_err(Fault::from)?;
            let (granted, credits) = (answer.granted.unwrap_or(0), line.credits);
            sum += i128::from(granted);
            let is_known = faults.iter().any(|fault| fault.number == line.number);
            if (!answer.exists || granted != credits) && !is_known {
                faults.push(line.fault(&format!("the file says {credits} credits, and the ledger has {granted}")));
            }
        }
        Ok(sum)
    }

    fn grant(&self, credits: i64) -> NewGrant {
        NewGrant {
            pack: None,
            amount: Some(credits),
            unit: None,
            reason: self.reason.clone(),
            source: Some(SOURCE.to_owned()),
            expires_at: None,
            models: Vec::new(),
        }
    }
}

impl Line {
    /// Returns the idempotency key of one step for this user. The key is a hash, since a key may be shorter than an id.
    fn key(&self, step: &str) -> String {
        let (kind, identity) = match &self.external_id {
            Some(id) => ("external_id", id.clone()),
            None => ("email", form_of(&self.email)),
        };
        let pieces: [&[u8]; 5] = [kind.as_bytes(), b"\0", identity.as_bytes(), b"\0", step.as_bytes()];
        format!("import-{}", hex(&sha256(&pieces)))
    }

    fn workspace(&self, mode: Mode) -> NewWorkspace {
        NewWorkspace {
            // A name is in the workspace's entries, where no address of a person stands.
            name: self.name.clone().unwrap_or_else(|| NAME.to_owned()),
            owner: Some(Owner { email: self.email.clone() }),
            external_id: self.external_id.clone(),
            mode: Some(mode),
            test_clock: None,
            plan: self.plan.clone(),
            interval: self.interval,
            allowance: None,
            approve: Vec::new(),
            welcome: (!self.welcome).then_some(false),
        }
    }

    fn fault(&self, why: &str) -> LineFault {
        LineFault { number: self.number, text: format!("{}: {why}", self.email) }
    }
}

/// Returns the contradiction between a line and an earlier import of its user. Plan and name are not compared, since
/// they may have changed.
fn differs(line: &Line, mode: Mode, check: &WorkspaceCheck) -> Option<String> {
    if !check.exists {
        return None;
    }
    let (id, now, asked) = (&check.workspace.id, &check.workspace, mode_name(mode));
    if now.mode != asked {
        return Some(format!("{id} was imported in {} mode, which never changes; this import is {asked}", now.mode));
    }
    if !is_same(&now.owner_email, &line.email) {
        return Some(format!("{id} was imported with the address {}", now.owner_email));
    }
    let granted = check.granted.filter(|granted| *granted != line.credits)?;
    let difference = line.credits - granted;
    let what_to_do = if difference > 0 {
        format!("scrip grants give --workspace {id} --amount {difference} --reason …")
    } else {
        format!("scrip balance --workspace {id}, then scrip grants void GRANT --reason …, and give the right amount")
    };
    Some(format!("{granted} credits were imported before, and the file says {}: {what_to_do}", line.credits))
}

/// Splits errors: `Ok` has the words for an error of one line, `Err` an error that stops the import.
fn of_line(error: Error) -> Result<String, Fault> {
    let is_of_line = match &error {
        Error::Refused { status: 402 | 403 | 409 | 422, problem, .. } => problem.code != "CAPABILITY_REQUIRED",
        _ => false,
    };
    let fault = Fault::from(error);
    if is_of_line { Ok(fault.text().to_owned()) } else { Err(fault) }
}

fn stop_fault(fault: Fault, line: &Line) -> Fault {
    let text = |text: String| {
        let number = line.number;
        format!("stopped at line {number}: {text}\n  - run the same file again: nothing is opened or given twice")
    };
    match fault {
        Fault::Refused(why) => Fault::Refused(text(why)),
        Fault::Misused(why) => Fault::Misused(text(why)),
        Fault::Unavailable(why) => Fault::Unavailable(text(why)),
    }
}

/// Adds the faults found so far to a fault of the server.
fn with_faults(fault: Fault, faults: &[LineFault]) -> Fault {
    if faults.is_empty() {
        return fault;
    }
    let listed = render_faults(faults);
    match fault {
        Fault::Refused(why) => Fault::Refused(format!("{listed}\n{why}")),
        Fault::Misused(why) => Fault::Misused(format!("{listed}\n{why}")),
        Fault::Unavailable(why) => Fault::Unavailable(format!("{listed}\n{why}")),
    }
}

fn render_faults(faults: &[LineFault]) -> String {
    let line = |fault: &LineFault| format!("line {}: {}", fault.number, fault.text);
    let mut lines: Vec<String> = faults.iter().take(FAULTS_LISTED).map(line).collect();
    if faults.len() > FAULTS_LISTED {
        lines.push(format!("and {} more", faults.len() - FAULTS_LISTED));
    }
    lines.join("\n")
}

fn report_check(checked: &CheckResult, mode: Mode, as_json: bool) -> CommandResult {
    let CheckResult { good, faults } = checked;
    let credits: i128 = good.iter().map(|(line, _)| i128::from(line.credits)).sum();
    let there = good.iter().filter(|(_, check)| check.exists).count();
    let (lines, opens, mode) = (good.len(), good.len() - there, mode_name(mode));
    if as_json {
        let failed: Vec<String> = faults.iter().map(|fault| render_faults(std::slice::from_ref(fault))).collect();
        let document = json!({ "dry_run": true, "mode": mode, "lines": lines, "would_open": opens, "credits": credits, "failed": failed });
        print(&document.to_string())?;
    } else {
        say(&format!(
            "{lines} lines with {credits} credits can be imported\n{mode} mode: {opens} workspaces to open, {there} there already\n"
        ))?;
    }
    if faults.is_empty() {
        return Ok(());
    }
    Err(Fault::Refused(format!("{} lines cannot be imported:\n{}", faults.len(), render_faults(faults))))
}

impl Outcome {
    fn report(self, as_json: bool) -> CommandResult {
        let Outcome { mode, workspaces, opened, credits_in_file, credits_given, credits_in_ledger, faults } = self;
        let mode = mode_name(mode);
        if as_json {
            let failed: Vec<String> = faults.iter().map(|fault| render_faults(std::slice::from_ref(fault))).collect();
            let document = json!({
                "mode": mode, "workspaces": workspaces, "opened": opened, "credits_in_file": credits_in_file,
                "credits_given": credits_given, "credits_in_ledger": credits_in_ledger, "failed": failed,
            });
            print(&document.to_string())?;
        } else {
            let there = workspaces - opened;
            say(&format!(
                "{workspaces} workspaces; {credits_in_ledger} of the file's {credits_in_file} credits are in the \
                 ledger\n{mode} mode: {opened} workspaces opened, {there} there already; {credits_given} credits given \
                 now\n"
            ))?;
        }
        if faults.is_empty() && credits_in_ledger == credits_in_file {
            return Ok(());
        }
        let missing = credits_in_file - credits_in_ledger;
        Err(Fault::Refused(format!(
            "{} lines were not imported, and {missing} credits are missing:\n{}",
            faults.len(),
            render_faults(&faults)
        )))
    }
}

fn progress(what: &'static str, lines: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {bar:40} {human_pos}/{human_len} lines");
    ProgressBar::new(lines as u64).with_style(style.expect("the template is right")).with_message(what)
}

const fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Test => "test",
        Mode::Live => "live",
    }
}
