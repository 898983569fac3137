"""Servers killed by SIGKILL at every step of a run: it ends, and no function is called again that must not be."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from runs_kit import W, house

from orchestrator.server.records import Page


class Killer:
    """Starts servers that die; see `killing.py`."""

    def __init__(self) -> None:
        command = [sys.executable, str(Path(__file__).parent / "killing.py")]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def serve(self, folder: Path, point: int = 0, run: tuple[str, str] | None = None, *, poison: bool = False) -> bool:
        """Serve a run, a new one or that one; whether the server was killed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        job = {"folder": str(folder), "point": point, "run": run, "poison": poison}
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        status = int(self._process.stdout.readline())
        assert status in (0, signal.SIGKILL)
        return status == signal.SIGKILL

    def close(self) -> None:
        self._process.communicate()


@pytest.fixture(scope="module")
def killer() -> Iterator[Killer]:
    started = Killer()
    yield started
    started.close()


@pytest.fixture
async def empty(tmp_path: Path) -> Path:
    """A data folder with an empty database, to be copied."""
    async with house(tmp_path / "empty", start=False):
        return tmp_path / "empty"


def accepted(folder: Path) -> tuple[str, str] | None:
    """The run whose id was told."""
    file = folder / "accepted"
    if not file.exists():
        return None
    thread, run = file.read_text().split()
    return thread, run


def effects(folder: Path) -> list[str]:
    file = folder / "effects"
    return file.read_text().splitlines() if file.exists() else []


async def test_killed_at_any_moment_a_run_ends_and_calls_nothing_twice(
    tmp_path: Path, empty: Path, killer: Killer
) -> None:
    unknown = repeated = 0
    for point in count(1):
        folder = Path(shutil.copytree(empty, tmp_path / str(point)))
        died = killer.serve(folder, point)
        run = accepted(folder)
        assert run is not None
        assert not killer.serve(folder, run=run)
        async with house(folder, start=False) as h:
            assert (await h.runs.get(W, *run)).status == "completed"
            steps = (await h.runs.list_steps(W, *run, Page(descending=False))).items
            messages = (await h.threads.list_messages(W, run[0], Page(descending=False))).items
        once, again = (row["output"] for step in steps for row in step.calls)
        made = [line.split()[0] for line in effects(folder)]
        assert made.count("once") <= 1
        assert again == "again was done"
        assert once == "once was done" or "outcome_unknown" in once
        assert [m.text for m in messages if m.status == "completed"] == ["hi", "all done"]
        unknown += "outcome_unknown" in once
        repeated += made.count("again") == 2
        if not died:
            break
    assert point >= 15
    assert unknown >= 3  # between its start and its output on disk
    assert repeated >= 1


async def test_a_run_that_kills_its_server_each_time_is_given_up_and_harms_no_other(
    tmp_path: Path, empty: Path, killer: Killer
) -> None:
    folder = Path(shutil.copytree(empty, tmp_path / "poison"))
    assert killer.serve(folder, poison=True)
    run = accepted(folder)
    for _ in range(4):
        assert killer.serve(folder, run=run, poison=True)
    assert not killer.serve(folder, run=run, poison=True)
    async with house(folder) as h:
        assert run is not None
        dead = await h.runs.get(W, *run)
        assert dead.status == "failed"
        assert "died 5 times" in (dead.last_error or {})["message"]
        assert (await h.names(await h.run()))[-1] == "run.completed"
