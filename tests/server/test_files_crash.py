"""E8: a server that is killed while it takes a file leaves a whole file, or none, and nothing that stays for ever."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from orchestrator.server.ids import system_clock
from orchestrator.server.service.files import Files, Rules, Wanted
from orchestrator.server.store.blobs import Blobs
from orchestrator.server.store.sqlite import SqliteStore

# takes a file and kills itself: while it arrives, when its content has its name and no row, or when all is done
PROGRAM = """
import asyncio, os, signal, sys
from pathlib import Path
from orchestrator.server.ids import system_clock
from orchestrator.server.service.files import Files, NewFile, Rules
from orchestrator.server.store.blobs import Blobs
from orchestrator.server.store.sqlite import SqliteStore

data, moment = Path(sys.argv[1]), sys.argv[2]

def die(unit=None):
    os.kill(os.getpid(), signal.SIGKILL)

async def main():
    store = await SqliteStore.open(data / "server.db")
    files = Files(store, Blobs(data / "files"), system_clock, Rules())
    async with files.receiving("ws") as tray:
        file = await tray.begin("a.txt")
        await file.add(b"x" * 300_000)
        if moment == "arriving":
            die()
        if moment == "without a row":
            store.write = die
        await files.keep("ws", [NewFile(arrived=file, purpose="assistants")])
        die()

asyncio.run(main())
"""


def blobs(data: Path) -> list[Path]:
    return [path for path in (data / "files").rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("moment", "left", "rows"), [("arriving", 0, 0), ("without a row", 1, 0), ("after the row", 1, 1)]
)
async def test_a_kill_between_content_and_row(tmp_path: Path, moment: str, left: int, rows: int) -> None:
    killed = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", PROGRAM, str(tmp_path), moment], timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert len(blobs(tmp_path)) == 1
    store = await SqliteStore.open(tmp_path / "server.db")
    try:
        files = Files(store, Blobs(tmp_path / "files"), system_clock, Rules())
        async with files.tidied():
            found = (await files.list("ws", Wanted())).files
            assert (len(blobs(tmp_path)), len(found)) == (left, rows)
            assert [file.size for file in found] == [300_000] * rows
            for blob in blobs(tmp_path):
                os.utime(blob, (time.time() - 25 * 3600,) * 2)
            await files.sweep()
            assert [blob.name for blob in blobs(tmp_path)] == [file.id for file in found]
            assert [blob.stat().st_size for blob in blobs(tmp_path)] == [300_000] * rows
    finally:
        await store.close()
