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
/// Entries of a workspace after one and up to another, oldest first, at most so many.
pub const HISTORY_BETWEEN: &str =
    "SELECT position, workspace, seq, at, idempotency_key, request_hash, next_due_at, body, previous_hash, hash
    FROM history WHERE workspace = $1 AND seq > $2 AND seq <= $3 ORDER BY seq LIMIT $4";
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
/// Workspaces on the real clock with something due.
pub const DUE: &str = "SELECT workspace FROM workspaces WHERE test_clock IS NULL AND next_due_at <= $1 LIMIT $2";
/// Workspaces on a test clock with something due.
pub const DUE_ON_CLOCK: &str = "SELECT workspace FROM workspaces WHERE test_clock = $3 AND next_due_at <= $1 LIMIT $2";
/// The next instant anything is due on a test clock: a workspace's own change, or a run's.
pub const NEXT_ON_CLOCK: &str = "SELECT MIN(due) FROM (
    SELECT MIN(next_due_at) AS due FROM workspaces WHERE test_clock = $1
    UNION ALL SELECT MIN(due_at) AS due FROM queue WHERE test_clock = $1) AS instants";
/// Runs to be worked on by now, on the real clock.
pub const WORK: &str = "UPDATE queue SET lease_until = $2 WHERE (workspace, n) IN (
    SELECT workspace, n FROM queue WHERE test_clock IS NULL AND due_at <= $1 AND lease_until <= $1 ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED)
    RETURNING workspace, n";
/// Runs to be worked on by now, on a test clock. Leases are in machine time, work is due in the clock's.
pub const WORK_ON_CLOCK: &str = "UPDATE queue SET lease_until = $2 WHERE (workspace, n) IN (
    SELECT workspace, n FROM queue WHERE test_clock = $4 AND due_at <= $5 AND lease_until <= $1 ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED)
    RETURNING workspace, n";
/// Runs that are due on a test clock, leased or not.
pub const WORK_LEFT_ON_CLOCK: &str = "SELECT COUNT(*) FROM queue WHERE test_clock = $1 AND due_at <= $2";
/// Puts a run back, to be looked at again at an instant.
pub const WORK_LATER: &str = "UPDATE queue SET lease_until = 0, due_at = $3 WHERE workspace = $1 AND n = $2";
/// Makes a lease last longer.
pub const WORK_ON: &str = "UPDATE queue SET lease_until = $3 WHERE workspace = $1 AND n = $2 AND lease_until < $3";
/// Ends a lease soon: whoever had it could not go on.
pub const WORK_AGAIN: &str = "UPDATE queue SET lease_until = $3 WHERE workspace = $1 AND n = $2 AND lease_until > $3";
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
/// Such acts before one, newest first.
pub const ACTS: &str =
    "SELECT n, kind, name, reason, actor, request, at FROM acts WHERE n < $1 ORDER BY n DESC LIMIT $2";
/// Those that changed a switch.
pub const SWITCHES: &str = "SELECT n, kind, name, reason, actor, request, at, seal,
    (SELECT before.seal FROM acts AS before WHERE before.n < acts.n ORDER BY before.n DESC LIMIT 1)
    FROM acts WHERE kind IN ('model', 'provider') AND n < $1 ORDER BY n DESC LIMIT $2";
/// Lets go of what a workspace has that was never opened.
pub const UNCLAIM: &str = "DELETE FROM claims WHERE scope = $1 AND claim = $2 AND workspace = $3";
/// A mail to be sent from now on, if there is none of its id.
pub const NEW_MAIL: &str =
    "INSERT INTO mails (id, kind, recipient, data, due_at, attempts, lease_until, created_at, seal)
    VALUES ($1, $2, $3, $4, $5, 0, 0, $5, $6) ON CONFLICT (id) DO NOTHING";
/// Whether a mail is to be sent by now.
pub const MAIL_DUE: &str = "SELECT id FROM mails
    WHERE due_at <= $1 AND lease_until <= $1 AND sent_at IS NULL AND failed IS NULL LIMIT 1";
/// Mails to be sent by now, for whoever sends them until the lease ends. An attempt counts when it begins.
pub const LEASE_MAILS: &str = "UPDATE mails SET lease_until = $2, attempts = attempts + 1 WHERE id IN (
    SELECT id FROM mails WHERE due_at <= $1 AND lease_until <= $1 AND sent_at IS NULL AND failed IS NULL
    ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED)
    RETURNING id, kind, recipient, data, attempts, seal";
