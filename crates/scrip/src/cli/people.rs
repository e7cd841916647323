//! `scrip people`: finding a person, blocking and unblocking one.

use super::api::Api;
use super::output::{CommandResult, or_dash, table};
use clap::Subcommand;
use scrip_client::types::{NewBlock, Person};

/// Subcommands of `scrip people`.
#[derive(Subcommand)]
pub enum Verb {
    /// Show a person by id, or all people with an address
    Show {
        /// Id of the person, `usr_…`, or an e-mail address
        person: String,
    },
    /// End a person's sessions, links, keys and mail, and refuse sign-in
    Block {
        /// Id of the person, `usr_…`
        id: String,
        /// Reason, for the audit log
        #[arg(long)]
        reason: String,
    },
    /// End a person's block
    Unblock {
        /// Id of the person, `usr_…`
        id: String,
    },
}

impl Verb {
    /// Calls the API and prints the answer.
    pub async fn run(self, api: &Api) -> CommandResult {
        let client = api.client()?;
        let call = match self {
            Verb::Show { person } if person.contains('@') => {
                return api.show(client.people(&person), |page| render_list(&page.data)).await;
            }
            Verb::Show { person } => client.person(&person),
            Verb::Block { id, reason } => api.write(client.block_person(&id, &NewBlock { reason })),
            Verb::Unblock { id } => api.write(client.unblock_person(&id)),
        };
        api.show(call, |person| render_list(std::slice::from_ref(person))).await
    }
}

fn render_list(people: &[Person]) -> String {
    let row = |person: &Person| {
        let blocked = person.blocked.as_ref();
        vec![
            person.id.clone(),
            person.email.clone(),
            person.workspaces.len().to_string(),
            or_dash(blocked.map(|block| block.at.as_str())),
            or_dash(blocked.map(|block| block.reason.as_str())),
        ]
    };
    let head = ["id", "email", "workspaces", "blocked since", "reason"];
    table(&head, &people.iter().map(row).collect::<Vec<_>>())
}
