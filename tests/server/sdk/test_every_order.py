"""Every order of events that a run can tell, against parsers and helpers of both SDKs: none stumbles, nothing is lost.

A plan says what the model does turn by turn, and where its owner dies, the client cancels, or the time is over. The
real worker carries it out; what was told is then read by both SDKs, in the streams that a client would have heard.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import openai_hearing as hearing
import pytest
import vendor
from hypothesis import given, settings
from hypothesis import strategies as st
from openai import OpenAI
from replay import Replay, replaying
from runs_kit import Hands, House, Puppet, W, functions, house, user

from orchestrator.server.line import Waiting
from orchestrator.server.models.door import CallPiece, ModelEvent, ModelFault, ModelRequest, Spent, Stop, TextPiece
from orchestrator.server.performers.door import Call, Limits
from orchestrator.server.records import Assistant, Event, Run
from orchestrator.server.service.runs import NewRun, ToolOutput
from orchestrator.wire import events as wire
from orchestrator.wire.runs import STATUSES, TERMINAL

MINE, SLOW, THEIRS, NOBODYS = "mine", "slow", "theirs", "nobodys"
TOOLS = (*functions(MINE, SLOW, THEIRS), {"type": "calculator"}, {"type": "code_interpreter"})
CALLABLE = (MINE, SLOW, THEIRS, NOBODYS, "calculator", "code_interpreter")
TEXTS = st.text(alphabet="ab 四\n\x85\u2028", max_size=4)


@dataclass(frozen=True)
class Turn:
    """What a model does in a turn; what happens to its run before piece number `at`, or, behind all, in a call."""

    texts: Sequence[str] = ()
    calls: Sequence[str] = ()
    end: str = "stop"  # or length, content_filter, fault
    happens: str | None = None  # die, cancel or expire
    at: int = 0


@dataclass(frozen=True)
class Plan:
    turns: Sequence[Turn]
    limit: int | None = None  # of the completion's tokens
    cancel: bool = False  # where the client should submit outputs


class Fate:
    """Lets happen what a plan says, to the run of the moment."""

    def __init__(self) -> None:
        self.house: House | None = None
        self.run: Run | None = None

    async def strike(self, what: str) -> None:
        """The caller is the run's own task: it will be ended."""
        job = asyncio.get_running_loop().create_task(self._do(what))
        await asyncio.Event().wait()
        await job

    async def _do(self, what: str) -> None:
        assert self.house is not None
        assert self.run is not None
        worker = self.house.worker
        if what == "cancel":
            await self.house.runs.cancel(W, self.run.thread_id, self.run.id)
        elif what == "expire":
            self.house.time.now += 700_000
        else:
            worker._tasks[self.run.id].cancel()
            worker._line.add(Waiting(run_id=self.run.id, workspace=W, orphan=True))
            worker._pump()


class Player(Puppet):
    """A model that plays a plan; beyond its last turn it is done."""

    def __init__(self, fate: Fate) -> None:
        super().__init__()
        self.fate = fate
        self.plan: list[Turn] = []

    async def respond(self, request: ModelRequest) -> AsyncGenerator[ModelEvent]:
        turn = self.plan.pop(0) if self.plan else Turn(texts=["done"])
        for number, text in enumerate(turn.texts):
            if turn.happens and turn.at == number:
                await self.fate.strike(turn.happens)
            yield TextPiece(text=text)
            await asyncio.sleep(0)
        for index, name in enumerate(turn.calls):
            yield CallPiece(index=index, id=f"call_{index}", name=name)
            yield CallPiece(index=index, arguments=f'{{"code": "{name}", "happens": "{turn.happens or ""}"}}')
        if turn.happens and not turn.calls and turn.at >= len(turn.texts):
            await self.fate.strike(turn.happens)
        if turn.end == "fault":
            raise ModelFault("the model broke")
        yield Spent(prompt_tokens=3, completion_tokens=4)
        yield Stop(reason="tool_calls" if turn.calls else turn.end)


