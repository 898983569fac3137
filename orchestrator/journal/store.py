"""Opens `journal.db` and keeps its transactions short. What SQLite cannot do becomes an error with a remedy."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from orchestrator.errors import JournalError, JournalFull
from orchestrator.journal.schema import VERSIONS

NAME = "journal.db"
BUSY_SECONDS = 10.0


class Journal:
    """The journal of a data folder. `clock`: seconds since 1970. Every call is one transaction of its own.

    A file that is not there is made by the first write; reading then finds nothing.
    """

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.path = folder / NAME
        self.clock = clock
        self._connection: sqlite3.Connection | None = None

    def rows(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """What a query finds; nothing where no journal is yet."""
        if self._connection is None and not self.path.exists():
            return []
        with _told(self.path):
            return self._open().execute(query, values).fetchall()

    @contextmanager
    def writing(self) -> Generator[sqlite3.Connection]:
        """One transaction, taken at once, so that what is read in it cannot change under it.

        Raises:
            JournalFull: no room on the disk; nothing was written. JournalError: anything else.
        """
        with _told(self.path):
            connection = self._open()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)
            try:
                _prepare(connection, self.path)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")  # survives the process; a lost tail is in the target's stamps
    connection.execute("BEGIN IMMEDIATE")
    with closing(connection.execute("PRAGMA user_version")) as found:
        version = found.fetchone()[0]
    if version > len(VERSIONS):
        connection.execute("ROLLBACK")
        raise JournalError(f"{path} was written by a newer version.", hint="update this program, or move the file away")
    for statements in VERSIONS[version:]:
        for statement in statements:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {len(VERSIONS)}")
    connection.execute("COMMIT")


@contextmanager
def _told(path: Path) -> Generator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
            raise JournalFull(
                f"The disk is full: {path} cannot be written.", hint="make room and apply again"
            ) from error
        raise JournalError(f"{path} cannot be used: {error}.") from error
    except (sqlite3.Error, OSError) as error:
        raise JournalError(f"{path} cannot be used: {error}.") from error
