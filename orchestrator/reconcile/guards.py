"""What needs a human yes before much is lost. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.errors import UnsafePlan
from orchestrator.reconcile.changes import Delete, Update
from orchestrator.reconcile.plans import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteLimits:
    """How much one apply may delete: a count, and a share of what we own in percent. None: no limit."""

    allowed: bool = True
    count: int | None = 10
    percent: float | None = 20


SMALL_SET = 5  # below this many owned assistants the percentage says nothing, and the count alone decides


def check(plan: Plan, limits: DeleteLimits) -> None:
    """Refuse a plan that deletes too much.

    Raises:
        UnsafePlan: deletes are forbidden here, nothing at all is desired, or a limit is passed.
    """
    deletes = len(plan.of(Delete))
    if not deletes:
        return
    staying = len(plan.unchanged) + len(plan.of(Update)) + plan.beside
    owned = deletes + staying + len(plan.kept)
    if not limits.allowed:
        raise UnsafePlan("This environment never prunes (policy.prune: never).", hint="delete by hand, or with destroy")
    if not staying:
        raise UnsafePlan(
            f"None of our assistants is declared any more; pruning would delete all {deletes}.",
            hint="if that is meant: orchestrator destroy",
        )
    if limits.count is not None and deletes > limits.count:
        raise UnsafePlan(
            f"{deletes} assistants would be deleted, more than {limits.count}.",
            hint="raise policy.maxDeletes of the environment, or delete in several steps",
        )
    if limits.percent is not None and owned >= SMALL_SET and deletes * 100 > owned * limits.percent:
        raise UnsafePlan(
            f"{deletes} of {owned} assistants would be deleted, more than {limits.percent:g} %.",
            hint="raise policy.maxDeletePercent of the environment, or delete in several steps",
        )
