"""The tables, by version: each entry brings a journal from the version before it up by one."""

from __future__ import annotations

VERSIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE applies (
            id INTEGER PRIMARY KEY, owner TEXT NOT NULL, who TEXT NOT NULL, started REAL NOT NULL, ended REAL,
            verb TEXT NOT NULL, git TEXT, dirty INTEGER NOT NULL, plan TEXT NOT NULL, outcome TEXT)""",
        """CREATE TABLE steps (
            id INTEGER PRIMARY KEY, apply INTEGER NOT NULL REFERENCES applies(id), owner TEXT NOT NULL,
            name TEXT NOT NULL, action TEXT NOT NULL, attempt TEXT NOT NULL, begun REAL NOT NULL, ended REAL,
            state TEXT NOT NULL, error TEXT)""",
        "CREATE INDEX steps_open ON steps(owner) WHERE state = 'begun'",
        "CREATE INDEX steps_apply ON steps(apply)",
        "CREATE INDEX steps_name ON steps(owner, name)",
        """CREATE TABLE revisions (
            owner TEXT NOT NULL, name TEXT NOT NULL, number INTEGER NOT NULL, body TEXT NOT NULL,
            protect INTEGER NOT NULL, time REAL NOT NULL, apply INTEGER NOT NULL, file TEXT NOT NULL,
            PRIMARY KEY (owner, name, number))""",
        """CREATE TABLE holds (
            owner TEXT NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL, revision INTEGER NOT NULL,
            since REAL NOT NULL, PRIMARY KEY (owner, name))""",
        """CREATE TABLE leases (
            owner TEXT PRIMARY KEY, holder TEXT NOT NULL, nonce TEXT NOT NULL, taken REAL NOT NULL,
            expires REAL NOT NULL)""",
    ),
    (
        # what each assistant was made of when it was written last: kinds, names and hashes, never a value
        """CREATE TABLE inputs (
            owner TEXT NOT NULL, name TEXT NOT NULL, revision INTEGER NOT NULL, entries TEXT NOT NULL,
            PRIMARY KEY (owner, name))""",
    ),
    ("ALTER TABLE leases ADD COLUMN process TEXT NOT NULL DEFAULT ''",),  # see `processes`
)
