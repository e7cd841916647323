//! Folding the events of reviews.

use super::event::ReviewEvent;
use super::state::{Review, ReviewStatus};
use crate::catalog::Name;
use crate::kernel::time::Timestamp;
use crate::workspace::Workspace;
use std::sync::Arc;

/// Folds an event of a review.
pub(crate) fn evolve(workspace: &mut Workspace, at: Timestamp, event: &ReviewEvent) {
    match event {
        ReviewEvent::ReviewRequested { review, application } => {
            let review = set_status(workspace, review, ReviewStatus::Submitted, None, at);
            review.application = *application;
        }
        ReviewEvent::ReviewApproved { review, reason } => {
            workspace.approvals.insert(review.clone());
            set_status(workspace, review, ReviewStatus::Approved, Some(reason), at);
        }
        ReviewEvent::ReviewRejected { review, reason } => {
            set_status(workspace, review, ReviewStatus::Rejected, Some(reason), at);
        }
        ReviewEvent::ReviewRevoked { review, reason } => {
            workspace.approvals.remove(review);
            set_status(workspace, review, ReviewStatus::Revoked, Some(reason), at);
        }
    }
}

/// Sets the status of a review and keeps the number of its newest application. An approval may be older than the
/// first application.
fn set_status<'w>(
    workspace: &'w mut Workspace,
    review: &Name,
    status: ReviewStatus,
    reason: Option<&String>,
    at: Timestamp,
) -> &'w mut Review {
    let reviews = &mut Arc::make_mut(&mut workspace.billing).reviews;
    let known = reviews.entry(review.clone()).or_insert(Review { status, application: 0, reason: None, at });
    *known = Review { status, application: known.application, reason: reason.cloned(), at };
    known
}
