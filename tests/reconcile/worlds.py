"""Worlds for the reconciler: wanted assistants by hand, and a target that dies at a chosen request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeVar

from orchestrator.diagnostics import Span
from orchestrator.errors import Unreachable
from orchestrator.reconcile.body import Body
from orchestrator.reconcile.desired import Desired
from orchestrator.reconcile.observed import Observed, Target
from orchestrator.reconcile.plans import Plan, plan
from orchestrator.reconcile.recording import Recorder
from orchestrator.reconcile.results import Pace, Result, apply
from orchestrator.reconcile.stamp import Stamp
from orchestrator.reconcile.writing import Patience
from orchestrator.targets.memory import MemoryTarget

T = TypeVar("T")
OWNER = "shop/production"


@dataclass(frozen=True)
class At:
    span: Span


def desired(name: str, **changes: Any) -> Desired:
    """One wanted assistant; `changes` go to its body."""
    body = {"model": "qwen-plus", "name": name, "instructions": f"You are {name}.", **changes}
    return Desired(name=name, body=body, source=At(Span(file="assistants.d/a.yaml")))


def many(number: int, **changes: Any) -> list[Desired]:
    return [desired(f"assistant-{i:03}", **changes) for i in range(number)]


class Died(BaseException):
    """The process is gone; nothing may catch this."""


class Breaking(MemoryTarget):
    """A memory target at whose `at`-th request something happens: before it is carried out, or after."""

    def arm(self, at: int | None, *, after: bool, raises: Callable[[], BaseException]) -> None:
        self.requests, self._at, self._after, self._raises = 0, at, after, raises

    async def _passing(self, request: Callable[[], Awaitable[T]]) -> T:
        self.requests += 1
        hit = self.requests == self._at
        if hit and not self._after:
            raise self._raises()
        answer = await request()
        if hit:
            raise self._raises()
        return answer

    async def observe(self) -> Sequence[Observed]:
        return await self._passing(super().observe)

    async def create(self, body: Body, stamp: Stamp) -> Observed:
        return await self._passing(lambda: MemoryTarget.create(self, body, stamp))

    async def update(self, id: str, body: Body, stamp: Stamp | None) -> Observed:
        return await self._passing(lambda: MemoryTarget.update(self, id, body, stamp))

    async def delete(self, id: str) -> None:
        await self._passing(lambda: MemoryTarget.delete(self, id))


def breaking() -> Breaking:
    target = Breaking()
    target.arm(None, after=False, raises=Died)
    return target


def lost_answer() -> Unreachable:
    return Unreachable("No answer: the connection broke.", sent=True)


_attempts = count(1)


async def converge(
    target: Target, wanted: Sequence[Desired], *, prune: bool = False, recorder: Recorder | None = None
) -> tuple[Plan, list[Result]]:
    """One apply, as a command does it."""
    planned = plan(wanted, await target.observe(), owner=OWNER, prune=prune)
    results = await apply(
        planned,
        target,
        new_attempt=lambda: f"try-{next(_attempts)}",
        recorder=recorder,
        pace=Pace(concurrency=4),
        patience=Patience(grace=0),
    )
    return planned, results


async def names(target: Target) -> list[str]:
    return sorted(o.stamp.manifest for o in await target.observe() if o.stamp)
