"""The memory target fails where a test says so."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from orchestrator.errors import Unreachable
from orchestrator.reconcile.stamp import Stamp
from orchestrator.targets import MemoryTarget

STAMP = Stamp(owner="shop/prod", manifest="weather", fields={})


def _at(number: int) -> Callable[[str, int], None]:
    def hook(_method: str, now: int) -> None:
        if now == number:
            raise Unreachable

    return hook


async def test_before_means_that_nothing_was_carried_out() -> None:
    target = MemoryTarget(before=_at(1))
    with pytest.raises(Unreachable):
        await target.create({"model": "m"}, STAMP)
    assert target.objects == {}


async def test_after_means_that_only_the_answer_was_lost() -> None:
    target = MemoryTarget(after=_at(1))
    with pytest.raises(Unreachable):
        await target.create({"model": "m"}, STAMP)
    assert len(await target.observe()) == 1


async def test_what_was_changed_by_hand_is_observed() -> None:
    target = MemoryTarget()
    made = await target.create({"model": "m", "name": "a"}, STAMP)
    target.objects[made.id]["name"] = "by hand"
    (seen,) = await target.observe()
    assert (seen.body["name"], seen.stamp) == ("by hand", STAMP)


async def test_a_stranger_bears_no_stamp() -> None:
    target = MemoryTarget()
    target.put({"model": "m", "metadata": {"team": "other"}})
    (seen,) = await target.observe()
    assert (seen.stamp, seen.body) == (None, {"model": "m", "metadata": {"team": "other"}})
