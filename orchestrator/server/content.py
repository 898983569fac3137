"""Answers that are no JSON: a file, or lines as they are made; sent at the pace of the reader."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Protocol

import anyio
from starlette.types import Receive, Send

from orchestrator.server.stay import Stay
from orchestrator.server.stream import READER_SECONDS, until_gone

_log = logging.getLogger(__name__)


class Chunks(Protocol):
    """Bytes as they come; closed when nobody wants more. An asynchronous generator is one."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The chunks."""
        ...

    def aclose(self) -> Awaitable[None]:
        """Nobody wants more."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """Bytes as they come, their media type, and how many there will be where that is known."""

    type: str
    chunks: Chunks
    length: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


async def pour(content: Content, signature: Mapping[str, str], receive: Receive, send: Send, *, stay: Stay) -> None:
    """Send the whole content, `signature` among its headers.

    Ends early when the client is gone or does not read, or its stay is over.
    """
    headers = {"content-type": content.type, "x-content-type-options": "nosniff", **content.headers, **signature}
    if content.length is not None:
        headers["content-length"] = str(content.length)
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    async with aclosing(content.chunks), anyio.create_task_group() as tasks:
        await send({"type": "http.response.start", "status": 200, "headers": raw})
        stay.until(tasks.cancel_scope.cancel)
        tasks.start_soon(until_gone, receive, tasks.cancel_scope)
        if await _pour(content.chunks, send):
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        tasks.cancel_scope.cancel()


async def _pour(chunks: Chunks, send: Send) -> bool:
    """Send the chunks; False: the answer stays cut off, for it is too late to say why."""
    try:
        async for chunk in chunks:
            with anyio.fail_after(READER_SECONDS):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
    except Exception as error:  # noqa: BLE001 - whatever it is, the client sees that something is missing
        _log.warning("an answer broke off", exc_info=error)
        return False
    return True
