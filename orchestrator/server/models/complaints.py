"""What an endpoint complains of, in its own words, and what that means for a run. No I/O.

Endpoints agree on neither the form of an error nor its code: code, type, status and the words are all looked at.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, cast

import orjson

from orchestrator.server.models.door import ModelFault
from orchestrator.tools.kind import as_object

MAX_MESSAGE = 500  # characters of an endpoint's complaint
TOO_LONG = "The conversation does not fit into the model's context"

# OpenAI, vLLM, SGLang, llama.cpp, Ollama, Model Studio, Anthropic's and Gemini's compatible endpoints
_CONTEXT = re.compile(
    r"context[ _-]?(?:length|window|size)|exceed_context|maximum (?:context|input|prompt|model) length|max_model_len"
    r"|range of input length|input length should|input (?:token count|tokens?) .{0,40}exceed"
    r"|(?:prompt|input|messages?) (?:is|are|was) too long|too many (?:input )?tokens|longer than the model",
    re.IGNORECASE,
)
_CONTENT = ("content_filter", "content_policy", "data_inspection", "datainspection", "sensitive")
_LIMITED = ("rate_limit", "ratelimit", "throttling", "resource_exhausted", "too_many_requests")
_PAID = ("insufficient_quota", "insufficient_balance", "billing", "arrearage", "exceeded_current_quota")
_FAILING = ("overloaded", "server_error", "internal", "unavailable")
_BUSY = frozenset((408, 425))  # that pass, beside 429 and those from 500 on


def fault(payload: object, *, status: int | None = None, hide: Callable[[str], str] = str) -> ModelFault:
    """The fault that a complaint is: bounded, on one line, without secrets. `status`: of HTTP, if it came that way."""
    message, code = complaint(payload)
    message = " ".join(hide(message).split())[:MAX_MESSAGE] or "no message"
    kind = code_of(status, code, message)
    if kind == "invalid_prompt":
        said = TOO_LONG if _CONTEXT.search(f"{code} {message}") else "The model's endpoint refuses the conversation"
        return ModelFault(f"{said}: {message}", code=kind)
    said = "reports an error" if status is None else f"answered HTTP {status}"
    return ModelFault(f"The model's endpoint {said}: {message}", code=kind, temporary=_passes(status, code))


def complaint(payload: object) -> tuple[str, str]:
    """Message and code of an error in the forms of OpenAI, vLLM, Ollama, llama.cpp, Gemini, FastAPI and DashScope."""
    first = next(iter(objects(payload)), as_object(payload))
    inner: object = first.get("error") or first or payload
    fields = as_object(inner)
    message: object = fields.get("message") or fields.get("detail") or inner
    text = message if isinstance(message, str) else orjson.dumps(message, default=str).decode("utf-8", "replace")
    words = (fields.get(name) for name in ("code", "type", "status"))
    return text, " ".join(str(word) for word in words if isinstance(word, str | int))


def complains(fields: Mapping[str, Any]) -> bool:
    """Whether a chunk of a stream is an error."""
    if fields.get("error"):
        return True
    return "choices" not in fields and any(key in fields for key in ("message", "detail", "code"))


def code_of(status: int | None, code: str, message: str) -> str:
    """The `last_error.code` of a complaint."""
    if status == 429 or _says(code, _LIMITED) or _says(code, _PAID) or "429" in code.split():
        return "rate_limit_exceeded"
    if _CONTEXT.search(f"{code} {message}") or _says(code, _CONTENT):
        return "invalid_prompt"
    return "server_error"


def objects(value: object) -> list[Mapping[str, Any]]:
    """The objects of a JSON array; of anything else: none."""
    return [as_object(item) for item in cast("list[object]", value)] if isinstance(value, list) else []


def _passes(status: int | None, code: str) -> bool:
    """Whether to ask again may help. What is used up or not paid for stays so."""
    if _says(code, _PAID):
        return False
    numbers = [status] if status is not None else [int(word) for word in code.split() if _is_status(word)]
    busy = any(number >= 500 or number == 429 or number in _BUSY for number in numbers)
    return busy or (status is None and _says(code, (*_LIMITED, *_FAILING)))


def _is_status(word: str) -> bool:
    return len(word) == 3 and word.isascii() and word.isdigit()


def _says(code: str, words: tuple[str, ...]) -> bool:
    plain = code.lower().replace("-", "_")
    return any(word in plain for word in words)
