//! Stages by statuses: every combination, and the claims that hold for it.

use super::*;
use crate::payments::stripe::objects::invoice::Status as Invoiced;

const SUBSCRIPTIONS: [Status; 8] = [
    Status::Active,
    Status::PastDue,
    Status::Unpaid,
    Status::Canceled,
    Status::Incomplete,
    Status::IncompleteExpired,
    Status::Trialing,
    Status::Paused,
];
const INVOICES: [Option<Invoiced>; 6] = [
    None,
    Some(Invoiced::Draft),
    Some(Invoiced::Open),
    Some(Invoiced::Paid),
    Some(Invoiced::Uncollectible),
    Some(Invoiced::Void),
];
const SESSIONS: [Option<(SessionStatus, PaymentStatus)>; 5] = [
    None,
    Some((SessionStatus::Open, PaymentStatus::Unpaid)),
    Some((SessionStatus::Complete, PaymentStatus::Unpaid)),
    Some((SessionStatus::Complete, PaymentStatus::Paid)),
    Some((SessionStatus::Expired, PaymentStatus::Unpaid)),
];
const PAYMENTS: [Option<IntentStatus>; 6] = [
    None,
    Some(IntentStatus::RequiresPaymentMethod),
    Some(IntentStatus::RequiresAction),
    Some(IntentStatus::Processing),
    Some(IntentStatus::Succeeded),
    Some(IntentStatus::Canceled),
];

fn of(
    subscription: &Status,
    invoice: Option<&Invoiced>,
    session: Option<&(SessionStatus, PaymentStatus)>,
    payment: Option<&IntentStatus>,
) -> Stage {
    let session = session.map(|(status, paid)| (status, paid));
    stage(&Statuses { subscription, invoice, session, payment })
}

#[test]
fn a_stage_follows_from_the_statuses() {
    use IntentStatus::{Processing, RequiresAction, RequiresPaymentMethod, Succeeded};
    use Stage::{Collecting, Free, OnItsWay, Open};
    let unpaid = Some((SessionStatus::Complete, PaymentStatus::Unpaid));
    let paid = Some((SessionStatus::Complete, PaymentStatus::Paid));
    let table = [
        // A first debit: Stripe begins the subscription before the money arrives, or leaves it incomplete.
        (Status::Active, Some(Invoiced::Open), &unpaid, Some(Processing), OnItsWay),
        (Status::Incomplete, Some(Invoiced::Open), &unpaid, Some(Processing), OnItsWay),
        (Status::Trialing, Some(Invoiced::Open), &unpaid, Some(Processing), OnItsWay),
        (Status::Active, None, &unpaid, None, OnItsWay),
        // The debit fails: the customer pays the invoice, Stripe tries again, or Stripe gives it up.
        (Status::Incomplete, Some(Invoiced::Open), &unpaid, Some(RequiresPaymentMethod), Open),
        (Status::Incomplete, Some(Invoiced::Open), &unpaid, Some(RequiresAction), Open),
        (Status::PastDue, Some(Invoiced::Open), &unpaid, Some(RequiresPaymentMethod), Collecting),
        (Status::IncompleteExpired, Some(Invoiced::Void), &unpaid, Some(RequiresPaymentMethod), Free),
        (Status::Canceled, Some(Invoiced::Open), &unpaid, Some(RequiresPaymentMethod), Free),
        // The debit arrives.
        (Status::Active, Some(Invoiced::Paid), &paid, Some(Succeeded), Free),
        (Status::Active, Some(Invoiced::Paid), &unpaid, Some(Succeeded), Free),
        // A renewal: made, collected, debited, refused, to be confirmed, given up.
        (Status::Active, Some(Invoiced::Draft), &paid, None, Collecting),
        (Status::Active, Some(Invoiced::Open), &paid, Some(RequiresPaymentMethod), Collecting),
        (Status::Active, Some(Invoiced::Open), &paid, Some(RequiresAction), Open),
        (Status::PastDue, Some(Invoiced::Open), &paid, Some(Processing), OnItsWay),
        (Status::PastDue, Some(Invoiced::Open), &paid, Some(RequiresAction), Collecting),
        (Status::Unpaid, Some(Invoiced::Draft), &paid, None, Collecting),
        (Status::Unpaid, Some(Invoiced::Void), &paid, None, Collecting),
        (Status::Active, Some(Invoiced::Void), &paid, None, Free),
        // A debit of a subscription that ended meanwhile still arrives.
        (Status::Canceled, Some(Invoiced::Open), &paid, Some(Processing), OnItsWay),
    ];
    for (subscription, invoice, session, payment, expected) in table {
        let got = of(&subscription, invoice.as_ref(), session.as_ref(), payment.as_ref());
        assert_eq!(got, expected, "{subscription:?} {invoice:?} {session:?} {payment:?}");
    }
}

#[test]
fn no_combination_sells_twice_what_may_be_paid() {
    for subscription in &SUBSCRIPTIONS {
        for invoice in &INVOICES {
            for (session, payment) in SESSIONS.iter().flat_map(|one| PAYMENTS.iter().map(move |other| (one, other))) {
                let got = of(subscription, invoice.as_ref(), session.as_ref(), payment.as_ref());
                let case = format!("{subscription:?} {invoice:?} {session:?} {payment:?}");
                let is_open = matches!(invoice, None | Some(Invoiced::Draft | Invoiced::Open));
                let is_over = matches!(subscription, Status::Canceled | Status::IncompleteExpired);
                if is_open && *payment == Some(IntentStatus::Processing) {
                    assert_eq!(got, Stage::OnItsWay, "{case}");
                } else if is_over {
                    assert_eq!(got, Stage::Free, "{case}: it can be bought again");
                } else if *invoice == Some(Invoiced::Open) {
                    assert_ne!(got, Stage::Free, "{case}: an open invoice may still be paid");
                } else if *invoice == Some(Invoiced::Paid) && *subscription == Status::Active {
                    assert_eq!(got, Stage::Free, "{case}: nothing is collected");
                }
            }
        }
    }
}
