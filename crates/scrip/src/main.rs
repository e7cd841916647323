//! The binary of Scrip: the command line in the library, and the allocator of the process.

/// Allocator of the process: every request allocates a few dozen small objects on one thread and frees some of them on
/// another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    scrip::cli::main()
}
