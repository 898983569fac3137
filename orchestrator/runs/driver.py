"""Drive one run to its end: say something, follow the run, answer the calls it asks for.

Events are hints, the run is the truth: when a stream breaks off, the run itself is asked until it is settled.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

import anyio

from orchestrator.errors import NotFound, RefusedKey, RunError, TargetError
from orchestrator.runs.lifecycle import Answer, Call, Finished, State, Wait, as_object, read
from orchestrator.runs.telling import Ended, Happening, RunEvent, Teller
from orchestrator.wire.events import ERROR
from orchestrator.wire.runs import RUN_SECONDS

ROUNDS = 16  # times that a run may ask for outputs
_PATIENCE = RUN_SECONDS + 30  # seconds after which a run that we ask about must have expired
_PATIENCE_AFTER_ERROR = 30.0  # seconds, when the server itself said that something broke
_CANCEL_SECONDS = 5.0

Perform = Callable[[str, str], Awaitable[str | None]]
Notice = Callable[[str], object]
Sleep = Callable[[float], Awaitable[object]]


class RunsApi(Protocol):
    """A place where runs happen. All raise TargetError; the streams also in their middle."""

    async def create_thread(self) -> str:
        """A new thread's id."""
        ...

    async def add_message(self, thread_id: str, text: str) -> None:
        """Say something as the user."""
        ...

    def start_run(self, thread_id: str, assistant_id: str, **options: object) -> AsyncGenerator[RunEvent]:
        """Begin a run; its events until it is over or asks for outputs."""
        ...

    def submit_tool_outputs(
        self, thread_id: str, run_id: str, outputs: Sequence[tuple[str, str]]
    ) -> AsyncGenerator[RunEvent]:
        """Answer all calls as pairs of call id (may be empty) and output; the events that follow."""
        ...

    async def retrieve_run(self, thread_id: str, run_id: str) -> Mapping[str, Any]:
        """The run as it stands."""
        ...

    async def cancel_run(self, thread_id: str, run_id: str) -> None:
        """Ask for the end of a run."""
        ...

    async def latest_message(self, thread_id: str) -> Mapping[str, Any] | None:
        """The newest message of a thread."""
        ...


async def drive(
    api: RunsApi,
    *,
    thread_id: str,
    assistant_id: str,
    text: str,
    perform: Perform | None = None,
    notice: Notice | None = None,
    rounds: int = ROUNDS,
    options: Mapping[str, object] | None = None,
    sleep: Sleep = anyio.sleep,
) -> AsyncGenerator[Happening]:
    """Say `text`, and tell what happens until the run is over. Close it (`aclosing`) to cancel the run.

    Args:
        api: Where the run happens.
        thread_id: Its thread.
        assistant_id: Who answers.
        text: What the user says.
        perform: Answers a call by name and JSON arguments; None for a function that is not bound. Must not raise.
        notice: Told, in a sentence, what went wrong on the way without being the end.
        rounds: How often the run may ask for outputs.
        options: More fields of the run (`model`, `instructions`, …).
        sleep: Waits some seconds.

    Yields:
        `Said`, `Called`, `CallDone` as they come, last `Ended`.

    Raises:
        RunError: the run failed, expired, was cancelled, or asks for a function that nobody answers.
        TargetError: the API did not do it.
    """
    await api.add_message(thread_id, text)
    run = _Run(api=api, thread_id=thread_id, notice=notice or _ignore, sleep=sleep)
    events = api.start_run(thread_id, assistant_id, **(options or {}))
    try:
        for answered in itertools.count():
            async with aclosing(run.follow(events)) as happenings:
                async for happening in happenings:
                    yield happening
            if isinstance(run.state, Finished):
                yield _end(run.state, run.teller)
                return
            if answered == rounds:
                raise RunError(f"The run asked for outputs more than {rounds} times.", hint="raise limits.toolRounds")
            for happening in run.asked():
                yield happening
            for happening in await run.answer(perform):
                yield happening
            events = api.submit_tool_outputs(thread_id, run.teller.run_id, run.submission())
    except BaseException:
        await run.abandon()
        raise


