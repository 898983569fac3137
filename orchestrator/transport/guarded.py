"""HTTP to where others send us. Every address is checked, and the one that was checked is the one connected to.

* Only origins of a `Reach`. A name is resolved once per request; if any of its addresses is not public, none is used.
* Redirects are followed here, three at most, each checked like the first request; what could be a credential does
  not go along to another origin.
* No proxy and no .netrc of the environment. Answers are bounded in size and time, and are not unpacked.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import cast

import httpx2

from orchestrator.errors import OutOfReach, TooMuch
from orchestrator.transport.addresses import is_public
from orchestrator.transport.reach import Origin, Reach, normal

Unanswered = httpx2.TransportError
"""What a request raises that got no answer, or half of one."""
NotConnected = (httpx2.ConnectError, httpx2.ConnectTimeout)
"""Those of `Unanswered` after which nothing was sent."""
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
Headers = list[tuple[bytes, bytes]]

MAX_SIZE = 1024 * 1024  # bytes of one answer
MAX_SECONDS = 10.0  # of one request, redirects and body included
MAX_REDIRECTS = 3
_MOST_TRIED = 4  # addresses of one name
_MOST_PEERS = 64  # connections are kept for so many addresses
_MOVED = {301, 302, 303, 307, 308}
_HARMLESS = {b"accept", b"accept-language", b"user-agent", b"content-type", b"content-length"}


async def resolve(host: str, port: int) -> Sequence[str]:
    """Addresses of a host by the system's resolver.

    Raises:
        OSError: there are none.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What one request may take: bytes of the answer, seconds in all."""

    size: int = MAX_SIZE
    seconds: float = MAX_SECONDS


@dataclass(frozen=True, slots=True)
class _Peer:
    """A place that was checked: connections to it are used for this origin and no other."""

    origin: tuple[str, str, int]
    address: str


class Guarded(httpx2.AsyncBaseTransport):
    """The transport of clients that go where a plug-in, a document or a model sends them.

    Raises, from requests: `OutOfReach`, nothing was sent; `TooMuch`, the answer passes the bounds.
    """

    def __init__(self, reach: Reach, *, bounds: Bounds | None = None, resolver: Resolver = resolve) -> None:
        self._reach = reach
        self._bounds = bounds or Bounds()
        self._resolver = resolver
        self._context = httpx2.create_ssl_context()  # SSL_CERT_FILE is the operator's word
        self._peers: dict[_Peer, httpx2.AsyncHTTPTransport] = {}

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request, follow where it leads, as far as the reach goes."""
        until = monotonic() + self._bounds.seconds
        for _ in range(MAX_REDIRECTS + 1):
            response = await self._once(request, until)
            target = _target(request, response)
            if target is None:
                return self._bounded(response, until)
            await response.aclose()
            request = _redirected(request, response.status_code, target)
        raise OutOfReach(f"More than {MAX_REDIRECTS} redirects from {_place(request.url)}.")

    async def aclose(self) -> None:
        """Close all connections."""
        peers, self._peers = list(self._peers.values()), {}
        for transport in peers:
            await transport.aclose()

    async def _once(self, request: httpx2.Request, until: float) -> httpx2.Response:
        url = request.url
        allowed = self._allowed(url)
        try:
            async with asyncio.timeout(until - monotonic()):
                return await self._connected(request, allowed, await self._checked(url, allowed))
        except TimeoutError as error:
            raise TooMuch(f"{_place(url)} did not answer within {self._bounds.seconds:g} s.") from error

    def _allowed(self, url: httpx2.URL) -> Origin:
        if url.userinfo:
            raise OutOfReach(f"User and password do not belong into the address of {_place(url)}.")
        found = self._reach.find(url.scheme, url.host, url.port)
        if found is None:
            known = ", ".join(str(one) for one in self._reach.origins) or "none"
            raise OutOfReach(f"{_place(url)} may not be reached; what may be: {known}.")
        return found

    async def _connected(self, request: httpx2.Request, allowed: Origin, addresses: list[str]) -> httpx2.Response:
        """Send to the first address that takes a connection."""
        *others, last = addresses
        for address in others:
            with suppress(httpx2.ConnectError, httpx2.ConnectTimeout):
                return await self._peer(allowed, request.url, address).handle_async_request(_to(request, address))
        return await self._peer(allowed, request.url, last).handle_async_request(_to(request, last))

    async def _checked(self, url: httpx2.URL, allowed: Origin) -> list[str]:
        """The addresses that may be connected to: all that the name has, or none."""
        host = normal(url.host)
        try:
            addresses = list(dict.fromkeys(await self._resolver(host, url.port or allowed.port)))
        except (OSError, UnicodeError) as error:
            raise httpx2.ConnectError(f"the name '{host}' has no address") from error
        if not addresses:
            raise httpx2.ConnectError(f"the name '{host}' has no address")
        if not allowed.private and not all(is_public(address) for address in addresses):
            raise OutOfReach(f"{_place(url)} leads to an address that is not public.")
        return addresses[:_MOST_TRIED]

    def _peer(self, allowed: Origin, url: httpx2.URL, address: str) -> httpx2.AsyncHTTPTransport:
        peer = _Peer((url.scheme, normal(url.host), url.port or allowed.port), address)
        transport = self._peers.pop(peer, None) or httpx2.AsyncHTTPTransport(verify=self._context, trust_env=False)
        self._peers[peer] = transport  # the last used is last
        while len(self._peers) > _MOST_PEERS:
            oldest = self._peers.pop(next(iter(self._peers)))
            _closing.add(task := asyncio.ensure_future(oldest.aclose()))
            task.add_done_callback(_closing.discard)
        return transport

    def _bounded(self, response: httpx2.Response, until: float) -> httpx2.Response:
        packed = response.headers.get("content-encoding", "identity")
        if packed.lower() != "identity":
            raise TooMuch(f"The answer is packed as '{packed[:40]}', which was not asked for and is not unpacked.")
        stream = cast("httpx2.AsyncByteStream", response.stream)
        return httpx2.Response(
            response.status_code,
            headers=response.headers,
            stream=_Bounded(stream, self._bounds, until),
            extensions=response.extensions,
        )


