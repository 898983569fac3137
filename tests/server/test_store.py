"""The SQLite engine: what was acknowledged is kept, what failed is gone, and the rest goes on."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.errors import StoreError
from orchestrator.server.records import Thread
from orchestrator.server.store import folder, rows
from orchestrator.server.store.door import Tx
from orchestrator.server.store.sqlite import SqliteStore


def add(name: str) -> Callable[[Tx], str]:
    def unit(tx: Tx) -> str:
        rows.insert(tx, "threads", Thread(id=name, workspace="w", created_at=1))
        return name

    return unit


def names(tx: Tx) -> set[str]:
    return {row["id"] for row in tx.rows("SELECT id FROM threads")}


async def in_one_batch(store: SqliteStore, *units: Callable[[Tx], object]) -> list[object]:
    """Hold the writer up until all units have queued; their results, exceptions included."""
    begun, release = threading.Event(), threading.Event()

    def hold_up(tx: Tx) -> None:
        begun.set()
        release.wait(10)

    first = asyncio.ensure_future(store.write(hold_up))
    await asyncio.to_thread(begun.wait, 10)
    rest = [asyncio.ensure_future(store.write(unit)) for unit in units]
    await asyncio.sleep(0)
    release.set()
    await first
    return await asyncio.gather(*rest, return_exceptions=True)


async def test_what_is_written_survives_closing(tmp_path: Path) -> None:
    path = tmp_path / "server.db"
    store = await SqliteStore.open(path)
    await store.write(add("a"))
    await store.close()
    store = await SqliteStore.open(path)
    assert await store.read(names) == {"a"}
    await store.close()


async def test_what_has_queued_up_is_committed_together(store: SqliteStore) -> None:
    statements: list[str] = []
    store._writer._connection.set_trace_callback(statements.append)
    results = await in_one_batch(store, *(add(f"t{n}") for n in range(100)))
    assert results == [f"t{n}" for n in range(100)]
    assert statements.count("COMMIT") == 2  # the one that held the writer up, and the rest


async def test_a_unit_that_raises_is_undone_alone(store: SqliteStore) -> None:
    def half(tx: Tx) -> None:
        add("half")(tx)
        raise LookupError("changed my mind")

    left, error, twice, right = await in_one_batch(store, add("left"), half, add("left"), add("right"))
    assert (left, right) == ("left", "right")
    assert isinstance(error, LookupError)
    assert isinstance(twice, StoreError)
    assert await store.read(names) == {"left", "right"}


async def test_even_stop_iteration_reaches_the_caller(store: SqliteStore) -> None:
    with pytest.raises(RuntimeError, match="StopIteration"):
        await store.write(lambda tx: next(iter(tx.rows("SELECT 1 WHERE 0"))))


async def test_when_a_commit_fails_all_of_the_batch_learn_of_it(store: SqliteStore) -> None:
    def owes(tx: Tx) -> None:
        tx.rows("PRAGMA defer_foreign_keys = ON")
        tx.change(
            "INSERT INTO messages (id, workspace, thread_id, created_at, role, content, file_ids, metadata, status)"
            " VALUES ('m', 'w', 'nowhere', 1, 'user', '[]', '[]', '{}', '')"
        )

    results = await in_one_batch(store, add("left"), owes, add("right"))
    assert [type(result) for result in results] == [StoreError] * 3
    await store.write(add("later"))
    assert await store.read(names) == {"later"}


async def test_a_full_database_says_so_and_recovers(store: SqliteStore) -> None:
    def limit(pages: int) -> Callable[[Tx], object]:
        return lambda tx: tx.rows(f"PRAGMA max_page_count = {pages}")

    def big(tx: Tx) -> None:
        rows.insert(tx, "threads", Thread(id="big", workspace="w", created_at=1, metadata={"a": "x" * 2_000_000}))

    await store.write(limit(100))
    _, full, _ = await in_one_batch(store, add("before"), big, add("after"))
    assert isinstance(full, StoreError)
    assert "the disk is full" in str(full)
    await store.write(limit(1_000_000))
    await store.write(big)
    assert "big" in await store.read(names)


DISK_FULL = """
import asyncio, resource, sys
from pathlib import Path
from orchestrator.errors import StoreError
from orchestrator.server.store.sqlite import SqliteStore
from tests.server.test_store import add, names

