"""Bodies of requests: taken whole within a limit, or piece by piece as they arrive; neither may take for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import anyio
from starlette.types import Receive

from orchestrator.wire.faults import invalid

BODY = 1024 * 1024  # bytes of a body that is taken whole
SWALLOWED = 16 * BODY  # bytes that are read and thrown away, so that the client gets to hear of the refusal
BODY_SECONDS = 60.0  # for a whole body to arrive, and for any piece of one that comes in pieces
SWALLOW_SECONDS = 5.0  # for what is thrown away after a refusal
PACE = 16 * 1024  # bytes per second that a body in pieces keeps up with, once the first BODY_SECONDS are over


class Gone(Exception):
    """The client went away before it had asked."""


class Incoming:
    """The body of one request while it arrives; it is read once, with `whole` or with `pieces`.

    `asks_first`: the client sends the body only when it is wanted (`Expect: 100-continue`).
    """

    def __init__(self, receive: Receive, *, asks_first: bool = False) -> None:
        self._receive = receive
        self._unsent = asks_first
        self._over = False
        self.passing: Callable[[bytes], None] | None = None  # sees the pieces, too

    async def whole(self) -> bytes | None:
        """The whole body; None when it is larger than BODY. Raises: Fault, Gone."""
        parts, size = bytearray(), 0
        try:
            async with asyncio.timeout(BODY_SECONDS):
                while size <= SWALLOWED and not self._over:
                    part = await self._part()
                    size += len(part)
                    if size <= BODY:
                        parts += part
        except TimeoutError as error:
            self._over = True
            raise invalid(f"The request body did not arrive within {BODY_SECONDS:g} seconds.") from error
        return bytes(parts) if size <= BODY else None

    async def pieces(self) -> AsyncGenerator[bytes]:
        """The body as it arrives, no piece empty. Raises: Fault when it comes too slowly, Gone."""
        begin, size, part = anyio.current_time(), 0, b""
        while not self._over:
            now = anyio.current_time()
            due = min(now + BODY_SECONDS, begin + BODY_SECONDS + size / PACE)
            with anyio.move_on_at(due) as scope:
                part = await self._part()
            if scope.cancelled_caught:
                self._over = True
                raise invalid("The request body came too slowly.")
            size += len(part)
            if part:
                if self.passing is not None:
                    self.passing(part)
                yield part

    async def swallow(self) -> None:
        """Throw away what is left, within bounds: a client that still sends does not listen yet."""
        size = 0
        with anyio.move_on_after(SWALLOW_SECONDS):
            while size <= SWALLOWED and not self._over and not self._unsent:
                size += len(await self._part())

    async def _part(self) -> bytes:
        self._unsent = False
        message: Any = await self._receive()
        if message["type"] == "http.disconnect":
            self._over = True
            raise Gone
        self._over = not message.get("more_body")
        return message.get("body", b"")
