"""Laws that hold whatever clients, clocks and crashes do to a run, and in whatever order."""

import asyncio
import tempfile
from itertools import pairwise
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from runs_kit import Hands, House, Time, Told, W, ask, eventually, house, say

from orchestrator.server.models.door import ModelFault, TextPiece
from orchestrator.server.performers.door import Limits
from orchestrator.server.records import Event, Page, Run
from orchestrator.server.service.runs import ToolOutput
from orchestrator.wire.faults import Fault
from orchestrator.wire.runs import MOVES, TERMINAL

TURNS: dict[str, list[Told]] = {
    "text": say("a", 0.001, "b", 0.001, "c"),
    "silent": say(),
    "client": ask(("yours", "{}")),
    "server": ask(("mine", "{}"), ("mine", "{}")),
    "mixed": [TextPiece(text="t"), *ask(("mine", "{}"), ("yours", "{}"), ("nobody", "{}"))],
    "fault": [TextPiece(text="x"), ModelFault("bad")],
}
ACTIONS = ["cancel", "submit", "wait", "step", "restart", "expire"]


async def _act(h: House, run: Run, action: str) -> None:
    place = (W, run.thread_id, run.id)
    try:
        if action == "cancel":
            await h.runs.cancel(*place)
        elif action == "submit":
            await h.runs.submit_tool_outputs(*place, [ToolOutput(output="o")])
    except Fault:
        return
    if action == "wait":
        await asyncio.sleep(0.003)
    elif action == "step":
        await asyncio.sleep(0)
    elif action == "expire":
        h.time.now += 300_000


async def _live(folder: Path, turns: list[str], actions: list[str]) -> tuple[list[Event], Run, list[str], list[str]]:
    """Do all that to one run; its events, what became of it, its open steps, the calls made."""
    clock, made = Time(), list[str]()
    told = [list(TURNS[name]) for name in turns]
    run: Run | None = None
    for life in " ".join(actions).split("restart"):
        hands = Hands(["mine"])
        async with house(folder, *told, hands=hands, time=clock, limits=Limits(tool_rounds=4)) as h:
            run = run or await h.run(tools=["mine", "yours"])
            for action in life.split():
                await _act(h, run, action)
            told = h.model.turns
        made += [call.id for call in hands.made]
    assert run is not None
    clock.now += 600_000
    hands = Hands(["mine"])
    async with house(folder, hands=hands, time=clock) as h:
        await h.until(run, *TERMINAL)
        await eventually(lambda: h.get(run), lambda now: now.status in TERMINAL)
        found: list[Event] = []
        while more := await h.told(run, len(found)):
            found += more
        steps = (await h.runs.list_steps(*(W, run.thread_id, run.id), Page(limit=100))).items
        messages = (await h.threads.list_messages(W, run.thread_id, Page(limit=100))).items
        still = [thing.id for thing in (*steps, *messages) if thing.status == "in_progress"]
        return found, await h.get(run), still, [*made, *(call.id for call in hands.made)]


@given(st.lists(st.sampled_from(sorted(TURNS)), max_size=4), st.lists(st.sampled_from(ACTIONS), max_size=8))
@settings(max_examples=60, deadline=None)
def test_a_run_moves_only_where_it_may_and_tells_all_of_it(turns: list[str], actions: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        told, run, still, made = asyncio.run(_live(Path(folder), turns, actions))
    assert [event.seq for event in told] == list(range(1, len(told) + 1))
    path = [e.subject.status for e in told if isinstance(e.subject, Run) and e.name != "thread.run.created"]
    assert path[0] == "queued"
    assert all(after in MOVES[before] for before, after in pairwise(path)), path
    assert (path[-1], told[-1].subject) == (run.status, run)
    assert not still
    assert len(made) == len(set(made))
    begun = [e.name for e in told if e.name == "thread.run.step.created"]
    ends = ("completed", "failed", "cancelled", "expired")
    assert len(begun) == sum(e.name in [f"thread.run.step.{end}" for end in ends] for e in told)
