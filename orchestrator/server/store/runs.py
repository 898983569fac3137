"""Verbs for runs and their steps. A change names the run's owner (`epoch`) and status: 0 rows touched is `Lost`."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson

from orchestrator.server.records import Message, Page, Run, Step
from orchestrator.server.store import rows
from orchestrator.server.store.door import Tx
from orchestrator.server.store.rows import NOT_DELETED, Listed

T = TypeVar("T")

PAGE = 50  # messages of a thread that are read at once


class Lost(Exception):
    """The run has another owner or another status than was thought: whoever meets this stops."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which runs of a workspace; None: whatever it is."""

    statuses: frozenset[str] | None = None
    assistant_id: str | None = None
    thread_id: str | None = None


# with the run's own workspace beside it, SQLite would go through the whole workspace
_OF_THREAD = """
thread_id = :thread_id AND EXISTS (SELECT 1 FROM threads WHERE id = :thread_id AND workspace = :workspace)
"""

# the statuses in the very words of the partial indexes, or those are of no use
_UNFINISHED = """
SELECT id, workspace, status FROM runs
    WHERE status IN ('queued', 'in_progress', 'requires_action', 'cancelling') ORDER BY +seq
"""
_DUE = """
SELECT id FROM runs
    WHERE status IN ('queued', 'in_progress', 'requires_action', 'cancelling')
        AND (expires_at <= :now OR expires_at IS NULL)
"""
_ACTIVE = """
SELECT status, COUNT(*) AS number FROM runs
    WHERE status IN ('queued', 'in_progress', 'requires_action', 'cancelling') GROUP BY status
"""
_MINE = """
SELECT metadata, (SELECT MAX(seq) FROM events WHERE run_id = :id) AS seq FROM runs
    WHERE id = :id AND epoch = :epoch AND status = 'in_progress'
"""
OF_RUN = f"run_id = :run_id AND {NOT_DELETED}"  # steps; without the second half the index is of no use
# what was said to its end, be it one that a limit set; not the halves that failed runs left
_HISTORY = """
thread_id = :thread_id AND deleted_at IS NULL AND run_id IS NOT :run_id AND (
    status = 'completed' OR incomplete_details IN ('{"reason":"max_tokens"}', '{"reason":"content_filter"}'))
"""
_OF_WORKSPACE = """
SELECT COUNT(*) AS count FROM (SELECT 1 FROM runs WHERE workspace = :workspace
    AND status IN ('queued', 'in_progress', 'requires_action', 'cancelling') LIMIT :most)
"""
_OF_KEY = """
SELECT COUNT(*) AS count FROM (SELECT 1 FROM runs WHERE workspace = :workspace AND key_id = :key_id
    AND status IN ('queued', 'in_progress', 'requires_action', 'cancelling') LIMIT :most)
"""
_OLDER = _HISTORY + "AND seq < (SELECT seq FROM messages WHERE id = :last)"  # noqa: S608 - of constants


def find(tx: Tx, run_id: str) -> Run | None:
    """The run, whosever it is."""
    return _one(rows.select(tx, "runs", Run, "id = :id", {"id": run_id}))


def get(tx: Tx, workspace: str, thread_id: str, run_id: str) -> Run | None:
    """The run, if it belongs to that workspace and thread."""
    run = find(tx, run_id)
    return run if run and (run.workspace, run.thread_id) == (workspace, thread_id) else None


def mine(tx: Tx, run: Run) -> tuple[Run, int]:
    """A run in progress as it is now, for its owner, and the number of its last event. Raises: Lost.

    What its owner knows holds, for nobody else changes it, but for the metadata.
    """
    found = tx.rows(_MINE, {"id": run.id, "epoch": run.epoch})
    if not found:
        raise Lost
    metadata = orjson.loads(found[0]["metadata"])
    return run if metadata == run.metadata else dataclasses.replace(run, metadata=metadata), found[0]["seq"] or 0


def change(tx: Tx, run: Run, **changes: Any) -> Run:
    """The one way to change a run: if owner and status are still those of `run`. Raises: Lost."""
    where = "id = :id AND epoch = :epoch AND status = :status"
    values = {"id": run.id, "epoch": run.epoch, "status": run.status}
    if rows.change(tx, "runs", Run, changes, where=where, values=values) == 0:
        raise Lost
    return dataclasses.replace(run, **changes)


def took_over(tx: Tx, run: Run) -> int:
    """Count that the run was taken from a dead owner; how often that has been."""
    tx.change("UPDATE runs SET tries = tries + 1 WHERE id = :id", {"id": run.id})
    return int(tx.rows("SELECT tries FROM runs WHERE id = :id", {"id": run.id})[0]["tries"])


