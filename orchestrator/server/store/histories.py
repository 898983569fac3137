"""Verbs for threads that leave the database as a whole, and for those that come back with their ids."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from orchestrator.server.records import Message, Run, Step, Thread
from orchestrator.server.store import rows
from orchestrator.server.store.door import Tx
from orchestrator.wire.faults import invalid

Part = Thread | Message | Run | Step
Fate = Literal["new", "same", "back"]  # inserted; there already; deleted, and back now

BATCH = 64  # messages or runs that are read at once

TABLES: Mapping[type[Part], str] = {Thread: "threads", Message: "messages", Run: "runs", Step: "steps"}
_TAKEN = "The id '{}' cannot be used here."
_NEXT = """
thread_id = :thread_id AND deleted_at IS NULL AND seq > COALESCE((SELECT seq FROM {} WHERE id = :after), 0)
    ORDER BY seq LIMIT :limit
"""
_STEPS = "run_id = :run_id AND deleted_at IS NULL ORDER BY seq"


@dataclass(frozen=True, slots=True)
class Place:
    """How far a thread was read: the last message, then the last run, by id."""

    message: str = ""
    run: str | None = None  # None: messages are not over yet


def stretch(tx: Tx, thread_id: str, place: Place) -> tuple[list[Part], Place | None]:
    """The next parts of a thread: messages, then runs, each with its steps; None: that was all."""
    parts: list[Part] = []
    if place.run is None:
        messages = _next(tx, Message, thread_id, place.message)
        parts += messages
        if len(messages) == BATCH:
            return parts, Place(message=messages[-1].id)
    runs = _next(tx, Run, thread_id, place.run or "")
    for run in runs:
        parts += [run, *rows.select(tx, "steps", Step, _STEPS, {"run_id": run.id})]
    return parts, Place(run=runs[-1].id) if len(runs) == BATCH else None


def _next(tx: Tx, cls: type[Any], thread_id: str, after: str) -> list[Any]:
    table = TABLES[cls]
    return rows.select(tx, table, cls, _NEXT.format(table), {"thread_id": thread_id, "after": after, "limit": BATCH})


def put(tx: Tx, part: Part) -> Fate:
    """Add a record, unless it is there; one that was deleted comes back.

    Raises: Fault when there is another one with its id. Whether that is somebody else's is not told.
    """
    table = TABLES[type(part)]
    if rows.insert_new(tx, table, part):
        return "new"
    there = rows.select(tx, table, type(part), "id = :id", {"id": part.id})[0]
    if there.workspace != part.workspace:
        raise invalid(_TAKEN.format(part.id))
    other = _differing(there, part)
    if other:
        raise invalid(f"There is another {table[:-1]} '{part.id}' here; it differs in {', '.join(other)}.")
    sql = f"UPDATE {table} SET deleted_at = NULL WHERE id = :id AND deleted_at IS NOT NULL"  # noqa: S608 - a name of ours
    return "back" if tx.change(sql, {"id": part.id}) else "same"


def find_thread(tx: Tx, workspace: str, thread_id: str) -> Thread | None:
    """A thread, deleted or not. Raises: Fault when it is somebody else's, which is not told."""
    found = rows.select(tx, "threads", Thread, "id = :id", {"id": thread_id})
    if found and found[0].workspace != workspace:
        raise invalid(_TAKEN.format(thread_id))
    return found[0] if found else None


def has_run(tx: Tx, thread_id: str, run_id: str) -> bool:
    """Whether a thread has a run."""
    sql = "SELECT 1 FROM runs WHERE id = :id AND thread_id = :thread_id"
    return bool(tx.rows(sql, {"id": run_id, "thread_id": thread_id}))


def _differing(there: Part, part: Part) -> list[str]:
    """The fields in which two records differ, but for those that belong to one server."""
    names = [field.name for field in dataclasses.fields(part) if field.name not in ("epoch", "key_id")]
    return [name for name in names if getattr(there, name) != getattr(part, name)]
