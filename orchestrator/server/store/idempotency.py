"""What units of requests gave that bear an Idempotency-Key.

It is written in the very unit, so it is there if and only if the effect is.
"""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from orchestrator.server.store.door import Tx

_FIND = """
SELECT created_at, request, result FROM idempotency WHERE workspace = :workspace AND name = :name AND unit = :unit
"""
_KEEP = """
INSERT INTO idempotency (workspace, name, unit, created_at, request, result)
    VALUES (:workspace, :name, :unit, :created_at, :request, :result)
"""
_SWEEP = """
DELETE FROM idempotency WHERE (workspace, name, unit) IN (
    SELECT workspace, name, unit FROM idempotency WHERE created_at <= :old ORDER BY created_at LIMIT :limit
)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A key of a workspace, and which of the request's units."""

    workspace: str
    name: str
    unit: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a unit gave, as JSON; `request` is a hash of what was asked."""

    created_at: int
    request: str
    result: object


def find(tx: Tx, place: Place) -> Kept | None:
    """What was kept at a place, however old."""
    found = tx.rows(_FIND, _values(place))
    if not found:
        return None
    row = found[0]
    return Kept(created_at=row["created_at"], request=row["request"], result=orjson.loads(row["result"]))


def keep(tx: Tx, place: Place, kept: Kept) -> None:
    """Keep what a unit gave."""
    result = orjson.dumps(kept.result).decode()
    tx.change(_KEEP, {**_values(place), "created_at": kept.created_at, "request": kept.request, "result": result})


def forget(tx: Tx, place: Place) -> None:
    """Drop all that was kept of a key."""
    values = {"workspace": place.workspace, "name": place.name}
    tx.change("DELETE FROM idempotency WHERE workspace = :workspace AND name = :name", values)


def sweep(tx: Tx, old: int, limit: int) -> int:
    """Drop at most `limit` of those kept at `old` or before; how many."""
    return tx.change(_SWEEP, {"old": old, "limit": limit})


def _values(place: Place) -> dict[str, object]:
    return {"workspace": place.workspace, "name": place.name, "unit": place.unit}
