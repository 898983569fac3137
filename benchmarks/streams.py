"""Many streams at once: what is lost, how late a piece is, what it costs; and how late the first piece of a run is.

    python benchmarks/streams.py            1,000 streams for 60 s, 100 for 30 s, each told 5 pieces a second
    python benchmarks/streams.py 50 5       50 streams for 5 s

A piece carries its number and the moment at which the model said it, by a clock that both processes share; the client
sees on arrival how old it is. Server and client have a process each. The first piece is measured with a model that
needs no time, so all of it is ours.
"""

from __future__ import annotations

import asyncio
import json
import re
import resource
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
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


async def chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """The parts of a chunked answer: one event each."""
    while size := int(await reader.readline(), 16):
        yield (await reader.readexactly(size + 2))[:-2]


async def listen(port: int, assistant: str, count: int, pause: float, seen: Seen) -> None:
    """One stream from its start to its end."""
    thread = {"messages": [{"role": "user", "content": f"{count} {pause}"}]}
    reader, writer = await post(port, "/threads/runs", {"assistant_id": assistant, "thread": thread, "stream": True})
    number, expected, last = 0, 0, b""
    async for chunk in chunks(reader):
        if chunk.startswith(b":"):
            continue
        found = EVENT_ID.search(chunk)
        if found is not None:
            number += 1
            seen.broken += int(found[1]) != number
        if chunk.startswith(b"event:thread.message.delta"):
            now = monotonic_ns()
            for piece in PIECE.finditer(chunk):
                seen.lost += max(0, int(piece[1]) - expected)
                seen.twice += int(piece[1]) < expected
                expected = int(piece[1]) + 1
                seen.ages.append((now - int(piece[2])) / 1e6)
        last = chunk
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
        async for chunk in chunks(reader):
            if chunk.startswith(b"event:thread.message.delta") and not seen.ages:
                whole.append((perf_counter() - start) * 1000)
                piece = PIECE.search(chunk)
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


def measure(streams: int, seconds: int, folder: str) -> None:
    with subprocess.Popen([PYTHON, "-c", SERVER, folder], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        try:
            whole, told = asyncio.run(first_pieces(port, 200))
            print(
                f"first piece: {percentile(whole, 50):.1f} ms after the request at p50, {percentile(whole, 95):.1f} at "
                f"p95, with a model that needs no time ({percentile(told, 50):.1f} of them since the model said it; "
                "aim ≤ 5 ms)"
            )
            idle, before = memory(server.pid, "VmRSS"), cpu(server.pid)
            seen = asyncio.run(many(port, streams, seconds))
            spent = cpu(server.pid) - before
            pieces = len(seen.ages)
            print(
                f"{streams} streams × {RATE} pieces/s × {seconds} s: {pieces} of {streams * seconds * RATE} pieces, "
                f"{seen.lost} lost, {seen.twice} twice, {seen.broken} gaps; "
                f"age p50 {percentile(seen.ages, 50):.1f} ms, p99 {percentile(seen.ages, 99):.1f} ms (aim ≤ 150)"
            )
            print(
                f"  server: {spent / seconds:.2f} cores, {spent / pieces * 1e6:.0f} µs CPU a piece; "
                f"{memory(server.pid, 'VmHWM'):.0f} MiB at most, {idle:.0f} before"
            )
        finally:
            server.terminate()


def main() -> None:
    given = [int(word) for word in sys.argv[1:3]]
    cases = [(given[0], given[1])] if len(given) == 2 else CASES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 16_384), hard) if soft < 16_384 else (soft, hard))
    for streams, seconds in cases:
        with tempfile.TemporaryDirectory() as folder:
            measure(streams, seconds, folder)


if __name__ == "__main__":
    main()
