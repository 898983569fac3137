"""The door to traces: who wants spans implements it (`otel.py`); by default nobody does, and nothing is made.

Names of attributes are those of OpenTelemetry's conventions for HTTP and generative AI; none of them carries content.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Protocol

from orchestrator.server.performers.door import Call
from orchestrator.server.records import Assistant, Run

HTTP_STATUS = "http.response.status_code"
ERROR_TYPE = "error.type"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
FINISH_REASONS = "gen_ai.response.finish_reasons"
RESPONSE_MODEL = "gen_ai.response.model"
RUN_STATUS = "orchestrator.run.status"


class Mark(Protocol):
    """A span under way. An exception that leaves its block marks it as failed, by its type alone."""

    def note(self, name: str, value: str | int | Sequence[str]) -> None:
        """Add an attribute."""
        ...


class Traces(Protocol):
    """Makes spans, as contexts around what they tell of."""

    def here(self) -> object:
        """The place in the trace where we are, for what is done later on behalf of it."""
        ...

    def request(
        self, dialect: str, method: str, route: str, headers: Iterable[tuple[bytes, bytes]]
    ) -> AbstractContextManager[Mark]:
        """A request, below the span that its `traceparent` names."""
        ...

    def run(self, run: Run, assistant: Assistant, place: object) -> AbstractContextManager[Mark]:
        """A run in the hands of a worker, below `place`."""
        ...

    def turn(self, run: Run, provider: str) -> AbstractContextManager[Mark]:
        """A turn of the model, which learns of it by `traceparent`. `provider`: who answers, or whose protocol."""
        ...

    def call(self, run: Run, call: Call) -> AbstractContextManager[Mark]:
        """A tool call that is performed here."""
        ...


class _Nothing:
    """A context and a mark that leave no trace."""

    __slots__ = ()

    def __enter__(self) -> _Nothing:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        return

    def note(self, name: str, value: str | int | Sequence[str]) -> None:
        """Forget it."""


_NOTHING = _Nothing()


class NoTraces:
    """Makes nothing."""

    def here(self) -> object:
        """Nowhere."""
        return None

    def request(
        self, dialect: str, method: str, route: str, headers: Iterable[tuple[bytes, bytes]]
    ) -> AbstractContextManager[Mark]:
        """Nothing."""
        return _NOTHING

    def run(self, run: Run, assistant: Assistant, place: object) -> AbstractContextManager[Mark]:
        """Nothing."""
        return _NOTHING

    def turn(self, run: Run, provider: str) -> AbstractContextManager[Mark]:
        """Nothing."""
        return _NOTHING

    def call(self, run: Run, call: Call) -> AbstractContextManager[Mark]:
        """Nothing."""
        return _NOTHING
