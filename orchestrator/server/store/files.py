"""Files in the database; their content is in `store.blobs`. Someone else's, deleted and expired ones are all missing.

Every look names the time: a file whose time is over is gone at that moment, not when somebody sweeps.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from orchestrator.server.records import File, Page
from orchestrator.server.store import rows
from orchestrator.server.store.door import Tx
from orchestrator.server.store.rows import NOT_DELETED, Listed
from orchestrator.wire.faults import missing

TABLE = "files"
_THERE = "workspace = :workspace AND (expires_at IS NULL OR expires_at > :now)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which files of a list: a page by cursors, or page `number` (from 1) of `page.limit` files each, newest first."""

    page: Page = field(default_factory=Page)
    number: int | None = None
    purpose: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A page of files; `total` counts those of all pages when pages are numbered, else 0."""

    files: tuple[File, ...]
    has_more: bool
    total: int = 0


def insert(tx: Tx, file: File) -> None:
    """Add a file whose content is on disk."""
    rows.insert(tx, TABLE, file)


def get(tx: Tx, workspace: str, file_id: str, now: int) -> File:
    """The file. Raises: Fault when it is missing."""
    found = find(tx, workspace, (file_id,), now)
    if not found:
        raise missing("file")
    return found[0]


def find(tx: Tx, workspace: str, file_ids: Collection[str], now: int) -> list[File]:
    """Those of the files that are there, in no order."""
    marks = {f"id_{number}": file_id for number, file_id in enumerate(file_ids)}
    among = ", ".join(f":{mark}" for mark in marks)
    where = f"id IN ({among}) AND {_THERE} AND {NOT_DELETED}"
    return rows.select(tx, TABLE, File, where, {**marks, "workspace": workspace, "now": now})


def sheet(tx: Tx, workspace: str, wanted: Wanted, now: int) -> Sheet:
    """Some files of a workspace, by creation. Raises: Fault when a cursor is unknown."""
    where, values = _THERE, {"workspace": workspace, "now": now}
    if wanted.purpose is not None:
        where, values = f"{where} AND purpose = :purpose", {**values, "purpose": wanted.purpose}
    if wanted.number is None:
        found: Listed[File] = rows.page(tx, TABLE, File, where, values, wanted.page)
        return Sheet(files=found.items, has_more=found.has_more)
    return _numbered(tx, f"{where} AND {NOT_DELETED}", values, limit=wanted.page.limit, number=wanted.number)


def _numbered(tx: Tx, where: str, values: dict[str, str | int], *, limit: int, number: int) -> Sheet:
    total = int(tx.rows(f"SELECT COUNT(*) AS total FROM files WHERE {where}", values)[0]["total"])  # noqa: S608
    cut = {"limit": limit, "skipped": (number - 1) * limit}
    found = rows.select(tx, TABLE, File, f"{where} ORDER BY seq DESC LIMIT :limit OFFSET :skipped", {**values, **cut})
    return Sheet(files=tuple(found), has_more=number * limit < total, total=total)


def space(tx: Tx, workspace: str, now: int) -> int:
    """Bytes that the files of a workspace take."""
    sql = f"SELECT COALESCE(SUM(size), 0) AS taken FROM files WHERE {_THERE} AND {NOT_DELETED}"  # noqa: S608
    return int(tx.rows(sql, {"workspace": workspace, "now": now})[0]["taken"])


def delete(tx: Tx, workspace: str, file_id: str, now: int) -> None:
    """Leave a tombstone. Raises: Fault when the file is missing."""
    get(tx, workspace, file_id, now)
    tx.change("UPDATE files SET deleted_at = :now WHERE id = :id", {"id": file_id, "now": now})


def expire(tx: Tx, now: int) -> list[str]:
    """Leave tombstones of all files whose time is over; their ids."""
    due = "deleted_at IS NULL AND expires_at IS NOT NULL AND expires_at <= :now"
    found = tx.rows(f"SELECT id FROM files WHERE {due}", {"now": now})  # noqa: S608 - our own words
    tx.change(f"UPDATE files SET deleted_at = :now WHERE {due}", {"now": now})  # noqa: S608
    return [row["id"] for row in found]


def held(tx: Tx, file_ids: Collection[str]) -> set[str]:
    """Those of the ids that belong to a file, whosever it is, and whose content must stay."""
    marks = {f"id_{number}": file_id for number, file_id in enumerate(file_ids)}
    among = ", ".join(f":{mark}" for mark in marks)
    found = tx.rows(f"SELECT id FROM files WHERE id IN ({among}) AND deleted_at IS NULL", marks)  # noqa: S608
    return {row["id"] for row in found}