/// A mail was sent, by whomever.
pub const MAIL_SENT: &str =
    "UPDATE mails SET sent_at = $2, lease_until = 0, failed = NULL WHERE id = $1 AND sent_at IS NULL RETURNING id";
/// A mail was not sent in this attempt: it is to be tried again at an instant.
pub const MAIL_LATER: &str = "UPDATE mails SET due_at = $3, lease_until = 0
    WHERE id = $1 AND attempts = $2 AND sent_at IS NULL RETURNING id";
/// A mail was not sent in this attempt, and never will be.
pub const MAIL_FAILED: &str = "UPDATE mails SET failed = $3, lease_until = 0
    WHERE id = $1 AND attempts = $2 AND sent_at IS NULL RETURNING id";
/// Whom the payment provider knows a workspace as.
pub const CUSTOMER: &str = "SELECT customer, seal FROM customers WHERE workspace = $1";
/// Adds a customer, who is looked at soon; unless the workspace or the customer has another.
pub const NEW_CUSTOMER: &str =
    "INSERT INTO customers (workspace, customer, created_at, hinted, looked, due_at, attempts, lease_until, seal)
    VALUES ($1, $2, $3, 1, 0, $3, 0, 0, $4) ON CONFLICT DO NOTHING";
/// A workspace is another customer from now on, unless that one is another workspace already.
pub const ANOTHER_CUSTOMER: &str = "UPDATE customers SET customer = $3, hinted = hinted + 1, seal = $4
    WHERE workspace = $1 AND customer = $2 AND NOT EXISTS (SELECT 1 FROM customers WHERE customer = $3)";
/// There is something new about a customer.
pub const HINT: &str = "UPDATE customers SET hinted = hinted + 1, due_at = $2,
    attempts = CASE WHEN attempts < 0 THEN 0 ELSE attempts END WHERE customer = $1";
/// The same of whom a workspace is known as.
pub const HINT_WORKSPACE: &str = "UPDATE customers SET hinted = hinted + 1, due_at = $2,
    attempts = CASE WHEN attempts < 0 THEN 0 ELSE attempts END WHERE workspace = $1";
/// There may be something new about anybody.
pub const HINT_ALL: &str = "UPDATE customers SET hinted = hinted + 1, due_at = $1,
    attempts = CASE WHEN attempts < 0 THEN 0 ELSE attempts END";
/// Customers to be looked at by now, for whoever looks until the lease ends.
pub const LEASE_CUSTOMERS: &str = "UPDATE customers SET lease_until = $2, attempts = attempts + 1 WHERE workspace IN (
    SELECT workspace FROM customers WHERE hinted > looked AND due_at <= $1 AND lease_until <= $1
    ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED)
    RETURNING workspace, customer, hinted, attempts, seal";
/// A customer to be looked at at once, by whoever asks for that; nobody else may be looking.
pub const LEASE_CUSTOMER: &str = "UPDATE customers SET lease_until = $3, hinted = hinted + 1,
    attempts = CASE WHEN attempts < 0 THEN 1 ELSE attempts + 1 END
    WHERE workspace = $1 AND lease_until <= $2 RETURNING workspace, customer, hinted, attempts, seal";
/// Whoever looks goes on looking until a later instant; nobody else has taken over.
pub const RENEW_LEASE: &str = "UPDATE customers SET lease_until = $2
    WHERE workspace = $1 AND lease_until = $3 RETURNING workspace";
/// A customer was looked at, up to so many hints.
pub const LOOKED: &str = "UPDATE customers SET looked = $2, lease_until = 0, attempts = 0
    WHERE workspace = $1 AND lease_until = $3 RETURNING workspace";
/// A customer is to be probed at an instant, if no hint comes before: `attempts` below zero says so.
pub const PROBE_LATER: &str = "UPDATE customers SET looked = $2, lease_until = 0,
    hinted = CASE WHEN hinted > $2 THEN hinted ELSE hinted + 1 END,
    due_at = CASE WHEN hinted > $2 THEN due_at ELSE $4 END,
    attempts = CASE WHEN hinted > $2 THEN 0 ELSE -1 END
    WHERE workspace = $1 AND lease_until = $3 RETURNING workspace";
