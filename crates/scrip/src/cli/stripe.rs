//! `scrip stripe`: the Stripe account that plans and packs are sold through.

use super::catalog::read;
use super::output::{CommandResult, Fault, print, say};
use crate::config::{Secret, Settings};
use crate::payments::stripe::objects::account::Account;
use crate::payments::stripe::sync::{self, Plan, Step, apply, compare};
use crate::payments::stripe::{Client, Error};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Subcommands of `scrip stripe`.
#[derive(Subcommand)]
pub enum Verb {
    /// Compare the catalog's plans and packs with the account's products and prices, and show the changes
    Sync(Sync),
}

/// Arguments of `scrip stripe sync`.
#[derive(Args)]
pub struct Sync {
    /// Catalog file, or the name of a shipped one
    #[arg(long, env = "SCRIP_CATALOG", value_name = "FILE")]
    catalog: Option<PathBuf>,
    /// Make the changes; otherwise nothing is written
    #[arg(long)]
    apply: bool,
    /// Secret key of the account, or a restricted one
    #[arg(long, env = "SCRIP_STRIPE_SECRET_KEY", value_name = "KEY", hide_env_values = true)]
    stripe_secret_key: Option<Secret>,
    /// Base URL of Stripe, for a simulator
    #[arg(long, env = "SCRIP_STRIPE_API_URL", value_name = "URL")]
    stripe_api_url: Option<String>,
    /// Configuration file; `config.default.toml` names every key
    #[arg(long, env = "SCRIP_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Verb {
    /// Runs the chosen subcommand and prints its result.
    pub async fn run(self, as_json: bool) -> CommandResult {
        match self {
            Verb::Sync(sync) => sync.run(as_json).await,
        }
    }
}

impl Sync {
    async fn run(self, as_json: bool) -> CommandResult {
        let Sync { catalog, apply: for_good, stripe_secret_key, stripe_api_url, config } = self;
        let settings = Settings { catalog, stripe_secret_key, stripe_api_url, ..Settings::default() };
        let settings = settings.resolve(config.as_deref())?;
        let misused = |text: &str| Fault::Misused(text.to_owned());
        let catalog = settings.catalog.as_ref().ok_or_else(|| misused("name the catalog: --catalog FILE"))?;
        let catalog = read(catalog)?;
        let key = settings.stripe_secret_key.as_ref().map(Secret::expose);
        let client = Client::of(settings.stripe_api_url.as_deref(), key).map_err(Fault::Misused)?;
        let no_key = "name a key of the Stripe account: SCRIP_STRIPE_SECRET_KEY, or stripe_secret_key in --config FILE";
        let client = client.ok_or_else(|| misused(no_key))?;
        let account = account(&client).await?;
        let plan = compare(&client, &catalog).await.map_err(describe_fault)?;
        if !as_json {
            say(&format!("account {account}, {} mode\n", client.mode().name()))?;
        }
        if for_good {
            apply(&client, &plan, |step| show(step, as_json)).await.map_err(describe_fault)?;
        }
        if as_json {
            return print(&document(&account, &client, &plan, for_good).to_string());
        }
        if !for_good {
            plan.steps.iter().for_each(|step| show(step, as_json));
        }
        say(&last_line(&plan, for_good))?;
        if plan.in_the_way.is_empty() { Ok(()) } else { Err(describe_fault(sync::Fault::InTheWay(plan.in_the_way))) }
    }
}

/// Returns the account of the key. A restricted key may not be allowed to read the account; the rest works without it.
async fn account(client: &Client) -> Result<String, Fault> {
    match client.account().await {
        Ok(Account { id }) => Ok(id),
        Err(error) if error.refusal().is_some_and(|refused| refused.status == 403) => {
            Ok("of a restricted key".to_owned())
        }
        Err(error) => Err(describe_fault(error.into())),
    }
}

/// Prints a step. A closed standard output is no reason to stop halfway.
fn show(step: &Step, as_json: bool) {
    if !as_json {
        drop(say(&step.describe()));
    }
}

fn last_line(plan: &Plan, applied: bool) -> String {
    let changes = match plan.steps.len() {
        0 => return "nothing to do\n".to_owned(),
        1 => "1 change".to_owned(),
        many => format!("{many} changes"),
    };
    if applied { format!("{changes} made\n") } else { format!("{changes} to make; --apply makes them\n") }
}

/// Returns all changes as JSON, for a program.
fn document(account: &str, client: &Client, plan: &Plan, applied: bool) -> Value {
    let change =
        |step: &Step| json!({ "kind": step.kind(), "at": step.at(), "id": step.id(), "text": step.describe() });
    let changes: Vec<Value> = plan.steps.iter().map(change).collect();
    let mode = client.mode().name();
    json!({ "account": account, "mode": mode, "applied": applied, "changes": changes, "in_the_way": plan.in_the_way })
}

/// Describes a failure and what to do about it.
fn describe_fault(fault: sync::Fault) -> Fault {
    let what_to_do = match (&fault, fault.error()) {
        (sync::Fault::Mode { .. }, _) => "is that the right key?",
        (_, None) => return Fault::Refused(fault.to_string()),
        (_, Some(Error::Refused(refused))) => match refused.status {
            401 => "the key is not good, or no longer: SCRIP_STRIPE_SECRET_KEY",
            403 => "a restricted key must be allowed to read and write products and prices",
            _ => "the changes made so far stay, and another run goes on from there",
        },
        (_, Some(Error::Unreachable(_))) => "is stripe_api_url right, and can this machine reach it?",
        (_, Some(Error::Busy(_))) => "wait, and run it again",
        (_, Some(Error::Unknown(_))) => "run it again: nothing is made twice",
    };
    let text = format!("{fault}\n  - {what_to_do}");
    match fault.error() {
        Some(Error::Busy(_) | Error::Unreachable(_) | Error::Unknown(_)) => Fault::Unavailable(text),
        Some(Error::Refused(refused)) if refused.status == 429 => Fault::Unavailable(text),
        _ => Fault::Refused(text),
    }
}
