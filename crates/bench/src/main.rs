//! `scrip-bench`: the measurements of this project's own aims, P1 to P17, and of what many entries cost.
//!
//! Invariant: the servers that are measured are this same program: it has the product's `serve`, `verify` and
//! `benchmark`, from the library that the product's own binary is made of.

mod batch;
mod cli;
mod count;
mod engine;
mod fill;
mod goal;
mod goals;
mod lag;
mod lives;
mod neighbour;
mod parts;
mod plan;
mod plot;
mod probe;
mod process;
mod report;
mod requests;
mod run;
mod schedule;
mod sizes;
mod soak;
mod text;
mod world;

/// Allocator of the process: the product's own, since the servers that are measured are this program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    cli::main()
}
