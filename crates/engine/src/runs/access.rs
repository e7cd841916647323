//! Access to models: the vocabulary of capabilities, plan gates, trials and limits.
//!
//! Invariant: access never depends on credits. A gate of a plan answers the same whatever the balance is (R22, R24).

use crate::catalog::{Catalog, Model, Name, Plan};
use crate::kernel::amount::Amount;
use crate::kernel::limits::ID_MAX;
use crate::kernel::time::Timestamp;
use crate::plans::terms::{Terms, includes, reaches};
use crate::workspace::{Window, Workspace};
use serde::{Deserialize, Serialize};
use std::fmt;

/// One thing that a workspace key may do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Capability {
    /// Run any workflow of the workspace.
    WorkflowRun,
    /// Run one workflow, by its exact slug; `None` stands for any one workflow in a plan's ceiling.
    WorkflowRunOne(Option<String>),
    /// Read workflows and their runs.
    WorkflowRead,
    /// Change the workflows of the workspace.
    WorkflowWrite,
    /// Receive calls that start a workflow.
    WebhookReceive,
    /// Run any model that the plan allows.
    ModelRun,
    /// Run one model, by its exact id; `None` stands for any one model in a plan's ceiling.
    ModelRunOne(Option<String>),
    /// Invoke agents of the product.
    AgentInvoke,
}

impl Capability {
    /// Vocabulary of capabilities, as the ceilings of a catalog write it.
    pub const VOCABULARY: [&'static str; 8] = [
        "workflow:run",
        "workflow:<slug>:run",
        "workflow:read",
        "workflow:write",
        "webhook:receive",
        "model:run",
        "model:<id>:run",
        "agent:invoke",
    ];

    /// Reads a capability, exact bytes. Returns `None` for a text outside the vocabulary.
    pub fn parse(text: &str) -> Option<Capability> {
        let one = |text: &str, kind: &str, placeholder: &str| -> Option<Option<String>> {
            let name = text.strip_prefix(kind)?.strip_prefix(':')?.strip_suffix(":run")?;
            if name == placeholder {
                return Some(None);
            }
            let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
            ((1..=ID_MAX).contains(&name.len()) && name.bytes().all(good)).then(|| Some(name.to_owned()))
        };
        Some(match text {
            "workflow:run" => Capability::WorkflowRun,
            "workflow:read" => Capability::WorkflowRead,
            "workflow:write" => Capability::WorkflowWrite,
            "webhook:receive" => Capability::WebhookReceive,
            "model:run" => Capability::ModelRun,
            "agent:invoke" => Capability::AgentInvoke,
            _ => match one(text, "workflow", "<slug>") {
                Some(slug) => Capability::WorkflowRunOne(slug),
                None => Capability::ModelRunOne(one(text, "model", "<id>")?),
            },
        })
    }

    /// Returns `true` if the capability leaves no name open: a ceiling may say `<slug>` or `<id>` for any one, a key
    /// may not.
    pub fn is_exact(&self) -> bool {
        !matches!(self, Capability::WorkflowRunOne(None) | Capability::ModelRunOne(None))
    }

    /// Returns `true` if a ceiling allows a key to have the capability: by the same words, by "any one", or by a wider
    /// capability.
    pub fn is_within(&self, ceiling: &[String]) -> bool {
        let has = |word: &str| ceiling.iter().any(|allowed| allowed == word);
        let same = || has(&self.to_string());
        match self {
            Capability::WorkflowRun => has("workflow:run"),
            Capability::WorkflowRunOne(_) => has("workflow:<slug>:run") || has("workflow:run") || same(),
            Capability::WorkflowRead => has("workflow:read"),
            Capability::WorkflowWrite => has("workflow:write"),
            Capability::WebhookReceive => has("webhook:receive"),
            Capability::ModelRun => has("model:run"),
            Capability::ModelRunOne(_) => has("model:<id>:run") || has("model:run") || same(),
            Capability::AgentInvoke => has("agent:invoke"),
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Capability::WorkflowRun => f.write_str("workflow:run"),
            Capability::WorkflowRunOne(slug) => write!(f, "workflow:{}:run", slug.as_deref().unwrap_or("<slug>")),
            Capability::WorkflowRead => f.write_str("workflow:read"),
            Capability::WorkflowWrite => f.write_str("workflow:write"),
            Capability::WebhookReceive => f.write_str("webhook:receive"),
            Capability::ModelRun => f.write_str("model:run"),
            Capability::ModelRunOne(id) => write!(f, "model:{}:run", id.as_deref().unwrap_or("<id>")),
            Capability::AgentInvoke => f.write_str("agent:invoke"),
        }
    }
}

