//! What the demo shows of keys and people: what each plan lets a key do, keys to try, and a link that signs one in.
//!
//! Invariant: a secret is in what the start that made it prints, and nowhere else.

use super::super::output::table;
use super::seed::{ask, models};
use super::tries::{Try, affordable};
use scrip_client::types::{Key, NewKey, NewPortalLink, NewRun, Rotation, Workspace};
use scrip_client::{Client, Error, Scoped};
use scrip_engine::{Catalog, Output};

/// What lets a key run any model.
const RUN: &str = "model:run";

/// What there is to try with keys, and as a person.
pub struct Access {
    /// What a key may do, plan by plan.
    pub ceilings: String,
    /// Keys of a workspace whose plan lets them run models.
    pub keys: Option<Keys>,
    /// A link for the owner of a workspace.
    pub link: Option<Link>,
}

/// Keys of one workspace.
pub struct Keys {
    /// Its plan.
    pub plan: String,
    /// Which.
    pub workspace: String,
    /// The secret of the key that runs models.
    pub runs: String,
    /// Another that may do one thing, which is not running models: what it may, and its secret.
    pub refused: Option<(String, String)>,
    /// What the first runs and the second does not.
    pub run: NewRun,
}

/// A link that signs somebody in.
pub struct Link {
    /// The plan of the workspace.
    pub plan: String,
    /// The only workspace it leads to.
    pub workspace: String,
    /// Whom it signs in.
    pub email: String,
    /// What stands behind its `#`.
    pub token: String,
}

impl Access {
    /// Makes keys and a link.
    pub async fn open(client: &Client, catalog: &Catalog, workspaces: &[Workspace]) -> Result<Access, Error> {
        let keys = keys(client, catalog, workspaces).await?;
        let with_keys = |workspace: &&Workspace| keys.as_ref().is_none_or(|keys| keys.workspace == workspace.id);
        let link = match workspaces.iter().find(with_keys) {
            Some(workspace) => link(client, workspace).await?,
            None => None,
        };
        Ok(Access { ceilings: ceilings(catalog), keys, link })
    }
}

/// What a key may do, by plan; plans that are alike share a line.
fn ceilings(catalog: &Catalog) -> String {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for plan in &catalog.plans {
        // What is for one thing alone comes with the same for all of them.
        let words: Vec<&str> = plan.ceiling.iter().map(String::as_str).filter(|word| !word.contains('<')).collect();
        let may = if words.is_empty() { "nothing".to_owned() } else { words.join(" ") };
        match rows.iter_mut().find(|row| row[1] == may) {
            Some(row) => row[0].push_str(&format!(", {}", plan.id)),
            None => rows.push(vec![plan.id.to_string(), may]),
        }
    }
    table(&["plan", "a key may"], &rows)
}

async fn keys(client: &Client, catalog: &Catalog, workspaces: &[Workspace]) -> Result<Option<Keys>, Error> {
    let mut tries = Vec::new();
    for workspace in workspaces {
        let plan = catalog.plan(&workspace.plan).filter(|plan| plan.ceiling.iter().any(|word| word == RUN));
        let runs = plan.into_iter().flat_map(|plan| models(catalog, plan, Output::Image));
        let runs = runs.map(|model| ask(model, "a blue door in a white wall"));
        tries.extend(runs.map(|run| Try { workspace: workspace.id.clone(), run }));
    }
    let Some(Try { workspace, run }) = affordable(client, tries).await? else { return Ok(None) };
    let scoped = client.workspace(&workspace);
    let Some(runs) = secret(&scoped, "Demo: runs models", RUN).await? else { return Ok(None) };
    let plan = workspaces.iter().find(|open| open.id == workspace).map(|open| open.plan.clone()).unwrap_or_default();
    let ceiling = catalog.plan(&plan).map(|plan| plan.ceiling.as_slice()).unwrap_or_default();
    let other = ceiling.iter().find(|word| *word == "workflow:read");
    let refused = match other {
        Some(other) => secret(&scoped, "Demo: reads", other).await?.map(|secret| (other.clone(), secret)),
        None => None,
    };
    Ok(Some(Keys { plan, workspace, runs, refused, run }))
}

/// A new secret of the demo's key of this name; nothing when the workspace may have no such key now.
async fn secret(scoped: &Scoped, name: &str, capability: &str) -> Result<Option<String>, Error> {
    let as_made = |key: &&Key| {
        let is_bound = key.spend_cap.is_some() || key.expires_at.is_some() || !key.models.is_empty();
        key.name == name && key.effective == [capability] && key.frozen_reason.is_none() && !is_bound
    };
    let keys = scoped.keys().await?.data;
    let made = match keys.iter().find(as_made) {
        Some(key) => scoped.rotate_key(&key.id, &Rotation { grace: Some(0) }).await,
        None => {
            let new = NewKey { name: name.to_owned(), capabilities: vec![capability.to_owned()], ..NewKey::default() };
            scoped.make_key(&new).await
        }
    };
    match made {
        Err(Error::Refused { .. }) => Ok(None),
        made => Ok(made?.secret),
    }
}

async fn link(client: &Client, workspace: &Workspace) -> Result<Option<Link>, Error> {
    let (plan, email) = (workspace.plan.clone(), workspace.owner_email.clone());
    let new = NewPortalLink { email: email.clone(), workspace: Some(workspace.id.clone()) };
    let link = client.create_portal_link(&new).await?;
    let token = link.url.split_once('#').map(|(_, token)| token.to_owned());
    Ok(token.map(|token| Link { plan, workspace: workspace.id.clone(), email, token }))
}
