//! What happened about money, and what people were told, in words.

use super::words::{Said, Scene, adverb, quantity};
use crate::amount::Unit;
use crate::billing::event::BillingEvent;
use crate::money::money;
use crate::notice::Notice;

/// What happened about money.
pub(super) fn say(event: &BillingEvent) -> Said {
    match event {
        BillingEvent::PeriodPaid { source, plan, interval, start, end, amount, currency, .. } => Said::with(
            format!("{} was paid for the {plan} plan, {}", money(*amount, currency), adverb(*interval)),
            format!(", from {start} to {end}; the payment is {source}."),
        ),
        BillingEvent::PaymentAwaited { until, bridge: None } => Said::with(
            "The period is over and its renewal is not paid yet",
            format!(": what is left of it is frozen. Without a payment by {until} the plan ends."),
        ),
        BillingEvent::PaymentAwaited { until, bridge: Some(bridge) } => Said::with(
            "The period is over and its renewal is not paid yet",
            format!(
                ": what is left of it can be spent until {bridge} and is frozen then. Without a payment by {until} the \
                 plan ends."
            ),
        ),
        BillingEvent::RemainderFrozen => {
            Said::plain("The renewal is still not paid: what is left of the last period is frozen")
        }
        BillingEvent::PaymentProcessing { until } => Said::with(
            "The payment of the renewal is on its way",
            format!(": the plan stays, without new credits, until it arrives, at most until {until}."),
        ),
        BillingEvent::PaymentFailed { invoice, attempt } => {
            Said::plain(format!("The payment of {invoice} was declined, attempt {attempt}"))
        }
        BillingEvent::PaymentReversed { source, paid, reversed } => {
            Said::plain(format!("Of the payment {source}, {reversed} of {paid} have gone back"))
        }
        BillingEvent::TopUpSet { .. }
        | BillingEvent::TopUpUnset
        | BillingEvent::TopUpRequested { .. }
        | BillingEvent::TopUpEnded { .. } => top_up(event),
        BillingEvent::ReviewRequested { review, application } => {
            Said::plain(format!("Applied for the review {review}, application {application}"))
        }
        BillingEvent::ReviewRejected { review, reason } => {
            Said::with(format!("Rejected the review {review}"), format!(". Reason: {reason}."))
        }
        BillingEvent::ReviewRevoked { review, reason } => Said::with(
            format!("Took back the approval of the review {review}"),
            format!(": what requires it does not renew and starts no new runs. Reason: {reason}."),
        ),
    }
}

fn top_up(event: &BillingEvent) -> Said {
    match event {
        BillingEvent::TopUpSet { terms } => Said::with(
            format!("The pack {} is to be bought when fewer than {} credits are left", terms.pack, terms.below),
            format!(", for at most {} of the currency's smallest unit a calendar month.", terms.monthly_max),
        ),
        BillingEvent::TopUpUnset => Said::plain("No pack is bought by itself any more"),
        BillingEvent::TopUpRequested { n, pack, amount, currency } => Said::plain(format!(
            "The balance got low: the pack {pack} is to be bought for {}, automatic purchase {n}",
            money(*amount, currency)
        )),
        BillingEvent::TopUpEnded { n, declined: true } => Said::with(
            format!("The payment of automatic purchase {n} was declined"),
            ": nothing more is bought by itself until it is asked for again.",
        ),
        BillingEvent::TopUpEnded { n, .. } => Said::plain(format!("Automatic purchase {n} was paid")),
        _ => unreachable!("say sends the other events elsewhere"),
    }
}

/// What people were told.
pub(super) fn tell(scene: &Scene<'_>, notice: &Notice) -> Said {
    match notice {
        Notice::CreditsLow { left, line, .. } => {
            Said::plain(format!("The balance is low: {} left, below {line}", quantity(Unit::Credits, *left)))
        }
        Notice::CreditsRecovered { left } => {
            Said::plain(format!("The balance is no longer low: {}", quantity(Unit::Credits, *left)))
        }
        Notice::GrantExpiring { grant, amount } => {
            let unit = scene.before.grant(*grant).map_or(Unit::Credits, |grant| grant.unit);
            Said::plain(format!("{} will expire, left in {}", quantity(unit, *amount), scene.grant_name(*grant, true)))
        }
        Notice::PriceRaised { plan, interval, amount, currency, from, .. } => Said::with(
            format!("The {plan} plan will cost {} a {}", money(*amount, currency), interval.name()),
            format!(" with the first renewal after {from}."),
        ),
        Notice::RetentionShortened { plan, keeps, old_until, .. } => Said::with(
            format!("The {plan} plan keeps outputs for {keeps}"),
            format!(", which is shorter than before; those there are now are kept until {old_until} at least."),
        ),
    }
}
