"""How long the reader of an answer may stay: who let him in can send him away while he still reads."""

from __future__ import annotations

from collections.abc import Callable


class Stay:
    """One reader's stay. `why`: what he is told when he has to go; None: he may stay."""

    def __init__(self) -> None:
        self.why: str | None = None
        self._leave: Callable[[], object] | None = None

    def until(self, leave: Callable[[], object]) -> None:
        """Say what has to be done so that he goes."""
        self._leave = leave
        if self.why is not None:
            leave()

    def end(self, why: str) -> None:
        """Send him away."""
        self.why = why
        if self._leave is not None:
            self._leave()
