"""Threads and their messages in the database.

Whoever wants something of a thread gets the thread first: a deleted thread hides its messages and runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from orchestrator.server.ids import new_id
from orchestrator.server.records import Json, Message, Page, Thread
from orchestrator.server.store import rows
from orchestrator.server.store.door import Tx
from orchestrator.server.store.rows import Listed
from orchestrator.wire.faults import missing

TABLE = "threads"
MESSAGES = "messages"
# the statuses in the very words of the index `runs_active`, or it is of no use
ACTIVE_RUN = """
SELECT id FROM runs WHERE thread_id = :thread_id
    AND status IN ('queued', 'in_progress', 'requires_action', 'cancelling')
"""


def _no_json() -> Json:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMessage:
    """A message that is to be added to a thread; `content` and `attachments` in the form of a Message."""

    role: str
    content: tuple[Json, ...]
    file_ids: tuple[str, ...] = ()
    metadata: Json = field(default_factory=_no_json)
    attachments: tuple[Json, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NewThread:
    """A thread that is to be created, with its first messages."""

    metadata: Json = field(default_factory=_no_json)
    messages: tuple[NewMessage, ...] = ()
    file_ids: tuple[str, ...] = ()
    resources: Json = field(default_factory=_no_json)


def create(tx: Tx, workspace: str, new: NewThread, now: int) -> Thread:
    """A new thread with its first messages."""
    thread = Thread(
        id=new_id("thread"),
        workspace=workspace,
        created_at=now,
        metadata=new.metadata,
        file_ids=new.file_ids,
        resources=new.resources,
    )
    rows.insert(tx, TABLE, thread)
    for message in new.messages:
        add_message(tx, thread, message, now)
    return thread


def get(tx: Tx, workspace: str, thread_id: str) -> Thread:
    """The thread. Raises: Fault when it is deleted, unknown or someone else's."""
    where = "id = :id AND workspace = :workspace AND deleted_at IS NULL"
    found = rows.select(tx, TABLE, Thread, where, {"id": thread_id, "workspace": workspace})
    if not found:
        raise missing("thread")
    return found[0]


def page(tx: Tx, workspace: str, page: Page) -> Listed[Thread]:
    """Some threads of a workspace, by creation."""
    return rows.page(tx, TABLE, Thread, "workspace = :workspace", {"workspace": workspace}, page)


def change(tx: Tx, thread_id: str, changes: Mapping[str, object]) -> None:
    """Set some fields of a thread that was looked up in the same unit."""
    rows.change(tx, TABLE, Thread, changes, where="id = :id", values={"id": thread_id})


def delete(tx: Tx, workspace: str, thread_id: str, now: int) -> None:
    """Leave tombstones for the thread and its runs. Raises: Fault when the thread is missing."""
    sql = "UPDATE threads SET deleted_at = :now WHERE id = :id AND workspace = :workspace AND deleted_at IS NULL"
    if not tx.change(sql, {"id": thread_id, "workspace": workspace, "now": now}):
        raise missing("thread")
    runs = "UPDATE runs SET deleted_at = :now WHERE thread_id = :id AND deleted_at IS NULL"
    tx.change(runs, {"id": thread_id, "now": now})


def active_run(tx: Tx, thread_id: str) -> str | None:
    """The id of the run that keeps the thread busy."""
    found = tx.rows(ACTIVE_RUN, {"thread_id": thread_id})
    return found[0]["id"] if found else None


def add_message(tx: Tx, thread: Thread, new: NewMessage, now: int) -> Message:
    """Append a message, whether the thread is busy or not."""
    message = Message(
        id=new_id("message"),
        workspace=thread.workspace,
        thread_id=thread.id,
        created_at=now,
        role=new.role,
        content=new.content,
        file_ids=new.file_ids,
        metadata=new.metadata,
        attachments=new.attachments,
    )
    rows.insert(tx, MESSAGES, message)
    return message


def get_message(tx: Tx, thread_id: str, message_id: str) -> Message:
    """A message of a thread that was looked up in the same unit. Raises: Fault when it is missing."""
    where = "id = :id AND thread_id = :thread_id AND deleted_at IS NULL"
    found = rows.select(tx, MESSAGES, Message, where, {"id": message_id, "thread_id": thread_id})
    if not found:
        raise missing("message")
    return found[0]


def delete_message(tx: Tx, thread_id: str, message_id: str, now: int) -> None:
    """Leave a tombstone. Raises: Fault when the message is missing."""
    sql = "UPDATE messages SET deleted_at = :now WHERE id = :id AND thread_id = :thread_id AND deleted_at IS NULL"
    if not tx.change(sql, {"id": message_id, "thread_id": thread_id, "now": now}):
        raise missing("message")


def page_messages(tx: Tx, thread_id: str, page: Page, run_id: str | None = None) -> Listed[Message]:
    """Some messages of a thread, by creation; only those that a run made when `run_id` is given."""
    if run_id is None:
        return rows.page(tx, MESSAGES, Message, "thread_id = :thread_id", {"thread_id": thread_id}, page)
    values = {"thread_id": thread_id, "run_id": run_id}
    return rows.page(tx, MESSAGES, Message, "thread_id = :thread_id AND run_id = :run_id", values, page)


def change_message(tx: Tx, message_id: str, changes: Mapping[str, object]) -> None:
    """Set some fields of a message."""
    rows.change(tx, MESSAGES, Message, changes, where="id = :id", values={"id": message_id})
