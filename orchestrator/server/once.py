"""Requests that bear an Idempotency-Key are carried out once, however often they come.

The services of such a request sit on a store (`Once`) that keeps what each unit of work gave, in that very unit. When
the key comes again the unit is not carried out: what it gave is given once more, and the verb answers with it as it
did the first time, since services give back what their units gave. So neither verbs nor services know of keys; a crash
leaves both, effect and note, or neither; and of two requests at the same moment the second one waits for the first in
the store's queue. What was refused is not kept.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar

from orchestrator.server.ids import Clock
from orchestrator.server.kept import revive, shelve
from orchestrator.server.store import idempotency
from orchestrator.server.store.door import Store, Tx
from orchestrator.server.store.idempotency import Kept, Place
from orchestrator.wire.faults import Fault, invalid

T = TypeVar("T")

HEADER = "idempotency-key"
REPLAYED = "idempotency-replayed"  # header of an answer that was given before
KEPT_MS = 24 * 3600 * 1000
SWEEP_SECONDS = 600.0
BATCH = 500  # that are dropped in one unit

_NAME = re.compile(r"[\x21-\x7e][\x20-\x7e]{0,254}")
_log = logging.getLogger(__name__)


class Once:
    """The store of one request. `request` gives a hash of what is asked, once that is known.

    `replayed`: the request came again.
    """

    def __init__(self, store: Store, place: Place, request: Callable[[], str], clock: Clock) -> None:
        self._store = store
        self._place = place
        self._request = request
        self._clock = clock
        self._units = 0
        self.replayed = False

    async def write(self, unit: Callable[[Tx], T]) -> T:
        """Run a unit, or give what it gave. Raises: Fault when the key was used for another request."""
        place = Place(workspace=self._place.workspace, name=self._place.name, unit=self._units)
        self._units += 1
        result, replayed = await self._store.write(partial(_once, unit, place, self._request(), self._clock()))
        self.replayed = self.replayed or replayed
        return result

    async def read(self, unit: Callable[[Tx], T]) -> T:
        """Run a unit that only looks."""
        return await self._store.read(unit)

    async def close(self) -> None:
        """Nothing: the store is not ours."""


class Repeats:
    """Knows which requests came before."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def once(self, workspace: str, name: str, request: Callable[[], str]) -> Once:
        """The store for a request that bears a key. Raises: Fault."""
        if _NAME.fullmatch(name) is None:
            raise invalid("An Idempotency-Key has 1 to 255 printable ASCII characters.")
        return Once(self._store, Place(workspace=workspace, name=name), request, self._clock)

    @asynccontextmanager
    async def swept(self) -> AsyncGenerator[None]:
        """Drop what is old, now and then, as long as the block lasts."""
        task = asyncio.create_task(self._sweep(), name="idempotency")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})

    async def sweep(self) -> None:
        """Drop all that is old."""
        old = self._clock() - KEPT_MS
        while await self._store.write(lambda tx: idempotency.sweep(tx, old, BATCH)) == BATCH:
            pass

    async def _sweep(self) -> None:
        while True:
            try:
                await self.sweep()
            except Exception:  # noqa: BLE001 - the next time may go well
                _log.exception("old idempotency keys could not be dropped")
            await asyncio.sleep(SWEEP_SECONDS)


def _once(unit: Callable[[Tx], T], place: Place, request: str, now: int, tx: Tx) -> tuple[T, bool]:
    kept = idempotency.find(tx, place)
    if kept is not None and kept.created_at <= now - KEPT_MS:
        idempotency.forget(tx, place)
        kept = None
    if kept is None:
        result = unit(tx)
        idempotency.keep(tx, place, Kept(created_at=now, request=request, result=shelve(result)))
        return result, False
    if kept.request != request:
        raise Fault("reused", f"The Idempotency-Key '{place.name}' was used before, for another request.")
    return revive(kept.result), True
