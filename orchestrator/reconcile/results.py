"""Carry out a plan. Each step stands for itself; what begins is recorded first, every outcome is told truthfully."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.errors import OrchestratorError, RefusedKey, TargetError
from orchestrator.reconcile.changes import Change, Create, Delete, Release
from orchestrator.reconcile.observed import Target
from orchestrator.reconcile.plans import Plan
from orchestrator.reconcile.recording import Forgetful, Recorder
from orchestrator.reconcile.writing import Patience, Writer, stamp_of, uncertain


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of one change. `error` None: done. `skipped`: not tried, since all was to stop.

    `unrecorded`: the change is done, but could not be written down.
    """

    change: Change
    error: OrchestratorError | None = None
    skipped: bool = False
    unrecorded: OrchestratorError | None = None

    @property
    def done(self) -> bool:
        """Whether the change was carried out."""
        return self.error is None and not self.skipped


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How an apply works.

    `concurrency`: changes at once; `failures`: so many may fail before nothing more is begun, None: any number;
    `stopping`: asked before each change; `progress`: told after each one, with how many are over, of how many.
    """

    concurrency: int = 16
    failures: int | None = None
    stopping: Callable[[], bool] = lambda: False
    progress: Callable[[Result, int, int], None] = lambda _result, _over, _all: None


async def apply(
    plan: Plan,
    target: Target,
    *,
    new_attempt: Callable[[], str],
    recorder: Recorder | None = None,
    pace: Pace | None = None,
    patience: Patience | None = None,
) -> list[Result]:
    """Carry out every change; results in the order of the plan.

    Writes come before deletes and releases. One failure does not stop the others; a refused key, a journal that cannot
    be written, too many failures or `stopping` let what is in flight end and begin nothing more.
    """
    writer = Writer(target, patience or Patience())
    work = _Work(plan, writer, recorder or Forgetful(), pace or Pace(), new_attempt)
    numbered = list(enumerate(plan.changes))
    writes = [step for step in numbered if not isinstance(step[1], Delete | Release)]
    ends = [step for step in numbered if isinstance(step[1], Delete | Release)]
    for queue in (writes, ends):
        async with asyncio.TaskGroup() as group:
            for _ in range(min(work.pace.concurrency, len(queue))):
                group.create_task(work.through(queue))
    return [work.results[index] for index, _ in numbered]


class _Work:
    """What the workers of one apply share."""

    def __init__(
        self, plan: Plan, writer: Writer, recorder: Recorder, pace: Pace, new_attempt: Callable[[], str]
    ) -> None:
        self.pace = pace
        self.results: dict[int, Result] = {}
        self._owner = plan.owner
        self._all = len(plan.changes)
        self._writer = writer
        self._recorder = recorder
        self._new_attempt = new_attempt
        self._failed = 0
        self._stopped = False

    async def through(self, queue: list[tuple[int, Change]]) -> None:
        while queue:
            index, change = queue.pop(0)
            skip = self._stopped or self.pace.stopping()
            result = Result(change=change, skipped=True) if skip else await self._carry_out(change)
            self._judge(result)
            self.results[index] = result
            if not result.skipped:
                self.pace.progress(result, len(self.results), self._all)

    def _judge(self, result: Result) -> None:
        """Stop when going on would do harm, or more than was allowed has failed."""
        self._failed += result.error is not None
        spent = self.pace.failures is not None and self._failed > self.pace.failures
        broken = result.error is not None and not isinstance(result.error, TargetError)
        refused = isinstance(result.error, RefusedKey)
        self._stopped = self._stopped or spent or broken or refused or result.unrecorded is not None

    async def _carry_out(self, change: Change) -> Result:
        attempt = self._new_attempt() if isinstance(change, Create) else ""
        stamp = stamp_of(change, self._owner, attempt)
        try:
            step = self._recorder.intend(change, attempt)
        except OrchestratorError as error:
            return Result(change=change, error=error)
        try:
            await self._writer.carry_out(change, stamp)
        except TargetError as error:
            return Result(change=change, error=error, unrecorded=self._failed_step(step, error, change))
        try:
            self._recorder.done(step, change, stamp)
        except OrchestratorError as error:
            return Result(change=change, unrecorded=error)
        return Result(change=change)

    def _failed_step(self, step: int, error: TargetError, change: Change) -> OrchestratorError | None:
        try:
            self._recorder.failed(step, error, open_=isinstance(change, Create) and uncertain(error))
        except OrchestratorError as unwritten:
            return unwritten
        return None
