//! Workspaces of the demo, and their history.

use futures_util::future::join_all;
use indicatif::{ProgressBar, ProgressStyle};
use scrip_client::types::{
    self as api, Approval, NewGrant, NewQuote, NewRun, NewWorkspace, Owner, Sandbox, SandboxOutcome, Workspace,
};
use scrip_client::{Client, Error, WorkspaceClient};
use scrip_engine::{Catalog, Interval, Model, Output, Param, Plan, Unit, includes};
use serde_json::{Map, Value};

/// Allowance of a plan by contract, in credits.
const CONTRACT: i64 = 50_000;
/// Duration of the videos in the history, in seconds.
const SECONDS: i64 = 2;
/// Prompts of the pictures in the history.
const PROMPTS: [&str; 3] = ["a lighthouse in the fog", "pines on a ridge at dusk", "a harbour under the moon"];
/// Maximum wait for one run of the history, in seconds.
const WAIT: u32 = 60;

/// Opens a workspace on every plan and gives each some history.
pub async fn seed(client: &Client, catalog: &Catalog) -> Result<(), Error> {
    let style = ProgressStyle::with_template("{spinner} making history: {pos} of {len} workspaces")
        .expect("the template is good");
    let bar = ProgressBar::new(catalog.plans.len() as u64).with_style(style);
    let mut opened = Vec::new();
    for plan in &catalog.plans {
        opened.push((plan, open(client, catalog, plan).await?));
    }
    let buyer =
        opened.iter().map(|(plan, _)| *plan).find(|plan| plan.id != catalog.free_plan && pack(catalog, plan).is_some());
    let histories = opened.iter().map(|(plan, workspace)| {
        let bar = &bar;
        async move {
            history(client, catalog, plan, workspace, buyer.is_some_and(|buyer| buyer.id == plan.id)).await?;
            bar.inc(1);
            Ok::<(), Error>(())
        }
    });
    let done = join_all(histories).await.into_iter().collect();
    bar.finish_and_clear();
    done
}

async fn open(client: &Client, catalog: &Catalog, plan: &Plan) -> Result<Workspace, Error> {
    let is_free = plan.id == catalog.free_plan;
    let approve =
        plan.requires.iter().map(|review| Approval { review: review.to_string(), reason: "it is a demo".to_owned() });
    let new = NewWorkspace {
        name: format!("{} demo", plan.name),
        owner: Some(Owner { email: format!("{}@example.com", plan.id) }),
        external_id: Some(format!("demo-{}", plan.id)),
        mode: None,
        test_clock: None,
        plan: (!is_free).then(|| plan.id.to_string()),
        interval: plan.prices.first().filter(|_| !is_free).map(|price| interval(price.interval)),
        allowance: plan.custom.then_some(CONTRACT),
        approve: approve.filter(|_| !is_free).collect(),
        welcome: None,
    };
    client.open_workspace(&new).idempotency_key(format!("demo-open-{}", plan.id)).await
}

const fn interval(interval: Interval) -> api::Interval {
    match interval {
        Interval::Week => api::Interval::Week,
        Interval::Month => api::Interval::Month,
        Interval::Year => api::Interval::Year,
    }
}

/// Makes pictures, a video, a failed run and a gift that is voided; gives a pack where credits are bought.
async fn history(
    client: &Client,
    catalog: &Catalog,
    plan: &Plan,
    workspace: &Workspace,
    buys: bool,
) -> Result<(), Error> {
    let scoped = client.workspace(&workspace.id);
    let is_empty = scoped.balance().await?.available == 0;
    if let Some(pack) = pack(catalog, plan).filter(|_| buys || is_empty) {
        let new = NewGrant {
            pack: Some(pack.to_owned()),
            source: Some(format!("demo-order-{}", plan.id)),
            ..grant("a pack, sold by hand")
        };
        scoped.give(&workspace.id, &new).await?;
    }
    for prompt in PROMPTS {
        run(&scoped, catalog, plan, Output::Image, prompt, None).await?;
    }
    run(&scoped, catalog, plan, Output::Video, PROMPTS[0], None).await?;
    run(&scoped, catalog, plan, Output::Image, PROMPTS[1], Some(SandboxOutcome::Fail)).await?;
    let gift = NewGrant { amount: Some(25), ..grant("sorry for the wait") };
    let made = scoped.give(&workspace.id, &gift).await?;
    for grant in &made {
        scoped.void_grant(&grant.id, "given to the wrong workspace").await?;
    }
    Ok(())
}

fn grant(reason: &str) -> NewGrant {
    NewGrant {
        pack: None,
        amount: None,
        unit: None,
        reason: reason.to_owned(),
        source: None,
        expires_at: None,
        models: Vec::new(),
    }
}

fn pack<'a>(catalog: &'a Catalog, plan: &Plan) -> Option<&'a str> {
    let sold = catalog.packs.iter().find(|pack| pack.plans.is_empty() || pack.plans.contains(&plan.id));
    sold.map(|pack| &*pack.id)
}

/// Runs the plan's first model with this output, and waits for the end. Skips the run when it costs more than a third
/// of the available credits, so that some are left to try.
async fn run(
    scoped: &WorkspaceClient,
    catalog: &Catalog,
    plan: &Plan,
    output: Output,
    prompt: &str,
    outcome: Option<SandboxOutcome>,
) -> Result<(), Error> {
    let Some(model) = models(catalog, plan, output).next() else { return Ok(()) };
    let mut new = ask(model, prompt);
    let quote = scoped.quote(&NewQuote { model: new.model.clone(), params: new.params.clone() }).await?;
    let available = scoped.balance().await?.available;
    if !quote.allowed || quote.credits.saturating_mul(3) > available {
        return Ok(());
    }
    new.sandbox = outcome.map(|outcome| Sandbox { outcome: Some(outcome), after: None, delivered: Default::default() });
    scoped.create_run(&new).wait_up_to(WAIT).await.map(drop)
}

/// Returns the plan's models with this output that are paid in credits.
pub fn models<'a>(catalog: &'a Catalog, plan: &'a Plan, output: Output) -> impl Iterator<Item = &'a Model> {
    let makes =
        move |model: &&Model| model.output == output && model.unit == Unit::Credits && includes(model, &plan.id);
    catalog.models.iter().filter(makes)
}

/// Returns a small run of a model: this prompt, a short duration and the first of its resolutions.
pub fn ask(model: &Model, prompt: &str) -> NewRun {
    let mut params: Map<String, Value> = Map::new();
    for (name, param) in &model.params {
        match (&**name, param) {
            ("prompt", _) => drop(params.insert(name.to_string(), prompt.into())),
            ("duration", Param::Integer { min, max, .. }) => {
                drop(params.insert(name.to_string(), SECONDS.clamp(*min, *max).into()))
            }
            ("resolution", Param::Choice { choices, .. }) => {
                params.extend(choices.first().map(|choice| (name.to_string(), choice.to_string().into())));
            }
            _ => {}
        }
    }
    NewRun { model: model.id.to_string(), params, quote: None, sandbox: None, metadata: Map::new() }
}