impl Serialize for Capability {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Capability {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Capability, D::Error> {
        let text = String::deserialize(deserializer)?;
        Capability::parse(&text).ok_or_else(|| serde::de::Error::custom(format!("`{text}` is not a capability")))
    }
}

/// Answer to whether a workspace may run a model now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// The plan includes the model: a run is paid for in the model's unit.
    Open,
    /// Free runs of a count trial are left.
    TrialRuns {
        /// Number of free runs that are left.
        left: Amount,
    },
    /// The window of a time trial is open, or would open with the next run.
    TrialWindow {
        /// Instant at which the open window ends; `None` when the next run opens it.
        ends_at: Option<Timestamp>,
    },
    /// The trial is used up (R22).
    TrialExhausted,
    /// The plan includes the model, but a review that the plan requires is not approved any more (R25).
    Unapproved {
        /// Name of the review that is missing.
        review: Name,
    },
    /// The plan does not include the model.
    Locked,
}

impl Access {
    /// Returns the place of the answer among all, the best for the workspace last.
    fn rank(&self) -> u8 {
        match self {
            Access::Locked => 0,
            Access::TrialExhausted => 1,
            Access::Unapproved { .. } => 2,
            Access::TrialRuns { .. } | Access::TrialWindow { .. } => 3,
            Access::Open => 4,
        }
    }
}

/// Returns the access of a workspace to a model of the menu, at an instant to which it has been settled: where two
/// editions of its plan judge the model, the better answer.
pub fn access(workspace: &Workspace, terms: &Terms<'_>, model: &Model, at: Timestamp) -> Access {
    let judges = terms.judges(&model.id).into_iter();
    let answers = judges.map(|(edition, model)| access_under(workspace, edition.plan, model, at));
    answers.max_by_key(Access::rank).unwrap_or(Access::Locked)
}

fn access_under(workspace: &Workspace, plan: &Plan, model: &Model, at: Timestamp) -> Access {
    if includes(model, &plan.id) {
        let missing = plan.requires.iter().find(|review| !workspace.approvals.contains(*review));
        // A review guards only models that not every plan includes.
        return match missing.filter(|_| !model.plans.is_empty()) {
            Some(review) => Access::Unapproved { review: review.clone() },
            None => Access::Open,
        };
    }
    // A plan whose rights bind before it has begun lends no trials (R4).
    let own = plan.id == workspace.subscription.plan;
    let Some(trial) = plan.trials.iter().find(|trial| own && trial.model == model.id) else {
        return Access::Locked;
    };
    // A trial costs its user nothing, so a person has it once: in the first workspace (R8).
    if !workspace.lifetime_allowed {
        return Access::TrialExhausted;
    }
    let window = workspace.window(&plan.id, &model.id).and_then(Window::open_until);
    // A trial that was used in its other shape does not begin anew (R33).
    if let Some(runs) = trial.runs {
        let left = workspace.trial_runs_left(&plan.id, &model.id, runs);
        let left = if window.is_some() { Amount::ZERO } else { left };
        return if left.is_zero() { Access::TrialExhausted } else { Access::TrialRuns { left } };
    }
    match window {
        Some(ends_at) if ends_at <= at => Access::TrialExhausted,
        None if !workspace.trial_runs_used(&plan.id, &model.id).is_zero() => Access::TrialExhausted,
        ends_at => Access::TrialWindow { ends_at },
    }
}

/// Returns the plans whose parameter level reaches a level, lowest first.
pub fn plans_with_level(catalog: &Catalog, level: &str) -> Vec<Name> {
    catalog.plans.iter().filter(|plan| reaches(catalog, plan, level)).map(|plan| plan.id.clone()).collect()
}

/// Returns the number of runs of a model that the plan still allows today; `None` when it does not limit them.
pub fn runs_left_today(workspace: &Workspace, terms: &Terms<'_>, model: &str, at: Timestamp) -> Option<u32> {
    Some(terms.runs_per_day(model)?.saturating_sub(workspace.runs_today(model, at)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_exact_words() {
        for text in Capability::VOCABULARY {
            assert_eq!(Capability::parse(text).map(|read| read.to_string()).as_deref(), Some(text));
        }
        assert_eq!(Capability::parse("workflow:a:run"), Some(Capability::WorkflowRunOne(Some("a".to_owned()))));
        for wrong in [
            "workflow",
            "workflow:*",
            "workflow:A:run",
            "workflow::run",
            "Workflow:run",
            "workflow:run ",
            "workflow:a:run:run",
            "model:a/b:run",
            "workflow:ａ:run",
        ] {
            assert_eq!(Capability::parse(wrong), None, "{wrong}");
        }
        let named = |letters: usize| Capability::parse(&format!("workflow:{}:run", "a".repeat(letters)));
        assert!(named(ID_MAX).is_some() && named(ID_MAX + 1).is_none(), "a key's rights are kept for ever");
    }
}
