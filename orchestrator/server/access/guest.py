"""Who was let in with a request: to which workspace, on which key, and his place among the open streams."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from orchestrator.server.access.quota import UNBOUNDED, Quota
from orchestrator.server.service.caller import Caller
from orchestrator.server.stay import Stay
from orchestrator.wire.faults import Fault

TOO_MANY_STREAMS = "Too many streams are open at the same time, please try again later."


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Guest:
    """Who asks. `headers` tell him what is left of his quota."""

    seats: Seats
    workspace: str
    key: str | None = None
    quota: Quota = UNBOUNDED
    shared: Quota = UNBOUNDED  # of the workspace
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    stay: Stay = field(default_factory=Stay)

    @property
    def caller(self) -> Caller:
        """Who he is to those who create runs."""
        return Caller(key_id=self.key, runs=self.quota.runs, workspace_runs=self.shared.runs)

    def sit(self) -> None:
        """Take a place among the open streams; to repeat it is harmless. Raises: Fault."""
        self.seats.take(self)

    def leave(self) -> None:
        """Give the place back, if one was taken."""
        self.seats.give_back(self)


class Seats:
    """Who has a stream or a download open. Who came without a key is not counted."""

    def __init__(self) -> None:
        self._taken: set[Guest] = set()
        self._counts: Counter[tuple[str, str]] = Counter()

    def __len__(self) -> int:
        return len(self._taken)

    def take(self, guest: Guest) -> None:
        """A place for a guest. Raises: Fault when his key or his workspace has all that it may have."""
        if guest.key is None or guest in self._taken:
            return
        key, workspace = _counted(guest)
        for place, most in ((key, guest.quota.streams), (workspace, guest.shared.streams)):
            if most is not None and self._counts[place] >= most:
                raise Fault("slow_down", TOO_MANY_STREAMS, retry_after=1)
        self._taken.add(guest)
        self._counts.update((key, workspace))

    def give_back(self, guest: Guest) -> None:
        """The guest leaves."""
        if guest in self._taken:
            self._taken.discard(guest)
            for place in _counted(guest):
                self._counts[place] -= 1
                if not self._counts[place]:
                    del self._counts[place]

    def clear(self, dead: Callable[[str], bool], why: str) -> None:
        """Send those away whose key is dead."""
        for guest in list(self._taken):
            if dead(guest.key or ""):
                guest.stay.end(why)


def _counted(guest: Guest) -> tuple[tuple[str, str], tuple[str, str]]:
    return ("key", guest.key or ""), ("workspace", guest.workspace)
