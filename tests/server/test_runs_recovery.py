"""A server that dies and comes back: no accepted run is lost, no function is called twice."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TypeVar

import pytest
from runs_kit import Hands, House, Told, W, ask, eventually, functions, house, say, user

from orchestrator.errors import StoreError
from orchestrator.server.models.door import TextPiece
from orchestrator.server.performers.door import Limits
from orchestrator.server.records import Page, Run
from orchestrator.server.service.runs import NewRun, ToolOutput
from orchestrator.server.store import runs as table
from orchestrator.server.store.door import Store, Tx
from orchestrator.server.store.sqlite import SqliteStore
from orchestrator.wire.runs import MOVES, TERMINAL

T = TypeVar("T")


class Dying:
    """A database of which the server hears nothing after write number `last`, as if it had been killed there."""

    def __init__(self, store: SqliteStore, last: int) -> None:
        self._store = store
        self._left = last
        self.dead = asyncio.Event()
        self.buried = asyncio.Event()

    async def write(self, unit: Callable[[Tx], T]) -> T:
        if self._left <= 0:
            await self._die()
        self._left -= 1
        done = await self._store.write(unit)
        if self._left <= 0:
            await self._die()
        return done

    async def read(self, unit: Callable[[Tx], T]) -> T:
        return await self._store.read(unit)

    async def close(self) -> None:
        await self._store.close()

    async def _die(self) -> None:
        self.dead.set()
        await self.buried.wait()
        raise StoreError("dead")


def _serve_from(h: House, store: Store) -> None:
    """Let the worker, and nobody else, use another database."""
    h.worker._store = store
    h.worker._means = replace(h.worker._means, store=store)


async def _told(folder: Path, run: Run) -> list[str]:
    async with house(folder, start=False) as h:
        found: list[str] = []
        after = 0
        while more := await h.told(run, after):
            found += [event.name for event in more]
            after = more[-1].seq
        assert await h.runs.latest_seq(W, run.thread_id, run.id) == after
        return found


def _statuses(names: list[str]) -> list[str]:
    runs = [name.removeprefix("thread.run.") for name in names if name.startswith("thread.run.")]
    return [name for name in runs if not name.startswith("step.") and name != "created"]


TURNS: list[list[Told]] = [
    [TextPiece(text="let me see"), *ask(("f", '{"n": 1}'), ("f", '{"n": 2}'), ("f", '{"n": 3}'))],
    say("so ", 0.0, "it is"),
]


@pytest.mark.parametrize("point", range(1, 16))
async def test_killed_after_any_write_the_run_still_ends(tmp_path: Path, point: int) -> None:
    first, second = Hands(["f"]), Hands(["f"])
    limits = Limits(parallel_calls=1)
    async with house(tmp_path, *TURNS, hands=first, limits=limits) as h:
        assistant = await h.assistants.create(W, model="m", tools=functions("f"))
        dying = Dying(h.store, point)
        _serve_from(h, dying)
        run = await h.runs.create_with_thread(W, NewRun(assistant_id=assistant.id), {}, (user("hi"),))
        over = asyncio.create_task(h.until(run, *TERMINAL))
        dead = asyncio.create_task(dying.dead.wait())
        await asyncio.wait({over, dead}, return_when=asyncio.FIRST_COMPLETED)
        over.cancel()
        dead.cancel()
        await asyncio.gather(over, dead, return_exceptions=True)
        dying.buried.set()
        await h.worker.stop(0)
        left = h.model.turns
    async with house(tmp_path, *(left or TURNS[1:]), hands=second, limits=limits) as h:
        assert (await h.until(run, *TERMINAL)).status == "completed"
        steps = (await h.runs.list_steps(W, run.thread_id, run.id, Page(descending=False, limit=100))).items
        messages = (await h.threads.list_messages(W, run.thread_id, Page(limit=100), run.id)).items
    assert all(step.status != "in_progress" for step in steps)
    assert all(message.status in ("completed", "incomplete") for message in messages)
    made = [call.id for call in (*first.made, *second.made)]
    assert len(made) == len(set(made))
    calls = [call for step in steps for call in step.calls]
    assert all(call["output"] for call in calls)
    assert {call["id"] for call in calls if "outcome_unknown" not in call["output"]} <= set(made)
    names = await _told(tmp_path, run)
    assert names[-1] == "thread.run.completed"
    assert _statuses(names) == ["queued", "in_progress", "completed"]


async def test_a_call_that_was_under_way_is_not_made_again(tmp_path: Path) -> None:
    hands = Hands(["f", "g"], gate=asyncio.Event())
    async with house(tmp_path, ask(("f", "{}"), ("g", "{}")), hands=hands, limits=Limits(parallel_calls=1)) as h:
        run = await h.run(tools=["f", "g"])
        await hands.busy(1)
    again = Hands(["f", "g"])
    async with house(tmp_path, hands=again) as h:
        await h.until(run, "completed")
        outputs = [m["content"] for m in h.model.requests[0].messages if m["role"] == "tool"]
    assert [call.name for call in again.made] == ["g"]
    assert "restarted while 'f' ran" in outputs[0]
    assert outputs[1] == "g({})"


async def test_a_half_answer_is_closed_and_the_turn_repeated(tmp_path: Path) -> None:
    async with house(tmp_path, say("half", asyncio.Event())) as h:
        run = await h.run()
        await eventually(lambda: h.runs.latest_seq(W, run.thread_id, run.id), lambda seq: seq >= 9)
    async with house(tmp_path, say("whole")) as h:
        await h.until(run, "completed")
        messages = (await h.threads.list_messages(W, run.thread_id, Page(descending=False), run.id)).items
        assert [(m.text, m.status) for m in messages] == [("half", "incomplete"), ("whole", "completed")]
        assert [m["content"] for m in h.model.requests[0].messages] == ["Be brief.", "hi"]
    names = await _told(tmp_path, run)
    at = names.index("thread.message.incomplete")
    assert names[at + 1 : at + 3] == ["thread.run.step.failed", "thread.run.step.created"]


async def test_what_waits_for_the_client_goes_on_waiting(tmp_path: Path) -> None:
    async with house(tmp_path, ask(("f", "{}"))) as h:
        run = await h.run(tools=["f"])
        await h.told(run)
    async with house(tmp_path) as h:
        assert (await h.get(run)).status == "requires_action"
        await h.runs.submit_tool_outputs(W, run.thread_id, run.id, [ToolOutput(output="1")])
        await h.until(run, "completed")


async def test_a_run_that_was_being_cancelled_is_cancelled(tmp_path: Path) -> None:
    async with house(tmp_path, say("half", asyncio.Event())) as h:
        run = await h.run()
        await eventually(lambda: h.runs.latest_seq(W, run.thread_id, run.id), lambda seq: seq >= 9)
        await h.worker.stop(0)
        assert (await h.runs.cancel(W, run.thread_id, run.id)).status == "cancelling"
    async with house(tmp_path) as h:
        assert (await h.get(run)).status == "cancelled"


async def test_a_run_that_kills_its_server_is_given_up(tmp_path: Path) -> None:
    async with house(tmp_path, say(asyncio.Event())) as h:
        run = await h.run()
        await h.until(run, "in_progress")
    for _ in range(4):
        async with house(tmp_path, say(asyncio.Event())) as h:
            await eventually(lambda h=h: _count(h.model.requests), bool)
            assert (await h.get(run)).status == "in_progress"
    async with house(tmp_path) as h:
        failed = await h.until(run, "failed")
        assert "died 5 times" in (failed.last_error or {})["message"]
        assert h.model.requests == []


async def _count(things: list[object]) -> int:
    return len(things)


async def test_a_server_that_stops_lets_a_turn_end(tmp_path: Path) -> None:
    async with house(tmp_path, ask(("f", "{}")), hands=Hands(["f"], gate=asyncio.Event()), grace=5) as h:
        run = await h.run(tools=["f"])
        await h.hands.busy(1)
        assert h.hands.gate is not None
        asyncio.get_running_loop().call_later(0.05, h.hands.gate.set)
    again = Hands(["f"])
    async with house(tmp_path, hands=again) as h:
        await h.until(run, "completed")
        assert h.model.requests[0].messages[-1]["content"] == "f({})"
    assert again.made == []


async def _healed(h: House, failing: Dying) -> None:
    await failing.dead.wait()
    _serve_from(h, h.store)


async def test_a_database_that_fails_for_a_while_costs_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.server.worker.RETRY_SECONDS", 0.02)
    for point in count(1):
        hands = Hands(["f"])
        async with house(tmp_path / str(point), *TURNS, hands=hands, start=False) as h:
            failing = Dying(h.store, point)
            failing.buried.set()
            _serve_from(h, failing)
            run = await h.run(tools=["f"])
            await h.worker.start()
            healing = asyncio.create_task(_healed(h, failing))
            assert (await h.until(run, *TERMINAL)).status == "completed"
            healing.cancel()
            assert len(hands.made) <= 3
            if not failing.dead.is_set():
                break
    assert point > 6


async def test_who_lost_the_run_changes_nothing(tmp_path: Path) -> None:
    async with house(tmp_path, say("a", asyncio.Event())) as h:
        run = await h.run()
        await h.until(run, "in_progress")
        mine = await h.get(run)
        await h.store.write(lambda tx: table.change(tx, mine, epoch=mine.epoch + 1))
        for unit in (
            lambda tx: table.change(tx, mine, status="completed"),
            lambda tx: table.mine(tx, mine),
        ):
            with pytest.raises(table.Lost):
                await h.store.write(unit)


async def test_the_tables_statuses_move_only_where_they_may() -> None:
    assert all(end in MOVES for ends in MOVES.values() for end in ends)


CHILD = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from runs_kit import *

class Slow(Hands):
    async def perform(self, assistant, run, call):
        with open(sys.argv[1] + "/made", "a") as file:
            file.write(call.id + run.id + "\\n")
        await asyncio.sleep(0.02)
        return "out"

async def main():
    async with house(Path(sys.argv[1]), hands=Slow(["f"])) as h:
        h.model.respond = lambda request: respond(request)
        a = await h.assistants.create(W, model="m", tools=functions("f"))
        for n in range(400):
            run = await h.runs.create_with_thread(W, NewRun(assistant_id=a.id), {}, (user("hi"),))
            print(run.thread_id, run.id, flush=True)
            await asyncio.sleep(0.002)

async def respond(request):
    done = any(m["role"] == "tool" for m in request.messages)
    for told in say("all ", "done") if done else ask(("f", "{}"), ("f", '{"n": 2}')):
        await asyncio.sleep(0.002)
        yield told

asyncio.run(main())
"""


async def test_a_server_killed_by_force_loses_no_run(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CHILD, str(tmp_path), str(Path(__file__).parent)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: ASYNC220 - nothing else goes on here
    assert child.stdout is not None
    accepted = [child.stdout.readline().split() for _ in range(40)]
    os.kill(child.pid, signal.SIGKILL)
    accepted += [line.split() for line in child.stdout.read().splitlines()]
    child.wait()
    child.stdout.close()
    again = Hands(["f"])
    async with house(tmp_path, hands=again) as h:
        for thread_id, run_id in (line for line in accepted if len(line) == 2):
            run = await h.runs.get(W, thread_id, run_id)
            assert (await h.until(run, *TERMINAL)).status == "completed"
            assert _statuses([e.name for e in await h.told(run)]) == ["queued", "in_progress", "completed"]
    made = (tmp_path / "made").read_text().split()
    made += [call.id + run_id for call, run_id in zip(again.made, again.runs, strict=True)]
    assert len(made) == len(set(made))