/// A customer could not be looked at: it is to be tried again at an instant, or when a hint came meanwhile.
pub const LOOK_LATER: &str = "UPDATE customers
    SET due_at = CASE WHEN hinted > $4 THEN due_at ELSE $2 END, lease_until = 0
    WHERE workspace = $1 AND lease_until = $3 RETURNING workspace";
/// Whether there is something new about a workspace's customer: a hint, or an event that may be about them.
pub const CUSTOMER_WAITS: &str =
    "SELECT (SELECT COUNT(*) FROM customers WHERE workspace = $1 AND hinted > looked AND attempts >= 0)
    + (SELECT COUNT(*) FROM provider_events WHERE handled_at IS NULL
       AND (customer IS NULL OR customer IN (SELECT customer FROM customers WHERE workspace = $1)))";
/// Adds an event, unless it is known.
pub const NEW_EVENT: &str =
    "INSERT INTO provider_events (id, kind, customer, charge, created_at, received_at, handled_at)
    VALUES ($1, $2, $3, $4, $5, $6, NULL) ON CONFLICT (id) DO NOTHING";
/// Adds a wish of a workspace that is no customer, unless it is known: in place of an event that would tell of it.
pub const NEW_WISH: &str =
    "INSERT INTO provider_events (id, kind, customer, charge, created_at, received_at, handled_at)
    SELECT $1, $2, NULL, NULL, $3, $3, NULL WHERE NOT EXISTS (SELECT 1 FROM customers WHERE workspace = $4)
    ON CONFLICT (id) DO NOTHING";
/// Events that nobody has passed on yet: those that name their customer first, then oldest first.
pub const EVENTS_WAITING: &str = "SELECT id, kind, customer, charge FROM provider_events WHERE handled_at IS NULL
    ORDER BY customer IS NULL, received_at LIMIT $1";
/// An event was passed on.
pub const EVENT_HANDLED: &str = "UPDATE provider_events SET handled_at = $2 WHERE id = $1";
/// Adds what somebody decided to buy.
pub const NEW_PURCHASE: &str = "INSERT INTO purchases
    (id, workspace, what, catalog, amount, currency, session, url, created_at, expires_at, seal)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING";
/// What a workspace has decided to buy and may still pay, newest first.
pub const OPEN_PURCHASES: &str = "SELECT id, workspace, what, catalog, amount, currency, session, url,
    created_at, expires_at, seal FROM purchases WHERE workspace = $1 AND closed_at IS NULL AND expires_at > $2 ORDER BY created_at DESC, id";
/// One of them, over or not.
pub const PURCHASE: &str =
    "SELECT id, workspace, what, catalog, amount, currency, session, url, created_at, expires_at, seal
    FROM purchases WHERE id = $1";
/// Where a purchase is paid, unless it was given up meanwhile or is paid elsewhere.
pub const PURCHASE_OFFERED: &str = "UPDATE purchases SET session = $2, url = $3, seal = $4
    WHERE id = $1 AND closed_at IS NULL AND (session IS NULL OR session = $2)";
/// A purchase is over, paid or not, unless it has another page meanwhile than whoever says so knows of.
pub const CLOSE_PURCHASE: &str =
    "UPDATE purchases SET closed_at = $2 WHERE id = $1 AND closed_at IS NULL AND COALESCE(session, '') = $3";
/// The purchase of a session is over.
pub const CLOSE_SESSION: &str = "UPDATE purchases SET closed_at = $2 WHERE session = $1 AND closed_at IS NULL";
/// Adds an alert, unless it is known.
pub const NEW_ALERT: &str = "INSERT INTO alerts (about, kind, workspace, detail, at) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (about) DO NOTHING";
/// Ends alerts about what has this beginning.
pub const END_ALERTS: &str = "DELETE FROM alerts WHERE about LIKE $1";
/// Alerts of a beginning, if there are any.
pub const ALERTED: &str = "SELECT about FROM alerts WHERE about LIKE $1 LIMIT 1";
/// Alerts before an instant, newest first.
pub const ALERTS: &str =
    "SELECT about, kind, workspace, detail, at FROM alerts WHERE at < $1 ORDER BY at DESC, about LIMIT $2";
/// Keeps an application for a review, with what was sent, if it is not kept yet.
pub const NEW_REVIEW: &str = "INSERT INTO reviews
    (workspace, number, review, application, form, actor, applied_at, status, seal)
    SELECT $1, COALESCE(MAX(number), 0) + 1, $2, $3, $4, $5, $6, 'submitted', $7 FROM reviews WHERE workspace = $1
    ON CONFLICT DO NOTHING";
