"""What can be done with runs. Raises: Fault (a request is refused), StoreError (the database fails).

A run that was accepted is on disk before anybody is told its id; then it is handed to the queue.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from orchestrator.server import moves
from orchestrator.server.hub import Hub
from orchestrator.server.ids import Clock, new_id
from orchestrator.server.performers.door import Bounds
from orchestrator.server.queue import RunQueue
from orchestrator.server.records import Assistant, Event, Json, Page, Run, Step, Thread
from orchestrator.server.service.caller import ANYBODY, Caller, refuse_if_full
from orchestrator.server.service.checks import check_messages, check_metadata, check_tools
from orchestrator.server.service.fields import laid_over, once
from orchestrator.server.service.listing import Listed
from orchestrator.server.service.threads import new_thread
from orchestrator.server.store import assistants, threads
from orchestrator.server.store import events as log
from orchestrator.server.store import runs as table
from orchestrator.server.store.door import Store, Tx
from orchestrator.server.store.events import Told
from orchestrator.server.store.runs import Wanted
from orchestrator.server.store.threads import NewMessage
from orchestrator.tools.kind import as_object
from orchestrator.wire.events import THREAD_CREATED, run_event
from orchestrator.wire.faults import Fault, invalid, missing
from orchestrator.wire.outputs import tidy
from orchestrator.wire.runs import TERMINAL

__all__ = ["NewRun", "Runs", "ToolOutput", "Wanted"]

BATCH = 256  # events that are read at once
LISTEN_SECONDS = 5.0  # after which a listener looks by itself

_RESTS = frozenset({*TERMINAL, "requires_action"})
_ENDINGS = frozenset(map(run_event, _RESTS))


def _no_json() -> Json:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRun:
    """A run that is to be created. None: the assistant's value holds.

    `settings` and `options` are laid over the assistant's; files of the thread come after those of the assistant.
    """

    assistant_id: str
    model: str | None = None
    instructions: str | None = None
    additional_instructions: str | None = None
    tools: tuple[Json, ...] | None = None
    file_ids: tuple[str, ...] | None = None
    metadata: Json = field(default_factory=_no_json)
    settings: Json = field(default_factory=_no_json)
    options: Json = field(default_factory=_no_json)
    additional_messages: tuple[NewMessage, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolOutput:
    """The client's output of a call. Without an id it belongs to the call at its place."""

    output: str
    call_id: str | None = None


