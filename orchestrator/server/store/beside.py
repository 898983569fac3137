"""A short visit to the database of a data folder, for a command that runs beside the server or without one.

SQLite lets several programs write, one after the other: a visit is one small transaction, and the server's writer
waits for its end. The tables are made or brought up to date only where no server has the folder.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from orchestrator.errors import FolderInUse, StoreError
from orchestrator.server.store.door import Tx
from orchestrator.server.store.folder import hold
from orchestrator.server.store.schema import revisions, seen
from orchestrator.server.store.sqlite import DATABASE, connect, prepare
from orchestrator.server.store.transaction import SqliteTx, explain

T = TypeVar("T")


def visit(data: Path, unit: Callable[[Tx], T]) -> T:
    """Run a unit on a folder's database, atomic and on disk on return. Raises: StoreError, and what the unit raises."""
    path = data / DATABASE
    try:
        held = hold(data)
    except FolderInUse:
        return _run(path, _beside(path), unit)
    try:
        return _run(path, prepare(path), unit)
    finally:
        held.release()


def _beside(path: Path) -> sqlite3.Connection:
    """A connection beside the server, which looks after the tables itself."""
    try:
        connection = connect(path)
        if seen(connection).revision != revisions()[-1]:
            connection.close()
            raise StoreError(
                "the server that runs there is of another version", hint="restart it with this version, then try again"
            )
    except sqlite3.Error as error:
        raise explain(error, f"{path}: ") from error
    return connection


def _run(path: Path, connection: sqlite3.Connection, unit: Callable[[Tx], T]) -> T:
    with closing(connection):
        try:
            connection.execute("BEGIN IMMEDIATE")
            result = unit(SqliteTx(connection))
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise explain(error, f"{path}: ") from error
    return result
