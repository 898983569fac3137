"""A real HTTP server on 127.0.0.1 that replays canned answers byte by byte and remembers what it was asked."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

from orchestrator.server.models.compatible import CompatibleModel
from orchestrator.server.models.door import ModelEvent, ModelRequest

KEY = "sk-very-secret-4711"
HELLO = ModelRequest(model="qwen-plus", messages=[{"role": "user", "content": "hello"}])


@dataclass(frozen=True, kw_only=True)
class Canned:
    """An answer. `then`: end (a proper end), cut (the connection breaks), stall (silence) or mute (no head either)."""

    pieces: Sequence[bytes] = ()
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "text/event-stream"})
    then: str = "end"
    chunked: bool = True
    pause: float = 0.0  # seconds before each piece
    whole: bool = False  # the pieces are all there is: head and framing too


def refusal(status: int, body: bytes, **headers: str) -> Canned:
    return Canned(
        status=status,
        pieces=[body],
        headers={"content-type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}},
    )


@dataclass
class Asked:
    target: str
    headers: dict[str, str]
    body: Any


class Upstream:
    def __init__(self, answers: Sequence[Canned]) -> None:
        self._answers = list(answers)
        self.asked: list[Asked] = []
        self.connections = 0
        self.left = 0  # connections that were closed by the other side in the middle of an answer
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def model(self, **options: Any) -> CompatibleModel:
        return CompatibleModel(self.url, SecretStr(KEY), **{"timeout": 2.0, "retry_delay": 0.001, **options})

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while await self._exchange(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.asked.append(Asked(head[0], headers, json.loads(body)))
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return await self._play(answer, reader, writer)

    async def _hold(self, reader: asyncio.StreamReader) -> None:
        """Say nothing until the other side goes, or for long."""
        async with asyncio.timeout(30):
            self.left += await reader.read(1) == b""

    async def _play(self, answer: Canned, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        if answer.then == "mute":
            await self._hold(reader)
            return False
        if await _send(answer, writer):
            return True
        if answer.then == "stall":
            await self._hold(reader)
        return False


async def _send(answer: Canned, writer: asyncio.StreamWriter) -> bool:
    """Send an answer; whether it has an end, so that the connection can be used again."""
    if answer.whole:
        for piece in answer.pieces:
            writer.write(piece)
            await writer.drain()
        return False
    framing = {"transfer-encoding": "chunked"} if answer.chunked else {"connection": "close"}
    lines = [f"HTTP/1.1 {answer.status} x", *(f"{k}: {v}" for k, v in {**answer.headers, **framing}.items())]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    for piece in answer.pieces:
        if piece:
            await asyncio.sleep(answer.pause)
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if answer.chunked else piece)
            await writer.drain()
    if answer.then != "end" or not answer.chunked:
        return False
    writer.write(b"0\r\n\r\n")
    await writer.drain()
    return True


@asynccontextmanager
async def upstream(*answers: Canned) -> AsyncIterator[Upstream]:
    state = Upstream(answers)
    tasks: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        await state.serve(reader, writer)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    state.port = server.sockets[0].getsockname()[1]
    try:
        yield state
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextmanager
def upstream_thread(*answers: Canned) -> Iterator[Upstream]:
    """The same in a thread of its own, for tests that wait without a loop."""
    there: Future[tuple[Upstream, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def serve() -> None:
        async with upstream(*answers) as state:
            over = asyncio.Event()
            there.set_result((state, asyncio.get_running_loop(), over))
            await over.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),), name="upstream")
    thread.start()
    state, loop, over = there.result(timeout=10)
    try:
        yield state
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(timeout=10)


async def answer_of(model: CompatibleModel, request: ModelRequest = HELLO) -> list[ModelEvent]:
    try:
        return [event async for event in model.respond(request)]
    finally:
        await model.close()


async def replay(*answers: Canned, **options: Any) -> list[ModelEvent]:
    async with upstream(*answers) as server:
        return await answer_of(server.model(**options))
