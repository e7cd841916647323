//! Selling through Stripe, used as buyers and operators use it: the built binary, and the simulator for Stripe.
//!
//! Invariant: nothing here reaches into the server; a test learns everything over the wire, from the simulator or from
//! `scrip verify`.

#![allow(missing_docs, reason = "the names of tests say what they are about")]

mod account;
#[path = "../it/app.rs"]
#[allow(dead_code, reason = "shared with the stories of one process, which use more of it")]
mod app;
mod bridge;
mod buying;
mod changing;
mod collection;
mod comparing;
mod forged;
#[path = "../it/journal.rs"]
#[allow(dead_code, reason = "shared with the stories of one process, which use more of it")]
mod journal;
mod kills;
mod migrations;
mod months;
mod orders;
#[path = "../common/postgres.rs"]
mod postgres;
mod publishing;
mod renewing;
mod returning;
mod reviewing;
mod shop;
#[path = "../it/stripe.rs"]
mod stripe;
mod top_up_table;
mod topping_up;
mod walks;
