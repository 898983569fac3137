"""Answers that are no JSON: a file, or lines as they are made; sent at the pace of the reader."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field

import anyio
from starlette.types import Receive, Send

from orchestrator.server.stream import READER_SECONDS, until_gone


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """Bytes as they come, their media type, and how many there will be where that is known."""

    type: str
    chunks: AsyncGenerator[bytes]
    length: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


async def pour(content: Content, receive: Receive, send: Send) -> None:
    """Send the whole content; ends early when the client is gone or does not read."""
    headers = {"content-type": content.type, "x-content-type-options": "nosniff", **content.headers}
    if content.length is not None:
        headers["content-length"] = str(content.length)
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": 200, "headers": raw})
    async with aclosing(content.chunks) as chunks, anyio.create_task_group() as tasks:
        tasks.start_soon(until_gone, receive, tasks.cancel_scope)
        if await _pour(chunks, send):
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        tasks.cancel_scope.cancel()


async def _pour(chunks: AsyncIterator[bytes], send: Send) -> bool:
    """Send the chunks; False: the reader does not read, the answer stays cut off."""
    async for chunk in chunks:
        with anyio.move_on_after(READER_SECONDS) as scope:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        if scope.cancelled_caught:
            return False
    return True
