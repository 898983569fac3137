"""Time to the first token above the model's own: one client, streamed POST /threads/runs, SQLite with synchronous FULL.

The model is a stub in a process of its own that answers at once. It says when it got the request and when it sent the
first token, by the clock that all processes of a machine share; so what is left is ours: from the client's request to
the model's, and from the model's first token to the client's.
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


async def once(client: Client, body: dict[str, object]) -> tuple[float, float]:
    """Milliseconds from the client to the model, and from the model to the client."""
    asked, first, heard = monotonic_ns(), "", 0
    async with client.stream("POST", "/threads/runs", json=body) as lines:
        async for line in lines:
            if not first and '"thread.message.delta"' in line:
                first, heard = line, monotonic_ns()
    told = orjson.loads(first[5:])["delta"]["content"][0]["text"]["value"]
    got, sent = map(int, told.split())
    return (got - asked) / 1e6, (heard - sent) / 1e6


async def measure(address: str) -> list[tuple[float, float]]:
    client = Client(f"{address}/api/v1")
    made = await client.request("POST", "/assistants", json={"model": "m", "instructions": "Be brief."})
    thread = {"messages": [{"role": "user", "content": "hello there"}]}
    body = {"assistant_id": made.json()["id"], "stream": True, "thread": thread}
    found = [await once(client, body) for _ in range(WARM + RUNS)][WARM:]
    await client.close()
    return found


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, model() as upstream, server(folder, upstream) as address:
        pairs = asyncio.run(measure(address))
    there, back = ([pair[nth] for pair in pairs] for nth in (0, 1))
    both = sorted(map(sum, pairs))
    p50, p95 = statistics.median(both), both[int(len(both) * 0.95)]
    print(
        f"first token: {p50:.1f} ms above the model's own at p50, {p95:.1f} at p95; of these "
        f"{statistics.median(there):.1f} to the model, {statistics.median(back):.1f} from it (aim ≤ {AIM:.0f} ms p50)"
    )


if __name__ == "__main__":
    stub() if sys.argv[1:] == ["stub"] else main()
