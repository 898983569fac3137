"""Takes a backup of a data folder, of a running server too: nobody has to wait for it.

First the database is copied as it is at one moment, then the content of the files that this copy names. A file that
was deleted in between is deleted in the backup as well. So the backup shows that moment, less a little of the past.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import tarfile
import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from orchestrator.errors import DiskFull, StoreError
from orchestrator.server.backup import archive
from orchestrator.server.backup.archive import DATABASE, FILES, MANIFEST, PEPPER, Contents
from orchestrator.server.store.schema import seen
from orchestrator.server.store.snapshot import flush, snapshot
from orchestrator.server.store.transaction import explain

_COUNTED = ("assistants", "threads", "messages", "runs")
_ROOM = "make room, or write it elsewhere with -o"
_FILES = "SELECT id, size FROM files WHERE deleted_at IS NULL ORDER BY seq"


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A backup that is on disk; `seconds` it took, `deleted`: files that went while it was taken."""

    archive: Path
    contents: Contents
    seconds: float
    deleted: int


def backup(data: Path, target: Path) -> Made:
    """Write a backup of the data folder to `target`: a file, or a folder in which it gets a name by its time.

    A name that ends with .gz or .tgz is compressed. The archive is there whole or not at all, for its owner alone.

    Raises: StoreError when there is nothing to back up, it is damaged, or the disk refuses.
    """
    begun, moment = time.monotonic(), datetime.now(UTC)
    if not (data / DATABASE).is_file():
        raise StoreError(f"there is no database in {data}", hint="give the server's data folder with --data DIR")
    if target.is_dir():
        target /= f"orchestrator-{moment:%Y%m%dT%H%M%SZ}.tar"
    part, copy = (target.with_name(f".{target.name}.{kind}") for kind in ("part", "db"))
    with _explained(target):
        try:
            snapshot(data / DATABASE, copy)
            with _private(part) as opened:
                contents, deleted = _write(opened, data, copy, moment, zipped=target.suffix in (".gz", ".tgz"))
                os.fsync(opened.fileno())
            part.replace(target)
            flush(target.parent)
        finally:
            part.unlink(missing_ok=True)
            copy.unlink(missing_ok=True)
    return Made(archive=target, contents=contents, seconds=time.monotonic() - begun, deleted=deleted)


def _write(opened: BinaryIO, data: Path, copy: Path, moment: datetime, *, zipped: bool) -> tuple[Contents, int]:
    stream = tarfile.open(fileobj=opened, mode="w:gz" if zipped else "w", format=tarfile.PAX_FORMAT)  # noqa: SIM115
    with stream as tar, closing(sqlite3.connect(copy, isolation_level=None)) as database:
        kept, gone = _add_files(tar, data, database)
        database.executemany("UPDATE files SET deleted_at = created_at WHERE id = ?", [(file_id,) for file_id in gone])
        keys = _add(tar, data / PEPPER, PEPPER)
        contents = Contents(
            made_at=moment.isoformat(timespec="seconds").replace("+00:00", "Z"),
            program=version("assistant-orchestrator"),
            schema=seen(database).revision or "",
            database_bytes=copy.stat().st_size,
            database_sha256=archive.hash_of(copy),
            files=len(kept),
            file_bytes=sum(kept),
            keys=keys,
            **{table: _count(database, table) for table in _COUNTED},
        )
        _add(tar, copy, DATABASE)
        text = archive.told(contents)
        tar.addfile(_entry(MANIFEST, len(text)), BytesIO(text))
    return contents, len(gone)


def _add_files(tar: tarfile.TarFile, data: Path, database: sqlite3.Connection) -> tuple[list[int], list[str]]:
    """Add the content of all files; the sizes of those that are kept, the ids of those that were deleted meanwhile."""
    kept: list[int] = []
    gone: list[str] = []
    for file_id, size in list(_rows(database)):
        name = archive.blob_name(file_id)
        if _add(tar, data / name, name):
            kept.append(size)
        else:
            gone.append(file_id)
    return kept, gone


def _rows(database: sqlite3.Connection) -> Iterator[tuple[str, int]]:
    """The files of a database; one of an earlier schema has none."""
    if database.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", (FILES,)).fetchone():
        yield from database.execute(_FILES)


def _count(database: sqlite3.Connection, table: str) -> int:
    where = "" if table == "runs" else " WHERE deleted_at IS NULL"
    return int(database.execute(f"SELECT COUNT(*) FROM {table}{where}").fetchone()[0])  # noqa: S608 - our own words


def _add(tar: tarfile.TarFile, path: Path, name: str) -> bool:
    """Add a file; False: it is not there."""
    try:
        source = path.open("rb")
    except FileNotFoundError:
        return False
    with source:
        tar.addfile(_entry(name, os.fstat(source.fileno()).st_size), source)
    return True


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.mtime = size, 0o600, time.time()
    return entry


@contextmanager
def _private(path: Path) -> Generator[BinaryIO]:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
        yield opened


@contextmanager
def _explained(target: Path) -> Generator[None]:
    try:
        yield
    except sqlite3.Error as error:
        told = explain(error)
        full = isinstance(told, DiskFull)
        raise type(told)(f"{target}: {told.message}", hint=_ROOM if full else told.hint) from error
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise (DiskFull if full else StoreError)(f"{target}: {error.strerror}", hint=_ROOM if full else None) from error
