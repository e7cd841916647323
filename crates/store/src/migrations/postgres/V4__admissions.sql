-- What each workspace was admitted in the last minute, for its rate limit. It is not in the log of the database: a crash
-- forgets that minute and nothing else, and no answer waits for a disk.
CREATE UNLOGGED TABLE admissions (
    workspace BIGINT NOT NULL PRIMARY KEY,
    log BYTEA NOT NULL,
    -- The last instant in the log: a row whose last one is long ago may go.
    last BIGINT NOT NULL
-- Rows are written again and again: there is room for new versions beside the old ones, and what is left of those is
-- cleared away soon.
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
    toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 1000);
-- Differences between instants are as short as they can be already.
ALTER TABLE admissions ALTER COLUMN log SET STORAGE EXTERNAL;
