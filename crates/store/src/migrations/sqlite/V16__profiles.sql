-- Entries name people by id. The address that a workspace knows a person by stands here, in a row that is written in the
-- transaction of the entry which names the person first.
CREATE TABLE profiles (
    workspace INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    email TEXT NOT NULL,
    earlier TEXT NOT NULL,
    seal BLOB,
    PRIMARY KEY (workspace, user_id)
);
