"""The door through which `apply` writes down what it is about to do, and what became of it. Pure."""

from __future__ import annotations

from typing import Protocol

from orchestrator.errors import OrchestratorError
from orchestrator.reconcile.changes import Change
from orchestrator.reconcile.stamp import Stamp


class Recorder(Protocol):
    """Whatever `intend` raises stops the apply before the target is asked."""

    def intend(self, change: Change, attempt: str) -> int:
        """Keep that `change` begins; durable when it returns. A number for what comes of it."""
        ...

    def done(self, step: int, change: Change, stamp: Stamp | None) -> None:
        """Keep that it is carried out; `stamp` as it was written, None for a delete."""
        ...

    def failed(self, step: int, error: OrchestratorError, *, open_: bool) -> None:
        """Keep that it is not; `open_`: nobody knows."""
        ...


class Forgetful:
    """Keeps nothing."""

    def intend(self, change: Change, attempt: str) -> int:
        """Nothing to keep."""
        return 0

    def done(self, step: int, change: Change, stamp: Stamp | None) -> None:
        """Nothing to keep."""

    def failed(self, step: int, error: OrchestratorError, *, open_: bool) -> None:
        """Nothing to keep."""
