"""Wakes those who wait for news of a run, within this process. News are hints: who wakes looks into the store."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager, suppress


class Hub:
    """Who waits for which run."""

    def __init__(self) -> None:
        self._bells: dict[str, set[asyncio.Event]] = {}
        self.closed = False

    def tell(self, run_id: str) -> None:
        """There is news of a run, and it is in the store."""
        for bell in self._bells.get(run_id, ()):
            bell.set()

    def close(self) -> None:
        """Wake everybody for the last time: no news will come any more."""
        self.closed = True
        for run_id in self._bells:
            self.tell(run_id)

    @contextmanager
    def listen(self, run_id: str) -> Generator[asyncio.Event]:
        """A bell that rings for a run; whoever heard it clears it before looking."""
        bell = asyncio.Event()
        bells = self._bells.setdefault(run_id, set())
        bells.add(bell)
        try:
            yield bell
        finally:
            bells.discard(bell)
            if not bells and self._bells.get(run_id) is bells:
                del self._bells[run_id]

    async def heard(self, bell: asyncio.Event, seconds: float) -> None:
        """Wait for a bell; at most so long, for who waits on a lost hint would wait for ever."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await bell.wait()
