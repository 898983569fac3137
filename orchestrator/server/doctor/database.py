"""The database and what lies beside it: sound, known, complete; the files' content, the keys' pepper, the clock."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from orchestrator.errors import StoreError
from orchestrator.server.access import pepper
from orchestrator.server.backup.archive import blob_name
from orchestrator.server.doctor.finding import Finding, error, note, ok, warning
from orchestrator.server.store.blobs import FOLDER
from orchestrator.server.store.schema import revisions, seen
from orchestrator.server.store.snapshot import look
from orchestrator.server.store.soundness import check
from orchestrator.server.store.sqlite import DATABASE
from orchestrator.server.store.transaction import explain
from orchestrator.server.telemetry.alarms import WAL_BYTES

SALVAGE = "restore a backup; without one, orchestrator doctor --salvage DIR saves what can be read"
_NEWEST = "SELECT MAX(created_at) FROM (SELECT MAX(created_at) AS created_at FROM {} WHERE seq > 0)"
_DATES = ("assistants", "threads", "messages", "runs")


def examine(data: Path) -> Iterator[Finding]:
    """All of it."""
    path = data / DATABASE
    if not path.exists():
        if data.exists():
            yield note("database", "there is none yet; the first start makes it")
        return
    try:
        with closing(look(path)) as connection:
            yield from _sound(connection)
            yield from _schema(connection)
            yield from _log(path)
            yield from _files(connection, data)
            yield from _keys(connection, data)
            yield from _clock(connection)
    except StoreError as problem:
        yield error("database", problem.message, problem.hint or SALVAGE)
    except sqlite3.Error as problem:
        explained = explain(problem)
        yield error("database", explained.message, explained.hint or SALVAGE)


def _sound(connection: sqlite3.Connection) -> Iterator[Finding]:
    begun = time.monotonic()
    check(connection)
    orphans = connection.execute("PRAGMA foreign_key_check").fetchall()
    if orphans:
        yield error("database", f"{len(orphans)} rows of {orphans[0][0]} belong to nothing", SALVAGE)
    else:
        yield ok("database", f"sound, every page looked at in {time.monotonic() - begun:.1f} s")


def _schema(connection: sqlite3.Connection) -> Iterator[Finding]:
    found, last = seen(connection).revision, revisions()[-1]
    if found == last:
        yield ok("schema", last)
    else:
        yield note("schema", f"{found or 'none'}: the next start brings it to {last}, after a copy")


def _log(path: Path) -> Iterator[Finding]:
    wal = path.with_name(f"{path.name}-wal")
    size = wal.stat().st_size if wal.exists() else 0
    if size > WAL_BYTES:
        remedy = "look for a program that reads the database without end, and stop it"
        yield warning("log", f"the write-ahead log has {size / 1e6:.0f} MB", remedy)


def _files(connection: sqlite3.Connection, data: Path) -> Iterator[Finding]:
    if not _has(connection, "files"):
        return
    rows: dict[str, int] = dict(connection.execute("SELECT id, size FROM files WHERE deleted_at IS NULL"))
    there = {blob.name: blob.stat().st_size for blob in (data / FOLDER).glob("??/file-*")}
    lost = [file_id for file_id, size in rows.items() if there.get(file_id) != size]
    strays = there.keys() - rows.keys()
    if lost:
        said = f"{len(lost)} of {len(rows)} have no content, or not all of it: {', '.join(sorted(lost)[:5])}"
        yield error("files", said, f"bring {data / blob_name(lost[0])} back from a backup, or delete the file")
    else:
        yield ok("files", f"{len(rows)}, {sum(rows.values()) / 1e6:.1f} MB")
    if strays:
        yield note("files", f"{len(strays)} contents without a file: the server sweeps them away after a day")


def _keys(connection: sqlite3.Connection, data: Path) -> Iterator[Finding]:
    if not _has(connection, "keys"):
        return
    now = time.time_ns() // 1_000_000
    living = "SELECT COUNT(*) FROM keys WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?)"
    every = connection.execute("SELECT COUNT(*) FROM keys").fetchone()[0]
    alive = connection.execute(living, (now,)).fetchone()[0]
    try:
        there = pepper.load(data) is not None
    except StoreError as problem:
        yield error("keys", problem.message, problem.hint or "restore it from a backup")
        return
    if every and not there:
        yield error(
            "keys", f"{pepper.FILE} is missing: none of {every} keys opens anything", "restore it from a backup"
        )
    elif every and not alive:
        yield warning("keys", f"none of {every} keys lives, so nobody gets in", "orchestrator key create")
    else:
        yield ok(
            "keys", f"{alive} of {every} live" if every else "none: whoever works on this machine may use the server"
        )


def _clock(connection: sqlite3.Connection) -> Iterator[Finding]:
    newest = max((connection.execute(_NEWEST.format(table)).fetchone()[0] or 0 for table in _DATES), default=0)
    ahead = newest / 1000 - time.time()
    if ahead > 60:
        remedy = "set the machine's clock: runs expire and keys end by it"
        yield error("clock", f"it is {ahead / 3600:.1f} h behind the newest row", remedy)
    else:
        yield ok("clock", time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()))


def _has(connection: sqlite3.Connection, table: str) -> bool:
    sql = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?"
    return connection.execute(sql, (table,)).fetchone() is not None
