-- Assistants, threads and messages. `seq` is the order of creation: it breaks ties and serves the cursors of lists.
-- A deleted row stays as a tombstone. The partial indexes serve the lists, which show what is not deleted.

CREATE TABLE assistants (
    seq          INTEGER PRIMARY KEY AUTOINCREMENT,
    id           TEXT NOT NULL UNIQUE,
    workspace    TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    deleted_at   INTEGER,
    model        TEXT NOT NULL,
    name         TEXT,
    description  TEXT,
    instructions TEXT,
    tools        TEXT NOT NULL,
    file_ids     TEXT NOT NULL,
    file_times   TEXT NOT NULL DEFAULT '{}', -- JSON: file id to when it was attached, for those attached later
    metadata     TEXT NOT NULL,
    settings     TEXT NOT NULL
) STRICT;

CREATE INDEX assistants_listed ON assistants (workspace, seq) WHERE deleted_at IS NULL;

CREATE TABLE threads (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT NOT NULL UNIQUE,
    workspace  TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    deleted_at INTEGER,
    metadata   TEXT NOT NULL
) STRICT;

CREATE INDEX threads_listed ON threads (workspace, seq) WHERE deleted_at IS NULL;

CREATE TABLE messages (
    seq                INTEGER PRIMARY KEY AUTOINCREMENT,
    id                 TEXT NOT NULL UNIQUE,
    workspace          TEXT NOT NULL,
    thread_id          TEXT NOT NULL REFERENCES threads (id),
    created_at         INTEGER NOT NULL,
    deleted_at         INTEGER,
    role               TEXT NOT NULL,
    content            TEXT NOT NULL,
    assistant_id       TEXT,
    run_id             TEXT,
    file_ids           TEXT NOT NULL,
    metadata           TEXT NOT NULL,
    status             TEXT NOT NULL,
    completed_at       INTEGER,
    incomplete_at      INTEGER,
    incomplete_details TEXT
) STRICT;

CREATE INDEX messages_listed ON messages (thread_id, seq) WHERE deleted_at IS NULL;
