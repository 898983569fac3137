"""The body of a request for a chat completion, and what an endpoint wants otherwise than most. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from orchestrator.server.models.door import ModelRequest
from orchestrator.tools import Offer

_SETTINGS = ("temperature", "top_p", "top_k", "max_tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """What an endpoint wants otherwise than most.

    `model`: the name that it knows, if it is another. `extra`: laid over the body of each request; None takes a
    field away. `limit_field`: how it calls the limit of a completion. `thoughts`: whether reasoning that came with
    calls is handed back with them.
    """

    model: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict[str, Any])
    limit_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    thoughts: bool = True


def question(request: ModelRequest, manner: Manner | None = None) -> dict[str, Any]:
    """The body of a streaming request."""
    manner = manner or Manner()
    body: dict[str, Any] = {
        "model": manner.model or request.model,
        "messages": list(request.messages),
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    body |= {**_settings(request.settings, manner.limit_field), **_effort(request.options.get("reasoning_effort"))}
    if request.offers:
        body |= {"tools": [_tool(offer) for offer in request.offers], **_about_tools(request.options)}
    body |= {**_response_format(request.options.get("response_format")), **manner.extra}
    return {name: value for name, value in body.items() if value is not None} if manner.extra else body


def _settings(given: Mapping[str, Any], limit_field: str) -> dict[str, Any]:
    known = {name: given[name] for name in _SETTINGS if given.get(name) is not None}
    if limit_field != "max_tokens" and "max_tokens" in known:
        known[limit_field] = known.pop("max_tokens")
    return known


def _tool(offer: Offer) -> dict[str, Any]:
    function = {"name": offer.name, "description": offer.description, "parameters": offer.parameters}
    strict = {} if offer.strict is None else {"strict": offer.strict}
    return {"type": "function", "function": {**function, **strict}}


def _effort(given: object) -> dict[str, Any]:
    return {"reasoning_effort": given} if isinstance(given, str) else {}


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
