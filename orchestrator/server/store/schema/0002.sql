-- Runs, their steps and their events. Large columns stand last, so that a look at the status need not read past them.

CREATE TABLE runs (
    seq                INTEGER PRIMARY KEY AUTOINCREMENT,
    id                 TEXT NOT NULL UNIQUE,
    workspace          TEXT NOT NULL,
    thread_id          TEXT NOT NULL REFERENCES threads (id),
    assistant_id       TEXT NOT NULL,
    created_at         INTEGER NOT NULL,
    deleted_at         INTEGER,
    status             TEXT NOT NULL,
    epoch              INTEGER NOT NULL,
    tries              INTEGER NOT NULL DEFAULT 0, -- how often it was taken over from an owner that died
    expires_at         INTEGER,
    started_at         INTEGER,
    cancelled_at       INTEGER,
    failed_at          INTEGER,
    completed_at       INTEGER,
    model              TEXT NOT NULL,
    metadata           TEXT NOT NULL,
    required_action    TEXT NOT NULL,
    last_error         TEXT,
    incomplete_details TEXT,
    usage              TEXT,
    file_ids           TEXT NOT NULL,
    settings           TEXT NOT NULL,
    options            TEXT NOT NULL,
    tools              TEXT NOT NULL,
    instructions       TEXT
) STRICT;

CREATE INDEX runs_listed ON runs (thread_id, seq) WHERE deleted_at IS NULL;

-- A thread has at most one run that is not over. Also serves the question which run that is.
CREATE UNIQUE INDEX runs_active ON runs (thread_id)
    WHERE status IN ('queued', 'in_progress', 'requires_action', 'cancelling');

-- What a sweep and a start look for.
CREATE INDEX runs_due ON runs (expires_at)
    WHERE status IN ('queued', 'in_progress', 'requires_action', 'cancelling');

CREATE TABLE steps (
    seq          INTEGER PRIMARY KEY AUTOINCREMENT,
    id           TEXT NOT NULL UNIQUE,
    workspace    TEXT NOT NULL,
    thread_id    TEXT NOT NULL,
    run_id       TEXT NOT NULL REFERENCES runs (id),
    assistant_id TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    deleted_at   INTEGER,
    type         TEXT NOT NULL,
    status       TEXT NOT NULL,
    message_id   TEXT,
    last_error   TEXT,
    usage        TEXT,
    expired_at   INTEGER,
    cancelled_at INTEGER,
    failed_at    INTEGER,
    completed_at INTEGER,
    calls        TEXT NOT NULL
) STRICT;

CREATE INDEX steps_listed ON steps (run_id, seq) WHERE deleted_at IS NULL;

-- What a run told, in order: `seq` counts from 1 within the run, without gaps.
CREATE TABLE events (
    run_id  TEXT NOT NULL REFERENCES runs (id),
    seq     INTEGER NOT NULL,
    name    TEXT NOT NULL,
    kind    TEXT NOT NULL,
    subject TEXT NOT NULL,
    PRIMARY KEY (run_id, seq)
) STRICT;
