"""How new values of fields are laid over those that are there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from orchestrator.server.records import Json


def laid_over(old: Json, new: Mapping[str, Any]) -> Json:
    """The old fields with the new ones over them, key by key; None takes a key away."""
    return {name: value for name, value in {**old, **new}.items() if value is not None}


def once(ids: Iterable[str]) -> tuple[str, ...]:
    """The ids in order, each once."""
    return tuple(dict.fromkeys(ids))
