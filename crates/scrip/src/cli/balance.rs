//! `scrip balance`, `entitlements`, `usage`, `entries`, `explain`: balance, rights and history of a workspace.

use super::api::{Api, Part, more};
use super::output::{CommandResult, or_dash, table};
use clap::Args;
use scrip_client::types::{Balance, Entitlements, Entry, Explanation, ModelEntitlement, Page, Usage};

/// Prints the balance of the workspace.
pub async fn balance(api: &Api) -> CommandResult {
    api.show(api.workspace_client()?.balance(), render_balance).await
}

fn render_balance(balance: &Balance) -> String {
    let mut text = format!("{} credits available, {} held", balance.available, balance.held);
    if balance.debt > 0 {
        text.push_str(&format!(", {} owed", balance.debt));
    }
    text.push('\n');
    for (unit, sum) in balance.units.iter().filter(|(unit, _)| *unit != "credits") {
        text.push_str(&format!("{} {unit} available, {} held\n", sum.available, sum.held));
    }
    if let Some(at) = &balance.renews_at {
        text.push_str(&format!("the next allowance comes at {at}\n"));
    }
    let row = |grant: &scrip_client::types::Grant| {
        let scope = if grant.scope.is_empty() { String::new() } else { format!(" for {}", grant.scope.join(", ")) };
        vec![
            grant.id.clone(),
            grant.kind.clone(),
            format!("{}{scope}", grant.unit),
            grant.granted.to_string(),
            grant.available.to_string(),
            grant.held.to_string(),
            grant.captured.to_string(),
            grant.expires_at.clone().unwrap_or_else(|| "never".to_owned()),
        ]
    };
    let head = ["grant", "kind", "unit", "granted", "available", "held", "captured", "expires"];
    format!("{text}\n{}", table(&head, &balance.grants.iter().map(row).collect::<Vec<_>>()))
}

/// Prints the entitlements of the workspace.
pub async fn entitlements(api: &Api) -> CommandResult {
    api.show(api.workspace_client()?.entitlements(), render_entitlements).await
}

fn render_entitlements(may: &Entitlements) -> String {
    let limits = &may.limits;
    let bound =
        |name: &str, bound: Option<String>| format!("  {name}: {}\n", bound.unwrap_or_else(|| "unlimited".to_owned()));
    let mut text = format!("plan {}\n", may.plan);
    text.push_str(&bound("requests a minute", limits.requests_per_minute.map(|bound| bound.to_string())));
    text.push_str(&bound("runs at once", limits.concurrency.map(|bound| bound.to_string())));
    text.push_str(&bound("images in a run", limits.batch.map(|bound| bound.to_string())));
    text.push_str(&bound("members", limits.members.map(|bound| bound.to_string())));
    text.push_str(&bound(
        "bytes stored",
        limits.storage_bytes.map(|bound| format!("{} of {bound}", limits.stored_bytes)),
    ));
    let listed = |name: &str, list: &[String]| {
        if list.is_empty() { String::new() } else { format!("  {name}: {}\n", list.join(", ")) }
    };
    text.push_str(&listed("a key may", &may.ceiling));
    text.push_str(&listed("features", &may.features));
    let row = |model: &ModelEntitlement| {
        let state = if model.locked { or_dash(model.reason.as_deref()) } else { "open".to_owned() };
        vec![
            model.id.clone(),
            model.output.clone(),
            state,
            render_allowance(model),
            model.plans_that_include.join(", "),
        ]
    };
    format!(
        "{text}\n{}",
        table(&["model", "makes", "state", "left", "plans"], &may.models.iter().map(row).collect::<Vec<_>>())
    )
}

fn render_allowance(model: &ModelEntitlement) -> String {
    let parts = [
        model.trial_runs_left.map(|runs| format!("{runs} trial runs")),
        model.trial_window_ends_at.as_ref().map(|at| format!("trial until {at}")),
        model.trial_window_unopened.then(|| "a trial that starts with the first run".to_owned()),
        model.runs_left_today.map(|runs| format!("{runs} runs today")),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "-".to_owned() } else { parts.join(", ") }
}

/// Arguments of `scrip usage`.
#[derive(Args)]
pub struct UsageArgs {
    /// First day, such as 2026-01-31
    #[arg(long, value_name = "DAY")]
    from: Option<String>,
    /// Last day, included in the sum
    #[arg(long, value_name = "DAY")]
    to: Option<String>,
    /// Group by `day`, `model` or `day,model`
    #[arg(long)]
    by: Option<String>,
}

impl UsageArgs {
    /// Calls the API and prints the usage.
    pub async fn run(self, api: &Api) -> CommandResult {
        let call = api.workspace_client()?.usage(self.from.as_deref(), self.to.as_deref(), self.by.as_deref());
        api.show(call, render_usage).await
    }
}

fn render_usage(usage: &Usage) -> String {
    let row = |row: &scrip_client::types::UsageRow| {
        let counts = [row.runs, row.failed, row.captured].map(|number| number.to_string());
        [vec![or_dash(row.day.as_deref()), or_dash(row.model.as_deref()), row.unit.clone()], counts.to_vec()].concat()
    };
    let head = ["day", "model", "unit", "runs", "failed", "captured"];
    format!("{} to {}\n\n{}", usage.from, usage.to, table(&head, &usage.rows.iter().map(row).collect::<Vec<_>>()))
}

/// Prints entries of the journal, newest first.
pub async fn entries(api: &Api, part: &Part) -> CommandResult {
    api.show(api.workspace_client()?.entries(&part.paging()), journal).await
}

fn journal(page: &Page<Entry>) -> String {
    let row = |entry: &Entry| {
        let moved = entry
            .postings
            .iter()
            .map(|posting| format!("{} {} {} → {}", posting.amount, posting.unit, posting.from, posting.to));
        let moved: Vec<String> = moved.collect();
        let moved = match moved.as_slice() {
            [] => "-".to_owned(),
            [first] => first.clone(),
            [first, rest @ ..] => format!("{first} and {} more", rest.len()),
        };
        vec![entry.id.clone(), entry.at.clone(), entry.actor.clone(), entry.command.clone(), moved]
    };
    let rows: Vec<Vec<String>> = page.data.iter().map(row).collect();
    table(&["entry", "at", "by", "command", "moved"], &rows) + &more(page.next_cursor.as_deref())
}

/// Prints the explanation of an entry.
pub async fn explain(api: &Api, entry: &str) -> CommandResult {
    api.show(api.client()?.explain(entry), render_explanation).await
}

fn render_explanation(explanation: &Explanation) -> String {
    let mut text = format!("{}\n", explanation.summary);
    for line in &explanation.lines {
        text.push_str(&format!("\n{}  {}\n", line.at, line.text));
        for posting in &line.postings {
            text.push_str(&format!("    {} {}: {} → {}\n", posting.amount, posting.unit, posting.from, posting.to));
        }
    }
    let row = |change: &scrip_client::types::BalanceChange| {
        let arrow = |before: i64, after: i64| format!("{before} → {after}");
        let available = arrow(change.available_before, change.available_after);
        vec![change.grant.clone(), change.unit.clone(), available, arrow(change.held_before, change.held_after)]
    };
    if !explanation.balances.is_empty() {
        let rows: Vec<Vec<String>> = explanation.balances.iter().map(row).collect();
        text.push_str(&format!("\n{}", table(&["grant", "unit", "available", "held"], &rows)));
    }
    text
}
