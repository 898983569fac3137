"""Two sets of what is wanted, compared without any target: two revisions of a folder, or two environments. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.reconcile.changes import stamp_for
from orchestrator.reconcile.desired import Desired
from orchestrator.reconcile.observed import Observed
from orchestrator.reconcile.plans import Plan, plan

_OWNER = "comparison"


def difference(before: Iterable[Desired], after: Iterable[Desired]) -> Plan:
    """The plan that would make `after` of a target on which `before` had just been applied. Nothing drifts."""
    return plan(after, map(_applied, before), owner=_OWNER, prune=True)


def _applied(desired: Desired) -> Observed:
    stamp = stamp_for(desired, _OWNER, revision=1, attempt="")
    return Observed(id=desired.name, body=desired.body, stamp=stamp)
