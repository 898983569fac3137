"""Puts an application on a port with uvicorn, for as long as a block of code lasts; and waits for a signal."""

from __future__ import annotations

import asyncio
import errno
import gc
import signal
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, TypeVar

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from orchestrator.errors import SettingsError
from orchestrator.server.connection import Connection

T = TypeVar("T")
_Found = tuple[socket.AddressFamily, socket.SocketKind, int, str, Any]

GRACE_SECONDS = 8  # that answers get, once all else has ended
KEEP_ALIVE_SECONDS = 30  # that a connection may be idle
BACKLOG = 1024

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


@asynccontextmanager
async def listening(
    app: ASGIApp,
    *,
    host: str,
    port: int,
    access_log: bool = False,
    closing: Callable[[], Awaitable[None]] | None = None,
) -> AsyncGenerator[Address]:
    """Serve `app` while the block lasts; port 0 takes a free one.

    At the end `closing` is to bring what is open to its end; meanwhile there are still answers, if only to say that the
    server stops. Then no new connection is taken, and answers that are not over GRACE_SECONDS later are cut off.

    Raises: SettingsError when the address is in use or not ours.
    """
    bound = bind(host, port)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=access_log,
        http=Connection,
        lifespan="off",
        ws="none",
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )
    http = _Http(config)
    serving = asyncio.create_task(http.serve(sockets=[bound]), name="serving")
    up = asyncio.create_task(http.up.wait())
    try:
        await asyncio.wait({up, serving}, return_when=asyncio.FIRST_COMPLETED)
        yield Address(host=host, port=bound.getsockname()[1])
    finally:
        up.cancel()
        try:
            if closing is not None:
                await closing()
        finally:
            http.should_exit = True
            await serving
            bound.close()


def settle() -> None:
    """Tell the garbage collector that what is there now stays: it need not look through all of it again and again.

    For a process that serves from now on; a look takes some 70 ms then, during which no stream is told.
    """
    gc.collect()
    gc.freeze()


def run(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine to its end, on uvloop where there is one."""
    factory = uvicorn.Config(_nothing, log_config=None).get_loop_factory()
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main())


@contextmanager
def signals() -> Generator[asyncio.Event]:
    """An event that SIGINT or SIGTERM sets; a second signal ends the process the hard way.

    Begin the block before anybody is told that we serve.
    """
    loop = asyncio.get_running_loop()
    called = asyncio.Event()

    def hear() -> None:
        called.set()
        forget()

    def forget() -> None:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)

    for number in _SIGNALS:
        loop.add_signal_handler(number, hear)
    try:
        yield called
    finally:
        forget()


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server there, whatever a name may stand for. Raises: SettingsError."""
    addresses = {str(place[0]).partition("%")[0] for *_, place in _resolve(host, 0)}
    return all(ip_address(address).is_loopback for address in addresses)


def _resolve(host: str, port: int) -> Sequence[_Found]:
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise SettingsError(f"'{host}' is not an address: {error.strerror}.") from error


def bind(host: str, port: int) -> socket.socket:
    """A bound socket. Raises: SettingsError."""
    family, kind, protocol, _, place = _resolve(host, port)[0]
    bound = socket.socket(family, kind, protocol)
    bound.setblocking(False)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(place)
        bound.listen(BACKLOG)
    except OSError as error:
        bound.close()
        raise SettingsError(
            f"Cannot listen on {host}:{port}: {error.strerror}.", hint=_HINTS.get(error.errno)
        ) from error
    return bound


_HINTS: dict[int | None, str] = {
    errno.EADDRINUSE: "another program listens there: stop it, or choose a port with --port",
    errno.EACCES: "choose a port above 1023 with --port",
    errno.EADDRNOTAVAIL: "give an address of this machine with --host",
}


async def _nothing(scope: Scope, receive: Receive, send: Send) -> None:
    """An application for the sake of uvicorn's configuration."""


class _Http(uvicorn.Server):
    """uvicorn's server, without its own idea of signals."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave signals to whoever started us."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Tell when connections are taken."""
        await super().startup(sockets)
        self.up.set()
