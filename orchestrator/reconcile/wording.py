"""What stands at a target → how a manifest says it. Pure. The opposite of `desiring`.

Law: the spec made of a body, rendered again, gives the same body. What a manifest has no words for is not put into it
(so it stays unmanaged) and is told.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from orchestrator.reconcile.body import Body
from orchestrator.tools import Function, HostedPlugin, ToolKind
from orchestrator.tools.opaque import Opaque

_MARKUP = re.compile(r"\{[{%#]|\{?\r")
_SAMPLING = {"temperature": "temperature", "top_p": "topP", "top_k": "topK", "max_tokens": "maxTokens"}
WHOLE = frozenset({"top_k", "max_tokens"})
KEYS: Mapping[str, tuple[str, ...]] = {
    "model": ("spec", "model"),
    "name": ("spec", "displayName"),
    "description": ("spec", "description"),
    "instructions": ("spec", "instructions"),
    "tools": ("spec", "tools"),
    "file_ids": ("spec", "fileIds"),
    "metadata": ("spec", "metadata"),
    **{name: ("spec", "model", key) for name, key in _SAMPLING.items()},
}
"""Field of the wire → where a manifest says it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """What the manifests declare already, as it would be written: functions by the name of a Tool, plug-ins by id."""

    tools: Mapping[str, Function] = field(default_factory=dict[str, Function])
    plugins: Mapping[str, str] = field(default_factory=dict[str, str])


class NoWords(Exception):
    """A value that a manifest cannot say; the message says why."""


def spec_of(body: Body, name: str, references: References) -> tuple[dict[str, Any], list[str]]:
    """The spec of an assistant's manifest of that name, and sentences about what is left out of it.

    Hosted plug-ins must be among `references`.
    """
    spec: dict[str, Any] = {}
    missing: list[str] = []
    for wire in ("model", "name", "description", "instructions", "tools", "file_ids", "metadata"):
        value = body.get(wire)
        if value in (None, "", (), [], {}) or (wire == "name" and value == name):
            if wire == "name" and not value:
                spec["displayName"] = None
            continue
        try:
            spec[KEYS[wire][1]] = said(wire, value, body, references)
        except NoWords as reason:
            missing.append(f"{wire}: {reason}")
    return spec, missing


def said(wire: str, value: Any, body: Body, references: References) -> Any:
    """One field as its manifest says it.

    Raises:
        NoWords: it cannot be said.
    """
    match wire:
        case "model":
            return _model(body)
        case "instructions":
            return escaped(_held(str(value)))
        case "tools":
            return [_tool(tool, references) for tool in cast("Iterable[ToolKind]", value or ())]
        case "file_ids":
            return [_literal(str(one)) for one in cast("Iterable[object]", value or ())]
        case "metadata":
            return _metadata(cast("Mapping[str, object]", value or {}))
        case _:
            return _literal(value) if isinstance(value, str) else value


def escaped(text: str) -> str:
    """Instructions as Jinja2 text that renders to exactly that text."""
    if not any(mark in text for mark in ("{{", "{%", "{#")):
        return text
    written = _MARKUP.sub(lambda found: "{{ '" + found[0].replace("\r", "\\r") + "' }}", text)
    return written + "\n" if written.endswith("\n") else written  # Jinja2 drops one line break at the end


def _held(text: str) -> str:
    if "\0" in text:
        raise NoWords("it holds a NUL character")
    return text


def _literal(text: str) -> str:
    """Text in which nothing is an expression of ours.

    Raises:
        NoWords: YAML cannot hold it.
    """
    return _held(text).replace("${", "$${")


def _model(body: Body) -> Any:
    name = _literal(str(body["model"]))
    sampling = {key: body[wire] for wire, key in _SAMPLING.items() if body.get(wire) is not None}
    whole = {_SAMPLING[wire] for wire in WHOLE}
    return {"name": name, **{k: int(v) if k in whole else v for k, v in sampling.items()}} if sampling else name


def _metadata(given: Mapping[str, object]) -> dict[str, str]:
    wrong = [key for key, value in given.items() if not isinstance(value, str)]
    if wrong:
        raise NoWords(f"the value of '{wrong[0]}' is no text")
    return {key: _literal(str(value)) for key, value in given.items()}


def _tool(tool: ToolKind, references: References) -> dict[str, Any]:
    if isinstance(tool, HostedPlugin):
        return {"plugin": references.plugins[tool.id]}
    if isinstance(tool, Opaque):
        raise NoWords(f"a tool of the type '{tool.type[:80]}' is not known here")
    if isinstance(tool, Function):
        declared = references.tools.get(tool.function.name)
        if declared is not None and declared.comparable() == tool.comparable():
            return {"ref": tool.function.name}
    return cast("dict[str, Any]", _all_literal(tool.encode()))


def _all_literal(value: Any) -> Any:
    if isinstance(value, str):
        return _literal(value)
    if isinstance(value, Mapping):
        return {key: _all_literal(one) for key, one in cast("Mapping[str, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [_all_literal(one) for one in cast("Iterable[Any]", value)]
    return value
