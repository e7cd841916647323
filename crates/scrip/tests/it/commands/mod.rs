//! Commands of the binary, each against a real server, a real directory or the simulator: their output and exit codes.

mod benchmark;
mod demo;
mod import;
mod stripe;
mod verbs;
