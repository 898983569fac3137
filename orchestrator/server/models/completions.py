"""The reading of a chat completion, line by line. No I/O.

The reading takes what servers really send: fragments or whole calls, indexes and ids missing or used twice, usage in
the last chunk or in each, comments, errors inside the stream, a plain JSON answer. The end is a `finish_reason`, or
`[DONE]` after something was said; a connection that just ends has broken.

Reasoning that comes in a field of its own is no part of the answer; `<think>` inside of the text is text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

import orjson

from orchestrator.server.models import complaints
from orchestrator.server.models.calls import Calls
from orchestrator.server.models.complaints import objects
from orchestrator.server.models.door import (
    ModelEvent,
    ModelFault,
    Spent,
    Stop,
    TextPiece,
    ThoughtPiece,
)
from orchestrator.tools.kind import as_object

MAX_HELD = 8 * 1024 * 1024  # characters of an answer that are not understood yet
MAX_NAME = 200  # characters of the model's name that are kept
EMPTY = "The model's endpoint gave an empty answer; its own log may say why."
_SSE_FIELDS = ("event", "id", "retry", "")  # the empty name: a comment
_THOUGHTS = ("reasoning_content", "reasoning")  # fields in which reasoning comes; the first that is there counts
_BROKEN = frozenset(("error", "network_error", "abort", "insufficient_system_resource"))
_REASONS = {
    **dict.fromkeys(("length", "max_tokens", "model_length"), "length"),
    **dict.fromkeys(("content_filter", "safety", "sensitive", "recitation"), "content_filter"),
}


class Completion:
    """One answer while it is read: feed `line`s, then call `end`. `hide` takes secrets out of the upstream's words."""

    def __init__(self, hide: Callable[[str], str] = str, new_id: Callable[[], str] | None = None) -> None:
        self.done = False  # [DONE] was seen
        self._hide = hide
        self._calls = Calls(new_id)
        self._reason: str | None = None
        self._said = False  # text or a call
        self._spent: Spent | None = None
        self._model: str | None = None  # as the endpoint names it
        self._understood = False
        self._is_error = False  # the event was announced as an error
        self._event: list[str] = []  # data lines of one event that are not complete JSON yet
        self._stray: list[str] = []  # lines that are no server-sent events: perhaps the answer is plain JSON
        self._held = 0

    @property
    def finished(self) -> bool:
        """Whether the model said that it is through: what comes after may be lost."""
        return self._reason is not None

    def line(self, line: str) -> Iterator[ModelEvent]:
        """The events that one line brings.

        Raises:
            ModelFault: the line reports an error, or cannot be understood.
        """
        if self.done:
            return
        name, _, value = line.removeprefix("\ufeff").partition(":")
        if not line:
            yield from self._blank()
        elif name == "data":
            yield from self._data(value.removeprefix(" "))
        elif name == "error":  # llama.cpp of earlier years
            raise self._fault(_json(value) or value)
        elif name not in _SSE_FIELDS:
            self._hold(self._stray, line)
        elif name == "event":
            self._is_error = value.strip() == "error"

    def end(self) -> Iterator[ModelEvent]:
        """The last events: rest of the calls, `Spent` if it was told, `Stop`.

        Raises:
            ModelFault: the answer ended before its end.
        """
        yield from self._blank()
        if not self._understood:
            yield from self._plain()
        reason = self._reason or ("stop" if self.done and self._said else None)
        if reason is None:
            said = "The model's answer ended before its end." if self._understood else EMPTY
            raise ModelFault(said, temporary=True)
        if reason in _BROKEN:
            raise ModelFault("The model's endpoint broke the answer off with an error.", temporary=True)
        yield from self._calls.rest()
        if self._spent:
            yield self._spent
        yield Stop(reason=self._stop_reason(reason), model=self._model)

    def _fault(self, payload: object) -> ModelFault:
        return complaints.fault(payload, hide=self._hide)

    def _hold(self, lines: list[str], line: str) -> None:
        self._held += len(line)
        if self._held > MAX_HELD:
            raise ModelFault("The model's endpoint sent too much that is not a chat completion.")
        lines.append(line)

    def _data(self, value: str) -> Iterator[ModelEvent]:
        """Read a data line at once if it is a whole chunk: some servers leave out the blank line between events."""
        if value.strip() == "[DONE]":
            yield from self._blank()
            self.done = True
            return
        chunk = None if self._event else _json(value)
        if chunk is None:
            self._hold(self._event, value)
        else:
            yield from self._chunk(chunk)

    def _blank(self) -> Iterator[ModelEvent]:
        """An event is over: its data lines together must be JSON."""
        text, self._event = "\n".join(self._event), []
        if text.strip():
            yield from self._chunk(self._parsed(text))
        self._is_error = False

    def _plain(self) -> Iterator[ModelEvent]:
        """The answer to servers that do not stream."""
        text = "\n".join(self._stray)
        if text.strip():
            yield from self._chunk(self._parsed(text))

    def _parsed(self, text: str) -> object:
        value = _json(text)
        if not isinstance(value, dict | list):
            raise ModelFault(f"The model's endpoint sent what is not JSON: {self._hide(text)[:120]!r}")
        return cast("object", value)

    def _chunk(self, chunk: object) -> Iterator[ModelEvent]:
        fields = as_object(chunk)
        if self._is_error or fields is not chunk or complaints.complains(fields):
            raise self._fault(chunk)
        self._understood = True
        named = fields.get("model")
        if self._model is None and isinstance(named, str):
            self._model = named[:MAX_NAME] or None
        usage = as_object(fields.get("usage"))
        if usage:
            self._spent = spent(usage)
        for choice in objects(fields.get("choices")):
            if choice.get("index") in (None, 0):
                yield from self._choice(choice)

    def _choice(self, choice: Mapping[str, Any]) -> Iterator[ModelEvent]:
        told = as_object(choice.get("delta") or choice.get("message"))
        thought = _thought(told)
        if thought:
            yield thought
        text = _text(told.get("content")) + _text(told.get("refusal"))
        if text:
            self._said = True
            yield TextPiece(text=text)
        for piece in _call_pieces(told):
            self._said = True
            yield from self._calls.take(piece)
        reason = choice.get("finish_reason")
        if reason not in (None, "", "null"):
            self._reason = str(reason)

    def _stop_reason(self, said: str) -> str:
        """What was sent counts: some servers say `stop` after calls, others `tool_calls` without any."""
        return _REASONS.get(said.lower()) or ("tool_calls" if self._calls else "stop")


def spent(usage: Mapping[str, Any]) -> Spent:
    """The tokens that an endpoint tells of."""
    total = _count(usage.get("total_tokens"))
    return Spent(
        prompt_tokens=_count(usage.get("prompt_tokens")) or 0,
        completion_tokens=_count(usage.get("completion_tokens")) or 0,
        total_tokens=total,
        cached_tokens=_count(as_object(usage.get("prompt_tokens_details")).get("cached_tokens")),
        reasoning_tokens=_count(as_object(usage.get("completion_tokens_details")).get("reasoning_tokens")),
    )


def _thought(told: Mapping[str, Any]) -> ThoughtPiece | None:
    for name in _THOUGHTS:
        text = _text(told.get(name))
        if text:
            return ThoughtPiece(field=name, text=text)
    return None


def _call_pieces(told: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Pieces of calls; `function_call` is how a single call was told before there were several."""
    pieces = objects(told.get("tool_calls"))
    single = as_object(told.get("function_call"))
    return [*pieces, {"index": 0, "function": single}] if single and not pieces else pieces


def _json(text: str) -> object:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _count(value: object) -> int | None:
    return max(0, value) if isinstance(value, int) else None


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    return "".join(part["text"] for part in objects(content) if isinstance(part.get("text"), str))
