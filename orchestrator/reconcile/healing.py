"""Whether drift is repaired now: at once at first, later and later when somebody fights back. Pure; times are seconds.

Each repair of an assistant that follows soon on the one before doubles the pause until the next, from 10 s up to five
minutes; from the fifth on it is worth an alert. Ten minutes without drift, and all is forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass, field

FIRST_PAUSE = 10.0
LONGEST_PAUSE = 300.0
QUIET = 600.0
ALERT_FROM = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Healed:
    """The repairs of one assistant: how many in a row, and when the last one was."""

    times: int
    last: float

    @property
    def next(self) -> float:
        """When the next repair may be."""
        return self.last + min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (self.times - 1))

    @property
    def alert(self) -> bool:
        """Whether a person should look: somebody keeps changing it."""
        return self.times >= ALERT_FROM


@dataclass(slots=True)
class Healing:
    """What was repaired, by the name of the assistant."""

    known: dict[str, Healed] = field(default_factory=dict[str, Healed])

    def may(self, name: str, now: float) -> bool:
        """Whether an assistant that drifted is repaired now."""
        found = self._lately(name, now)
        return found is None or now >= found.next

    def done(self, name: str, now: float) -> Healed:
        """Remember a repair."""
        found = self._lately(name, now)
        self.known[name] = Healed(times=found.times + 1 if found else 1, last=now)
        return self.known[name]

    def next(self, name: str, now: float) -> float | None:
        """When it will be repaired; None: now."""
        found = self._lately(name, now)
        return None if found is None or now >= found.next else found.next

    def forget(self, names: set[str]) -> None:
        """Let go of all others."""
        self.known = {name: one for name, one in self.known.items() if name in names}

    def _lately(self, name: str, now: float) -> Healed | None:
        found = self.known.get(name)
        return found if found is not None and now - found.last < QUIET else None
