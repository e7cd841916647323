//! Every statement that both engines share, written once, as PostgreSQL has it. The embedded database rewrites what
//! differs in one place, `numbered`.

/// Workspaces after one, in the order they were opened.
pub const WORKSPACES: &str = "SELECT workspace, opened FROM workspaces WHERE opened > $1 ORDER BY opened LIMIT $2";
/// Workspaces by the operator's own id.
pub const WORKSPACES_BY_EXTERNAL_ID: &str =
    "SELECT workspace, opened FROM workspaces WHERE external_id = $3 AND opened > $1 ORDER BY opened LIMIT $2";
/// Runs of a workspace before one, newest first.
pub const RUNS: &str = "SELECT n, body FROM runs WHERE workspace = $1 AND n < $2 ORDER BY n DESC LIMIT $3";
/// Runs of a workspace with a status.
pub const RUNS_BY_STATUS: &str =
    "SELECT n, body FROM runs WHERE workspace = $1 AND n < $2 AND status = $4 ORDER BY n DESC LIMIT $3";
/// One run, and the entry it last changed with.
pub const RUN: &str = "SELECT body, seq FROM runs WHERE workspace = $1 AND n = $2";
/// The entries that say what a hold is: those that opened it, last extended it, and ended it.
pub const HOLD: &str = "SELECT history.position, history.workspace, history.seq, history.at, history.idempotency_key,
    history.request_hash, history.next_due_at, history.body, history.previous_hash, history.hash
    FROM holds JOIN history ON history.workspace = holds.workspace
    AND history.seq IN (holds.opened, holds.extended, holds.ended)
    WHERE holds.workspace = $1 AND holds.n = $2 ORDER BY history.seq";
/// Entries of a workspace before one, newest first.
pub const ENTRIES: &str =
    "SELECT position, workspace, seq, at, idempotency_key, request_hash, next_due_at, body, previous_hash, hash
    FROM history WHERE workspace = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3";
/// Entries of a workspace up to one, oldest first.
pub const HISTORY: &str =
    "SELECT position, workspace, seq, at, idempotency_key, request_hash, next_due_at, body, previous_hash, hash
    FROM history WHERE workspace = $1 AND seq <= $2 ORDER BY seq";
/// All entries after a position.
pub const JOURNAL: &str =
    "SELECT position, workspace, seq, at, idempotency_key, request_hash, next_due_at, body, previous_hash, hash
    FROM entries WHERE position > $1 ORDER BY position LIMIT $2";
/// How many entries there are.
pub const JOURNAL_LENGTH: &str = "SELECT COALESCE(MAX(position), 0) FROM entries";
/// Usage of a workspace between two days.
pub const USAGE: &str = "SELECT day, model, unit, runs, failed, captured FROM usage
    WHERE workspace = $1 AND day >= $2 AND day <= $3 ORDER BY day, model, unit";
/// The same of the runs that one key asked for.
pub const USAGE_OF_KEY: &str = "SELECT day, model, unit, runs, failed, captured FROM usage
    WHERE workspace = $1 AND day >= $2 AND day <= $3 AND key = $4 ORDER BY day, model, unit";
/// Which workspace has something that only one may have.
pub const CLAIMED_BY: &str = "SELECT workspace FROM claims WHERE scope = $1 AND claim = $2";
/// Which workspaces have something of a kind.
pub const CLAIMED_IN: &str = "SELECT workspace FROM claims WHERE scope = $1 ORDER BY workspace LIMIT $2";
/// Writes down when a key was last used.
pub const KEY_USED: &str = "INSERT INTO key_uses (workspace, n, used_at) VALUES ($1, $2, $3)
    ON CONFLICT (workspace, n) DO UPDATE SET used_at = excluded.used_at WHERE key_uses.used_at < excluded.used_at";
/// When each key of a workspace was last used.
pub const KEYS_USED: &str = "SELECT n, used_at FROM key_uses WHERE workspace = $1";
/// Adds what an operator did that is about no one workspace; of a switch, how it stands from now on.
pub const NEW_ACT: &str = "INSERT INTO acts (n, kind, name, reason, actor, request, at, seal)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
/// A mail to be sent from now on, if there is none of its id.
pub const NEW_MAIL: &str =
    "INSERT INTO mails (id, kind, recipient, data, due_at, attempts, lease_until, created_at, seal)
    VALUES ($1, $2, $3, $4, $5, 0, 0, $5, $6) ON CONFLICT (id) DO NOTHING";
/// Keeps an application for a review, with what was sent, if it is not kept yet.
pub const NEW_REVIEW: &str = "INSERT INTO reviews
    (workspace, number, review, application, form, actor, applied_at, status, seal)
    SELECT $1, COALESCE(MAX(number), 0) + 1, $2, $3, $4, $5, $6, 'submitted', $7 FROM reviews WHERE workspace = $1
    ON CONFLICT DO NOTHING";
