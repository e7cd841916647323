//! Reviews that stand before a plan.

pub(crate) mod decide;
