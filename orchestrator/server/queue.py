"""The door to whoever carries out runs. The truth about a run stands in the store; the queue only hands runs on."""

from __future__ import annotations

from typing import Protocol

from orchestrator.server.records import Run


class RunQueue(Protocol):
    """Carries runs to an executor. All verbs return at once; `enqueue` and `cancel` may be repeated without harm.

    Where there is a free place a run need not wait: whoever creates it asks for the place (`admit`), creates it as one
    in progress, and hands it over (`carry`), or gives the place back (`withdraw`).
    """

    def admit(self, workspace: str) -> bool:
        """Keep a free place for a run that is about to be created; False: it has to wait in line."""
        ...

    def carry(self, run: Run) -> None:
        """See that a run is carried on which was created, in progress, for a place that was kept."""
        ...

    def withdraw(self, workspace: str) -> None:
        """Give back a place that was kept: the run was not created."""
        ...

    def enqueue(self, run_id: str, workspace: str) -> None:
        """See that a queued run, which is in the store, is carried out; workspaces are served by turns."""
        ...

    def cancel(self, run_id: str) -> None:
        """See that a run whose status is `cancelling` stops, and then is `cancelled`."""
        ...
