-- What an operator switched off or on: only ever added to, so that it says who did what as well. The newest row of a name
-- is how it stands.
CREATE TABLE switches (
    n INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    reason TEXT NOT NULL,
    actor TEXT NOT NULL,
    request TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE TRIGGER switches_stay BEFORE UPDATE ON switches BEGIN SELECT RAISE(ABORT, 'switches are only added to'); END;
CREATE TRIGGER switches_last BEFORE DELETE ON switches BEGIN SELECT RAISE(ABORT, 'switches are only added to'); END;
