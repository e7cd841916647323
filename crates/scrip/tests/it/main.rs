//! Tests of the built binary, used over HTTP as people use it: stories, bad input, crashes, races and faults.
//!
//! Invariant: nothing here reaches into the server; a test learns everything over the wire or from `scrip verify`.

#![allow(missing_docs, reason = "the names of tests say what they are about")]

mod abuse;
mod access;
mod addresses;
#[allow(dead_code, reason = "shared with the stories of several processes, which use more of it")]
mod app;
mod bad_input;
mod balances;
mod catalogs;
mod comparing;
mod crash;
mod disk;
mod distributed;
mod errors;
mod faketime;
mod faults;
mod frames;
mod headers;
mod health;
mod hold_batches;
mod holds;
#[allow(dead_code, reason = "shared with the stories of several processes, which use more of it")]
mod journal;
mod limits;
mod load;
mod mails;
mod matrix;
mod migrations;
mod moving;
mod notices;
mod oidc;
mod openapi;
mod operations;
mod operators;
mod people;
#[path = "../common/postgres.rs"]
mod postgres;
mod races;
mod reviews;
mod runs;
mod secrets;
mod sessions;
mod setups;
#[path = "../common/smtp.rs"]
mod smtp;
mod stopping;
#[allow(dead_code, reason = "shared with the stories of selling, which use more of it")]
mod stripe;
mod test_clocks;
mod texts;
mod workspaces;
