-- A seal over each row by which rights, sign-in or what is sold is decided; none until the next start seals what is
-- there.
ALTER TABLE settings ADD COLUMN seal BYTEA;
ALTER TABLE operator_keys ADD COLUMN seal BYTEA;
ALTER TABLE operator_grants ADD COLUMN seal BYTEA;
ALTER TABLE catalogs ADD COLUMN seal BYTEA;
ALTER TABLE test_clocks ADD COLUMN seal BYTEA;
ALTER TABLE users ADD COLUMN seal BYTEA;
ALTER TABLE identities ADD COLUMN seal BYTEA;
ALTER TABLE sign_in_tokens ADD COLUMN seal BYTEA;
ALTER TABLE sessions ADD COLUMN seal BYTEA;
ALTER TABLE mails ADD COLUMN seal BYTEA;
ALTER TABLE customers ADD COLUMN seal BYTEA;
ALTER TABLE purchases ADD COLUMN seal BYTEA;
ALTER TABLE reviews ADD COLUMN seal BYTEA;
ALTER TABLE review_files ADD COLUMN seal BYTEA;
ALTER TABLE acts ADD COLUMN seal BYTEA;
ALTER TABLE claims ADD COLUMN seal BYTEA;
-- A snapshot carries the hash of the entry that it stands after, and a MAC. Those without are folded again.
DELETE FROM snapshots;
ALTER TABLE snapshots ADD COLUMN hash BYTEA;
ALTER TABLE snapshots ADD COLUMN mac BYTEA;
