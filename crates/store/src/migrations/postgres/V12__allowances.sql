-- How much of what costs others something was used of late, by whoever is counted: one sliding log a kind and subject.
-- Of an address only a hash is kept.
CREATE TABLE allowances (
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    log BYTEA NOT NULL,
    -- The last instant in the log: a row whose last one is long ago may go.
    last BIGINT NOT NULL,
    PRIMARY KEY (kind, subject)
);
CREATE INDEX allowances_by_last ON allowances (last);
-- People whom the operator has blocked, and why. `person` is the mailbox behind the address, however it is written.
CREATE TABLE blocks (
    user_id BIGINT NOT NULL PRIMARY KEY,
    person TEXT NOT NULL,
    reason TEXT NOT NULL,
    actor TEXT NOT NULL,
    at BIGINT NOT NULL,
    seal BYTEA
);
CREATE INDEX blocks_by_person ON blocks (person);
