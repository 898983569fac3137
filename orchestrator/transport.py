"""The one room that speaks HTTP as a client; nothing else imports httpx2. One pooled client, no hidden retries.

Never follows a redirect (a bearer key must not travel), never retries: who calls decides that with `temporary`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import orjson

from orchestrator.errors import CannotUnderstand, Unreachable

MAX_ANSWER = 64 * 1024 * 1024  # bytes
MAX_LINE = 8 * 1024 * 1024  # characters of one line of a stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            CannotUnderstand: it is not JSON.
        """
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            kind = self.headers.get("content-type", "no content type")
            message = f"The answer (HTTP {self.status}, {kind}) is not JSON: {_excerpt(self.body)}"
            raise CannotUnderstand(message, status=self.status) from error


class Lines:
    """A streaming answer: status, headers, and its lines as they come."""

    def __init__(self, response: httpx2.Response) -> None:
        self._response = response
        self.status = response.status_code
        self.headers: Mapping[str, str] = {k.lower(): v for k, v in response.headers.items()}

    async def __aiter__(self) -> AsyncIterator[str]:
        """Lines without their ends.

        Raises:
            Unreachable: the connection broke, or nothing came within the read timeout.
        """
        try:
            async for line in self._response.aiter_lines():
                yield line
        except httpx2.HTTPError as error:
            raise _unreachable(error, sent=True) from error

    async def whole(self) -> Answer:
        """Read the rest at once, as for a plain answer."""
        return await _whole(self._response)


class Client:
    """A pooled HTTP client for one base address.

    `timeout` is the read timeout in seconds, the longest gap between two bytes; connecting may take 5 s.
    """

    def __init__(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float = 60.0,
        connections: int = 32,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._client = httpx2.AsyncClient(
            headers=headers,
            timeout=httpx2.Timeout(timeout, connect=5.0, pool=None),
            limits=httpx2.Limits(max_connections=connections, max_keepalive_connections=connections),
            follow_redirects=False,
            transport=transport,
        )

    async def request(
        self, method: str, path: str, *, json: object = None, query: Mapping[str, str] | None = None
    ) -> Answer:
        """One request, one answer, whatever its status.

        Raises:
            Unreachable: no answer; `sent` tells whether the request may have arrived.
            CannotUnderstand: the answer is larger than MAX_ANSWER.
        """
        async with self._open(method, path, json, query) as response:
            return await _whole(response)

    @asynccontextmanager
    async def stream(self, method: str, path: str, *, json: object = None) -> AsyncGenerator[Lines]:
        """One request whose answer comes line by line.

        Raises:
            Unreachable: as for `request`.
        """
        async with self._open(method, path, json, None) as response:
            yield Lines(response)

    @asynccontextmanager
    async def _open(
        self, method: str, path: str, json: object, query: Mapping[str, str] | None
    ) -> AsyncGenerator[httpx2.Response]:
        content = None if json is None else orjson.dumps(json)
        headers = {"content-type": "application/json"} if content is not None else None
        try:
            request = self._client.build_request(
                method, self.base_url + path, content=content, headers=headers, params=query
            )
        except (httpx2.InvalidURL, ValueError) as error:
            raise Unreachable(f"{self.base_url} is not an address: {error}", sent=False) from error
        try:
            response = await self._client.send(request, stream=True)
        except httpx2.UnsupportedProtocol as error:
            raise _permanent(f"{self.base_url} is not an http(s) address.") from error
        except httpx2.HTTPError as error:
            raise _unreachable(
                error, sent=not isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout)
            ) from error
        try:
            yield response
        finally:
            await response.aclose()

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()


def _permanent(message: str) -> Unreachable:
    error = Unreachable(message, sent=False)
    error.temporary = False
    return error


async def _whole(response: httpx2.Response) -> Answer:
    parts: list[bytes] = []
    size = 0
    try:
        async for part in response.aiter_bytes():
            size += len(part)
            if size > MAX_ANSWER:
                raise CannotUnderstand(f"The answer is larger than {MAX_ANSWER // 1024 // 1024} MiB.")
            parts.append(part)
    except httpx2.HTTPError as error:
        raise _unreachable(error, sent=True) from error
    headers = {k.lower(): v for k, v in response.headers.items()}
    return Answer(status=response.status_code, headers=headers, body=b"".join(parts))


def _unreachable(error: httpx2.HTTPError, *, sent: bool) -> Unreachable:
    request = error.request if hasattr(error, "_request") and getattr(error, "_request", None) else None
    place = f"{request.method} {request.url.copy_with(query=None)}" if request else "the request"
    reason = str(error) or type(error).__name__
    return Unreachable(f"No answer to {place}: {reason}.", sent=sent)


def _excerpt(body: bytes) -> str:
    text = body[:120].decode("utf-8", "replace")
    return repr(text) if text.strip() else "it is empty"
