"""How hard a target is worked: so many requests at a time, so many per second, none while it asks for a pause."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import anyio

from orchestrator.targets.retrying import Sleep


class Limits:
    """Shared by all requests to one target. `per_second` None: no bound; times are seconds of `clock`."""

    def __init__(self, *, concurrency: int, per_second: float | None, sleep: Sleep, clock: Callable[[], float]) -> None:
        self._slots = anyio.Semaphore(concurrency)
        self._gap = 1 / per_second if per_second else 0.0
        self._sleep = sleep
        self._clock = clock
        self._next = 0.0
        self._held_until = 0.0

    @asynccontextmanager
    async def slot(self) -> AsyncGenerator[None]:
        """Room for one request, once it is its turn."""
        async with self._slots:
            await self.turn()
            yield

    async def turn(self) -> None:
        """Wait until a request may begin."""
        start = self._clock()
        if self._gap:
            start = max(start, self._next)
            self._next = start + self._gap
        while (wait := max(start, self._held_until) - self._clock()) > 0:
            await self._sleep(wait)

    def hold(self, seconds: float) -> None:
        """Begin no request for a while: the target asked for it."""
        self._held_until = max(self._held_until, self._clock() + seconds)
