"""Where the callers on one event loop wait for the writer, and how they let it in.

A loop that is busy without pause gives Python's global lock away for moments only, too short for another thread to
take it (a thread that sees the lock change hands waits anew): the writer could starve for seconds. So whenever
nothing was answered for a while, the loop steps back for an instant.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from orchestrator.server.store.door import Tx
from orchestrator.server.store.transaction import told

HUNGER = 0.002  # seconds without any answer
STEP_BACK = 0.0001  # seconds; some 5 % of the loop's time at worst


@dataclass(slots=True, eq=False)
class Work:
    """A unit, who waits for it, and what became of it."""

    unit: Callable[[Tx], Any]
    desk: Desk
    answer: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None


class Desk:
    """The callers on one loop. All but `call` happens on that loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting = 0
        self._answered = 0
        self._watching = False

    def take(self, unit: Callable[[Tx], Any]) -> Work:
        """Somebody comes to wait."""
        self._waiting += 1
        if not self._watching:
            self._watching = True
            self._loop.call_later(HUNGER, self._watch, self._answered)
        return Work(unit, self, self._loop.create_future())

    def call(self, works: Iterable[Work]) -> None:
        """From the writer's thread: one wake-up for all who are done."""
        try:
            self._loop.call_soon_threadsafe(self._settle, works)
        except RuntimeError:  # the loop is closed: nobody waits any more
            return

    def _settle(self, works: Iterable[Work]) -> None:
        for work in works:
            self._waiting -= 1
            self._answered += 1
            if work.answer.done():  # cancelled
                continue
            if work.error is None:
                work.answer.set_result(work.result)
            else:
                work.answer.set_exception(told(work.error))

    def _watch(self, answered: int) -> None:
        self._watching = self._waiting > 0
        if self._watching:
            if self._answered == answered:
                time.sleep(STEP_BACK)
            self._loop.call_later(HUNGER, self._watch, self._answered)
