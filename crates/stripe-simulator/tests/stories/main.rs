//! Stories: requests to the simulator over HTTP, as a product and its customers make them.

mod adding;
mod asking;
mod balancing;
#[allow(clippy::unwrap_used, reason = "what cannot be had fails the story")]
mod browser;
mod buying;
mod changing;
mod debiting;
mod drafting;
mod listening;
mod paying;
mod renewing;
mod taking_back;
mod visiting;
mod waiting;
mod world;
