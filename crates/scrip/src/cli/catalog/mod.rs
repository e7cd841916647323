//! `scrip catalog`: catalog files, and the catalog in force on a server.

mod confirm;
mod diff;
mod migrate;
mod publish;

use super::api::Api;
use super::output::{CommandResult, Fault, money, print, say, table, words};
use crate::server::catalog_text;
use crate::shipped;
use clap::{Args, Subcommand};
use scrip_client::types::PublicCatalog;
use scrip_engine::{Catalog, parse_catalog};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Subcommands of `scrip catalog`. A file may also be the name of a shipped catalog.
#[derive(Subcommand)]
pub enum Verb {
    /// Check catalog files and list every error with its place
    Check {
        /// Catalog files to check
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Show the plans, models and packs of a file or of the server
    Show(Source),
    /// List the catalogs that come with this binary
    List,
    /// List the versions that the server has published
    Versions,
    /// Print the JSON Schema of a catalog file
    Schema,
    /// Show the differences between two files, or between a file and the server's catalog
    #[command(allow_missing_positional = true)]
    Diff {
        /// Catalog file with the earlier state
        #[arg(value_name = "OLD", required_unless_present = "server", conflicts_with = "server")]
        old: Option<PathBuf>,
        /// Catalog file with the later state
        #[arg(value_name = "NEW")]
        new: PathBuf,
        /// Compare with the catalog in force on the server, and count what retired models leave behind
        #[arg(long)]
        server: bool,
    },
    /// Publish a file as the next version
    Publish {
        /// Catalog file to publish
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Publish in spite of warnings, without asking
        #[arg(long)]
        yes: bool,
    },
    /// Move subscribers on older terms to a version, after a preview and a question
    ///
    /// Limits and gates change at once, and nothing that a paid period was sold with is taken away. Grants and price
    /// change with a renewal. A higher price applies after the catalog's price_notice, and subscribers are mailed about
    /// it now.
    Migrate(migrate::Migrate),
}

/// Catalog to show: a file, or the server's.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub struct Source {
    /// Catalog file to show
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Show the catalog in force on the server
    #[arg(long)]
    server: bool,
}

impl Verb {
    /// Runs the chosen subcommand and prints its result.
    pub async fn run(self, api: &Api) -> CommandResult {
        match self {
            Verb::Check { files } => check(&files, api.json),
            Verb::Show(Source { file: Some(file), .. }) => show_file(&file, api.json),
            Verb::Show(Source { file: None, .. }) => api.show(api.client()?.catalog(), render).await,
            Verb::List => list(api.json),
            Verb::Versions => {
                let call = api.client()?.catalog_versions();
                let row = |version: &scrip_client::types::CatalogVersion| {
                    vec![
                        version.version.to_string(),
                        version.published_at.clone(),
                        version.sha256.clone(),
                        version.actor.clone(),
                    ]
                };
                let head = ["version", "published", "sha256", "by"];
                api.show(call, |page| table(&head, &page.data.iter().map(row).collect::<Vec<_>>())).await
            }
            Verb::Schema => print(&format!("{:#}", json!(schemars::schema_for!(Catalog)))),
            Verb::Diff { old, new, .. } => {
                let next = read(&new)?;
                let changes = match old {
                    Some(old) => {
                        let changes = diff::changes(&json!(read(&old)?), &json!(next)).into_iter();
                        changes.map(|change| publish::warn(change, &BTreeMap::new())).collect()
                    }
                    None => {
                        let changes = publish::changes(&api.client()?, &next, &catalog_text(&new)?).await?;
                        changes.ok_or_else(|| Fault::Refused("the server has no catalog".to_owned()))?.1
                    }
                };
                if api.json { print(&json!(changes).to_string()) } else { say(&diff::render(&changes)) }
            }
            Verb::Publish { file, yes } => {
                let text = catalog_text(&file)?;
                // Reports errors with their places before anything is sent.
                let catalog = read(&file)?;
                let client = api.client()?;
                publish::ask(&client, &catalog, &text, yes).await?;
                let call = api.write(client.publish_catalog(&text));
                api.show(call, |version| {
                    format!("version {} is in force since {}", version.version, version.published_at)
                })
                .await
            }
            Verb::Migrate(migrate) => migrate.run(api).await,
        }
    }
}

/// Reads a catalog file or a shipped catalog.
pub fn read(file: &std::path::Path) -> Result<Catalog, Fault> {
    Ok(crate::server::read_catalog(file)?.1)
}

fn check(files: &[PathBuf], as_json: bool) -> CommandResult {
    let mut found = Vec::new();
    let mut lines = String::new();
    let mut wrong = 0;
    for file in files {
        let name = file.display();
        let read = catalog_text(file).map_err(|error| (error, Vec::new()));
        match read.and_then(|text| parse_catalog(&text).map_err(|problems| (String::new(), problems))) {
            Ok(catalog) => {
                lines.push_str(&format!("{name}: good: {}\n", summary(&catalog)));
                found.push(json!({ "file": name.to_string(), "good": true, "problems": [] }));
            }
            Err((unread, problems)) => {
                wrong += 1;
                lines.push_str(&unread);
                problems.iter().for_each(|problem| lines.push_str(&format!("{name}:{problem}\n")));
                let located = problems.iter().map(|problem| {
                    let scrip_engine::Problem { line, column, path, message, help } = problem;
                    json!({ "line": line, "column": column, "path": path, "message": message, "help": help })
                });
                let unread = (!unread.is_empty()).then(|| json!({ "message": unread }));
                let problems: Vec<Value> = located.chain(unread).collect();
                found.push(json!({ "file": name.to_string(), "good": false, "problems": problems }));
            }
        }
    }
    if as_json {
        print(&json!(found).to_string())?;
    } else {
        say(&lines)?;
    }
    let many = files.len();
    if wrong == 0 {
        Ok(())
    } else {
        Err(Fault::Refused(format!("{wrong} of {many} file{} cannot be published", if many == 1 { "" } else { "s" })))
    }
}

