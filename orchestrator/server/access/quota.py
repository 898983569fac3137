"""How much a key, or a workspace, may ask for. A request beyond it is answered with 429 and when to come again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from orchestrator.server.records import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """Bounds; None: there is none. A burst is the number of requests that may come at once after a pause."""

    per_second: float | None = None  # requests
    burst: int | None = None  # requests; None: those of two seconds, at least one
    runs: int | None = None  # that are not over
    streams: int | None = None  # that are open, downloads among them

    @property
    def at_once(self) -> int:
        """The burst that holds."""
        return self.burst or max(1, round(2 * (self.per_second or 0)))

    def but(self, given: Json) -> Quota:
        """The same with some bounds set otherwise."""
        changes: dict[str, Any] = dict(given)
        return replace(self, **changes)


OF_A_KEY = Quota(per_second=100, runs=1_000, streams=500)  # unless the key says otherwise
OF_A_WORKSPACE = Quota(per_second=300, runs=5_000, streams=2_000)  # all its keys together
UNBOUNDED = Quota()
