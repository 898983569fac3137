"""What stands at the target, and the door through which we look and write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from orchestrator.reconcile.body import Body
from orchestrator.reconcile.stamp import Stamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """A remote assistant. `body` holds every field that it has (metadata without our stamp); `created_at` in ms.

    `unreadable`: it bears a mark which is not one that we can read, so `stamp` is None.
    """

    id: str
    body: Body
    stamp: Stamp | None
    created_at: int = 0
    unreadable: bool = False

    @property
    def label(self) -> str:
        """How it is called in a report."""
        return str(self.body.get("name") or self.id)

    @property
    def manifest(self) -> str:
        """The manifest that it came from; its id when nobody marked it."""
        return self.stamp.manifest if self.stamp else self.id


class Target(Protocol):
    """A place where assistants live. `body` always holds every field to be written, `stamp` the mark that goes along.

    All raise TargetError; whether a request may be repeated is its `temporary`, whether it may have had an effect
    its `sent`. Reads, updates and deletes are retried inside; a create is tried once.
    """

    async def observe(self) -> Sequence[Observed]:
        """Every assistant of the target, all pages, oldest first."""
        ...

    async def create(self, body: Body, stamp: Stamp) -> Observed:
        """Make one; exactly one request."""
        ...

    async def update(self, id: str, body: Body, stamp: Stamp | None) -> Observed:
        """Write the fields of `body`, leave the others; `body["metadata"]` is complete but for the stamp.

        Without a stamp our mark is taken away.
        """
        ...

    async def delete(self, id: str) -> None:
        """Remove one; one that is gone already is fine."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
