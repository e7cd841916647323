//! Rights of a person or a key in a workspace, at an instant (R26).
//!
//! A key's effective rights are those it was given, within the plan's ceiling now and its owner's role now. No right
//! is remembered: every request is judged on the workspace's present state.
//!
//! Invariant: an act that is not allowed here is refused; only the operator's own acts are not judged.

use crate::catalog::{Name, Plan};
use crate::kernel::id::UserId;
use crate::kernel::time::Timestamp;
use crate::refusal::Refusal;
use crate::runs::access::Capability;
use crate::team::{Key, KeyHash, Role, Spender};
use crate::workspace::Workspace;

/// Caller of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The operator, and Scrip's own workers.
    Operator,
    /// A user who is signed in.
    User(UserId),
    /// A program that has a key's secret.
    Key(KeyHash),
}

/// Right that a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need<'a> {
    /// Any right in the workspace at all.
    View,
    /// The right to see runs and their outputs.
    ReadRuns,
    /// The right to run at least one model.
    RunAny,
    /// The right to run this model.
    RunModel(&'a str),
    /// The right to run this workflow.
    RunWorkflow(&'a str),
    /// The right to see workflows.
    ReadWorkflows,
    /// The right to change workflows.
    WriteWorkflows,
    /// The right to have workflows started by calls from outside.
    ReceiveWebhooks,
    /// The right to invoke agents.
    InvokeAgents,
    /// A person who is signed in, in whatever workspaces.
    Person,
    /// Membership, with a seat or without one: enough to leave.
    Leave,
    /// Membership of a person, in any role.
    Member,
    /// The role of an admin.
    Admin,
    /// The authority of the operator.
    Operator,
}

impl Need<'_> {
    /// Returns the word by which a refusal names the need.
    pub(crate) fn word(self) -> String {
        match self {
            Need::View => "any".to_owned(),
            Need::ReadRuns | Need::ReadWorkflows => "workflow:read".to_owned(),
            Need::RunAny => "model:run".to_owned(),
            Need::RunModel(id) => format!("model:{id}:run"),
            Need::RunWorkflow(slug) => format!("workflow:{slug}:run"),
            Need::WriteWorkflows => "workflow:write".to_owned(),
            Need::ReceiveWebhooks => "webhook:receive".to_owned(),
            Need::InvokeAgents => "agent:invoke".to_owned(),
            Need::Person => "person".to_owned(),
            Need::Leave | Need::Member => "member".to_owned(),
            Need::Admin => "admin".to_owned(),
            Need::Operator => "operator".to_owned(),
        }
    }

    /// Returns `true` if one capability is enough.
    fn is_met_by(self, capability: &Capability) -> bool {
        use Capability as C;
        let model = matches!(capability, C::ModelRun | C::ModelRunOne(_));
        match self {
            Need::View => true,
            Need::ReadRuns => model || *capability == C::WorkflowRead,
            Need::RunAny => model,
            Need::RunModel(id) => match capability {
                C::ModelRunOne(only) => only.as_deref() == Some(id),
                other => *other == C::ModelRun,
            },
            Need::RunWorkflow(slug) => match capability {
                C::WorkflowRunOne(only) => only.as_deref() == Some(slug),
                other => *other == C::WorkflowRun,
            },
            Need::ReadWorkflows => *capability == C::WorkflowRead,
            Need::WriteWorkflows => *capability == C::WorkflowWrite,
            Need::ReceiveWebhooks => *capability == C::WebhookReceive,
            Need::InvokeAgents => *capability == C::AgentInvoke,
            Need::Person | Need::Leave | Need::Member | Need::Admin | Need::Operator => false,
        }
    }

    /// Returns `true` if a role is enough.
    fn is_met_by_role(self, role: Role) -> bool {
        match self {
            Need::Operator => false,
            Need::Admin | Need::WriteWorkflows | Need::ReceiveWebhooks => role == Role::Admin,
            _ => true,
        }
    }
}

/// Returns `true` if a role reaches a capability: members run and read, admins also change.
pub fn role_reaches(role: Role, capability: &Capability) -> bool {
    role == Role::Admin || !matches!(capability, Capability::WorkflowWrite | Capability::WebhookReceive)
}

/// Capabilities of a key, split into those in force now and those that are dormant until the plan or the owner's role
/// has more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EffectiveRights<'k> {
    /// Capabilities that are in force.
    pub effective: Vec<&'k Capability>,
    /// Capabilities that were given and are not in force now.
    pub dormant: Vec<&'k Capability>,
    /// Capabilities within the plan's ceiling and the owner's role that were not given; only a new grant gives them.
    pub available: Vec<String>,
}

/// Returns a key's rights under a plan (R26).
pub fn effective<'k>(workspace: &Workspace, plan: &Plan, key: &'k Key) -> EffectiveRights<'k> {
    let role = owner_role(workspace, key);
    let seated = has_seat(workspace, plan, key);
    let holds = |capability: &Capability| seated && is_in_force(plan, role, capability);
    let (effective, dormant) = key.terms.capabilities.iter().partition(|capability| holds(capability));
    let given: Vec<String> = key.terms.capabilities.iter().map(Capability::to_string).collect();
    let open = |word: &&String| {
        let capability = Capability::parse(word);
        !given.contains(word)
            && capability.is_some_and(|capability| role.is_none_or(|role| role_reaches(role, &capability)))
    };
    let available = plan.ceiling.iter().filter(open).cloned().collect();
    EffectiveRights { effective, dormant, available }
}

