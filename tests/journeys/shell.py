"""The program as a person uses it: real processes, real ports of this machine, the examples of this repository."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

ROOT = Path(__file__).parents[2]
_KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV")


def environ(**more: str) -> dict[str, str]:
    return {name: os.environ[name] for name in _KEPT if name in os.environ} | more


def copy_examples(folder: Path) -> Path:
    for name in ("assistants.d", "plugins", "models"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def orchestrator(*arguments: str, cwd: Path, stdin: str | None = None, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "orchestrator", *arguments],
        cwd=cwd,
        env=environ(**more),
        input=stdin if stdin is not None else "",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


class Running:
    """A server process; `address` as it printed it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._queue: Queue[str | None] = Queue()
        Thread(target=self._read, daemon=True).start()
        self.address = self._wait_for(r"(http://[\d.]+:\d+)/api/v1, data in")

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._queue.put(line)
        self._queue.put(None)

    def _wait_for(self, pattern: str) -> str:
        while True:
            try:
                line = self._queue.get(timeout=30)
            except Empty:
                raise AssertionError(f"the server says nothing more: {self.lines}") from None
            assert line is not None, f"the server ended: {self.lines}"
            self.lines.append(line)
            if found := re.search(pattern, line):
                return found.group(1)

    def rest(self) -> list[str]:
        """What it said after its address, once it has ended."""
        return list(iter(lambda: self._queue.get(timeout=30), None))

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=20)


@contextmanager
def running(*arguments: str, cwd: Path, **more: str) -> Iterator[Running]:
    process = subprocess.Popen(
        [sys.executable, "-m", "orchestrator", *arguments],
        cwd=cwd,
        env=environ(**more),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        server = Running(process)
        yield server
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(timeout=20)
        if process.stdout is not None:
            process.stdout.close()
