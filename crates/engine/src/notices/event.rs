//! What a workspace's people are told of without having asked: edges, each once.
//!
//! Invariant: a notice moves no amount and changes no right; leaving all of them out would change no balance.

use crate::catalog::Name;
use crate::grants::Grant;
use crate::kernel::amount::{Amount, Unit};
use crate::kernel::time::{DAY, Interval, Span, Timestamp};
use crate::workspace::Workspace;
use serde::{Deserialize, Serialize};

/// Shortest time between two mails about the same.
const MAIL_PAUSE: i64 = DAY;

/// Something to be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// Fewer credits are left than the catalog's line, and before there were not.
    CreditsLow {
        /// How many, open holds included.
        left: Amount,
        /// The line.
        line: Amount,
        /// Too soon after the last mail about it: the crossing is noted, and nobody is mailed.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        too_soon: bool,
    },
    /// There are as many again.
    CreditsRecovered {
        /// How many, open holds included.
        left: Amount,
    },
    /// A grant that was bought or given will expire with something left.
    GrantExpiring {
        /// The grant.
        grant: u32,
        /// What is left of it.
        amount: Amount,
    },
    /// Renewals from an instant on cost more (R33).
    PriceRaised {
        /// The plan.
        plan: Name,
        /// Interval at which it is paid.
        interval: Interval,
        /// The price until then, in the currency's smallest unit; `None` where it was agreed by contract.
        before: Option<Amount>,
        /// The price from then on, in the currency's smallest unit.
        amount: Amount,
        /// ISO 4217, lower case.
        currency: Name,
        /// The first instant at which a renewal may cost it.
        from: Timestamp,
    },
    /// From now on outputs are kept for a shorter time than before (R29).
    RetentionShortened {
        /// The plan that keeps them so.
        plan: Name,
        /// How long.
        keeps: Span,
        /// Until when what is there now is kept at least.
        old_until: Timestamp,
        /// Too soon after the last mail about this plan: nobody is mailed.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        too_soon: bool,
    },
}

impl Notice {
    /// The subject of the mail, where it may not be mailed again at once.
    pub(crate) fn damped_as(&self) -> Option<Name> {
        match self {
            Notice::CreditsLow { .. } => Some(Name::from(self.name())),
            Notice::RetentionShortened { plan, .. } => Some(Name::from(format!("{}:{plan}", self.name()))),
            Notice::CreditsRecovered { .. } | Notice::GrantExpiring { .. } | Notice::PriceRaised { .. } => None,
        }
    }

    /// Returns true if people are mailed of it.
    pub fn is_mailed(&self) -> bool {
        match self {
            Notice::CreditsLow { too_soon, .. } | Notice::RetentionShortened { too_soon, .. } => !too_soon,
            Notice::CreditsRecovered { .. } => false,
            Notice::GrantExpiring { .. } | Notice::PriceRaised { .. } => true,
        }
    }

    /// The notice's name in exports.
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

/// Credits that are not spent: free ones, those under holds, which may come back, and those that are frozen until a
/// renewal is paid. So neither a hold that comes and goes nor an ordinary renewal warns anybody.
pub(crate) fn credits_left(workspace: &Workspace) -> Amount {
    let credits = workspace.grants.iter().filter(|grant| grant.unit == Unit::Credits);
    let is_there = |grant: &Grant| grant.live(workspace.at) || workspace.subscription.freezes(grant);
    credits.map(|grant| if is_there(grant) { grant.available + grant.held } else { grant.held }).sum()
}
