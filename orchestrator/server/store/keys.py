"""Keys of the API in the database. A revoked key stays as a tombstone until it is forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from orchestrator.server.records import Key
from orchestrator.server.store import rows
from orchestrator.server.store.door import Tx

_INSERT = """
INSERT INTO keys (id, workspace, name, created_at, expires_at, digest, bounds)
    VALUES (:id, :workspace, :name, :created_at, :expires_at, :digest, :bounds)
"""
_COLUMNS = ("id", "workspace", "name", "created_at", "expires_at", "digest")


@dataclass(frozen=True, slots=True)
class Change:
    """Something happened to a key; None: it is gone. `seq` grows with each change of any key."""

    seq: int
    key_id: str
    key: Key | None


def insert(tx: Tx, key: Key) -> None:
    """Add a key."""
    values = {name: getattr(key, name) for name in _COLUMNS}
    tx.change(_INSERT, {**values, "bounds": orjson.dumps(dict(key.bounds)).decode()})
    _note(tx, key.id)


def every(tx: Tx) -> list[Key]:
    """All keys, dead ones too, by creation."""
    return rows.select(tx, "keys", Key, "seq > 0 ORDER BY seq", {})


def find(tx: Tx, key_id: str) -> Key | None:
    """The key, dead or alive."""
    found = rows.select(tx, "keys", Key, "id = :id", {"id": key_id})
    return found[0] if found else None


def changes(tx: Tx, after: int) -> list[Change]:
    """What happened after a change, in order; each key as it is now."""
    found = tx.rows("SELECT seq, key_id FROM key_changes WHERE seq > :after ORDER BY seq", {"after": after})
    return [Change(row["seq"], row["key_id"], find(tx, row["key_id"])) for row in found]


def revoke(tx: Tx, key_id: str, now: int) -> None:
    """End a key; one that was revoked already stays as it is."""
    tx.change("UPDATE keys SET revoked_at = :now WHERE id = :id AND revoked_at IS NULL", {"id": key_id, "now": now})
    _note(tx, key_id)


def forget(tx: Tx, key_id: str) -> None:
    """Take a key out of the table."""
    tx.change("DELETE FROM keys WHERE id = :id", {"id": key_id})
    _note(tx, key_id)


def used(tx: Tx, times: Mapping[str, int]) -> None:
    """Note when keys were last used, by id."""
    sql = "UPDATE keys SET used_at = :at WHERE id = :id AND (used_at IS NULL OR used_at < :at)"
    tx.change_many(sql, [{"id": key_id, "at": at} for key_id, at in times.items()])


def _note(tx: Tx, key_id: str) -> None:
    tx.change("INSERT INTO key_changes (key_id) VALUES (:id)", {"id": key_id})
