-- Names of the columns say what they count: hints that have come, and how many of them had come when the customer was
-- last reconciled. A provider runs models; these events are Stripe's.
ALTER TABLE customers RENAME COLUMN hinted TO hints;
ALTER TABLE customers RENAME COLUMN looked TO reconciled;
ALTER TABLE provider_events RENAME TO stripe_events;
DROP INDEX provider_events_waiting;
CREATE INDEX stripe_events_waiting ON stripe_events (received_at) WHERE handled_at IS NULL;
