//! Stories: requests to the simulator over HTTP, as a product and its customers make them.

mod balances;
#[allow(clippy::unwrap_used, reason = "what cannot be had fails the story")]
mod browser;
mod changes;
mod confirmations;
mod debits;
mod deliveries;
mod drafts;
mod hosted_pages;
mod invoice_items;
mod portal_pages;
mod protocol;
mod purchases;
mod refunds;
mod renewals;
mod world;
