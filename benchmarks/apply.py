"""Creating 200 assistants at 20 ms latency, 16 in flight, against the limit that latency alone sets."""

from __future__ import annotations

import asyncio
import math
import socket
import statistics
import subprocess
import sys
from dataclasses import dataclass
from itertools import count
from time import perf_counter

import httpx2
import orjson
import uvicorn
from measuring import PYTHON

from orchestrator.diagnostics import Span
from orchestrator.reconcile.desired import Desired
from orchestrator.reconcile.plans import plan
from orchestrator.reconcile.results import Pace, apply
from orchestrator.targets import open_target

NUMBER, LATENCY, FLIGHT = 200, 0.020, 16


def stub() -> None:
    """A target that takes 20 ms for everything; prints its port and ends with its standard input."""
    made = count(1)

    async def app(scope, receive, send) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        await asyncio.sleep(LATENCY)
        answer = {"object": "list", "data": [], "has_more": False, "request_id": "r"}
        if scope["method"] == "POST":
            answer = {**orjson.loads(body), "id": f"asst_{next(made)}", "object": "assistant", "created_at": 1}
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": orjson.dumps(answer)})

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


@dataclass(frozen=True)
class At:
    span: Span


async def once(port: int) -> float:
    body = {"model": "qwen-plus", "instructions": "You answer questions. " * 55}
    wanted = [
        Desired(name=f"a{i}", body={**body, "name": f"a{i}"}, source=At(Span(file="a.yaml"))) for i in range(NUMBER)
    ]
    target = open_target("dashscope", f"http://127.0.0.1:{port}/api/v1", concurrency=FLIGHT)
    planned = plan(wanted, await target.observe(), owner="bench/far", prune=False)
    start = perf_counter()
    results = await apply(planned, target, new_attempt=lambda: "a", pace=Pace(concurrency=FLIGHT))
    spent = perf_counter() - start
    assert all(result.done for result in results), results[0].error
    await target.close()
    return spent


async def bare(port: int) -> float:
    """The same requests by the HTTP client alone: what no code of ours can beat."""
    body = orjson.dumps({"model": "qwen-plus", "instructions": "You answer questions. " * 55})
    left = iter(range(NUMBER))
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        await client.get("/assistants")

        async def work() -> None:
            for _ in left:
                (await client.post("/assistants", content=body)).json()

        start = perf_counter()
        await asyncio.gather(*(work() for _ in range(FLIGHT)))
        return perf_counter() - start


def main() -> None:
    child = subprocess.Popen([PYTHON, __file__, "stub"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        port = int(child.stdout.readline())
        pairs = [(asyncio.run(once(port)), asyncio.run(bare(port))) for _ in range(10)][1:]
    finally:
        child.stdin.close()
        child.wait(timeout=10)
    limit = math.ceil(NUMBER / FLIGHT) * LATENCY
    spent, alone = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(
        f"apply of {NUMBER} at {LATENCY * 1000:.0f} ms, {FLIGHT} in flight: {spent / limit:.2f} × the limit "
        f"({spent * 1000:.0f} / {limit * 1000:.0f} ms; httpx2 alone {alone / limit:.2f} ×; aim ≤ 1.4 ×)"
    )


if __name__ == "__main__":
    stub() if sys.argv[1:] == ["stub"] else main()
