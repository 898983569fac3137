"""Disks that fill up, databases that others hold, logs that grow: nothing is lost, and all goes on by itself."""

import asyncio
import logging
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Thread
from typing import Protocol

import httpx2
import pytest
from process import Served, assistant, begin, ended, served

from orchestrator.errors import Damaged, StoreError
from orchestrator.server.records import Thread as ThreadRecord
from orchestrator.server.store import rows, sqlite
from orchestrator.server.store.door import Tx
from orchestrator.server.store.sqlite import SqliteStore
from orchestrator.server.telemetry.alarms import WalAlarm


class Disk(Protocol):
    place: Path

    def fill(self, server: Served) -> None: ...
    def free(self, server: Served) -> None: ...


class SmallDisk:
    """A file system of its own with 12 MB."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def fill(self, server: Served) -> None:
        with (self.place / "filler").open("wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(b"x" * 4096)
            except OSError:
                return

    def free(self, server: Served) -> None:
        (self.place / "filler").unlink()


class Limit:
    """Files of the server's process may not grow; the kernel says so as it does of a full disk."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def fill(self, server: Served) -> None:
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))

    def free(self, server: Served) -> None:
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, unlimited)


@contextmanager
def disk(place: Path, *, mounted: bool) -> Iterator[Disk]:
    """A disk that can be filled; where nothing may be mounted, a limit of the process stands for it."""
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=12m,mode=700", "tmpfs", str(place)]
    if not mounted or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        yield Limit(place)
        return
    try:
        yield SmallDisk(place)
    finally:
        subprocess.run(["umount", str(place)], check=True)


def until_refused(http: httpx2.Client, kept: list[str]) -> httpx2.Response:
    """Create threads until one is refused; the ids of those that were not."""
    messages = [{"role": "user", "content": "x" * 8000}]
    for _ in range(5000):
        answer = http.post("/threads", json={"messages": messages})
        if answer.status_code != 200:
            return answer
        kept.append(str(answer.json()["id"]))
    raise AssertionError("the disk does not fill up")


def again(http: httpx2.Client) -> str:
    """Create a thread as soon as that is possible again."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        answer = http.post("/threads", json={})
        if answer.status_code == 200:
            return str(answer.json()["id"])
        time.sleep(0.05)
    raise AssertionError(answer.text)


@pytest.mark.parametrize("mounted", [True, False], ids=["a small disk", "a limit"])
def test_a_full_disk_refuses_what_is_new_and_goes_on_by_itself(tmp_path: Path, mounted: bool) -> None:
    kept: list[str] = []
    with disk(tmp_path / "disk", mounted=mounted) as small, served(small.place) as server:
        with server.client() as http, server.client("/v1") as other, server.client("") as root:
            slow = begin(http, assistant(http), "/slow 0.8 the end")
            ended(http, slow, "in_progress")
            small.fill(server)
            refused = until_refused(http, kept)
            assert (refused.status_code, refused.json()["code"]) in REFUSALS
            assert "disk" in refused.json()["message"] or "database" in refused.json()["message"]
            assert int(refused.headers["retry-after"]) > 0
            refused = other.post("/threads", json={"messages": [{"role": "user", "content": "x" * 8000}] * 4})
            assert refused.status_code in (503, 507)
            assert refused.json()["error"]["type"] == "server_error"
            unready = root.get("/readyz")
            assert (unready.status_code, "disk" in unready.text) == (503, True)
            if isinstance(small, SmallDisk):
                upload = other.post("/files", files={"file": ("a", b"x" * 2**20)}, data={"purpose": "assistants"})
                assert upload.status_code == 507
            for thread in kept[-3:]:
                assert http.get(f"/threads/{thread}/messages").json()["data"]
            assert root.get("/metrics").status_code == root.get("/healthz").status_code == 200
            time.sleep(1)  # the slow run cannot end meanwhile
            small.free(server)
            kept.append(again(http))
            assert root.get("/readyz").status_code in (200, 503)  # a finding holds for a second
            assert ended(http, slow)["status"] == "completed"
            texts = http.get(f"/threads/{slow['thread_id']}/messages").json()["data"]
            assert [t["content"][0]["text"]["value"] for t in texts] == ["[offline model] the end", "/slow 0.8 the end"]
            assert [http.get(f"/threads/{thread}").status_code for thread in kept] == [200] * len(kept)
        assert server.stop() == 0
        assert server.log.count("the disk") + server.log.count("database") <= 6  # not a line for each request
        with closing(sqlite3.connect(small.place / "data" / "server.db")) as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


MIB = 1024 * 1024
REFUSALS = {(507, "InsufficientStorage"), (503, "ServiceUnavailable")}

HOLD_UP = """
import sqlite3, sys, threading, time

def connect():
    return sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)

def read():
    database = connect()
    while True:
        database.execute("BEGIN")
        database.execute("SELECT COUNT(*) FROM messages").fetchone()
        time.sleep(0.15)
        database.execute("COMMIT")

