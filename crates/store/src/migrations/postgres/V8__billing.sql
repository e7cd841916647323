-- Whom the payment provider knows a workspace as, and whether there is something new about them: how often there was a
-- hint of it, and how many of these had come when it was last looked.
CREATE TABLE customers (
    workspace BIGINT NOT NULL PRIMARY KEY,
    customer TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    hinted BIGINT NOT NULL,
    looked BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    lease_until BIGINT NOT NULL
);
CREATE UNIQUE INDEX customers_by_customer ON customers (customer);
CREATE INDEX customers_by_due ON customers (due_at) WHERE hinted > looked;
-- Events that the payment provider told of. They are hints, so what they say is not kept: only whom they are about.
CREATE TABLE provider_events (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    customer TEXT,
    charge TEXT,
    created_at BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    handled_at BIGINT
);
CREATE INDEX provider_events_waiting ON provider_events (received_at) WHERE handled_at IS NULL;
-- What somebody decided to buy: written before the payment provider is asked, with what its keys are made from.
CREATE TABLE purchases (
    id TEXT NOT NULL PRIMARY KEY,
    workspace BIGINT NOT NULL,
    what TEXT NOT NULL,
    catalog BIGINT NOT NULL,
    amount BIGINT NOT NULL,
    currency TEXT NOT NULL,
    session TEXT,
    url TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    closed_at BIGINT
);
CREATE INDEX purchases_open ON purchases (workspace) WHERE closed_at IS NULL;
-- Of all plans a workspace can pay for one at a time, whoever clicks how often at one instant.
CREATE UNIQUE INDEX purchases_one_plan ON purchases (workspace)
    WHERE closed_at IS NULL AND substr(what, 1, 5) = 'plan ';
-- What an operator should look at, each thing once.
CREATE TABLE alerts (
    about TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    workspace BIGINT,
    detail TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX alerts_by_time ON alerts (at);
