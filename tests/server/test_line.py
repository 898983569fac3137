"""Workspaces take turns: who waits in line, and who is next."""

import asyncio
from collections import Counter
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from runs_kit import House, W, eventually, house, say, user

from orchestrator.server.line import Line, Waiting
from orchestrator.server.records import Run
from orchestrator.server.service.runs import NewRun
from orchestrator.wire.faults import Fault

pytestmark = pytest.mark.anyio


def waiting(run_id: str, orphan: bool = False) -> Waiting:
    return Waiting(run_id=run_id, workspace=run_id[0], orphan=orphan)


def filled(*run_ids: str, share: int = 99) -> Line:
    line = Line(share)
    for run_id in run_ids:
        line.add(waiting(run_id))
    return line


def taken(line: Line, busy: tuple[str, ...] = ()) -> list[str]:
    found: list[str] = []
    while (one := line.take(busy)) is not None:
        found.append(one.run_id)
    return found


def test_workspaces_take_turns_and_each_keeps_its_order() -> None:
    assert taken(filled("a1", "a2", "a3", "b1", "c1", "c2")) == ["a1", "b1", "c1", "a2", "c2", "a3"]


def test_a_share_leaves_places_to_others_until_one_is_given_back() -> None:
    line = filled("a1", "a2", "a3", share=2)
    assert taken(line) == ["a1", "a2"]
    line.add(waiting("b1"))
    line.add(waiting("a4"))
    assert taken(line) == ["b1"]
    line.give_back("a")
    assert taken(line) == ["a3"]
    assert len(line) == 1


def test_a_run_that_still_winds_down_lets_the_next_go_first() -> None:
    line = filled("a1", "a2")
    assert taken(line, busy=("a1",)) == ["a2"]
    assert taken(line) == ["a1"]


def test_who_comes_twice_waits_once_and_an_orphan_stays_one() -> None:
    line = filled("a1", "a2", "a1")
    line.add(waiting("a2", orphan=True))
    line.add(waiting("a2"))
    found = [line.take(), line.take(), line.take()]
    assert [(one.run_id, one.orphan) for one in found if one] == [("a1", False), ("a2", True)]


@given(st.lists(st.sampled_from("abc")), st.integers(1, 3), st.data())
def test_nobody_is_lost_nobody_waits_for_ever_and_no_share_is_exceeded(
    owners: list[str], share: int, data: st.DataObject
) -> None:
    ids = [f"{owner}{n}" for n, owner in enumerate(owners)]
    line = filled(*ids, share=share)
    held: Counter[str] = Counter()
    begun: list[str] = []
    while len(begun) < len(ids):
        one = line.take()
        if one is None or (held.total() and data.draw(st.booleans())):
            if one is not None:
                begun.append(one.run_id)
                held[one.workspace] += 1
            ended = data.draw(st.sampled_from(sorted(+held)))
            held[ended] -= 1
            line.give_back(ended)
        else:
            begun.append(one.run_id)
            held[one.workspace] += 1
        assert max(held.values()) <= share
    assert sorted(begun) == sorted(ids)
    for owner in "abc":
        assert [one for one in begun if one[0] == owner] == [one for one in ids if one[0] == owner]


async def start(h: House, workspace: str) -> Run:
    assistant = await h.assistants.create(workspace, model="m")
    return await h.runs.create_with_thread(workspace, NewRun(assistant_id=assistant.id), {}, (user("hi"),))


async def until(h: House, status: str, count: int) -> None:
    """Wait until so many runs have that status."""
    sql = "SELECT 1 FROM runs WHERE status = :status"
    look = partial(h.store.read, lambda tx: len(tx.rows(sql, {"status": status})))
    await eventually(look, lambda found: found == count, seconds=30)


async def begun(h: House) -> list[str]:
    """Workspaces of runs, in the order in which these were begun."""
    sql = "SELECT workspace FROM steps ORDER BY seq"
    return await h.store.read(lambda tx: [row["workspace"] for row in tx.rows(sql)])


async def test_two_runs_of_one_workspace_are_not_delayed_by_a_hundred_of_another(tmp_path: Path) -> None:
    gate = asyncio.Event()
    async with house(tmp_path, say(gate, "first"), limit=1) as h:
        await start(h, "noisy")
        await until(h, "in_progress", 1)
        for workspace in ["noisy"] * 100 + ["quiet"] * 2:
            await start(h, workspace)
        gate.set()
        await until(h, "completed", 103)
        order = await begun(h)
    assert order[:5] == ["noisy", "quiet", "noisy", "quiet", "noisy"]
    assert len(order) == 103


async def test_a_greedy_workspace_leaves_places_free(tmp_path: Path) -> None:
    gate = asyncio.Event()
    async with house(tmp_path, *[say(gate)] * 3, limit=3, share=2) as h:
        for _ in range(5):
            await start(h, "noisy")
        await until(h, "in_progress", 2)
        await start(h, "quiet")
        await until(h, "in_progress", 3)
        gate.set()
        await until(h, "completed", 6)


async def test_the_line_is_taken_up_again_after_a_restart_by_turns(tmp_path: Path) -> None:
    async with house(tmp_path, start=False) as h:
        for workspace in ("a", "a", "a", "b"):
            await start(h, workspace)
    async with house(tmp_path, limit=1) as h:
        await until(h, "completed", 4)
        assert await begun(h) == ["a", "b", "a", "a"]


# --- places for runs that are being created


def test_a_place_is_kept_only_where_nobody_waits_for_it() -> None:
    line = Line(share=2)
    assert line.admit("a")
    line.add(waiting("b1"))
    assert not line.admit("a")
    assert line.take() is not None
    assert line.admit("a")
    assert not line.admit("a")  # it holds its share
    line.give_back("a")
    assert line.admit("a")


async def test_a_run_that_finds_a_place_is_in_progress_when_it_is_on_disk(tmp_path: Path) -> None:
    async with house(tmp_path, say(asyncio.Event()), limit=1) as h:
        first, second = await h.run(), await h.run()
        assert (first.status, second.status) == ("queued", "queued")  # as both are told
        assert ((await h.get(first)).status, (await h.get(second)).status) == ("in_progress", "queued")
        assert h.worker.load == (1, 1)


async def test_a_run_that_is_refused_gives_its_place_back(tmp_path: Path) -> None:
    async with house(tmp_path, limit=1) as h:
        for _ in range(3):
            with pytest.raises(Fault):
                await h.runs.create(W, "thread_x", NewRun(assistant_id="asst_x"))
        run = await h.run()
        assert (await h.names(run))[-1] == "run.completed"


async def test_a_short_run_takes_two_transactions(tmp_path: Path) -> None:
    async with house(tmp_path, *[say("Hello, ", "world.")] * 2) as h:
        await h.told(await h.run())
        statements: list[str] = []
        h.store._writer._connection.set_trace_callback(statements.append)
        await h.told(await h.run())
        await asyncio.sleep(0)
    assert statements.count("COMMIT") == 3  # that of the assistant included


async def test_a_server_that_stops_leaves_a_run_with_a_place_to_the_next(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        admit = h.worker.admit

        def stopping(workspace: str) -> bool:
            kept = admit(workspace)
            h.worker._running = False
            return kept

        h.worker.admit = stopping  # type: ignore[method-assign]
        run = await h.run()
        assert (await h.get(run)).status == "in_progress"
        assert h.model.requests == []
    async with house(tmp_path) as h:
        await h.until(run, "completed")
