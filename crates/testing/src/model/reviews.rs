//! Reviews, written down once more: applications and their decisions.

use super::plans::find_plan;
use super::{Answer, Model, good_name};
use scrip_engine::ReviewCommand;
use scrip_engine::payments::ReviewStatus;

impl Model {
    pub(super) fn approve(&mut self, review: &str, reason: &str) -> Answer {
        good_name(reason)?;
        let (_, offer) = self.in_force(self.now);
        if !offer.plans.iter().any(|plan| plan.requires.iter().any(|required| **required == *review)) {
            return Err("INVALID_REQUEST");
        }
        if self.approvals.insert(review.to_owned()) {
            let known = self.reviews.get(review).map_or(0, |(_, application)| *application);
            self.reviews.insert(review.to_owned(), (ReviewStatus::Approved, known));
            self.happened = true;
        }
        Ok(())
    }

    pub fn decide_review(&mut self, command: &ReviewCommand) -> Answer {
        match command {
            ReviewCommand::Request { review, application } => self.request(review, *application),
            ReviewCommand::Approve { review, reason } => self.approve(review, reason),
            ReviewCommand::Reject { review, reason } => {
                good_name(reason)?;
                let (status, _) = self.reviews.get_mut(&**review).ok_or("NOT_FOUND")?;
                match status {
                    ReviewStatus::Rejected => Ok(()),
                    ReviewStatus::Submitted => {
                        *status = ReviewStatus::Rejected;
                        self.happened = true;
                        Ok(())
                    }
                    _ => Err("INVALID_REQUEST"),
                }
            }
            ReviewCommand::Revoke { review, reason } => {
                good_name(reason)?;
                let (status, _) = self.reviews.get_mut(&**review).ok_or("NOT_FOUND")?;
                match status {
                    ReviewStatus::Revoked => Ok(()),
                    ReviewStatus::Approved => {
                        *status = ReviewStatus::Revoked;
                        self.approvals.remove(&**review);
                        self.happened = true;
                        Ok(())
                    }
                    _ => Err("INVALID_REQUEST"),
                }
            }
        }
    }

    fn request(&mut self, review: &str, application: u32) -> Answer {
        let (_, offer) = self.in_force(self.now);
        let asked_for = offer.plans.iter().any(|plan| plan.requires.iter().any(|needed| **needed == *review));
        let (status, last) = match self.reviews.get(review) {
            Some((status, last)) => (Some(*status), *last),
            None => (None, 0),
        };
        let waits = matches!(status, Some(ReviewStatus::Submitted | ReviewStatus::Approved));
        if !asked_for || waits || application != last + 1 {
            return Err("INVALID_REQUEST");
        }
        self.reviews.insert(review.to_owned(), (ReviewStatus::Submitted, application));
        self.happened = true;
        Ok(())
    }

    /// Returns true if every review of the current plan is approved.
    pub fn is_reviewed(&self) -> bool {
        let editions = self.editions();
        let plans =
            || editions.iter().map(|catalog| find_plan(catalog, &self.plan).expect("the plan is in its catalog"));
        let required = plans().next().expect("there is one").requires.clone();
        let required = required.into_iter().filter(|review| plans().all(|plan| plan.requires.contains(review)));
        required.into_iter().all(|review| self.approvals.contains(&*review))
    }
}
