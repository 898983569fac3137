"""Carries out runs inside this process: the `RunQueue` of a server that has its own database file.

The queue in memory is a convenience; what has to be done stands in the store, and `start` finds it there again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from orchestrator.errors import StoreError
from orchestrator.server import moves
from orchestrator.server.drive import Drive, Failed, Means
from orchestrator.server.entry import server_error
from orchestrator.server.hub import Hub
from orchestrator.server.ids import Clock, new_id
from orchestrator.server.line import Line, Waiting
from orchestrator.server.models.door import ModelFault, Models
from orchestrator.server.performers.door import Bounds, Call, Performer
from orchestrator.server.pictures import NoPictures, Pictures
from orchestrator.server.records import Json, Run
from orchestrator.server.store import assistants, runs
from orchestrator.server.store.door import Store, Tx
from orchestrator.server.store.runs import Lost
from orchestrator.server.telemetry import trail
from orchestrator.server.telemetry.alarms import Seldom
from orchestrator.server.telemetry.instruments import Instruments
from orchestrator.server.telemetry.traces import RUN_STATUS
from orchestrator.server.tokens import Counts
from orchestrator.server.turns import clean

RUNS = 160  # at a time; most of their time they wait for a model
SHARE = 0.8  # of them that one workspace may have
SWEEP_SECONDS = 1.0  # between two looks for runs whose time is over
HALT_SECONDS = 1.5  # that a cancelled run gets to wind down
RETRY_SECONDS = 1.0  # after which a run is tried again when the database failed
GRACE_SECONDS = 10.0  # that runs get when the server stops

_log = logging.getLogger(__name__)


class Worker:
    """Starts with `start`, ends with `stop`; both once. Runs that are enqueued before wait for the start."""

    def __init__(
        self,
        store: Store,
        hub: Hub,
        *,
        models: Models,
        performers: Sequence[Performer],
        bounds: Bounds,
        clock: Clock,
        limit: int = RUNS,
        share: int | None = None,
        sweep_seconds: float = SWEEP_SECONDS,
        instruments: Instruments | None = None,
        pictures: Pictures | None = None,
    ) -> None:
        self._store = store
        self._hub = hub
        self._clock = clock
        self._limit = limit
        self._sweep_seconds = sweep_seconds
        self._instruments = instruments or Instruments()
        self._means = Means(
            store=store,
            hub=hub,
            models=models,
            performers=performers,
            bounds=bounds,
            clock=clock,
            new_id=new_id,
            counts=Counts(),
            pictures=pictures or NoPictures(),
            draining=lambda: not self._running,
            traces=self._instruments.traces,
        )
        self._running = False
        self._troubled = Seldom()
        self._line = Line(min(share or max(1, round(limit * SHARE)), limit))
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._homes: dict[str, str] = {}  # run that has a task → its workspace
        self._kept = 0  # places for runs that are being created
        self._strays: set[asyncio.Task[None]] = set()  # that did not end when told to
        self._chores: set[asyncio.Task[None]] = set()
        self._cancelling: set[str] = set()
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take up every run that is not over, then look out for new ones. Raises: StoreError."""
        await self._expire()
        for run_id, workspace, status in await self._store.read(runs.unfinished):
            if status == "cancelling":
                await self._change(run_id, partial(moves.cancelled, run_id=run_id, now=self._clock()))
            elif status in ("queued", "in_progress"):
                self._line.add(Waiting(run_id=run_id, workspace=workspace, orphan=status == "in_progress"))
        self._running = True
        self._sweeper = asyncio.create_task(self._sweep(), name="sweep")
        self._pump()

    async def stop(self, grace: float = GRACE_SECONDS) -> None:
        """Let turns that are under way end within `grace` seconds; what is not over then goes on at the next start."""
        self._running = False
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.wait({self._sweeper})
        await _wait({*self._tasks.values(), *self._chores}, grace)
        rest = {*self._tasks.values(), *self._chores}
        for task in rest:
            task.cancel()
        await _wait(rest, HALT_SECONDS)
        self._hub.close()

    @property
    def works(self) -> bool:
        """Whether runs are carried out: it has started, and nothing ended it."""
        return self._running and self._sweeper is not None and not self._sweeper.done()

    @property
    def load(self) -> tuple[int, int]:
        """Runs that wait for a place, and runs that have one."""
        return len(self._line), len(self._tasks)

    def enqueue(self, run_id: str, workspace: str) -> None:
        """See that a queued run is carried out; workspaces take turns."""
        trail.run_id.set(run_id)
        self._line.add(Waiting(run_id=run_id, workspace=workspace, origin=self._instruments.origin()))
        self._pump()

    def admit(self, workspace: str) -> bool:
        """Keep a free place for a run that is about to be created; False: it has to wait in line."""
        if not self._running or self._full or not self._line.admit(workspace):
            return False
        self._kept += 1
        return True

    def carry(self, run: Run) -> None:
        """See that a run is carried on which was created, in progress, for a place that was kept."""
        trail.run_id.set(run.id)
        self._kept -= 1
        if self._running:
            self._begin(Waiting(run_id=run.id, workspace=run.workspace, origin=self._instruments.origin()), run)
        else:  # it goes on at the next start
            self._line.give_back(run.workspace)

    def withdraw(self, workspace: str) -> None:
        """Give back a place that was kept: the run was not created."""
        self._kept -= 1
        self._line.give_back(workspace)
        self._pump()

    def cancel(self, run_id: str) -> None:
        """See that a run whose status is `cancelling` stops, and then is `cancelled`."""
        if run_id not in self._cancelling:
            self._cancelling.add(run_id)
            self._chore(self._cancel(run_id))

    def _pump(self) -> None:
        """Begin what waits, as long as there is room. A run whose former task still winds down stays."""
        while self._running and not self._full:
            one = self._line.take(busy=self._tasks)
            if one is None:
                return
            self._begin(one)

    @property
    def _full(self) -> bool:
        return len(self._tasks) + self._kept >= self._limit

    def _begin(self, one: Waiting, claimed: Run | None = None) -> None:
        task = asyncio.create_task(self._carry(one, claimed), name=one.run_id)
        self._tasks[one.run_id], self._homes[one.run_id] = task, one.workspace
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._strays.discard(task)
        if self._tasks.get(task.get_name()) is task:
            self._give_up_place(task.get_name())
        if not task.cancelled() and task.exception() is not None:
            _log.error("run %s was dropped", task.get_name(), exc_info=task.exception())
        self._pump()

    def _give_up_place(self, run_id: str) -> None:
        del self._tasks[run_id]
        self._line.give_back(self._homes.pop(run_id))

    async def _carry(self, one: Waiting, claimed: Run | None) -> None:
        """One run from the claim to its end, or to where it waits."""
        trail.begin(request=one.origin.request_id, run=one.run_id, place=one.workspace)
        run = claimed or await self._claim(one)
        if run is None or run.status != "in_progress":
            return
        try:
            drive = await Drive.open(self._means, run)
            with self._means.traces.run(run, drive.assistant, one.origin.place) as mark:
                status = await drive.to_end()
                mark.note(RUN_STATUS, status)
            _log.info("carried on", extra={"status": status})
        except Lost:
            return
        except StoreError as error:
            self._later(one, error)
        except ModelFault as fault:
            _log.warning("the model did not answer: %s", fault.code, extra={"content": str(fault)})
            await self._fail(run, {"code": fault.code, "message": clean(str(fault))})
        except Failed as reason:
            await self._fail(run, {"code": reason.code, "message": clean(str(reason))}, reason.usage)
        except Exception:  # noqa: BLE001 - whatever it is, the run ends and the server goes on
            _log.exception("a run failed inside the server")
            await self._fail(run, server_error("The server failed while it carried out this run."))

    async def _claim(self, one: Waiting) -> Run | None:
        take = partial(moves.take_over, repeatable=self._repeatable) if one.orphan else moves.claim
        try:
            run = await self._store.write(partial(take, run_id=one.run_id, now=self._clock()))
        except Lost:
            return None
        except StoreError as error:
            self._later(one, error)
            return None
        self._hub.tell(run.id)
        return run

    def _repeatable(self, tx: Tx, run: Run, call: Call) -> bool:
        """Whether the performer of a call says that it may be made once more."""
        assistant = assistants.of_run(tx, run)
        performer = next((p for p in self._means.performers if p.performs(assistant, call)), None)
        return performer is not None and performer.repeatable(assistant, call)

    def _later(self, one: Waiting, error: StoreError) -> None:
        """Try again when the database has had time to recover."""
        if self._troubled.now():
            _log.warning("runs cannot go on yet, this and perhaps others: %s", error)
        asyncio.get_running_loop().call_later(RETRY_SECONDS, self._again, one)

    def _again(self, one: Waiting) -> None:
        """Whether the write that failed is on disk, nobody knows: the run may have no owner but a dead one."""
        self._line.add(replace(one, orphan=True))
        self._pump()

    async def _fail(self, run: Run, error: Json, used: Json | None = None) -> None:
        try:
            await self._store.write(partial(moves.fail, run=run, error=error, used=used, now=self._clock()))
        except Lost:
            return
        except StoreError as broken:
            self._later(Waiting(run_id=run.id, workspace=run.workspace), broken)
        self._hub.tell(run.id)

    async def _cancel(self, run_id: str) -> None:
        try:
            await self._halt(run_id)
            done = await self._change(run_id, partial(moves.cancelled, run_id=run_id, now=self._clock()))
            if not done and self._running:
                asyncio.get_running_loop().call_later(RETRY_SECONDS, self.cancel, run_id)
        finally:
            self._cancelling.discard(run_id)

    async def _halt(self, run_id: str) -> None:
        """End a run's task; one that does not end loses its place, and whatever it does later has no effect."""
        task = self._tasks.get(run_id)
        if task is None:
            return
        task.cancel()
        await _wait({task}, HALT_SECONDS)
        if not task.done():
            _log.warning("run %s does not stop; it is left alone", run_id)
            self._strays.add(task)
            if self._tasks.get(run_id) is task:
                self._give_up_place(run_id)
            self._pump()

    async def _sweep(self) -> None:
        """End runs whose time is over, wherever they are."""
        while True:
            try:
                await self._expire()
            except StoreError as error:
                if self._troubled.now():
                    _log.warning("no look for runs whose time is over: %s", error)
            except Exception:  # noqa: BLE001 - the next look may go well
                _log.exception("the look for runs whose time is over failed")
            await asyncio.sleep(self._sweep_seconds)

    async def _expire(self) -> None:
        for run_id in await self._store.read(partial(runs.due, now=self._clock())):
            await self._change(run_id, partial(moves.expire, run_id=run_id, now=self._clock()))
            self._chore(self._halt(run_id))

    async def _change(self, run_id: str, unit: partial[None]) -> bool:
        """Carry out a unit and tell; False when the database failed. That the run has moved on is no error here."""
        try:
            await self._store.write(unit)
        except Lost:
            return True
        except StoreError as error:
            if self._troubled.now():
                _log.warning("run %s, and perhaps others, cannot be changed: %s", run_id, error)
            return False
        self._hub.tell(run_id)
        return True

    def _chore(self, job: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(job)
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)


async def _wait(tasks: set[asyncio.Task[None]], seconds: float) -> None:
    if tasks:
        await asyncio.wait(tasks, timeout=seconds)
