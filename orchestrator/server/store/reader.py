"""A connection that only looks, for one thread; it can tell that a look takes too long."""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Callable
from typing import TypeVar

from orchestrator.server.store.door import Tx
from orchestrator.server.store.transaction import SqliteTx, code, explain

T = TypeVar("T")

GLANCE = 500  # steps of SQLite's machine between two looks at the clock, some 10 microseconds


_NOT_NOW = frozenset({sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_BUSY})


class TooLong(Exception):
    """The patience is over; nothing was changed, the unit may be run again."""


class Reader:
    """Runs units on a snapshot each."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA query_only = ON")
        connection.set_progress_handler(self._overdue, GLANCE)
        self._connection = connection
        self._tx = SqliteTx(connection)
        self._deadline = math.inf

    def look(self, unit: Callable[[Tx], T], patience: float = math.inf) -> T:
        """What the unit finds.

        Raises: TooLong when SQLite still searches after `patience` seconds, or waits for others.
        """
        try:
            self._connection.execute("BEGIN")
            try:
                self._deadline = time.perf_counter() + patience
                return unit(self._tx)
            finally:
                self._deadline = math.inf
                self._connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            if code(error) & 0xFF in _NOT_NOW:
                raise TooLong from error
            raise explain(error) from error

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()

    def _overdue(self) -> bool:
        return time.perf_counter() > self._deadline
