"""The door to whoever performs a tool call for the server: built-in tools, and the functions a manifest binds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from orchestrator.server.records import Assistant, Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of a model. `type`: the tool's wire type; `name`: the function's name; `arguments`: JSON text."""

    id: str
    type: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of a run, seconds and counts."""

    tool_rounds: int = 16
    parallel_calls: int = 8
    run_seconds: float = 600.0
    context_messages: int | None = None  # None: what the run's truncation_strategy says


class Performer(Protocol):
    """Performs calls of some tools."""

    def performs(self, assistant: Assistant, call: Call) -> bool:
        """Whether this performer answers that call of that assistant. Must not block."""
        ...

    async def perform(self, assistant: Assistant, run: Run, call: Call) -> str:
        """The output, as text for the model. Every outcome is an output; never raises but when cancelled."""
        ...


class Bounds(Protocol):
    """Who knows an assistant's limits."""

    def limits(self, assistant: Assistant) -> Limits:
        """The limits that hold for runs of this assistant."""
        ...
