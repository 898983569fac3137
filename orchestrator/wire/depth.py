"""How deep JSON may be nested that comes from outside: what is deeper crashes parsers further on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

DEPTH = 64


def too_deep(data: bytes, value: object) -> bool:
    """Whether a value is nested deeper than DEPTH; `data` is its JSON, which tells at once if it may be."""
    if data.count(b"[") + data.count(b"{") <= DEPTH:
        return False
    level = [value]
    for _ in range(DEPTH + 1):  # one level at a time
        level = [item for part in level for item in _inside(part)]
        if not level:
            return False
    return True


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return cast("dict[str, object]", value).values()
    return cast("list[object]", value) if isinstance(value, list) else ()