@dataclass
class Doers(Hands):
    names: Sequence[str] = (MINE, SLOW, "calculator")
    fate: Fate = field(default_factory=Fate)

    async def perform(self, assistant: Assistant, run: Run, call: Call) -> str:
        if call.name == SLOW:
            for what in ("die", "cancel", "expire"):
                if what in call.arguments:
                    await self.fate.strike(what)
            await asyncio.sleep(0.003)
        return f"{call.name} did it\u2028"


@dataclass
class Stage:
    """Where plans are played, and who reads what was told."""

    h: House
    player: Player
    runner: asyncio.Runner
    replay: Replay
    sdk: OpenAI

    def play(self, plan: Plan) -> list[list[Event]]:
        return self.runner.run(play(self.h, self.player, plan))


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    fate, folder = Fate(), tmp_path_factory.mktemp("orders")
    player, stack = Player(fate), AsyncExitStack()
    opening = house(folder, hands=Doers(fate=fate), limits=Limits(parallel_calls=2), model=player)
    with (
        asyncio.Runner() as runner,
        replaying() as replay,
        OpenAI(base_url=f"{replay.url}/v1", api_key="any", max_retries=0) as sdk,
    ):
        fate.house = runner.run(stack.enter_async_context(opening))
        yield Stage(fate.house, player, runner, replay, sdk)
        runner.run(stack.aclose())


async def play(h: House, player: Player, plan: Plan) -> list[list[Event]]:
    """Carry a plan out; the streams that a client hears who starts the run and submits what it waits for."""
    player.plan = list(plan.turns)
    assistant = await h.assistants.create(W, model="m", tools=TOOLS)
    options = {"max_completion_tokens": plan.limit}
    new = NewRun(assistant_id=assistant.id, options=options)
    run = player.fate.run = await h.runs.create_with_thread(W, new, {}, (user("hi"),))
    streams = [await h.told(run)]
    while (run := await h.get(run)).status not in TERMINAL:
        last = streams[-1][-1].seq
        if plan.cancel:
            await h.runs.cancel(W, run.thread_id, run.id)
        else:
            outputs = [ToolOutput(call_id=call["id"], output="they did it") for call in run.required_action]
            await h.runs.submit_tool_outputs(W, run.thread_id, run.id, outputs)
        streams.append(await h.told(run, last))
    return streams


def read_by_both(stage: Stage, events: Sequence[Event]) -> None:
    """A stream from the beginning of a run or of a submission: the helper has to get everything together."""
    stage.replay.events = events
    heard = hearing.Hearing()
    with stage.sdk.beta.threads.runs.stream(thread_id="t", assistant_id="a", event_handler=heard) as stream:
        stream.until_done()
    hearing.check_complete(heard)
    assert [event.event for event in heard.events] == [event.name for event in events]
    told = read_by_the_vendor(stage.replay)
    renamed = {"thread.run.incomplete": "thread.run.failed"}
    assert [name for name, _ in told] == [renamed.get(event.name, event.name) for event in events]
    assert told[-1][1].status == heard.current_run.status.replace("incomplete", "failed")  # type: ignore[union-attr]
    _check_texts(told)


def read_by_the_vendor(replay: Replay) -> list[tuple[str, Any]]:
    base = f"{replay.url}/api/v1"
    return list(vendor.Runs.create("t", assistant_id="a", stream=True, base_address=base, api_key="any"))


def _check_texts(told: list[tuple[str, Any]]) -> None:
    """What was said piece by piece is what is said at the end."""
    for name, item in told:
        if name in ("thread.message.completed", "thread.message.incomplete"):
            pieces = [i.delta.content for n, i in told if n == wire.MESSAGE_DELTA and i.id == item.id]
            assert "".join(piece.text.value for piece in pieces) == item.content[0].text.value


def read_from_the_middle(stage: Stage, events: Sequence[Event]) -> None:
    """A stream that was resumed: whoever reads it without a helper gets every event."""
    stage.replay.events = events
    raw = stage.sdk.beta.threads.runs.create("t", assistant_id="a", stream=True)
    assert [event.event for event in raw] == [event.name for event in events]
    assert len(read_by_the_vendor(stage.replay)) == len(events)


