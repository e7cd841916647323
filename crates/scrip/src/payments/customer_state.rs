//! Everything that Stripe knows about a customer, read again.
//!
//! Invariant: reads, and decides nothing.

use super::Billing;
use crate::payments::stripe::Error;
use crate::payments::stripe::objects::Range;
use crate::payments::stripe::objects::balance::BalanceTransaction;
use crate::payments::stripe::objects::charge::{Charge, Charges, Dispute, Disputes};
use crate::payments::stripe::objects::checkout::Session;
use crate::payments::stripe::objects::credit_note::CreditNote;
use crate::payments::stripe::objects::invoice::{Invoice, Invoices};
use crate::payments::stripe::objects::payment::PaymentIntent;
use crate::payments::stripe::objects::price::Price;
use crate::payments::stripe::objects::schedule::Schedule;
use crate::payments::stripe::objects::subscription::Subscription;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Objects of one customer, as Stripe has them at the time of the read.
#[derive(Default)]
pub struct CustomerState {
    /// Subscriptions of the customer, ended ones too.
    pub subscriptions: Vec<Subscription>,
    /// Schedules of those subscriptions.
    pub schedules: Vec<Schedule>,
    /// Invoices of the customer, with all lines and payments.
    pub invoices: Vec<Invoice>,
    /// Checkout sessions of the customer.
    pub sessions: Vec<Session>,
    /// Payment intents of the customer.
    pub payments: Vec<PaymentIntent>,
    /// Charges of the customer, failed ones too.
    pub charges: Vec<Charge>,
    /// Disputes of those charges.
    pub disputes: Vec<Dispute>,
    /// Changes of the customer's balance, newest first; read only where an invoice has a balance.
    pub balance: Vec<BalanceTransaction>,
    /// Credit notes of the invoices that have some after their payment.
    pub credit_notes: Vec<CreditNote>,
    /// Prices that invoices and schedules name, as far as Stripe knows them, by their ids.
    pub prices: BTreeMap<String, Arc<Price>>,
}

impl Billing {
    /// Reads everything about a customer again.
    ///
    /// # Errors
    /// When Stripe refuses or does not answer.
    pub(super) async fn read(&self, customer: &str) -> Result<CustomerState, Error> {
        let client = &self.client;
        let subscriptions = client.subscriptions_of(customer).await?;
        let mut schedules = Vec::new();
        for schedule in subscriptions.iter().filter_map(|subscription| subscription.schedule.as_ref()) {
            schedules.push(client.subscription_schedule(&schedule.id).await?);
        }
        let invoices = client.invoices(&Invoices { customer: Some(customer), ..Invoices::default() }).await?;
        let sessions = client.checkouts_of(customer).await?;
        let payments = client.payment_intents_of(customer, Range::default()).await?;
        let charges = client.charges(&Charges { customer: Some(customer), ..Charges::default() }).await?;
        let mut disputes = Vec::new();
        for charge in charges.iter().filter(|charge| charge.disputed) {
            disputes.extend(client.disputes(&Disputes { charge: Some(&charge.id), ..Disputes::default() }).await?);
        }
        let mut credit_notes = Vec::new();
        for invoice in invoices.iter().filter(|invoice| invoice.post_payment_credit_notes_amount > 0) {
            credit_notes.extend(client.credit_notes_of(&invoice.id).await?);
        }
        let has_balance = |invoice: &Invoice| invoice.starting_balance != 0 || invoice.ending_balance.unwrap_or(0) != 0;
        let balance = if invoices.iter().any(has_balance) {
            client.customer_balance_transactions(customer, Range::default()).await?
        } else {
            Vec::new()
        };
        let mut state = CustomerState {
            subscriptions,
            schedules,
            invoices,
            sessions,
            payments,
            charges,
            disputes,
            balance,
            credit_notes,
            ..CustomerState::default()
        };
        for id in named_price_ids(&state) {
            match self.price(&id).await {
                Ok(price) => drop(state.prices.insert(id, price)),
                // A deleted price sells nothing; the customer's other invoices are processed.
                Err(Error::Refused(refused)) if refused.status == 404 => {}
                Err(error) => return Err(error),
            }
        }
        Ok(state)
    }
}

/// Returns the ids of the prices that invoices and schedules name, sorted and once each.
fn named_price_ids(state: &CustomerState) -> Vec<String> {
    let lines = state.invoices.iter().flat_map(|invoice| &invoice.lines.data);
    let billed = lines.filter_map(|line| line.price().map(|price| price.id.clone()));
    let later = state.schedules.iter().filter_map(|schedule| schedule.next().map(|(_, price)| price.id.clone()));
    let mut ids: Vec<String> = billed.chain(later).collect();
    ids.sort();
    ids.dedup();
    ids
}
