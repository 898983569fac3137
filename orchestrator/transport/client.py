"""A pooled client for one base address, which the operator chose. No hidden retries.

Never follows a redirect (a bearer key must not travel), never retries: who calls decides that with `temporary`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import Any, cast
from urllib.parse import urlsplit

import httpx2
import orjson

from orchestrator.errors import CannotUnderstand, Rejected, SettingsError, Unreachable

MAX_ANSWER = 64 * 1024 * 1024  # bytes
NOTHING: Mapping[str, str] = {}
carried: ContextVar[Mapping[str, str]] = ContextVar("carried", default=NOTHING)
"""Headers that every request made in a context takes along: the place in a trace."""
MAX_LINE = 8 * 1024 * 1024  # bytes of one line of a stream


class Stalled(Unreachable):
    """The connection stands, but nothing came for too long: try again later, or allow more time."""


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

    @property
    def retry_after(self) -> float | None:
        """Seconds to wait as the server asks, by `Retry-After` as a number or as a date; None: it does not ask."""
        asked = self.headers.get("retry-after", "").strip()
        if asked.isascii() and asked.isdigit():
            return float(asked)
        try:
            date = parsedate_to_datetime(asked)
        except ValueError:
            return None
        return max(0.0, (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


class _Splitter:
    """Cuts bytes into lines at LF, CR and CRLF only: inside of JSON, U+2028 and its kin are ordinary characters."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._after_cr = False

    def feed(self, data: bytes) -> list[str]:
        """The lines that `data` completes; bytes that are not UTF-8 become U+FFFD."""
        if self._after_cr:
            data = data.removeprefix(b"\n")
        self._after_cr = data.endswith(b"\r")
        lines: list[str] = []
        for part in data.splitlines(keepends=True):
            text = part.rstrip(b"\r\n")
            self._rest += text
            if len(self._rest) > MAX_LINE:
                raise CannotUnderstand(f"A line of the stream is longer than {MAX_LINE // 1024 // 1024} MiB.")
            if len(text) < len(part):
                lines += self.rest() or [""]
        return lines

    def rest(self) -> list[str]:
        """The line that has no end, if there is one."""
        line = self._rest.decode("utf-8", "replace")
        self._rest.clear()
        return [line] if line else []


class Lines:
    """A streaming answer: status, headers, and its lines as they come."""

    def __init__(self, response: httpx2.Response) -> None:
        self._response = response
        self.status = response.status_code
        self.headers: Mapping[str, str] = {k.lower(): v for k, v in response.headers.items()}

    async def __aiter__(self) -> AsyncGenerator[str]:
        """Lines without their ends, always read as UTF-8.

        Raises:
            Unreachable: the connection broke; Stalled: nothing came within the read timeout.
            CannotUnderstand: a line is longer than MAX_LINE.
        """
        splitter = _Splitter()
        try:
            async with aclosing(self._response.aiter_bytes()) as parts:
                async for part in parts:
                    for line in splitter.feed(part):
                        yield line
        except httpx2.HTTPError as error:
            raise _unreachable(error, sent=True) from error
        for line in splitter.rest():
            yield line

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
        """Open nothing yet.

        Raises:
            SettingsError: a header's value has characters that HTTP cannot carry; the value is not shown.
        """
        for name, value in (headers or {}).items():
            if not (value.isascii() and value.isprintable()):
                raise SettingsError(f"The value for the HTTP header '{name}' must be plain ASCII on one line.")
        self.base_url = base_url.rstrip("/")
        self._client = httpx2.AsyncClient(
            headers=headers,
            timeout=httpx2.Timeout(timeout, connect=5.0, pool=None),
            limits=httpx2.Limits(max_connections=connections, max_keepalive_connections=connections),
            follow_redirects=False,
            trust_env=not _on_this_machine(base_url),
            transport=transport,
        )

    async def request(
        self, method: str, path: str, *, json: object = None, query: Mapping[str, str] | None = None
    ) -> Answer:
        """One request, one answer, whatever its status.

        Raises:
            Unreachable: no answer; `sent` tells whether the request may have arrived.
            Rejected: `json` cannot be written as JSON.
            CannotUnderstand: the answer is larger than MAX_ANSWER.
        """
        async with self._open(method, path, json, query) as response:
            return await _whole(response)

    async def send(self, path: str, content: AsyncIterable[bytes], *, media: str) -> Answer:
        """A POST whose body is sent as it comes, and whose answer may be there before the body was.

        Raises:
            Unreachable: as for `request`, and whatever `content` raises.
        """
        async with self._open("POST", path, content, None, media=media) as response:
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
        self, method: str, path: str, body: object, query: Mapping[str, str] | None, *, media: str | None = None
    ) -> AsyncGenerator[httpx2.Response]:
        """`body` is JSON, or bytes as they come if there is a media type."""
        content = None if body is None else cast("AsyncIterable[bytes]", body) if media else _encoded(body)
        headers = {} if content is None else {"content-type": media or "application/json"}
        try:
            request = self._client.build_request(
                method, self.base_url + path, content=content, headers={**headers, **carried.get()}, params=query
            )
        except (httpx2.InvalidURL, ValueError) as error:
            raise _permanent(f"The base address is not a URL: {error}.") from error
        if (request.url.port or 0) > 65535:
            raise _permanent(f"The base address has an impossible port: {request.url.port}.")
        try:
            response = await self._client.send(request, stream=True)
        except httpx2.UnsupportedProtocol as error:
            raise _permanent(f"The base address must begin with http:// or https://: {request.url.host}.") from error
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


def _on_this_machine(url: str) -> bool:
    """Whether an address is a loopback one: proxies of the environment are not for these."""
    with suppress(ValueError):
        host = urlsplit(url).hostname or ""
        if host == "localhost":
            return True
        with suppress(ValueError):
            return ip_address(host).is_loopback
    return False


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


def _encoded(value: object) -> bytes:
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError as error:
        raise Rejected(f"The request cannot be written as JSON: {error}.", sent=False) from error


def _unreachable(error: httpx2.HTTPError, *, sent: bool) -> Unreachable:
    """Say what happened without headers, query or user info: those may hold secrets."""
    request = error.request if hasattr(error, "_request") and getattr(error, "_request", None) else None
    place = f"{request.method} {request.url.copy_with(query=None, userinfo=b'')}" if request else "the request"
    if isinstance(error, httpx2.ReadTimeout | httpx2.WriteTimeout):
        return Stalled(f"The answer to {place} stalled: nothing came for too long.", sent=sent)
    if isinstance(error, httpx2.LocalProtocolError):
        return Unreachable(f"No answer to {place}: the request is not valid HTTP.", sent=sent)
    reason = str(error) or type(error).__name__
    return Unreachable(f"No answer to {place}: {reason}.", sent=sent)


def _excerpt(body: bytes) -> str:
    """What it looks like. Never its words: an answer may echo the key that was sent."""
    if not body.strip():
        return "it is empty"
    return "it looks like a web page" if body.lstrip().startswith(b"<") else f"{len(body)} bytes of something else"
