//! Tests of the built binary, used as people use it: stories over HTTP, bad input, crashes, races and faults; selling
//! through Stripe; several processes over one database; and the commands of the binary.
//!
//! The stories of this folder and those of `sales` run on each store that a journal can be in: `SCRIP_TEST_STORE` names
//! it. `commands`, `processes` and `cluster` choose their stores themselves.
//!
//! Invariant: nothing here reaches into the server; a test learns everything over the wire, from the simulator or from
//! `scrip verify`.

#![allow(missing_docs, reason = "the names of tests say what they are about")]

mod abuse;
mod access;
mod addresses;
mod bad_input;
mod balances;
mod catalogs;
mod cluster;
mod commands;
mod comparison;
mod crash;
mod distributed;
mod errors;
mod faults;
mod frames;
mod headers;
mod health;
mod hold_batches;
mod holds;
mod limits;
mod mails;
mod matrix;
mod migrations;
mod names;
mod notices;
mod oidc;
mod openapi;
mod operations;
mod operators;
mod processes;
mod races;
mod reviews;
mod runs;
mod sales;
mod secrets;
mod sessions;
mod setups;
mod shutdown;
mod test_clocks;
mod texts;
mod transfer;
mod workspaces;
