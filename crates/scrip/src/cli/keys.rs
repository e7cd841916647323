//! `scrip keys`: keys of workspaces, and keys of operators.

mod operator;

use super::api::Api;
use super::output::{CommandResult, Fault, or_dash, print, table};
use super::terms::{Cap, cap_words};
use crate::crypto::{OPERATOR_PREFIXES, new_key};
use clap::{Args, Subcommand};
use scrip_client::types::{FreezeRequest, Key, KeyChange, KeyOwner, NewKey, Removal, Rotation};
use serde_json::json;

/// Subcommands of `scrip keys`.
#[derive(Subcommand)]
pub enum Verb {
    /// Print a new operator key, for SCRIP_OPERATOR_KEY of the server
    New {
        /// Make a key for live workspaces
        #[arg(long)]
        live: bool,
    },
    /// Make, list and revoke operator keys, each with scopes of its own
    Operator {
        #[command(subcommand)]
        verb: operator::Verb,
    },
    /// List the keys of the workspace
    List,
    /// Make a key for the workspace and print its secret, which is shown this once
    Make(Box<Make>),
    /// Show a key without its secret: its capabilities, those out of force, and its spending
    Show(Which),
    /// Change a key's name, capabilities or cap; what is not named stays
    Change(Box<Change>),
    /// Give a key another secret and print it; the old one stays good for a while
    Rotate {
        /// Id of the key, `key_…`
        id: String,
        /// Seconds for which the old secret stays good, 0 to a week; a day when absent
        #[arg(long, value_name = "SECONDS")]
        grace: Option<i64>,
    },
    /// Switch a key off until it is unfrozen
    Freeze {
        /// Id of the key, `key_…`
        id: String,
        /// Reason, which the key's user sees
        #[arg(long)]
        reason: String,
    },
    /// Switch a frozen key on again
    Unfreeze(Which),
    /// End a key, at once and for ever
    Revoke(Which),
}

/// Key that a subcommand is about.
#[derive(Args)]
pub struct Which {
    /// Id of the key, `key_…`
    id: String,
}

