"""When to raise the voice: seldom of what happens often, and of the log that a reader without end lets grow."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

WAL_BYTES = 256 * 1024 * 1024  # from here on the operator is told
LOOK_SECONDS = 10.0

_log = logging.getLogger(__name__)


class Seldom:
    """Says when to speak of something that happens again and again: at once, then once in so many seconds."""

    def __init__(self, seconds: float = 60.0) -> None:
        self._seconds = seconds
        self._next = -math.inf

    def now(self) -> bool:
        """Whether this is the time."""
        if time.monotonic() < self._next:
            return False
        self._next = time.monotonic() + self._seconds
        return True


class WalAlarm:
    """Tells when the log is too large, again at each doubling, and when it is well again."""

    def __init__(self, sizes: Callable[[], tuple[int, int]], limit: int = WAL_BYTES) -> None:
        self._sizes = sizes
        self._limit = limit
        self._next = limit

    def look(self) -> None:
        """Look once."""
        size = self._sizes()[1]
        if size >= self._next:
            _log.warning("the database's log has %d MB: something reads the database without end", size // 1_000_000)
            while self._next <= size:
                self._next *= 2
        elif size < self._limit < self._next:
            _log.warning("the database's log has %d MB again", size // 1_000_000)
            self._next = self._limit

    @asynccontextmanager
    async def watching(self, seconds: float = LOOK_SECONDS) -> AsyncGenerator[None]:
        """Look again and again, as long as the block lasts."""
        task = asyncio.create_task(self._watch(seconds), name="wal-alarm")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})

    async def _watch(self, seconds: float) -> None:
        while True:
            self.look()
            await asyncio.sleep(seconds)
