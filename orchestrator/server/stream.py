"""A run's events as server-sent events, one send per event.

The run does not depend on who listens: a client that leaves ends the telling, not the run. A client that does not
read is let go; the producer never waits for it, since events are read from the store at the reader's own pace.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass

import anyio
from starlette.types import Receive, Send

from orchestrator.server.dialects.dialect import Telling
from orchestrator.server.records import Event

KEEPALIVE_SECONDS = 10.0  # of silence, after which a comment is sent
READER_SECONDS = 30.0  # that one frame may wait for a reader who does not read

_COMMENT = b": keepalive\n\n"
_HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An answer that is a stream: the events of a run, to its end or until it waits for the client."""

    run_id: str
    events: AsyncIterator[Event]


async def tell(told: Told, telling: Telling, receive: Receive, send: Send) -> None:
    """Send the whole stream. Returns when it is told, or when the client is gone."""
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    line = _Line(send)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_until_gone, receive, tasks.cancel_scope)
        tasks.start_soon(_keep_alive, line, tasks.cancel_scope)
        await _tell(told, telling, line)
        tasks.cancel_scope.cancel()
    if not line.broken:
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class _Line:
    """Sends frames one at a time and knows since when it is silent, or stuck."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._lock = anyio.Lock()
        self.last = anyio.current_time()
        self.stuck_since: float | None = None
        self.broken = False

    async def say(self, frame: bytes) -> None:
        """Send a frame."""
        async with self._lock:
            self.stuck_since = anyio.current_time()
            await self._send({"type": "http.response.body", "body": frame, "more_body": True})
            self.stuck_since = None
            self.last = anyio.current_time()


async def _tell(told: Told, telling: Telling, line: _Line) -> None:
    try:
        async for event in told.events:
            frame = telling.frame(event)
            if frame is not None:
                await line.say(frame)
    except OSError:  # the connection broke while we wrote
        line.broken = True
    except Exception:
        _log.exception("the stream of run %s broke off", told.run_id)
        await line.say(telling.lost("The server lost the run's events; the run itself goes on."))
    else:
        await line.say(telling.end())


async def _until_gone(receive: Receive, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


async def _keep_alive(line: _Line, scope: anyio.CancelScope) -> None:
    while True:
        now = anyio.current_time()
        if line.stuck_since is not None and now - line.stuck_since >= READER_SECONDS:
            line.broken = True
            scope.cancel()
        elif line.stuck_since is None and now - line.last >= KEEPALIVE_SECONDS:
            await line.say(_COMMENT)
        await anyio.sleep(...)
