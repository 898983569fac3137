"""What is known of each assistant: in which state, since when, why, and when it is tried again. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

State = Literal["Synced", "Pending", "Drifted", "Failed", "Suspended"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """One assistant. `revision`: as its stamp counts; `since` and `next_try`: seconds since 1970."""

    name: str
    state: State
    since: float
    revision: int | None = None
    cause: str = ""
    next_try: float | None = None

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "name": self.name,
            "state": self.state,
            "since": self.since,
            "revision": self.revision,
            "cause": self.cause,
            "next_try": self.next_try,
        }


class Board:
    """The statuses of all assistants. `since` moves only when the state does."""

    def __init__(self) -> None:
        self._known: dict[str, Status] = {}

    def __getitem__(self, name: str) -> Status:
        return self._known[name]

    def get(self, name: str) -> Status | None:
        """What is known of one."""
        return self._known.get(name)

    @property
    def all(self) -> tuple[Status, ...]:
        """Sorted by name."""
        return tuple(self._known[name] for name in sorted(self._known))

    def note(self, new: Status) -> bool:
        """Put up a status; whether state or cause are others than before."""
        old = self._known.get(new.name)
        if old is not None and old.state == new.state:
            new = replace(new, since=old.since)
        self._known[new.name] = new
        return old is None or (old.state, old.cause) != (new.state, new.cause)

    def keep(self, names: set[str]) -> None:
        """Take down all others."""
        self._known = {name: one for name, one in self._known.items() if name in names}
