"""Assistants in the database. Someone else's and deleted ones are missing alike."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from orchestrator.server.records import Assistant, Page, Run
from orchestrator.server.store import rows
from orchestrator.server.store.door import Tx
from orchestrator.server.store.rows import Listed
from orchestrator.wire.faults import missing

TABLE = "assistants"
_OWN = "id = :id AND workspace = :workspace AND deleted_at IS NULL"


def insert(tx: Tx, assistant: Assistant) -> Assistant:
    """Add an assistant."""
    rows.insert(tx, TABLE, assistant)
    return assistant


def get(tx: Tx, workspace: str, assistant_id: str) -> Assistant:
    """The assistant. Raises: Fault when it is missing."""
    found = rows.select(tx, TABLE, Assistant, _OWN, {"id": assistant_id, "workspace": workspace})
    if not found:
        raise missing("assistant")
    return found[0]


def of_run(tx: Tx, run: Run) -> Assistant:
    """The assistant of a run, deleted or not."""
    return rows.select(tx, TABLE, Assistant, "id = :id", {"id": run.assistant_id})[0]


def page(tx: Tx, workspace: str, page: Page) -> Listed[Assistant]:
    """Some assistants of a workspace, by creation."""
    return rows.page(tx, TABLE, Assistant, "workspace = :workspace", {"workspace": workspace}, page)


def change(tx: Tx, assistant_id: str, changes: Mapping[str, object]) -> None:
    """Set some fields of an assistant that was looked up in the same unit."""
    if changes:
        rows.change(tx, TABLE, Assistant, changes, where="id = :id", values={"id": assistant_id})


def delete(tx: Tx, workspace: str, assistant_id: str, now: int) -> None:
    """Leave a tombstone. Raises: Fault when the assistant is missing."""
    sql = "UPDATE assistants SET deleted_at = :now WHERE id = :id AND workspace = :workspace AND deleted_at IS NULL"
    if not tx.change(sql, {"id": assistant_id, "workspace": workspace, "now": now}):
        raise missing("assistant")


def file_times(tx: Tx, assistant_id: str) -> dict[str, int]:
    """When files were attached, for those that were not there from the beginning."""
    found = tx.rows("SELECT file_times FROM assistants WHERE id = :id", {"id": assistant_id})
    return orjson.loads(found[0]["file_times"])


def set_file_times(tx: Tx, assistant_id: str, times: Mapping[str, int]) -> None:
    """Replace what `file_times` tells."""
    values = {"id": assistant_id, "times": orjson.dumps(dict(times)).decode()}
    tx.change("UPDATE assistants SET file_times = :times WHERE id = :id", values)
