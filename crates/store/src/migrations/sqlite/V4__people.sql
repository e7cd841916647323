-- People, and how they are let in. An address is kept in lower case; of tokens only the hash.
CREATE TABLE users (
    id BIGINT NOT NULL PRIMARY KEY,
    email TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL
);
-- Links that sign somebody in, once. With a workspace, the session reaches no other.
CREATE TABLE sign_in_tokens (
    hash BLOB NOT NULL PRIMARY KEY,
    email TEXT NOT NULL,
    workspace BIGINT,
    made_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sign_in_tokens_by_expiry ON sign_in_tokens (expires_at);
CREATE TABLE sessions (
    hash BLOB NOT NULL PRIMARY KEY,
    user_id BIGINT NOT NULL,
    workspace BIGINT,
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_seen ON sessions (seen_at);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);
-- What was good once and is used up, kept until it would have run out.
CREATE TABLE spent (
    hash BLOB NOT NULL PRIMARY KEY,
    expires_at BIGINT NOT NULL
);
CREATE INDEX spent_by_expiry ON spent (expires_at);