/// How an application was decided.
pub const REVIEW_DECIDED: &str = "UPDATE reviews SET status = $4, reason = $5, decided_at = $6
    WHERE workspace = $1 AND review = $2 AND application = $3";
/// Keeps what was approved with a plan although nobody had applied, and whatever becomes of that.
pub const REVIEW_UNASKED: &str = "INSERT INTO reviews
    (workspace, number, review, application, form, actor, applied_at, status, reason, decided_at, seal)
    SELECT $1, COALESCE(MAX(number), 0) + 1, $2, $3, '{}', '', $6, $4, $5, $6, $7 FROM reviews WHERE workspace = $1
    ON CONFLICT (workspace, review, application) DO UPDATE
    SET status = excluded.status, reason = excluded.reason, decided_at = excluded.decided_at";
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
/// Makes a setting that is not there yet.
pub const NEW_SETTING: &str = "INSERT INTO settings (name, value, seal) VALUES ($1, $2, $3)
    ON CONFLICT DO NOTHING";
/// Operator keys, oldest first.
pub const OPERATOR_KEYS: &str =
    "SELECT hash, name, last4, created_at, scopes, grants_per_day, expires_at, revoked_at, last_used_at, seal
    FROM operator_keys ORDER BY created_at, hash";
/// Adds an operator key, unless a good one has its name.
pub const NEW_OPERATOR_KEY: &str =
    "INSERT INTO operator_keys (hash, name, last4, created_at, scopes, grants_per_day, expires_at, seal)
    SELECT $1, $2, $3, $4, $5, $6, $7, $8 WHERE NOT EXISTS (SELECT 1 FROM operator_keys
    WHERE name = $2 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $4))";
/// Ends an operator key.
pub const REVOKE_OPERATOR_KEY: &str = "UPDATE operator_keys SET revoked_at = $1, seal = $3
    WHERE hash = $2 AND revoked_at IS NULL";
/// Writes down when an operator key was used.
pub const OPERATOR_KEY_USED: &str = "UPDATE operator_keys SET last_used_at = $1 WHERE hash = $2";
/// Begins the count of what an operator key grants in a day.
pub const NEW_OPERATOR_GRANT: &str =
    "INSERT INTO operator_grants (hash, day, amount, seal) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
/// Units that an operator key granted on the last day that it granted any.
pub const OPERATOR_GRANT: &str = "SELECT day, amount, seal FROM operator_grants WHERE hash = $1";
/// Sets them, unless they are others than `$5` and `$6` meanwhile.
pub const SET_OPERATOR_GRANT: &str = "UPDATE operator_grants SET day = $2, amount = $3, seal = $4
    WHERE hash = $1 AND day = $5 AND amount = $6";
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
/// A person by the address.
pub const USER: &str = "SELECT id, seal FROM users WHERE email = $1";
/// Adds a person.
pub const NEW_USER: &str = "INSERT INTO users (id, email, created_at, seal) VALUES ($1, $2, $3, $4)
    ON CONFLICT DO NOTHING";
/// People after one, with their addresses.
pub const USERS: &str = "SELECT id, email, created_at, seal FROM users WHERE id > $1 ORDER BY id LIMIT $2";
/// Gives a person another address, unless somebody has it.
pub const READDRESS: &str = "UPDATE users SET email = $2, seal = $3
    WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM users WHERE email = $2)";
/// Claims on what a person gets once, after one, with the entry that opened the workspace of each.
pub const CLAIMS_OF_PEOPLE: &str = "SELECT claims.claim, claims.workspace, history.body
    FROM claims JOIN history ON history.workspace = claims.workspace AND history.seq = 1
    WHERE claims.scope = 'person' AND claims.claim > $1 ORDER BY claims.claim LIMIT $2";
/// Adds a claim that follows from another, unless it is there.
pub const NEW_CLAIM: &str = "INSERT INTO claims (scope, claim, workspace, seal) VALUES ($1, $2, $3, $4)
    ON CONFLICT DO NOTHING";
/// The person whom an identity provider knows by a subject.
pub const IDENTITY: &str = "SELECT identities.user_id, users.email, identities.seal, users.seal FROM identities
    JOIN users ON users.id = identities.user_id WHERE identities.issuer = $1 AND identities.subject = $2";
/// Adds a subject of an identity provider, unless it or the person is known there.
pub const NEW_IDENTITY: &str = "INSERT INTO identities (issuer, subject, user_id, created_at, seal)
    VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
