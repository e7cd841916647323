-- What operators did that is about no one workspace: only ever added to. Of switches the newest row of a name is how it
-- stands.
CREATE TABLE acts (
    n INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    reason TEXT NOT NULL,
    actor TEXT NOT NULL,
    request TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE TRIGGER acts_stay BEFORE UPDATE ON acts BEGIN SELECT RAISE(ABORT, 'acts are only added to'); END;
CREATE TRIGGER acts_last BEFORE DELETE ON acts BEGIN SELECT RAISE(ABORT, 'acts are only added to'); END;
