//! Runs of models: access, price, and the way from a request to an outcome.

pub(crate) mod access;
mod command;
pub(crate) mod decide;
mod event;
mod evolve;
mod explain;
mod menu;
pub(crate) mod params;
pub(crate) mod quote;
pub(crate) mod ways_out;

pub use command::{CitedQuote, Off, Outcome, RunCommand};
pub use event::{Failure, FailureCode, OutputFile, RunEvent, RunStatus, Script, ScriptedOutcome};
pub(crate) use evolve::evolve;
