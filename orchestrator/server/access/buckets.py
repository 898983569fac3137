"""Token buckets, in memory: so many requests per second, and a burst after a pause.

A bucket is one number: the moment at which it will be full again. One that is full need not be remembered.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable

MOST = 10_000  # buckets that are remembered
_DUST = 1e-9  # seconds by which floating-point numbers may err


class Buckets:
    """Buckets by name. `now` gives seconds that never go back."""

    def __init__(self, now: Callable[[], float], most: int = MOST) -> None:
        self._now = now
        self._most = most
        self._full: dict[str, float] = {}  # name → when it is full

    def __len__(self) -> int:
        return len(self._full)

    def wait(self, name: str, per_second: float, burst: int) -> float:
        """Seconds until there is a token; 0.0: there is one."""
        seconds = self._empty(name) - (burst - 1) / per_second
        return seconds if seconds > _DUST else 0.0

    def take(self, name: str, per_second: float) -> None:
        """Take a token, which `wait` said is there."""
        self._full[name] = self._now() + self._empty(name) + 1 / per_second
        if len(self._full) > self._most:
            self._forget()

    def left(self, name: str, per_second: float, burst: int) -> int:
        """How many tokens there are."""
        return max(0, int(burst - (self._empty(name) - _DUST) * per_second))

    def refill(self, name: str) -> float:
        """Seconds until the bucket is full."""
        return self._empty(name)

    def _empty(self, name: str) -> float:
        """How empty it is, in seconds that it takes to fill."""
        return max(0.0, self._full.get(name, 0.0) - self._now())

    def _forget(self) -> None:
        """Forget the full ones; if that is not enough, also the half that is nearest to it."""
        now = self._now()
        self._full = {name: full for name, full in self._full.items() if full > now}
        if len(self._full) > self._most:
            self._full = dict(heapq.nlargest(self._most // 2, self._full.items(), key=lambda item: item[1]))
