"""What can be done with assistants. Raises: Fault when a request is refused, StoreError when the database fails."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from orchestrator.server.ids import Clock, new_id
from orchestrator.server.records import Assistant, Json, Page
from orchestrator.server.service.checks import check_assistant
from orchestrator.server.service.fields import laid_over, once
from orchestrator.server.service.listing import Attached, Listed, cut
from orchestrator.server.store import assistants as table
from orchestrator.server.store.door import Store, Tx
from orchestrator.wire.faults import invalid, missing

CHANGEABLE = frozenset(
    {
        "model",
        "name",
        "description",
        "instructions",
        "tools",
        "file_ids",
        "metadata",
        "settings",
        "options",
        "resources",
    }
)
_LAID_OVER = ("settings", "options", "resources")


class Assistants:
    """The assistants of all workspaces; each call concerns one workspace."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def over(self, store: Store) -> Assistants:
        """The same on another store."""
        return Assistants(store, self._clock)

    async def create(
        self,
        workspace: str,
        *,
        model: str,
        name: str | None = None,
        description: str | None = None,
        instructions: str | None = None,
        tools: Iterable[Json] = (),
        file_ids: Iterable[str] = (),
        metadata: Json | None = None,
        settings: Json | None = None,
        options: Json | None = None,
        resources: Json | None = None,
    ) -> Assistant:
        """A new assistant."""
        assistant = Assistant(
            id=new_id("asst"),
            workspace=workspace,
            created_at=self._clock(),
            model=model,
            name=name,
            description=description,
            instructions=instructions,
            tools=tuple(tools),
            file_ids=once(file_ids),
            metadata={} if metadata is None else metadata,
            settings=laid_over({}, settings or {}),
            options=laid_over({}, options or {}),
            resources=laid_over({}, resources or {}),
        )
        check_assistant({name: getattr(assistant, name) for name in CHANGEABLE})
        return await self._store.write(lambda tx: table.insert(tx, assistant))

    async def get(self, workspace: str, assistant_id: str) -> Assistant:
        """The assistant."""
        return await self._store.read(lambda tx: table.get(tx, workspace, assistant_id))

    async def list(self, workspace: str, page: Page) -> Listed[Assistant]:
        """Some assistants, by creation."""
        return await self._store.read(lambda tx: table.page(tx, workspace, page))

    async def update(self, workspace: str, assistant_id: str, changes: Mapping[str, object]) -> Assistant:
        """Replace the fields that `changes` names.

        In `settings`, `options` and `resources` that is done key by key, and None takes a key away.
        """
        wrong = sorted(changes.keys() - CHANGEABLE)
        if wrong:
            raise invalid(f"'{wrong[0]}' cannot be changed", wrong[0])
        check_assistant(changes)
        now = self._clock()
        return await self._store.write(lambda tx: _update(tx, workspace, assistant_id, changes, now))

    async def delete(self, workspace: str, assistant_id: str) -> None:
        """Delete the assistant; its runs keep what they know of it."""
        now = self._clock()
        await self._store.write(lambda tx: table.delete(tx, workspace, assistant_id, now))

    async def attach_file(self, workspace: str, assistant_id: str, file_id: str) -> Attached:
        """Add a file to the end of `file_ids`; one that is there already stays where it is."""
        if not file_id:
            raise invalid("file_id must name a file", "file_id")
        now = self._clock()

        def unit(tx: Tx) -> Attached:
            assistant = table.get(tx, workspace, assistant_id)
            _set_files(tx, assistant, (*assistant.file_ids, file_id), now)
            return _find(_files(tx, workspace, assistant_id), file_id)

        return await self._store.write(unit)

    async def list_files(self, workspace: str, assistant_id: str, page: Page) -> Listed[Attached]:
        """Some files, by attachment."""
        return cut(await self._store.read(lambda tx: _files(tx, workspace, assistant_id)), page)

    async def get_file(self, workspace: str, assistant_id: str, file_id: str) -> Attached:
        """One file."""
        return _find(await self._store.read(lambda tx: _files(tx, workspace, assistant_id)), file_id)

    async def detach_file(self, workspace: str, assistant_id: str, file_id: str) -> None:
        """Take a file out of `file_ids`."""
        now = self._clock()

        def unit(tx: Tx) -> None:
            assistant = table.get(tx, workspace, assistant_id)
            if file_id not in assistant.file_ids:
                raise missing("assistant file")
            _set_files(tx, assistant, (kept for kept in assistant.file_ids if kept != file_id), now)

        await self._store.write(unit)


def _update(tx: Tx, workspace: str, assistant_id: str, changes: Mapping[str, object], now: int) -> Assistant:
    before = table.get(tx, workspace, assistant_id)
    news: dict[str, Any] = dict(changes)
    for name in _LAID_OVER:
        if name in news:
            news[name] = laid_over(getattr(before, name), news[name])
    if "tools" in news:
        news["tools"] = tuple(news["tools"])
    files = news.pop("file_ids", None)
    table.change(tx, assistant_id, news)
    if files is not None:
        news["file_ids"] = _set_files(tx, before, files, now)
    return dataclasses.replace(before, **news)


def _set_files(tx: Tx, assistant: Assistant, file_ids: Iterable[str], now: int) -> tuple[str, ...]:
    """Replace the files; those that stay keep their time."""
    files = once(file_ids)
    times = table.file_times(tx, assistant.id)
    kept = {file: times.get(file, assistant.created_at) for file in assistant.file_ids}
    table.change(tx, assistant.id, {"file_ids": files})
    table.set_file_times(tx, assistant.id, {file: kept.get(file, now) for file in files})
    return files


def _files(tx: Tx, workspace: str, assistant_id: str) -> tuple[Attached, ...]:
    assistant = table.get(tx, workspace, assistant_id)
    times = table.file_times(tx, assistant_id)
    return tuple(Attached(id=file, created_at=times.get(file, assistant.created_at)) for file in assistant.file_ids)


def _find(files: Iterable[Attached], file_id: str) -> Attached:
    for file in files:
        if file.id == file_id:
            return file
    raise missing("assistant file")
