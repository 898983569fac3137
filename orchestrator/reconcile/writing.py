"""Writes one change. A create is sent once; after a lost answer the target is asked before it is sent again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import assert_never

from orchestrator.errors import CannotUnderstand, SlowDown, TargetError
from orchestrator.reconcile.body import Body
from orchestrator.reconcile.changes import Change, Create, Delete, Release, Update, stamp_for
from orchestrator.reconcile.observed import Observed, Target
from orchestrator.reconcile.stamp import Stamp

CREATE_ATTEMPTS = 3
LOOK_AGAIN_SECONDS = 0.5
LONGEST_LOOK_SECONDS = 8.0
GRACE_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a list may lag behind: within `grace` seconds of a create whose answer was lost none is sent again."""

    grace: float = GRACE_SECONDS
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    clock: Callable[[], float] = time.monotonic


class Writer:
    """Carries out changes of one owner at one target."""

    def __init__(self, target: Target, patience: Patience) -> None:
        self._target = target
        self._patience = patience
        self._look = asyncio.Lock()

    async def carry_out(self, change: Change, stamp: Stamp | None) -> None:
        """Write one change with its stamp (None for a delete and a release)."""
        if isinstance(change, Delete):
            await self._target.delete(change.before.id)
        elif isinstance(change, Release):
            await self._target.update(change.before.id, {"metadata": change.before.body.get("metadata") or {}}, None)
        elif stamp is not None:
            await self._write(change, stamp)

    async def _write(self, change: Create | Update, stamp: Stamp) -> None:
        match change:
            case Create():
                await self._create(change.after.body, stamp)
            case Update():
                await self._target.update(change.before.id, _with_metadata(change.after.body, change.before), stamp)
            case _:
                assert_never(change)

    async def _create(self, body: Body, stamp: Stamp) -> None:
        for number in range(1, CREATE_ATTEMPTS + 1):
            sent_at = self._patience.clock()
            try:
                await self._target.create(body, stamp)
            except TargetError as error:
                if not uncertain(error):
                    raise  # surely not carried out, and the target has tried often enough
                lost = error
            else:
                return
            try:
                arrived = await self._arrives(stamp.attempt, sent_at, lost.retry_after or 0.0)
            except TargetError as error:
                raise lost from error  # nobody could look, so it is as uncertain as before
            if arrived:
                return
            if number == CREATE_ATTEMPTS:
                raise lost
            await self._patience.sleep(max(lost.retry_after or 0.0, LOOK_AGAIN_SECONDS * number))

    async def _arrives(self, attempt: str, sent_at: float, pause: float) -> bool:
        """Whether it is there, now or before the grace window ends."""
        pause = max(pause, LOOK_AGAIN_SECONDS)
        while True:
            async with self._look:  # a burst of lost answers must not list everything many times at once
                found = await self._target.observe()
            if with_attempt(found, attempt) is not None:
                return True
            left = sent_at + self._patience.grace - self._patience.clock()
            if left <= 0:
                return False
            await self._patience.sleep(min(pause, left))
            pause = min(pause * 2, LONGEST_LOOK_SECONDS)


def uncertain(error: TargetError) -> bool:
    """Whether the request may have been carried out although no answer came, or none that makes sense."""
    if not error.sent or isinstance(error, SlowDown):
        return False
    unread = isinstance(error, CannotUnderstand) and (error.status is None or 200 <= error.status < 300)
    return error.temporary or unread


def stamp_of(change: Change, owner: str, attempt: str) -> Stamp | None:
    """The mark that goes along; None for a delete and a release."""
    match change:
        case Create():
            return stamp_for(change.after, owner, revision=1, attempt=attempt)
        case Update():
            before = change.before.stamp
            revision = before.revision + 1 if before else 1
            return stamp_for(change.after, owner, revision=revision, attempt=before.attempt if before else "")
        case Delete() | Release():
            return None
        case _:
            assert_never(change)


def with_attempt(found: Sequence[Observed], attempt: str) -> Observed | None:
    """The object that a certain create made."""
    return next((o for o in found if o.stamp is not None and o.stamp.attempt == attempt), None)


def _with_metadata(body: Body, before: Observed) -> Body:
    """Metadata is written whole, since the stamp is in it: pairs that nobody manages stay as they are."""
    return body if "metadata" in body else {**body, "metadata": before.body.get("metadata") or {}}
