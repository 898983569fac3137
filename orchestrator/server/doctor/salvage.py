"""Saves what can be read of a damaged database into a new data folder, in which a server can start. The last resort.

Rows are read by ranges of their numbers; a range that cannot be read is halved until what is lost is known row by
row. What then belongs to nothing is left out, so the new database is whole in itself.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import Damaged, StoreError
from orchestrator.server.access.pepper import FILE as PEPPER
from orchestrator.server.backup.archive import blob_name
from orchestrator.server.store.snapshot import look
from orchestrator.server.store.sqlite import DATABASE, prepare

SPAN = 4096  # rows that are read at once
_TABLES = (
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'sqlite_*' AND name != 'alembic_version'"
)
_FILES = "SELECT id FROM files WHERE deleted_at IS NULL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What became of a table's rows, or of the files' content."""

    name: str
    saved: int
    lost: int


def salvage(data: Path, target: Path) -> list[Saved]:
    """Fill a new data folder; `data` is not touched. Raises: StoreError."""
    if target.exists() and any(target.iterdir()):
        raise StoreError(f"{target} is not empty", hint="give a new folder")
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        told = _fill(data, target)
    except (Damaged, sqlite3.Error) as error:
        (target / DATABASE).unlink(missing_ok=True)
        raise Damaged(f"nothing can be read of the database ({error})", hint="restore a backup") from error
    if (data / PEPPER).is_file():
        shutil.copy2(data / PEPPER, target / PEPPER)
    return told


def _fill(data: Path, target: Path) -> list[Saved]:
    with closing(look(data / DATABASE)) as source, closing(prepare(target / DATABASE)) as fresh:
        fresh.execute("PRAGMA foreign_keys = OFF")
        fresh.execute("BEGIN IMMEDIATE")
        tables = [str(row[0]) for row in fresh.execute(_TABLES)]
        saved = {table: _table(source, fresh, table) for table in tables}
        dropped = _drop_what_belongs_to_nothing(fresh)
        files = _content(fresh, data, target)
        fresh.execute("COMMIT")
    told = [
        Saved(name=name, saved=good - dropped.get(name, 0), lost=bad + dropped.get(name, 0))
        for name, (good, bad) in saved.items()
    ]
    return [*told, files]


def _table(source: sqlite3.Connection, fresh: sqlite3.Connection, table: str) -> tuple[int, int]:
    """Copy a table; how many rows were copied, and how many numbers could not be read."""
    there = {str(row[1]) for row in source.execute(f"PRAGMA table_info({table})")}
    columns = [str(row[1]) for row in fresh.execute(f"PRAGMA table_info({table})") if str(row[1]) in there]
    if not columns:
        return 0, 0
    last = _last(source, table)
    read = f"SELECT {', '.join(columns)} FROM {table} NOT INDEXED WHERE rowid BETWEEN ? AND ?"  # noqa: S608
    marks = ", ".join("?" * len(columns))
    write = f"INSERT OR IGNORE INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608
    good = bad = 0
    for start in range(1, last + 1, SPAN):
        for rows in _ranges(source, read, start, min(start + SPAN - 1, last)):
            if rows is None:
                bad += 1
            else:
                good += max(0, fresh.executemany(write, rows).rowcount)
    return good, bad


def _ranges(
    source: sqlite3.Connection, read: str, start: int, end: int
) -> Iterator[Sequence[tuple[object, ...]] | None]:
    """The rows with numbers from `start` to `end`, in parts; None for each number that cannot be read."""
    try:
        yield source.execute(read, (start, end)).fetchall()
        return
    except sqlite3.Error:
        if start == end:
            yield None
            return
    middle = (start + end) // 2
    yield from _ranges(source, read, start, middle)
    yield from _ranges(source, read, middle + 1, end)


def _last(source: sqlite3.Connection, table: str) -> int:
    """The highest number of a row, from wherever it can be read."""
    for sql in (
        f"SELECT MAX(rowid) FROM {table}",  # noqa: S608 - our own names
        f"SELECT seq FROM sqlite_sequence WHERE name = '{table}'",  # noqa: S608
        f"SELECT COUNT(*) FROM {table}",  # noqa: S608 - by an index; without deletions it is the same
    ):
        try:
            found = source.execute(sql).fetchone()
        except sqlite3.Error:
            continue
        if found is not None:
            return int(found[0] or 0)
    return 0


def _drop_what_belongs_to_nothing(fresh: sqlite3.Connection) -> dict[str, int]:
    """Delete rows whose parents were lost, and what hangs on them; how many, by table."""
    dropped: dict[str, int] = {}
    while orphans := {(str(row[0]), int(row[1])) for row in fresh.execute("PRAGMA foreign_key_check")}:
        for table, number in orphans:
            fresh.execute(f"DELETE FROM {table} WHERE rowid = ?", (number,))  # noqa: S608
            dropped[table] = dropped.get(table, 0) + 1
    return dropped


def _content(fresh: sqlite3.Connection, data: Path, target: Path) -> Saved:
    """Copy the content of files; a file without any is deleted."""
    ids = [str(row[0]) for row in fresh.execute(_FILES)]
    lost = 0
    for file_id in ids:
        name = blob_name(file_id)
        if (data / name).is_file():
            (target / name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.copy2(data / name, target / name)
        else:
            fresh.execute("UPDATE files SET deleted_at = created_at WHERE id = ?", (file_id,))
            lost += 1
    return Saved(name="content of files", saved=len(ids) - lost, lost=lost)
