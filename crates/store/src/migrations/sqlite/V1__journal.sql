-- The truth. Everything else can be computed from it again.
CREATE TABLE entries (
    position INTEGER PRIMARY KEY,
    workspace BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    at BIGINT NOT NULL,
    idempotency_key BLOB,
    request_hash BLOB,
    next_due_at BIGINT,
    body TEXT NOT NULL,
    previous_hash BLOB NOT NULL,
    hash BLOB NOT NULL
);
CREATE UNIQUE INDEX entries_by_workspace ON entries (workspace, seq);
CREATE UNIQUE INDEX entries_by_key ON entries (workspace, idempotency_key) WHERE idempotency_key IS NOT NULL;
-- Entries are only ever added.
CREATE TRIGGER entries_stay BEFORE UPDATE ON entries BEGIN SELECT RAISE(ABORT, 'journal entries never change'); END;
CREATE TRIGGER entries_last BEFORE DELETE ON entries BEGIN SELECT RAISE(ABORT, 'journal entries are never deleted'); END;

CREATE TABLE settings (
    name TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
);
CREATE TABLE operator_keys (
    hash BLOB NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    last4 TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE TABLE catalogs (
    version INTEGER PRIMARY KEY,
    published_at BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    text TEXT NOT NULL,
    actor TEXT NOT NULL
);
CREATE TABLE test_clocks (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    now BIGINT NOT NULL
);
-- What only one workspace may have: a person's lifetime grants, an operator's own id.
CREATE TABLE claims (
    scope TEXT NOT NULL,
    claim TEXT NOT NULL,
    workspace BIGINT NOT NULL,
    PRIMARY KEY (scope, claim)
);
