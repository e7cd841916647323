//! Events of automatic top-ups, in words.

use super::event::TopUpEvent;
use super::state::{AgreedPack, TopUpDrop, TopUpStop};
use crate::explain::scene::{Scene, Sentence};
use crate::explain::words::quantity;
use crate::kernel::amount::Unit;
use crate::kernel::money::money;

impl Scene<'_> {
    /// Describes an event of automatic top-ups.
    pub(crate) fn describe_top_up(&self, event: &TopUpEvent) -> Sentence {
        match event {
            TopUpEvent::TopUpSet { terms, agreed } => Sentence::with(
                format!(
                    "The pack {} will be bought automatically when fewer than {} credits are left",
                    terms.pack, terms.below
                ),
                match agreed {
                    None => {
                        format!(", for at most {} of the currency's smallest unit a calendar month.", terms.monthly_max)
                    }
                    Some(AgreedPack { credits, amount, currency, .. }) => format!(
                        ", for at most {} a calendar month, as long as it brings {} for {}.",
                        money(terms.monthly_max, currency),
                        quantity(Unit::Credits, *credits),
                        money(*amount, currency)
                    ),
                },
            ),
            TopUpEvent::TopUpUnset => Sentence::plain("Automatic top-ups ended"),
            TopUpEvent::TopUpRequested { n, pack, amount, currency, .. } => Sentence::plain(format!(
                "The balance is low: the pack {pack} will be bought for {}, as top-up {n}",
                money(*amount, currency)
            )),
            TopUpEvent::TopUpProcessing { n } => Sentence::plain(format!("The payment of top-up {n} is on its way")),
            TopUpEvent::TopUpDropped { n, why } => Sentence::with(
                format!("Top-up {n} was dropped"),
                format!(", and nothing is charged for it: {}.", drop_reason(*why)),
            ),
            TopUpEvent::TopUpEnded { n, why: Some(TopUpStop::NotGiven), .. } => Sentence::with(
                format!("Top-up {n} was paid, and its credits could not be given"),
                ": no pack is bought automatically until top-ups are set again.",
            ),
            TopUpEvent::TopUpEnded { n, declined: true, why, .. } => Sentence::with(
                match why.unwrap_or(TopUpStop::Declined) {
                    TopUpStop::Declined => format!("The payment of top-up {n} was declined"),
                    other => format!("Top-up {n} was not paid, because {}", stop_reason(other)),
                },
                ": no pack is bought automatically until top-ups are set again.",
            ),
            TopUpEvent::TopUpEnded { n, .. } => Sentence::plain(format!("Top-up {n} was paid")),
            TopUpEvent::TopUpPaid { n, .. } => {
                Sentence::plain(format!("Top-up {n} was paid after it had been dropped, and counts as spent"))
            }
            TopUpEvent::TopUpStopped { why } => Sentence::with(
                format!("Automatic top-ups stopped, because {}", stop_reason(*why)),
                ": no pack is bought automatically until top-ups are set again.",
            ),
            TopUpEvent::TopUpPutOff { until } => Sentence::with(
                "The balance is low, and automatic top-ups have cost as much as they may this month",
                format!(": the next pack is bought on {until} at the earliest."),
            ),
        }
    }
}

/// Returns the reason for which top-ups stopped, as a clause.
fn stop_reason(why: TopUpStop) -> &'static str {
    match why {
        TopUpStop::Declined => "the payment was declined",
        TopUpStop::AuthenticationRequired => "the bank wants the customer to confirm the payment",
        TopUpStop::NoPaymentMethod => "no payment method is saved",
        TopUpStop::PackChanged => "the pack costs more than was agreed or brings less",
        TopUpStop::PackGone => "the pack is no longer sold to the workspace",
        TopUpStop::Refused => "Stripe refused the payment",
        TopUpStop::NotGiven => "a pack was paid, and its credits could not be given",
    }
}

/// Returns the reason for which a wish was dropped, as a clause.
fn drop_reason(why: TopUpDrop) -> &'static str {
    match why {
        TopUpDrop::Recovered => "the balance is no longer low",
        TopUpDrop::PackBought => "a pack was bought meanwhile",
        TopUpDrop::Off => "automatic top-ups were switched off",
        TopUpDrop::Frozen => "the workspace is frozen",
        TopUpDrop::Disputed => "a payment is in dispute",
        TopUpDrop::Changed => "the pack has other terms by now",
        TopUpDrop::MonthOver => "the month that it counted in is over",
    }
}
