"""The three sides of a drifted field: what was applied last, what the manifest says, what the target has. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from orchestrator.reconcile.body import comparable, digest
from orchestrator.reconcile.changes import Update
from orchestrator.reconcile.ignoring import managed
from orchestrator.reconcile.plans import Plan

Moved = Literal["target", "both"]
Applied = Mapping[str, Mapping[str, Any]]
"""What was last applied, as the journal has it: plain bodies by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """One field. `moved`: who is no longer where the last apply left it; `known`: whether `applied` is known."""

    name: str
    id: str
    field: str
    live: Any
    manifest: Any
    moved: Moved
    applied: Any = None
    known: bool = False

    @property
    def sentence(self) -> str:
        """Who moved, in words."""
        if self.moved == "target":
            return "changed at the target; the manifest still says what was applied"
        return "changed at the target and in the manifest since the last apply: apply would undo the target's change"


def sides(plan: Plan, applied: Applied) -> tuple[Sides, ...]:
    """Every field that drifted, in the order of the plan."""
    return tuple(one for update in plan.drifted for one in _of(update, applied.get(update.after.name)))


def _of(update: Update, applied: Mapping[str, Any] | None) -> Sequence[Sides]:
    written: Mapping[str, str] = update.before.stamp.fields if update.before.stamp else {}
    body = managed(update.after.body, update.after.ignored)
    return [
        Sides(
            name=update.after.name,
            id=update.before.id,
            field=d.field,
            live=d.before,
            manifest=d.after,
            moved="target" if digest(d.field, body.get(d.field)) == written.get(d.field) else "both",
            applied=None if applied is None else _plain(d.field, applied),
            known=applied is not None,
        )
        for d in update.differences
        if d.drifted
    ]


def _plain(field: str, applied: Mapping[str, Any]) -> Any:
    value = applied.get(field)
    return value if field == "tools" else comparable(field, value)
