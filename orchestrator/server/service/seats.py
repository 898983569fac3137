"""How much may go on at once where each needs memory and disk; nobody takes all of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager

from orchestrator.wire.faults import Fault

RETRY_SECONDS = 2.0  # after which there may be room again


class Seats:
    """At most `most` at once, at most `share` of one workspace. For one event loop."""

    def __init__(self, most: int, share: int, full: str) -> None:
        """`full`: what is said to whom finds no seat."""
        self._most = most
        self._share = share
        self._full = full
        self._taken: Counter[str] = Counter()

    @contextmanager
    def taken(self, workspace: str) -> Generator[None]:
        """Have a seat while the block lasts. Raises: Fault of kind slow_down when there is none."""
        if self._taken[workspace] >= self._share or self._taken.total() >= self._most:
            raise Fault("slow_down", self._full, retry_after=RETRY_SECONDS)
        self._taken[workspace] += 1
        try:
            yield
        finally:
            self._taken[workspace] -= 1
            if not self._taken[workspace]:
                del self._taken[workspace]
