//! Explanations of the events of holds, and of the hold of a run.

use super::event::{End, HoldEvent};
use super::state::{Part, TrialUse};
use crate::explain::scene::{Scene, Sentence};
use crate::explain::words::{join, quantity};
use crate::kernel::amount::{Amount, Unit};
use crate::kernel::id::Kind;
use crate::kernel::time::Timestamp;
use crate::runs::Failure;

impl Scene<'_> {
    /// Describes an event of a hold that a product opened.
    pub(crate) fn describe_hold(&self, event: &HoldEvent) -> Sentence {
        let id = |n: u32| self.after.id.id_of(Kind::Hold, n);
        match event {
            HoldEvent::HoldOpened {
                hold,
                reference,
                model,
                unit,
                amount,
                parts,
                expires_at,
                trial,
                opens_until,
                ..
            } => {
                let model = model.as_ref().map(|model| format!(" of {model}")).unwrap_or_default();
                let name = format!("hold {}{model}, reference \"{reference}\"", id(*hold));
                let price = format!("until {expires_at}");
                self.describe_opening(&name, *unit, *amount, &price, parts, *trial, *opens_until)
            }
            HoldEvent::HoldExtended { hold, expires_at } => {
                Sentence::plain(format!("Hold {} now lasts until {expires_at}", id(*hold)))
            }
            HoldEvent::HoldEnded { hold, captured, ends, expired, .. } => {
                let how = match (expired, captured.is_zero()) {
                    (true, _) => "reached its end unused",
                    (false, true) => "was returned",
                    (false, false) => "was spent",
                };
                self.describe_end(*hold, format!("Hold {} {how}", id(*hold)), ends, None)
            }
        }
    }

    /// Describes the start of a hold: its amount, purpose, price and grants.
    #[allow(clippy::too_many_arguments, reason = "the start of a hold is what these seven say")]
    pub(crate) fn describe_opening(
        &self,
        name: &str,
        unit: Unit,
        amount: Amount,
        price: &str,
        parts: &[Part],
        trial: Option<TrialUse>,
        opens_until: Option<Timestamp>,
    ) -> Sentence {
        if trial == Some(TrialUse::Window) {
            let mut detail = ", free inside the model's trial period.".to_owned();
            if let Some(end) = opens_until {
                detail.push_str(&format!(" The trial period starts with it and ends {end}."));
            }
            return Sentence::with(format!("Accepted {name}"), detail);
        }
        let price = if price.is_empty() { String::new() } else { format!(": {price}") };
        let from = match parts {
            [] => String::new(),
            [part] => format!("; taken from {}", self.grant_name(part.grant, true)),
            parts => {
                let each =
                    parts.iter().map(|part| format!("{} from {}", part.amount, self.grant_name(part.grant, true)));
                format!("; taken as {}", join(&each.collect::<Vec<_>>()))
            }
        };
        Sentence::with(format!("Held {} for {name}", quantity(unit, amount)), format!("{price}{from}."))
    }

    /// Describes the end of a hold: its amounts in all, and those of each grant's part.
    pub(crate) fn describe_end(&self, n: u32, how: String, ends: &[End], error: Option<&Failure>) -> Sentence {
        let mut short = how;
        if let Some(error) = error {
            short.push_str(&format!(" ({}: {})", error.code.name(), error.detail));
        }
        let Some(hold) = self.before.hold(n).filter(|hold| !hold.amount.is_zero()) else {
            short.push_str(": it was free");
            return Sentence::plain(short);
        };
        let sum = |of: fn(&End) -> Amount| ends.iter().map(of).sum::<Amount>();
        let whole = End {
            grant: 0,
            captured: sum(|end| end.captured),
            released: sum(|end| end.released),
            expired: sum(|end| end.expired),
            revoked: sum(|end| end.revoked),
        };
        short.push_str(&format!(": of {} held, {}", quantity(hold.unit, hold.amount), outcome(&whole)));
        let parts = ends.iter().map(|end| format!("{} {}", self.grant_name(end.grant, true), outcome(end)));
        let parts: Vec<String> = parts.collect();
        Sentence::with(short, format!(". By grant: {}.", parts.join("; ")))
    }
}

/// Describes the four amounts of an end in words, without those that are zero.
fn outcome(end: &End) -> String {
    let pieces = [
        (end.captured, "spent"),
        (end.released, "returned"),
        (end.expired, "past the grant's expiry"),
        (end.revoked, "taken back for a payment or correction"),
    ];
    let said = pieces.iter().filter(|(amount, _)| !amount.is_zero());
    let said: Vec<String> = said.map(|(amount, what)| format!("{amount} {what}")).collect();
    if said.is_empty() { "nothing moved".to_owned() } else { join(&said) }
}
