//! Statements that the engines run in transactions of their own, written once, as PostgreSQL has it. The embedded
//! database rewrites what differs in one place, `numbered`. All others are in [`super::rows`], by subject.

/// Adds what an operator did that is about no one workspace; of a switch, how it stands from now on.
pub const NEW_ACT: &str = "INSERT INTO acts (n, kind, name, reason, actor, request, at, seal)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
/// A mail to be sent from now on, if there is none of its id.
pub const NEW_MAIL: &str =
    "INSERT INTO mails (id, kind, recipient, data, due_at, attempts, lease_until, created_at, seal)
    VALUES ($1, $2, $3, $4, $5, 0, 0, $5, $6) ON CONFLICT (id) DO NOTHING";
/// A setting.
pub const SETTING: &str = "SELECT value, seal FROM settings WHERE name = $1";
/// Keeps a setting, whatever it was.
pub const KEEP_SETTING: &str = "INSERT INTO settings (name, value, seal) VALUES ($1, $2, $3)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value, seal = excluded.seal";
/// Makes a test clock, or moves it forward.
pub const SET_TEST_CLOCK: &str = "INSERT INTO test_clocks (id, name, now, seal) VALUES ($1, COALESCE($2, ''), $3, $4)
    ON CONFLICT (id) DO UPDATE SET now = excluded.now, seal = excluded.seal WHERE excluded.now > test_clocks.now";
/// Every catalog version with its seal, oldest first.
pub const CATALOG_TEXTS: &str =
    "SELECT version, published_at, sha256, actor, clocks, seal, text FROM catalogs ORDER BY version";
/// Adds a catalog version.
pub const NEW_CATALOG: &str = "INSERT INTO catalogs (version, published_at, sha256, actor, clocks, seal, text)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";

/// The log of what was used of one kind by one subject.
pub const ALLOWANCE: &str = "SELECT log FROM allowances WHERE kind = $1 AND subject = $2";
/// Keeps such a log.
pub const KEEP_ALLOWANCE: &str = "INSERT INTO allowances (kind, subject, log, last) VALUES ($1, $2, $3, $4)
    ON CONFLICT (kind, subject) DO UPDATE SET log = excluded.log, last = excluded.last";
/// Number of claims of a scope.
pub const CLAIMS_OF: &str = "SELECT COUNT(*) FROM claims WHERE scope = $1";

/// All of them, so that a test can ask both engines whether they understand each.
#[cfg(test)]
pub const ALL: &[&str] = &[
    NEW_ACT,
    NEW_MAIL,
    SETTING,
    KEEP_SETTING,
    SET_TEST_CLOCK,
    CATALOG_TEXTS,
    NEW_CATALOG,
    ALLOWANCE,
    KEEP_ALLOWANCE,
    CLAIMS_OF,
];
