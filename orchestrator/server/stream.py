"""A run's events as server-sent events. What happened at once is sent at once, each event in a frame of its own.

The run does not depend on who listens: a client that leaves ends the telling, not the run, unless it asked for that.
A client that does not read is let go; the producer never waits for it, since events are read from the store at the
reader's own pace. Each frame bears the event's number, from which the stream can be resumed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass

import anyio
from starlette.types import Receive, Send

from orchestrator.server.dialects.dialect import Telling
from orchestrator.server.records import Event
from orchestrator.server.stay import Stay
from orchestrator.wire.events import run_event
from orchestrator.wire.runs import TERMINAL

KEEPALIVE_SECONDS = 10.0  # of silence, after which a comment is sent
READER_SECONDS = 30.0  # that what is sent may wait for a reader who does not read
TOGETHER = 32  # frames at most that are sent at once

COMMENT = b": keepalive\n"  # no empty line behind it: once there was an `id:`, openai's parser takes one for an event
_HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]
_OVER = {run_event(status) for status in TERMINAL}
_ENDINGS = {run_event(status) for status in (*TERMINAL, "requires_action")}
_LOST = "The server lost the run's events; the run itself goes on."
_STOPPING = "The server is stopping; the run goes on when it is back."
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An answer that is a stream: the events of a run, until it is over or waits for the client.

    `heard`: the name of the event before the first one, which the client has heard already. `on_leave` is called when
    the client leaves before the end.
    """

    run_id: str
    events: AsyncGenerator[Sequence[Event]]
    heard: str = ""
    on_leave: Callable[[], Awaitable[None]] | None = None


async def tell(
    told: Told, telling: Telling, receive: Receive, send: Send, *, keepalive: float, stay: Stay | None = None
) -> None:
    """Send the whole stream; `keepalive` is the longest silence in seconds.

    Ends early when the client is gone, or its stay is over.
    """
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    line, stay = _Line(send), stay or Stay()
    left = True
    async with anyio.create_task_group() as tasks:
        stay.until(tasks.cancel_scope.cancel)
        tasks.start_soon(until_gone, receive, tasks.cancel_scope)
        tasks.start_soon(_watch, line, keepalive, tasks.cancel_scope)
        await _tell(told, telling, line)
        left = line.broken
        tasks.cancel_scope.cancel()
    if stay.why is not None:
        with suppress(_Deaf):
            await line.say_soon(telling.lost(stay.why))
    if not line.broken:
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    if left and told.on_leave is not None:
        await told.on_leave()


class _Deaf(Exception):
    """The reader does not read, or the connection broke."""


class _Line:
    """Sends frames, and knows since when it is silent, and since when a reader keeps a frame waiting."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._time = asyncio.get_running_loop().time  # a call of anyio's costs as much as all the rest here
        self.last = self._time()
        self.waiting: float | None = None
        self.broken = False

    async def say(self, frame: bytes) -> None:
        """Send a frame; for how long that may take, `_watch` sees to. Raises: _Deaf."""
        self.waiting = self._time()
        try:
            await self._send({"type": "http.response.body", "body": frame, "more_body": True})
        except OSError as error:
            self.broken = True
            raise _Deaf from error
        self.waiting = None
        self.last = self._time()

    async def say_soon(self, frame: bytes) -> None:
        """Send a frame beside the others. Raises: _Deaf, also when nobody reads."""
        try:
            with anyio.fail_after(READER_SECONDS):
                await self._send({"type": "http.response.body", "body": frame, "more_body": True})
        except OSError as error:  # a timeout is one too
            self.broken = True
            raise _Deaf from error
        self.last = self._time()


async def _tell(told: Told, telling: Telling, line: _Line) -> None:
    async with aclosing(told.events) as events:
        with suppress(_Deaf):
            try:
                await line.say(await _last_frame(events, telling, line, told.heard))
            except _Deaf:
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, the client hears of it
                _log.error("the stream of run %s broke off", told.run_id, exc_info=error)
                await line.say(telling.lost(_LOST))


async def _last_frame(events: AsyncIterator[Sequence[Event]], telling: Telling, line: _Line, last: str) -> bytes:
    """Tell all events; how the stream has to end."""
    frames: list[bytes] = []
    async for batch in events:
        for event in batch:
            last = event.name
            frames.append(telling.frame(event) or b"")
            if len(frames) == TOGETHER:
                await line.say(b"".join(frames))
                frames.clear()
        if last not in _OVER and any(frames):  # the end goes out together with the frame that ends the stream
            await line.say(b"".join(frames))
            frames.clear()
    return b"".join((*frames, telling.end() if last in _ENDINGS else telling.lost(_STOPPING)))


async def until_gone(receive: Receive, scope: anyio.CancelScope) -> None:
    """Cancel the scope when the client is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


async def _watch(line: _Line, keepalive: float, scope: anyio.CancelScope) -> None:
    """Fill silence with comments; cancel the scope when a frame has waited for too long."""
    with suppress(_Deaf):
        while True:
            now = anyio.current_time()
            if line.waiting is not None:
                if now >= line.waiting + READER_SECONDS:
                    line.broken = True
                    break
                await anyio.sleep_until(line.waiting + READER_SECONDS)
            elif now >= line.last + keepalive:
                await line.say_soon(COMMENT)
            else:
                await anyio.sleep_until(min(line.last + keepalive, now + READER_SECONDS))
    scope.cancel()