class Runs:
    """The runs of all workspaces; each call concerns one workspace, but `events`."""

    def __init__(self, store: Store, *, queue: RunQueue, hub: Hub, bounds: Bounds, clock: Clock) -> None:
        self._store = store
        self._queue = queue
        self._hub = hub
        self._bounds = bounds
        self._clock = clock

    def over(self, store: Store) -> Runs:
        """The same on another store."""
        return Runs(store, queue=self._queue, hub=self._hub, bounds=self._bounds, clock=self._clock)

    async def create(self, workspace: str, thread_id: str, new: NewRun, caller: Caller = ANYBODY) -> Run:
        """A new run of a thread. Refused while another one is active."""
        return await self._create(workspace, new, caller, lambda tx: (threads.get(tx, workspace, thread_id), ()))

    async def create_with_thread(
        self,
        workspace: str,
        new: NewRun,
        metadata: Json | None = None,
        messages: Iterable[NewMessage] = (),
        *,
        file_ids: Iterable[str] = (),
        resources: Json | None = None,
        caller: Caller = ANYBODY,
    ) -> Run:
        """A new run of a new thread, both or neither."""
        place = new_thread(metadata, messages, file_ids, resources)
        now = self._clock()

        def thread(tx: Tx) -> tuple[Thread, tuple[Told, ...]]:
            made = threads.create(tx, workspace, place, now)
            return made, ((THREAD_CREATED, made),)

        return await self._create(workspace, new, caller, thread)

    async def _create(
        self, workspace: str, new: NewRun, caller: Caller, thread: Callable[[Tx], tuple[Thread, tuple[Told, ...]]]
    ) -> Run:
        check_metadata(new.metadata)
        check_messages(new.additional_messages)
        check_tools((*(new.tools or ()), as_object(new.options.get("tool_choice"))))
        now = self._clock()
        admitted = self._queue.admit(workspace)
        begun: list[Run] = []  # stays empty when the store has known the request before

        def unit(tx: Tx) -> Run:
            assistant = assistants.get(tx, workspace, new.assistant_id)
            place, told = thread(tx)
            _refuse_if_busy(tx, place.id)
            refuse_if_full(tx, workspace, caller)
            for message in new.additional_messages:
                threads.add_message(tx, place, message, now)
            run = _effective(new, assistant, place, now, self._bounds.limits(assistant).run_seconds)
            run = replace(run, key_id=caller.key_id)
            if admitted:
                begun.append(moves.create_begun(tx, run, told, now))
            else:
                moves.create(tx, run, told)
            return run

        try:
            run = await self._store.write(unit)
        except BaseException:
            if admitted:
                self._queue.withdraw(workspace)
            raise
        self._hand_over(run, begun[0] if begun else None, admitted=admitted)
        await asyncio.sleep(0)  # it is begun while the answer is made: the first token comes sooner
        return run

    def _hand_over(self, run: Run, begun: Run | None, *, admitted: bool) -> None:
        """See that a new run is carried out: from its place, or from the line."""
        if begun is not None:
            self._queue.carry(begun)
            return
        if admitted:
            self._queue.withdraw(run.workspace)
        self._queue.enqueue(run.id, run.workspace)

    async def get(self, workspace: str, thread_id: str, run_id: str) -> Run:
        """The run."""
        return await self._store.read(lambda tx: _run(tx, workspace, thread_id, run_id))

    async def list(self, workspace: str, thread_id: str, page: Page) -> Listed[Run]:
        """Some runs of a thread, by creation."""

        def unit(tx: Tx) -> Listed[Run]:
            threads.get(tx, workspace, thread_id)
            return table.page(tx, thread_id, page)

        return await self._store.read(unit)

    async def list_all(self, workspace: str, page: Page, wanted: Wanted) -> Listed[Run]:
        """Some runs of the whole workspace, by creation."""
        return await self._store.read(lambda tx: table.page_of_workspace(tx, workspace, wanted, page))

    async def update(self, workspace: str, thread_id: str, run_id: str, metadata: Json) -> Run:
        """Replace the metadata, whatever the run's status."""
        check_metadata(metadata)
        return await self._store.write(
            lambda tx: table.change(tx, _run(tx, workspace, thread_id, run_id), metadata=metadata)
        )

    async def cancel(self, workspace: str, thread_id: str, run_id: str) -> Run:
        """Cancel the run; it is `cancelled` at once, or `cancelling` and soon `cancelled`.

        Asked again it is given back as it is. Refused when the run has come to another end: it was not cancelled.
        """
        now = self._clock()

        def unit(tx: Tx) -> Run:
            run = _run(tx, workspace, thread_id, run_id)
            if run.status in ("cancelling", "cancelled"):
                return run
            if run.status in TERMINAL:
                raise invalid(f"Cannot cancel run with status '{run.status}'.")
            return moves.cancel(tx, run, now)

        run = await self._store.write(unit)
        self._hub.tell(run.id)
        if run.status == "cancelling":
            self._queue.cancel(run.id)
        return run

    async def cancel_active(self, workspace: str, thread_id: str) -> None:
        """Cancel the run that is active on a thread, if there is one."""

        def unit(tx: Tx) -> str | None:
            return threads.active_run(tx, threads.get(tx, workspace, thread_id).id)

        active = await self._store.read(unit)
        if active is not None:
            with suppress(Fault):  # it ended in the meantime
                await self.cancel(workspace, thread_id, active)

    async def submit_tool_outputs(
        self, workspace: str, thread_id: str, run_id: str, outputs: Sequence[ToolOutput]
    ) -> Run:
        """Give the outputs that the run waits for, all of them; the run is queued again."""
        run, _ = await self.submit_and_listen(workspace, thread_id, run_id, outputs)
        return run

    async def submit_and_listen(
        self, workspace: str, thread_id: str, run_id: str, outputs: Sequence[ToolOutput]
    ) -> tuple[Run, int]:
        """Give the outputs; also the number of the last event before them."""
        now = self._clock()

        def unit(tx: Tx) -> tuple[Run, int]:
            run = _run(tx, workspace, thread_id, run_id)
            if run.status != "requires_action":
                raise invalid(f"Runs in status '{run.status}' do not accept tool outputs.")
            largest = self._bounds.limits(assistants.of_run(tx, run)).output_bytes
            before = log.latest(tx, run.id)
            return moves.submit(tx, run, match_outputs(run, outputs, largest), now), before

        run, before = await self._store.write(unit)
        self._hub.tell(run.id)
        self._queue.enqueue(run.id, run.workspace)
        return run, before

    async def list_steps(self, workspace: str, thread_id: str, run_id: str, page: Page) -> Listed[Step]:
        """Some steps of a run, by creation."""
        return await self._store.read(lambda tx: table.step_page(tx, _run(tx, workspace, thread_id, run_id).id, page))

    async def get_step(self, workspace: str, thread_id: str, run_id: str, step_id: str) -> Step:
        """One step of a run."""

        def unit(tx: Tx) -> Step:
            step = table.step(tx, _run(tx, workspace, thread_id, run_id).id, step_id)
            if step is None:
                raise missing("run step")
            return step

        return await self._store.read(unit)

    async def latest_seq(self, workspace: str, thread_id: str, run_id: str) -> int:
        """The number of the run's last event so far."""
        return await self._store.read(lambda tx: log.latest(tx, _run(tx, workspace, thread_id, run_id).id))

    async def heard(self, workspace: str, thread_id: str, run_id: str, seq: int) -> str:
        """The name of the run's event number `seq`, empty for 0. Raises: Fault when it has told no such event."""

        def unit(tx: Tx) -> str:
            run = _run(tx, workspace, thread_id, run_id)
            name = log.name(tx, run.id, seq) if seq else ""
            if name is None:
                raise invalid(f"The run has told no event with the id {seq}.", "after")
            return name

        return await self._store.read(unit)

    async def events(self, run_id: str, after: int = 0) -> AsyncGenerator[Event]:
        """The run's events one by one; see `news`."""
        async with aclosing(self.news(run_id, after)) as news:
            async for batch in news:
                for event in batch:
                    yield event

    async def news(self, run_id: str, after: int = 0, *, through: bool = False) -> AsyncGenerator[Sequence[Event]]:
        """The run's events that follow number `after`, in order and without gaps, as they come, some at a time.

        Ends behind the event that ends the run or makes it wait for the client; early when the server stops. With
        `through` it goes on behind a wait that is over.
        """
        with self._hub.listen(run_id) as ear:
            known = False  # that nothing lies between `after` and what the ear is handed
            while True:
                found, resting = ear.take(after) if known else None, False
                if found is None:
                    found, resting = await self._store.read(partial(_news, run_id=run_id, after=after))
                if not through:
                    found = _to_the_end(found)
                if found:
                    yield found
                    after = found[-1].seq
                if found and found[-1].name in _ENDINGS and not through:
                    return
                if resting and len(found) < BATCH:
                    return
                known = len(found) < BATCH and not (found and found[-1].name in _ENDINGS)
                if known and self._hub.closed:
                    return
                known = known and await ear.hears(LISTEN_SECONDS)