KNOWN: dict[str, Plan] = {
    "text": Plan([Turn(texts=["a ", "b"])]),
    "nothing is said": Plan([Turn()]),
    "cut": Plan([Turn(texts=["a"], end="length")]),
    "filtered": Plan([Turn(texts=["a"], end="content_filter")]),
    "limit": Plan([Turn(texts=["a"], end="length")], limit=4),
    "limit at a call": Plan([Turn(calls=[MINE])], limit=4),
    "performed here, side by side": Plan([Turn(texts=["let me see"], calls=[SLOW, MINE, "calculator"])]),
    "performed by the client": Plan([Turn(texts=["let me see"], calls=[THEIRS, THEIRS]), Turn(calls=[THEIRS])]),
    "performed by both": Plan([Turn(calls=[THEIRS, SLOW, "code_interpreter", MINE]), Turn(texts=["so"])]),
    "round after round": Plan([Turn(calls=[MINE]), Turn(calls=[MINE, SLOW]), Turn(texts=["so"])]),
    "wrong calls": Plan([Turn(calls=[NOBODYS, MINE])] * 3),
    "fault": Plan([Turn(end="fault")]),
    "fault in mid-sentence": Plan([Turn(texts=["a", "b"], end="fault")]),
    "cancelled in mid-sentence": Plan([Turn(texts=["a", "b"], happens="cancel", at=1)]),
    "cancelled in a call": Plan([Turn(calls=[SLOW], happens="cancel")]),
    "cancelled while it waits": Plan([Turn(calls=[THEIRS])], cancel=True),
    "expired in mid-sentence": Plan([Turn(texts=["a", "b"], happens="expire", at=1)]),
    "expired in a call": Plan([Turn(calls=[MINE, SLOW], happens="expire")]),
    "owner died before a word": Plan([Turn(texts=["a"], happens="die", at=0), Turn(texts=["b"])]),
    "owner died in mid-sentence": Plan([Turn(texts=["a", "b"], happens="die", at=1), Turn(texts=["c"])]),
    "owner died in a call": Plan([Turn(calls=[MINE, SLOW, MINE], happens="die"), Turn(texts=["c"])]),
}


@pytest.mark.parametrize("plan", KNOWN.values(), ids=KNOWN)
def test_orders_that_are_known(stage: Stage, plan: Plan) -> None:
    for events in stage.play(plan):
        read_by_both(stage, events)
        for begin in range(1, len(events), 3):
            read_from_the_middle(stage, events[begin:])


def test_the_known_orders_have_every_event(stage: Stage) -> None:
    streams = [events for plan in KNOWN.values() for events in stage.play(plan)]
    told = {event.name for events in streams for event in events}
    every = {wire.THREAD_CREATED, wire.RUN_CREATED, *map(wire.run_event, STATUSES)}
    every |= {wire.STEP_CREATED, wire.STEP_DELTA, wire.MESSAGE_CREATED, wire.MESSAGE_DELTA}
    every |= {wire.step_event(s) for s in ("in_progress", "completed", "failed", "cancelled", "expired")}
    every |= {wire.message_event(s) for s in ("in_progress", "completed", "incomplete")}
    assert told == every


TURNS = st.builds(
    Turn,
    texts=st.lists(TEXTS, max_size=3),
    calls=st.lists(st.sampled_from(CALLABLE), max_size=3),
    end=st.sampled_from(["stop", "stop", "length", "content_filter", "fault"]),
    happens=st.sampled_from([None, None, None, "die", "cancel", "expire"]),
    at=st.integers(0, 3),
)
PLANS = st.builds(
    Plan, turns=st.lists(TURNS, max_size=4), limit=st.sampled_from([None, None, 6, 12]), cancel=st.booleans()
)


@settings(max_examples=40, deadline=None)
@given(PLANS, st.integers(0, 30))
def test_orders_that_nobody_thought_of(stage: Stage, plan: Plan, heard: int) -> None:
    for events in stage.play(plan):
        read_by_both(stage, events)
        read_from_the_middle(stage, events[heard % len(events) :])
