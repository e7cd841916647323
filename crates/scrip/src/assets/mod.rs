//! Assets: files that runs made, checked and stored.
//!
//! Invariant: a file is stored under its hash, and only after it was decoded to its last byte.

pub mod disk;
pub mod media;
