//! Selling through Stripe, used as buyers and operators use it: the built binary, and the simulator for Stripe.
//!
//! Invariant: nothing here reaches into the server; a test learns everything over the wire, from the simulator or from
//! `scrip verify`.

mod account;
mod bridge;
mod collection;
mod comparison;
mod forgery;
mod kills;
mod migrations;
mod months;
mod orders;
mod plan_change;
mod publication;
mod purchase;
mod refund;
mod renewal;
mod review;
mod silence;
mod top_up;
mod top_up_table;
mod walks;
