"""The door to whoever performs a tool call for the server: built-in tools, and the functions a manifest binds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from orchestrator.server.records import Assistant, Json, Run
from orchestrator.wire.outputs import LARGEST
from orchestrator.wire.runs import RUN_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of a model. `type`: the tool's wire type; `name`: the function's name; `arguments`: JSON text.

    `extra` is the model's own: it gets it back with the call.
    """

    id: str
    type: str
    name: str
    arguments: str
    extra: Json | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of a run. Whichever is passed ends it: `failed`, or `expired` when the time is over.

    The time counts from the run's creation, and the wait for the client's outputs with it (as OpenAI counts it).
    """

    tool_rounds: int = 16
    parallel_calls: int = 8  # that this server performs side by side
    tool_calls: int = 25  # in all
    same_calls: int = 3  # rounds that may make the same call with the same arguments
    output_bytes: int = LARGEST  # of one output, in UTF-8; what is longer is cut
    run_seconds: float = RUN_SECONDS
    context_messages: int | None = None  # None: what the run's truncation_strategy says


class Performer(Protocol):
    """Performs calls of some tools."""

    def performs(self, assistant: Assistant, call: Call) -> bool:
        """Whether this performer answers that call of that assistant. Must not block."""
        ...

    def repeatable(self, assistant: Assistant, call: Call) -> bool:
        """Whether the call may be made once more when the server died while it was under way. Must not block."""
        ...

    async def perform(self, assistant: Assistant, run: Run, call: Call) -> str:
        """The output, as text for the model. Every outcome is an output; never raises but when cancelled."""
        ...


class Bounds(Protocol):
    """Who knows an assistant's limits."""

    def limits(self, assistant: Assistant) -> Limits:
        """The limits that hold for runs of this assistant. Must not block; asked on any thread."""
        ...
