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
class ThoughtPiece:
    """Some more of the model's reasoning, which is no part of its answer; `field` is the name that it came under."""

    field: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPiece:
    """Some more of call number `index` (from 0); `id` and `name` come with its first piece.

    `extra` is what the endpoint wants back with the call, word by word (a signature of its reasoning, say).
    """

    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""
    extra: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Tokens of this turn, as the endpoint counts them; None: it does not say.

    `cached_tokens` are among those of the prompt, `reasoning_tokens` among those of the completion.
    `total_tokens` may be more than the sum of prompt and completion: some endpoints count reasoning apart.
    """

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """The turn is over. `reason`: stop, tool_calls, length or content_filter. Always the last event.

    `model` is the name that the endpoint gave the model that answered.
    """

    reason: str
    model: str | None = field(default=None, compare=False)


ModelEvent = TextPiece | ThoughtPiece | CallPiece | Spent | Stop


class ModelFault(Exception):
    """The model did not answer, or not to the end.

    `code` goes to last_error: server_error, rate_limit_exceeded, or invalid_prompt (what was asked is the reason).
    `temporary` tells whether the same request may do better a little later.
    """

    def __init__(self, message: str, *, code: str = "server_error", temporary: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.temporary = temporary


class Model(Protocol):
    """A chat model. One that does not speak OpenAI's protocol names itself in an attribute `provider`, for traces."""

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

    def context_tokens(self, name: str) -> int | None:
        """How many tokens the model of a name takes, its answer included; None: nobody knows."""
        ...
