//! One event in words, from the workspace before and after it.
//!
//! Invariant: every name in a sentence is an id that can be looked up, every amount carries its unit, and units that
//! the code calls released are called returned here.

use crate::catalog::GrantKind;
use crate::event::Event;
use crate::explain::Addresses;
use crate::grants::Grant;
use crate::kernel::id::Kind;
use crate::kernel::time::Timestamp;
use crate::workspace::Workspace;

/// An event between two values of its workspace.
pub(crate) struct Scene<'a> {
    /// The workspace just before the event.
    pub before: &'a Workspace,
    /// The workspace just after the event.
    pub after: &'a Workspace,
    /// Instant at which the event took effect.
    pub at: Timestamp,
    /// Addresses of the people that events name.
    pub addresses: &'a Addresses,
}

/// A sentence in two pieces: the part for a summary, and the rest with its full stop.
pub(crate) struct Sentence {
    /// First part of the sentence, without a full stop.
    pub short: String,
    /// Continues `short` and ends with a full stop.
    pub detail: String,
}

impl Sentence {
    pub(crate) fn plain(short: impl Into<String>) -> Sentence {
        Sentence { short: short.into(), detail: ".".to_owned() }
    }

    pub(crate) fn with(short: impl Into<String>, detail: impl Into<String>) -> Sentence {
        Sentence { short: short.into(), detail: detail.into() }
    }
}

impl Scene<'_> {
    /// Describes an event in one sentence.
    pub(crate) fn describe(&self, event: &Event) -> Sentence {
        match event {
            Event::Workspace(event) => self.describe_workspace(event),
            Event::Plan(event) => self.describe_plan(event),
            Event::Grant(event) => self.describe_grant(event),
            Event::Hold(event) => self.describe_hold(event),
            Event::Run(event) => self.describe_run(event),
            Event::Payment(event) => self.describe_payment(event),
            Event::TopUp(event) => self.describe_top_up(event),
            Event::Review(event) => self.describe_review(event),
            Event::Team(event) => self.describe_team(event),
            Event::Notice(notice) => self.describe_notice(notice),
        }
    }

    fn id(&self, grant: u32) -> String {
        format!("grant {}", self.after.id.id_of(Kind::Grant, grant))
    }

    /// Returns a grant's id and, in brackets, its kind, its name, and its expiry when that still matters.
    pub(crate) fn grant_name(&self, n: u32, with_expiry: bool) -> String {
        let id = self.id(n);
        // The event may have made the grant, or the fold may have forgotten it just now.
        let (workspace, grant) = match (self.after.grant(n), self.before.grant(n)) {
            (Some(grant), None) => (self.after, grant),
            (_, Some(grant)) => (self.before, grant),
            (None, None) => return id,
        };
        let mut words = vec![grant.kind.name().to_owned()];
        words.extend(label(workspace, grant).filter(|label| label != grant.kind.name()));
        match grant.expires_at {
            Some(end) if with_expiry && grant.dead(self.at) => words.push(format!("expired {end}")),
            Some(end) if with_expiry => words.push(format!("expires {end}")),
            None if with_expiry => words.push("never expires".to_owned()),
            _ => {}
        }
        format!("{id} ({})", words.join(", "))
    }
}

/// Returns the name of a grant for people: its plan where that is known, its code otherwise.
fn label(workspace: &Workspace, grant: &Grant) -> Option<String> {
    if let Some((plan, model)) = grant.source.strip_prefix("trial:").and_then(|rest| rest.split_once(':')) {
        return Some(format!("{model} under the {plan} plan"));
    }
    let code = &grant.code;
    let paid = workspace.subscription.payment.as_ref().is_some_and(|payment| payment.source == grant.source);
    let of_period = (paid || grant.source.starts_with("period:")) && grant.kind != GrantKind::Returned;
    let current = workspace.subscription.period.filter(|period| of_period && period.start <= grant.starts_at);
    // A plan that was left at the instant it began has grants of the same source; only the newest is the plan's.
    let newest = !workspace
        .grants
        .iter()
        .any(|other| other.n > grant.n && other.kind == grant.kind && other.source == grant.source);
    match current {
        Some(_) if newest => Some(format!("{} {code}", workspace.subscription.plan)),
        _ => Some(code.to_string()),
    }
}
