"""What `adopt` and `release` share: write the marks, one assistant for itself, and tell what became of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from orchestrator.cli import output
from orchestrator.cli.carrying import IN_PART, STALE
from orchestrator.errors import OrchestratorError, StalePlan

if TYPE_CHECKING:
    from orchestrator.applying import Session
    from orchestrator.reconcile.observed import Target
    from orchestrator.reconcile.owning import Handover


async def hand_over(session: Session, handovers: Sequence[Handover], target: Target, fmt: str, *, done: str) -> int:
    """Write each mark and nothing else; the exit code. `done` is the word for one that was carried out."""
    errors = await session.hand_over(handovers, target)
    if fmt == "json":
        told = [_as_json(one, error, done) for one, error in zip(handovers, errors, strict=True)]
        output.json({"format_version": 1, "assistants": told})
    else:
        for one, error in zip(handovers, errors, strict=True):
            how = f"failed: {error.code}: {error}" if error else done
            output.changes(f"{one.name} ({one.before.id}): {how}")
    failed = sum(error is not None for error in errors)
    if any(isinstance(error, StalePlan) for error in errors):
        return STALE
    return 0 if not failed else IN_PART if failed < len(errors) else 1


def _as_json(one: Handover, error: OrchestratorError | None, done: str) -> dict[str, object]:
    told: dict[str, object] = {"name": one.name, "id": one.before.id, "owner_before": one.owner_before}
    return told | {"outcome": "failed" if error else done, "error": error and f"{error.code}: {error}"}
