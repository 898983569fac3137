"""The connection to one MCP server, kept by one task of its own.

Callers hand in requests and wait for futures. So the death of a server, which the SDK may tell as the cancellation of
whoever reads, is the end of that task and an error for those who wait, and never their cancellation. The next call
connects again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

from orchestrator.functions.decorator import ToolError, Transient
from orchestrator.functions.mcp.pins import Definition, digest

_MOST_PAGES = 50
_log = logging.getLogger(__name__)
Client = Any
Connect = Callable[[], AbstractAsyncContextManager[Client]]


@dataclass(frozen=True, slots=True)
class _Job:
    tool: str
    arguments: Mapping[str, Any]
    seconds: float | None
    future: asyncio.Future[Any]


class Keeper:
    """`connect` opens a client of the SDK; `pinned` are the definitions that were accepted."""

    def __init__(self, name: str, connect: Connect, pinned: Sequence[Definition]) -> None:
        self._name = name
        self._connect = connect
        self._pinned = {str(one.get("name")): digest(one) for one in pinned}
        self._changed: frozenset[str] = frozenset()
        self._jobs: asyncio.Queue[_Job] = asyncio.Queue()
        self._gone = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()  # the one before may still be ending

    async def call(self, tool: str, arguments: Mapping[str, Any], seconds: float | None) -> Any:
        """The SDK's result of a call.

        Raises:
            Transient: the server is not there, so nothing was called.
            ToolError: the tool is no longer what was accepted, or the server died meanwhile.
        """
        if self._task is None or self._task.done() or self._gone.is_set():
            self._jobs, self._gone = asyncio.Queue(), asyncio.Event()
            self._task = asyncio.ensure_future(self._live(self._jobs, self._gone))
            self._tasks.add(self._task)
            self._task.add_done_callback(self._tasks.discard)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._jobs.put_nowait(_Job(tool, arguments, seconds, future))
        return await future

    async def close(self) -> None:
        """End the connection, and the server if we started it."""
        tasks, self._task = set(self._tasks), None
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=5)

    async def _live(self, jobs: asyncio.Queue[_Job], gone: asyncio.Event) -> None:
        waiting: set[asyncio.Task[None]] = set()
        connected = False
        try:
            async with self._connect() as client:
                live = await definitions(client)
                connected = True
                self._changed = self._other_than_pinned(live)
                while not gone.is_set():
                    job = await _next(jobs, gone)
                    if job is not None:
                        task = asyncio.ensure_future(self._perform(client, job, gone))
                        waiting.add(task)
                        task.add_done_callback(waiting.discard)
        except BaseException as failure:  # noqa: BLE001 (whatever ends the connection is the end of this task alone)
            _log.warning("the MCP server '%s' is gone: %s", self._name, _why(failure))
        finally:
            gone.set()
            for task in waiting:
                task.cancel()
            _refuse(jobs, self._name, connected=connected)

    async def _perform(self, client: Client, job: _Job, gone: asyncio.Event) -> None:
        try:
            if job.tool in self._changed:
                raise ToolError(
                    f"'{job.tool}' is no longer what was accepted; a person has to look.", code="tool_changed"
                )
            result = await client.call_tool(job.tool, dict(job.arguments), read_timeout_seconds=job.seconds)
        except ToolError as error:
            _settle(job.future, error)
        except BaseException as failure:  # noqa: BLE001
            if _is_closed(failure) or not isinstance(failure, Exception):
                gone.set()
                _settle(
                    job.future,
                    ToolError("The server of this tool ended before it answered.", code="source_unavailable"),
                )
            else:
                _settle(job.future, ToolError(_why(failure)[:500], code="source_error"))
        else:
            if not job.future.done():
                job.future.set_result(result)

    def _other_than_pinned(self, live: Sequence[Definition]) -> frozenset[str]:
        now = {str(one.get("name")): digest(one) for one in live}
        changed = frozenset(name for name, known in self._pinned.items() if now.get(name) != known)
        if changed:
            _log.warning(
                "the MCP server '%s' tells other than was accepted of %s", self._name, ", ".join(sorted(changed))
            )
        return changed


async def definitions(client: Client) -> list[Definition]:
    """All tools of a server as the wire has them."""
    found: list[Definition] = []
    cursor: str | None = None
    for _ in range(_MOST_PAGES):
        page = await client.list_tools(cursor=cursor, cache_mode="bypass")
        found += [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in page.tools]
        cursor = page.next_cursor
        if cursor is None:
            break
    return found


@asynccontextmanager
async def keeping(name: str, connect: Connect, pinned: Sequence[Definition]) -> AsyncGenerator[Keeper]:
    """A keeper while the block lasts: the lifespan of a plug-in."""
    keeper = Keeper(name, connect, pinned)
    try:
        yield keeper
    finally:
        await keeper.close()


async def _next(jobs: asyncio.Queue[_Job], gone: asyncio.Event) -> _Job | None:
    """The next job; None: the connection is gone."""
    getting, ending = asyncio.ensure_future(jobs.get()), asyncio.ensure_future(gone.wait())
    try:
        await asyncio.wait({getting, ending}, return_when=asyncio.FIRST_COMPLETED)
        return getting.result() if getting.done() else None
    finally:
        getting.cancel()
        ending.cancel()


def _refuse(jobs: asyncio.Queue[_Job], name: str, *, connected: bool) -> None:
    """Tell those who still wait that nothing was called."""
    word = "ended" if connected else "cannot be reached"
    while not jobs.empty():
        _settle(jobs.get_nowait().future, Transient(f"The server of this tool ('{name}') {word}; nothing was called."))


def _settle(future: asyncio.Future[Any], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)


def _is_closed(failure: BaseException) -> bool:
    """Whether the connection is over, as far as the SDK's error tells."""
    text = f"{type(failure).__name__} {failure}".lower()
    return any(word in text for word in ("closed", "brokenresource", "endofstream", "connecterror", "all connection"))


def _why(failure: BaseException) -> str:
    while isinstance(failure, BaseExceptionGroup):
        failure = cast("BaseExceptionGroup[BaseException]", failure).exceptions[0]
    return f"{type(failure).__name__}: {failure}".rstrip(": ")
