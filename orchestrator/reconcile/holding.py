"""What a rollback holds is left as it is until its manifest changes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from orchestrator.reconcile.changes import Update
from orchestrator.reconcile.desired import Desired
from orchestrator.reconcile.plain import manifest_digest
from orchestrator.reconcile.plans import Plan


def still_held(desired: Iterable[Desired], holds: Mapping[str, str]) -> frozenset[str]:
    """Names whose manifest is what it was at the rollback. `holds`: the manifest's digest by name."""
    if not holds:
        return frozenset()
    return frozenset(one.name for one in desired if holds.get(one.name) == manifest_digest(one))


def hold_back(plan: Plan, held: frozenset[str]) -> Plan:
    """The plan without the changes of what is held; a create stays, for nothing is there to be held."""
    there = {c.after.name for c in plan.changes if isinstance(c, Update)} | set(plan.unchanged)
    held = held & there
    if not held:
        return plan
    left = [c for c in plan.changes if isinstance(c, Update) and c.after.name in held]
    return replace(
        plan,
        changes=tuple(c for c in plan.changes if c not in left),
        unchanged=tuple(name for name in plan.unchanged if name not in held),
        held=tuple(sorted(held)),
    )
