"""The tables, as numbered SQL files. To add a migration: one file `NNNN.sql`, with a number above all others.

alembic applies what a database has not seen, in the order of the numbers (`upgrading.py`, imported only when there
is something to do), and notes the last one in the table `alembic_version`. Each file is one transaction together
with that note, so a migration that was killed goes on where it was. A new database is made of all files at once, and
is the same (`making.py`, without alembic). A released file is never edited or renamed.

Numbers may have gaps. One that is filled in later than a database has gone is not applied to that database: before
the first release no database needs to survive that; after it, new files go to the end.

`PRAGMA user_version` is the same number again: databases from before alembic have nothing else and are taken over by
it, and the programs of that time see by it that they are too old.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import StoreError
from orchestrator.server.store.schema.making import make
from orchestrator.server.store.snapshot import snapshot

FOLDER = Path(__file__).parent
_NAMES = "[0-9][0-9][0-9][0-9].sql"


@dataclass(frozen=True, slots=True)
class Seen:
    """How far a database is: its revision (None: it is new), and whether alembic knows of it."""

    revision: str | None
    noted: bool


def revisions(folder: Path | None = None) -> tuple[str, ...]:
    """The numbers of all files, in order."""
    return tuple(sorted(file.stem for file in (folder or FOLDER).glob(_NAMES)))


def seen(connection: sqlite3.Connection) -> Seen:
    """How far the database is. Raises: StoreError when this program does not know its revision; nothing is touched."""
    found = Seen(*_look(connection))
    known = revisions()
    if found.revision is not None and found.revision not in known:
        raise StoreError(
            f"the database has schema {found.revision}, this program knows none beyond {known[-1]}",
            hint="a newer orchestrator has written it: upgrade, or choose another data folder",
        )
    return found


def migrate(path: Path, connect: Callable[[], sqlite3.Connection]) -> None:
    """Bring the database up to date. Before a database that holds something is changed, a copy is laid beside it.

    The copy goes when all went well; else it stays, and the error names it. Raises: StoreError, sqlite3.Error.
    """
    with closing(connect()) as connection:
        before = seen(connection)
        if before.revision is None and _is_empty(connection):
            make(connection, FOLDER, revisions())
            return
    if before == Seen(revisions()[-1], noted=True):
        return
    from orchestrator.server.store.schema.upgrading import upgrade  # noqa: PLC0415 - alembic is large

    copy = path.with_name(f"{path.name}.before-{revisions()[-1]}")
    snapshot(path, copy)
    try:
        upgrade(connect, FOLDER, revisions(), taken_over=0 if before.noted else int(before.revision or 0))
    except sqlite3.Error as error:
        raise StoreError(
            f"{path}: the database could not be brought to schema {revisions()[-1]} ({error})",
            hint=f"what was there before is in {copy}",
        ) from error
    copy.unlink()


def _is_empty(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_schema").fetchone() is None


def _look(connection: sqlite3.Connection) -> tuple[str | None, bool]:
    table = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'alembic_version'"
    if connection.execute(table).fetchone():
        note = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        if note is not None:
            return str(note[0]), True
    number = int(connection.execute("PRAGMA user_version").fetchone()[0])
    return (f"{number:04}" if number else None), False
