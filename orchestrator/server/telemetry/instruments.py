"""What the server is observed with, handed to whoever works; and on whose behalf it is done."""

from __future__ import annotations

from dataclasses import dataclass, field

from orchestrator.server.telemetry import trail
from orchestrator.server.telemetry.tally import Tally
from orchestrator.server.telemetry.traces import NoTraces, Traces


@dataclass(frozen=True, slots=True)
class Origin:
    """On whose behalf something is done later: the request, and its place in a trace."""

    request_id: str | None = None
    place: object = None


NOWHERE = Origin()


@dataclass(frozen=True, slots=True)
class Instruments:
    """What the server is observed with."""

    tally: Tally = field(default_factory=Tally)
    traces: Traces = field(default_factory=NoTraces)

    def origin(self) -> Origin:
        """Where we are."""
        return Origin(trail.request_id.get(), self.traces.here())
