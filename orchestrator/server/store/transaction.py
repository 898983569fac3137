"""A unit of work under way in SQLite, and what SQLite's errors mean."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.errors import Damaged, DiskFull, StoreError
from orchestrator.server.store.door import Row


class SqliteTx:
    """Carries out a unit's statements on one connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.facts: list[object] = []

    def rows(self, sql: str, values: Mapping[str, Any] | None = None) -> list[Row]:
        """All rows of a query."""
        cursor = self._connection.execute(sql, values or {})
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    def change(self, sql: str, values: Mapping[str, Any] | None = None) -> int:
        """Insert, update or delete; the number of rows touched."""
        return self._connection.execute(sql, values or {}).rowcount

    def change_many(self, sql: str, values: Sequence[Mapping[str, Any]]) -> None:
        """The same statement for many rows."""
        self._connection.executemany(sql, values)

    def note(self, fact: object) -> None:
        """A fact for whoever counts; the engine tells it on."""
        self.facts.append(fact)


_KINDS: dict[int, type[StoreError]] = {
    sqlite3.SQLITE_FULL: DiskFull,
    sqlite3.SQLITE_CORRUPT: Damaged,
    sqlite3.SQLITE_NOTADB: Damaged,
}
_MEANING = {
    sqlite3.SQLITE_FULL: ("the disk is full", "make room in the data folder"),
    sqlite3.SQLITE_IOERR: ("the disk failed", "see the system's log"),
    sqlite3.SQLITE_CORRUPT: ("the database is damaged", None),
    sqlite3.SQLITE_NOTADB: ("the file is not a database, or is damaged", None),
    sqlite3.SQLITE_READONLY: ("the database is read-only", "check who owns the data folder"),
    sqlite3.SQLITE_CANTOPEN: ("the database cannot be opened", "check path and rights of the data folder"),
    sqlite3.SQLITE_BUSY: ("another program holds the database", "let nothing else write to the data folder"),
}


def told(error: BaseException) -> BaseException:
    """What the caller of a unit is told: SQLite's errors as StoreError, everything else as it is."""
    if isinstance(error, sqlite3.Error):
        return explain(error)
    if isinstance(error, StopIteration):  # a future cannot carry it
        return RuntimeError(f"a unit of work raised {error!r}")
    return error


def explain(error: sqlite3.Error, where: str = "") -> StoreError:
    """SQLite's error in plain words, with the remedy."""
    meaning, hint = _MEANING.get(code(error) & 0xFF, ("the database refuses", None))
    kind = _KINDS.get(code(error) & 0xFF, StoreError)
    explained = kind(f"{where}{meaning} ({error})", hint=hint)
    explained.__cause__ = error
    return explained


def tells_damage(error: sqlite3.Error) -> bool:
    """Whether the error says that the database is damaged."""
    return _KINDS.get(code(error) & 0xFF) is Damaged


def code(error: sqlite3.Error) -> int:
    """SQLite's extended result code; errors of Python's own have none and count as SQLITE_ERROR."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
