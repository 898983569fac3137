"""Fields of an assistant that every dialect spells alike: metadata with our mark, tools, texts and numbers. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, cast

from orchestrator.errors import CannotUnderstand, Rejected
from orchestrator.reconcile.stamp import STAMP_KEY, Stamp
from orchestrator.targets.dialect import SAMPLING
from orchestrator.tools import ToolKind
from orchestrator.tools import decode as decode_tool

ABSENT: tuple[object, ...] = (None, "", [], {})  # all spellings of "not set"
_MESSAGE_LENGTH = 500  # characters of the target's own words that an error repeats


def identity(fields: Mapping[str, Any]) -> str:
    """The id of an assistant.

    Raises:
        CannotUnderstand: it has none.
    """
    id = fields.get("id")  # noqa: A001 - the API's own word
    if not isinstance(id, str) or not id:
        raise CannotUnderstand("The target's answer is not an assistant: it has no id.")
    return id


def marked(stamp: Stamp | None) -> dict[str, str]:
    """The pair of the metadata that is ours.

    Raises:
        Rejected: it does not fit.
    """
    if stamp is None:
        return {}
    try:
        return {STAMP_KEY: stamp.encode()}
    except ValueError as error:
        raise Rejected(f"The mark of '{stamp.manifest}' does not fit: {error}.", sent=False) from error


def read(name: str, value: Any, id: str) -> Any:
    """A field's value, None where it is not set."""
    if name == "metadata":
        return {k: v for k, v in metadata(value, id).items() if k != STAMP_KEY} or None
    if value in ABSENT:
        return None
    if name == "tools":
        return tuple(_tool(one, id) for one in _list(value, name, id))
    if name == "file_ids":
        return tuple(str(one) for one in _list(value, name, id))
    fits = _is_number(value) if name in SAMPLING else isinstance(value, str)
    return value if fits else odd(name, id)


def metadata(value: Any, id: str) -> Mapping[str, Any]:
    """All pairs, our mark included."""
    if value in ABSENT:
        return {}
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else odd("metadata", id)


def odd(name: str, id: str) -> Any:
    """Refuse a field of the wrong type."""
    which = f"The assistant {id[:64]}" if id.startswith("asst_") else "An assistant"  # no echo of who knows what
    raise CannotUnderstand(f"{which} of the target has a '{name}' of the wrong type.")


def text(value: object) -> str:
    """Words of the target on one line, bounded; empty where it is no text."""
    if not isinstance(value, str):
        return ""
    clean = "".join(c if c.isprintable() else " " for c in value[: _MESSAGE_LENGTH + 1]).strip()
    return clean if len(clean) <= _MESSAGE_LENGTH else clean[:_MESSAGE_LENGTH] + "…"


def _tool(value: object, id: str) -> ToolKind:
    return decode_tool(cast("Mapping[str, Any]", value)) if isinstance(value, dict) else odd("tools", id)


def _list(value: Any, name: str, id: str) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else odd(name, id)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
