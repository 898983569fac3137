"""The door to chat models: a request goes in, events come out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from orchestrator.tools import Offer


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """One turn. `messages` in the chat-completions form: role system|user|assistant|tool, content, tool_calls, …

    `settings`: temperature, top_p, top_k, max_tokens as given; `options`: tool_choice, parallel_tool_calls,
    response_format as given.
    """

    model: str
    messages: Sequence[Mapping[str, Any]]
    offers: Sequence[Offer] = ()
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class TextPiece:
    """Some more text of the answer."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPiece:
    """Some more of call number `index` (from 0); `id` and `name` come with its first piece."""

    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Tokens of this turn."""

    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """The turn is over. `reason`: stop, tool_calls, length or content_filter. Always the last event."""

    reason: str


ModelEvent = TextPiece | CallPiece | Spent | Stop


class ModelFault(Exception):
    """The model did not answer, or not to the end. `code` goes to last_error: server_error or rate_limit_exceeded."""

    def __init__(self, message: str, *, code: str = "server_error") -> None:
        super().__init__(message)
        self.code = code


class Model(Protocol):
    """A chat model."""

    def respond(self, request: ModelRequest) -> AsyncIterator[ModelEvent]:
        """Answer one turn; the last event is `Stop`.

        Raises:
            ModelFault: no answer, an error, a stall, or a stream that ended without its end.
        """
        ...


class Models(Protocol):
    """Which model serves which name."""

    def find(self, name: str) -> Model | None:
        """The model for a name; None: none is configured."""
        ...
