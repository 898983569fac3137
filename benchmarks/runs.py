"""Runs per second and the server's CPU per run, on SQLite with synchronous FULL: one client, and 32 at once.

A run is one streamed POST /threads/runs (thread, message, run, all events) answered by the offline model's echo.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import tempfile
from pathlib import Path
from time import perf_counter

from measuring import PYTHON

from orchestrator.transport import Client

TICKS = os.sysconf("SC_CLK_TCK")

AIMS = {1: 150, 32: 300}  # runs a second by clients


def cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


async def load(address: str, clients: int, number: int) -> float:
    client = Client(f"{address}/api/v1", connections=clients)
    made = await client.request("POST", "/assistants", json={"model": "m", "instructions": "Be brief."})
    body = {
        "assistant_id": made.json()["id"],
        "stream": True,
        "thread": {"messages": [{"role": "user", "content": "hello there"}]},
    }
    left = iter(range(number))

    async def one() -> None:
        for _ in left:
            answer = await client.request("POST", "/threads/runs", json=body)
            assert b"event:thread.run.completed" in answer.body

    await asyncio.gather(*(one() for _ in range(clients)))
    start = perf_counter()
    left = iter(range(number))
    await asyncio.gather(*(one() for _ in range(clients)))
    spent = perf_counter() - start
    await client.close()
    return spent


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(
            [PYTHON, "-m", "orchestrator", "serve", "--port", "0", "--data", f"{folder}/data"],
            stderr=subprocess.PIPE,
            text=True,
            cwd=folder,
        )
        assert server.stderr is not None
        found = re.search(r"http://\S+?:\d+", server.stderr.readline())
        assert found is not None
        try:
            for clients, number in ((1, 600), (32, 1500)):
                before = cpu(server.pid)
                spent = asyncio.run(load(found.group(), clients, number))
                each = (cpu(server.pid) - before) / (2 * number)
                print(
                    f"runs, {clients} client{'s' if clients > 1 else ''}: {number / spent:.0f} runs/s, "
                    f"{each * 1000:.1f} ms server CPU a run (aim ≥ {AIMS[clients]}, ≤ 4 ms)"
                )
        finally:
            server.terminate()
            server.wait(timeout=20)


if __name__ == "__main__":
    main()
