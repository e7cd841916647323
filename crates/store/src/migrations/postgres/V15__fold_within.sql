-- The rows of a workspace are written in the transaction that appends its entries: `seq` is the number of its newest
-- entry, and of the last one that its rows are folded from. No order over workspaces is kept any more.
CREATE TABLE unfolded (workspace BIGINT NOT NULL PRIMARY KEY);
INSERT INTO unfolded SELECT DISTINCT workspace FROM entries;
DELETE FROM workspaces;
DELETE FROM runs;
DELETE FROM queue;
DELETE FROM holds;
DELETE FROM usage;
-- A server of an earlier version would go on folding.
DROP TABLE positions;
DROP INDEX entries_by_transaction;
ALTER TABLE workspaces ADD COLUMN seq BIGINT NOT NULL;
-- Each append changes the row of its workspace: there is room for the new version beside the old one.
ALTER TABLE workspaces SET (fillfactor = 70);
-- A workspace has its place in lists by the instant of its opening.
DROP INDEX workspaces_by_opened;
CREATE INDEX workspaces_by_opened ON workspaces (opened, workspace);
-- The process that has a lease: only that one moves or ends it.
ALTER TABLE queue ADD COLUMN owner BIGINT NOT NULL DEFAULT 0;
-- No order of transactions is kept.
DROP VIEW history;
ALTER TABLE entries DROP COLUMN xid;
CREATE VIEW history AS SELECT * FROM entries;