_closing: set[asyncio.Future[None]] = set()


class _Bounded(httpx2.AsyncByteStream):
    """A body that ends with an error once it is too long, in bytes or in seconds."""

    def __init__(self, stream: httpx2.AsyncByteStream, bounds: Bounds, until: float) -> None:
        self._stream = stream
        self._bounds = bounds
        self._until = until

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        parts = aiter(self._stream)
        while True:
            try:
                async with asyncio.timeout(self._until - monotonic()):
                    part = await anext(parts, None)
            except TimeoutError as error:
                raise TooMuch(f"The answer did not end within {self._bounds.seconds:g} s.") from error
            if part is None:
                return
            size += len(part)
            if size > self._bounds.size:
                raise TooMuch(f"The answer is larger than {self._bounds.size} bytes.")
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()


def outside(reach: Reach, *, bounds: Bounds | None = None, resolver: Resolver = resolve) -> httpx2.AsyncClient:
    """A client, as httpx2 has it, that reaches what it may. Who opens it closes it."""
    limits = bounds or Bounds()
    return httpx2.AsyncClient(
        transport=Guarded(reach, bounds=limits, resolver=resolver),
        timeout=httpx2.Timeout(limits.seconds),
        trust_env=False,
        follow_redirects=False,
        headers={"accept-encoding": "identity"},
    )


# ---- redirects


def _target(request: httpx2.Request, response: httpx2.Response) -> httpx2.URL | None:
    location = response.headers.get("location")
    if response.status_code not in _MOVED or location is None:
        return None
    with suppress(httpx2.InvalidURL, ValueError):
        return request.url.join(location)
    raise OutOfReach(f"{_place(request.url)} redirects to what is not a URL.")


def _redirected(request: httpx2.Request, status: int, target: httpx2.URL) -> httpx2.Request:
    """The next request: a GET without a body where the first was no GET, as browsers do it, save for 307 and 308."""
    keeps = status in (307, 308) or request.method in ("GET", "HEAD")
    same = _origin(request.url) == _origin(target)
    headers = [(k, v) for k, v in request.headers.raw if _goes_along(k.lower(), same=same, body=keeps)]
    method = request.method if keeps else "GET"
    if keeps and not isinstance(request.stream, httpx2.ByteStream):
        raise OutOfReach(f"{_place(request.url)} redirects a body that cannot be sent twice.")
    stream = request.stream if keeps else httpx2.ByteStream(b"")
    return httpx2.Request(method, target, headers=headers, stream=stream, extensions=request.extensions)


def _goes_along(name: bytes, *, same: bool, body: bool) -> bool:
    if name == b"host" or (not body and name in (b"content-type", b"content-length", b"transfer-encoding")):
        return False
    return same or name in _HARMLESS or name == b"accept-encoding"


def _origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    return url.scheme, normal(url.host), url.port


def _to(request: httpx2.Request, address: str) -> httpx2.Request:
    """The same request to an address; the name stays in the `Host` header and in the certificate's check."""
    url = request.url
    headers: Headers = [(k, v) for k, v in request.headers.raw if k.lower() != b"host"]
    headers.insert(0, (b"host", url.netloc))
    extensions = {**request.extensions, "sni_hostname": normal(url.host)}
    direct = url.copy_with(host=address)
    return httpx2.Request(request.method, direct, headers=headers, stream=request.stream, extensions=extensions)


def _place(url: httpx2.URL) -> str:
    """An address without what may hold secrets."""
    return str(url.copy_with(userinfo=b"", query=None, fragment=None))
