"""Adopting writes the mark alone and never takes silently what is another's; releasing keeps the object."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from worlds import OWNER, converge, desired, names

from orchestrator.errors import NotFound, SettingsError, UnsafePlan
from orchestrator.reconcile.changes import Create, Update
from orchestrator.reconcile.owning import Handover, adopt, release
from orchestrator.reconcile.plans import plan
from orchestrator.reconcile.stamp import Stamp
from orchestrator.targets.memory import MemoryTarget


def _stranger(target: MemoryTarget, **more: Any) -> str:
    return target.put({"model": "qwen-plus", "name": "weather", "instructions": "You are weather.", **more})["id"]


def _others(target: MemoryTarget, owner: str = "team-b/production") -> str:
    mark = Stamp(owner=owner, manifest="weather", fields={}).encode()
    return _stranger(target, metadata={"orchestrator": mark, "theirs": "1"})


async def _adopt(target: MemoryTarget, id: str, **more: Any) -> Handover:
    return adopt(desired("weather"), id, await target.observe(), owner=OWNER, **more)


async def _write(target: MemoryTarget, one: Handover) -> None:
    await target.update(one.before.id, {"metadata": one.before.body.get("metadata") or {}}, one.stamp)


async def test_a_stranger_that_is_as_declared_leaves_an_empty_plan() -> None:
    target = MemoryTarget()
    id = _stranger(target, metadata={"theirs": "1"})  # noqa: A001 - the API's own word
    before = dict(target.objects[id])
    await _write(target, await _adopt(target, id))
    assert plan([desired("weather")], await target.observe(), owner=OWNER, prune=True).empty
    after = dict(target.objects[id])
    assert after["metadata"].pop("orchestrator")
    assert after == before


async def test_what_the_manifest_wants_otherwise_is_an_edit_and_no_drift() -> None:
    target = MemoryTarget()
    await _write(target, await _adopt(target, _stranger(target, instructions="By hand.")))
    planned = plan([desired("weather")], await target.observe(), owner=OWNER, prune=False)
    (change,) = planned.changes
    assert isinstance(change, Update)
    assert (change.cause, [d.field for d in change.differences]) == ("edited", ["instructions"])
    assert planned.drifted == []


async def test_another_owners_is_taken_only_by_naming_him_exactly() -> None:
    target = MemoryTarget()
    id = _others(target)  # noqa: A001 - the API's own word
    for wrong in (None, "team-b", "team-b/production ", "TEAM-B/production", OWNER):
        with pytest.raises(UnsafePlan) as refused:
            await _adopt(target, id, taken_from=wrong)
        assert refused.value.hint == "if it shall be taken from there: --from team-b/production"
    taken = await _adopt(target, id, taken_from="team-b/production")
    assert (taken.owner_before, taken.stamp and taken.stamp.owner) == ("team-b/production", OWNER)


async def test_from_is_refused_where_nobody_owns_it() -> None:
    target = MemoryTarget()
    with pytest.raises(UnsafePlan, match="belongs to nobody"):
        await _adopt(target, _stranger(target), taken_from="team-b/production")


async def test_a_mark_that_cannot_be_read_is_not_written_over() -> None:
    target = MemoryTarget()
    for mark in ("", "{", '{"v":2,"owner":"x"}'):
        id = _stranger(target, metadata={"orchestrator": mark})  # noqa: A001 - the API's own word
        with pytest.raises(UnsafePlan, match="can't be read"):
            await _adopt(target, id)


async def test_what_is_ours_already_or_has_an_assistant_is_refused() -> None:
    target = MemoryTarget()
    await converge(target, [desired("weather")])
    (ours,) = await target.observe()
    with pytest.raises(UnsafePlan, match="ours already"):
        await _adopt(target, ours.id)
    stranger = _stranger(target)
    with pytest.raises(UnsafePlan, match="has an assistant already"):
        await _adopt(target, stranger)
    renamed = replace(desired("climate"), previous_names=("weather",))
    with pytest.raises(UnsafePlan, match="'climate' has an assistant already"):
        adopt(renamed, stranger, await target.observe(), owner=OWNER)


async def test_an_id_that_is_not_there_and_full_metadata_are_told() -> None:
    target = MemoryTarget()
    with pytest.raises(NotFound, match="asst_none"):
        await _adopt(target, "asst_none")
    full = _stranger(target, metadata={f"k{i}": "v" for i in range(16)})
    with pytest.raises(UnsafePlan, match="no room for our mark"):
        await _adopt(target, full)


async def test_released_it_stays_with_all_its_content_and_is_pruned_by_nobody() -> None:
    target = MemoryTarget()
    await converge(target, [desired("weather", metadata={"theirs": "1"})])
    (ours,) = await target.observe()
    await _write(target, release("weather", await target.observe(), owner=OWNER))
    assert await names(target) == []
    assert target.objects[ours.id]["metadata"] == {"theirs": "1"}
    assert plan([], await target.observe(), owner=OWNER, prune=True).empty
    (again,) = plan([desired("weather")], await target.observe(), owner=OWNER, prune=True).changes
    assert isinstance(again, Create)


async def test_only_what_is_ours_and_one_can_be_released() -> None:
    target = MemoryTarget()
    theirs = _others(target)
    for name in ("weather", theirs):
        with pytest.raises(SettingsError, match="owns no assistant"):
            release(name, await target.observe(), owner=OWNER)
    await converge(target, [desired("weather")])
    ours = next(one for one in await target.observe() if one.stamp and one.stamp.owner == OWNER)
    assert ours.stamp is not None
    twin = await target.create(ours.body, ours.stamp)
    with pytest.raises(SettingsError, match="There are 2 assistants"):
        release("weather", await target.observe(), owner=OWNER)
    assert release(twin.id, await target.observe(), owner=OWNER).before.id == twin.id
