"""The one writer: it takes what has queued up, commits it as one transaction, then answers everyone (group commit).

Each unit runs inside a savepoint of its own: one that raises is undone alone. The cost of reaching the disk is
shared, so the more there is to write the cheaper each write becomes: in a crowd the writer waits a moment for more;
alone a write does not wait for company.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterable
from time import monotonic, perf_counter, sleep
from typing import Any

from orchestrator.errors import StoreError
from orchestrator.server.store.desk import Desk, Work
from orchestrator.server.store.door import Ear, Tx
from orchestrator.server.store.transaction import SqliteTx, tells_damage

BATCH = 256  # units in one transaction at most: bounds what one failing commit takes along
CROWD = 8  # units that came during one commit: then many write, and it pays to wait for more
GATHER_SECONDS = 0.004


class Writer:
    """A thread that owns the only connection which writes."""

    def __init__(self, connection: sqlite3.Connection, ear: Ear | None = None) -> None:
        self._connection = connection
        self._ear = ear
        self._tx = SqliteTx(connection)
        self._queue: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._door = threading.Lock()  # nothing is queued behind the end
        self.damage: Exception | None = None
        """The database was found to be damaged: nothing is written any more, so that nothing is made worse."""
        self.committed = -math.inf  # monotonic seconds, if the last transaction reached the disk
        self._closed = False
        self._gather = False
        self._desks: dict[asyncio.AbstractEventLoop, Desk] = {}
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def submit(self, unit: Callable[[Tx], Any]) -> asyncio.Future[Any]:
        """Queue a unit; the future is answered on the calling loop once the unit is on disk."""
        loop = asyncio.get_running_loop()
        with self._door:
            if self._closed:
                raise StoreError("the database is closed")
            if loop not in self._desks:
                self._desks[loop] = Desk(loop)
            work = self._desks[loop].take(unit)
            self._queue.put(work)
        return work.answer

    def finish(self) -> None:
        """Do what is queued, take no more, close the connection. Blocks; harmless when repeated."""
        with self._door:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        more = True
        while more:
            batch, more = self._take(self._gather)
            self._gather = len(batch) >= CROWD
            if batch:
                self._carry_out(batch)
                _answer(batch)
        self._connection.close()

    def _take(self, gather: bool) -> tuple[list[Work], bool]:
        """Wait for work, in a crowd a moment longer, then take all there is; False when the end was among it."""
        batch: list[Work] = []
        work = self._queue.get()
        if gather:
            sleep(GATHER_SECONDS)
        while work is not None:
            batch.append(work)
            if len(batch) == BATCH:
                return batch, True
            try:
                work = self._queue.get_nowait()
            except queue.Empty:
                return batch, True
        return batch, False

    def _carry_out(self, batch: list[Work]) -> None:
        if self.damage is not None:
            self._lose(batch, self.damage)
            return
        begun = perf_counter()
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for work in batch:
                self._try(work)
            self._connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - the writer goes on, whatever happens
            self._lose(batch, error)
        else:
            self.committed = monotonic()
            self._tell(len(batch), perf_counter() - begun)

    def _tell(self, units: int, seconds: float) -> None:
        """Tell whoever counts what is on disk."""
        facts, self._tx.facts = self._tx.facts, []
        if self._ear is not None:
            self._ear.committed(units, seconds)
            for fact in facts:
                self._ear.hear(fact)

    def _try(self, work: Work) -> None:
        """Run one unit. Raises: sqlite3.Error when the whole transaction is gone with it."""
        self._connection.execute("SAVEPOINT unit")
        noted = len(self._tx.facts)
        try:
            work.result = work.unit(self._tx)
        except BaseException as error:  # whatever a unit raises goes to its caller
            work.error = error
            del self._tx.facts[noted:]
            if isinstance(error, sqlite3.Error) and tells_damage(error):
                self.damage = error
                raise
            if isinstance(error, sqlite3.Error) and not self._connection.in_transaction:
                raise  # SQLite has undone everything: it does so when the disk is full
            self._connection.execute("ROLLBACK TO unit")
        self._connection.execute("RELEASE unit")

    def _lose(self, batch: Iterable[Work], error: Exception) -> None:
        """Nothing of the transaction is on disk: whoever has no error of its own learns of this one."""
        with contextlib.suppress(sqlite3.Error):
            self._connection.execute("ROLLBACK")
        for work in batch:
            work.error = work.error or error
        self._tx.facts.clear()
        self.committed = -math.inf
        if self._ear is not None:
            self._ear.lost()


def _answer(batch: Iterable[Work]) -> None:
    """One wake-up for each loop that waits."""
    waiting: dict[Desk, list[Work]] = {}
    for work in batch:
        waiting.setdefault(work.desk, []).append(work)
    for desk, works in waiting.items():
        desk.call(works)
