"""The server as its operator has it: `orchestrator serve` or `up`, a process of its own, started in a folder."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SERVE = ("serve", "--workspace-rate", "100000/s")  # for tests that ask as fast as they can
_ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")
_TRACE = re.compile(r'Traceback \(most recent call last\)|^  File "', re.MULTILINE)


class Program:
    """A process that serves, started anew after each death; what it says is kept in a file of the folder."""

    def __init__(self, folder: Path, *command: str) -> None:
        self._command = [sys.executable, "-m", "orchestrator", *command, "--port", "0", "--data", "data"]
        self._folder = folder
        self._file = folder / "said"
        self._file.touch()
        self.start()

    def start(self) -> None:
        """Start, and wait until it tells where it listens."""
        before = len(self.said)
        with self._file.open("ab") as said:
            self._process = subprocess.Popen(
                self._command, cwd=self._folder, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + 30
        while not (found := _ADDRESS.search(self.said, before)):
            assert self._process.poll() is None, f"the server ended: {self.said[before:]}"
            assert time.monotonic() < deadline, f"the server does not come up: {self.said[before:]}"
            time.sleep(0.02)
        self.url = found.group()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def said(self) -> str:
        """All that it said, in all its lives."""
        return self._file.read_text(errors="replace")

    @property
    def traces(self) -> list[str]:
        """Lines of what it said that tell of an exception which nobody caught."""
        return traces(self.said)

    @property
    def peak(self) -> int:
        """The most memory that it took, in bytes."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024  # type: ignore[index]

    def kill(self) -> None:
        """As a power cut does it."""
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait(timeout=20)

    def stop(self) -> int:
        """As an operator does it; the exit code."""
        self._process.terminate()
        return self._process.wait(timeout=30)


def traces(said: str) -> list[str]:
    """Where a log tells of an exception, with its words or without."""
    return [said[at.start() : at.start() + 2000] for at in _TRACE.finditer(said)]


@contextmanager
def program(folder: Path, *command: str) -> Iterator[Program]:
    """A server for as long as the block lasts."""
    running = Program(folder, *command)
    try:
        yield running
    finally:
        if running.stop() != 0:
            raise AssertionError(f"the server ended badly: {running.said[-3000:]}")


def new_key(folder: Path) -> str:
    """A key that may ask as often as it likes."""
    command = [sys.executable, "-m", "orchestrator", "key", "create", "--data", "data", "--rate", "10000/s"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, timeout=60).stdout.strip()
