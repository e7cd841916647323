//! The workspace: the value that every subject is a part of.

mod command;
pub(crate) mod decide;
mod event;
mod evolve;
mod explain;
mod state;

pub use command::WorkspaceCommand;
pub use event::WorkspaceEvent;
pub(crate) use evolve::evolve;
pub use state::{Mode, Profile, Window, Workspace};
