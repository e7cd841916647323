-- What a measurement starts with. Variables: `workspaces`, how many; `sha256`, the hash of the key that may do all.
-- Five grants each, more than a measurement can spend. The last workspace has the exact balance of the race instead.

INSERT INTO api_keys VALUES (decode(:'sha256', 'hex'), 'benchmark');
INSERT INTO workspaces (id, name) SELECT n, 'many ' || n FROM generate_series(1, :workspaces) n;
INSERT INTO workspaces (id, name) VALUES (:workspaces + 1, 'race');

INSERT INTO grants (workspace_id, rank, amount, available, expires_at)
    SELECT n, rank, 1000000000, 1000000000,
        CASE WHEN rank = 5 THEN 'infinity' ELSE now() + rank * interval '30 days' END
    FROM generate_series(1, :workspaces) n, generate_series(1, 5) rank;
-- 703 credits in five grants, none a multiple of 7: 100 holds of 7 fit, some across two grants, and 3 are left.
INSERT INTO grants (workspace_id, rank, amount, available)
    SELECT :workspaces + 1, rank, credits, credits
    FROM unnest(ARRAY[100, 150, 3, 200, 250]) WITH ORDINALITY AS given (credits, rank);

INSERT INTO entries (workspace_id, grant_id, kind, credits) SELECT workspace_id, id, 'grant', amount FROM grants;
