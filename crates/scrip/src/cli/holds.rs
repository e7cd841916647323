//! `scrip holds`: for products that dispatch their runs themselves.

use super::api::Api;
use super::output::Done;
use super::params::Params;
use clap::{Args, Subcommand};
use scrip_client::types::{Hold, NewHold, OnBehalfOf};

/// Verbs about holds.
#[derive(Subcommand)]
pub enum Verb {
    /// Hold credits: a plain amount, or the price of a model
    Open(Open),
    /// Spend a hold, in whole or in part
    Capture {
        /// `hd_…`
        id: String,
        /// So many; all when absent
        #[arg(long)]
        credits: Option<i64>,
    },
    /// Give a hold back
    Release {
        /// `hd_…`
        id: String,
    },
    /// Let a hold last longer, counted from now
    Extend {
        /// `hd_…`
        id: String,
        /// For how long
        #[arg(long)]
        seconds: i64,
    },
    /// Show a hold
    Show {
        /// `hd_…`
        id: String,
    },
}

/// A hold to be opened.
#[derive(Args)]
pub struct Open {
    #[command(flatten)]
    what: What,
    #[command(flatten)]
    params: Params,
    /// Your name for it
    #[arg(long)]
    reference: String,
    /// For how long; an hour when absent
    #[arg(long)]
    seconds: Option<i64>,
    /// The member it is for, `usr_…`, whose rights and caps bind it
    #[arg(long)]
    member: Option<String>,
    /// The key it is for, `key_…`, whose rights and caps bind it
    #[arg(long)]
    key_id: Option<String>,
    /// Count it against the workspace's limit of requests
    #[arg(long)]
    count_request: bool,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct What {
    /// So many
    #[arg(long)]
    credits: Option<i64>,
    /// The price of a model
    #[arg(long)]
    model: Option<String>,
}

impl Verb {
    /// Does it.
    pub async fn run(self, api: &Api) -> Done {
        let call = match self {
            Verb::Open(open) => {
                let Open { what: What { credits, model }, params, reference, seconds, member, key_id, count_request } =
                    open;
                let names_none = member.is_none() && key_id.is_none();
                let on_behalf_of = (!names_none).then_some(OnBehalfOf { member, key: key_id });
                api.write(api.scoped()?.open_hold(&NewHold {
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
        api.show(call, shown).await
    }
}

fn shown(hold: &Hold) -> String {
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