fn owner_role(workspace: &Workspace, key: &Key) -> Option<Role> {
    workspace.team.member(key.owner?).map(|member| member.role)
}

/// Returns `true` if the key's owner is among as many members as the plan has room for.
fn has_seat(workspace: &Workspace, plan: &Plan, key: &Key) -> bool {
    key.owner.is_none_or(|owner| workspace.team.has_seat(owner, plan.members))
}

fn is_in_force(plan: &Plan, role: Option<Role>, capability: &Capability) -> bool {
    capability.is_within(&plan.ceiling) && role.is_none_or(|role| role_reaches(role, capability))
}

/// Judges if a caller may do something in a workspace at an instant it has been settled to.
///
/// # Errors
/// The refusal that names the missing right. A caller who does not belong to the workspace gets "not found".
pub fn judge(workspace: &Workspace, plan: &Plan, by: By, need: Need<'_>, at: Timestamp) -> Result<(), Refusal> {
    match by {
        By::Operator => Ok(()),
        By::User(user) => judge_user(workspace, plan, user, need),
        By::Key(secret) => {
            let key = workspace.team.find_by_secret(&secret, at).ok_or(Refusal::Unauthenticated)?;
            judge_key(workspace, plan, key, need)
        }
    }
}

fn judge_user(workspace: &Workspace, plan: &Plan, user: UserId, need: Need<'_>) -> Result<(), Refusal> {
    let member = workspace.team.member(user).ok_or(Refusal::NotFound { what: "workspace" })?;
    if need != Need::Leave && !workspace.team.has_seat(user, plan.members) {
        return Err(Refusal::CapabilitySuspended {
            capability: "member".to_owned(),
            ceiling: Vec::new(),
            why: format!("plan `{}` has room for {} members", plan.id, plan.members.unwrap_or_default()),
        });
    }
    if need.is_met_by_role(member.role) {
        return Ok(());
    }
    Err(Refusal::CapabilityRequired { capability: need.word(), ceiling: vec![member.role.name().to_owned()] })
}

fn judge_key(workspace: &Workspace, plan: &Plan, key: &Key, need: Need<'_>) -> Result<(), Refusal> {
    if let Some((reason, _)) = &key.frozen {
        let why = format!("the key is frozen: {reason}");
        return Err(Refusal::CapabilitySuspended { capability: need.word(), ceiling: plan.ceiling.clone(), why });
    }
    let role = owner_role(workspace, key);
    let fits = |capability: &&Capability| need.is_met_by(capability);
    let is_listed = |list: &[Name], name: &str| list.is_empty() || list.iter().any(|listed| &**listed == name);
    let listed = match need {
        Need::RunModel(id) => is_listed(&key.terms.models, id),
        Need::RunWorkflow(slug) => is_listed(&key.terms.workflows, slug),
        _ => true,
    };
    let mut given = key.terms.capabilities.iter().filter(fits).peekable();
    if !listed || given.peek().is_none() {
        return Err(Refusal::CapabilityRequired { capability: need.word(), ceiling: plan.ceiling.clone() });
    }
    if has_seat(workspace, plan, key) && given.any(|capability| is_in_force(plan, role, capability)) {
        return Ok(());
    }
    Err(Refusal::CapabilitySuspended {
        capability: need.word(),
        ceiling: plan.ceiling.clone(),
        why: format!("the key has it, but plan `{}` or the role of the key's owner does not allow it now", plan.id),
    })
}

/// Returns the number of the key whose own runs are all that a caller sees: of a key that has no `workflow:read` in
/// force, or is for some models or workflows alone. `None` for every caller who sees all runs of the workspace.
pub fn run_scope(workspace: &Workspace, plan: &Plan, by: By, at: Timestamp) -> Option<u32> {
    let By::Key(secret) = by else { return None };
    // Numbers of keys start at 1: a secret that opens no key sees no run.
    let Some(key) = workspace.team.find_by_secret(&secret, at) else { return Some(0) };
    let is_for_some = !key.terms.models.is_empty() || !key.terms.workflows.is_empty();
    let reads = !is_for_some && judge_key(workspace, plan, key, Need::ReadWorkflows).is_ok();
    (!reads).then_some(key.n)
}

/// Judges if a key, or a member without one, could do something in a workspace on a plan, for an operator who asks on
/// their behalf.
///
/// # Errors
/// The refusal that the key or member would get.
pub(crate) fn judge_spender(
    workspace: &Workspace,
    plan: &Plan,
    spender: Spender,
    need: Need<'_>,
    at: Timestamp,
) -> Result<(), Refusal> {
    if let Some(key) = spender.key.and_then(|n| workspace.team.key(n)) {
        if key.terms.expires_at.is_some_and(|end| end <= at) {
            let why = "the key has expired".to_owned();
            return Err(Refusal::CapabilitySuspended { capability: need.word(), ceiling: plan.ceiling.clone(), why });
        }
        return judge_key(workspace, plan, key, need);
    }
    spender.member.map_or(Ok(()), |user| judge_user(workspace, plan, user, need))
}

/// Returns the key and member whose caps a caller's run counts against; `None` for the operator.
pub fn spender(workspace: &Workspace, by: By, at: Timestamp) -> Option<Spender> {
    match by {
        By::Operator => None,
        By::User(user) => Some(Spender { key: None, member: Some(user) }),
        By::Key(secret) => {
            let key = workspace.team.find_by_secret(&secret, at)?;
            Some(Spender { key: Some(key.n), member: key.owner })
        }
    }
}
