//! What a workspace's people are told of without having asked: edges, each once.
//!
//! Invariant: a notice moves no amount and changes no right; leaving all of them out would change no balance.

use crate::amount::{Amount, Unit};
use crate::catalog::Name;
use crate::grant::Grant;
use crate::time::{Interval, Span, Timestamp};
use crate::workspace::Workspace;
use serde::{Deserialize, Serialize};

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
    },
}

impl Notice {
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

/// Credits that are not spent: free ones, those under holds, which may come back, and those that are frozen until a
/// renewal is paid. So neither a hold that comes and goes nor an ordinary renewal warns anybody.
pub(crate) fn credits_left(workspace: &Workspace) -> Amount {
    let credits = workspace.grants.iter().filter(|grant| grant.unit == Unit::Credits);
    let is_there = |grant: &Grant| grant.live(workspace.at) || workspace.subscription.freezes(grant);
    credits.map(|grant| if is_there(grant) { grant.available + grant.held } else { grant.held }).sum()
}
