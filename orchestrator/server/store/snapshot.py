"""A consistent copy of a database, also of one that a server is writing to."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path


def snapshot(path: Path, target: Path) -> None:
    """Copy a database as it is at one moment; nobody has to wait meanwhile. The copy is complete or not there.

    It is one file without a log beside it, for its owner's eyes only, and on disk on return.

    Raises: sqlite3.Error, OSError.
    """
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)
    try:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with closing(look(path)) as source, closing(sqlite3.connect(part)) as copy:
            source.backup(copy)  # in one go: in steps it would begin anew after each write of others
            copy.execute("PRAGMA journal_mode = DELETE")
        flush(part)
        part.replace(target)
        flush(target.parent)
    finally:
        part.unlink(missing_ok=True)


def look(path: Path) -> sqlite3.Connection:
    """A connection to a database that exists, and that cannot write. Raises: sqlite3.Error."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5.0, isolation_level=None)


def flush(path: Path) -> None:
    """See that a file's content, or a folder's names, are on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
