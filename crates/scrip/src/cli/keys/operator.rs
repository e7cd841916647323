//! `scrip keys operator`: keys of the operator of a deployment.

use crate::cli::api::Api;
use crate::cli::output::{CommandResult, or_dash, table};
use clap::{Args, Subcommand, ValueEnum};
use scrip_client::types::{NewOperatorKey, OperatorKey, OperatorScope, Removal};

/// Subcommands of `scrip keys operator`.
#[derive(Subcommand)]
pub enum Verb {
    /// List operator keys with their scopes, expiry and last use
    List,
    /// Make an operator key and print its secret, which is shown this once
    Make(Make),
    /// End an operator key for ever, everywhere and at once
    Revoke {
        /// Id of the operator key, `opk_…`
        id: String,
    },
}

/// Arguments of `scrip keys operator make`.
#[derive(Args)]
pub struct Make {
    /// Name that lists show; no other good key has it
    name: String,
    /// Scope that the key is good for; repeat for more
    #[arg(long = "scope", value_name = "SCOPE", required = true)]
    scopes: Vec<Scope>,
    /// Maximum number of credits to give in a day of UTC; needs the scope grants
    #[arg(long, value_name = "CREDITS")]
    grants_per_day: Option<i64>,
    /// Instant of expiry, such as 2027-01-31T00:00:00Z
    #[arg(long, value_name = "INSTANT")]
    expires_at: Option<String>,
    /// Make a key for live workspaces
    #[arg(long)]
    live: bool,
}

/// Scopes of an operator key.
#[derive(Clone, Copy, ValueEnum)]
enum Scope {
    /// See everything, secrets excepted
    Read,
    /// Quote, hold and run, and see holds and runs
    Holds,
    /// Give credits to workspaces
    Grants,
    /// Make sign-in links, checkout sessions and portal sessions
    Links,
    /// Open workspaces on the free plan, find and rename them
    Workspaces,
    /// Check, publish and migrate catalogs
    Catalog,
    /// Everything that an operator may do
    All,
}

impl Verb {
    /// Calls the API and prints the answer.
    pub async fn run(self, api: &Api) -> CommandResult {
        match self {
            Verb::List => api.show(api.client()?.operator_keys(), |page| render_list(&page.data)).await,
            Verb::Make(make) => {
                let call = api.client()?.make_operator_key(&make.request());
                api.show(call, |key: &OperatorKey| {
                    let secret = key.secret.as_deref().unwrap_or_default();
                    format!(
                        "{secret}\nThat is the secret: keep it now, it is not shown again.\n\n{}",
                        render_list(std::slice::from_ref(key))
                    )
                })
                .await
            }
            Verb::Revoke { id } => {
                let call = api.client()?.revoke_operator_key(&id);
                api.show(call, |Removal { id }| format!("{id} is revoked\n")).await
            }
        }
    }
}

impl Make {
    fn request(self) -> NewOperatorKey {
        let scope = |scope: Scope| match scope {
            Scope::Read => OperatorScope::Read,
            Scope::Holds => OperatorScope::Holds,
            Scope::Grants => OperatorScope::Grants,
            Scope::Links => OperatorScope::Links,
            Scope::Workspaces => OperatorScope::Workspaces,
            Scope::Catalog => OperatorScope::Catalog,
            Scope::All => OperatorScope::All,
        };
        NewOperatorKey {
            name: self.name,
            scopes: self.scopes.into_iter().map(scope).collect(),
            grants_per_day: self.grants_per_day,
            expires_at: self.expires_at,
            live: self.live,
        }
    }
}

fn render_list(keys: &[OperatorKey]) -> String {
    let state = |key: &OperatorKey| match (&key.revoked_at, &key.expires_at) {
        (Some(at), _) => format!("revoked {at}"),
        (None, Some(at)) => format!("until {at}"),
        (None, None) => "good".to_owned(),
    };
    let may = |key: &OperatorKey| match key.grants_per_day {
        Some(units) => format!("{}, {units} a day", key.scopes.join(" ")),
        None => key.scopes.join(" "),
    };
    let row = |key: &OperatorKey| {
        let used = or_dash(key.last_used_at.as_deref());
        vec![key.id.clone(), key.name.clone(), format!("…{}", key.last4), may(key), used, state(key)]
    };
    table(&["key", "name", "secret", "may", "used", "state"], &keys.iter().map(row).collect::<Vec<_>>())
}
