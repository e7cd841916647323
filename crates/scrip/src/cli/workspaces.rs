//! `scrip workspaces`: opening workspaces and putting them on plans.

use super::api::{Api, Part, more};
use super::output::{Done, Fault, or_dash, table};
use super::terms::Every;
use clap::{Args, Subcommand};
use scrip_client::KeyKind;
use scrip_client::types::{
    Approval, FreezeRequest, Interval, Mode, NewSubscription, NewWorkspace, Owner, Workspace, WorkspaceChange,
};

/// Verbs about workspaces.
#[derive(Subcommand)]
pub enum Verb {
    /// List workspaces in the order they were opened; with a session, those one belongs to
    List {
        #[command(flatten)]
        part: Part,
        /// Only the one with this id of your own
        #[arg(long, value_name = "ID")]
        external_id: Option<String>,
    },
    /// Show a workspace
    Show(Which),
    /// Open a workspace
    Open(Open),
    /// Rename a workspace
    Rename {
        /// `ws_…`
        id: String,
        /// The new name
        name: String,
    },
    /// Put a workspace on a plan, billed by hand
    Subscribe {
        /// `ws_…`
        id: String,
        /// The plan
        plan: String,
        #[command(flatten)]
        terms: Terms,
    },
    /// End the plan with its period; packs stay
    Cancel(Which),
    /// Take a cancellation or a scheduled change back
    Undo(Which),
    /// Freeze a workspace: it starts nothing new
    Freeze {
        /// `ws_…`
        id: String,
        /// Why; the people of the workspace see it
        #[arg(long)]
        reason: String,
    },
    /// Thaw a frozen workspace
    Thaw(Which),
}

/// One workspace.
#[derive(Args)]
pub struct Which {
    /// `ws_…`
    id: String,
}

/// A workspace to be opened.
#[derive(Args)]
pub struct Open {
    /// Shown on pages
    name: String,
    /// The owner's e-mail; whoever asks by a session is the owner
    #[arg(long)]
    email: Option<String>,
    /// Your own id for it
    #[arg(long, value_name = "ID")]
    external_id: Option<String>,
    /// With real credits; test mode otherwise
    #[arg(long)]
    live: bool,
    /// The test clock it stands on
    #[arg(long, value_name = "ID")]
    test_clock: Option<String>,
    /// Without welcome credits and trials: the owner had them elsewhere
    #[arg(long)]
    no_welcome: bool,
    /// The plan; the free one when absent
    #[arg(long)]
    plan: Option<String>,
    #[command(flatten)]
    terms: Terms,
}

/// What a plan is agreed on.
#[derive(Args)]
pub struct Terms {
    /// How often it is paid; may be left out where the plan has one price
    #[arg(long)]
    interval: Option<Every>,
    /// The credits of a period, on a plan by contract
    #[arg(long, value_name = "CREDITS")]
    allowance: Option<i64>,
    /// A review that is approved with it, and why
    #[arg(long, value_name = "REVIEW=REASON", value_parser = approval)]
    approve: Vec<Approval>,
}

fn approval(given: &str) -> Result<Approval, String> {
    let parts = given.split_once('=').filter(|(review, reason)| !review.is_empty() && !reason.is_empty());
    let (review, reason) = parts.ok_or_else(|| format!("`{given}` is not REVIEW=REASON"))?;
    Ok(Approval { review: review.to_owned(), reason: reason.to_owned() })
}

impl Verb {
    /// Does it.
    pub async fn run(self, api: &Api) -> Done {
        let client = api.client()?;
        let call = match self {
            Verb::List { part, external_id } => {
                let call = client.workspaces(&part.paging(), external_id.as_deref());
                return api.show(call, |page| listed(&page.data) + &more(page.next_cursor.as_deref())).await;
            }
            Verb::Show(Which { id }) => client.show_workspace(&id),
            Verb::Open(open) => {
                if open.email.is_none() && client.kind() != Some(KeyKind::Session) {
                    return Err(Fault::Misused("name the owner: --email ADDRESS".to_owned()));
                }
                api.write(client.open_workspace(&open.request()))
            }
            Verb::Rename { id, name } => api.write(client.change_workspace(&id, &WorkspaceChange { name })),
            Verb::Subscribe { id, plan, terms } => {
                let Terms { interval, allowance, approve } = terms;
                let new = NewSubscription { plan, interval: interval.map(Interval::from), allowance, approve };
                api.write(client.subscribe(&id, &new))
            }
            Verb::Cancel(Which { id }) => api.write(client.cancel_subscription(&id)),
            Verb::Undo(Which { id }) => api.write(client.undo_cancel(&id)),
            Verb::Freeze { id, reason } => {
                api.write(client.freeze(&id, &FreezeRequest { frozen: true, reason: Some(reason) }))
            }
            Verb::Thaw(Which { id }) => api.write(client.freeze(&id, &FreezeRequest { frozen: false, reason: None })),
        };
        api.show(call, shown).await
    }
}

impl Open {
    fn request(self) -> NewWorkspace {
        NewWorkspace {
            name: self.name,
            owner: self.email.map(|email| Owner { email }),
            external_id: self.external_id,
            mode: self.live.then_some(Mode::Live),
            test_clock: self.test_clock,
            plan: self.plan,
            interval: self.terms.interval.map(Interval::from),
            allowance: self.terms.allowance,
            approve: self.terms.approve,
            welcome: self.no_welcome.then_some(false),
        }
    }
}

fn listed(workspaces: &[Workspace]) -> String {
    let row = |workspace: &Workspace| {
        vec![
            workspace.id.clone(),
            workspace.name.clone(),
            workspace.plan.clone(),
            or_dash(workspace.interval.as_deref()),
            workspace.status.clone(),
            workspace.mode.clone(),
            workspace.owner_email.clone(),
        ]
    };
    let head = ["workspace", "name", "plan", "every", "status", "mode", "owner"];
    table(&head, &workspaces.iter().map(row).collect::<Vec<_>>())
}

fn shown(workspace: &Workspace) -> String {
    let mut text = format!("{}: {} of {}\n", workspace.id, workspace.name, workspace.owner_email);
    let every = workspace.interval.as_ref().map(|interval| format!(" by the {interval}")).unwrap_or_default();
    text.push_str(&format!("plan {}{every}, {}, {} mode\n", workspace.plan, workspace.status, workspace.mode));
    if let Some(reason) = &workspace.frozen_reason {
        text.push_str(&format!("frozen: {reason}\n"));
    }
    if let Some(period) = &workspace.period {
        text.push_str(&format!("paid from {} to {}\n", period.start, period.end));
    }
    if let Some(pending) = &workspace.pending {
        text.push_str(&format!("then plan {} by the {}\n", pending.plan, pending.interval));
    }
    if let Some(clock) = &workspace.test_clock {
        text.push_str(&format!("on test clock {clock}\n"));
    }
    text
}
