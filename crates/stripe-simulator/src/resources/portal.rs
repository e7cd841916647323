//! Customer portal of the API: its configurations, its sessions, and the acts of customers in it.
//!
//! Invariant: the portal does nothing that its configuration does not allow.

mod acts;
mod configurations;
mod sessions;

pub use acts::{Switch, cancel, foretell, keep, may_switch_to, set_card, switch};
pub use configurations::{
    create as create_configuration, get as get_configuration, list as list_configurations,
    update as update_configuration,
};
pub use sessions::create as create_session;
