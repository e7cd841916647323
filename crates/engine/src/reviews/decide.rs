//! Decisions about reviews that a plan requires: applications, approvals, rejections and revocations (R25).

use crate::apply::bounds::name_is_good;
use crate::apply::step::Step;
use crate::catalog::{Catalog, Name, Plan};
use crate::refusal::Refusal;
use crate::reviews::{ReviewCommand, ReviewEvent, ReviewStatus};
use crate::team::rights::Need;
use crate::workspace::Workspace;

/// Decides a command about a review.
pub(crate) fn decide(step: &mut Step<'_>, command: &ReviewCommand) -> Result<(), Refusal> {
    match command {
        ReviewCommand::Request { review, application } => step.request_review(review, *application),
        ReviewCommand::Approve { review, reason } => step.approve("", review, reason),
        ReviewCommand::Reject { review, reason } => step.reject_review(review, reason),
        ReviewCommand::Revoke { review, reason } => step.revoke_review(review, reason),
    }
}

/// Returns the right that a caller needs for a command about a review.
pub(crate) const fn need(command: &ReviewCommand) -> Need<'static> {
    match command {
        ReviewCommand::Request { .. } => Need::Admin,
        ReviewCommand::Approve { .. } | ReviewCommand::Reject { .. } | ReviewCommand::Revoke { .. } => Need::Operator,
    }
}

impl Step<'_> {
    /// Returns `true` if every review that a plan requires is approved.
    pub(crate) fn is_approved(&self, plan: &Plan) -> bool {
        plan.requires.iter().all(|review| self.workspace.approvals.contains(review))
    }

    /// Approves a review that is named at a pointer of the request.
    pub(crate) fn approve(&mut self, at: &str, review: &Name, reason: &str) -> Result<(), Refusal> {
        name_is_good(&format!("{at}/reason"), reason)?;
        self.is_a_review(at, review)?;
        if !self.workspace.approvals.contains(review) {
            self.emit(ReviewEvent::ReviewApproved { review: review.clone(), reason: reason.to_owned() });
        }
        Ok(())
    }

    fn request_review(&mut self, review: &Name, application: u32) -> Result<(), Refusal> {
        self.is_a_review("", review)?;
        if self.workspace.approvals.contains(review) {
            return Err(Refusal::invalid("/review", format!("`{review}` is approved already")));
        }
        let known = self.workspace.billing.reviews.get(review);
        if known.is_some_and(|known| known.status == ReviewStatus::Submitted) {
            return Err(Refusal::invalid("/review", format!("an application for `{review}` is not decided yet")));
        }
        let next = known.map_or(0, |known| known.application) + 1;
        if application != next {
            return Err(Refusal::invalid("/application", format!("the next application of `{review}` is {next}")));
        }
        self.emit(ReviewEvent::ReviewRequested { review: review.clone(), application });
        Ok(())
    }

    fn reject_review(&mut self, review: &Name, reason: &str) -> Result<(), Refusal> {
        name_is_good("/reason", reason)?;
        let known = self.workspace.billing.reviews.get(review).ok_or(Refusal::NotFound { what: "review" })?;
        match known.status {
            ReviewStatus::Rejected => Ok(()),
            ReviewStatus::Submitted => {
                let (review, reason) = (review.clone(), reason.to_owned());
                self.emit(ReviewEvent::ReviewRejected { review, reason });
                Ok(())
            }
            ReviewStatus::Approved => Err(Refusal::invalid("", format!("`{review}` is approved: revoke it instead"))),
            ReviewStatus::Revoked => Err(Refusal::invalid("", format!("`{review}` was revoked already"))),
        }
    }

    fn revoke_review(&mut self, review: &Name, reason: &str) -> Result<(), Refusal> {
        name_is_good("/reason", reason)?;
        if self.workspace.approvals.contains(review) {
            let (review, reason) = (review.clone(), reason.to_owned());
            self.emit(ReviewEvent::ReviewRevoked { review, reason });
            return Ok(());
        }
        match self.workspace.billing.reviews.get(review).map(|known| known.status) {
            Some(ReviewStatus::Revoked) => Ok(()),
            Some(_) => Err(Refusal::invalid("", format!("`{review}` is not approved"))),
            None => Err(Refusal::NotFound { what: "review" }),
        }
    }

    fn is_a_review(&self, at: &str, review: &Name) -> Result<(), Refusal> {
        let newest = &self.offer()?.catalog;
        if newest.plans.iter().any(|plan| plan.requires.contains(review)) {
            return Ok(());
        }
        let review: String = review.chars().take(100).collect();
        Err(Refusal::invalid(format!("{at}/review"), format!("no plan requires a review `{review}`")))
    }
}

/// Refuses a plan whose reviews are not approved, whatever the caller (R25).
pub(crate) fn require_reviews(workspace: &Workspace, catalog: &Catalog, plan: &Plan) -> Result<(), Refusal> {
    match plan.requires.iter().find(|review| !workspace.approvals.contains(*review)) {
        None => Ok(()),
        Some(review) => Err(Refusal::ReviewRequired { review: review.clone(), apply_url: catalog.links.apply.clone() }),
    }
}
