-- Where a workspace's entries are is a projection now: keeping this index cost every entry a page of every commit. The
-- order of a workspace's entries is kept by the one thread that writes them, and checked where they are projected.
DROP INDEX entries_by_workspace;