def page(tx: Tx, thread_id: str, asked: Page) -> Listed[Run]:
    """One page of the runs of a thread that was looked up in the same unit."""
    return rows.page(tx, "runs", Run, "thread_id = :thread_id", {"thread_id": thread_id}, asked)


def page_of_workspace(tx: Tx, workspace: str, wanted: Wanted, asked: Page) -> Listed[Run]:
    """One page of those of a workspace's runs that are wanted."""
    values: dict[str, object] = {"workspace": workspace}
    conditions = ["workspace = :workspace"]
    if wanted.thread_id is not None:
        conditions = [_OF_THREAD]
        values["thread_id"] = wanted.thread_id
    if wanted.assistant_id is not None:
        conditions.append("assistant_id = :assistant_id")
        values["assistant_id"] = wanted.assistant_id
    if wanted.statuses is not None:
        marks = {f"status_{number}": status for number, status in enumerate(sorted(wanted.statuses))}
        conditions.append(f"status IN ({', '.join(f':{mark}' for mark in marks)})")
        values.update(marks)
    return rows.page(tx, "runs", Run, " AND ".join(conditions), values, asked)


def unfinished(tx: Tx) -> list[tuple[str, str, str]]:
    """Ids, workspaces and statuses of all runs that are not over, oldest first."""
    return [(row["id"], row["workspace"], row["status"]) for row in tx.rows(_UNFINISHED)]


def held(tx: Tx, workspace: str, most: int, key_id: str | None = None) -> int:
    """How many runs of a workspace are not over, or of a key in it; no more than `most` are counted."""
    sql = _OF_WORKSPACE if key_id is None else _OF_KEY
    return int(tx.rows(sql, {"workspace": workspace, "key_id": key_id, "most": most})[0]["count"])


def due(tx: Tx, now: int) -> list[str]:
    """Runs that should be over by now and are not, and those of which nobody said when that is."""
    return [row["id"] for row in tx.rows(_DUE, {"now": now})]


def active(tx: Tx) -> dict[str, int]:
    """How many runs are not over, by status."""
    return {row["status"]: row["number"] for row in tx.rows(_ACTIVE)}


def steps(tx: Tx, run_id: str) -> tuple[Step, ...]:
    """All steps of a run, in order."""
    return tuple(rows.select(tx, "steps", Step, f"{OF_RUN} ORDER BY seq", {"run_id": run_id}))


def step(tx: Tx, run_id: str, step_id: str) -> Step | None:
    """One step of a run."""
    return _one(rows.select(tx, "steps", Step, "id = :id AND run_id = :run_id", {"id": step_id, "run_id": run_id}))


def step_page(tx: Tx, run_id: str, asked: Page) -> Listed[Step]:
    """One page of a run's steps."""
    return rows.page(tx, "steps", Step, "run_id = :run_id", {"run_id": run_id}, asked)


def change_step(tx: Tx, step: Step, **changes: Any) -> Step:
    """Change a step that is in progress. Raises: Lost when it is not any more."""
    where = "id = :id AND status = 'in_progress'"
    if rows.change(tx, "steps", Step, changes, where=where, values={"id": step.id}) == 0:
        raise Lost
    return dataclasses.replace(step, **changes)


def change_message(tx: Tx, message: Message, **changes: Any) -> Message:
    """Change the message of a step."""
    rows.change(tx, "messages", Message, changes, where="id = :id", values={"id": message.id})
    return dataclasses.replace(message, **changes)


def message(tx: Tx, message_id: str) -> Message:
    """The message of a step."""
    return rows.select(tx, "messages", Message, "id = :id", {"id": message_id})[0]


def history(tx: Tx, thread_id: str, run_id: str, count: int, size: int) -> list[Message]:
    """The thread before a run: the newest messages, and the newest of the user in any case, in order.

    At most `count` of them; and once they have `size` characters of text, no more are read.
    """
    values: dict[str, object] = {"thread_id": thread_id, "run_id": run_id}
    found: list[Message] = []
    where = _HISTORY
    for start in range(0, count, PAGE):
        values["limit"] = min(PAGE, count - start)
        page = rows.select(tx, "messages", Message, f"{where} ORDER BY seq DESC LIMIT :limit", values)
        found += page
        size -= sum(len(message.text) for message in page)
        if size <= 0 or len(page) < PAGE:
            break
        where, values["last"] = _OLDER, page[-1].id
    if found and all(message.role != "user" for message in found):
        found += rows.select(tx, "messages", Message, f"{_HISTORY} AND role = 'user' ORDER BY seq DESC LIMIT 1", values)
    return found[::-1]


def progressed(tx: Tx, run: Run) -> None:
    """Forget dead owners: the run gets on."""
    tx.change("UPDATE runs SET tries = 0 WHERE id = :id AND tries > 0", {"id": run.id})


def _one(found: list[T]) -> T | None:
    return found[0] if found else None
