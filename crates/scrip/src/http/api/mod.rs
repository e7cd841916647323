//! The resources of the API, one file each, with routes, query types, handlers and views. Several of them share `caps`
//! and `membership`.

pub mod assets;
pub mod audit;
pub mod balances;
pub mod billing;
pub mod caps;
pub mod catalogs;
pub mod entitlements;
pub mod grants;
pub mod holds;
pub mod keys;
pub mod members;
pub mod membership;
pub mod oidc;
pub mod operator_keys;
pub mod people;
pub mod profiles;
pub mod quotes;
pub mod reviews;
pub mod runs;
pub mod sessions;
pub mod subscriptions;
pub mod switches;
pub mod tasks;
pub mod test_clocks;
pub mod workspaces;
