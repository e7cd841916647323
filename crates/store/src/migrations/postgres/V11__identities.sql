-- People by what an identity provider knows them as: an address may come to belong to somebody else there, a subject
-- never does.
CREATE TABLE identities (
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    user_id BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (issuer, subject),
    UNIQUE (issuer, user_id)
);
-- A run's row says which key asked for it. Rows follow from the journal: they are folded again.
SELECT 1 FROM positions WHERE name = 'views' FOR UPDATE;
DELETE FROM snapshots;
DELETE FROM workspaces;
DELETE FROM runs;
DELETE FROM queue;
DELETE FROM holds;
DELETE FROM usage;
DELETE FROM positions;
-- Usage is summed by key too; 0 is none.
ALTER TABLE usage ADD COLUMN key BIGINT NOT NULL DEFAULT 0;
ALTER TABLE usage DROP CONSTRAINT usage_pkey;
ALTER TABLE usage ADD PRIMARY KEY (workspace, day, model, unit, key);
