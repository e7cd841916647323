//! What happened about money, and what people were told, in words.

use crate::explain::words::{Said, Scene, adverb, quantity};
use crate::kernel::amount::Unit;
use crate::kernel::money::money;
use crate::notices::Notice;
use crate::payments::event::BillingEvent;
use crate::payments::{AgreedPack, TopUpDrop, TopUpStop};

/// What happened about money.
pub(crate) fn say(event: &BillingEvent) -> Said {
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
        | BillingEvent::TopUpProcessing { .. }
        | BillingEvent::TopUpDropped { .. }
        | BillingEvent::TopUpEnded { .. }
        | BillingEvent::TopUpPaid { .. }
        | BillingEvent::TopUpStopped { .. }
        | BillingEvent::TopUpPutOff { .. } => top_up(event),
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
        BillingEvent::TopUpSet { terms, agreed } => Said::with(
            format!("The pack {} is to be bought when fewer than {} credits are left", terms.pack, terms.below),
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
        BillingEvent::TopUpUnset => Said::plain("No pack is bought by itself any more"),
        BillingEvent::TopUpRequested { n, pack, amount, currency, .. } => Said::plain(format!(
            "The balance got low: the pack {pack} is to be bought for {}, automatic purchase {n}",
            money(*amount, currency)
        )),
        BillingEvent::TopUpProcessing { n } => {
            Said::plain(format!("The payment of automatic purchase {n} is on its way"))
        }
        BillingEvent::TopUpDropped { n, why } => Said::with(
            format!("Automatic purchase {n} was dropped"),
            format!(", and nothing is charged for it: {}.", dropped(*why)),
        ),
        BillingEvent::TopUpEnded { n, why: Some(TopUpStop::NotGiven), .. } => Said::with(
            format!("Automatic purchase {n} was paid and could not be given"),
            ": nothing more is bought by itself until it is asked for again.",
        ),
        BillingEvent::TopUpEnded { n, declined: true, why, .. } => Said::with(
            match why.unwrap_or(TopUpStop::Declined) {
                TopUpStop::Declined => format!("The payment of automatic purchase {n} was declined"),
                other => format!("Automatic purchase {n} was not paid, because {}", stopped(other)),
            },
            ": nothing more is bought by itself until it is asked for again.",
        ),
        BillingEvent::TopUpEnded { n, .. } => Said::plain(format!("Automatic purchase {n} was paid")),
        BillingEvent::TopUpPaid { n, .. } => {
            Said::plain(format!("Automatic purchase {n} was paid after it had been dropped, and counts as spent"))
        }
        BillingEvent::TopUpStopped { why } => Said::with(
            format!("Automatic top-ups stopped, because {}", stopped(*why)),
            ": nothing more is bought by itself until it is asked for again.",
        ),
        BillingEvent::TopUpPutOff { until } => Said::with(
            "The balance is low, and automatic top-ups have cost as much as they may this month",
            format!(": the next pack is bought on {until} at the earliest."),
        ),
        _ => unreachable!("say sends the other events elsewhere"),
    }
}

/// Returns the reason for which top-ups stopped, as a clause.
fn stopped(why: TopUpStop) -> &'static str {
    match why {
        TopUpStop::Declined => "the payment was declined",
        TopUpStop::AuthenticationRequired => "the bank wants the customer to confirm the payment",
        TopUpStop::NoPaymentMethod => "there is nothing to pay with",
        TopUpStop::PackChanged => "the pack costs more than was agreed or brings less",
        TopUpStop::PackGone => "the pack is not sold to the workspace any more",
        TopUpStop::Refused => "Stripe does not take the payment",
        TopUpStop::NotGiven => "the pack was paid and could not be given",
    }
}

/// Returns the reason for which a wish was dropped, as a clause.
fn dropped(why: TopUpDrop) -> &'static str {
    match why {
        TopUpDrop::Recovered => "the balance is not low any more",
        TopUpDrop::PackBought => "a pack was bought meanwhile",
        TopUpDrop::Off => "automatic top-ups were switched off",
        TopUpDrop::Frozen => "the workspace is frozen",
        TopUpDrop::Disputed => "a payment is in dispute",
        TopUpDrop::Changed => "the pack is sold otherwise by now",
        TopUpDrop::MonthOver => "the month it counted in is over",
    }
}

/// What people were told.
pub(crate) fn tell(scene: &Scene<'_>, notice: &Notice) -> Said {
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
