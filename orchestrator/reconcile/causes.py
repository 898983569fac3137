"""Why an assistant changes: the inputs of what is desired, and which of them moved. Pure.

An input is known by a hash of what it says, never by what it says. Compared with the inputs of the last apply, or of
another revision of the folder, the moved ones are the causes; where nobody recorded any, only the field is known.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

InputKind = Literal["file", "environment", "template", "variable", "tool", "code", "plugin"]
CauseKind = Literal["file", "environment", "template", "variable", "tool", "code", "plugin", "drift", "edited"]

_KINDS: tuple[str, ...] = get_args(InputKind)
_FIELDS: Mapping[str, frozenset[str]] = {
    "template": frozenset({"instructions"}),
    "variable": frozenset({"instructions"}),
    "tool": frozenset({"tools"}),
    "code": frozenset({"tools"}),
    "plugin": frozenset({"tools"}),
}


@dataclass(frozen=True, slots=True, order=True)
class Input:
    """Something that a desired assistant was made of.

    `name` is a path, a template, a variable with its origin, a tool or a function; `part` the field of the manifest
    that a file or an environment gives, in the words of the wire ("" for other kinds).
    """

    kind: InputKind
    name: str
    part: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """All inputs of one assistant, each with a hash of its content."""

    digests: Mapping[Input, str]

    def to_json(self) -> list[list[str]]:
        """Rows of kind, name, part and hash, sorted: for a journal or a file."""
        return [[i.kind, i.name, i.part, digest] for i, digest in sorted(self.digests.items())]

    @classmethod
    def from_json(cls, rows: object) -> Inputs | None:
        """What `to_json` gave; None when it cannot be understood, which is no fault: nothing is known then."""
        if not isinstance(rows, list):
            return None
        found: dict[Input, str] = {}
        for row in cast("list[object]", rows):
            if not isinstance(row, list) or len(cast("list[object]", row)) != 4:
                return None
            kind, name, part, digest = cast("list[object]", row)
            if kind not in _KINDS or not isinstance(name, str) or not isinstance(part, str):
                return None
            found[Input(cast("InputKind", kind), name, part)] = str(digest)
        return cls(digests=found)


@dataclass(frozen=True, slots=True, order=True)
class Cause:
    """A reason that several assistants may share. `drift`: changed at the target; `edited`: the input is not known."""

    kind: CauseKind
    name: str

    def __str__(self) -> str:
        return _SENTENCES[self.kind].format(self.name)


_SENTENCES: Mapping[str, str] = {
    "file": "{} changed",
    "environment": "what environment {} lays over it changed",
    "template": "template {} changed",
    "variable": "variable {} changed",
    "tool": "tool {} changed",
    "code": "the code of {} changed",
    "plugin": "plug-in {} changed",
    "drift": "{} was changed at the target",
    "edited": "{} was edited since the last apply",
}


def content(value: Any) -> str:
    """A short hash of plain data."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode("utf-8", "replace")).hexdigest()[:16]


def moved(before: Inputs, after: Inputs, field: str) -> list[Cause]:
    """The inputs that may have changed a field, each once: those whose hash differs, that came or that went."""
    names = before.digests.keys() | after.digests.keys()
    found = {
        Cause(one.kind, one.name)
        for one in names
        if before.digests.get(one) != after.digests.get(one) and _concerns(one, field)
    }
    return sorted(found)


def causes(fields: Iterable[tuple[str, bool]], before: Inputs | None, after: Inputs | None) -> tuple[Cause, ...]:
    """Why fields change, given as (name, whether it drifted).

    A drifted field may have been edited as well: then both are told, as far as inputs are known.
    """
    found: dict[Cause, None] = {}
    for field, drifted in fields:
        known = moved(before, after, field) if before is not None and after is not None else []
        if drifted:
            found[Cause("drift", field)] = None
        elif not known:
            found[Cause("edited", field)] = None
        found.update(dict.fromkeys(known))
    return tuple(found)


def _concerns(one: Input, field: str) -> bool:
    return one.part == field if one.part else field in _FIELDS.get(one.kind, frozenset())
