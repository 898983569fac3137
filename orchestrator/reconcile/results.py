"""Carry out a plan: the only file here that awaits. Each step stands for itself; every outcome is told truthfully."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import assert_never

from orchestrator.errors import RefusedKey, SlowDown, TargetError
from orchestrator.reconcile.body import Body
from orchestrator.reconcile.changes import Change, Create, Delete, Update, stamp_for
from orchestrator.reconcile.observed import Observed, Target
from orchestrator.reconcile.plans import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of one change. `error` None: done. `skipped`: not tried, since all was to stop."""

    change: Change
    error: TargetError | None = None
    skipped: bool = False

    @property
    def done(self) -> bool:
        """Whether the change was carried out."""
        return self.error is None and not self.skipped


CREATE_ATTEMPTS = 3
LOOK_AGAIN_SECONDS = 0.5


async def apply(
    plan: Plan,
    target: Target,
    *,
    new_attempt: Callable[[], str],
    concurrency: int = 16,
    stopping: Callable[[], bool] = lambda: False,
) -> list[Result]:
    """Carry out every change, at most `concurrency` at once; results in the order of the plan.

    Writes come before deletes. One failure does not stop the others; a refused key, or `stopping`, lets what is in
    flight end and begins nothing more.
    """
    writer = _Writer(target, plan.owner, new_attempt)
    results: dict[int, Result] = {}
    stopped = False

    async def work(queue: list[tuple[int, Change]]) -> None:
        nonlocal stopped
        while queue:
            index, change = queue.pop(0)
            skip = stopped or stopping()
            result = Result(change=change, skipped=True) if skip else await _outcome(writer, change)
            stopped = stopped or isinstance(result.error, RefusedKey)
            results[index] = result

    numbered: list[tuple[int, Change]] = list(enumerate(plan.changes))
    writes = [step for step in numbered if not isinstance(step[1], Delete)]
    deletes = [step for step in numbered if isinstance(step[1], Delete)]
    for queue in (writes, deletes):
        async with asyncio.TaskGroup() as group:
            for _ in range(min(concurrency, len(queue))):
                group.create_task(work(queue))
    return [results[index] for index, _ in numbered]


async def _outcome(writer: _Writer, change: Change) -> Result:
    try:
        await writer.carry_out(change)
    except TargetError as error:
        return Result(change=change, error=error)
    return Result(change=change)


class _Writer:
    def __init__(self, target: Target, owner: str, new_attempt: Callable[[], str]) -> None:
        self._target = target
        self._owner = owner
        self._new_attempt = new_attempt
        self._look = asyncio.Lock()

    async def carry_out(self, change: Change) -> None:
        match change:
            case Create():
                await self._create(change)
            case Update():
                await self._update(change)
            case Delete():
                await self._target.delete(change.before.id)
            case _:
                assert_never(change)

    async def _create(self, change: Create) -> None:
        """Create once; after a lost answer look whether it is there before anything is sent again."""
        attempt = self._new_attempt()
        stamp = stamp_for(change.after, self._owner, revision=1, attempt=attempt)
        for number in range(1, CREATE_ATTEMPTS + 1):
            try:
                await self._target.create(change.after.body, stamp)
            except TargetError as error:
                if not error.temporary or not error.sent or isinstance(error, SlowDown):
                    raise  # surely not carried out, and the target has tried often enough
                lost = error
            else:
                return
            if await self._arrived(attempt):
                return
            if number == CREATE_ATTEMPTS:
                raise lost
            await asyncio.sleep(max(lost.retry_after or 0.0, LOOK_AGAIN_SECONDS * number))

    async def _arrived(self, attempt: str) -> bool:
        async with self._look:  # a burst of lost answers must not list everything many times at once
            found = await self._target.observe()
        return _with_attempt(found, attempt) is not None

    async def _update(self, change: Update) -> None:
        before = change.before
        revision = before.stamp.revision + 1 if before.stamp else 1
        attempt = before.stamp.attempt if before.stamp else ""
        stamp = stamp_for(change.after, self._owner, revision=revision, attempt=attempt)
        await self._target.update(before.id, _with_metadata(change.after.body, before), stamp)


def _with_metadata(body: Body, before: Observed) -> Body:
    """Metadata is written whole, since the stamp is in it: pairs that nobody manages stay as they are."""
    return body if "metadata" in body else {**body, "metadata": before.body.get("metadata") or {}}


def _with_attempt(found: Sequence[Observed], attempt: str) -> Observed | None:
    return next((o for o in found if o.stamp is not None and o.stamp.attempt == attempt), None)
