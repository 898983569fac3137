"""Lines of our own files: `{"message": {…}}`, with every field that is kept but for those that belong to one server."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, get_type_hints

import orjson

from orchestrator.server.dialects.fields import Fields
from orchestrator.server.dialects.frames import one_line
from orchestrator.server.lines.shapes import check
from orchestrator.server.records import Json, Message, Run, Step, Thread
from orchestrator.wire.faults import invalid

FORMAT = "orchestrator.threads"
VERSION = 1

Part = Thread | Message | Run | Step

KINDS: Mapping[str, type[Part]] = {"thread": Thread, "message": Message, "run": Run, "step": Step}
_WORDS = {cls: kind for kind, cls in KINDS.items()}
_LOCAL = frozenset({"workspace", "epoch", "key_id"})  # mean nothing elsewhere

_READERS: Mapping[object, Callable[[Fields, str], Any]] = {
    str: Fields.needed,
    str | None: Fields.text,
    int: lambda fields, name: fields.wrong(name, "must be given") if (n := fields.integer(name, 0)) is None else n,
    int | None: lambda fields, name: fields.integer(name, 0),
    tuple[str, ...]: lambda fields, name: fields.texts(name) or (),
    tuple[Json, ...]: lambda fields, name: tuple(item.body for item in fields.each(name) or ()),
    Json: lambda fields, name: inner.body if (inner := fields.inner(name)) else {},
    Json | None: lambda fields, name: inner.body if (inner := fields.inner(name)) else None,
}


def header() -> bytes:
    """The first line."""
    return _line({"format": FORMAT, "version": VERSION})


def end(lines: int) -> bytes:
    """The last line; `lines`: those between it and the header."""
    return _line({"end": {"lines": lines}})


def show(part: Part) -> bytes:
    """The line of a record."""
    names = [name for name, _ in _fields(type(part))]
    return _line({_WORDS[type(part)]: {name: getattr(part, name) for name in names}})


def check_header(line: Json) -> None:
    """See that the file can be understood. Raises: Fault."""
    version = line.get("version")
    if line.get("format") != FORMAT or not isinstance(version, int):
        raise invalid(f"The header names no format that is known here; it should be '{FORMAT}'.")
    if version > VERSION:
        raise invalid(f"The file has version {version}, this server knows up to {VERSION}: upgrade it.")


def read(workspace: str, kind: str, body: object) -> Part:
    """The record of a line. Raises: Fault."""
    cls = KINDS[kind]
    fields = Fields({kind: body}).inner(kind) or Fields({}, kind)
    known = dict(_fields(cls))
    for name in fields.body:
        if name not in known:
            fields.wrong(name, "is no field that is known here")
    values = {name: _READERS[hint](fields, name) for name, hint in known.items()}
    local: dict[str, Any] = {"workspace": workspace, **({"epoch": 0} if cls is Run else {})}
    part: Part = cls(**values, **local)
    check(part)
    return part


@cache
def _fields(cls: type[Part]) -> tuple[tuple[str, object], ...]:
    """Names and types of the fields that a line has."""
    hints = get_type_hints(cls)
    return tuple((field.name, hints[field.name]) for field in dataclasses.fields(cls) if field.name not in _LOCAL)


def _line(value: Json) -> bytes:
    return one_line(orjson.dumps(value, default=dict)) + b"\n"
