-- Names of the columns say what they count: hints that have come, and how many of them had come when the customer was
-- last reconciled. A provider runs models; these events are Stripe's.
ALTER TABLE customers RENAME COLUMN hinted TO hints;
ALTER TABLE customers RENAME COLUMN looked TO reconciled;
ALTER TABLE provider_events RENAME TO stripe_events;
ALTER INDEX provider_events_pkey RENAME TO stripe_events_pkey;
ALTER INDEX provider_events_waiting RENAME TO stripe_events_waiting;