@dataclass(kw_only=True)
class _Run:
    """One run while it is driven."""

    api: RunsApi
    thread_id: str
    notice: Notice
    sleep: Sleep
    teller: Teller = field(default_factory=Teller)
    state: State = field(default_factory=lambda: Wait(status="queued"))
    calls: tuple[Call, ...] = ()
    outputs: list[str] = field(default_factory=list[str])
    heard: bool = False  # an event came since the last request
    broken: TargetError | None = None  # what ended the last stream

    async def follow(self, events: AsyncGenerator[RunEvent]) -> AsyncGenerator[Happening]:
        """Tell the events of one stream; afterwards `state` is settled."""
        complaint: str | None = None
        self.heard, self.broken, self.teller.run = False, None, {}
        try:
            async with aclosing(events):
                async for event in events:
                    self.heard = True
                    if event.name == ERROR:
                        complaint = _complaint(event.data)
                        break
                    for happening in self.teller.take(event):
                        yield happening
        except TargetError as error:
            self._forgive(error)
        self.state = read(self.teller.run) if self.teller.run else Wait(status="queued")
        if isinstance(self.state, Wait):
            await self._settle(complaint)
            async for happening in self._rest():
                yield happening

    def _forgive(self, error: TargetError) -> None:
        """A stream that broke is no harm once the run is known; a refused key or a run that is gone is."""
        if not self.teller.run_id or isinstance(error, NotFound | RefusedKey):
            raise error
        self.broken = error

    async def _settle(self, complaint: str | None) -> None:
        """Ask for the run until it is over or wants outputs."""
        if not self.teller.run_id:
            raise RunError(complaint or "The stream ended before the run was told.")
        self.notice(f"The stream broke off ({complaint or self.broken or 'no end'}); asking for the run instead.")
        patience = _PATIENCE_AFTER_ERROR if complaint else _PATIENCE
        for delay in _delays(patience):
            await self.sleep(delay)
            self.teller.run = await self._retrieve(complaint)
            self.state = read(self.teller.run)
            if not isinstance(self.state, Wait):
                return
        status = self.teller.run.get("status")
        raise RunError(complaint or f"The run is still {status} after {patience:.0f} s.")

    async def _retrieve(self, complaint: str | None) -> Mapping[str, Any]:
        try:
            return await self.api.retrieve_run(self.thread_id, self.teller.run_id)
        except TargetError as error:
            if complaint:
                raise RunError(complaint) from error
            raise

    async def _rest(self) -> AsyncGenerator[Happening]:
        """What the stream did not come to tell: the end of the answer."""
        if not isinstance(self.state, Finished):
            return
        message = await self.api.latest_message(self.thread_id)
        if message is not None and self.teller.is_own(message):
            for happening in self.teller.message(message):
                yield happening

    def _was_lost(self) -> bool:
        """The run asks for the very calls that we answered, and nothing was heard since: our request got lost."""
        same = isinstance(self.state, Answer) and self.state.calls == self.calls and not self.heard
        if same and self.broken is not None and not self.broken.temporary:
            raise self.broken
        return same

    def asked(self) -> Iterator[Happening]:
        """The calls to be answered, unless they were told already."""
        if isinstance(self.state, Answer) and not self._was_lost():
            yield from self.teller.calls(self.state.calls)

    async def answer(self, perform: Perform | None) -> list[Happening]:
        """Perform all calls at once; a request that got lost is repeated with the outputs we have."""
        if not isinstance(self.state, Answer) or self._was_lost():
            return []
        self.calls = self.state.calls
        self.outputs = await _perform_all(self.calls, perform)
        return list(self.teller.outputs(self.calls, self.outputs))

    def submission(self) -> list[tuple[str, str]]:
        """What goes to the server."""
        return [(call.id, output) for call, output in zip(self.calls, self.outputs, strict=True)]

    async def abandon(self) -> None:
        """Nobody will answer this run any more: end it, so that its thread is free again."""
        if not self.teller.run_id or isinstance(self.state, Finished):
            return
        with anyio.CancelScope(shield=True), anyio.move_on_after(_CANCEL_SECONDS), suppress(TargetError):
            await self.api.cancel_run(self.thread_id, self.teller.run_id)


async def _perform_all(calls: tuple[Call, ...], perform: Perform | None) -> list[str]:
    outputs: list[str | None] = [None] * len(calls)

    async def one(place: int, call: Call, perform: Perform) -> None:
        outputs[place] = await perform(call.name, call.arguments)

    if perform is not None:
        async with anyio.create_task_group() as tasks:
            for place, call in enumerate(calls):
                tasks.start_soon(one, place, call, perform)
    answered = [output for output in outputs if output is not None]
    if len(answered) < len(calls):
        raise _unbound([call.name for call, output in zip(calls, outputs, strict=True) if output is None])
    return answered


def _unbound(names: Sequence[str]) -> RunError:
    listed = ", ".join(f"'{name}'" for name in dict.fromkeys(names))
    return RunError(
        f"The run asks for {listed}, and no function is bound to that name.",
        hint=f"bind it: a manifest of kind Tool with metadata.name: {names[0]} and spec.function: PLUGIN.FUNCTION",
    )


def _end(state: Finished, teller: Teller) -> Ended:
    if not state.ok:
        word = {"failed": "failed", "expired": "expired", "cancelled": "was cancelled"}.get(state.status, "broke off")
        raise RunError(f"The run {word}" + (f": {state.error}" if state.error else "."))
    return Ended(run=teller.run_id, status=state.status, usage=as_object(teller.run.get("usage")))


def _complaint(data: Mapping[str, Any]) -> str:
    told = as_object(data.get("error")) or data  # OpenAI's dialect nests it
    parts = [str(part) for part in (told.get("code"), told.get("message")) if part]
    return "The server reports: " + (": ".join(parts) or "an error without a text")


def _delays(patience: float) -> Iterator[float]:
    waited, delay = 0.0, 0.5
    while waited < patience:
        yield delay
        waited += delay
        delay = min(delay * 2, 5.0)


def _ignore(_: str) -> None:
    return
