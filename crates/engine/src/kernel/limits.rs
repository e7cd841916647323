//! Bounds of the engine, all in one place.
//!
//! Invariant: whatever is asked of a workspace, it stays a small value. The relations between bounds are asserted at
//! compile time below.

/// Largest amount that a balance can reach: 2^53 − 1, so that every JSON reader keeps it exact.
pub const AMOUNT_MAX: i64 = (1 << 53) - 1;
/// Largest amount that one operation may move, in whole units.
pub const OPERATION_MAX: i64 = 1_000_000_000;
/// Maximum number of open holds of a workspace, runs included.
pub const HOLDS_MAX: usize = 1_024;
/// Maximum number of grants of a workspace that still have something available or held.
pub const GRANTS_MAX: usize = 512;
/// Number of grants above which closed ones older than [`CLOSED_GRANT_DAYS`] are forgotten (their sums are kept).
pub const GRANTS_KEPT: usize = 64;
/// Time for which a closed grant is remembered, in days, so that a refund or dispute still finds what it paid for.
pub const CLOSED_GRANT_DAYS: i64 = 200;
/// Maximum number of paid sources that a workspace remembers, for ever (R7).
pub const SOURCES_MAX: usize = 20_000;
/// Maximum number of members of a workspace, on any plan.
pub const MEMBERS_MAX: usize = 1_000;
/// Maximum number of invitations that wait for an answer at once.
pub const INVITATIONS_MAX: usize = 100;
/// Time for which an invitation can be accepted, in seconds.
pub const INVITATION_SECONDS: i64 = 7 * 24 * 60 * 60;
/// Maximum number of keys of a workspace.
pub const KEYS_MAX: usize = 100;
/// Maximum number of capabilities of a key, and of models and of workflows that a key is limited to.
pub const CAPABILITIES_MAX: usize = 100;
/// Time for which a replaced secret still opens its key unless the caller says otherwise, in seconds.
pub const KEY_GRACE_SECONDS: i64 = 24 * 60 * 60;
/// Maximum time for which a replaced secret may still open its key, in seconds.
pub const KEY_GRACE_SECONDS_MAX: i64 = 7 * 24 * 60 * 60;
/// Number of times that the opening of a time trial can be withdrawn (R23).
pub const WINDOW_WITHDRAWALS_MAX: u8 = 3;
/// Lifetime of a quote, in seconds.
pub const QUOTE_SECONDS: i64 = 15 * 60;
/// Lifetime of a hold unless the caller says otherwise, in seconds.
pub const HOLD_SECONDS_DEFAULT: i64 = 60 * 60;
/// Maximum lifetime of a hold from the instant at which it is opened or extended, in seconds.
pub const HOLD_SECONDS_MAX: i64 = 30 * 24 * 60 * 60;
/// Window of a workspace's rate limit, in seconds (R27).
pub const RATE_SECONDS: u32 = 60;
/// Maximum length of a text parameter, in bytes.
pub const TEXT_MAX: usize = 10_000;
/// Maximum length of a name, reason or reference, in characters.
pub const NAME_MAX: usize = 200;
/// Maximum length of an id in a catalog, or of a workflow's id, in bytes.
pub const ID_MAX: usize = 64;
/// Maximum number of parameters of a model, and of pairs of metadata of a run.
pub const PARAMS_MAX: usize = 50;
/// Maximum number of plans, of models and of packs in a catalog.
pub const CATALOG_ITEMS_MAX: usize = 500;
/// Maximum size of a catalog file, in bytes.
pub const CATALOG_BYTES_MAX: usize = 1 << 20;
/// Maximum number of problems that are reported of one catalog file; one more says how many were left out.
pub const PROBLEMS_MAX: usize = 100;

const _: () = assert!(OPERATION_MAX < AMOUNT_MAX);
const _: () = assert!(GRANTS_KEPT < GRANTS_MAX);
const _: () = assert!(HOLD_SECONDS_DEFAULT <= HOLD_SECONDS_MAX);
