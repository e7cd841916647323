//! `scrip holds`: for products that dispatch their runs themselves.

use super::api::Api;
use super::output::CommandResult;
use super::params::Params;
use clap::{Args, Subcommand};
use scrip_client::types::{Hold, NewHold, OnBehalfOf};

/// Subcommands of `scrip holds`.
#[derive(Subcommand)]
pub enum Verb {
    /// Hold credits: a plain amount, or the price of a model
    Open(Open),
    /// Capture a hold, in whole or in part
    Capture {
        /// Id of the hold, `hd_…`
        id: String,
        /// Number of credits to capture; all when absent
        #[arg(long)]
        credits: Option<i64>,
    },
    /// Release a hold and return its credits
    Release {
        /// Id of the hold, `hd_…`
        id: String,
    },
    /// Extend a hold, counted from now
    Extend {
        /// Id of the hold, `hd_…`
        id: String,
        /// Time from now until the hold expires, in seconds
        #[arg(long)]
        seconds: i64,
    },
    /// Show a hold and its state
    Show {
        /// Id of the hold, `hd_…`
        id: String,
    },
}

/// Arguments of `scrip holds open`.
#[derive(Args)]
pub struct Open {
    #[command(flatten)]
    what: What,
    #[command(flatten)]
    params: Params,
    /// Your own name for the hold
    #[arg(long)]
    reference: String,
    /// Time until the hold expires, in seconds; an hour when absent
    #[arg(long)]
    seconds: Option<i64>,
    /// Member that the hold is for, `usr_…`; the member's rights and caps apply
    #[arg(long)]
    member: Option<String>,
    /// Key that the hold is for, `key_…`; the key's rights and caps apply
    #[arg(long)]
    key_id: Option<String>,
    /// Count the request against the workspace's rate limit
    #[arg(long)]
    count_request: bool,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct What {
    /// Number of credits to hold
    #[arg(long)]
    credits: Option<i64>,
    /// Model whose price is held
    #[arg(long)]
    model: Option<String>,
}

impl Verb {
    /// Calls the API and prints the answer.
    pub async fn run(self, api: &Api) -> CommandResult {
        let call = match self {
            Verb::Open(open) => {
                let Open { what: What { credits, model }, params, reference, seconds, member, key_id, count_request } =
                    open;
                let names_none = member.is_none() && key_id.is_none();
                let on_behalf_of = (!names_none).then_some(OnBehalfOf { member, key: key_id });
                api.write(api.workspace_client()?.open_hold(&NewHold {
                    credits,
                    model,
                    params: params.map(),
                    reference,
                    seconds,
                    on_behalf_of,
                    count_request,
                }))
            }
            Verb::Capture { id, credits } => api.write(api.client()?.capture(&id, credits)),
            Verb::Release { id } => api.write(api.client()?.release(&id)),
            Verb::Extend { id, seconds } => api.write(api.client()?.extend(&id, seconds)),
            Verb::Show { id } => api.client()?.hold(&id),
        };
        api.show(call, render).await
    }
}

fn render(hold: &Hold) -> String {
    let model = hold.model.as_ref().map(|model| format!(" for {model}")).unwrap_or_default();
    let until = match &hold.ended_at {
        Some(at) => format!("ended at {at}"),
        None => format!("until {}", hold.expires_at),
    };
    format!(
        "{}: {}{model} is {}, {until}\n{} {} held at first, {} captured, {} released\n",
        hold.id, hold.reference, hold.status, hold.credits, hold.unit, hold.captured, hold.released
    )
}
