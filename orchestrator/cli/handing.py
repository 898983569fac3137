"""What `adopt` and `release` share: write the marks, one assistant for itself, and tell what became of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from orchestrator.cli import output
from orchestrator.cli.carrying import IN_PART
from orchestrator.errors import TargetError

if TYPE_CHECKING:
    from orchestrator.reconcile.observed import Target
    from orchestrator.reconcile.owning import Handover


async def hand_over(handovers: Sequence[Handover], target: Target, fmt: str, *, done: str) -> int:
    """Write each mark and nothing else; the exit code. `done` is the word for one that was carried out."""
    errors = [await mark(one, target) for one in handovers]
    if fmt == "json":
        told = [_as_json(one, error, done) for one, error in zip(handovers, errors, strict=True)]
        output.json({"format_version": 1, "assistants": told})
    else:
        for one, error in zip(handovers, errors, strict=True):
            how = f"failed: {error.code}: {error}" if error else done
            output.changes(f"{one.name} ({one.before.id}): {how}")
    failed = sum(error is not None for error in errors)
    return 0 if not failed else IN_PART if failed < len(errors) else 1


async def mark(one: Handover, target: Target) -> TargetError | None:
    """Write one mark; why that failed, if it did."""
    try:
        await target.update(one.before.id, {"metadata": one.before.body.get("metadata") or {}}, one.stamp)
    except TargetError as error:
        return error
    return None


def _as_json(one: Handover, error: TargetError | None, done: str) -> dict[str, object]:
    told: dict[str, object] = {"name": one.name, "id": one.before.id, "owner_before": one.owner_before}
    return told | {"outcome": "failed" if error else done, "error": error and f"{error.code}: {error}"}
