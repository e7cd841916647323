-- Projections: folded from the journal in order, thrown away and folded again at will.
CREATE TABLE positions (
    name TEXT NOT NULL PRIMARY KEY,
    position BIGINT NOT NULL,
    -- Of the entry there: a journal that has another one is another journal.
    hash BLOB NOT NULL
);
-- Where each entry of a workspace is. In the journal itself this index would cost every commit a page an entry.
CREATE TABLE places (
    workspace BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    position BIGINT NOT NULL,
    PRIMARY KEY (workspace, seq)
) WITHOUT ROWID;
-- The number of each workspace's last entry in there, so that a place that is missing at the end is noticed.
CREATE TABLE ends (
    workspace INTEGER PRIMARY KEY,
    seq BIGINT NOT NULL
);
-- Where each idempotency key was used. Its effect never expires, so that this is looked up for every command with a key;
-- no two entries have the same one.
CREATE TABLE keys (
    workspace BIGINT NOT NULL,
    idempotency_key BLOB NOT NULL,
    position BIGINT NOT NULL,
    PRIMARY KEY (workspace, idempotency_key)
) WITHOUT ROWID;
CREATE TABLE snapshots (
    workspace INTEGER PRIMARY KEY,
    seq BIGINT NOT NULL,
    -- Of the entry that it stands after.
    hash BLOB NOT NULL,
    mac BLOB NOT NULL,
    state TEXT NOT NULL
);
CREATE TABLE workspaces (
    workspace INTEGER PRIMARY KEY,
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
) WITHOUT ROWID;
CREATE TABLE queue (
    workspace BIGINT NOT NULL,
    n BIGINT NOT NULL,
    test_clock BIGINT,
    due_at BIGINT NOT NULL,
    lease_until BIGINT NOT NULL,
    owner BIGINT NOT NULL DEFAULT 0,
    attempt BIGINT NOT NULL,
    PRIMARY KEY (workspace, n)
) WITHOUT ROWID;
CREATE INDEX queue_by_due ON queue (test_clock, due_at);
-- What a hold is follows from the entries with these numbers; the rest is for counting its usage.
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
) WITHOUT ROWID;
-- By day first: the rows that a day changes are neighbours, however many workspaces there are. By workspace, each would
-- be on a page of its own, which every fold would write.
CREATE TABLE usage (
    workspace BIGINT NOT NULL,
    day BIGINT NOT NULL,
    model TEXT NOT NULL,
    unit TEXT NOT NULL,
    key BIGINT NOT NULL,
    runs BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    captured BIGINT NOT NULL,
    PRIMARY KEY (day, workspace, model, unit, key)
) WITHOUT ROWID;
CREATE INDEX usage_by_workspace ON usage (workspace, day);