def fold():
    database = connect()
    while True:
        for kind in ("TRUNCATE", "RESTART", "FULL"):
            database.execute(f"PRAGMA wal_checkpoint({kind})")

def write():
    database = connect()
    while True:
        database.execute("BEGIN IMMEDIATE")
        time.sleep(0.05)
        database.execute("ROLLBACK")
        time.sleep(0.02)

for work in (read, fold, write):
    threading.Thread(target=work, daemon=True).start()
print("here", flush=True)
sys.stdin.read()
"""


def post_messages(url: str, number: int, statuses: list[int]) -> None:
    with httpx2.Client(base_url=f"{url}/api/v1", trust_env=False, timeout=60) as http:
        made = http.post("/threads", json={})
        thread = made.json()["id"]
        statuses.append(made.status_code)
        for nth in range(number):
            body = {"role": "user", "content": f"text {nth}"}
            statuses.append(http.post(f"/threads/{thread}/messages", json=body).status_code)
            statuses.append(http.get(f"/threads/{thread}/messages").status_code)


def test_others_who_read_fold_and_lock_the_database_cost_no_client_an_answer(tmp_path: Path) -> None:
    statuses: list[int] = []
    with served(tmp_path) as server:
        command = [sys.executable, "-c", HOLD_UP, str(tmp_path / "data" / "server.db")]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as nuisance:
            assert nuisance.stdout is not None
            assert nuisance.stdout.readline() == b"here\n"
            clients = [Thread(target=post_messages, args=(server.url, 3, statuses)) for _ in range(8)]
            for client in clients:
                client.start()
            for client in clients:
                client.join()
            nuisance.kill()
        assert server.stop(signal.SIGTERM) == 0
        assert "locked" not in server.log
    assert statuses == [200] * 8 * 7


def large(name: str) -> ThreadRecord:
    return ThreadRecord(id=name, workspace="w", created_at=1, metadata={"a": "x" * 1_000_000})


async def test_a_reader_without_end_lets_the_log_grow_and_the_operator_hears_of_it(
    store: SqliteStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    alarm = WalAlarm(store.sizes, limit=4_000_000)
    with closing(sqlite3.connect(tmp_path / "data" / "server.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT COUNT(*) FROM threads").fetchone()
        for number in range(20):
            await store.write(lambda tx, number=number: rows.insert(tx, "threads", large(f"t{number}")))
            alarm.look()
        grown = store.sizes()[1]
        reader.execute("COMMIT")
    assert grown > sqlite.WAL_KEPT
    for number in range(3):  # the first folds the log into the file, the next begins it anew
        await store.write(lambda tx, number=number: rows.insert(tx, "threads", large(f"u{number}")))
    assert store.sizes()[1] <= sqlite.WAL_KEPT
    told = [record.getMessage() for record in caplog.records if record.name.endswith("alarms")]
    assert len(told) == 3  # at 4, 8 and 16 MB
    assert all("reads the database without end" in line for line in told)


def test_the_alarm_is_raised_seldom_and_taken_back(caplog: pytest.LogCaptureFixture) -> None:
    sizes = [0, 255, 256, 300, 511, 600, 600, 10, 10, 257]
    coming = iter(sizes)
    alarm = WalAlarm(lambda: (0, next(coming) * MIB))
    for _ in sizes:
        alarm.look()
    told = [(record.levelno, record.getMessage().split(":")[0]) for record in caplog.records]
    assert told == [
        (logging.WARNING, "the database's log has 268 MB"),
        (logging.WARNING, "the database's log has 629 MB"),
        (logging.WARNING, "the database's log has 10 MB again"),
        (logging.WARNING, "the database's log has 269 MB"),
    ]


async def test_a_read_without_end_is_given_up(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "LONG_SECONDS", 0.05)
    endless = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT max(i) AS i FROM n"
    with pytest.raises(StoreError, match="given up"):
        await store.read(lambda tx: tx.rows(endless))


async def test_whoever_finds_the_database_damaged_stops_all_writing(store: SqliteStore, tmp_path: Path) -> None:
    def add(number: int) -> object:
        return lambda tx: rows.insert(tx, "threads", large(f"t{number}"))

    for number in range(3):
        await store.write(add(number))  # type: ignore[arg-type]
    await store.close()
    path = tmp_path / "data" / "server.db"
    store = await SqliteStore.open(path)
    content = path.read_bytes()
    page = content.index(b"xxxxxxxx") // 4096
    with path.open("r+b") as file:
        file.seek(page * 4096)
        file.write(b"\xa5" * 4096)
        os.fsync(file.fileno())

    def read_all(tx: Tx) -> object:
        return tx.rows("SELECT id, metadata FROM threads")

    with pytest.raises(Damaged):
        await store.read(read_all)
    spoiled = path.read_bytes()
    with pytest.raises(Damaged):
        await store.write(add(9))  # type: ignore[arg-type]
    with pytest.raises(Damaged):
        await store.probe()
    assert path.read_bytes() == spoiled
    await asyncio.wait_for(store.close(), 10)
