"""What a person accepted of MCP servers: the whole definition of each tool, in `plugins.lock`. Pure.

A server that tells something else later, be it a word of a description, has that tool disabled until it is accepted
again: what a model reads of a tool steers it as much as a prompt does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

FILE = "plugins.lock"
_VERSION = 1
Definition = Mapping[str, Any]
Pins = Mapping[str, tuple[Definition, ...]]
"""Definitions as the wire has them, by the name of the plug-in."""


class LockFault(Exception):
    """The file cannot be used; the message says why."""


def read(text: str) -> Pins:
    """The definitions in the text of `plugins.lock`.

    Raises:
        LockFault: it is no such file.
    """
    try:
        raw: Any = json.loads(text)
        if raw["version"] != _VERSION:
            raise LockFault(f"{FILE} is of version {raw['version']!r}, not {_VERSION}")
        servers = cast("dict[str, dict[str, Any]]", raw["mcp"])
        return {name: tuple(cast("list[Definition]", server["tools"])) for name, server in servers.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LockFault(f"{FILE} cannot be read; make it anew with orchestrator plugin accept") from error


def write(pins: Pins) -> str:
    """The text of the file: the same for the same definitions."""
    servers = {name: {"tools": sorted(tools, key=lambda tool: str(tool.get("name")))} for name, tools in pins.items()}
    return json.dumps({"version": _VERSION, "mcp": servers}, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def digest(definition: Definition) -> str:
    """A hash of all that a server says of a tool."""
    text = json.dumps(definition, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def differences(pinned: Sequence[Definition], live: Sequence[Definition]) -> list[str]:
    """What is new, gone or changed, a sentence for each tool."""
    before = {str(one.get("name")): one for one in pinned}
    after = {str(one.get("name")): one for one in live}
    told: list[str] = []
    for name in sorted(before.keys() | after.keys()):
        if name not in before:
            told.append(f"+ {name}: {_short(after[name])}")
        elif name not in after:
            told.append(f"- {name}")
        elif digest(before[name]) != digest(after[name]):
            keys = before[name].keys() | after[name].keys()
            parts = sorted(key for key in keys if before[name].get(key) != after[name].get(key))
            told.append(f"~ {name}: {', '.join(parts)}")
    return told


def _short(definition: Definition) -> str:
    text = str(definition.get("description") or "no description")
    return text if len(text) <= 200 else f"{text[:199]}…"
