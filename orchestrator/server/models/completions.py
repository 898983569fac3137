"""Chat completions on paper: the body of a request, and the reading of an answer line by line. No I/O.

The reading takes what servers really send: fragments or whole calls, indexes and ids missing or used twice, usage in
the last chunk or in each, comments, errors inside the stream, a plain JSON answer. `finish_reason` alone is the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

import orjson

from orchestrator.server.models.calls import Calls
from orchestrator.server.models.door import ModelEvent, ModelFault, ModelRequest, Spent, Stop, TextPiece
from orchestrator.tools import Offer
from orchestrator.tools.kind import as_object

MAX_HELD = 8 * 1024 * 1024  # characters of an answer that are not understood yet
_MAX_MESSAGE = 500  # characters of an upstream's complaint
_SETTINGS = ("temperature", "top_p", "top_k", "max_tokens")
_SSE_FIELDS = ("event", "id", "retry", "")  # the empty name: a comment


def question(request: ModelRequest, *, model: str | None = None) -> dict[str, Any]:
    """The body of a streaming request; `model` replaces the name that the request has."""
    body: dict[str, Any] = {
        "model": model or request.model,
        "messages": list(request.messages),
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    body |= {k: request.settings[k] for k in _SETTINGS if request.settings.get(k) is not None}
    if request.offers:
        body |= {"tools": [_tool(offer) for offer in request.offers], **_about_tools(request.options)}
    return body | _response_format(request.options.get("response_format"))


def _tool(offer: Offer) -> dict[str, Any]:
    function = {"name": offer.name, "description": offer.description, "parameters": offer.parameters}
    return {"type": "function", "function": function}


def _about_tools(options: Mapping[str, Any]) -> dict[str, Any]:
    """Both are refused by servers when no tools are offered. A forced built-in tool is a function by its type here."""
    told: dict[str, Any] = {}
    match options.get("tool_choice"):
        case "auto" | "none" | "required" as word:
            told["tool_choice"] = word
        case {"type": "function", "function": {"name": str(name)}}:
            told["tool_choice"] = {"type": "function", "function": {"name": name}}
        case {"type": str(name)} if name != "function":
            told["tool_choice"] = {"type": "function", "function": {"name": name}}
        case _:
            pass
    if isinstance(options.get("parallel_tool_calls"), bool):
        told["parallel_tool_calls"] = options["parallel_tool_calls"]
    return told


def _response_format(given: object) -> dict[str, Any]:
    """The Java SDK sends bare words; `auto` and `text` are what a model does anyway."""
    match given:
        case "json_object" | {"type": "json_object"}:
            return {"response_format": {"type": "json_object"}}
        case {"type": "json_schema"}:
            return {"response_format": given}
        case _:
            return {}


class Completion:
    """One answer while it is read: feed `line`s, then call `end`. `hide` takes secrets out of the upstream's words."""

    def __init__(self, hide: Callable[[str], str] = str, new_id: Callable[[], str] | None = None) -> None:
        self.done = False  # [DONE] was seen
        self._hide = hide
        self._calls = Calls(new_id)
        self._reason: str | None = None
        self._spent: Spent | None = None
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
            raise self.fault(_json(value) or value)
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
        if self._reason is None:
            raise ModelFault("The model's answer ended before its end.")
        if self._reason == "error":
            raise ModelFault("The model's endpoint broke the answer off with an error.")
        yield from self._calls.rest()
        if self._spent:
            yield self._spent
        yield Stop(reason=self._stop_reason(self._reason))

    def fault(self, payload: object, *, status: int | None = None) -> ModelFault:
        """The upstream's complaint in its own words, bounded and without secrets."""
        message, code = complaint(payload)
        message = " ".join(self._hide(message).split())[:_MAX_MESSAGE] or "no message"
        said = "reports an error" if status is None else f"answered HTTP {status}"
        limited = status == 429 or _is_rate_limit(code)
        return ModelFault(
            f"The model's endpoint {said}: {message}", code="rate_limit_exceeded" if limited else "server_error"
        )

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
        if self._is_error or fields is not chunk or _complains(fields):
            raise self.fault(chunk)
        self._understood = True
        usage = as_object(fields.get("usage"))
        if usage:
            prompt, completion = usage.get("prompt_tokens"), usage.get("completion_tokens")
            self._spent = Spent(prompt_tokens=_count(prompt), completion_tokens=_count(completion))
        for choice in _objects(fields.get("choices")):
            if choice.get("index") in (None, 0):
                yield from self._choice(choice)

    def _choice(self, choice: Mapping[str, Any]) -> Iterator[ModelEvent]:
        """`reasoning_content` is left out on purpose: the Assistant API has no place for it."""
        told = as_object(choice["delta"] if "delta" in choice else choice.get("message"))
        text = _text(told.get("content")) + _text(told.get("refusal"))
        if text:
            yield TextPiece(text=text)
        for piece in _objects(told.get("tool_calls")):
            yield from self._calls.take(piece)
        reason = choice.get("finish_reason")
        if reason not in (None, "", "null"):
            self._reason = str(reason)

    def _stop_reason(self, said: str) -> str:
        """What was sent counts: some servers say `stop` after calls, others `tool_calls` without any."""
        if said in ("length", "content_filter"):
            return said
        return "tool_calls" if self._calls else "stop"


def complaint(payload: object) -> tuple[str, str]:
    """Message and code of an error in the forms of OpenAI, vLLM, Ollama, llama.cpp, Gemini, FastAPI and DashScope."""
    first = next(iter(_objects(payload)), as_object(payload))
    inner: object = first.get("error") or first or payload
    fields = as_object(inner)
    message: object = fields.get("message") or fields.get("detail") or inner
    text = message if isinstance(message, str) else orjson.dumps(message, default=str).decode("utf-8", "replace")
    return text, str(fields.get("code") or fields.get("type") or "")


def _complains(fields: Mapping[str, Any]) -> bool:
    if fields.get("error"):
        return True
    return "choices" not in fields and any(key in fields for key in ("message", "detail", "code"))


def _is_rate_limit(code: str) -> bool:
    return code == "429" or code.lower().startswith(("rate_limit", "ratelimit", "throttling", "insufficient_quota"))


def _objects(value: object) -> list[Mapping[str, Any]]:
    """The objects of a JSON array; of anything else: none."""
    return [as_object(item) for item in cast("list[object]", value)] if isinstance(value, list) else []


def _json(text: str) -> object:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _count(value: object) -> int:
    return max(0, value) if isinstance(value, int) else 0


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    return "".join(part["text"] for part in _objects(content) if isinstance(part.get("text"), str))
