//! Parts that tests share. Nothing of it ships: it is a development dependency alone.
//!
//! [`model`] is a naive workspace to judge the engine by, by subject as in the engine. [`walk`] has random commands and
//! callers, and the engine and the model side by side; [`laws`] holds what is true of the events alone. [`dice`] has
//! random numbers, [`postgres`] databases of a test's own.
//!
//! With the feature `servers`, [`app`] and [`program`] start the built binary, [`journal`] names the store that it runs
//! on, [`stripe`] and [`shop`] are what it sells through, and [`smtp`] receives its mails.
//!
//! Invariant: whatever is random replays from one seed, and a tool that is missing fails a test.

#![allow(clippy::missing_panics_doc, missing_docs, reason = "the tests' own code: its names say what it is")]
#![allow(clippy::new_without_default, clippy::should_implement_trait, reason = "`Dir::new` makes it; dice have no end")]

#[cfg(feature = "servers")]
pub mod app;
pub mod dice;
#[cfg(feature = "servers")]
pub mod disk;
#[cfg(feature = "servers")]
pub mod faketime;
#[cfg(feature = "servers")]
pub mod journal;
pub mod laws;
#[cfg(feature = "servers")]
pub mod load;
pub mod model;
#[cfg(feature = "servers")]
pub mod people;
pub mod postgres;
#[cfg(feature = "servers")]
pub mod program;
#[cfg(feature = "servers")]
pub mod shop;
#[cfg(feature = "servers")]
pub mod smtp;
#[cfg(feature = "servers")]
pub mod stripe;
pub mod walk;
