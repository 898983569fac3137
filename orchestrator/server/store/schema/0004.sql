-- Files. A row is written when its content lies in the folder `files` beside the database, so there is never a row
-- without content. A deleted row stays as a tombstone, its content goes.

CREATE TABLE files (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT NOT NULL UNIQUE,
    workspace   TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    deleted_at  INTEGER,
    expires_at  INTEGER,
    name        TEXT NOT NULL,
    size        INTEGER NOT NULL,
    md5         TEXT NOT NULL,
    sha256      TEXT NOT NULL,
    purpose     TEXT NOT NULL,
    description TEXT
) STRICT;

CREATE INDEX files_listed ON files (workspace, seq) WHERE deleted_at IS NULL;

-- How much a workspace holds is the sum of this index.
CREATE INDEX files_space ON files (workspace, size, expires_at, deleted_at) WHERE deleted_at IS NULL;

-- What a sweep looks for.
CREATE INDEX files_due ON files (expires_at) WHERE deleted_at IS NULL AND expires_at IS NOT NULL;
