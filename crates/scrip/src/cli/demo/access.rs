//! Keys and people of the demo: rights of keys by plan, keys to try, and a link that signs a person in.
//!
//! Invariant: a secret is printed by the start that made it, and stored nowhere else.

use super::super::output::table;
use super::seed::{ask, models};
use super::tries::{Try, affordable};
use scrip_client::types::{Key, NewKey, NewPortalLink, NewRun, Rotation, Workspace};
use scrip_client::{Client, Error, WorkspaceClient};
use scrip_engine::{Catalog, Output};

/// Capability of a key to run every model.
const RUN: &str = "model:run";

/// Keys and a sign-in link that the demo prints.
pub struct Access {
    /// Table of the capabilities that each plan allows its keys.
    pub ceilings: String,
    /// Keys of a workspace whose plan lets them run models.
    pub keys: Option<Keys>,
    /// Link that signs in the owner of a workspace.
    pub link: Option<Link>,
}

/// Keys of one workspace, and a run to try them with.
pub struct Keys {
    /// Id of the workspace's plan.
    pub plan: String,
    /// Id of the workspace that has the keys.
    pub workspace: String,
    /// Secret of the key that may run models.
    pub runs: String,
    /// Capability and secret of a second key, which may not run models.
    pub refused: Option<(String, String)>,
    /// Run that the first key starts and the second is refused.
    pub run: NewRun,
}

/// Link that signs a person in.
pub struct Link {
    /// Plan of the link's workspace.
    pub plan: String,
    /// Id of the only workspace that the link opens.
    pub workspace: String,
    /// E-mail address of the person.
    pub email: String,
    /// Token that stands behind the link's `#`.
    pub token: String,
}

impl Access {
    /// Makes the keys and the link.
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

/// Returns a table of the capabilities that each plan allows its keys; plans with the same share a row.
fn ceilings(catalog: &Catalog) -> String {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for plan in &catalog.plans {
        // A capability for one item, such as `model:<id>:run`, comes with the general one and is left out.
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

/// Returns a new secret of the demo's key with this name; `None` when the workspace may not have such a key now.
async fn secret(scoped: &WorkspaceClient, name: &str, capability: &str) -> Result<Option<String>, Error> {
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
