-- Mails that are to be sent, and what became of them. Written with the entry they tell of. No link, token or key is ever
-- in here: links are made when a mail is sent.
CREATE TABLE mails (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    recipient TEXT NOT NULL,
    data TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    lease_until BIGINT NOT NULL,
    sent_at BIGINT,
    failed TEXT,
    created_at BIGINT NOT NULL
);
CREATE INDEX mails_by_due ON mails (due_at) WHERE sent_at IS NULL AND failed IS NULL;
