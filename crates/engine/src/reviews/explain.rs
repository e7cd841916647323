//! Events of reviews, in words.

use super::event::ReviewEvent;
use crate::explain::scene::{Scene, Sentence};

impl Scene<'_> {
    /// Describes an event of a review.
    pub(crate) fn describe_review(&self, event: &ReviewEvent) -> Sentence {
        match event {
            ReviewEvent::ReviewRequested { review, application } => {
                Sentence::plain(format!("Applied for the review {review}, application {application}"))
            }
            ReviewEvent::ReviewApproved { review, reason } => {
                Sentence::with(format!("Approved the review {review}"), format!(". Reason: {reason}."))
            }
            ReviewEvent::ReviewRejected { review, reason } => {
                Sentence::with(format!("Rejected the review {review}"), format!(". Reason: {reason}."))
            }
            ReviewEvent::ReviewRevoked { review, reason } => Sentence::with(
                format!("Took back the approval of the review {review}"),
                format!(": what requires it does not renew and starts no new runs. Reason: {reason}."),
            ),
        }
    }
}
