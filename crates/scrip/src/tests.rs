//! Tests of the parts together, below HTTP.

mod batches;
mod claims;
mod engines;
mod keys;
mod lag;
mod locks;
mod mails;
mod outbox;
#[path = "../tests/common/postgres.rs"]
pub mod postgres;
mod rates;
mod roles;
mod rounds;
mod simulation;
#[path = "../tests/common/smtp.rs"]
mod smtp;
mod tamper;
mod walks;
