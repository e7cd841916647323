-- Where idempotency keys were used is a projection now: keys are spread over all of their index, so that keeping it here
-- cost every entry a page of every flush. That no key is used twice is decided by the one thread that writes entries,
-- and checked where they are projected.
DROP INDEX entries_by_key;
