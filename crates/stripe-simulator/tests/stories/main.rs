//! Stories told to the simulator through HTTP, as a product and its customers tell them.

mod asking;
mod buying;
mod changing;
mod listening;
mod renewing;
mod taking_back;
mod waiting;
mod world;
