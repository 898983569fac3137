"""Fields of an assistant that others may change: neither compared nor written once it is there. Pure.

A path is in the words of a manifest: `instructions`, `model`, `model.temperature`, `metadata`, `metadata.team`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from orchestrator.diagnostics import did_you_mean
from orchestrator.errors import SettingsError
from orchestrator.reconcile.body import Body

_MODEL = {"name": "model", "temperature": "temperature", "topP": "top_p", "topK": "top_k", "maxTokens": "max_tokens"}
_FIELDS: Mapping[str, tuple[str, ...]] = {
    "model": tuple(_MODEL.values()),
    **{f"model.{word}": (wire,) for word, wire in _MODEL.items()},
    "displayName": ("name",),
    "description": ("description",),
    "instructions": ("instructions",),
    "tools": ("tools",),
    "fileIds": ("file_ids",),
    "metadata": ("metadata",),
}
_KEY = "metadata."


def fields(paths: Iterable[str]) -> frozenset[str]:
    """The fields of the wire that paths stand for; `metadata.KEY` stays as it is.

    Raises:
        SettingsError: a path stands for nothing.
    """
    found: set[str] = set()
    for path in paths:
        if path.startswith(_KEY) and len(path) > len(_KEY):
            found.add(path)
        elif path in _FIELDS:
            found.update(_FIELDS[path])
        else:
            hint = did_you_mean(path, _FIELDS) or f"paths are {', '.join(_FIELDS)} and metadata.KEY"
            raise SettingsError(f"'{path[:80]}' is no field of an assistant.", hint=hint)
    return frozenset(found)


def managed(body: Body, ignored: frozenset[str]) -> Body:
    """What is left of a body to compare and to mark."""
    if not ignored:
        return body
    kept = {field: value for field, value in body.items() if field not in ignored}
    keys = _keys(ignored)
    if keys and kept.get("metadata"):
        kept["metadata"] = {key: value for key, value in _pairs(kept).items() if key not in keys}
    return kept


def beside(body: Body, there: Body, ignored: frozenset[str]) -> Body:
    """What is written over an assistant that is there: what is ignored stays as it is."""
    kept = managed(body, ignored)
    keys = _keys(ignored)
    if not keys or "metadata" not in kept:
        return kept
    theirs = {key: value for key, value in _pairs(there).items() if key in keys}
    return {**kept, "metadata": {**_pairs(kept), **theirs}}


def _keys(ignored: frozenset[str]) -> frozenset[str]:
    return frozenset(one.removeprefix(_KEY) for one in ignored if one.startswith(_KEY))


def _pairs(body: Body) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", body.get("metadata") or {})
