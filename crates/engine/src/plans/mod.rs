//! Plans: what a workspace is subscribed to, on which terms, and how its periods follow each other.

pub(crate) mod decide;
pub(crate) mod evolve;
pub(crate) mod migration;
pub(crate) mod purchase;
pub(crate) mod renewal;
pub(crate) mod retirement;
pub(crate) mod subscription;
pub(crate) mod terms;
