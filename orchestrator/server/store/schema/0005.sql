-- Keys of the API. `digest` is an HMAC under a pepper that lies in a file beside this one: no key can be found in here.
CREATE TABLE keys (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT NOT NULL UNIQUE,
    workspace  TEXT NOT NULL,
    name       TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    used_at    INTEGER, -- written now and then, not with each request
    digest     TEXT NOT NULL,
    bounds     TEXT NOT NULL -- JSON: what differs from the usual allowance
) STRICT;

-- Which keys were made, revoked or forgotten, in order: a running server sees by one look what is new.
CREATE TABLE key_changes (
    seq    INTEGER PRIMARY KEY AUTOINCREMENT,
    key_id TEXT NOT NULL
) STRICT;

-- Whose runs are not over: asked before a run is accepted.
ALTER TABLE runs ADD COLUMN key_id TEXT;

CREATE INDEX runs_of_tenant ON runs (workspace, key_id)
    WHERE status IN ('queued', 'in_progress', 'requires_action', 'cancelling');
