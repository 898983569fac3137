"""Verbs for runs and their steps. A change names the run's owner (`epoch`) and status: 0 rows touched is `Lost`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from orchestrator.server.records import Message, Page, Run, Step
from orchestrator.server.store import rows
from orchestrator.server.store.door import Tx
from orchestrator.server.store.rows import Listed
from orchestrator.wire.runs import ACTIVE


class Lost(Exception):
    """The run has another owner or another status than was thought: whoever meets this stops."""


def _in(statuses: Iterable[str]) -> str:
    return "status IN (" + ", ".join(f"'{status}'" for status in sorted(statuses)) + ")"


_ACTIVE = "status IN ('queued', 'in_progress', 'requires_action', 'cancelling')"  # the words of the partial indexes
if _in(ACTIVE) != _in(("queued", "in_progress", "requires_action", "cancelling")):  # pragma: no cover
    raise AssertionError("wire.runs.ACTIVE and the partial indexes disagree")


def find(tx: Tx, run_id: str) -> Run | None:
    """The run, whosever it is."""
    return _one(rows.select(tx, "runs", Run, "id = :id", {"id": run_id}))


def get(tx: Tx, workspace: str, thread_id: str, run_id: str) -> Run | None:
    """The run, if it belongs to that workspace and thread."""
    run = find(tx, run_id)
    return run if run and (run.workspace, run.thread_id) == (workspace, thread_id) else None


def owned(tx: Tx, run_id: str, epoch: int, *statuses: str) -> Run:
    """The run, for its owner. Raises: Lost."""
    run = find(tx, run_id)
    if run is None or run.epoch != epoch or run.status not in statuses:
        raise Lost
    return run


def check(tx: Tx, run_id: str, epoch: int) -> None:
    """See that the run is in progress and still ours, without reading it. Raises: Lost."""
    sql = "SELECT 1 FROM runs WHERE id = :id AND epoch = :epoch AND status = 'in_progress'"
    if not tx.rows(sql, {"id": run_id, "epoch": epoch}):
        raise Lost


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


def page(tx: Tx, workspace: str, thread_id: str, asked: Page) -> Listed[Run]:
    """One page of a thread's runs."""
    values = {"workspace": workspace, "thread_id": thread_id}
    return rows.page(tx, "runs", Run, "workspace = :workspace AND thread_id = :thread_id", values, asked)


def active_id(tx: Tx, thread_id: str) -> str | None:
    """The run that keeps the thread busy."""
    found = tx.rows(f"SELECT id FROM runs WHERE thread_id = :thread_id AND {_ACTIVE}", {"thread_id": thread_id})  # noqa: S608
    return found[0]["id"] if found else None


def unfinished(tx: Tx) -> list[tuple[str, str]]:
    """Ids and statuses of all runs that are not over, oldest first."""
    found = tx.rows(f"SELECT id, status FROM runs WHERE {_ACTIVE} ORDER BY seq")  # noqa: S608
    return [(row["id"], row["status"]) for row in found]


def due(tx: Tx, now: int) -> list[str]:
    """Runs that should be over by now and are not."""
    found = tx.rows(f"SELECT id FROM runs WHERE {_ACTIVE} AND expires_at <= :now", {"now": now})  # noqa: S608
    return [row["id"] for row in found]


def steps(tx: Tx, run_id: str) -> tuple[Step, ...]:
    """All steps of a run, in order."""
    return tuple(rows.select(tx, "steps", Step, "run_id = :run_id ORDER BY seq", {"run_id": run_id}))


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


def _one(found: list[Any]) -> Any:
    return found[0] if found else None