/// An application by its number in the workspace.
pub const REVIEW: &str = "SELECT n, workspace, number, review, application, form, actor, applied_at, status, reason,
    decided_at FROM reviews WHERE workspace = $1 AND number = $2";
/// An application by its number among those for its review.
pub const REVIEW_OF: &str = "SELECT n, workspace, number, review, application, form, actor, applied_at, status, reason,
    decided_at FROM reviews WHERE workspace = $1 AND review = $2 AND application = $3";
/// Applications before one, newest first.
pub const REVIEWS: &str = "SELECT n, workspace, number, review, application, form, actor, applied_at, status, reason,
    decided_at FROM reviews WHERE n < $1 ORDER BY n DESC LIMIT $2";
/// Those of a workspace.
pub const REVIEWS_OF: &str =
    "SELECT n, workspace, number, review, application, form, actor, applied_at, status, reason,
    decided_at FROM reviews WHERE n < $1 AND workspace = $3 ORDER BY n DESC LIMIT $2";
/// Those with a status.
pub const REVIEWS_BY_STATUS: &str = "SELECT n, workspace, number, review, application, form, actor, applied_at, status,
    reason, decided_at FROM reviews WHERE n < $1 AND status = $3 ORDER BY n DESC LIMIT $2";
/// Those of a workspace with a status.
pub const REVIEWS_OF_BY_STATUS: &str = "SELECT n, workspace, number, review, application, form, actor, applied_at,
    status, reason, decided_at FROM reviews WHERE n < $1 AND workspace = $3 AND status = $4 ORDER BY n DESC LIMIT $2";
/// Adds a file to an application that has room for it and does not have it yet.
pub const NEW_REVIEW_FILE: &str = "INSERT INTO review_files
    (workspace, number, file, name, content_type, bytes, sha256, actor, added_at, seal)
    SELECT $1, $2, COALESCE(MAX(file), 0) + 1, $3, $4, $5, $6, $7, $8, $10 FROM review_files
    WHERE workspace = $1 AND number = $2 HAVING COUNT(*) < $9 ON CONFLICT DO NOTHING";
/// The files of an application.
pub const REVIEW_FILES: &str = "SELECT file, name, content_type, bytes, sha256, actor, added_at, seal FROM review_files
    WHERE workspace = $1 AND number = $2 ORDER BY file";
/// A setting.
pub const SETTING: &str = "SELECT value, seal FROM settings WHERE name = $1";
/// Keeps a setting, whatever it was.
pub const KEEP_SETTING: &str = "INSERT INTO settings (name, value, seal) VALUES ($1, $2, $3)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value, seal = excluded.seal";
/// Makes a test clock, or moves it forward.
pub const SET_TEST_CLOCK: &str = "INSERT INTO test_clocks (id, name, now, seal) VALUES ($1, COALESCE($2, ''), $3, $4)
    ON CONFLICT (id) DO UPDATE SET now = excluded.now, seal = excluded.seal WHERE excluded.now > test_clocks.now";
/// A test clock.
pub const TEST_CLOCK: &str = "SELECT name, now FROM test_clocks WHERE id = $1";
/// All test clocks.
pub const TEST_CLOCKS: &str = "SELECT id, name, now FROM test_clocks ORDER BY id";
/// Every catalog version with its seal, oldest first.
pub const CATALOG_TEXTS: &str =
    "SELECT version, published_at, sha256, actor, clocks, seal, text FROM catalogs ORDER BY version";
/// Adds a catalog version.
pub const NEW_CATALOG: &str = "INSERT INTO catalogs (version, published_at, sha256, actor, clocks, seal, text)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";
/// All catalog versions.
pub const CATALOGS: &str = "SELECT version, published_at, sha256, actor FROM catalogs ORDER BY version DESC";

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
    WORKSPACES,
    USAGE_OF_KEY,
    WORKSPACES_BY_EXTERNAL_ID,
    RUNS,
    RUNS_BY_STATUS,
    RUN,
    HOLD,
    ENTRIES,
    HISTORY,
    JOURNAL,
    JOURNAL_LENGTH,
    USAGE,
    CLAIMED_BY,
    CLAIMED_IN,
    KEY_USED,
    KEYS_USED,
    NEW_ACT,
    NEW_MAIL,
    NEW_REVIEW,
    REVIEW,
    REVIEW_OF,
    REVIEWS,
    REVIEWS_OF,
    REVIEWS_BY_STATUS,
    REVIEWS_OF_BY_STATUS,
    NEW_REVIEW_FILE,
    REVIEW_FILES,
    SETTING,
    KEEP_SETTING,
    SET_TEST_CLOCK,
    TEST_CLOCK,
    TEST_CLOCKS,
    CATALOG_TEXTS,
    NEW_CATALOG,
    CATALOGS,
    ALLOWANCE,
    KEEP_ALLOWANCE,
    CLAIMS_OF,
];
