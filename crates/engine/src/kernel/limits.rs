//! Every bound of the engine, in one place.
//!
//! A bound is here so that a workspace stays a small value whatever is asked of it; the relations between bounds are
//! asserted at compile time below.

/// The largest amount a balance can reach: 2^53 - 1, so that every JSON reader keeps it exact.
pub const AMOUNT_MAX: i64 = (1 << 53) - 1;
/// The largest amount one operation may move.
pub const OPERATION_MAX: i64 = 1_000_000_000;
/// Open holds a workspace may have at once, runs included.
pub const HOLDS_MAX: usize = 1_024;
/// Grants a workspace may have that still have something available or held.
pub const GRANTS_MAX: usize = 512;
/// From this many grants on, closed ones older than [`CLOSED_GRANT_DAYS`] are forgotten (their sums are kept).
pub const GRANTS_KEPT: usize = 64;
/// How long a closed grant is remembered, so that a refund or dispute still finds what it funded.
pub const CLOSED_GRANT_DAYS: i64 = 200;
/// Paid sources a workspace remembers, for ever (R7).
pub const SOURCES_MAX: usize = 20_000;
/// Members a workspace may have, whatever its plan.
pub const MEMBERS_MAX: usize = 1_000;
/// Invitations that may wait for an answer at once.
pub const INVITATIONS_MAX: usize = 100;
/// How long an invitation can be accepted, in seconds.
pub const INVITATION_SECONDS: i64 = 7 * 24 * 60 * 60;
/// Keys a workspace may have.
pub const KEYS_MAX: usize = 100;
/// Capabilities a key may be given, and models and workflows it may be held to.
pub const CAPABILITIES_MAX: usize = 100;
/// How long a replaced secret opens its key when nobody says otherwise, in seconds.
pub const KEY_GRACE_SECONDS: i64 = 24 * 60 * 60;
/// The longest it may, in seconds.
pub const KEY_GRACE_SECONDS_MAX: i64 = 7 * 24 * 60 * 60;
/// How often a time trial's opening may be withdrawn (R23).
pub const WINDOW_WITHDRAWALS_MAX: u8 = 3;
/// How long a quote is good for, in seconds.
pub const QUOTE_SECONDS: i64 = 15 * 60;
/// How long a hold lasts when nobody says otherwise, in seconds.
pub const HOLD_SECONDS_DEFAULT: i64 = 60 * 60;
/// The longest a hold may last from the instant it is opened or extended, in seconds.
pub const HOLD_SECONDS_MAX: i64 = 30 * 24 * 60 * 60;
/// The window of a workspace's rate limit, in seconds (R27).
pub const RATE_SECONDS: u32 = 60;
/// The longest text parameter, in bytes.
pub const TEXT_MAX: usize = 10_000;
/// The longest name, reason or reference, in characters.
pub const NAME_MAX: usize = 200;
/// The longest id of a catalog's thing or of a workflow, in bytes.
pub const ID_MAX: usize = 64;
/// Parameters a model may declare, and pairs of metadata a run may carry.
pub const PARAMS_MAX: usize = 50;
/// Plans, models and packs a catalog may have, each.
pub const CATALOG_ITEMS_MAX: usize = 500;
/// The largest catalog file, in bytes.
pub const CATALOG_BYTES_MAX: usize = 1 << 20;

const _: () = assert!(OPERATION_MAX < AMOUNT_MAX);
const _: () = assert!(GRANTS_KEPT < GRANTS_MAX);
const _: () = assert!(HOLD_SECONDS_DEFAULT <= HOLD_SECONDS_MAX);
