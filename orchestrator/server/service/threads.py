"""What can be done with threads and messages. Raises: Fault (a request is refused), StoreError (the database fails).

To join these with other work in one unit, use the functions of `store.threads`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from orchestrator.server.ids import Clock
from orchestrator.server.records import Json, Message, Page, Thread
from orchestrator.server.service.checks import check_messages, check_metadata
from orchestrator.server.service.fields import laid_over, once
from orchestrator.server.service.listing import Attached, Listed, cut
from orchestrator.server.store import threads as table
from orchestrator.server.store.door import Store, Tx
from orchestrator.server.store.threads import NewMessage, NewThread
from orchestrator.wire.faults import Fault, missing

__all__ = ["NewMessage", "NewThread", "Threads", "new_thread"]


class Threads:
    """The threads of all workspaces; each call concerns one workspace."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def over(self, store: Store) -> Threads:
        """The same on another store."""
        return Threads(store, self._clock)

    async def create(
        self,
        workspace: str,
        metadata: Json | None = None,
        messages: Iterable[NewMessage] = (),
        *,
        file_ids: Iterable[str] = (),
        resources: Json | None = None,
    ) -> Thread:
        """A new thread with its first messages."""
        new = new_thread(metadata, messages, file_ids, resources)
        now = self._clock()
        return await self._store.write(lambda tx: table.create(tx, workspace, new, now))

    async def get(self, workspace: str, thread_id: str) -> Thread:
        """The thread."""
        return await self._store.read(lambda tx: table.get(tx, workspace, thread_id))

    async def list(self, workspace: str, page: Page) -> Listed[Thread]:
        """Some threads, by creation."""
        return await self._store.read(lambda tx: table.page(tx, workspace, page))

    async def update(
        self,
        workspace: str,
        thread_id: str,
        metadata: Json | None = None,
        *,
        file_ids: Iterable[str] | None = None,
        resources: Json | None = None,
    ) -> Thread:
        """Replace what is given; in `resources` key by key, None takes a key away."""
        if metadata is not None:
            check_metadata(metadata)

        def unit(tx: Tx) -> Thread:
            thread = table.get(tx, workspace, thread_id)
            news = _news(thread, metadata, file_ids, resources)
            if news:
                table.change(tx, thread_id, news)
            return dataclasses.replace(thread, **news)

        return await self._store.write(unit)

    async def delete(self, workspace: str, thread_id: str) -> None:
        """Delete the thread, and with it hide its messages and runs."""
        now = self._clock()
        await self._store.write(lambda tx: table.delete(tx, workspace, thread_id, now))

    async def create_message(self, workspace: str, thread_id: str, message: NewMessage) -> Message:
        """Append a message. Refused while a run of the thread is active."""
        check_messages((message,))
        now = self._clock()

        def unit(tx: Tx) -> Message:
            thread = table.get(tx, workspace, thread_id)
            refuse_if_busy(tx, thread_id, "add messages to")
            return table.add_message(tx, thread, message, now)

        return await self._store.write(unit)

    async def list_messages(
        self, workspace: str, thread_id: str, page: Page, run_id: str | None = None
    ) -> Listed[Message]:
        """Some messages, by creation; only those that a run made when `run_id` is given."""

        def unit(tx: Tx) -> Listed[Message]:
            table.get(tx, workspace, thread_id)
            return table.page_messages(tx, thread_id, page, run_id)

        return await self._store.read(unit)

    async def get_message(self, workspace: str, thread_id: str, message_id: str) -> Message:
        """One message."""
        return await self._store.read(lambda tx: _message(tx, workspace, thread_id, message_id))

    async def update_message(self, workspace: str, thread_id: str, message_id: str, metadata: Json) -> Message:
        """Replace a message's metadata."""
        check_metadata(metadata)

        def unit(tx: Tx) -> Message:
            message = _message(tx, workspace, thread_id, message_id)
            table.change_message(tx, message_id, {"metadata": metadata})
            return dataclasses.replace(message, metadata=metadata)

        return await self._store.write(unit)

    async def delete_message(self, workspace: str, thread_id: str, message_id: str) -> None:
        """Delete a message: no later run is told of it. Refused while a run of the thread is active."""
        now = self._clock()

        def unit(tx: Tx) -> None:
            table.get(tx, workspace, thread_id)
            refuse_if_busy(tx, thread_id, "delete messages of")
            table.delete_message(tx, thread_id, message_id, now)

        await self._store.write(unit)

    async def list_message_files(self, workspace: str, thread_id: str, message_id: str, page: Page) -> Listed[Attached]:
        """Some files of a message, in its order."""
        return cut(_files(await self.get_message(workspace, thread_id, message_id)), page)

    async def get_message_file(self, workspace: str, thread_id: str, message_id: str, file_id: str) -> Attached:
        """One file of a message."""
        for file in _files(await self.get_message(workspace, thread_id, message_id)):
            if file.id == file_id:
                return file
        raise missing("message file")


def new_thread(
    metadata: Json | None, messages: Iterable[NewMessage], file_ids: Iterable[str] = (), resources: Json | None = None
) -> NewThread:
    """A thread that is to be created, looked at. Raises: Fault."""
    new = NewThread(
        metadata={} if metadata is None else metadata,
        messages=tuple(messages),
        file_ids=once(file_ids),
        resources=laid_over({}, resources or {}),
    )
    check_metadata(new.metadata)
    check_messages(new.messages)
    return new


def refuse_if_busy(tx: Tx, thread_id: str, doing: str) -> None:
    """Raises: Fault of kind busy while a run of the thread is active. `doing`: what cannot be done to the thread."""
    run_id = table.active_run(tx, thread_id)
    if run_id is not None:
        text = f"Can't {doing} {thread_id} while a run {run_id} is active."
        raise Fault("busy", text, detail={"run_id": run_id})


def _news(
    thread: Thread, metadata: Json | None, file_ids: Iterable[str] | None, resources: Json | None
) -> Mapping[str, Any]:
    news: dict[str, Any] = {} if metadata is None else {"metadata": metadata}
    if file_ids is not None:
        news["file_ids"] = once(file_ids)
    if resources is not None:
        news["resources"] = laid_over(thread.resources, resources)
    return news


def _message(tx: Tx, workspace: str, thread_id: str, message_id: str) -> Message:
    table.get(tx, workspace, thread_id)
    return table.get_message(tx, thread_id, message_id)


def _files(message: Message) -> tuple[Attached, ...]:
    return tuple(Attached(id=file, created_at=message.created_at) for file in dict.fromkeys(message.file_ids))
