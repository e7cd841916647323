//! Statements that the engines run in transactions of their own, written once, in PostgreSQL's form. The embedded
//! database rewrites the differences in one place, `number_parameters`. All other statements are in [`super::rows`], by
//! subject.

/// Adds an operator's act that is about no single workspace; for a switch, its new state.
pub const NEW_ACT: &str = "INSERT INTO acts (n, kind, name, reason, actor, request, at, seal)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
/// Adds a mail that is due from now on, unless there is one with its id.
pub const NEW_MAIL: &str =
    "INSERT INTO mails (id, kind, recipient, data, due_at, attempts, lease_until, created_at, seal)
    VALUES ($1, $2, $3, $4, $5, 0, 0, $5, $6) ON CONFLICT (id) DO NOTHING";
/// Reads a setting with its seal.
pub const SETTING: &str = "SELECT value, seal FROM settings WHERE name = $1";
/// Writes a setting, in place of its former value.
pub const KEEP_SETTING: &str = "INSERT INTO settings (name, value, seal) VALUES ($1, $2, $3)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value, seal = excluded.seal";
/// Makes a test clock, or moves it forward.
pub const SET_TEST_CLOCK: &str = "INSERT INTO test_clocks (id, name, now, seal) VALUES ($1, COALESCE($2, ''), $3, $4)
    ON CONFLICT (id) DO UPDATE SET now = excluded.now, seal = excluded.seal WHERE excluded.now > test_clocks.now";
/// Reads every catalog version with its seal, oldest first.
pub const CATALOG_TEXTS: &str =
    "SELECT version, published_at, sha256, actor, clocks, seal, text FROM catalogs ORDER BY version";
/// Adds a catalog version.
pub const NEW_CATALOG: &str = "INSERT INTO catalogs (version, published_at, sha256, actor, clocks, seal, text)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";

/// Reads the log of uses of one kind by one subject.
pub const ALLOWANCE: &str = "SELECT log FROM allowances WHERE kind = $1 AND subject = $2";
/// Writes the log of uses of one kind by one subject.
pub const KEEP_ALLOWANCE: &str = "INSERT INTO allowances (kind, subject, log, last) VALUES ($1, $2, $3, $4)
    ON CONFLICT (kind, subject) DO UPDATE SET log = excluded.log, last = excluded.last";
/// Counts the claims of a scope.
pub const CLAIMS_OF: &str = "SELECT COUNT(*) FROM claims WHERE scope = $1";

/// Every statement above, so that a test can check that both engines understand each.
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
