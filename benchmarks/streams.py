"""Many streams at once: what is lost, how late a piece is, what it costs; and how late the first piece of a run is.

    python benchmarks/streams.py            1,000 streams for 60 s, 100 for 30 s, each told 5 pieces a second
    python benchmarks/streams.py 50 5       50 streams for 5 s

A piece carries its number and the moment at which the model said it, by a clock that both processes share; the client
sees on arrival how old it is. Server and client have a process each. The floor is a bare application on the same HTTP
server that sends the same frames and keeps nothing. The first piece is measured with a model that needs no time, so all
of it is ours.
"""

from __future__ import annotations

import asyncio
import json
import re
import resource
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from time import monotonic_ns, perf_counter

from measuring import PYTHON
from runs import cpu

RATE = 5  # pieces a second and stream
STARTS = 100  # streams that begin in a second
CASES = ((100, 30), (1000, 60))  # streams, seconds

SERVER = """
import asyncio, sys, time
from pathlib import Path
from orchestrator.server.app import SameBounds, open_server
from orchestrator.server.models.directory import Directory, Route
from orchestrator.server.models.door import Spent, Stop, TextPiece
from orchestrator.server.performers.door import Limits
from orchestrator.server.serving import listening, run, settle, signals

class Ticking:
    async def respond(self, request):
        count, pause = request.messages[-1]["content"].split()
        due = asyncio.get_running_loop().time()
        for number in range(int(count)):
            yield TextPiece(text=f"{number}:{time.monotonic_ns()} ")
            due += float(pause)
            if float(pause):
                await asyncio.sleep(due - asyncio.get_running_loop().time())
        yield Spent(prompt_tokens=1, completion_tokens=1)
        yield Stop(reason="stop")

async def main():
    models = Directory([Route(match="*", model=Ticking())])
    with signals() as called:
        async with (
            open_server(Path(sys.argv[1]), models=models, bounds=SameBounds(Limits()), runs=4000) as server,
            listening(server.app, host="127.0.0.1", port=0, closing=server.drain) as address,
        ):
            settle()
            print(address.port, flush=True)
            await called.wait()

run(main)
"""

FLOOR = """
import asyncio, json, time
from orchestrator.server.serving import listening, run, signals

FRAME = b'event:thread.message.delta\\nid:%d\\ndata:{"id":"message_x","delta":{"content":"%d:%d "},"more":"%b"}\\n\\n'
MORE = b"x" * 120  # as long as ours

async def app(scope, receive, send):
    body = json.loads((await receive())["body"])
    kind = b"text/event-stream" if "thread" in body else b"application/json"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
    if "thread" not in body:
        await send({"type": "http.response.body", "body": b'{"id":"asst_x"}'})
        return
    count, pause = body["thread"]["messages"][0]["content"].split()
    due = asyncio.get_running_loop().time()
    for number in range(int(count)):
        frame = FRAME % (number + 1, number, time.monotonic_ns(), MORE)
        await send({"type": "http.response.body", "body": frame, "more_body": True})
        due += float(pause)
        if float(pause):
            await asyncio.sleep(due - asyncio.get_running_loop().time())
    await send({"type": "http.response.body", "body": b"event:done\\ndata:[DONE]\\n\\n", "more_body": True})
    await send({"type": "http.response.body", "body": b""})

async def main():
    with signals() as called:
        async with listening(app, host="127.0.0.1", port=0) as address:
            print(address.port, flush=True)
            await called.wait()

run(main)
"""

PIECE = re.compile(rb"(\d+):(\d+) ")
EVENT_ID = re.compile(rb"^id:(\d+)$", re.MULTILINE)


@dataclass
class Seen:
    """What all streams have seen: ages in ms, and what is wrong."""

    ages: list[float] = field(default_factory=list)
    lost: int = 0
    twice: int = 0
    broken: int = 0


async def post(port: int, path: str, body: object) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A request on a connection of its own, up to the end of the answer's head."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    data = json.dumps(body).encode()
    head = f"POST /api/v1{path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n"
    writer.write(head.encode() + data)
    status = await reader.readuntil(b"\r\n\r\n")
    assert status.startswith(b"HTTP/1.1 200"), status
    return reader, writer


