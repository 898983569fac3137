"""apply converges wherever it dies, creates nothing twice, and tells every outcome."""

from __future__ import annotations

import pytest
from worlds import OWNER, Breaking, Died, breaking, converge, desired, lost_answer, many, names

from orchestrator.errors import RefusedKey, Rejected, TheirFault
from orchestrator.reconcile.plans import plan
from orchestrator.reconcile.results import Pace, apply
from orchestrator.reconcile.stamp import Stamp

TWENTY = many(20)


async def _requests_of_a_whole_apply(target: Breaking, wanted: list, *, prune: bool = False) -> int:
    target.arm(None, after=False, raises=Died)
    await converge(target, wanted, prune=prune)
    return target.requests


async def _dies_and_reruns(target: Breaking, wanted: list, at: int, *, after: bool, prune: bool = False) -> None:
    target.arm(at, after=after, raises=Died)
    with pytest.raises((Died, BaseExceptionGroup)) as died:
        await converge(target, wanted, prune=prune)
    assert died.type is Died or died.group_contains(Died)
    target.arm(None, after=False, raises=Died)
    await converge(target, wanted, prune=prune)
    assert await names(target) == sorted(one.name for one in wanted)
    target.arm(None, after=False, raises=Died)
    third, results = await converge(target, wanted, prune=prune)
    assert (third.empty, results, target.requests) == (True, [], 1)


async def test_creating_twenty_survives_death_at_every_request() -> None:
    points = await _requests_of_a_whole_apply(breaking(), TWENTY)
    assert points == 21
    for at in range(1, points + 1):
        for after in (False, True):
            await _dies_and_reruns(breaking(), TWENTY, at, after=after)


async def test_updating_and_pruning_twenty_survives_death_at_every_request() -> None:
    edited = [*many(10, instructions="New."), *many(15)[10:]]
    fresh = breaking()
    await converge(fresh, TWENTY)
    points = await _requests_of_a_whole_apply(fresh, edited, prune=True)
    assert points == 1 + 10 + 5
    for at in range(1, points + 1):
        for after in (False, True):
            target = breaking()
            await converge(target, TWENTY)
            await _dies_and_reruns(target, edited, at, after=after, prune=True)


async def test_a_create_whose_answer_was_lost_is_looked_up_and_not_repeated() -> None:
    for at in range(2, 22):
        target = breaking()
        target.arm(at, after=True, raises=lost_answer)
        _, results = await converge(target, TWENTY)
        assert all(result.done for result in results)
        assert await names(target) == [one.name for one in TWENTY]


async def test_a_create_that_never_arrived_is_sent_again() -> None:
    target = breaking()
    target.arm(2, after=False, raises=lost_answer)
    _, results = await converge(target, [desired("weather")])
    assert [result.done for result in results] == [True]
    assert await names(target) == ["weather"]


async def test_a_rejected_create_is_told_and_the_others_go_on() -> None:
    target = breaking()
    target.arm(2, after=False, raises=lambda: Rejected("model is unknown", status=400))
    _, results = await converge(target, TWENTY)
    assert [r.error.message for r in results if r.error] == ["model is unknown"]
    assert sum(r.done for r in results) == 19


async def test_a_refused_key_stops_the_rest() -> None:
    target = breaking()
    wanted = plan(TWENTY, (), owner=OWNER, prune=False)
    target.arm(1, after=False, raises=RefusedKey)
    results = await apply(wanted, target, new_attempt=lambda: "a", pace=Pace(concurrency=1))
    assert (sum(r.skipped for r in results), target.requests) == (19, 1)


async def test_a_failing_target_is_told_as_an_error_of_that_change() -> None:
    target = breaking()
    await converge(target, [desired("weather")])
    target.arm(2, after=False, raises=lambda: TheirFault("HTTP 500"))
    _, results = await converge(target, [desired("weather", instructions="Other.")])
    assert [r.error.code for r in results if r.error] == ["API006"]


async def test_an_update_keeps_metadata_that_nobody_manages() -> None:
    target = breaking()
    await converge(target, [desired("weather")])
    (one,) = await target.observe()
    assert one.stamp is not None
    await target.update(one.id, {"metadata": {"colour": "blue"}}, one.stamp)
    await converge(target, [desired("weather", instructions="Other.")])
    (after,) = await target.observe()
    assert (after.body["metadata"], after.body["instructions"]) == ({"colour": "blue"}, "Other.")


async def test_the_revision_grows_with_each_write() -> None:
    target = breaking()
    for number in (1, 2, 3):
        await converge(target, [desired("weather", instructions=f"Version {number}.")])
    (one,) = await target.observe()
    assert isinstance(one.stamp, Stamp)
    assert one.stamp.revision == 3


@pytest.mark.parametrize(("allowed", "tried"), [(0, 1), (2, 3), (None, 20)])
async def test_no_more_is_begun_once_more_failed_than_was_allowed(allowed: int | None, tried: int) -> None:
    target = breaking()

    async def rejects(*_: object) -> None:
        target.requests += 1
        raise Rejected("no", status=400)

    target.create = rejects  # pyright: ignore[reportAttributeAccessIssue]
    wanted = plan(TWENTY, (), owner=OWNER, prune=False)
    results = await apply(wanted, target, new_attempt=lambda: "a", pace=Pace(concurrency=1, failures=allowed))
    assert (target.requests, sum(r.skipped for r in results)) == (tried, 20 - tried)
