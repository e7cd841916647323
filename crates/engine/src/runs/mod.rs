//! Runs of models: who may run what, at which price, and how a run ends.

pub(crate) mod access;
pub(crate) mod decide;
pub(crate) mod params;
pub(crate) mod quote;
pub(crate) mod ways_out;