async def frames(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """The events of a chunked answer; what happened at once may come in one chunk."""
    while size := int(await reader.readline(), 16):
        chunk = (await reader.readexactly(size + 2))[:-2]
        for frame in chunk.split(b"\n\n"):
            if frame:
                yield frame


async def listen(port: int, assistant: str, count: int, pause: float, seen: Seen) -> None:
    """One stream from its start to its end."""
    thread = {"messages": [{"role": "user", "content": f"{count} {pause}"}]}
    reader, writer = await post(port, "/threads/runs", {"assistant_id": assistant, "thread": thread, "stream": True})
    number, expected, last = 0, 0, b""
    async for frame in frames(reader):
        if frame.startswith(b":"):
            continue
        found = EVENT_ID.search(frame)
        if found is not None:
            number += 1
            seen.broken += int(found[1]) != number
        if frame.startswith(b"event:thread.message.delta"):
            now = monotonic_ns()
            for piece in PIECE.finditer(frame):
                seen.lost += max(0, int(piece[1]) - expected)
                seen.twice += int(piece[1]) < expected
                expected = int(piece[1]) + 1
                seen.ages.append((now - int(piece[2])) / 1e6)
        last = frame
    seen.lost += count - expected
    seen.broken += b"[DONE]" not in last
    writer.close()


async def make_assistant(port: int) -> str:
    reader, writer = await post(port, "/assistants", {"model": "m"})
    found = re.search(rb'"id":"(asst_[^"]+)"', await reader.readuntil(b"}"))
    writer.close()
    assert found is not None
    return found[1].decode()


async def many(port: int, streams: int, seconds: int) -> Seen:
    """All streams, a hundred begun a second: what is measured is telling, not how fast runs can be started."""
    seen, assistant = Seen(), await make_assistant(port)

    async def one(number: int) -> None:
        await asyncio.sleep(number / STARTS)
        await listen(port, assistant, seconds * RATE, 1 / RATE, seen)

    await asyncio.gather(*(one(number) for number in range(streams)))
    return seen


async def first_pieces(port: int, count: int) -> tuple[list[float], list[float]]:
    """Milliseconds from sending the request to the first piece: in all, and since the model said it."""
    assistant = await make_assistant(port)
    whole: list[float] = []
    told: list[float] = []
    for _ in range(count):
        seen = Seen()
        start = perf_counter()
        thread = {"messages": [{"role": "user", "content": "1 0"}]}
        reader, writer = await post(
            port, "/threads/runs", {"assistant_id": assistant, "thread": thread, "stream": True}
        )
        async for frame in frames(reader):
            if frame.startswith(b"event:thread.message.delta") and not seen.ages:
                whole.append((perf_counter() - start) * 1000)
                piece = PIECE.search(frame)
                assert piece is not None
                seen.ages.append(0)
                told.append((monotonic_ns() - int(piece[2])) / 1e6)
        writer.close()
    return whole, told


def percentile(values: list[float], percent: int) -> float:
    return quantiles(values, n=100)[percent - 1]


def memory(pid: int, name: str) -> float:
    """MiB of a process: `VmRSS` now, `VmHWM` at most."""
    found = re.search(rf"{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


@contextmanager
def serving(program: str, folder: str) -> Iterator[tuple[int, int]]:
    """A server in a process of its own: its port and its process id."""
    with subprocess.Popen([PYTHON, "-c", program, folder], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield int(server.stdout.readline()), server.pid
        finally:
            server.terminate()


def first(port: int) -> None:
    whole, told = asyncio.run(first_pieces(port, 200))
    print(
        f"first piece: {percentile(whole, 50):.1f} ms after the request at p50, {percentile(whole, 95):.1f} at p95, "
        f"with a model that needs no time ({percentile(told, 50):.1f} of them since the model said it; aim ≤ 5 ms)"
    )


def told_to(port: int, pid: int, streams: int, seconds: int) -> float:
    """What it costs to tell, and how well it goes; µs of CPU for each piece."""
    idle, before = memory(pid, "VmRSS"), cpu(pid)
    seen = asyncio.run(many(port, streams, seconds))
    spent, pieces = cpu(pid) - before, len(seen.ages)
    each = spent / pieces * 1e6
    print(
        f"  {pieces} of {streams * seconds * RATE} pieces, {seen.lost} lost, {seen.twice} twice, {seen.broken} gaps; "
        f"age p50 {percentile(seen.ages, 50):.1f} ms, p99 {percentile(seen.ages, 99):.1f} ms (aim ≤ 150); "
        f"{each:.0f} µs CPU a piece; {memory(pid, 'VmHWM'):.0f} MiB at most, {idle:.0f} before"
    )
    return each


def measure(streams: int, seconds: int) -> None:
    with tempfile.TemporaryDirectory() as folder, serving(SERVER, folder) as (port, pid):
        first(port)
        print(f"{streams} streams × {RATE} pieces/s × {seconds} s:")
        ours = told_to(port, pid, streams, seconds)
    with tempfile.TemporaryDirectory() as folder, serving(FLOOR, folder) as (port, pid):
        floor = told_to(port, pid, streams, min(seconds, 20))
    print(f"  {ours / floor:.1f} × the CPU of a bare server that keeps nothing")


def main() -> None:
    given = [int(word) for word in sys.argv[1:3]]
    cases = [(given[0], given[1])] if len(given) == 2 else CASES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 16_384), hard) if soft < 16_384 else (soft, hard))
    for streams, seconds in cases:
        measure(streams, seconds)


if __name__ == "__main__":
    main()
