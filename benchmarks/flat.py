"""CPU per run with 50,000 threads in the database, against an almost empty one; each thread has had a run.

Both servers live at the same time and are measured in turn: what counts is the ratio.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from measuring import PYTHON, paired
from runs import cpu, load

THREADS = 50_000
RUNS, CLIENTS, ROUNDS = 300, 8, 5

COPIES = {  # table: its ids, which are told apart by a number at their end
    "threads": ("id",),
    "messages": ("id", "thread_id", "run_id"),
    "runs": ("id", "thread_id"),
    "steps": ("id", "thread_id", "run_id", "message_id"),
    "events": ("run_id",),
}


@contextmanager
def server(folder: str) -> Iterator[tuple[str, int]]:
    """A server on a data folder: its address and its process."""
    command = [PYTHON, "-m", "orchestrator", "serve", "--port", "0", "--data", folder]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=folder)
    assert process.stderr is not None
    found = re.search(r"http://\S+?:\d+", process.stderr.readline())
    assert found is not None
    try:
        yield found.group(), process.pid
    finally:
        process.terminate()
        process.wait(timeout=20)


def multiply(database: Path, number: int) -> None:
    """Copy all threads with everything in them until there are so many."""
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA synchronous = OFF")
    first = connection.execute("SELECT count(*) FROM threads").fetchone()[0]
    for table, ids in COPIES.items():
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        kept = [name for name in columns if name != "seq" or table == "events"]
        values = [f"{name} || '-' || n" if name in ids else name for name in kept]
        connection.execute(
            f"WITH RECURSIVE copies(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM copies WHERE n < {number // first}) "
            f"INSERT INTO {table} ({', '.join(kept)}) SELECT {', '.join(values)} FROM copies, {table}"
        )
    connection.commit()
    connection.close()


def main(threads: int = THREADS) -> None:
    with tempfile.TemporaryDirectory() as empty, tempfile.TemporaryDirectory() as full:
        with server(full) as (address, _):
            asyncio.run(load(address, 1, 10))
        multiply(Path(full) / "server.db", threads)
        with server(empty) as few, server(full) as many:

            def spent(one: tuple[str, int]) -> float:
                before = cpu(one[1])
                asyncio.run(load(one[0], CLIENTS, RUNS))
                return (cpu(one[1]) - before) / (2 * RUNS)

            much, little, ratio = paired(lambda: spent(many), lambda: spent(few), ROUNDS)
    print(
        f"runs with {threads:,} threads: {ratio:.2f} × the CPU of a run with few "
        f"({much * 1000:.2f} / {little * 1000:.2f} ms; aim ≤ 1.15 ×)"
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
