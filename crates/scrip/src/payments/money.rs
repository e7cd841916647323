//! Money of each invoice: what paid it, and what of that went back, by card and through the customer's balance.
//!
//! Stripe keeps a balance for a customer: credit notes, prorations and the operator put money in, invoices take it out.
//! So money of one invoice can pay another. It is a refund of the first before it pays the second.
//!
//! **Invariant:** pure; no more goes back of an invoice than was paid, and no money pays two invoices at once.

use super::customer_state::CustomerState;
use crate::payments::stripe::objects::balance::{BalanceTransaction, Kind};
use crate::payments::stripe::objects::charge::{Charge, DisputeStatus};
use crate::payments::stripe::objects::credit_note::Status as NoteStatus;
use crate::payments::stripe::objects::invoice::{Invoice, Line, Status};
use std::collections::{BTreeMap, VecDeque};

/// Money of one invoice, in its currency's smallest unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Money {
    /// Amount paid by card, debit or transfer, or moved here from an earlier invoice by a proration.
    pub card: u64,
    /// Amount taken from the customer's balance that the customer once paid in.
    pub funded: u64,
    /// Amount taken from the customer's balance that the operator gave: it costs the customer nothing.
    pub given: u64,
    /// Amount that went back or is claimed back; at most what settled the invoice.
    pub gone: u64,
    /// `true` while a dispute of the invoice's charges is open.
    pub disputed: bool,
}

impl Money {
    /// Returns everything that settled the invoice.
    pub fn whole(&self) -> u64 {
        self.card + self.funded + self.given
    }

    /// Returns the part that is the customer's own money.
    pub fn own_money(&self) -> u64 {
        self.card + self.funded
    }
}

/// Returns the money of every paid invoice of a customer, by the invoice's id.
pub fn by_invoice(state: &CustomerState) -> BTreeMap<&str, Money> {
    let balance = from_balance(state);
    let prorated = proration_amounts(state);
    let paid = state.invoices.iter().filter(|invoice| invoice.status == Some(Status::Paid));
    let money = paid.map(|invoice| {
        let id = invoice.id.as_str();
        let used = balance_share(invoice);
        let funded = balance.get(id).copied().unwrap_or_default().min(used);
        // A proration moves money of an earlier invoice here without passing through the balance.
        let moved = credited_lines(invoice).map(|line| line.amount.unsigned_abs()).sum::<u64>();
        let moved = moved.min(positive(invoice.total + to_i64(moved)));
        let card = positive(invoice.amount_paid);
        let (refunded, disputed) = by_card(state, invoice);
        let whole = card + used + moved;
        let gone = refunded + credit_note_amount(state, id) + prorated.get(id).copied().unwrap_or_default();
        (id, Money { card: card + moved, funded, given: used - funded, gone: gone.min(whole), disputed })
    });
    money.collect()
}

/// Returns the amount that an invoice took from the balance when it was finalized.
fn balance_share(invoice: &Invoice) -> u64 {
    let ending = invoice.ending_balance.unwrap_or(invoice.starting_balance);
    positive(ending.min(0) - invoice.starting_balance)
}

/// Returns the part of each invoice's balance that the customer had paid in, oldest money first. A voided invoice gives
/// back the same money that it had taken.
fn from_balance(state: &CustomerState) -> BTreeMap<&str, u64> {
    let mut pool: VecDeque<(u64, bool)> = VecDeque::new();
    let (mut owed, mut funded) = (0, BTreeMap::<&str, u64>::new());
    let mut back = BTreeMap::<&str, u64>::new();
    for change in state.balance.iter().rev() {
        let invoice = change.invoice.as_ref().map(|invoice| invoice.id.as_str());
        let mut left = change.amount.unsigned_abs();
        if change.amount < 0 {
            let paid_in = match (&change.kind, invoice) {
                (Kind::UnappliedFromInvoice, Some(id)) => take_again(&mut funded, id, left),
                (Kind::CreditNote, Some(id)) => {
                    let own = funded.get(id).copied().unwrap_or_default();
                    let known = back.entry(id).or_default();
                    let part = share_of_customer(state, id, own, left)
                        .map_or(left, |(part, most)| part.min(most - most.min(*known)));
                    *known += part;
                    part
                }
                _ if is_paid_in(change) => left,
                _ => 0,
            };
            // A credit first pays what the customer owed.
            let free = left - left.min(owed);
            owed -= left - free;
            let paid_in = paid_in.min(free);
            pool.extend([(paid_in, true), (free - paid_in, false)].into_iter().filter(|(amount, _)| *amount > 0));
            continue;
        }
        while left > 0 {
            let Some((amount, is_money)) = pool.front_mut() else { break };
            let part = left.min(*amount);
            *amount -= part;
            left -= part;
            if let (Some(id), true) = (invoice, *is_money) {
                *funded.entry(id).or_default() += part;
            }
            if *amount == 0 {
                pool.pop_front();
            }
        }
        owed += left;
    }
    funded
}

