//! Stories told to the simulator through HTTP, as a product and its customers tell them.

mod browser;
mod buying;
mod paying;
mod world;
