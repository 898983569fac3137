"""Power cuts, in the model of a disk that keeps what was synced and loses or tears what came after (E3)."""

import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from orchestrator.server.records import Thread
from orchestrator.server.store import rows
from orchestrator.server.store.door import Tx
from orchestrator.server.store.sqlite import SqliteStore

FILE, LOG = "server.db", "server.db-wal"
BLOCK = 512  # bytes that a disk writes at once
TORN: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda lost: b"",
    "zeros": lambda lost: b"\0" * len(lost),
    "noise": lambda lost: random.Random(1).randbytes(len(lost)),
}


def add(number: int) -> Callable[[Tx], None]:
    """A unit of several rows, so that it fills more than one page now and then."""

    def unit(tx: Tx) -> None:
        for part in range(3):
            metadata = {"number": str(number), "text": "x" * (number * 37 % 900)}
            rows.insert(tx, "threads", Thread(id=f"{number}-{part}", workspace="w", created_at=1, metadata=metadata))

    return unit


def found(folder: Path) -> list[int]:
    """The numbers of the units that a database holds, each whole; it must be sound."""
    with closing(sqlite3.connect(folder / FILE)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'threads'").fetchone():
            return []  # not even the tables were on disk
        ids = [row[0] for row in database.execute("SELECT id FROM threads ORDER BY seq")]
    numbers = [int(name.partition("-")[0]) for name in ids]
    assert all(numbers.count(number) == 3 for number in numbers)
    return list(dict.fromkeys(numbers))


@pytest.mark.parametrize("torn", TORN.values(), ids=TORN)
async def test_a_log_torn_at_any_block_holds_all_that_was_acknowledged(
    tmp_path: Path, torn: Callable[[bytes], bytes]
) -> None:
    store = await SqliteStore.open(tmp_path / "data" / FILE)
    log = tmp_path / "data" / LOG
    synced = [0]  # bytes of the log after each write that was acknowledged
    for number in range(1, 21):
        await store.write(add(number))
        synced.append(log.stat().st_size)
    kept, whole = (tmp_path / "data" / FILE).read_bytes(), log.read_bytes()
    await store.close()
    assert synced == sorted(set(synced)), "a checkpoint came in between"
    after = tmp_path / "after"
    after.mkdir()
    blocks = range(0, len(whole) + 1, BLOCK)
    for end in blocks if torn is TORN["cut"] else random.Random(3).sample(blocks, 60):
        (after / FILE).write_bytes(kept)
        (after / LOG).write_bytes(whole[:end] + torn(whole[end:]))
        acknowledged = sum(size <= end for size in synced[1:])
        numbers = found(after)
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) >= acknowledged, f"at {end}: {acknowledged} were acknowledged, {len(numbers)} are there"


async def test_a_copy_at_any_moment_holds_all_that_was_acknowledged(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "data" / FILE)
    await store.write(lambda tx: tx.rows("PRAGMA wal_autocheckpoint = 5"))  # the log is folded in again and again
    dice, copies = random.Random(2), list[tuple[int, Path]]()

    def copy(acknowledged: int) -> None:
        place = tmp_path / f"copy-{len(copies)}"
        copies.append((acknowledged, Path(shutil.copytree(tmp_path / "data", place))))

    for number in range(1, 81):

        def unit(tx: Tx, number: int = number) -> None:
            add(number)(tx)
            if dice.random() < 0.3:
                copy(number - 1)  # in the middle of a transaction

        await store.write(unit)
        if dice.random() < 0.3:
            copy(number)
    await store.close()
    assert len(copies) > 20
    assert len({(folder / FILE).stat().st_size for _, folder in copies}) > 5, "the log was not folded in"
    for acknowledged, folder in copies:
        numbers = found(folder)
        assert numbers == list(range(1, len(numbers) + 1))
        assert acknowledged <= len(numbers) <= acknowledged + 1
        reopened = await SqliteStore.open(folder / FILE)
        await reopened.write(add(1_000))
        await reopened.close()