/// Returns the part of a credit note that is the customer's own money, in proportion to the whole that settled the
/// invoice; and the most that all its credit notes can be: what the customer paid, less what went back by card. `None`
/// where the invoice is not known.
fn share_of_customer(state: &CustomerState, invoice: &str, funded: u64, credited: u64) -> Option<(u64, u64)> {
    let invoice = state.invoices.iter().find(|known| known.id == invoice)?;
    let card = positive(invoice.amount_paid);
    let (own, whole) = (card + funded, card + balance_share(invoice));
    let part = u128::from(credited) * u128::from(own) / u128::from(whole.max(1));
    let (gone, _) = by_card(state, invoice);
    Some((u64::try_from(part).unwrap_or(credited), own - own.min(gone)))
}

/// Takes back from an invoice what its voiding returned to the balance; returns the part that the customer had paid in.
fn take_again<'s>(funded: &mut BTreeMap<&'s str, u64>, invoice: &'s str, amount: u64) -> u64 {
    let known = funded.entry(invoice).or_default();
    let part = amount.min(*known);
    *known -= part;
    part
}

/// Returns `true` if a credit of the balance is money that the customer had paid: from an invoice, and not by hand.
fn is_paid_in(change: &BalanceTransaction) -> bool {
    match change.kind {
        Kind::CreditNote | Kind::InvoiceOverpaid | Kind::AppliedToInvoice => true,
        Kind::Adjustment
        | Kind::Initial
        | Kind::InvoiceTooLarge
        | Kind::InvoiceTooSmall
        | Kind::UnappliedFromInvoice
        | Kind::Other(_) => false,
    }
}

/// Returns the amount of an invoice that credit notes gave back other than to the card: into the balance, or outside
/// Stripe.
fn credit_note_amount(state: &CustomerState, invoice: &str) -> u64 {
    let notes = state.credit_notes.iter().filter(|note| note.invoice.id == invoice && note.status != NoteStatus::Void);
    notes
        .map(|note| {
            let refunded: i64 = note.refunds.iter().map(|refund| refund.amount_refunded).sum();
            positive(note.post_payment_amount - refunded)
        })
        .sum()
}

/// Returns the amounts that prorations took out of earlier invoices, by the id of the invoice that had paid for the
/// time.
fn proration_amounts(state: &CustomerState) -> BTreeMap<&str, u64> {
    let mut taken = BTreeMap::new();
    let counts = |invoice: &&Invoice| matches!(invoice.status, Some(Status::Paid));
    for invoice in state.invoices.iter().filter(counts) {
        for line in credited_lines(invoice) {
            if let Some(before) = find_payer(state, invoice, line) {
                *taken.entry(before.id.as_str()).or_default() += line.amount.unsigned_abs();
            }
        }
    }
    taken
}

/// Returns the lines of an invoice that give back the rest of a time that was paid before.
fn credited_lines(invoice: &Invoice) -> impl Iterator<Item = &Line> {
    invoice.lines.data.iter().filter(|line| line.is_proration() && line.amount < 0)
}

/// Returns the newest paid invoice of the same subscription, made before `invoice`, that paid for a line's time.
fn find_payer<'s>(state: &'s CustomerState, invoice: &Invoice, line: &Line) -> Option<&'s Invoice> {
    let covers =
        |paid: &Line| paid.amount > 0 && paid.period.start <= line.period.start && line.period.end <= paid.period.end;
    let before = state.invoices.iter().filter(|other| {
        other.id != invoice.id
            && other.created <= invoice.created
            && other.status == Some(Status::Paid)
            && other.subscription() == invoice.subscription()
            && other.lines.data.iter().any(covers)
    });
    before.max_by_key(|other| other.created)
}

/// Returns the money of an invoice's charges that went back or is claimed back, and whether a dispute of them is open.
fn by_card(state: &CustomerState, invoice: &Invoice) -> (u64, bool) {
    let intents: Vec<&str> = invoice
        .payments
        .data
        .iter()
        .filter_map(|payment| payment.payment.payment_intent.as_ref())
        .map(|intent| intent.id.as_str())
        .collect();
    let of_it = |charge: &&Charge| {
        charge.paid && charge.payment_intent.as_ref().is_some_and(|intent| intents.contains(&intent.id.as_str()))
    };
    let charges = state.charges.iter().filter(of_it).map(|charge| reversed_amount(state, charge));
    charges.fold((0, false), |(sum, disputed), (gone, claimed)| (sum + gone, disputed | claimed))
}

/// Returns the refunds and claims of a charge, at most its amount, and whether a dispute of it is open.
pub fn reversed_amount(state: &CustomerState, charge: &Charge) -> (u64, bool) {
    let disputes = || state.disputes.iter().filter(|dispute| dispute.charge.id == charge.id);
    let is_open = |status: &DisputeStatus| {
        matches!(status, DisputeStatus::NeedsResponse | DisputeStatus::UnderReview | DisputeStatus::Other(_))
    };
    let claimed = disputes().filter(|dispute| is_open(&dispute.status) || dispute.status == DisputeStatus::Lost);
    let claimed: i64 = claimed.map(|dispute| dispute.amount).sum();
    let gone = (charge.amount_refunded + claimed).clamp(0, charge.amount.max(0));
    (positive(gone), disputes().any(|dispute| is_open(&dispute.status)))
}

fn positive(amount: i64) -> u64 {
    u64::try_from(amount).unwrap_or(0)
}

fn to_i64(amount: u64) -> i64 {
    i64::try_from(amount).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
