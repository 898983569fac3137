"""The door to whoever carries out runs. The truth about a run stands in the store; the queue only hands runs on."""

from __future__ import annotations

from typing import Protocol


class RunQueue(Protocol):
    """Carries runs to an executor. Both verbs return at once; to repeat them is harmless."""

    def enqueue(self, run_id: str, workspace: str) -> None:
        """See that a queued run, which is in the store, is carried out; workspaces are served by turns."""
        ...

    def cancel(self, run_id: str) -> None:
        """See that a run whose status is `cancelling` stops, and then is `cancelled`."""
        ...
