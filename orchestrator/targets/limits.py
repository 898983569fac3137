"""How hard a target is worked: so many requests at a time, so many per second, none while it asks for a pause.

A target that asks to slow down gets half as many requests at a time; each full round that goes well adds one again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import anyio

from orchestrator.targets.retrying import Sleep

SETTLE_SECONDS = 1.0  # within so many the width is halved once


class Limits:
    """Shared by all requests to one target. `per_second` None: no bound; times are seconds of `clock`."""

    def __init__(self, *, concurrency: int, per_second: float | None, sleep: Sleep, clock: Callable[[], float]) -> None:
        self._most = concurrency
        self._width = float(concurrency)
        self._busy = 0
        self._waiting: deque[anyio.Event] = deque()
        self._gap = 1 / per_second if per_second else 0.0
        self._sleep = sleep
        self._clock = clock
        self._next = 0.0
        self._held_until = 0.0
        self._narrowed_until = float("-inf")

    @property
    def width(self) -> int:
        """How many requests there may be at a time now."""
        return int(self._width)

    @asynccontextmanager
    async def slot(self) -> AsyncGenerator[None]:
        """Room for one request, once it is its turn."""
        await self._enter()
        try:
            await self.turn()
            yield
        finally:
            self._busy -= 1
            self._wake()

    def went_well(self) -> None:
        """A request was answered as it should be."""
        self._width = min(float(self._most), self._width + 1 / self._width)
        self._wake()

    async def _enter(self) -> None:
        """Take a place, in the order of asking."""
        if self._busy >= self.width or self._waiting:
            event = anyio.Event()
            self._waiting.append(event)
            try:
                await event.wait()
            except BaseException:
                self._left(event)
                raise
        else:
            self._busy += 1

    def _left(self, event: anyio.Event) -> None:
        """Who was cancelled while waiting gives back the place, if it was handed over already."""
        if event.is_set():
            self._busy -= 1
            self._wake()
        else:
            self._waiting.remove(event)

    def _wake(self) -> None:
        """Hand free places to those who wait longest."""
        while self._waiting and self._busy < self.width:
            self._busy += 1
            self._waiting.popleft().set()

    async def turn(self) -> None:
        """Wait until a request may begin."""
        start = self._clock()
        if self._gap:
            start = max(start, self._next)
            self._next = start + self._gap
        while (wait := max(start, self._held_until) - self._clock()) > 0:
            await self._sleep(wait)

    def hold(self, seconds: float) -> None:
        """Begin no request for a while, and fewer at a time: the target asked for it.

        A burst of such answers, to requests that were under way together, halves only once.
        """
        now = self._clock()
        if now >= self._narrowed_until:
            self._width = max(1.0, self._width / 2)
            self._narrowed_until = now + max(seconds, SETTLE_SECONDS)
        self._held_until = max(self._held_until, self._clock() + seconds)
