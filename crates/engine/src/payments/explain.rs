//! Events of payments, in words.

use super::event::PaymentEvent;
use crate::explain::scene::{Scene, Sentence};
use crate::explain::words::adverb;
use crate::kernel::money::money;

impl Scene<'_> {
    /// Describes an event of a payment.
    pub(crate) fn describe_payment(&self, event: &PaymentEvent) -> Sentence {
        match event {
            PaymentEvent::PeriodPaid { source, plan, interval, start, end, amount, currency, .. } => Sentence::with(
                format!("{} was paid for the {plan} plan, {}", money(*amount, currency), adverb(*interval)),
                format!(", from {start} to {end}; the payment is {source}."),
            ),
            PaymentEvent::PaymentAwaited { until, bridge: None } => Sentence::with(
                "The period is over and its renewal is not paid yet",
                format!(": its remaining credits are frozen. Without a payment by {until} the plan ends."),
            ),
            PaymentEvent::PaymentAwaited { until, bridge: Some(bridge) } => Sentence::with(
                "The period is over and its renewal is not paid yet",
                format!(
                    ": its remaining credits can be spent until {bridge} and are frozen then. Without a payment by \
                     {until} the plan ends."
                ),
            ),
            PaymentEvent::RemainderFrozen => {
                Sentence::plain("The renewal is still not paid: the remaining credits of the last period are frozen")
            }
            PaymentEvent::PaymentProcessing { until } => Sentence::with(
                "The payment of the renewal is on its way",
                format!(": the plan stays, without new credits, until it arrives, at most until {until}."),
            ),
            PaymentEvent::PaymentFailed { invoice, attempt } => {
                Sentence::plain(format!("The payment of {invoice} was declined, attempt {attempt}"))
            }
            PaymentEvent::PaymentReversed { source, paid, reversed } => {
                Sentence::plain(format!("Of the payment {source}, {reversed} of {paid} went back to the customer"))
            }
            PaymentEvent::DisputeOpened { source } => Sentence::with(
                format!("The payment {source} was disputed"),
                ": new runs are refused until the dispute is closed.",
            ),
            PaymentEvent::DisputeClosed { source } => {
                Sentence::plain(format!("The dispute over the payment {source} was closed"))
            }
        }
    }
}