/// Adds what signs somebody in once.
pub const NEW_SIGN_IN_TOKEN: &str =
    "INSERT INTO sign_in_tokens (hash, email, workspace, made_by, created_at, expires_at, seal)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";
/// Whom a token signs in, and into which workspace.
pub const SIGN_IN_TOKEN: &str = "SELECT email, workspace, made_by, created_at, expires_at, seal FROM sign_in_tokens
    WHERE hash = $1 AND expires_at > $2";
/// Uses a token up: whoever takes the row away is who signs in.
pub const USE_SIGN_IN_TOKEN: &str = "DELETE FROM sign_in_tokens WHERE hash = $1 AND expires_at > $2";
/// Adds a session.
pub const NEW_SESSION: &str = "INSERT INTO sessions (hash, user_id, workspace, created_at, seen_at, expires_at, seal)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";
/// A session that has neither run out by an instant nor been left alone since another.
pub const SESSION: &str =
    "SELECT sessions.user_id, users.email, sessions.workspace, sessions.seen_at, sessions.expires_at,
    sessions.created_at, sessions.seal, users.seal FROM sessions JOIN users ON users.id = sessions.user_id
    WHERE sessions.hash = $1 AND sessions.expires_at > $2 AND sessions.seen_at > $3
    AND NOT EXISTS (SELECT 1 FROM blocks WHERE blocks.user_id = sessions.user_id)";
/// Says that a session was used at an instant, unless it was seen after another one already.
pub const SESSION_SEEN: &str = "UPDATE sessions SET seen_at = $2, seal = $4 WHERE hash = $1 AND seen_at <= $3";
/// Ends a session.
pub const END_SESSION: &str = "DELETE FROM sessions WHERE hash = $1";
/// Ends every session of a person.
pub const END_SESSIONS: &str = "DELETE FROM sessions WHERE user_id = $1";
/// Ends the sessions of a person that reach one workspace.
pub const END_SESSIONS_OF: &str = "DELETE FROM sessions WHERE user_id = $1 AND workspace = $2";
/// Clears some sessions away that have run out by an instant, or were left alone since another.
pub const SWEEP_SESSIONS: &str = "DELETE FROM sessions WHERE hash IN (
    SELECT hash FROM sessions WHERE expires_at <= $1 OR seen_at <= $2 LIMIT $3)";
/// Clears some tokens away that have run out.
pub const SWEEP_SIGN_IN_TOKENS: &str = "DELETE FROM sign_in_tokens WHERE hash IN (
    SELECT hash FROM sign_in_tokens WHERE expires_at <= $1 LIMIT $2)";
/// Uses up something that is good once: whoever adds the row is who used it.
pub const SPEND: &str = "INSERT INTO spent (hash, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING";
/// Clears some of it away that has run out by itself.
pub const SWEEP_SPENT: &str = "DELETE FROM spent WHERE hash IN (
    SELECT hash FROM spent WHERE expires_at <= $1 LIMIT $2)";

/// The log of what was used of one kind by one subject.
pub const ALLOWANCE: &str = "SELECT log FROM allowances WHERE kind = $1 AND subject = $2";
/// Keeps such a log.
pub const KEEP_ALLOWANCE: &str = "INSERT INTO allowances (kind, subject, log, last) VALUES ($1, $2, $3, $4)
    ON CONFLICT (kind, subject) DO UPDATE SET log = excluded.log, last = excluded.last";
/// Clears some logs away whose last use was before an instant.
pub const SWEEP_ALLOWANCES: &str = "DELETE FROM allowances WHERE (kind, subject) IN (
    SELECT kind, subject FROM allowances WHERE last < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)";
/// Number of claims of a scope.
pub const CLAIMS_OF: &str = "SELECT COUNT(*) FROM claims WHERE scope = $1";
/// Blocks a person, unless they are blocked.
pub const NEW_BLOCK: &str = "INSERT INTO blocks (user_id, person, reason, actor, at, seal)
    VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
