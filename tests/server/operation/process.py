"""A real server in a process of its own, as an operator runs it: its address, its log, its end."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

PROGRAM = str(Path(sys.executable).with_name("orchestrator"))
ROOT = Path(__file__).parents[3]
ECHO = {"type": "function", "function": {"name": "lookup", "parameters": {"type": "object"}}}


def environment(**more: str) -> dict[str, str]:
    """This process's environment without what would configure the program."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("ORCHESTRATOR_", "OTEL_"))}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore", **more}


@dataclass
class Served:
    process: subprocess.Popen[bytes]
    url: str
    err: Path

    @property
    def log(self) -> str:
        return self.err.read_text()

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The log's records, when it is JSON."""
        return [json.loads(line) for line in self.log.splitlines() if line.startswith("{")]

    def client(self, base: str = "/api/v1", **more: Any) -> httpx2.Client:
        return httpx2.Client(base_url=self.url + base, trust_env=False, timeout=30, **more)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=30)


@contextmanager
def served(
    place: Path, *options: str, command: str = "serve", env: Mapping[str, str] | None = None, data: str = "data"
) -> Iterator[Served]:
    """Serve on a free port, from a folder that is made; the process ends with the block in any case."""
    place.mkdir(parents=True, exist_ok=True)
    err = place / f"err-{time.monotonic_ns()}"
    arguments = [PROGRAM, command, "-C", str(place), "--port", "0", "--data", data, *options]
    with err.open("wb") as file:
        process = subprocess.Popen(
            arguments, stderr=file, stdout=subprocess.DEVNULL, env=environment(**(env or {})), cwd=place
        )
    try:
        yield Served(process, address(process, err), err)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(timeout=30)


def address(process: "subprocess.Popen[bytes]", err: Path) -> str:
    """Where it says that it serves."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        found = re.search(r"Serving .* on (http://\S+?:\d+)", err.read_text())
        if found:
            return found.group(1)
        assert process.poll() is None, err.read_text()
        time.sleep(0.02)
    raise AssertionError(f"no server came up: {err.read_text()}")


def run(place: Path, *arguments: str, env: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    """Carry out a command to its end."""
    return subprocess.run(
        [PROGRAM, *arguments],
        cwd=place,
        env=environment(**(env or {})),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def assistant(http: httpx2.Client, tools: Sequence[Mapping[str, Any]] = (), **more: Any) -> str:
    made = http.post("/assistants", json={"model": "m", "tools": list(tools), **more})
    assert made.status_code == 200, made.text
    return str(made.json()["id"])


def begin(http: httpx2.Client, assistant_id: str, text: str, **more: Any) -> dict[str, Any]:
    """A run on a new thread."""
    thread = {"messages": [{"role": "user", "content": text}]}
    made = http.post("/threads/runs", json={"assistant_id": assistant_id, "thread": thread, **more})
    assert made.status_code == 200, made.text
    return dict(made.json())


def ended(http: httpx2.Client, run: Mapping[str, Any], *statuses: str) -> dict[str, Any]:
    """Wait until the run has one of the statuses (default: until it is over)."""
    wanted = statuses or ("completed", "failed", "cancelled", "expired", "incomplete")
    end = time.monotonic() + 30
    while time.monotonic() < end:
        found = dict(http.get(f"/threads/{run['thread_id']}/runs/{run['id']}").json())
        if found["status"] in wanted:
            return found
        time.sleep(0.02)
    raise AssertionError(f"the run is {found['status']}")
