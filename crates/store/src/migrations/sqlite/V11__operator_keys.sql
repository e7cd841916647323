-- What an operator key may do, how long, and when it was last used. A key of before may do everything.
ALTER TABLE operator_keys ADD COLUMN scopes TEXT NOT NULL DEFAULT 'all';
ALTER TABLE operator_keys ADD COLUMN grants_per_day BIGINT;
ALTER TABLE operator_keys ADD COLUMN expires_at BIGINT;
ALTER TABLE operator_keys ADD COLUMN revoked_at BIGINT;
ALTER TABLE operator_keys ADD COLUMN last_used_at BIGINT;
-- How much a key that may give so many credits a day has given on the last day that it gave any, counted in days since
-- 1970. A key whose row is gone gives nothing.
CREATE TABLE operator_grants (
    hash BLOB NOT NULL PRIMARY KEY,
    day BIGINT NOT NULL,
    amount BIGINT NOT NULL
);