def _to_the_end(found: Sequence[Event]) -> Sequence[Event]:
    """The events as far as the first that ends a stream."""
    end = next((place for place, event in enumerate(found) if event.name in _ENDINGS), len(found))
    return found[: end + 1]


def match_outputs(run: Run, outputs: Sequence[ToolOutput], largest: int) -> dict[str, str]:
    """The outputs, tidied, by call id: those with an id first, then the others in order.

    Raises: Fault unless all are there.
    """
    pending = [str(call["id"]) for call in run.required_action]
    matched: dict[str, str] = {}
    for given in outputs:
        if given.call_id:
            if given.call_id not in pending:
                raise invalid(f"The run does not wait for a tool call '{given.call_id}'.", "tool_outputs")
            if given.call_id in matched:
                raise invalid(f"There are two outputs for the tool call '{given.call_id}'.", "tool_outputs")
            matched[given.call_id] = tidy(given.output, largest)
    nameless = [given for given in outputs if not given.call_id]
    free = [call_id for call_id in pending if call_id not in matched]
    if len(nameless) > len(free):
        raise invalid(f"The run waits for {len(pending)} tool outputs, {len(outputs)} were given.", "tool_outputs")
    matched.update((call_id, tidy(given.output, largest)) for call_id, given in zip(free, nameless, strict=False))
    lacking = [call_id for call_id in pending if call_id not in matched]
    if lacking:
        raise invalid(f"All tool outputs must come together; missing: {', '.join(lacking)}.", "tool_outputs")
    return matched


def _run(tx: Tx, workspace: str, thread_id: str, run_id: str) -> Run:
    """The run. Raises: Fault when it, or its thread, is missing."""
    threads.get(tx, workspace, thread_id)
    run = table.get(tx, workspace, thread_id, run_id)
    if run is None:
        raise missing("run")
    return run


def _refuse_if_busy(tx: Tx, thread_id: str) -> None:
    active = threads.active_run(tx, thread_id)
    if active is not None:
        raise Fault("busy", f"Thread {thread_id} already has an active run {active}.", detail={"run_id": active})


def _effective(new: NewRun, assistant: Assistant, thread: Thread, now: int, seconds: float) -> Run:
    """The run with the values that will hold for it from now on."""
    instructions = [new.instructions or assistant.instructions, new.additional_instructions]
    return Run(
        id=new_id("run"),
        workspace=thread.workspace,
        thread_id=thread.id,
        assistant_id=assistant.id,
        created_at=now,
        status="queued",
        epoch=0,
        model=new.model or assistant.model,
        instructions="\n\n".join(text for text in instructions if text) or None,
        tools=assistant.tools if new.tools is None else new.tools,
        file_ids=once((*(assistant.file_ids if new.file_ids is None else new.file_ids), *thread.file_ids)),
        metadata=new.metadata,
        settings=laid_over(assistant.settings, _given(new.settings)),
        options=laid_over(assistant.options, _given(new.options)),
        expires_at=now + round(seconds * 1000),
    )


def _given(fields: Mapping[str, Any]) -> Json:
    return {name: value for name, value in fields.items() if value is not None}


def _news(tx: Tx, run_id: str, after: int) -> tuple[list[Event], bool]:
    """Events of a run that follow, and whether it rests: none will come until a client does something."""
    run = table.find(tx, run_id)
    if run is None:
        raise missing("run")
    return log.after(tx, run, after, BATCH), run.status in _RESTS
