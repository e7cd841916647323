-- Applications for reviews, in the order they were made: what was sent with each, and how it was decided, written with
-- the entries that say so. Whether a review is approved now is in its workspace.
CREATE TABLE reviews (
    n INTEGER PRIMARY KEY,
    workspace BIGINT NOT NULL,
    -- Its number among all applications of the workspace, and among those for this review.
    number BIGINT NOT NULL,
    review TEXT NOT NULL,
    application BIGINT NOT NULL,
    form TEXT NOT NULL,
    actor TEXT NOT NULL,
    applied_at BIGINT NOT NULL,
    status TEXT NOT NULL,
    reason TEXT,
    decided_at BIGINT,
    UNIQUE (workspace, number),
    UNIQUE (workspace, review, application)
);
CREATE INDEX reviews_by_status ON reviews (status, n);
-- The files of an application; their bytes are where outputs are, by their hash.
CREATE TABLE review_files (
    workspace BIGINT NOT NULL,
    number BIGINT NOT NULL,
    file BIGINT NOT NULL,
    name TEXT NOT NULL,
    content_type TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    actor TEXT NOT NULL,
    added_at BIGINT NOT NULL,
    PRIMARY KEY (workspace, number, file),
    UNIQUE (workspace, number, sha256)
);
