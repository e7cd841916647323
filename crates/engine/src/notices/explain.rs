//! Explanations of notices, in words.

use super::event::Notice;
use crate::explain::scene::{Scene, Sentence};
use crate::explain::words::quantity;
use crate::kernel::amount::Unit;
use crate::kernel::money::money;

impl Scene<'_> {
    /// Describes a notice in one sentence.
    pub(crate) fn describe_notice(&self, notice: &Notice) -> Sentence {
        match notice {
            Notice::CreditsLow { left, line, .. } => {
                Sentence::plain(format!("The balance is low: {} left, below {line}", quantity(Unit::Credits, *left)))
            }
            Notice::CreditsRecovered { left } => {
                Sentence::plain(format!("The balance is no longer low: {}", quantity(Unit::Credits, *left)))
            }
            Notice::GrantExpiring { grant, amount } => {
                let unit = self.before.grant(*grant).map_or(Unit::Credits, |grant| grant.unit);
                Sentence::plain(format!(
                    "{} will expire, left in {}",
                    quantity(unit, *amount),
                    self.grant_name(*grant, true)
                ))
            }
            Notice::PriceRaised { plan, interval, amount, currency, from, .. } => Sentence::with(
                format!("The {plan} plan will cost {} a {}", money(*amount, currency), interval.name()),
                format!(" with the first renewal after {from}."),
            ),
            Notice::RetentionShortened { plan, keeps, old_until, .. } => Sentence::with(
                format!("The {plan} plan keeps outputs for {keeps}"),
                format!(", which is shorter than before; existing outputs are kept until {old_until} at least."),
            ),
        }
    }
}
