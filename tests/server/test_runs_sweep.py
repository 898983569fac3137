"""What sees to it that every run ends: the look for runs whose time is over, and that each has one end only."""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest
from runs_kit import Time, Told, W, ask, eventually, house, say

from orchestrator.errors import StoreError
from orchestrator.server import moves
from orchestrator.server.models.door import ModelRequest
from orchestrator.server.service.runs import NewRun
from orchestrator.server.store import runs as table
from orchestrator.server.store.door import Tx
from orchestrator.wire.faults import Fault
from orchestrator.wire.runs import TERMINAL

T = TypeVar("T")


@pytest.mark.parametrize("status", ["queued", "in_progress", "requires_action", "cancelling"])
async def test_a_run_without_an_end_to_its_time_is_given_one(tmp_path: Path, status: str) -> None:
    clock = Time()
    async with house(tmp_path, time=clock, start=False) as h:
        run = await h.run()
        sql = "UPDATE runs SET expires_at = NULL, status = :status WHERE id = :id"
        await h.store.write(lambda tx: tx.change(sql, {"id": run.id, "status": status}))
        await h.worker._expire()
        kept = await h.get(run)
        assert (kept.status, kept.expires_at) == (status, run.created_at + 600_000)
        clock.now += 600_000
        await h.worker._expire()
        assert (await h.get(run)).status == ("cancelled" if status == "cancelling" else "expired")


async def test_time_that_was_prolonged_after_the_look_is_kept(tmp_path: Path) -> None:
    clock = Time()
    async with house(tmp_path, time=clock, start=False) as h:
        run = await h.run()
        clock.now += 600_000
        assert await h.store.read(partial(table.due, now=clock.now)) == [run.id]
        await h.store.write(lambda tx: table.change(tx, run, expires_at=clock.now + 1))
        await h.store.write(partial(moves.expire, run_id=run.id, now=clock.now))
        assert (await h.get(run)).status == "queued"


async def test_of_a_run_that_ends_while_it_is_looked_at_the_end_is_kept(tmp_path: Path) -> None:
    clock = Time()
    async with house(tmp_path, time=clock) as h:
        run = await h.run()
        told = await h.told(run)
        clock.now += 600_000
        await h.store.write(partial(moves.expire, run_id=run.id, now=clock.now))
        assert (await h.get(run)).status == "completed"
        assert await h.runs.latest_seq(W, run.thread_id, run.id) == told[-1].seq


async def test_with_nobody_at_work_queued_runs_expire_and_their_threads_are_free(tmp_path: Path) -> None:
    clock = Time()
    async with house(tmp_path, time=clock, start=False) as h:
        waiting = [await h.run() for _ in range(5)]
        clock.now += 599_999
        await h.worker._expire()
        assert {(await h.get(run)).status for run in waiting} == {"queued"}
        clock.now += 1
        await h.worker._expire()
        assert {(await h.get(run)).status for run in waiting} == {"expired"}
        await h.worker.start()
        for run in waiting:
            again = await h.runs.create(W, run.thread_id, NewRun(assistant_id=run.assistant_id))
            assert (await h.names(again))[-1] == "run.completed"
        assert len(h.model.requests) == 5


async def test_the_wait_for_the_client_counts(tmp_path: Path) -> None:
    clock = Time()
    async with house(tmp_path, ask(("f", "{}")), time=clock) as h:
        run = await h.run(tools=["f"])
        await h.until(run, "requires_action")
        assert (await h.get(run)).expires_at == run.created_at + 600_000
        clock.now += 600_000
        await h.until(run, "expired")


async def test_of_a_thousand_runs_cancelled_as_they_complete_each_has_one_end(tmp_path: Path) -> None:
    ends: list[str] = []
    async with house(tmp_path) as h:
        h.model.respond = _speak  # type: ignore[method-assign]
        assistant = await h.assistants.create(W, model="m")

        async def race(lane: int) -> None:
            for n in range(lane, 1000, 25):
                thread = await h.threads.create(W)
                run = await h.runs.create(W, thread.id, NewRun(assistant_id=assistant.id))
                for _ in range(n % 13):
                    await asyncio.sleep(0.0002 * (n % 7))
                tried = await asyncio.gather(h.runs.cancel(W, run.thread_id, run.id), return_exceptions=True)
                told = [event.name.removeprefix("thread.run.") for event in await h.told(run)]
                over = [name for name in told if name in TERMINAL]
                assert over == [told[-1]] == [(await h.get(run)).status]
                assert over == ["completed"] or not isinstance(tried[0], Fault)
                ends.extend(over)

        await asyncio.gather(*(race(lane) for lane in range(25)))
    assert len(ends) == 1000
    assert set(ends) <= {"cancelled", "completed"}
    assert min(ends.count("cancelled"), ends.count("completed")) > 50


async def _speak(request: ModelRequest) -> AsyncIterator[Told]:
    for told in say("a", "b"):
        await asyncio.sleep(0)
        yield told


async def test_a_cancel_that_the_database_refuses_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.server.worker.RETRY_SECONDS", 0.01)
    async with house(tmp_path, say("half", asyncio.Event())) as h:
        run = await h.run()
        await eventually(lambda: h.runs.latest_seq(W, run.thread_id, run.id), lambda seq: seq >= 9)
        await h.runs.cancel(W, run.thread_id, run.id)
        write, failures = h.store.write, iter([1, 2, 3])

        async def failing(unit: Callable[[Tx], T]) -> T:
            if next(failures, None):
                raise StoreError("no")
            return await write(unit)

        monkeypatch.setattr(h.store, "write", failing)
        await h.until(run, "cancelled")
