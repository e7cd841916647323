//! `scrip grants`: giving credits and taking them back.

use super::api::Api;
use super::output::{CommandResult, table};
use clap::{Args, Subcommand, ValueEnum};
use scrip_client::types::{Grant, GrantUnit, NewGrant};

/// Subcommands of `scrip grants`.
#[derive(Subcommand)]
pub enum Verb {
    /// Give the named workspace a pack that was sold, or goodwill
    Give(Give),
    /// Take back what is left of a grant
    Void {
        /// Id of the grant, `gr_…`
        id: String,
        /// Reason for the correction
        #[arg(long)]
        reason: String,
    },
}

/// Arguments of `scrip grants give`.
#[derive(Args)]
pub struct Give {
    #[command(flatten)]
    what: What,
    /// Unit of the amount; credits when absent
    #[arg(long, conflicts_with = "pack")]
    unit: Option<Unit>,
    /// Reason, which the workspace's members see
    #[arg(long)]
    reason: String,
    /// Payment, or your own name for the gift; one source is granted once and never again
    #[arg(long)]
    source: Option<String>,
    /// Instant of expiry, such as 2027-01-31T00:00:00Z
    #[arg(long, value_name = "INSTANT", conflicts_with = "pack")]
    expires_at: Option<String>,
    /// Only model that the grant pays for; repeat for more
    #[arg(long = "model", value_name = "MODEL", conflicts_with = "pack")]
    models: Vec<String>,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct What {
    /// Id of a pack in the catalog
    #[arg(long)]
    pack: Option<String>,
    /// Number of units to give
    #[arg(long)]
    amount: Option<i64>,
}

/// Units that an operator can give.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Unit {
    /// Credits of the shared balance
    Credits,
    /// Trainings of the training allowance
    Training,
}

impl Verb {
    /// Calls the API and prints the answer.
    pub async fn run(self, api: &Api) -> CommandResult {
        match self {
            Verb::Give(give) => {
                let client = api.workspace_client()?;
                let workspace = api.named_workspace().unwrap_or_default();
                let told = |grants: &Vec<Grant>| match grants.as_slice() {
                    [] => "nothing: this source was granted before".to_owned(),
                    grants => render_list(grants),
                };
                api.show(api.write(client.give(workspace, &give.request())), told).await
            }
            Verb::Void { id, reason } => {
                let call = api.write(api.client()?.void_grant(&id, &reason));
                api.show(call, |grant| render_list(std::slice::from_ref(grant))).await
            }
        }
    }
}

impl Give {
    fn request(self) -> NewGrant {
        let unit = self.unit.map(|unit| match unit {
            Unit::Credits => GrantUnit::Credits,
            Unit::Training => GrantUnit::Training,
        });
        NewGrant {
            pack: self.what.pack,
            amount: self.what.amount,
            unit,
            reason: self.reason,
            source: self.source,
            expires_at: self.expires_at,
            models: self.models,
        }
    }
}

fn render_list(grants: &[Grant]) -> String {
    let row = |grant: &Grant| {
        let numbers = [grant.granted, grant.available, grant.held, grant.revoked].map(|number| number.to_string());
        let expires = grant.expires_at.clone().unwrap_or_else(|| "never".to_owned());
        [vec![grant.id.clone(), grant.kind.clone(), grant.unit.clone()], numbers.to_vec(), vec![expires]].concat()
    };
    let head = ["grant", "kind", "unit", "granted", "available", "held", "revoked", "expires"];
    table(&head, &grants.iter().map(row).collect::<Vec<_>>())
}
