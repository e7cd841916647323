//! Runs that the demo proposes, with their workspaces. They are found by quotes, so that they fit any catalog and any
//! balance.
//!
//! Invariant: the search starts no run and changes nothing.

use super::seed::{ask, models};
use scrip_client::types::{NewQuote, NewRun, Quote, Workspace};
use scrip_client::{Client, Error, Paging};
use scrip_engine::{Catalog, Model, Output, Param, Plan, Unit, includes};

/// Number of times that a proposed run should be affordable.
const TIMES: i64 = 10;
/// Prompt of the proposed pictures.
const PROMPT: &str = "a red kite over the dunes";

/// Run to try, in a workspace.
pub struct Try {
    /// Id of the workspace that runs it.
    pub workspace: String,
    /// Model and parameters to run.
    pub run: NewRun,
}

/// Runs and an entry that the demo proposes.
pub struct Examples {
    /// Run that makes a picture.
    pub picture: Option<Try>,
    /// Run that costs more than its workspace has.
    pub short: Option<Try>,
    /// Run of a model that the workspace's plan does not include.
    pub gated: Option<Try>,
    /// Id of an entry to explain, in the workspace of the picture.
    pub entry: Option<String>,
}

impl Examples {
    /// Searches these workspaces for one of each.
    pub async fn find(client: &Client, catalog: &Catalog, workspaces: &[Workspace]) -> Result<Examples, Error> {
        let planned: Vec<(&Workspace, &Plan)> =
            workspaces.iter().filter_map(|workspace| Some((workspace, catalog.plan(&workspace.plan)?))).collect();
        let mut pictures = Vec::new();
        let mut short = Vec::new();
        let mut gated = Vec::new();
        for (workspace, plan) in planned {
            let one = |run: NewRun| Try { workspace: workspace.id.clone(), run };
            pictures.extend(models(catalog, plan, Output::Image).map(|model| one(ask(model, PROMPT))));
            let in_credits = catalog.models.iter().filter(|model| model.unit == Unit::Credits);
            for model in in_credits {
                if includes(model, &plan.id) {
                    short.extend(larger(model).into_iter().map(one));
                } else {
                    gated.push(one(ask(model, PROMPT)));
                }
            }
        }
        let picture = affordable(client, pictures).await?;
        let entry = match &picture {
            Some(picture) => {
                let page =
                    client.workspace(&picture.workspace).entries(&Paging { limit: Some(100), cursor: None }).await?;
                page.data
                    .iter()
                    .find(|entry| entry.command == "settle_run")
                    .or(page.data.first())
                    .map(|entry| entry.id.clone())
            }
            None => None,
        };
        Ok(Examples {
            picture,
            short: first(client, short, "INSUFFICIENT_CREDITS").await?,
            gated: first(client, gated, "MODEL_TIER_REQUIRED").await?,
            entry,
        })
    }
}

/// Returns the first run that its workspace can pay [`TIMES`] times; else the first that is allowed once.
pub async fn affordable(client: &Client, tries: Vec<Try>) -> Result<Option<Try>, Error> {
    let mut once = None;
    for one in tries {
        match quote(client, &one).await? {
            Some(quote) if quote.balance_after >= Some(quote.credits.saturating_mul(TIMES)) => return Ok(Some(one)),
            Some(quote) if quote.allowed && once.is_none() => once = Some(one),
            _ => {}
        }
    }
    Ok(once)
}

/// Returns the first run that would be refused with this code.
async fn first(client: &Client, tries: Vec<Try>, code: &str) -> Result<Option<Try>, Error> {
    for one in tries {
        let refusal = quote(client, &one).await?.and_then(|quote| quote.refusal);
        if refusal.is_some_and(|refusal| refusal["code"] == code) {
            return Ok(Some(one));
        }
    }
    Ok(None)
}

/// Returns a quote; `None` when the run cannot be priced, because it needs a parameter that [`ask`] does not set.
async fn quote(client: &Client, one: &Try) -> Result<Option<Quote>, Error> {
    let new = NewQuote { model: one.run.model.clone(), params: one.run.params.clone() };
    match client.workspace(&one.workspace).quote(&new).await {
        Err(Error::Refused { status: 422, .. }) => Ok(None),
        quote => quote.map(Some),
    }
}

/// Returns runs of a model in growing sizes.
fn larger(model: &Model) -> Vec<NewRun> {
    let small = ask(model, PROMPT);
    let mut runs = vec![small.clone()];
    for (name, param) in &model.params {
        let ("duration" | "images", Param::Integer { min, max, .. }) = (&**name, param) else { continue };
        let sizes = (0..12).map(|power| (5_i64 << power).clamp(*min, *max));
        runs.extend(sizes.map(|size| {
            let mut run = small.clone();
            run.params.insert(name.to_string(), size.into());
            run
        }));
    }
    runs
}
