"""Carries one claimed run on: a turn of the model, its calls, the next turn, until the run is over or must wait.

It can begin anywhere, for it acts on what is recorded: an open step of calls is performed, else a turn is taken.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Collection, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from orchestrator.server import moves, turns, usage
from orchestrator.server.allowance import Allowance, allowance
from orchestrator.server.context import Room, TooLong, room
from orchestrator.server.entry import CALLS, Asked, Ending
from orchestrator.server.hub import Hub
from orchestrator.server.ids import Clock, Prefix
from orchestrator.server.memory import Memory, Scene, scene
from orchestrator.server.models.door import (
    CallPiece,
    Model,
    ModelEvent,
    ModelFault,
    ModelRequest,
    Models,
    Spent,
    Stop,
    TextPiece,
    ThoughtPiece,
)
from orchestrator.server.performers.door import Bounds, Call, Performer
from orchestrator.server.pictures import Pictures
from orchestrator.server.records import Json, Run, Step
from orchestrator.server.speech import Speech
from orchestrator.server.store.door import Store, Tx
from orchestrator.server.telemetry.traces import (
    ERROR_TYPE,
    FINISH_REASONS,
    INPUT_TOKENS,
    OUTPUT_TOKENS,
    RESPONSE_MODEL,
    Traces,
)
from orchestrator.server.tokens import Counts
from orchestrator.wire.outputs import tidy

T = TypeVar("T")

_CUT_SHORT = {"length": "max_tokens", "content_filter": "content_filter"}
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What runs are carried out with. `draining` tells that the server stops: no further turn is begun."""

    store: Store
    hub: Hub
    models: Models
    performers: Sequence[Performer]
    bounds: Bounds
    clock: Clock
    new_id: Callable[[Prefix], str]
    draining: Callable[[], bool]
    traces: Traces
    counts: Counts
    pictures: Pictures


