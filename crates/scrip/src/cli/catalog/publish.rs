//! Looking twice before a catalog is published: what `scrip catalog diff` warns of, and what is retired.
//!
//! Invariant: nothing that is warned of is published without a yes, and without a terminal nobody is asked.

use super::diff::{self, Change};
use crate::cli::output::{Fault, clean};
use scrip_client::types::PublicCatalog;
use scrip_client::{Client, Error};
use scrip_engine::Catalog;
use serde_json::{Value, json};
use std::io::{self, IsTerminal, Write};

/// Parts of a catalog that a server shows.
const PARTS: [&str; 5] = ["name", "free_plan", "plan", "model", "pack"];

/// Shows the warnings about a catalog that is to follow the one in force, and asks; `yes` answers beforehand.
///
/// # Errors
/// When the answer is no, or there is a warning and nobody who could answer.
pub async fn confirm(client: &Client, next: &Catalog, yes: bool) -> Result<(), Fault> {
    let now = match client.catalog().await {
        Ok(now) => now,
        // The first one replaces nothing.
        Err(Error::Refused { status: 404, .. }) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let warnings = warnings(&shown(&now), &json!(next));
    if warnings.is_empty() {
        return Ok(());
    }
    // Standard output is the answer's.
    let text = clean(&format!("version {} is in force; this one changes:\n{}", now.version, warnings.join("")));
    drop(io::stderr().write_all(text.as_bytes()));
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        return Err(Fault::Refused("nothing is published: look at the warnings, then say --yes".to_owned()));
    }
    drop(write!(io::stderr(), "publish it? [y/N] "));
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    if ["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str()) {
        return Ok(());
    }
    Err(Fault::Refused("nothing is published".to_owned()))
}

fn shown(catalog: &PublicCatalog) -> Value {
    json!({
        "name": catalog.name, "free_plan": catalog.free_plan, "plan": catalog.plans, "model": catalog.models,
        "pack": catalog.packs,
    })
}

/// Returns the warnings in the order of the new catalog, each with the change it is about.
fn warnings(now: &Value, next: &Value) -> Vec<String> {
    let next: Value = PARTS.iter().map(|part| ((*part).to_owned(), next[*part].clone())).collect();
    let warned = diff::changes(now, &next).into_iter().filter_map(|mut change| {
        change.warning = change.warning.take().or_else(|| retired(&change));
        change.warning.is_some().then_some(change)
    });
    warned.map(|change| diff::told(&[change])).collect()
}

/// Returns what ends with a plan, model or pack that is gone.
fn retired(change: &Change) -> Option<String> {
    let (kind, id) = change.at.split_once(' ').filter(|_| change.new.is_none())?;
    let is_item = !id.contains(',') && change.old.as_ref().is_some_and(Value::is_object);
    let why = match kind {
        "plan" => "it is not sold any more; its subscribers keep it for what they have paid",
        "model" => "it is retired: credits, trials and keys that are for it alone reach nothing any more",
        "pack" => "it is not sold any more",
        _ => return None,
    };
    is_item.then(|| why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shipped;
    use scrip_engine::parse_catalog;

    #[test]
    fn what_falls_and_what_is_gone_is_warned_of() {
        let text = shipped::named("canvas-tiers").expect("it is shipped");
        let catalog = |text: &str| json!(parse_catalog(text).unwrap_or_else(|problems| panic!("{problems:?}")));
        let now = catalog(text);
        assert_eq!(warnings(&now, &now), Vec::<String>::new());
        let dearer = catalog(&text.replace("amount = 3900 ", "amount = 4900 "));
        assert_eq!(warnings(&now, &dearer), Vec::<String>::new(), "a change that is not warned of is not asked about");
        let next =
            catalog(&text.replace("{ amount = 5000 }", "{ amount = 500 }").replace("\"upscale\"", "\"enlarge\""));
        let told = warnings(&now, &next).concat();
        assert!(told.contains("amount: 5000 → 500\n  warning: it falls by 90 %\n"), "{told}");
        assert!(told.contains("- model upscale\n  warning: it is retired"), "{told}");
    }
}
