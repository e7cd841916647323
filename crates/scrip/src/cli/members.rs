//! `scrip members`, `scrip invitations`, `scrip audit`: the people of a workspace, and their privileged acts.

use super::api::{Api, Part, more};
use super::output::{CommandResult, Fault, table};
use super::terms::{Cap, cap_words};
use clap::{Subcommand, ValueEnum};
use scrip_client::types::{
    AuditEntry, Invitation, Member, MemberChange, NewInvitation, NewMember, Page, Removal, Role,
};

/// Role of a member in the workspace.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Rank {
    /// Does everything that is not the operator's
    Admin,
    /// Runs models and reads, without administration
    Member,
}

impl From<Rank> for Role {
    fn from(rank: Rank) -> Role {
        match rank {
            Rank::Admin => Role::Admin,
            Rank::Member => Role::Member,
        }
    }
}

/// Subcommands of `scrip members`.
#[derive(Subcommand)]
pub enum Verb {
    /// List the members of the workspace, in the order they joined
    List,
    /// Add a user of your own product as a member, without an invitation
    Add {
        /// E-mail address of the user
        email: String,
        /// Role of the user; member when absent
        #[arg(long)]
        role: Option<Rank>,
    },
    /// Change a member's role
    Role {
        /// Id of the member, `usr_…`
        id: String,
        /// New role of the member
        role: Rank,
    },
    /// Limit a member's spending, over all of the member's keys
    Cap {
        /// Id of the member, `usr_…`
        id: String,
        /// Maximum spending: 500 for ever, or 500/week, 500/month, 500/year; `none` removes the cap
        #[arg(value_name = "CREDITS[/INTERVAL]")]
        cap: Cap,
    },
    /// Remove a member at once, with the member's own keys; the workspace's keys stay
    Remove {
        /// Id of the member, `usr_…`
        id: String,
    },
}

impl Verb {
    /// Calls the API and prints the answer.
    pub async fn run(self, api: &Api) -> CommandResult {
        let client = api.workspace_client()?;
        let call = match self {
            Verb::List => return api.show(client.members(), |page| render_list(&page.data)).await,
            Verb::Add { email, role } => api.write(client.add_member(&NewMember { email, role: role.map(Role::from) })),
            Verb::Role { id, role } => {
                let change = MemberChange { role: Some(role.into()), ..MemberChange::default() };
                api.write(client.change_member(parse_id(&id)?, &change))
            }
            Verb::Cap { id, cap: Cap(cap) } => {
                let change = MemberChange { spend_cap: Some(cap), ..MemberChange::default() };
                api.write(client.change_member(parse_id(&id)?, &change))
            }
            Verb::Remove { id } => {
                let call = api.write(client.remove_member(parse_id(&id)?));
                return api.show(call, |Removal { id }| format!("{id} is no longer a member\n")).await;
            }
        };
        api.show(call, |member| render_list(std::slice::from_ref(member))).await
    }
}

/// Returns the id of a member, or refuses a text that is none.
fn parse_id(id: &str) -> Result<&str, Fault> {
    if id.starts_with("usr_") {
        return Ok(id);
    }
    Err(Fault::Misused(format!(
        "`{id}` is not the id of a member; name the member by the id, `usr_…`: scrip members list"
    )))
}

fn render_list(members: &[Member]) -> String {
    let row = |member: &Member| {
        vec![
            member.id.clone(),
            member.email.clone(),
            member.role.clone(),
            member.spend_cap.as_ref().map_or_else(|| "-".to_owned(), cap_words),
            member.joined_at.clone(),
            if member.seated { String::new() } else { "waits: the plan has no room".to_owned() },
        ]
    };
    let head = ["member", "email", "role", "may spend", "since", "state"];
    table(&head, &members.iter().map(row).collect::<Vec<_>>())
}

/// Subcommands of `scrip invitations`.
#[derive(Subcommand)]
pub enum InvitationVerb {
    /// List the invitations that wait for an answer
    List,
    /// Invite a person by mail; the invitation is good once, for seven days
    Send {
        /// E-mail address of the person
        email: String,
        /// Role of the person; member when absent
        #[arg(long)]
        role: Option<Rank>,
    },
    /// Take an invitation back
    Withdraw {
        /// Id of the invitation, `inv_…`
        id: String,
    },
}

impl InvitationVerb {
    /// Calls the API and prints the answer.
    pub async fn run(self, api: &Api) -> CommandResult {
        match self {
            InvitationVerb::List => {
                api.show(api.workspace_client()?.invitations(), |page| render_invitations(&page.data)).await
            }
            InvitationVerb::Send { email, role } => {
                let new = NewInvitation { email, role: role.map(Role::from) };
                let call = api.write(api.workspace_client()?.invite(&new));
                api.show(call, |sent| render_invitations(std::slice::from_ref(sent))).await
            }
            InvitationVerb::Withdraw { id } => {
                if !id.starts_with("inv_") {
                    let detail =
                        format!("`{id}` is not the id of an invitation; name the invitation by its id, `inv_…`");
                    return Err(Fault::Misused(format!("{detail}: scrip invitations list")));
                }
                let call = api.write(api.client()?.withdraw_invitation(&id));
                api.show(call, |Removal { id }| format!("{id} is withdrawn\n")).await
            }
        }
    }
}

fn render_invitations(invitations: &[Invitation]) -> String {
    let row = |invitation: &Invitation| {
        vec![invitation.id.clone(), invitation.email.clone(), invitation.role.clone(), invitation.expires_at.clone()]
    };
    table(&["invitation", "email", "role", "expires"], &invitations.iter().map(row).collect::<Vec<_>>())
}

/// Prints the privileged acts of a workspace.
pub async fn audit(api: &Api, part: &Part) -> CommandResult {
    api.show(api.workspace_client()?.audit(&part.paging()), acts).await
}

fn acts(page: &Page<AuditEntry>) -> String {
    let row = |act: &AuditEntry| {
        vec![act.entry.clone(), act.at.clone(), act.actor.clone(), act.act.clone(), act.summary.clone()]
    };
    let rows: Vec<Vec<String>> = page.data.iter().map(row).collect();
    table(&["entry", "at", "by", "act", "what"], &rows) + &more(page.next_cursor.as_deref())
}
