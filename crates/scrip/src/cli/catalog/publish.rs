//! Warnings before a catalog is published: those of `scrip catalog diff`, and what retired items leave behind.
//!
//! Invariant: nothing with a warning is published without a yes, and without a terminal no question is asked.

use super::confirm;
use super::diff::{self, Change};
use crate::cli::output::Fault;
use scrip_client::types::{PublicCatalog, RetiredModel};
use scrip_client::{Client, Error};
use scrip_engine::Catalog;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Parts of a catalog that the server's answer contains.
const PARTS: [&str; 5] = ["name", "free_plan", "plan", "model", "pack"];
/// Number of key ids that a warning names; the others are counted.
const KEYS_NAMED: usize = 3;

/// Retired models by id, with what each leaves behind.
type Counts = BTreeMap<String, RetiredModel>;

/// Shows the warnings about the next catalog, and asks for confirmation; with `yes`, no question is asked.
///
/// # Errors
/// When the answer is no, or there is a warning and standard input is no terminal to ask at.
pub async fn ask(client: &Client, next: &Catalog, toml: &str, yes: bool) -> Result<(), Fault> {
    // The first version replaces nothing, so there is nothing to warn of.
    let Some((version, changes)) = changes(client, next, toml).await? else { return Ok(()) };
    let warned: Vec<Change> = changes.into_iter().filter(|change| change.warning.is_some()).collect();
    if warned.is_empty() {
        return Ok(());
    }
    let text = format!("version {version} is in force; this one changes:\n{}", diff::render(&warned));
    confirm::confirm(&text, "publish it", ("nothing is published", "the warnings"), yes)
}

