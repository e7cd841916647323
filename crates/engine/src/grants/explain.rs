//! Explanations of the events of grants.

use super::event::GrantEvent;
use crate::catalog::{GrantKind, Name};
use crate::explain::scene::{Scene, Sentence};
use crate::explain::words::{join, quantity};
use crate::kernel::amount::{Amount, Unit};

impl Scene<'_> {
    /// Describes an event of a grant.
    pub(crate) fn describe_grant(&self, event: &GrantEvent) -> Sentence {
        match event {
            GrantEvent::GrantIssued { grant, code, kind, unit, amount, models, source, from, reason, .. } => {
                let old = from.map(|n| self.grant_name(n, false));
                let (short, mut detail) = self.describe_issue(*kind, &quantity(*unit, *amount), code, source, old);
                detail.push_str(&format!(", as {}.", self.grant_name(*grant, true)));
                if !models.is_empty() {
                    let models: Vec<String> = models.iter().map(ToString::to_string).collect();
                    detail.push_str(&format!(" Only for {}.", join(&models)));
                }
                if let Some(reason) = reason {
                    detail.push_str(&format!(" Reason: {reason}."));
                }
                Sentence::with(short, detail)
            }
            GrantEvent::GrantExpired { grant, amount } => {
                let found = self.before.grant(*grant);
                let what = quantity(found.map_or(Unit::Credits, |grant| grant.unit), *amount);
                let early = found.and_then(|grant| grant.expires_at).is_some_and(|end| self.at < end);
                let how = if early { "ended early with the change of plan" } else { "expired" };
                Sentence::with(format!("{what} {how}"), format!("; left in {}.", self.grant_name(*grant, early)))
            }
            GrantEvent::GrantRevoked { grant, amount, reclaim, reason, .. } => {
                self.describe_revocation(*grant, *amount, *reclaim, reason)
            }
            GrantEvent::DebtRepaid { grant, owed_by, amount } => {
                let owed = match owed_by {
                    Some(n) => format!("for {}", self.grant_name(*n, false)),
                    None => "for an old grant".to_owned(),
                };
                Sentence::with(
                    format!("{} repaid a debt", quantity(Unit::Credits, *amount)),
                    format!(
                        " {owed}, which was spent before its payment was taken back; paid from {}.",
                        self.grant_name(*grant, true)
                    ),
                )
            }
        }
    }

    /// Returns the beginning of a sentence about a new grant, and the rest of the sentence.
    fn describe_issue(
        &self,
        kind: GrantKind,
        what: &str,
        code: &Name,
        source: &Name,
        old: Option<String>,
    ) -> (String, String) {
        match (kind, old) {
            (GrantKind::Returned, Some(old)) => {
                (format!("Returned {what}"), format!(" that had been held from {old}, which has expired"))
            }
            (GrantKind::Reinstated, Some(old)) => (
                format!("Gave back {what}"),
                format!(" that were taken back from {old} with its payment; the payment {source} counts again"),
            ),
            (GrantKind::Rollover, _) => (format!("Carried over {what} from the last period"), String::new()),
            (GrantKind::Pack, _) => (format!("Sold the pack {code} of {what}"), format!(", paid by {source}")),
            (GrantKind::Bonus, _) if !self.is_of_period(source) => {
                (format!("Added a bonus of {what}"), format!(" to the pack {code}, paid by {source}"))
            }
            (GrantKind::Bonus, _) => (format!("Granted a bonus of {what}"), String::new()),
            (
                GrantKind::Cycle
                | GrantKind::Lifetime
                | GrantKind::Trial
                | GrantKind::Goodwill
                | GrantKind::Returned
                | GrantKind::Reinstated,
                _,
            ) => (format!("Granted {what}"), String::new()),
        }
    }

    /// Returns `true` if a grant of this source comes with a period of a plan.
    fn is_of_period(&self, source: &str) -> bool {
        let payment = self.after.subscription.payment.as_ref();
        source.starts_with("period:") || payment.is_some_and(|payment| *payment.source == *source)
    }

    fn describe_revocation(&self, n: u32, amount: Amount, reclaim: Amount, reason: &str) -> Sentence {
        let name = self.grant_name(n, true);
        let grant = self.after.grant(n);
        let unit = grant.map_or(Unit::Credits, |grant| grant.unit);
        let earlier = self.before.grant(n).map_or(Amount::ZERO, |grant| grant.reclaim);
        if reclaim < earlier {
            return Sentence::with(
                format!(
                    "To be taken back of {}: {} instead of {earlier}",
                    self.grant_name(n, false),
                    quantity(unit, reclaim)
                ),
                format!(". Reason: {reason}."),
            );
        }
        let (held, debt) = grant.map_or((Amount::ZERO, Amount::ZERO), |grant| {
            let debt = self.after.debt_of(grant);
            let due = grant.units_owed().less(debt).min(grant.held);
            (if grant.voided { grant.held } else { due }, debt)
        });
        let mut detail = format!(" from {name}. Reason: {reason}.");
        if !held.is_zero() {
            detail.push_str(&format!(" Held now, to follow when the runs end: {}.", quantity(unit, held)));
        }
        if !debt.is_zero() {
            detail.push_str(&format!(" Spent already and owed: {}.", quantity(unit, debt)));
        }
        Sentence::with(format!("Took back {}", quantity(unit, amount)), detail)
    }
}
