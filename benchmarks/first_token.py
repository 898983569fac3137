"""Time to the first token above the model's own: one client, streamed POST /threads/runs, SQLite with synchronous FULL.

The model is a stub in a process of its own that answers at once. Its own time is what the same client waits for the
first token when it asks the model directly; both are asked in turn. The stub also says when it got the request and when
it sent the first token, by the clock that all processes of a machine share: so each way is told for itself.
"""

from __future__ import annotations

import asyncio
import re
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic_ns

import orjson
import uvicorn
from measuring import PYTHON

from orchestrator.transport import Client

RUNS, WARM = 200, 30
AIM = 5.0  # milliseconds


def stub() -> None:
    """A model that says two times in nanoseconds; prints its port and ends with its standard input."""

    async def app(scope, receive, send) -> None:
        while (await receive()).get("more_body"):
            pass
        got = monotonic_ns()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        await send({"type": "http.response.body", "body": chunk(f"{got} {monotonic_ns()} "), "more_body": True})
        await asyncio.sleep(0.02)
        end = chunk("and the rest", "stop") + b"data: [DONE]\n\n"
        await send({"type": "http.response.body", "body": end})

    async def serve() -> None:
        # with the protocol named: asyncio sends at once (TCP_NODELAY) only then
        bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        bound.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
        print(bound.getsockname()[1], flush=True)
        serving = asyncio.create_task(server.serve(sockets=[bound]))
        await asyncio.to_thread(sys.stdin.read)
        server.should_exit = True
        await serving

    asyncio.run(serve())


def chunk(text: str, finish: str | None = None) -> bytes:
    return (
        b"data: "
        + orjson.dumps({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]})
        + b"\n\n"
    )


@contextmanager
def model() -> Iterator[str]:
    child = subprocess.Popen([PYTHON, __file__, "stub"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(child.stdout.readline())}/v1"
    finally:
        child.stdin.close()
        child.wait(timeout=10)


@contextmanager
def server(folder: str, upstream: str) -> Iterator[str]:
    command = [PYTHON, "-m", "orchestrator", "serve", "--port", "0", "--data", f"{folder}/data", "--model", upstream]
    child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=folder)
    assert child.stderr is not None
    found = re.search(r"http://\S+?:\d+", child.stderr.readline())
    assert found is not None
    try:
        yield found.group()
    finally:
        child.terminate()
        child.wait(timeout=20)


TIMES = re.compile(r'"content":.*?"(\d+) (\d+) "|"value":"(\d+) (\d+) "')


async def once(client: Client, path: str, body: dict[str, object]) -> tuple[float, float]:
    """Milliseconds from the client to the model, and from the model to the client."""
    asked, first, heard = monotonic_ns(), None, 0
    async with client.stream("POST", path, json=body) as lines:
        async for line in lines:
            if first is None and (first := TIMES.search(line)):
                heard = monotonic_ns()
    assert first is not None
    got, sent = (int(time) for time in first.groups() if time)
    return (got - asked) / 1e6, (heard - sent) / 1e6


async def measure(address: str, upstream: str) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    ours, theirs = Client(f"{address}/api/v1"), Client(upstream)
    made = await ours.request("POST", "/assistants", json={"model": "m", "instructions": "Be brief."})
    thread = {"messages": [{"role": "user", "content": "hello there"}]}
    run = {"assistant_id": made.json()["id"], "stream": True, "thread": thread}
    direct = {"model": "m", "stream": True, "messages": thread["messages"]}
    through: list[tuple[float, float]] = []
    alone: list[tuple[float, float]] = []
    for _ in range(WARM + RUNS):
        through.append(await once(ours, "/threads/runs", run))
        alone.append(await once(theirs, "/chat/completions", direct))
    await ours.close()
    await theirs.close()
    return through[WARM:], alone[WARM:]


def percentile(pairs: list[tuple[float, float]], share: float) -> float:
    return sorted(map(sum, pairs))[int(len(pairs) * share)]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, model() as upstream, server(folder, upstream) as address:
        through, alone = asyncio.run(measure(address, upstream))
    there, back = (statistics.median(pair[nth] for pair in through) for nth in (0, 1))
    p50, p95 = (percentile(through, share) - percentile(alone, share) for share in (0.5, 0.95))
    print(
        f"first token: {p50:.1f} ms above the model's own at p50, {p95:.1f} at p95 (aim ≤ {AIM:.0f} ms p50); "
        f"{there:.1f} to the model and {back:.1f} from it, where the client alone takes {percentile(alone, 0.5):.1f}"
    )


if __name__ == "__main__":
    stub() if sys.argv[1:] == ["stub"] else main()
