"""The content of an assistant, free of any dialect, and how two contents are compared. Pure.

A body is a mapping of wire field names to values; **presence means managed**: a field that is not there is neither
compared nor written. `tools` is a tuple of `ToolKind`, the sampling fields are numbers, the rest text or JSON.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, cast

import orjson

from orchestrator.tools import ToolKind
from orchestrator.wire.assistants import ASSISTANT_FIELDS

Body = Mapping[str, Any]

_NUMBERS = frozenset({"temperature", "top_p", "top_k", "max_tokens"})
_EMPTY: tuple[object, ...] = (None, "", {}, [], ())
DIGEST_LENGTH = 12  # hexadecimal characters kept of each field's SHA-256


def comparable(field: str, value: Any) -> Any:
    """A field's value in the one form that is compared: all spellings of "nothing" are None, no secrets, plain JSON."""
    if field == "tools":
        return [tool.comparable() for tool in cast("Iterable[ToolKind]", value or ())] or None
    if field in _NUMBERS:
        return None if value is None else float(value)
    if value in _EMPTY:
        return None
    return list(cast("Iterable[Any]", value)) if isinstance(value, tuple) else value


def digest(field: str, value: Any) -> str:
    """A short hash of a field's comparable value."""
    text = orjson.dumps(comparable(field, value), option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(text).hexdigest()[:DIGEST_LENGTH]


def digests(body: Body) -> dict[str, str]:
    """The hash of each field that is there, in the order of the wire."""
    return {field: digest(field, body[field]) for field in ASSISTANT_FIELDS if field in body}
