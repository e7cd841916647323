//! `scrip catalog migrate`: shows a preview of the subscribers and their changes, asks, and migrates.
//!
//! Invariant: the question is about the server's own preview, and the migration is sent until the server says that it
//! is complete.

use super::confirm::confirm;
use crate::cli::api::Api;
use crate::cli::output::{CommandResult, Fault, print, say};
use clap::Args;
use scrip_client::types::{MigratedWorkspace, Migration, TermChange};
use scrip_client::{Client, Paging};
use serde_json::json;
use std::collections::BTreeMap;

/// Number of workspaces on one page of the migration.
const PAGE: u32 = 100;
/// Number of workspaces that the preview names in each group; the others are counted.
const NAMED: usize = 3;

/// Version to migrate to, and options.
#[derive(Args)]
pub struct Migrate {
    /// Number of the catalog version
    #[arg(value_name = "VERSION")]
    version: u32,
    /// Show which subscribers would move and what changes for them, and move none
    #[arg(long)]
    dry_run: bool,
    /// Move without asking for confirmation
    #[arg(long)]
    yes: bool,
}

/// Workspaces of a migration, with the numbers of those moved, worse off and refused.
#[derive(Default)]
struct Sum {
    moved: u64,
    worse_off: u64,
    refused: u64,
    data: Vec<MigratedWorkspace>,
}

impl Sum {
    fn add(&mut self, part: Migration) -> Option<String> {
        self.moved += part.moved;
        self.worse_off += part.worse_off;
        self.refused += part.refused;
        self.data.extend(part.data);
        part.next_cursor
    }

    fn to_json(&self, version: u32, dry_run: bool) -> String {
        let Sum { moved, worse_off, refused, data } = self;
        let sum = json!({
            "version": version, "dry_run": dry_run, "moved": moved, "worse_off": worse_off, "refused": refused,
            "data": data,
        });
        sum.to_string()
    }
}

impl Migrate {
    /// Shows the preview and, unless this is a dry run, asks and migrates.
    pub async fn run(self, api: &Api) -> CommandResult {
        let client = api.client()?;
        let foretold = all(&client, self.version, true).await?;
        let text = preview(self.version, &foretold);
        if self.dry_run {
            return if api.json { print(&foretold.to_json(self.version, true)) } else { say(&text) };
        }
        if foretold.moved > 0 {
            confirm(
                &text,
                &format!("move {}", workspaces(foretold.moved)),
                ("no workspace is moved", "the preview"),
                self.yes,
            )?;
        }
        let moved = all(&client, self.version, false).await?;
        if api.json {
            return print(&moved.to_json(self.version, false));
        }
        let refused = match foretold.refused {
            0 => String::new(),
            refused => format!("; {} cannot be moved and keep their terms", workspaces(refused)),
        };
        say(&format!("moved {} to version {}{refused}\n", workspaces(moved.moved), self.version))
    }
}

/// Calls the API until all pages of a migration are done, and returns their sum.
async fn all(client: &Client, version: u32, dry_run: bool) -> Result<Sum, Fault> {
    let mut sum = Sum::default();
    let mut cursor = None;
    loop {
        let paging = Paging { limit: Some(PAGE), cursor };
        cursor = sum.add(client.migrate_catalog(version, dry_run, &paging).await?);
        if cursor.is_none() {
            return Ok(sum);
        }
    }
}

fn workspaces(count: u64) -> String {
    format!("{count} workspace{}", if count == 1 { "" } else { "s" })
}

/// Returns the preview in words. Workspaces with the same changes form one group.
fn preview(version: u32, sum: &Sum) -> String {
    let mut text = format!(
        "version {version}: {} to move, {} of them worse off; {} cannot be moved\n",
        workspaces(sum.moved),
        sum.worse_off,
        sum.refused
    );
    let mut groups: BTreeMap<String, Vec<&MigratedWorkspace>> = BTreeMap::new();
    for row in &sum.data {
        groups.entry(group(row)).or_default().push(row);
    }
    for (changes, rows) in groups {
        let mut named: Vec<&str> = rows.iter().take(NAMED).map(|row| &*row.workspace).collect();
        if rows.len() > NAMED {
            named.push("…");
        }
        text += &format!("\n{} ({}): {changes}", workspaces(rows.len() as u64), named.join(", "));
    }
    text
}

/// Returns a workspace's plan and changes in words, without the day of its renewal.
fn group(row: &MigratedWorkspace) -> String {
    let MigratedWorkspace { plan, interval, catalog_version, refusal, changes, .. } = row;
    let mut text = format!("{plan} by the {interval}, on version {catalog_version}\n");
    if let Some(refusal) = refusal {
        return text + &format!("  stays: {refusal}\n");
    }
    if row.renews_at.is_none() {
        text += "  it ends or changes with its period\n";
    }
    if changes.is_empty() {
        text += "  nothing changes\n";
    }
    changes.iter().for_each(|change| text += &line(change));
    text
}

fn line(change: &TermChange) -> String {
    let TermChange { what, before, after, effect, takes_effect, .. } = change;
    let sign = match effect.as_str() {
        "better" => '+',
        "worse" => '-',
        _ => '~',
    };
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".to_owned());
    let when = if takes_effect == "at_once" { "at once" } else { "with a renewal" };
    format!("  {sign} {what}: {} → {}, {when}\n", value(before), value(after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workspaces_with_the_same_changes_are_one_group() {
        let change = |what: &str, effect: &str, takes_effect: &str| TermChange {
            what: what.to_owned(),
            before: Some("2".to_owned()),
            after: None,
            effect: effect.to_owned(),
            takes_effect: takes_effect.to_owned(),
            from: "2026-02-10T00:00:00Z".to_owned(),
        };
        let row = |n: u32, refusal: Option<&str>, renews_at: Option<&str>| MigratedWorkspace {
            workspace: format!("ws_{n}"),
            name: String::new(),
            plan: "pro".to_owned(),
            interval: "month".to_owned(),
            catalog_version: 1,
            refusal: refusal.map(str::to_owned),
            renews_at: renews_at.map(str::to_owned),
            worse_off: refusal.is_none(),
            changes: match refusal {
                None => vec![change("batch", "worse", "at_renewal"), change("lane", "better", "at_once")],
                Some(_) => Vec::new(),
            },
        };
        let rows = (1..=4).map(|n| row(n, None, Some("2026-02-10T00:00:00Z")));
        let data = rows.chain([row(5, Some("it is not sold"), None), row(6, None, None)]).collect();
        let sum = Sum { moved: 5, worse_off: 5, refused: 1, data };
        assert_eq!(
            preview(2, &sum),
            "version 2: 5 workspaces to move, 5 of them worse off; 1 cannot be moved\n\
             \n4 workspaces (ws_1, ws_2, ws_3, …): pro by the month, on version 1\n  - batch: 2 → none, with a renewal\n  \
             + lane: 2 → none, at once\n\
             \n1 workspace (ws_6): pro by the month, on version 1\n  it ends or changes with its period\n  \
             - batch: 2 → none, with a renewal\n  + lane: 2 → none, at once\n\
             \n1 workspace (ws_5): pro by the month, on version 1\n  stays: it is not sold\n"
        );
    }
}
