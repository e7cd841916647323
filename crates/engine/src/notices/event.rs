//! Notices: what the members of a workspace are to learn. A notice marks a change, and each change has one.
//!
//! Invariant: a notice moves no amount and changes no right; leaving all of them out would change no balance.

use crate::catalog::Name;
use crate::grants::Grant;
use crate::kernel::amount::{Amount, Unit};
use crate::kernel::time::{DAY, Interval, Span, Timestamp};
use crate::workspace::Workspace;
use serde::{Deserialize, Serialize};

/// Minimum time between two mails about the same subject, in microseconds: one day.
const MAIL_PAUSE: i64 = DAY;

/// A fact that the members of a workspace are to learn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// Fewer credits are left than the catalog's line; before the command there were not.
    CreditsLow {
        /// Number of credits left, open holds included.
        left: Amount,
        /// The catalog's line, in credits.
        line: Amount,
        /// `true` if the last mail about it is too recent: the crossing is recorded, and no mail is sent.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        too_soon: bool,
    },
    /// Credits are no longer low: as many as the catalog's line are left again.
    CreditsRecovered {
        /// Number of credits left, open holds included.
        left: Amount,
    },
    /// A grant that was bought or given will expire with units left.
    GrantExpiring {
        /// Number of the grant.
        grant: u32,
        /// Number of units left in the grant.
        amount: Amount,
    },
    /// Renewals from an instant on cost more (R33).
    PriceRaised {
        /// Id of the plan.
        plan: Name,
        /// Interval at which it is paid.
        interval: Interval,
        /// The price until then, in the currency's smallest unit; `None` where it was agreed by contract.
        before: Option<Amount>,
        /// The price from then on, in the currency's smallest unit.
        amount: Amount,
        /// Currency of the prices, ISO 4217 in lower case.
        currency: Name,
        /// First instant at which a renewal may cost the new price.
        from: Timestamp,
    },
    /// Outputs are kept for a shorter time than before, from now on (R29).
    RetentionShortened {
        /// Id of the plan that has the shorter time.
        plan: Name,
        /// Time for which outputs are kept from now on.
        keeps: Span,
        /// Instant until which the outputs that exist now are kept at least.
        old_until: Timestamp,
        /// `true` if the last mail about this plan is too recent: no mail is sent.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        too_soon: bool,
    },
}

impl Notice {
    /// Returns the subject of the mail, for notices that may not be mailed again at once.
    pub(crate) fn damping_key(&self) -> Option<Name> {
        match self {
            Notice::CreditsLow { .. } => Some(Name::from(self.name())),
            Notice::RetentionShortened { plan, .. } => Some(Name::from(format!("{}:{plan}", self.name()))),
            Notice::CreditsRecovered { .. } | Notice::GrantExpiring { .. } | Notice::PriceRaised { .. } => None,
        }
    }

    /// Returns true if members get a mail about the notice.
    pub fn is_mailed(&self) -> bool {
        match self {
            Notice::CreditsLow { too_soon, .. } | Notice::RetentionShortened { too_soon, .. } => !too_soon,
            Notice::CreditsRecovered { .. } => false,
            Notice::GrantExpiring { .. } | Notice::PriceRaised { .. } => true,
        }
    }

    /// Returns the notice's name in exports.
    pub const fn name(&self) -> &'static str {
        match self {
            Notice::CreditsLow { .. } => "credits_low",
            Notice::CreditsRecovered { .. } => "credits_recovered",
            Notice::GrantExpiring { .. } => "grant_expiring",
            Notice::PriceRaised { .. } => "price_raised",
            Notice::RetentionShortened { .. } => "retention_shortened",
        }
    }
}

/// Returns true if the last mail about a subject is too recent for another one at an instant.
pub(crate) fn is_too_soon(workspace: &Workspace, subject: &str, at: Timestamp) -> bool {
    workspace.mailed.get(subject).is_some_and(|last| at < last.after_micros(MAIL_PAUSE))
}

/// Returns the credits that are not spent: available ones, held ones, which may come back, and those that are frozen
/// until a renewal is paid. So neither a hold that comes and goes nor an ordinary renewal makes a notice.
pub(crate) fn credits_left(workspace: &Workspace) -> Amount {
    let credits = workspace.grants.iter().filter(|grant| grant.unit == Unit::Credits);
    let is_there = |grant: &Grant| grant.live(workspace.at) || workspace.subscription.freezes(grant);
    credits.map(|grant| if is_there(grant) { grant.available + grant.held } else { grant.held }).sum()
}
