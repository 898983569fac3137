"""Puts a backup back: everything is unpacked and checked beside what is there, then it takes its place.

The database moves last. While a restore is unfinished its folder `restore.part` keeps servers from starting, since
they would take what is there for a new data folder.
"""

from __future__ import annotations

import shutil
import sqlite3
import tarfile
import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from orchestrator.errors import StoreError
from orchestrator.server.backup import archive
from orchestrator.server.backup.archive import DATABASE, FILES, MANIFEST, PEPPER, Contents
from orchestrator.server.store.folder import UNFINISHED, hold
from orchestrator.server.store.schema import seen
from orchestrator.server.store.snapshot import flush, look
from orchestrator.server.store.transaction import explain

_THERE = (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", PEPPER, FILES)
_DAMAGED = "take another backup: this one is damaged"
_ROWS = "SELECT id, size, sha256 FROM files WHERE deleted_at IS NULL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What stands in the data folder now; `seconds` it took, `aside`: where what was there before has gone."""

    contents: Contents
    seconds: float
    aside: Path | None


def restore(source: Path, data: Path, *, replace: bool = False) -> Restored:
    """Make a data folder of a backup. What is there already stays, or with `replace` is laid aside.

    Raises: StoreError when the archive is no backup or damaged, the folder is in use, or holds data.
    """
    begun = time.monotonic()
    held = hold(data)
    try:
        there = [data / name for name in _THERE if (data / name).exists()]
        if there and not replace:
            raise StoreError(f"there is data in {data} already", hint="restore elsewhere with --data, or add --replace")
        staged = data / UNFINISHED
        if staged.exists():
            shutil.rmtree(staged)
        staged.mkdir(mode=0o700)
        try:
            contents = _unpack(source, staged)
            _check(staged, contents)
        except BaseException:
            shutil.rmtree(staged)
            raise
        aside = _lay_aside(data, there) if there else None
        _move_in(staged, data)
    finally:
        held.release()
    return Restored(contents=contents, seconds=time.monotonic() - begun, aside=aside)


def _unpack(source: Path, staged: Path) -> Contents:
    """Unpack what a backup holds, and nothing else; its manifest."""
    contents: Contents | None = None
    with _readable(source), tarfile.open(source, mode="r|*") as tar:
        for member in tar:
            content = tar.extractfile(member) if archive.belongs(member) else None
            if content is None:
                raise StoreError(f"{source} is no backup: it holds '{member.name[:80]}'")
            if member.name == MANIFEST:
                contents = archive.read(content.read())
                continue
            target = staged / member.name
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with target.open("xb") as opened:
                target.chmod(0o600)
                shutil.copyfileobj(content, opened, archive.CHUNK)
            flush(target)
    if contents is None:
        raise StoreError(f"{source} is cut off: it has no manifest", hint=_DAMAGED)
    return contents


def _check(staged: Path, contents: Contents) -> None:
    """See that the database is sound and known, and that every file has its content."""
    path = staged / DATABASE
    if not path.is_file() or archive.hash_of(path) != contents.database_sha256:
        raise StoreError("the database in the archive is not the one that was put in", hint=_DAMAGED)
    try:
        with closing(look(path)) as database:
            seen(database)
            found = database.execute("PRAGMA integrity_check(1)").fetchone()[0]
            orphans = database.execute("PRAGMA foreign_key_check").fetchone()
            rows = list(_rows(database))
    except sqlite3.Error as error:
        raise explain(error, "the database in the archive: ") from error
    if found != "ok" or orphans is not None:
        raise StoreError(f"the database in the archive is damaged: {found}", hint=_DAMAGED)
    for file_id, size, sha256 in rows:
        blob = staged / archive.blob_name(file_id)
        if not blob.is_file() or blob.stat().st_size != size or archive.hash_of(blob) != sha256:
            raise StoreError(f"the content of {file_id} is missing in the archive, or damaged", hint=_DAMAGED)


def _rows(database: sqlite3.Connection) -> Iterator[tuple[str, int, str]]:
    """The files of a database; one of an earlier schema has none."""
    if database.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", (FILES,)).fetchone():
        yield from database.execute(_ROWS)


def _lay_aside(data: Path, there: list[Path]) -> Path:
    aside = data / f"before-restore-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}"
    aside.mkdir(mode=0o700)
    for path in there:
        path.rename(aside / path.name)
    return aside


def _move_in(staged: Path, data: Path) -> None:
    """The database last: as long as it is not there, nothing is."""
    for name in (FILES, PEPPER, DATABASE):
        if (staged / name).exists():
            (staged / name).rename(data / name)
    flush(data)
    staged.rmdir()


@contextmanager
def _readable(source: Path) -> Generator[None]:
    try:
        yield
    except (tarfile.TarError, EOFError) as error:
        raise StoreError(f"{source} is no backup, or damaged: {error}", hint=_DAMAGED) from error
    except OSError as error:
        raise StoreError(f"{source} cannot be restored: {error.strerror or error}") from error
