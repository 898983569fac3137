"""Nothing is deleted by accident: counts, shares, empty folders; what a person named is allowed, and nothing else."""

from __future__ import annotations

import pytest
from worlds import OWNER, breaking, converge, many

from orchestrator.errors import UnsafePlan
from orchestrator.reconcile.guards import DeleteLimits, check
from orchestrator.reconcile.plans import Plan, plan


async def pruning(owned: int, staying: int) -> Plan:
    target = breaking()
    await converge(target, many(owned))
    return plan(many(staying), await target.observe(), owner=OWNER, prune=True)


@pytest.mark.parametrize(("owned", "staying"), [(2, 1), (3, 2), (4, 3), (10, 8), (50, 40)])
async def test_one_or_a_small_share_may_go(owned: int, staying: int) -> None:
    check(await pruning(owned, staying), DeleteLimits())


@pytest.mark.parametrize(
    ("owned", "staying", "why"),
    [(3, 1, "20 %"), (4, 2, "20 %"), (10, 7, "20 %"), (60, 49, "more than 10"), (1, 0, "None of our"), (9, 0, "None")],
)
async def test_more_is_refused_and_the_flag_named(owned: int, staying: int, why: str) -> None:
    planned = await pruning(owned, staying)
    with pytest.raises(UnsafePlan, match=why) as refused:
        check(planned, DeleteLimits())
    assert refused.value.exit_code == 4
    if staying:
        assert f"--max-deletes {owned - staying}" in (refused.value.hint or "")
        check(planned, DeleteLimits().confirmed(owned - staying))
        with pytest.raises(UnsafePlan):
            check(planned, DeleteLimits().confirmed(owned - staying - 1))


async def test_naming_a_count_opens_neither_an_empty_folder_nor_a_closed_environment() -> None:
    with pytest.raises(UnsafePlan, match="None of our"):
        check(await pruning(3, 0), DeleteLimits().confirmed(3))
    with pytest.raises(UnsafePlan, match="never prunes"):
        check(await pruning(3, 2), DeleteLimits(allowed=False).confirmed(3))
