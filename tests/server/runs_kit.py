"""What the tests of runs share: a model that does as it is told, a performer that counts, and a small server."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.server.hub import Audience, Hub
from orchestrator.server.models.door import CallPiece, ModelEvent, ModelRequest, Spent, Stop, TextPiece
from orchestrator.server.performers.door import Call, Limits
from orchestrator.server.records import Assistant, Event, Json, Run
from orchestrator.server.service.assistants import Assistants
from orchestrator.server.service.runs import NewRun, Runs
from orchestrator.server.service.threads import NewMessage, Threads
from orchestrator.server.store.sqlite import SqliteStore
from orchestrator.server.telemetry.tally import Tally
from orchestrator.server.worker import Worker

W = "ws"
Told = ModelEvent | BaseException | asyncio.Event | float

TEXT_START = ["step.created", "step.in_progress", "message.created", "message.in_progress"]
START = ["run.created", "run.queued", "run.in_progress"]


def say(*pieces: Told | str) -> list[Told]:
    """A turn of text."""
    told: list[Told] = [TextPiece(text=piece) if isinstance(piece, str) else piece for piece in pieces]
    return [*told, Spent(prompt_tokens=10, completion_tokens=2), Stop(reason="stop")]


def ask(*calls: tuple[str, str]) -> list[Told]:
    """A turn of calls as (name, arguments)."""
    pieces: list[Told] = []
    for index, (name, arguments) in enumerate(calls):
        pieces.append(CallPiece(index=index, id=f"call_{index}", name=name))
        pieces.append(CallPiece(index=index, arguments=arguments))
    return [*pieces, Spent(prompt_tokens=5, completion_tokens=1), Stop(reason="tool_calls")]


class Puppet:
    """A model that says the given turns, one after the other, then 'done' for ever."""

    def __init__(self, *turns: list[Told]) -> None:
        self.turns = list(turns)
        self.requests: list[ModelRequest] = []
        self.takes: int | None = None

    def find(self, name: str) -> "Puppet | None":
        return None if name == "nobody" else self

    def context_tokens(self, name: str) -> int | None:
        return self.takes

    async def respond(self, request: ModelRequest) -> AsyncGenerator[ModelEvent]:
        self.requests.append(request)
        for told in self.turns.pop(0) if self.turns else say("done"):
            match told:
                case asyncio.Event():
                    await told.wait()
                case float():
                    await asyncio.sleep(told)
                case BaseException():
                    raise told
                case _:
                    yield told


@dataclass
class Hands:
    """Performs the functions in `names`; `gate` holds all calls up, `breaks` raises; `again` may be repeated."""

    names: Sequence[str] = ()
    gate: asyncio.Event | None = None
    breaks: bool = False
    again: Sequence[str] = ()
    made: list[Call] = field(default_factory=list[Call])
    runs: list[str] = field(default_factory=list[str])  # of each call made
    most: int = 0
    now: int = 0

    def performs(self, assistant: Assistant, call: Call) -> bool:
        return call.name in self.names

    def repeatable(self, assistant: Assistant, call: Call) -> bool:
        return call.name in self.again

    async def perform(self, assistant: Assistant, run: Run, call: Call) -> str:
        self.made.append(call)
        self.runs.append(run.id)
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            if self.gate is not None:
                await self.gate.wait()
            await asyncio.sleep(0)
            if self.breaks:
                raise ValueError("broken")
            return f"{call.name}({call.arguments})"
        finally:
            self.now -= 1

    async def busy(self, count: int) -> None:
        """Wait until so many calls are under way."""

        async def look() -> int:
            return self.now

        await eventually(look, lambda now: now >= count)


@dataclass
class Time:
    """A clock that stands still."""

    now: int = 1_795_420_800_000

    def __call__(self) -> int:
        return self.now


@dataclass
class Bounds:
    all: Limits = field(default_factory=Limits)

    def limits(self, assistant: Assistant) -> Limits:
        return self.all


@dataclass
class House:
    """A server without its routes."""

    store: SqliteStore
    model: Puppet
    hands: Hands
    time: Time
    worker: Worker
    runs: Runs
    assistants: Assistants
    threads: Threads

    async def run(self, text: str = "hi", tools: Sequence[str] = (), **new: Any) -> Run:
        """A run on a new thread, with function tools by name."""
        assistant = await self.assistants.create(W, model="m", instructions="Be brief.", tools=functions(*tools))
        run = NewRun(assistant_id=assistant.id, **new)
        return await self.runs.create_with_thread(W, run, {}, (user(text),))

    async def get(self, run: Run) -> Run:
        return await self.runs.get(W, run.thread_id, run.id)

    async def told(self, run: Run, after: int = 0) -> list[Event]:
        """Events up to where the run rests; they are always without gaps."""
        async with asyncio.timeout(10):
            found = [event async for event in self.runs.events(run.id, after)]
        assert [event.seq for event in found] == list(range(after + 1, after + 1 + len(found)))
        return found

    async def names(self, run: Run, after: int = 0) -> list[str]:
        """Names of these events, without `thread.`; deltas in a row count once."""
        found: list[str] = []
        for event in await self.told(run, after):
            name = event.name.removeprefix("thread.").removeprefix("run.") if ".step." in event.name else event.name
            name = name.removeprefix("thread.")
            if name != "created" and not (name == "message.delta" and found and found[-1] == name):
                found.append(name)
        return found

    async def until(self, run: Run, *statuses: str) -> Run:
        return await eventually(lambda: self.get(run), lambda now: now.status in statuses)


async def eventually(look: Callable[[], Awaitable[Any]], good: Callable[[Any], bool], seconds: float = 5.0) -> Any:
    end = time.monotonic() + seconds
    while not good(found := await look()):
        assert time.monotonic() < end, found
        await asyncio.sleep(0.005)
    return found


def user(text: str) -> NewMessage:
    return NewMessage(role="user", content=({"type": "text", "text": {"value": text, "annotations": []}},))


def functions(*names: str) -> tuple[Json, ...]:
    return tuple({"type": "function", "function": {"name": name}} for name in names)


@asynccontextmanager
async def house(
    folder: Path,
    *turns: list[Told],
    hands: Hands | None = None,
    limits: Limits | None = None,
    time: Time | None = None,
    start: bool = True,
    grace: float = 0.0,
    limit: int = 32,
    share: int = 32,
    model: Puppet | None = None,
) -> AsyncIterator[House]:
    """Open the database of a folder, with a worker; leave it as a crash would, when `grace` is 0."""
    hub, clock, model, hands = Hub(live=True), time or Time(), model or Puppet(*turns), hands or Hands()
    store = await SqliteStore.open(folder / "data" / "server.db", Audience(Tally(), hub))
    bounds = Bounds(limits or Limits())
    worker = Worker(
        store,
        hub,
        models=model,
        performers=(hands,),
        bounds=bounds,
        clock=clock,
        sweep_seconds=0.02,
        limit=limit,
        share=share,
    )
    runs = Runs(store, queue=worker, hub=hub, bounds=bounds, clock=clock)
    if start:
        await worker.start()
    try:
        yield House(store, model, hands, clock, worker, runs, Assistants(store, clock), Threads(store, clock))
    finally:
        await worker.stop(grace)
        await store.close()
