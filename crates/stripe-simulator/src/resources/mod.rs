//! Resources of the API, one file each.
//!
//! Invariant: a route reads its parameters, calls `finish` on them, and only then changes anything.

pub mod accounts;
pub mod balance_transactions;
pub mod charges;
pub mod checkout;
pub mod credit_notes;
pub mod customers;
pub mod disputes;
pub mod events;
pub mod invoice_items;
pub mod invoice_payments;
pub mod invoices;
pub mod payment_intents;
pub mod payment_methods;
pub mod portal;
pub mod prices;
pub mod products;
pub mod refunds;
pub mod schedules;
pub mod setup_intents;
pub mod subscriptions;
pub mod test_clocks;
pub mod webhook_endpoints;