class Failed(Exception):
    """The run cannot go on; text and code are for the client. `usage`: of a turn that leaves no step behind."""

    def __init__(self, message: str, *, code: str = "server_error", usage: Json | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.usage = usage


@dataclass(slots=True)
class _Heard:
    """What a model said in one turn, but for the text."""

    calls: dict[int, Call] = field(default_factory=dict[int, Call])
    thoughts: dict[str, list[str]] = field(default_factory=dict[str, list[str]])  # by the field they came in
    usage: Json | None = None
    reason: str | None = None
    model: str | None = None

    def add(self, piece: CallPiece) -> None:
        """More of a call."""
        old = self.calls.get(piece.index) or Call(id="", type="", name="", arguments="")
        self.calls[piece.index] = Call(
            id=turns.clean(piece.id or old.id),
            type="",
            name=turns.clean(piece.name or old.name),
            arguments=old.arguments + turns.clean(piece.arguments),
            extra=piece.extra or old.extra,
        )

    def think(self, piece: ThoughtPiece) -> None:
        """More reasoning: not for the client, but the model may want it back."""
        self.thoughts.setdefault(piece.field, []).append(turns.clean(piece.text))


class Drive:
    """One run in the hands of its owner."""

    def __init__(self, means: Means, run: Run, found: Scene) -> None:
        self.assistant = found.assistant
        self._means = means
        self._run = run
        self._limits = means.bounds.limits(found.assistant)
        self._tools = turns.offered(run)
        self._history = found.history
        self._steps = found.steps
        self._texts = dict(found.texts)

    @classmethod
    async def open(cls, means: Means, run: Run) -> Drive:
        """Read what is recorded. Raises: StoreError."""
        tokens = room(run, means.models.context_tokens(run.model), allowance(run, ()).left).tokens
        return cls(means, run, await means.store.read(partial(scene, run=run, bounds=means.bounds, tokens=tokens)))

    async def to_end(self) -> str:
        """Carry the run on; its status then. Raises: Lost, Failed, ModelFault, and whatever a model raises."""
        memory = await self._remember()
        while self._run.status == "in_progress" and not self._means.draining():
            last = self._steps[-1] if self._steps else None
            if last is not None and last.type == CALLS and last.status == "in_progress":
                await self._perform(last)
            else:
                await self._turn(memory)
        return self._run.status

    async def _remember(self) -> Memory:
        pictures = await self._means.pictures.pictures(self._run.workspace, turns.pictured(self._history))
        return Memory(self._run, self._history, self._means.counts, pictures)

    def _room(self, left: Allowance) -> Room:
        return room(self._run, self._means.models.context_tokens(self._run.model), left.left)

    async def _turn(self, memory: Memory) -> None:
        reason = turns.hopeless(self._steps, self._tools)
        if reason is not None:
            raise Failed(reason)
        means, run = self._means, self._run
        model = means.models.find(run.model)
        if model is None:
            raise Failed(f"No model is configured for the name '{run.model}'.")
        left = allowance(run, self._steps)
        try:
            messages = await memory.messages(self._steps, self._texts, self._room(left))
        except TooLong as reason:
            raise Failed(str(reason), code="invalid_prompt") from reason
        request = left.bound(turns.request(run, messages, self._steps))
        ids = {"step_id": means.new_id("step"), "message_id": means.new_id("message")}
        speech = Speech(means.store, means.hub, run, clock=means.clock, **ids)
        try:
            heard = await self._hear(model, request, speech)
            ending = _ending(heard, left, request)
            asked = self._asked(heard) if heard.calls and ending.limit is None else None
        except Exception:
            await speech.settled()  # what was said stays said
            raise
        spoken = await speech.end(silent=asked is not None)
        turn = moves.Turn(steps=self._steps, spoken=spoken, asked=asked, usage=heard.usage, ending=ending)
        await self._move(partial(moves.end_turn, run=run, turn=turn, now=means.clock()))
        if spoken is not None:
            self._texts[spoken.message_id] = spoken.text

    async def _hear(self, model: Model, request: ModelRequest, speech: Speech) -> _Heard:
        with self._means.traces.turn(self._run, getattr(model, "provider", "openai")) as mark:
            heard = await _listen(model, request, speech)
            if heard.usage is not None:
                mark.note(INPUT_TOKENS, heard.usage["prompt_tokens"])
                mark.note(OUTPUT_TOKENS, heard.usage["completion_tokens"])
            mark.note(FINISH_REASONS, [heard.reason or ""])
            if heard.model is not None:
                mark.note(RESPONSE_MODEL, heard.model)
            return heard

    def _asked(self, heard: _Heard) -> Asked:
        """Who answers which call. Raises: Failed when these are more than the run may make."""
        said = [heard.calls[index] for index in sorted(heard.calls)]
        taken = {call["id"] for step in self._steps for call in step.calls}
        calls = turns.calls(said, self._tools, taken, lambda: self._means.new_id("call"))
        reason = turns.too_much(self._steps, calls, self._limits)
        if reason is not None:
            raise Failed(reason, usage=heard.usage)
        wrong = {call.id: turns.complaint(call, self._tools) for call in calls}
        outputs = {call_id: text for call_id, text in wrong.items() if text is not None}
        right = [call for call in calls if call.id not in outputs]
        client = self._for_client(right)
        mine = [call.id for call in right if call.id not in client]
        return Asked(
            step_id=self._means.new_id("step"),
            calls=calls,
            outputs=outputs,
            started=frozenset(mine[: self._limits.parallel_calls]),
            client=client,
            thoughts={name: "".join(texts) for name, texts in heard.thoughts.items()},
        )

    def _for_client(self, calls: Sequence[Call]) -> frozenset[str]:
        return frozenset(call.id for call in calls if turns.whose(call, bool(self._performer(call))) == "client")

    def _performer(self, call: Call) -> Performer | None:
        return next((p for p in self._means.performers if p.performs(self.assistant, call)), None)

    async def _perform(self, step: Step) -> None:
        """All calls that are left for this server, side by side; each output is stored when it is there."""
        left = [row for row in step.calls if row["output"] is None]
        client = self._for_client([turns.as_call(row) for row in left])
        mine = [row for row in left if row["id"] not in client]
        if not mine:
            now = self._means.clock()
            await self._move(lambda tx: moves.settle(tx, self._run, step.id, client, now))
            return
        slots = asyncio.Semaphore(max(1, self._limits.parallel_calls))
        await _together([self._answer(step.id, row, client, slots) for row in mine])

    async def _answer(self, step_id: str, row: Json, client: Collection[str], slots: asyncio.Semaphore) -> None:
        call = turns.as_call(row)
        async with slots:
            if row["state"] == "announced":
                await self._means.store.write(lambda tx: moves.start_call(tx, self._run, step_id, call.id))
            output = tidy(await self._output(call), self._limits.output_bytes)
            now = self._means.clock()
            await self._move(
                lambda tx: moves.end_call(tx, self._run, step_id, call.id, output=output, client=client, now=now)
            )

    async def _output(self, call: Call) -> str:
        performer = self._performer(call)
        if performer is None:
            return turns.unavailable(call)
        try:
            with self._means.traces.call(self._run, call) as mark:
                output = await performer.perform(self.assistant, self._run, call)
                if turns.tells_error(output):
                    mark.note(ERROR_TYPE, "tool_error")
                return output
        except Exception:  # noqa: BLE001 - a performer that breaks its promise breaks no run
            _log.exception("the performer of '%s' raised", call.name)
            return turns.broken(call)

    async def _move(self, unit: Callable[[Tx], tuple[Run, tuple[Step, ...]]]) -> None:
        """Change the run, then tell."""
        run, self._steps = await self._means.store.write(unit)
        self._means.hub.tell(run.id)
        self._run = run


def _ending(heard: _Heard, left: Allowance, request: ModelRequest) -> Ending:
    """How a turn ends. Calls after which nothing would be left for an answer are not made."""
    cut = _CUT_SHORT.get(heard.reason or "")
    after = left.less(heard.usage)
    limit = after.used_up if heard.calls else after.exceeded
    if limit is None and cut == "max_tokens" and left.bounds(request):
        limit = "max_completion_tokens"
    return Ending(cut=cut or ("max_tokens" if heard.calls and limit else None), limit=limit)


async def _listen(model: Model, request: ModelRequest, speech: Speech) -> _Heard:
    """One turn. Raises: ModelFault."""
    heard = _Heard()
    async with _closing(model.respond(request)) as events:
        async for event in events:
            match event:
                case TextPiece():
                    if event.text:
                        speech.add(event.text)
                case ThoughtPiece():
                    heard.think(event)
                case CallPiece():
                    heard.add(event)
                case Spent():
                    heard.usage = usage.of(event)  # the last word counts
                case Stop():
                    heard.reason, heard.model = event.reason, event.model
                    return heard
    raise ModelFault("The model stopped without an end.")


@asynccontextmanager
async def _closing(events: AsyncIterator[ModelEvent]) -> AsyncGenerator[AsyncIterator[ModelEvent]]:
    """Close what can be closed, at once and not when it is collected: a connection hangs on it."""
    try:
        yield events
    finally:
        close: Callable[[], Awaitable[None]] | None = getattr(events, "aclose", None)
        if close is not None:
            await close()


async def _together(jobs: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Do all at once; the first that raises ends the others."""
    tasks = [asyncio.create_task(job) for job in jobs]
    try:
        await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
