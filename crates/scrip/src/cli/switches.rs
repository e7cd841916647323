//! `scrip switches`: switching a model or a provider off everywhere, and on again.

use super::api::{Api, Part, more};
use super::output::{CommandResult, or_dash, table};
use clap::{Args, Subcommand, ValueEnum};
use scrip_client::types::{Switch, SwitchChange};

/// Subcommands of `scrip switches`.
#[derive(Subcommand)]
pub enum Verb {
    /// List every change, newest first; the first line of a name is its present state
    List(Part),
    /// Switch a model or provider off: nothing new starts on it, in any workspace
    Off {
        #[command(flatten)]
        which: Which,
        /// Reason, which callers who ask for a run see
        #[arg(long)]
        reason: String,
    },
    /// Switch a model or provider on again
    On(Which),
}

/// Switch that a subcommand is about.
#[derive(Args)]
pub struct Which {
    /// Kind of the switch
    kind: Kind,
    /// Id of the model, or name of the provider
    name: String,
}

/// Kinds of things that have switches.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Kind {
    /// A model of the catalog
    Model,
    /// A provider, with all of its models
    Provider,
}

impl Verb {
    /// Calls the API and prints the answer.
    pub async fn run(self, api: &Api) -> CommandResult {
        let client = api.client()?;
        let (which, change) = match self {
            Verb::List(part) => {
                let call = client.switches(&part.paging());
                return api.show(call, |page| render_list(&page.data) + &more(page.next_cursor.as_deref())).await;
            }
            Verb::Off { which, reason } => (which, SwitchChange { off: true, reason: Some(reason) }),
            Verb::On(which) => (which, SwitchChange { off: false, reason: None }),
        };
        let kind = match which.kind {
            Kind::Model => "model",
            Kind::Provider => "provider",
        };
        let call = api.write(client.change_switch(kind, &which.name, &change));
        api.show(call, |switch| render_list(std::slice::from_ref(switch))).await
    }
}

fn render_list(switches: &[Switch]) -> String {
    let row = |switch: &Switch| {
        let state = if switch.off { "off" } else { "on" };
        vec![
            switch.kind.clone(),
            switch.name.clone(),
            state.to_owned(),
            switch.at.clone(),
            switch.actor.clone(),
            or_dash(switch.reason.as_deref()),
        ]
    };
    let head = ["kind", "name", "state", "since", "by", "reason"];
    table(&head, &switches.iter().map(row).collect::<Vec<_>>())
}
