"""What a unit of work gave, as JSON, and back: plain values, records, and tuples and lists of these."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from orchestrator.server.records import Assistant, File, Message, Record, Run, Step, Thread
from orchestrator.server.service.listing import Attached
from orchestrator.server.store import rows

_KINDS: dict[str, type[Any]] = {
    kind.__name__: kind for kind in (Assistant, Thread, Message, Run, Step, File, Attached)
}  # what the services give back


def shelve(value: object) -> object:
    """The value as JSON. Raises: TypeError when it is of a kind that is not known here."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, tuple | list):
        items = cast("list[object] | tuple[object, ...]", value)
        return {type(items).__name__: [shelve(item) for item in items]}
    if type(value).__name__ in _KINDS:
        return {type(value).__name__: rows.to_row(cast("Record", value))}
    raise TypeError(f"cannot keep a {type(value).__name__}")


def revive(kept: object) -> Any:
    """The value that became this JSON."""
    if not isinstance(kept, Mapping):
        return kept
    ((kind, inside),) = cast("Mapping[str, Any]", kept).items()
    if kind in _KINDS:
        return rows.from_row(_KINDS[kind], inside)
    items = [revive(item) for item in inside]
    return tuple(items) if kind == "tuple" else items
