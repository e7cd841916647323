//! The workspace: the value that every subject is a part of.

mod state;

pub use state::{Mode, Profile, Window, Workspace};
