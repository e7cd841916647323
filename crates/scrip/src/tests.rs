//! Tests of the parts together, below HTTP.

mod batches;
mod claims;
mod earlier;
mod engines;
mod keys;
mod lag;
mod locks;
mod mails;
mod outbox;
mod rates;
mod roles;
mod rounds;
mod runs;
mod simulation;
mod tamper;
mod walks;
