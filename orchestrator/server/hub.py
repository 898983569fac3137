"""Wakes those who wait for news of a run, within this process, and hands them what is new.

What is handed on is in the store already. It is a convenience: who missed something, or was not awake in time, finds it
in the store.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager

from orchestrator.server.records import Event
from orchestrator.server.store.door import Ear as Listener
from orchestrator.server.store.events import Appended

KEPT = 1_000  # events that are kept for somebody who does not come for them


class Ear:
    """Of one who waits for news of a run."""

    def __init__(self, *, live: bool) -> None:
        self._live = live
        self._bell = asyncio.Event()
        self._waited = False  # the bell rings because it was silent for too long
        self._news: deque[Event] = deque(maxlen=KEPT)

    def ring(self) -> None:
        """There is news."""
        self._bell.set()

    def hand(self, news: Appended) -> None:
        """Hand on what is new; from any thread."""
        self._news.extend(news.events())

    def take(self, after: int) -> list[Event] | None:
        """What follows event number `after`; None: that is not known here, look into the store."""
        self._bell.clear()
        if not self._live:
            return None
        news = [self._news.popleft() for _ in range(len(self._news))]
        found = [event for event in news if event.seq > after]
        return None if found and found[0].seq != after + 1 else found

    async def hears(self, seconds: float) -> bool:
        """Wait for news, at most so long; whether there is any."""
        timer = asyncio.get_running_loop().call_later(seconds, self._give_up)  # `asyncio.timeout` costs five times that
        try:
            await self._bell.wait()
        finally:
            timer.cancel()
        waited, self._waited = self._waited, False
        return not waited

    def _give_up(self) -> None:
        self._waited = True
        self._bell.set()


class Hub:
    """Who waits for which run. `live`: somebody calls `hear` for all that is stored."""

    def __init__(self, *, live: bool = False) -> None:
        self._live = live
        self._ears: dict[str, tuple[Ear, ...]] = {}  # never changed in place: two threads look
        self.closed = False

    def tell(self, run_id: str) -> None:
        """There is news of a run, and it is in the store."""
        for ear in self._ears.get(run_id, ()):
            ear.ring()

    def hear(self, fact: object) -> None:
        """Something is in the store; if it is news of a run, whoever waits gets it when `tell` wakes him."""
        if isinstance(fact, Appended):
            for ear in self._ears.get(fact.run_id, ()):
                ear.hand(fact)

    def close(self) -> None:
        """Wake everybody for the last time: no news will come any more."""
        self.closed = True
        for run_id in self._ears:
            self.tell(run_id)

    @contextmanager
    def listen(self, run_id: str) -> Generator[Ear]:
        """An ear for a run, as long as the block lasts."""
        ear = Ear(live=self._live)
        self._ears[run_id] = (*self._ears.get(run_id, ()), ear)
        try:
            yield ear
        finally:
            left = tuple(other for other in self._ears[run_id] if other is not ear)
            if left:
                self._ears[run_id] = left
            else:
                del self._ears[run_id]


class Audience:
    """Those who hear what the store did: one who counts, and the hub. An `Ear` of the store."""

    def __init__(self, counting: Listener, hub: Hub) -> None:
        self._counting = counting
        self._hub = hub

    def committed(self, units: int, seconds: float) -> None:
        """A transaction of so many units is on disk."""
        self._counting.committed(units, seconds)

    def lost(self) -> None:
        """A transaction could not be committed."""
        self._counting.lost()

    def hear(self, fact: object) -> None:
        """A fact is on disk."""
        self._counting.hear(fact)
        self._hub.hear(fact)
