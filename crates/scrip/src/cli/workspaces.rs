//! `scrip workspaces`: opening workspaces and putting them on plans.

use super::api::{Api, Part, more};
use super::output::{CommandResult, Fault, or_dash, table};
use super::terms::Every;
use clap::{Args, Subcommand};
use scrip_client::KeyKind;
use scrip_client::types::{
    Approval, FreezeRequest, Interval, Mode, NewSubscription, NewWorkspace, Owner, Workspace, WorkspaceChange,
};

/// Subcommands of `scrip workspaces`.
#[derive(Subcommand)]
pub enum Verb {
    /// List workspaces in the order they were opened; with a session, those of the person
    List {
        #[command(flatten)]
        part: Part,
        /// Show only the workspace with this id of your own
        #[arg(long, value_name = "ID")]
        external_id: Option<String>,
    },
    /// Show a workspace and its plan
    Show(Which),
    /// Open a workspace for an owner
    Open(Open),
    /// Change a workspace's name
    Rename {
        /// Id of the workspace, `ws_…`
        id: String,
        /// New name of the workspace
        name: String,
    },
    /// Put a workspace on a plan, billed by hand
    Subscribe {
        /// Id of the workspace, `ws_…`
        id: String,
        /// Id of the plan
        plan: String,
        #[command(flatten)]
        terms: Terms,
    },
    /// End the plan with its period; packs stay
    Cancel(Which),
    /// Take a cancellation or a scheduled change back
    Undo(Which),
    /// Freeze a workspace, so that it starts nothing new
    Freeze {
        /// Id of the workspace, `ws_…`
        id: String,
        /// Reason, which the workspace's members see
        #[arg(long)]
        reason: String,
    },
    /// Thaw a frozen workspace
    Thaw(Which),
}

/// Workspace that a subcommand is about.
#[derive(Args)]
pub struct Which {
    /// Id of the workspace, `ws_…`
    id: String,
}

/// Arguments of `scrip workspaces open`.
#[derive(Args)]
pub struct Open {
    /// Name that pages show
    name: String,
    /// E-mail address of the owner; with a session, the owner is its person
    #[arg(long)]
    email: Option<String>,
    /// Your own id for the workspace
    #[arg(long, value_name = "ID")]
    external_id: Option<String>,
    /// Open in live mode, with real credits; test mode when absent
    #[arg(long)]
    live: bool,
    /// Id of the test clock that the workspace stands on
    #[arg(long, value_name = "ID")]
    test_clock: Option<String>,
    /// Give no welcome credits and trials, because the owner had them elsewhere
    #[arg(long)]
    no_welcome: bool,
    /// Id of the plan; the free one when absent
    #[arg(long)]
    plan: Option<String>,
    #[command(flatten)]
    terms: Terms,
}

/// Terms that a plan is agreed on.
#[derive(Args)]
pub struct Terms {
    /// Interval of payment; may be left out for a plan with one price
    #[arg(long)]
    interval: Option<Every>,
    /// Credits in each period, on a plan by contract
    #[arg(long, value_name = "CREDITS")]
    allowance: Option<i64>,
    /// Review to approve with the plan, and the reason
    #[arg(long, value_name = "REVIEW=REASON", value_parser = approval)]
    approve: Vec<Approval>,
}

fn approval(given: &str) -> Result<Approval, String> {
    let parts = given.split_once('=').filter(|(review, reason)| !review.is_empty() && !reason.is_empty());
    let (review, reason) = parts.ok_or_else(|| format!("`{given}` is not REVIEW=REASON"))?;
    Ok(Approval { review: review.to_owned(), reason: reason.to_owned() })
}

impl Verb {
    /// Calls the API and prints the answer.
    pub async fn run(self, api: &Api) -> CommandResult {
        let client = api.client()?;
        let call = match self {
            Verb::List { part, external_id } => {
                let call = client.workspaces(&part.paging(), external_id.as_deref());
                return api.show(call, |page| render_list(&page.data) + &more(page.next_cursor.as_deref())).await;
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
        api.show(call, render).await
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

fn render_list(workspaces: &[Workspace]) -> String {
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

fn render(workspace: &Workspace) -> String {
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
