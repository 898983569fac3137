"""What a server costs before anybody comes: time from its start to a healthy answer, and memory; new data and old."""

from __future__ import annotations

import http.client
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from measuring import PYTHON

ROUNDS = 7


def kib(pid: int, field: str) -> int:
    """A line of the process's status, in KiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(f"{field}:")).split()[1])


def cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def healthy(port: int) -> bool:
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def once(folder: str, port: int) -> tuple[float, float, float]:
    """Seconds until it is healthy, seconds of CPU until then, MiB resident."""
    begun = time.perf_counter()
    command = [PYTHON, "-m", "orchestrator", "serve", "--port", str(port), "--data", f"{folder}/data"]
    server = subprocess.Popen(command, cwd=folder, stderr=subprocess.DEVNULL)
    try:
        while not healthy(port):
            time.sleep(0.005)
        spent = time.perf_counter() - begun
        return spent, cpu(server.pid), kib(server.pid, "VmRSS") / 1024
    finally:
        server.terminate()
        server.wait(timeout=20)


def main() -> None:
    for what in ("new", "old"):
        with tempfile.TemporaryDirectory() as folder:
            found: list[tuple[float, float, float]] = []
            for number in range(ROUNDS + 1):
                place = folder if what == "old" else f"{folder}/{number}"
                Path(place).mkdir(exist_ok=True)
                found.append(once(place, 18790 + number))
        spent, used, memory = (statistics.median(column) for column in zip(*found[1:], strict=True))
        print(
            f"serve, {what} data: healthy after {spent * 1000:.0f} ms ({used * 1000:.0f} ms CPU), "
            f"{memory:.0f} MiB resident (aim ≤ 1,000 ms, ≤ 100 MB)"
        )


if __name__ == "__main__":
    main()
