"""The SQLite engine: one writer that commits in groups, readers on snapshots. One database, one server.

What `write` returned is on disk (WAL, synchronous FULL). A caller who is cancelled while it waits does not know:
its unit may have been committed.

A read starts on the calling thread, which is far cheaper than a change of threads and all that small reads need.
One that turns out to be long is given up and done again in a thread: hence a unit that reads must only read.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TypeVar

from orchestrator.errors import Damaged, StoreError
from orchestrator.server.store.door import Ear, Tx
from orchestrator.server.store.folder import UNFINISHED, Hold, hold
from orchestrator.server.store.reader import Reader, TooLong
from orchestrator.server.store.schema import migrate, seen
from orchestrator.server.store.snapshot import look
from orchestrator.server.store.soundness import check
from orchestrator.server.store.transaction import explain
from orchestrator.server.store.writer import Writer

T = TypeVar("T")

DATABASE = "server.db"  # in the data folder
CHECK_SECONDS = 0.15  # at a start, for damage to be found; larger databases are looked at in part
BUSY_SECONDS = 30.0  # that others may hold the database, at a checkpoint of theirs say
GLANCE_SECONDS = 0.02  # the same, for a read on the calling thread
LONG_SECONDS = 30.0  # that a long read may take: as long as it looks, the log cannot be folded into the file
WAL_KEPT = 16 * 1024 * 1024  # bytes that the log's file keeps once it has been folded in
PROBED_SECONDS = 1.0  # for which a write proves that writing works
READERS = 2  # threads for long reads
PATIENCE = 0.002  # seconds that a read may keep the calling thread


class SqliteStore:
    """A Store in one file. It holds the file's folder: no second store, here or elsewhere, may open it."""

    def __init__(self, path: Path, held: Hold, writer: Writer) -> None:
        self._path = path
        self._held = held
        self._writer = writer
        self._here = threading.local()
        self._readers: list[Reader] = []
        self._threads = ThreadPoolExecutor(READERS, thread_name_prefix="store-reader")
        self._closed = False

    @classmethod
    async def open(cls, path: Path, ear: Ear | None = None) -> SqliteStore:
        """Open the database, which is made when missing, and bring its tables up to date. `ear` counts what it does.

        Raises: StoreError when another server uses the folder, the file is damaged or newer than this program.
        """
        held = await asyncio.to_thread(hold, path.parent)
        try:
            connection = await asyncio.to_thread(prepare, path)
        except BaseException:
            held.release()
            raise
        return cls(path, held, Writer(connection, ear))

    async def write(self, unit: Callable[[Tx], T]) -> T:
        """Run a unit that changes rows: atomic, serialised with all other writes, durable on return."""
        return await self._writer.submit(unit)

    async def read(self, unit: Callable[[Tx], T]) -> T:
        """Run a unit that only looks, on one consistent snapshot; sees all finished writes."""
        try:
            return self._reader(GLANCE_SECONDS).look(unit, PATIENCE)
        except TooLong:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._look_long, unit)
        except Damaged as error:
            self._writer.damage = error
            raise

    async def probe(self) -> None:
        """See that writing works, if nothing was written lately by writing what changes nothing. Raises: StoreError."""
        if self._writer.damage is None and monotonic() - self._writer.committed < PROBED_SECONDS:
            return
        await self.write(lambda tx: tx.change("UPDATE alembic_version SET version_num = version_num"))

    def sizes(self) -> tuple[int, int]:
        """Bytes of the database's file, and of the log beside it."""
        return _size(self._path), _size(self._path.with_name(f"{self._path.name}-wal"))

    async def close(self) -> None:
        """Finish what is queued and close."""
        self._closed = True
        await asyncio.to_thread(self._shut)

    def _shut(self) -> None:
        self._threads.shutdown()
        while self._readers:
            self._readers.pop().close()
        self._writer.finish()  # as the last connection it folds the WAL into the file
        self._held.release()

    def _look_long(self, unit: Callable[[Tx], T]) -> T:
        try:
            return self._reader(BUSY_SECONDS).look(unit, LONG_SECONDS)
        except Damaged as error:
            self._writer.damage = error
            raise
        except TooLong as error:
            raise StoreError(f"a read was given up after {LONG_SECONDS:g} s") from error

    def _reader(self, busy_seconds: float) -> Reader:
        """The calling thread's reader."""
        if self._closed:
            raise StoreError("the database is closed")
        reader: Reader | None = getattr(self._here, "reader", None)
        if reader is None:
            reader = self._here.reader = Reader(connect(self._path, busy_seconds))
            self._readers.append(reader)
        return reader


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


def connect(path: Path, busy_seconds: float = BUSY_SECONDS) -> sqlite3.Connection:
    """A connection that may write, one transaction at a time. Raises: sqlite3.Error."""
    connection = sqlite3.connect(path, timeout=busy_seconds, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def prepare(path: Path) -> sqlite3.Connection:
    """The connection that will write, for who holds the folder; its database is up to date then.

    One of a newer program, and one that is damaged, is left as it is. Raises: StoreError.
    """
    if (path.parent / UNFINISHED).exists():
        raise StoreError(f"a restore into {path.parent} was not finished", hint="run orchestrator restore again")
    try:
        if path.exists():
            with closing(look(path)) as connection:
                seen(connection)
                check(connection, CHECK_SECONDS)
        else:
            path.touch(mode=0o600)  # also in a folder that others may look into
        connection = connect(path)
        try:
            if connection.execute("PRAGMA journal_mode = WAL").fetchone() != ("wal",):
                raise StoreError(f"{path}: the file system cannot carry a shared log", hint="use a local disk")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(f"PRAGMA journal_size_limit = {WAL_KEPT}")
            migrate(path, partial(connect, path))
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise explain(error, f"{path}: ") from error
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}", hint="see to room and rights in the data folder") from error
    return connection