/// Returns the version in force and the changes that a catalog would make to it, with warnings; `None` when no version
/// is in force.
///
/// # Errors
/// When the server cannot answer.
pub async fn changes(client: &Client, next: &Catalog, toml: &str) -> Result<Option<(u32, Vec<Change>)>, Fault> {
    let now = match client.catalog().await {
        Ok(now) => now,
        Err(Error::Refused { status: 404, .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let next = json!(next);
    let next: Value = PARTS.iter().map(|part| ((*part).to_owned(), next[*part].clone())).collect();
    let changes = diff::changes(&to_json(&now), &next);
    let is_retired = |change: &Change| item(change).is_some_and(|(kind, _)| kind == "model");
    let counts = if changes.iter().any(is_retired) { count(client, toml).await? } else { Counts::new() };
    Ok(Some((now.version, changes.into_iter().map(|change| warn(change, &counts)).collect())))
}

/// Counts what the models that a catalog retires leave behind, over all workspaces.
async fn count(client: &Client, toml: &str) -> Result<Counts, Fault> {
    let (mut counts, mut cursor) = (Counts::new(), None::<String>);
    loop {
        let part = client.check_catalog(toml, cursor.as_deref()).await?;
        for found in part.retired {
            let sum = counts.entry(found.model.clone()).or_default();
            sum.model = found.model;
            sum.workspaces += found.workspaces;
            sum.credits += found.credits;
            sum.training += found.training;
            sum.trials += found.trials;
            sum.trial_runs += found.trial_runs;
            sum.keys += found.keys;
            sum.key_ids.extend(found.key_ids);
        }
        cursor = part.next_cursor;
        if cursor.is_none() {
            return Ok(counts);
        }
    }
}

fn to_json(catalog: &PublicCatalog) -> Value {
    json!({
        "name": catalog.name, "free_plan": catalog.free_plan, "plan": catalog.plans, "model": catalog.models,
        "pack": catalog.packs,
    })
}

/// Adds the warning about a plan, model or pack that was removed.
pub fn warn(mut change: Change, counts: &Counts) -> Change {
    change.warning = change.warning.take().or_else(|| retirement_warning(&change, counts));
    change
}

/// Returns the kind and the id of a plan, model or pack that was removed.
fn item(change: &Change) -> Option<(&str, &str)> {
    let (kind, id) = change.at.split_once(' ').filter(|_| change.new.is_none())?;
    let is_item = !id.contains(',') && change.old.as_ref().is_some_and(Value::is_object);
    (is_item && ["plan", "model", "pack"].contains(&kind)).then_some((kind, id))
}

/// Returns the warning about a plan, model or pack that was removed.
fn retirement_warning(change: &Change, counts: &Counts) -> Option<String> {
    let (kind, id) = item(change)?;
    Some(match kind {
        "plan" => "it is no longer sold; its subscribers keep it for the period that they have paid".to_owned(),
        "pack" => "it is no longer sold".to_owned(),
        _ => match counts.get(id) {
            Some(found) => format!("it is retired: {}", left_behind(found)),
            None => "it is retired: credits, trials and keys that are for it alone become useless".to_owned(),
        },
    })
}

/// Describes in words what a retired model leaves behind.
fn left_behind(found: &RetiredModel) -> String {
    let counted = |count: u64, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    let some = |count: i64| u64::try_from(count).ok().filter(|count| *count > 0);
    let mut parts = Vec::new();
    parts.extend(some(found.credits).map(|count| counted(count, "credit")));
    parts.extend(some(found.training).map(|count| counted(count, "training unit")));
    if found.trials > 0 {
        let runs = some(found.trial_runs).map(|runs| format!(" with {} left", counted(runs, "free run")));
        parts.push(format!("{}{}", counted(found.trials, "trial"), runs.unwrap_or_default()));
    }
    if found.keys > 0 {
        let named = found.key_ids.iter().take(KEYS_NAMED).cloned().collect::<Vec<_>>().join(", ");
        let more = if found.keys > KEYS_NAMED as u64 { ", …" } else { "" };
        parts.push(format!(
            "{} that name{} it ({named}{more})",
            counted(found.keys, "key"),
            if found.keys == 1 { "s" } else { "" }
        ));
    }
    if parts.is_empty() {
        return "no credits, trials or keys are for it alone".to_owned();
    }
    let of = counted(found.workspaces, "workspace");
    format!("{} of {of} become useless", parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shipped;
    use scrip_engine::parse_catalog;

    fn warnings(now: &Value, next: &Value, counts: &Counts) -> String {
        let changes = diff::changes(now, next).into_iter().map(|change| warn(change, counts));
        let warned: Vec<Change> = changes.filter(|change| change.warning.is_some()).collect();
        if warned.is_empty() { String::new() } else { diff::render(&warned) }
    }

    #[test]
    fn what_falls_and_what_is_gone_is_warned_of() {
        let text = shipped::find("canvas-tiers").expect("it is shipped");
        let catalog = |text: &str| json!(parse_catalog(text).unwrap_or_else(|problems| panic!("{problems:?}")));
        let (now, none) = (catalog(text), Counts::new());
        assert_eq!(warnings(&now, &now, &none), "");
        let dearer = catalog(&text.replace("amount = 3900\n", "amount = 4900\n"));
        assert_eq!(warnings(&now, &dearer, &none), "", "a change without a warning needs no confirmation");
        let next =
            catalog(&text.replace("{ amount = 5000 }", "{ amount = 500 }").replace("\"upscale\"", "\"enlarge\""));
        let told = warnings(&now, &next, &none);
        assert!(told.contains("amount: 5000 → 500\n  warning: it falls by 90 %\n"), "{told}");
        assert!(told.contains("- model upscale\n  warning: it is retired: credits, trials and keys"), "{told}");
    }

    #[test]
    fn what_a_retired_model_leaves_behind_is_counted() {
        let nothing = RetiredModel::default();
        assert_eq!(left_behind(&nothing), "no credits, trials or keys are for it alone");
        let one = RetiredModel { credits: 1, workspaces: 1, ..RetiredModel::default() };
        assert_eq!(left_behind(&one), "1 credit of 1 workspace become useless");
        let key_ids: Vec<String> = (1..=4).map(|n| format!("key_{n}")).collect();
        let all = RetiredModel {
            workspaces: 9,
            credits: 140,
            training: 2,
            trials: 3,
            trial_runs: 7,
            keys: 4,
            key_ids,
            ..one
        };
        assert_eq!(
            left_behind(&all),
            "140 credits, 2 training units, 3 trials with 7 free runs left, 4 keys that name it (key_1, key_2, key_3, \
             …) of 9 workspaces become useless"
        );
    }
}
