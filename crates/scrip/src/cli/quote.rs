//! `scrip quote`: the price of a run.

use super::api::Api;
use super::output::{CommandResult, Fault, print, say, way_out, words};
use super::params::Params;
use clap::Args;
use scrip_client::types::{NewQuote, Quote as Answer};
use scrip_engine::{Name, price, resolve_params};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Arguments of `scrip quote`.
#[derive(Args)]
pub struct Quote {
    /// Id of the model
    model: String,
    #[command(flatten)]
    params: Params,
    /// Catalog file or shipped catalog to price from, without a server
    #[arg(long, value_name = "FILE")]
    catalog: Option<PathBuf>,
}

impl Quote {
    /// Prints the quote, from the server or from a catalog file.
    pub async fn run(self, api: &Api) -> CommandResult {
        match &self.catalog {
            Some(file) => self.offline(file, api.json),
            None => {
                let new = NewQuote { model: self.model, params: self.params.map() };
                api.show(api.workspace_client()?.quote(&new), render).await
            }
        }
    }

    fn offline(&self, file: &std::path::Path, as_json: bool) -> CommandResult {
        let catalog = super::catalog::read(file)?;
        let model = catalog.model(&self.model).ok_or_else(|| {
            let known: Vec<&str> = catalog.models.iter().map(|model| &*model.id).collect();
            Fault::Refused(format!("NOT_FOUND: there is no model `{}`; there are {}", self.model, known.join(", ")))
        })?;
        let wrong = |name: &str, detail: &str| Fault::Refused(format!("INVALID_REQUEST: /params/{name}: {detail}"));
        let mut asked = scrip_engine::Params::new();
        for (name, value) in self.params.map() {
            let value = serde_json::from_value(value)
                .map_err(|_| wrong(&name, "must be text, a whole number, true, false, or a list of texts"))?;
            asked.insert(Name::from(name), value);
        }
        let resolved = resolve_params(model, &asked).map_err(|errors| {
            let lines: Vec<String> =
                errors.iter().map(|error| format!("INVALID_REQUEST: {}: {}", error.pointer, error.detail)).collect();
            Fault::Refused(lines.join("\n"))
        })?;
        let priced = price(model, &resolved).ok_or_else(|| wrong("", "the price is above what one run may cost"))?;
        let unit = model.unit.name();
        if as_json {
            let quote = json!({
                "model": self.model, "params": resolved, "credits": priced.credits, "unit": unit, "lines": priced.lines,
                "cancel": model.cancel.name(),
            });
            return print(&quote.to_string());
        }
        let lines = priced.lines.iter().map(|line| (line.text.as_str(), line.credits.get()));
        say(&sum(lines, priced.credits.get(), unit))
    }
}

/// Renders the lines of a price and their sum.
pub fn sum<'a>(lines: impl Iterator<Item = (&'a str, i64)>, total: i64, unit: &str) -> String {
    let lines: Vec<String> = lines.map(|(text, credits)| format!("  {credits:>8}  {text}\n")).collect();
    let above = if lines.len() > 1 { lines.concat() } else { String::new() };
    let only =
        if lines.len() == 1 { lines[0].trim_start().split_once("  ").map_or("", |(_, text)| text.trim()) } else { "" };
    let why = if only.is_empty() { String::new() } else { format!(": {only}") };
    format!("{total} {unit}{why}\n{above}")
}

fn render(quote: &Answer) -> String {
    let lines = quote.lines.iter().map(|line| (line.text.as_str(), line.credits));
    let mut text = sum(lines, quote.credits, &quote.unit);
    text.push_str(&format!("good until {}: --quote {}\n", quote.expires_at, quote.id));
    if let Some(left) = quote.balance_after {
        text.push_str(&format!("{left} {} would be left\n", quote.unit));
    }
    if let Some(refusal) = &quote.refusal {
        text.push_str(&format!("the run would be refused now: {}\n", words(&refusal["code"])));
        let options: Vec<&Value> = refusal["options"].as_array().into_iter().flatten().collect();
        options.iter().for_each(|option| text.push_str(&format!("  - {}\n", way_out(option))));
        let plans: Vec<String> = refusal["plans_that_include"].as_array().into_iter().flatten().map(words).collect();
        if !plans.is_empty() {
            text.push_str(&format!("  - plans that include it: {}\n", plans.join(", ")));
        }
    }
    text
}