async def main():
    store = await SqliteStore.open(Path(sys.argv[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
    kept, refused = set(), []
    async def one(n):
        try:
            kept.add(await store.write(add(f"t{n}")))
        except StoreError as error:
            refused.append(str(error))
    for start in range(0, 400, 4):
        await asyncio.gather(*(one(n) for n in range(start, start + 4)))
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    kept.add(await store.write(add("last")))
    assert refused and await store.read(names) == kept, (len(kept), refused[:1])
    print(len(kept), refused[0])
    await store.close()

asyncio.run(main())
"""


def run_python(script: str, *arguments: str) -> "subprocess.Popen[str]":
    root = Path(__file__).parents[2]
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_disk_that_fills_up_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    with run_python(DISK_FULL, str(tmp_path / "server.db")) as child:
        out, err = child.communicate(timeout=60)
    assert child.returncode == 0, err
    assert "disk" in out


KILLED = """
import asyncio, sys
from pathlib import Path
from orchestrator.server.store.sqlite import SqliteStore
from tests.server.test_store import add

async def main():
    store = await SqliteStore.open(Path(sys.argv[1]))
    async def client(k):
        for n in range(1_000_000):
            print(await store.write(add(f"t{k}-{n}")), flush=True)
    await asyncio.gather(*(client(k) for k in range(16)))

asyncio.run(main())
"""


async def test_after_a_kill_every_acknowledged_row_is_there(tmp_path: Path) -> None:
    path = tmp_path / "server.db"
    with run_python(KILLED, str(path)) as child:
        assert child.stdout is not None
        acknowledged = {child.stdout.readline().strip() for _ in range(500)}
        child.send_signal(signal.SIGKILL)
        complete = [line for line in child.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
        acknowledged |= {line.strip() for line in complete}
    store = await SqliteStore.open(path)
    assert acknowledged <= await store.read(names)
    await store.close()


async def test_a_caller_who_leaves_does_not_disturb_the_others(store: SqliteStore) -> None:
    leaving = asyncio.ensure_future(store.write(add("leaving")))
    staying = asyncio.ensure_future(store.write(add("staying")))
    await asyncio.sleep(0)
    leaving.cancel()
    assert await staying == "staying"
    assert leaving.cancelled()


async def test_a_busy_loop_does_not_starve_the_writer(store: SqliteStore) -> None:
    """Left to Python's global lock alone each of these writes may take a second and more."""
    done = False

    async def busy() -> None:
        while not done:
            end = time.perf_counter() + 0.0002
            while time.perf_counter() < end:
                pass
            await asyncio.sleep(0)

    working = asyncio.ensure_future(busy())
    async with asyncio.timeout(10):
        for number in range(30):
            await store.write(add(f"t{number}"))
    done = True
    await working


async def test_closing_finishes_what_is_queued_then_refuses(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "server.db")
    queued = [asyncio.ensure_future(store.write(add(f"t{n}"))) for n in range(50)]
    await asyncio.sleep(0)
    await store.close()
    await store.close()
    assert len(await asyncio.gather(*queued)) == 50
    for work in (store.write(add("late")), store.read(names)):
        with pytest.raises(StoreError, match="closed"):
            await work


async def test_a_read_cannot_change_anything(store: SqliteStore) -> None:
    with pytest.raises(StoreError, match="read-only"):
        await store.read(add("a"))
    assert await store.read(names) == set()


async def test_a_read_sees_one_snapshot(store: SqliteStore) -> None:
    """The look begins before a write and ends after it."""
    looked, written = threading.Event(), threading.Event()

    def unit(tx: Tx) -> tuple[set[str], set[str]]:
        before = names(tx)
        looked.set()
        written.wait(10)
        return before, names(tx)

    reading = asyncio.ensure_future(asyncio.to_thread(lambda: asyncio.run(store.read(unit))))
    await asyncio.to_thread(looked.wait, 10)
    await store.write(add("a"))
    written.set()
    assert await reading == (set(), set())
    assert await store.read(names) == {"a"}


async def test_only_a_long_read_leaves_the_calling_thread(store: SqliteStore) -> None:
    def counting(to: int) -> Callable[[Tx], tuple[int, bool]]:
        sql = (
            "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < :to) SELECT max(i) AS i FROM n"
        )
        here = threading.get_ident()
        return lambda tx: (tx.rows(sql, {"to": to})[0]["i"], threading.get_ident() == here)

    assert await store.read(counting(10)) == (10, True)
    assert await store.read(counting(1_000_000)) == (1_000_000, False)
    assert await store.read(counting(10)) == (10, True)


async def test_many_reads_do_not_wear_a_statement_out(store: SqliteStore) -> None:
    """SQLite counts steps per statement, not per execution."""
    for _ in range(3_000):
        assert await store.read(names) == set()


async def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "server.db"
    path.write_text("not a database, " * 100)
    with pytest.raises(StoreError, match=r"server\.db: the file is not a database"):
        await SqliteStore.open(path)


async def test_a_folder_has_one_server(store: SqliteStore, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=f"process {os.getpid()}"):
        await SqliteStore.open(tmp_path / "data" / "other.db")


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    script = "import sys,time,pathlib; from orchestrator.server.store.folder import hold; "
    script += "held = hold(pathlib.Path(sys.argv[1])); print('held', flush=True); time.sleep(60)"
    with run_python(script, str(tmp_path)) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        with pytest.raises(StoreError, match=f"process {child.pid}"):
            folder.hold(tmp_path)
        child.kill()
    folder.hold(tmp_path).release()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be used"):
        folder.hold(tmp_path / "file")
