"""What was approved is applied; what became stale is refused object by object; nothing secret is in the file."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import OWNER, breaking, converge, desired, many, names

from orchestrator.errors import StalePlan
from orchestrator.reconcile import saved
from orchestrator.reconcile.body import digests
from orchestrator.reconcile.plain import plain_text, whole
from orchestrator.reconcile.plans import plan
from orchestrator.reconcile.results import apply
from orchestrator.tools import HostedPlugin

WHOSE = {"owner": OWNER, "environment": "production", "target": "somewhere"}
TOKEN = "canary-token"


def content(planned, **changes: str) -> bytes:
    whose = {**WHOSE, **changes}
    return saved.save(
        planned, environment=whose["environment"], target=whose["target"], made_at="now", salt="00" * 16, inputs={}
    )


async def planned(target, wanted, *, prune: bool = False):
    return plan(wanted, await target.observe(), owner=OWNER, prune=prune)


async def fresh(target, file: bytes, tokens=None) -> saved.Fresh:
    return saved.freshen(saved.read(file, **WHOSE), await target.observe(), tokens or {})


async def carry(target, found: saved.Fresh) -> None:
    results = await apply(found.plan, target, new_attempt=lambda: "a")
    assert all(r.done for r in results)


async def test_a_saved_plan_does_what_was_planned_and_a_second_time_nothing() -> None:
    target = breaking()
    await converge(target, many(6))
    wanted = [*many(3, instructions="New."), *many(5)[3:], desired("extra")]
    file = content(await planned(target, wanted, prune=True))
    found = await fresh(target, file)
    assert (len(found.plan.changes), found.stale, found.done) == (5, (), ())
    await carry(target, found)
    assert (await planned(target, wanted)).empty
    again = await fresh(target, file)
    assert (again.plan.empty, again.stale, len(again.done)) == (True, (), 5)


async def test_only_what_changed_since_is_stale() -> None:
    target = breaking()
    await converge(target, many(3))
    file = content(await planned(target, many(3, instructions="New.")))
    middle = next(o for o in await target.observe() if o.manifest == "assistant-001")
    target.objects[middle.id]["instructions"] = "By hand."
    found = await fresh(target, file)
    assert [name for name, _ in found.stale] == ["assistant-001"]
    await carry(target, found)
    assert target.objects[middle.id]["instructions"] == "By hand."


async def test_what_went_or_came_since_is_stale() -> None:
    target = breaking()
    await converge(target, many(2))
    file = content(await planned(target, [*many(2, instructions="New."), desired("late")]))
    target.objects.pop(next(o.id for o in await target.observe() if o.manifest == "assistant-000"))
    await converge(target, [desired("late", instructions="Somebody else's.")])
    found = await fresh(target, file)
    assert dict(found.stale) == {"assistant-000": "it is gone from the target", "late": "it is at the target by now"}


async def test_a_deletion_of_what_was_changed_is_stale() -> None:
    target = breaking()
    await converge(target, many(3))
    file = content(await planned(target, many(2), prune=True))
    last = next(o for o in await target.observe() if o.manifest == "assistant-002")
    target.objects[last.id]["instructions"] = "Still used."
    found = await fresh(target, file)
    assert (found.plan.empty, len(found.stale)) == (True, 1)
    assert len(await names(target)) == 3


@pytest.mark.parametrize("changes", [{"environment": "staging"}, {"target": "elsewhere"}])
async def test_a_plan_for_another_place_is_refused(changes: dict[str, str]) -> None:
    file = content(await planned(breaking(), many(1)), **changes)
    with pytest.raises(StalePlan) as refused:
        saved.read(file, **WHOSE)
    assert refused.value.exit_code == 7


async def test_a_plan_of_another_owner_or_version_or_changed_by_hand_is_refused() -> None:
    file = content(await planned(breaking(), many(1)))
    with pytest.raises(StalePlan, match="owner"):
        saved.read(file, **{**WHOSE, "owner": "other/production"})
    raw = orjson.loads(file)
    with pytest.raises(StalePlan, match="format"):
        saved.read(orjson.dumps({**raw, "format_version": 2}), **WHOSE)
    raw["changes"][0]["body"]["instructions"] = "Smuggled in."
    with pytest.raises(StalePlan, match="changed after"):
        saved.read(orjson.dumps(raw), **WHOSE)


@given(st.binary(max_size=200))
def test_any_other_file_is_refused(junk: bytes) -> None:
    with pytest.raises(StalePlan):
        saved.read(junk, **WHOSE)


async def test_a_token_is_not_in_the_file_and_is_taken_from_today() -> None:
    target = breaking()
    plugin = HostedPlugin.model_validate({"id": "crm", "user_token": TOKEN})
    file = content(await planned(target, [desired("a", tools=(plugin,))]))
    assert TOKEN.encode() not in file
    assert [reason for _, reason in (await fresh(target, file)).stale] == [
        "the token of plug-in 'crm' is no longer declared"
    ]
    same = await fresh(target, file, {"crm": plugin})
    assert same.notes == ()
    other = await fresh(target, file, {"crm": HostedPlugin.model_validate({"id": "crm", "user_token": "rotated"})})
    assert "another one than when the plan was made" in other.notes[0]
    await carry(target, same)
    assert TOKEN in orjson.dumps(list(target.objects.values())).decode()


def test_a_plain_body_comes_back_as_it_was() -> None:
    plugin = HostedPlugin.model_validate({"id": "crm", "user_token": TOKEN})
    body = {"model": "m", "temperature": 0.5, "top_k": 3, "file_ids": ("a",), "instructions": None, "tools": (plugin,)}
    text = plain_text(body)
    assert TOKEN not in text
    back = whole(orjson.loads(text), {"crm": plugin})
    assert digests(back) == digests(body)
    assert back["tools"] == (plugin,)