/// Arguments of `scrip keys make`.
#[derive(Args)]
pub struct Make {
    /// Name that pages and lists show
    name: String,
    #[command(flatten)]
    rights: Rights,
    /// Only model that the key may run; repeat for more
    #[arg(long = "model", value_name = "MODEL")]
    models: Vec<String>,
    /// Only workflow that the key may run; repeat for more
    #[arg(long = "workflow", value_name = "WORKFLOW")]
    workflows: Vec<String>,
    /// Maximum spending: 500 for ever, or 500/week, 500/month, 500/year
    #[arg(long, value_name = "CREDITS[/INTERVAL]")]
    cap: Option<Cap>,
    /// Instant of expiry, such as 2027-01-31T00:00:00Z
    #[arg(long, value_name = "INSTANT")]
    expires_at: Option<String>,
    /// Make the caller's own key, by a session: it has no right that its owner lacks, and ends when its owner leaves
    #[arg(long)]
    mine: bool,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct Rights {
    /// Capability, such as workflow:read, model:run, or model:image-pro:run for one model alone; repeat for more
    #[arg(long = "can", value_name = "CAPABILITY")]
    capabilities: Vec<String>,
    /// Preset of the catalog, such as read-only
    #[arg(long)]
    preset: Option<String>,
}

/// Arguments of `scrip keys change`.
#[derive(Args)]
pub struct Change {
    /// Id of the key, `key_…`
    id: String,
    #[command(flatten)]
    what: Changes,
}

#[derive(Args)]
#[group(required = true, multiple = true)]
struct Changes {
    /// New name of the key
    #[arg(long)]
    name: Option<String>,
    /// Capability in the new list, which replaces the old one; repeat for more
    #[arg(long = "can", value_name = "CAPABILITY")]
    capabilities: Option<Vec<String>>,
    /// New maximum spending, such as 500/month; `none` removes the cap
    #[arg(long, value_name = "CREDITS[/INTERVAL]")]
    cap: Option<Cap>,
    /// Keep the key although its maker has left
    #[arg(long)]
    reviewed: bool,
}

impl Verb {
    /// Calls the API and prints the answer.
    pub async fn run(self, api: &Api) -> CommandResult {
        let call = match self {
            Verb::New { live } => return new(live, api.json),
            Verb::Operator { verb } => return verb.run(api).await,
            Verb::List => return api.show(api.workspace_client()?.keys(), |page| render_list(&page.data)).await,
            Verb::Make(make) => {
                let call = api.write(api.workspace_client()?.make_key(&make.request()));
                return api.show(call, with_secret).await;
            }
            Verb::Rotate { id, grace } => {
                let call = api.write(api.client()?.rotate_key(parse_id(&id)?, &Rotation { grace }));
                return api.show(call, with_secret).await;
            }
            Verb::Revoke(Which { id }) => {
                let call = api.write(api.client()?.revoke_key(parse_id(&id)?));
                return api.show(call, |Removal { id }| format!("{id} is revoked\n")).await;
            }
            Verb::Show(Which { id }) => api.client()?.show_key(parse_id(&id)?),
            Verb::Change(change) => api.write(api.client()?.change_key(parse_id(&change.id)?, &change.what.request())),
            Verb::Freeze { id, reason } => {
                let off = FreezeRequest { frozen: true, reason: Some(reason) };
                api.write(api.client()?.freeze_key(parse_id(&id)?, &off))
            }
            Verb::Unfreeze(Which { id }) => {
                api.write(api.client()?.freeze_key(parse_id(&id)?, &FreezeRequest { frozen: false, reason: None }))
            }
        };
        api.show(call, render).await
    }
}

fn new(live: bool, as_json: bool) -> CommandResult {
    let key = new_key(OPERATOR_PREFIXES[usize::from(live)]);
    print(&if as_json { json!({ "key": key }).to_string() } else { key })
}

/// Returns the id of a key. A secret in its place is recognized, neither repeated nor sent: it would stand in an
/// address.
fn parse_id(id: &str) -> Result<&str, Fault> {
    if id.starts_with("key_") {
        return Ok(id);
    }
    let given = if id.starts_with("wk_") || id.starts_with("scrip_wk_") {
        "that is the secret of a key"
    } else {
        "that is not the id of a key"
    };
    Err(Fault::Misused(format!("{given}; name the key by its id, `key_…`: scrip keys list")))
}

impl Make {
    fn request(self) -> NewKey {
        NewKey {
            name: self.name,
            capabilities: self.rights.capabilities,
            preset: self.rights.preset,
            models: self.models,
            workflows: self.workflows,
            owner: self.mine.then_some(KeyOwner::Me),
            spend_cap: self.cap.and_then(|Cap(cap)| cap),
            expires_at: self.expires_at,
        }
    }
}

impl Changes {
    fn request(self) -> KeyChange {
        KeyChange {
            name: self.name,
            capabilities: self.capabilities,
            spend_cap: self.cap.map(|Cap(cap)| cap),
            reviewed: self.reviewed,
        }
    }
}

fn state(key: &Key) -> String {
    let states = [
        key.frozen_reason.as_ref().map(|reason| format!("frozen: {reason}")),
        key.needs_review.then(|| "to be reviewed: its maker has left".to_owned()),
        (!key.dormant.is_empty()).then(|| format!("suspended: {}", key.dormant.join(", "))),
    ];
    states.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

fn render_list(keys: &[Key]) -> String {
    let row = |key: &Key| {
        vec![
            key.id.clone(),
            key.name.clone(),
            format!("…{}", key.last4),
            key.effective.join(" "),
            key.spend_cap.as_ref().map_or_else(|| "-".to_owned(), |cap| format!("{} of {}", cap.spent, cap.credits)),
            or_dash(key.last_used_at.as_deref()),
            state(key),
        ]
    };
    let head = ["key", "name", "secret", "may", "spent", "used", "state"];
    table(&head, &keys.iter().map(row).collect::<Vec<_>>())
}

/// Renders a key with its secret, which is shown this once.
fn with_secret(key: &Key) -> String {
    let secret = match &key.secret {
        Some(secret) => format!("{secret}\nThat is the secret: keep it now, it is not shown again.\n\n"),
        None => format!("The secret was in the first answer; for another: scrip keys rotate {}\n\n", key.id),
    };
    secret + &render(key)
}

fn render(key: &Key) -> String {
    let mut text = format!("{}: {}, …{}\n", key.id, key.name, key.last4);
    let mut line = |name: &str, value: String| text.push_str(&format!("  {name}: {value}\n"));
    let list = |list: &[String]| if list.is_empty() { "nothing".to_owned() } else { list.join(", ") };
    line("may", list(&key.effective));
    if !key.models.is_empty() {
        line("models", key.models.join(", "));
    }
    if !key.workflows.is_empty() {
        line("workflows", key.workflows.join(", "));
    }
    if !key.dormant.is_empty() {
        line("suspended until the plan or the owner's role allows it", key.dormant.join(", "));
    }
    if !key.available.is_empty() {
        line("could be given", key.available.join(", "));
    }
    if let Some(cap) = &key.spend_cap {
        line("may spend", cap_words(cap));
    }
    if let Some(reason) = &key.frozen_reason {
        line("frozen", reason.clone());
    }
    if key.needs_review {
        line("to be reviewed", format!("its maker has left; to confirm it: scrip keys change {} --reviewed", key.id));
    }
    let made = format!("{} by {}", key.created_at, key.made_by.as_deref().unwrap_or("the operator"));
    line("made", made);
    if let Some(owner) = &key.owner {
        line("owner", owner.clone());
    }
    let instants = [
        ("the old secret is good until", &key.previous_until),
        ("expires", &key.expires_at),
        ("last used", &key.last_used_at),
    ];
    for (name, at) in instants {
        at.iter().for_each(|at| line(name, at.clone()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_in_the_place_of_an_id_is_not_repeated() {
        let Err(fault) = parse_id("scrip_wk_test_secret") else { panic!("it is no id") };
        assert!(matches!(fault, Fault::Misused(_)) && !fault.text().contains("wk_test"), "{fault:?}");
        assert!(parse_id("key_4cpmz0xdkr0c9_1").is_ok() && parse_id("Robot").is_err());
    }
}
