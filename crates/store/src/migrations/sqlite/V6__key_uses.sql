-- When each key was last used, to the minute. What a key may do is in its workspace.
CREATE TABLE key_uses (
    workspace BIGINT NOT NULL,
    n BIGINT NOT NULL,
    used_at BIGINT NOT NULL,
    PRIMARY KEY (workspace, n)
);
