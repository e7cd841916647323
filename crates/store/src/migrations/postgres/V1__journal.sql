-- The truth. Everything else can be computed from it again. Every key starts with the workspace.
CREATE TABLE entries (
    workspace BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    position BIGINT GENERATED ALWAYS AS IDENTITY,
    -- The transaction that wrote it. Commits become visible out of order: who folds entries reads below the oldest
    -- transaction that is still running, in this order, and skips nothing.
    xid BIGINT NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    at BIGINT NOT NULL,
    idempotency_key BYTEA,
    request_hash BYTEA,
    next_due_at BIGINT,
    body TEXT NOT NULL,
    previous_hash BYTEA NOT NULL,
    hash BYTEA NOT NULL,
    PRIMARY KEY (workspace, seq)
);
CREATE UNIQUE INDEX entries_by_key ON entries (workspace, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX entries_by_transaction ON entries (xid, position);
CREATE INDEX entries_by_position ON entries (position);
-- A workspace's entries in order.
CREATE VIEW history AS SELECT * FROM entries;
-- Entries are only ever added.
CREATE FUNCTION entries_stay() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'journal entries never change and are never deleted'; END $$;
CREATE TRIGGER entries_stay BEFORE UPDATE OR DELETE ON entries FOR EACH ROW EXECUTE FUNCTION entries_stay();
CREATE TRIGGER entries_last BEFORE TRUNCATE ON entries FOR EACH STATEMENT EXECUTE FUNCTION entries_stay();

CREATE TABLE settings (
    name TEXT NOT NULL PRIMARY KEY,
    value BYTEA NOT NULL
);
CREATE TABLE operator_keys (
    hash BYTEA NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    last4 TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE TABLE catalogs (
    version BIGINT NOT NULL PRIMARY KEY,
    published_at BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    text TEXT NOT NULL,
    actor TEXT NOT NULL
);
CREATE TABLE test_clocks (
    id BIGINT NOT NULL PRIMARY KEY,
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

-- Projections: folded from the journal in order, thrown away and folded again at will.
CREATE TABLE positions (
    name TEXT NOT NULL PRIMARY KEY,
    xid BIGINT NOT NULL,
    position BIGINT NOT NULL
);
CREATE TABLE snapshots (
    workspace BIGINT NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL,
    state TEXT NOT NULL
);
CREATE TABLE workspaces (
    workspace BIGINT NOT NULL PRIMARY KEY,
    opened BIGINT NOT NULL,
    external_id TEXT,
    test_clock BIGINT,
    next_due_at BIGINT
);
CREATE INDEX workspaces_by_opened ON workspaces (opened);
CREATE INDEX workspaces_by_due ON workspaces (test_clock, next_due_at);
CREATE TABLE runs (
    workspace BIGINT NOT NULL,
    n BIGINT NOT NULL,
    status TEXT NOT NULL,
    seq BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (workspace, n)
);
CREATE TABLE queue (
    workspace BIGINT NOT NULL,
    n BIGINT NOT NULL,
    test_clock BIGINT,
    due_at BIGINT NOT NULL,
    lease_until BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    PRIMARY KEY (workspace, n)
);
CREATE INDEX queue_by_due ON queue (test_clock, due_at);
CREATE TABLE holds (
    workspace BIGINT NOT NULL,
    n BIGINT NOT NULL,
    model TEXT,
    unit TEXT NOT NULL,
    amount BIGINT NOT NULL,
    opened BIGINT NOT NULL,
    extended BIGINT,
    ended BIGINT,
    PRIMARY KEY (workspace, n)
);
CREATE TABLE usage (
    workspace BIGINT NOT NULL,
    day BIGINT NOT NULL,
    model TEXT NOT NULL,
    unit TEXT NOT NULL,
    runs BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    captured BIGINT NOT NULL,
    PRIMARY KEY (workspace, day, model, unit)
);
