"""A real server on a free port of this machine, in a thread of its own, for tests that speak through a socket.

What it answers is held against its OpenAPI document.
"""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from witness import Witness

from orchestrator.server.access.opening import Access
from orchestrator.server.app import open_server
from orchestrator.server.models.directory import Directory, Route
from orchestrator.server.models.scripted import ScriptedModel
from orchestrator.server.performers.door import Performer
from orchestrator.server.service.files import Rules
from orchestrator.server.serving import Address, listening, run


@dataclass(frozen=True)
class Live:
    host: str
    port: int

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"


@dataclass(frozen=True)
class _Closing:
    models: Directory

    async def aclose(self) -> None:
        await self.models.close()


@contextmanager
def live_server(
    data: Path,
    *,
    models: Directory | None = None,
    performers: Sequence[Performer] = (),
    keepalive: float = 10.0,
    files: Rules | None = None,
    access: Access | None = None,
) -> Iterator[Live]:
    address: Future[Address] = Future()
    stop: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
    complaints: list[list[str]] = []

    async def serve() -> None:
        stopped = asyncio.Event()
        stop.append((asyncio.get_running_loop(), stopped))
        answering = models or Directory([Route(match="*", model=ScriptedModel(None))])
        async with (
            aclosing(_Closing(answering)),
            open_server(
                data, models=answering, performers=performers, keepalive=keepalive, files=files, access=access
            ) as server,
            listening(witness := Witness(server.app), host="127.0.0.1", port=0, closing=server.drain) as bound,
        ):
            complaints.append(witness.complaints)
            address.set_result(bound)
            await stopped.wait()

    def main() -> None:
        try:
            run(serve)
        except BaseException as error:
            if address.done():
                raise
            address.set_exception(error)

    thread = threading.Thread(target=main, name="live-server")
    thread.start()
    bound = address.result(timeout=30)
    try:
        yield Live(bound.host, bound.port)
    finally:
        for loop, stopped in stop:
            loop.call_soon_threadsafe(stopped.set)
        thread.join(timeout=20)
        assert not thread.is_alive(), "the server did not stop"
    assert complaints == [[]], complaints
