-- A workspace's runs are listed too; the runs of a deleted thread are hidden with it.

CREATE INDEX runs_of_workspace ON runs (workspace, seq) WHERE deleted_at IS NULL;

UPDATE runs SET deleted_at = (SELECT deleted_at FROM threads WHERE threads.id = runs.thread_id)
    WHERE deleted_at IS NULL AND thread_id IN (SELECT id FROM threads WHERE deleted_at IS NOT NULL);

-- What the units of a request gave that came with an Idempotency-Key: the row is written in the unit itself, so it is
-- there if and only if the effect is. `request` is a hash of what was asked, `result` JSON.
CREATE TABLE idempotency (
    workspace  TEXT NOT NULL,
    name       TEXT NOT NULL, -- the key
    unit       INTEGER NOT NULL, -- which of the request's units, from 0
    created_at INTEGER NOT NULL,
    request    TEXT NOT NULL,
    result     TEXT NOT NULL,
    PRIMARY KEY (workspace, name, unit)
) STRICT;

CREATE INDEX idempotency_old ON idempotency (created_at);
