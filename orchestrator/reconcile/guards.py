"""What needs a human yes before much is lost. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.errors import UnsafePlan
from orchestrator.reconcile.changes import Delete, Release, Update
from orchestrator.reconcile.plans import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteLimits:
    """How much one apply may delete: a count, and a share of what we own in percent. None: no limit."""

    allowed: bool = True
    count: int | None = 10
    percent: float | None = 20

    def confirmed(self, count: int | None) -> DeleteLimits:
        """The limits of one apply for which a person named the number of deletions."""
        return self if count is None else DeleteLimits(allowed=self.allowed, count=count, percent=None)


SMALL_SHARE = 1  # so many may always go, whatever share of a small set they are; from two on the percentage counts


def check(plan: Plan, limits: DeleteLimits) -> None:
    """Refuse a plan that deletes too much. What is let go of (`onDelete: retain`) is no deletion, but never all we own.

    Raises:
        UnsafePlan: deletes are forbidden here, nothing at all is desired, or a limit is passed.
    """
    deletes = len(plan.of(Delete))
    releases = len(plan.of(Release))
    if not deletes and not releases:
        return
    staying = len(plan.unchanged) + len(plan.of(Update)) + plan.beside + len(plan.held)
    owned = deletes + releases + staying + len(plan.kept)
    if not limits.allowed:
        raise UnsafePlan("This environment never prunes (policy.prune: never).", hint="delete by hand, or with destroy")
    if not staying:
        raise UnsafePlan(
            f"None of our assistants is declared any more; {_loss(deletes, releases)}.",
            hint="if that is meant: orchestrator destroy",
        )
    if limits.count is not None and deletes > limits.count:
        raise UnsafePlan(
            f"{deletes} assistants would be deleted, more than {limits.count}.",
            hint=f"if that is meant: --max-deletes {deletes}, or raise policy.maxDeletes of the environment",
        )
    if limits.percent is not None and deletes > SMALL_SHARE and deletes * 100 > owned * limits.percent:
        raise UnsafePlan(
            f"{deletes} of {owned} assistants would be deleted, more than {limits.percent:g} %.",
            hint=f"if that is meant: --max-deletes {deletes}, or raise policy.maxDeletePercent of the environment",
        )


def _loss(deletes: int, releases: int) -> str:
    if not releases:
        return f"pruning would delete all {deletes}"
    return f"pruning would delete {deletes} and let go of {releases}, which is all"