/// Ends the block of a person.
pub const END_BLOCK: &str = "DELETE FROM blocks WHERE user_id = $1";
/// The block of a person by their id.
pub const BLOCK: &str = "SELECT user_id, reason, actor, at FROM blocks WHERE user_id = $1";
/// Ids of all who are blocked.
pub const BLOCKED: &str = "SELECT user_id FROM blocks";
/// Blocks of two people.
pub const BLOCKED_AMONG: &str = "SELECT user_id FROM blocks WHERE user_id IN ($1, $2)";
/// A block of whoever has a mailbox.
pub const BLOCK_OF_MAILBOX: &str = "SELECT user_id, reason, actor, at FROM blocks WHERE person = $1 LIMIT 1";
/// A person by their id.
pub const PERSON: &str = "SELECT id, email, created_at FROM users WHERE id = $1";
/// People by the end of their address.
pub const PEOPLE_LIKE: &str = "SELECT id, email, created_at FROM users WHERE email LIKE $1 ORDER BY id";
/// Takes the links away that would sign the owner of an address in.
pub const END_SIGN_IN_TOKENS: &str = "DELETE FROM sign_in_tokens WHERE email = $1";

/// All of them, so that a test can ask both engines whether they understand each.
#[cfg(test)]
pub const ALL: &[&str] = &[
    WORKSPACES,
    USAGE_OF_KEY,
    USERS,
    READDRESS,
    CLAIMS_OF_PEOPLE,
    NEW_CLAIM,
    IDENTITY,
    NEW_IDENTITY,
    END_SESSIONS_OF,
    WORKSPACES_BY_EXTERNAL_ID,
    RUNS,
    RUNS_BY_STATUS,
    RUN,
    HOLD,
    ENTRIES,
    HISTORY,
    HISTORY_BETWEEN,
    JOURNAL,
    JOURNAL_LENGTH,
    USAGE,
    DUE,
    DUE_ON_CLOCK,
    NEXT_ON_CLOCK,
    WORK,
    WORK_ON_CLOCK,
    WORK_LEFT_ON_CLOCK,
    WORK_LATER,
    WORK_ON,
    WORK_AGAIN,
    CLAIMED_BY,
    CLAIMED_IN,
    KEY_USED,
    KEYS_USED,
    NEW_ACT,
    ACTS,
    SWITCHES,
    UNCLAIM,
    NEW_MAIL,
    MAIL_DUE,
    LEASE_MAILS,
    MAIL_SENT,
    MAIL_LATER,
    MAIL_FAILED,
    CUSTOMER,
    NEW_CUSTOMER,
    ANOTHER_CUSTOMER,
    HINT,
    HINT_WORKSPACE,
    HINT_ALL,
    LEASE_CUSTOMERS,
    LEASE_CUSTOMER,
    RENEW_LEASE,
    LOOKED,
    PROBE_LATER,
    LOOK_LATER,
    CUSTOMER_WAITS,
    NEW_EVENT,
    NEW_WISH,
    EVENTS_WAITING,
    EVENT_HANDLED,
    NEW_PURCHASE,
    OPEN_PURCHASES,
    PURCHASE,
    PURCHASE_OFFERED,
    CLOSE_PURCHASE,
    CLOSE_SESSION,
    NEW_ALERT,
    END_ALERTS,
    ALERTED,
    ALERTS,
    NEW_REVIEW,
    REVIEW_DECIDED,
    REVIEW_UNASKED,
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
    NEW_SETTING,
    OPERATOR_KEYS,
    NEW_OPERATOR_KEY,
    REVOKE_OPERATOR_KEY,
    OPERATOR_KEY_USED,
    NEW_OPERATOR_GRANT,
    OPERATOR_GRANT,
    SET_OPERATOR_GRANT,
    SET_TEST_CLOCK,
    TEST_CLOCK,
    TEST_CLOCKS,
    CATALOG_TEXTS,
    NEW_CATALOG,
    CATALOGS,
    USER,
    NEW_USER,
    NEW_SIGN_IN_TOKEN,
    SIGN_IN_TOKEN,
    USE_SIGN_IN_TOKEN,
    NEW_SESSION,
    SESSION,
    SESSION_SEEN,
    END_SESSION,
    END_SESSIONS,
    SWEEP_SESSIONS,
    SWEEP_SIGN_IN_TOKENS,
    SPEND,
    SWEEP_SPENT,
    ALLOWANCE,
    KEEP_ALLOWANCE,
    SWEEP_ALLOWANCES,
    CLAIMS_OF,
    NEW_BLOCK,
    END_BLOCK,
    BLOCK,
    BLOCKED,
    BLOCKED_AMONG,
    BLOCK_OF_MAILBOX,
    PERSON,
    PEOPLE_LIKE,
    END_SIGN_IN_TOKENS,
];
