"""What the server counts since its start, in plain numbers. `/metrics` shows them; nothing here knows how.

The labels are few and known beforehand: route templates, methods, statuses, outcomes. Never an id or a name.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field

REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
RUN_SECONDS = (0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
COMMIT_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
BATCH_UNITS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0)


class Spread:
    """How values spread: how many lie up to each bound (the last: beyond all), and their sum."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        """One more value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


@dataclass(frozen=True, slots=True)
class RunEnded:
    """A run came to its end; `seconds` since it was created."""

    status: str
    seconds: float


@dataclass(frozen=True, slots=True)
class TokensSpent:
    """A turn of the model was stored with its usage."""

    prompt: int
    completion: int


@dataclass(frozen=True, slots=True)
class CallEnded:
    """A tool call has its output. `outcome`: done, error (the model is told of one), or client (it answered)."""

    outcome: str


@dataclass(slots=True)
class Tally:
    """Adding is a few operations. The loop adds, but for `commits` and what is heard: that is the writer's thread."""

    answers: dict[tuple[str, str, str, int], int] = field(default_factory=dict[tuple[str, str, str, int], int])
    """Requests by dialect, route, method and status."""
    answering: dict[tuple[str, str, str], Spread] = field(default_factory=dict[tuple[str, str, str], Spread])
    """Seconds until the answer began, by dialect, route and method."""
    open_requests: int = 0
    open_streams: int = 0
    runs: dict[str, int] = field(default_factory=dict[str, int])
    """Runs that ended, by status."""
    run_seconds: Spread = field(default_factory=lambda: Spread(RUN_SECONDS))
    prompt_tokens: int = 0
    completion_tokens: int = 0
    calls: dict[str, int] = field(default_factory=dict[str, int])
    """Tool calls by outcome."""
    commit_seconds: Spread = field(default_factory=lambda: Spread(COMMIT_SECONDS))
    batch_units: Spread = field(default_factory=lambda: Spread(BATCH_UNITS))
    lost_commits: int = 0

    def answered(self, dialect: str, route: str, method: str, status: int, seconds: float) -> None:
        """An answer began."""
        key = (dialect, route, method, status)
        self.answers[key] = self.answers.get(key, 0) + 1
        spread = self.answering.get(key[:3])
        if spread is None:
            spread = self.answering[key[:3]] = Spread(REQUEST_SECONDS)
        spread.add(seconds)

    def committed(self, units: int, seconds: float) -> None:
        """A transaction of so many units is on disk."""
        self.commit_seconds.add(seconds)
        self.batch_units.add(units)

    def lost(self) -> None:
        """A transaction could not be committed."""
        self.lost_commits += 1

    def hear(self, fact: object) -> None:
        """A fact is on disk: one of those above, or none of ours."""
        match fact:
            case RunEnded():
                self.runs[fact.status] = self.runs.get(fact.status, 0) + 1
                self.run_seconds.add(fact.seconds)
            case TokensSpent():
                self.prompt_tokens += fact.prompt
                self.completion_tokens += fact.completion
            case CallEnded():
                self.calls[fact.outcome] = self.calls.get(fact.outcome, 0) + 1
            case _:
                return