fn summary(catalog: &Catalog) -> String {
    let counted = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    let prices = catalog.plans.iter().map(|plan| plan.prices.len()).sum();
    let parts = [
        counted(catalog.plans.len(), "plan"),
        counted(prices, "price"),
        counted(catalog.models.len(), "model"),
        counted(catalog.packs.len(), "pack"),
    ];
    format!("`{}` with {}", catalog.name, parts.join(", "))
}

fn list(as_json: bool) -> CommandResult {
    let named = |(name, text): &(&str, &str)| Some((name.to_string(), parse_catalog(text).ok()?));
    let catalogs: Vec<(String, Catalog)> = shipped::CATALOGS.iter().filter_map(named).collect();
    if as_json {
        return print(&json!(catalogs.iter().map(|(name, _)| name).collect::<Vec<_>>()).to_string());
    }
    let row = |(name, catalog): &(String, Catalog)| {
        let plans: Vec<&str> = catalog.plans.iter().map(|plan| &*plan.id).collect();
        vec![name.clone(), plans.join(", "), catalog.models.len().to_string(), catalog.packs.len().to_string()]
    };
    say(&table(&["name", "plans", "models", "packs"], &catalogs.iter().map(row).collect::<Vec<_>>()))
}

fn show_file(file: &std::path::Path, as_json: bool) -> CommandResult {
    let catalog = read(file)?;
    if as_json {
        return print(&json!(catalog).to_string());
    }
    let list = |value: Value| value.as_array().cloned().unwrap_or_default();
    say(&render(&PublicCatalog {
        name: catalog.name.to_string(),
        version: 0,
        free_plan: catalog.free_plan.to_string(),
        plans: list(json!(catalog.plans)),
        packs: list(json!(catalog.packs)),
        models: list(json!(catalog.models)),
    }))
}

/// Renders a catalog for people; version 0 stands for a file, which has no version.
fn render(catalog: &PublicCatalog) -> String {
    let version = if catalog.version == 0 { String::new() } else { format!(", version {}", catalog.version) };
    let plans: Vec<Vec<String>> = catalog.plans.iter().flat_map(|plan| plan_rows(plan, &catalog.free_plan)).collect();
    let models: Vec<Vec<String>> = catalog.models.iter().map(model_row).collect();
    let packs: Vec<Vec<String>> = catalog.packs.iter().map(pack_row).collect();
    format!(
        "{}{version}\n\n{}\n{}\n{}",
        catalog.name,
        table(&["plan", "every", "price", "grants", "needs"], &plans),
        table(&["model", "makes", "costs", "plans"], &models),
        table(&["pack", "credits", "bonus", "price", "expires", "plans"], &packs),
    )
}

fn grants(grants: &Value) -> String {
    let grant = |grant: &Value| {
        let every = grant["every"].as_str().map(|every| format!(" every {every}")).unwrap_or_default();
        format!("{} {}{every}", words(&grant["amount"]), words(&grant["unit"]))
    };
    grants.as_array().map(|grants| grants.iter().map(grant).collect::<Vec<_>>().join(" + ")).unwrap_or_default()
}

fn join(list: &Value, empty: &str) -> String {
    let names: Vec<String> = list.as_array().into_iter().flatten().map(words).collect();
    if names.is_empty() { empty.to_owned() } else { names.join(", ") }
}

fn plan_rows(plan: &Value, free_plan: &str) -> Vec<Vec<String>> {
    let id = words(&plan["id"]);
    let needs = join(&plan["requires"], "-");
    let prices = plan["price"].as_array().cloned().unwrap_or_default();
    if prices.is_empty() {
        let once = grants(&plan["once"]);
        let once = if once.is_empty() { "-".to_owned() } else { format!("{once} once") };
        let price = if id == free_plan { "free" } else { "-" };
        return vec![vec![id, "-".to_owned(), price.to_owned(), once, needs]];
    }
    let row = |price: &Value| {
        let given = grants(&price["grants"]);
        let given = if given.is_empty() { "by contract".to_owned() } else { given };
        vec![id.clone(), words(&price["interval"]), money(price), given, needs.clone()]
    };
    prices.iter().map(row).collect()
}

fn model_row(model: &Value) -> Vec<String> {
    let rate = &model["rate"];
    let adjusted =
        if model["adjust"].as_array().is_some_and(|adjusts| !adjusts.is_empty()) { ", adjusted" } else { "" };
    let costs = format!("{} {} per {}{adjusted}", words(&rate["credits"]), words(&model["unit"]), words(&rate["per"]));
    vec![words(&model["id"]), words(&model["output"]), costs, join(&model["plans"], "all")]
}

fn pack_row(pack: &Value) -> Vec<String> {
    let expires = pack["expires"].as_str().unwrap_or("never").to_owned();
    vec![
        words(&pack["id"]),
        words(&pack["credits"]),
        words(&pack["bonus"]),
        money(pack),
        expires,
        join(&pack["plans"], "all"),
    ]
}
