"""Who creates runs, and how many of them may be under way."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.server.store import runs
from orchestrator.server.store.door import Tx
from orchestrator.wire.faults import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """On whose key runs are created; `runs` of that key and `workspace_runs` are the most that are not over."""

    key_id: str | None = None
    runs: int | None = None
    workspace_runs: int | None = None


ANYBODY = Caller()


def refuse_if_full(tx: Tx, workspace: str, caller: Caller) -> None:
    """See that one more run is allowed. Raises: Fault of kind slow_down."""
    if caller.runs is not None and runs.held(tx, workspace, caller.runs, caller.key_id) >= caller.runs:
        raise _full(f"The key has {caller.runs} runs that are not over, which is all it may have.")
    most = caller.workspace_runs
    if most is not None and runs.held(tx, workspace, most) >= most:
        raise _full(f"The workspace has {most} runs that are not over, which is all it may have.")


def _full(text: str) -> Fault:
    return Fault("slow_down", text, retry_after=1)
