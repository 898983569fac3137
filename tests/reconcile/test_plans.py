"""A plan tells edited from drifted, touches nothing that is not ours, and is empty after apply."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from worlds import OWNER, breaking, converge, desired, many

from orchestrator.errors import UnsafePlan
from orchestrator.reconcile import reports
from orchestrator.reconcile.changes import Create, Delete, Release, Update, stamp_for
from orchestrator.reconcile.guards import DeleteLimits, check
from orchestrator.reconcile.observed import Observed
from orchestrator.reconcile.plans import plan
from orchestrator.reconcile.results import apply
from orchestrator.reconcile.stamp import Stamp, read_stamp
from orchestrator.targets.memory import MemoryTarget
from orchestrator.wire.assistants import METADATA_VALUE


async def _plan(target: MemoryTarget, wanted: list, *, prune: bool = False, dedupe: bool = False, owner: str = OWNER):
    return plan(wanted, await target.observe(), owner=owner, prune=prune, dedupe=dedupe)


async def _drift(target: MemoryTarget, **changes: object) -> None:
    for one in await target.observe():
        assert one.stamp is not None
        await target.update(one.id, changes, one.stamp)


async def test_a_new_manifest_becomes_one_create() -> None:
    planned = await _plan(breaking(), [desired("weather")])
    assert [type(c) for c in planned.changes] == [Create]


async def test_an_edited_manifest_becomes_one_update() -> None:
    target = breaking()
    await converge(target, [desired("weather")])
    (change,) = (await _plan(target, [desired("weather", instructions="New.")])).changes
    assert isinstance(change, Update)
    assert (change.cause, [d.field for d in change.differences]) == ("edited", ["instructions"])


async def test_a_change_by_hand_is_drift() -> None:
    target = breaking()
    await converge(target, [desired("weather")])
    await _drift(target, instructions="By hand.")
    planned = await _plan(target, [desired("weather")])
    (change,) = planned.changes
    assert isinstance(change, Update)
    assert change.cause == "drifted"
    assert "1 drifted" in reports.summary(planned)


async def test_both_at_once_are_told_apart_by_field() -> None:
    target = breaking()
    await converge(target, [desired("weather", description="Old.")])
    await _drift(target, instructions="By hand.")
    (change,) = (await _plan(target, [desired("weather", description="New.")])).changes
    assert isinstance(change, Update)
    assert change.cause == "edited and drifted"
    assert {d.field: d.drifted for d in change.differences} == {"description": False, "instructions": True}


async def test_a_field_that_no_manifest_names_is_not_managed() -> None:
    target = breaking()
    await converge(target, [desired("weather")])
    await _drift(target, description="Somebody's note.", temperature=1.0)
    assert (await _plan(target, [desired("weather")])).empty


async def test_an_orphan_is_told_and_only_pruned_on_demand() -> None:
    target = breaking()
    await converge(target, many(3))
    shown = await _plan(target, many(2))
    assert (shown.empty, [o.stamp.manifest for o in shown.orphans if o.stamp]) == (True, ["assistant-002"])
    (change,) = (await _plan(target, many(2), prune=True)).changes
    assert isinstance(change, Delete)


async def test_what_is_protected_survives_its_manifest() -> None:
    target = breaking()
    await converge(target, [replace(desired("weather"), protect=True), desired("other")])
    planned = await _plan(target, [desired("other")], prune=True)
    assert (planned.empty, [o.stamp.manifest for o in planned.kept if o.stamp]) == (True, ["weather"])


async def test_what_is_retained_is_released_by_prune_and_its_object_stays() -> None:
    target = breaking()
    kept = replace(desired("weather"), retain=True)
    await converge(target, [kept, desired("other"), desired("third")])
    assert (await _plan(target, [desired("other"), desired("third")])).empty  # without --prune nothing is let go of
    planned = await _plan(target, [desired("other"), desired("third")], prune=True)
    (change,) = planned.changes
    assert isinstance(change, Release)
    check(planned, DeleteLimits(count=0, percent=0))  # no deletion
    before = dict(target.objects[change.before.id])
    results = await apply(planned, target, new_attempt=lambda: "x" * 16)
    assert [r.done for r in results] == [True]
    after = target.objects[change.before.id]
    assert {**before, "metadata": None} == {**after, "metadata": None}
    assert "orchestrator" not in (after.get("metadata") or {})
    again = await _plan(target, [desired("other"), desired("third")], prune=True)
    assert (again.empty, again.unmanaged) == (True, 1)


async def test_retaining_outlives_the_manifest_and_ends_when_the_manifest_says_so() -> None:
    target = breaking()
    await converge(target, [replace(desired("weather"), retain=True), desired("other"), desired("third")])
    (change,) = (await _plan(target, [desired("weather"), desired("other"), desired("third")])).changes
    assert isinstance(change, Update)  # the mark alone is renewed
    assert change.differences == ()
    await converge(target, [desired("weather"), desired("other"), desired("third")])
    (change,) = (await _plan(target, [desired("other"), desired("third")], prune=True)).changes
    assert isinstance(change, Delete)


async def test_letting_go_of_all_is_refused() -> None:
    target = breaking()
    await converge(target, [replace(desired("weather"), retain=True), replace(desired("other"), retain=True)])
    with pytest.raises(UnsafePlan, match="let go of 2"):
        check(await _plan(target, [], prune=True), DeleteLimits())


async def test_a_rename_updates_the_same_object() -> None:
    target = breaking()
    await converge(target, [desired("weather-bot")])
    (before,) = await target.observe()
    renamed = replace(desired("weather"), previous_names=("weather-bot",))
    (change,) = (await _plan(target, [renamed], prune=True)).changes
    assert isinstance(change, Update)
    assert (change.before.id, change.renamed_from) == (before.id, "weather-bot")
    await converge(target, [renamed])
    assert (await _plan(target, [renamed])).empty


async def test_a_second_object_with_our_name_is_a_duplicate_and_the_oldest_counts() -> None:
    target = breaking()
    await converge(target, [desired("weather")])
    (one,) = await target.observe()
    assert one.stamp is not None
    await target.create(one.body, one.stamp)
    assert "a second one of ours with that name" in reports.plan_text(await _plan(target, [desired("weather")]))
    assert (await _plan(target, [desired("weather")], prune=True)).empty
    planned = await _plan(target, [desired("weather")], dedupe=True)
    assert [type(c) for c in planned.changes] == [Delete]
    assert planned.changes[0].before.id != one.id


async def test_a_former_name_never_takes_what_another_manifest_is_called_now() -> None:
    target = breaking()
    await converge(target, [desired("b")])
    (there,) = await target.observe()
    a_was_b = replace(desired("a"), previous_names=("b",))
    planned = await _plan(target, [a_was_b, desired("b")], prune=True)
    assert [(type(c), c.after.name) for c in planned.changes] == [(Create, "a")]
    assert planned.unchanged == ("b",)
    await converge(target, [a_was_b, desired("b")])
    assert {o.manifest for o in await target.observe() if o.id == there.id} == {"b"}


NAMES = st.sampled_from("abcde")


@given(
    st.lists(NAMES, unique=True),
    st.lists(st.tuples(NAMES, st.lists(NAMES, max_size=2, unique=True)), unique_by=lambda pair: pair[0]),
    st.booleans(),
)
def test_renames_lose_nothing(there: list[str], wanted: list[tuple[str, list[str]]], prune: bool) -> None:
    """Every object goes to one manifest at most, none is created where one of its names is free, and none deleted."""
    observed = [
        Observed(id=f"id_{n}", body={"name": n}, stamp=stamp_for(desired(n), OWNER, revision=1, attempt=""))
        for n in there
    ]
    wants = [replace(desired(n), previous_names=tuple(o for o in old if o != n)) for n, old in wanted]
    planned = plan(wants, observed, owner=OWNER, prune=prune)
    named = {want.name for want in wants}
    taken = [c.before.id for c in planned.changes if isinstance(c, Update)]
    created = {c.after.name: c.after for c in planned.changes if isinstance(c, Create)}
    deleted = {c.name for c in planned.changes if isinstance(c, Delete)}
    assert len(taken) == len(set(taken))
    assert not deleted & named
    assert bool(deleted) <= prune
    for want in created.values():
        assert want.name not in there
        assert not deleted & set(want.previous_names)
        assert not {o.manifest for o in planned.orphans} & set(want.previous_names)


@pytest.mark.parametrize(
    ("total", "kept", "limits", "word"),
    [
        (3, 0, DeleteLimits(), "None of our assistants is declared"),
        (3, 2, DeleteLimits(allowed=False), "never prunes"),
        (40, 20, DeleteLimits(count=10, percent=None), "more than 10"),
        (10, 7, DeleteLimits(count=10, percent=20), "more than 20 %"),
    ],
)
async def test_a_plan_that_deletes_too_much_is_refused(total: int, kept: int, limits: DeleteLimits, word: str) -> None:
    target = breaking()
    await converge(target, many(total))
    planned = await _plan(target, many(kept), prune=True)
    with pytest.raises(UnsafePlan, match=word):
        check(planned, limits)


async def test_one_delete_of_a_small_set_is_fine() -> None:
    target = breaking()
    await converge(target, many(3))
    planned = await _plan(target, many(2), prune=True)
    check(planned, DeleteLimits())
    assert len(planned.changes) == 1


text = st.text(max_size=30)
bodies = st.fixed_dictionaries(
    {"model": st.sampled_from(["qwen-plus", "qwen-max"])},
    optional={
        "instructions": text,
        "description": text,
        "temperature": st.floats(0, 2),
        "top_k": st.integers(0, 100),
        "metadata": st.dictionaries(
            st.text(min_size=1, max_size=8).filter(lambda k: k != "orchestrator"), text, max_size=3
        ),
        "file_ids": st.lists(text.filter(bool), max_size=2).map(tuple),
    },
)
worlds = st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), bodies, max_size=4)
LAW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _wanted(world: dict) -> list:
    return [replace(desired(name), body=body) for name, body in world.items()]


@given(worlds, worlds)
@LAW
async def test_law_after_apply_the_plan_is_empty(first: dict, second: dict) -> None:
    target = breaking()
    await converge(target, _wanted(first))
    _, results = await converge(target, _wanted(second), prune=True)
    assert all(r.done for r in results)
    assert (await _plan(target, _wanted(second), prune=True)).empty


strangers = st.one_of(
    st.just({}),
    st.just({"orchestrator": "not a stamp"}),
    st.builds(
        lambda owner: {"orchestrator": Stamp(owner=owner, manifest="a", fields={}).encode()},
        st.sampled_from(["shop/staging", "other/production", "shop/production2", "SHOP/production", ""]),
    ),
)


@given(st.lists(strangers, min_size=1, max_size=5), worlds)
@LAW
async def test_law_nothing_without_our_exact_stamp_is_ever_written(marks: list, world: dict) -> None:
    target = breaking()
    foreign = []
    for mark in marks:
        stamp = read_stamp(mark) or Stamp(owner="nobody", manifest="x", fields={})
        foreign.append(await target.create({"model": "m", "name": "theirs", "metadata": {}}, stamp))
    before = {one.id: one for one in await target.observe()}
    await converge(target, _wanted(world), prune=True)
    await converge(target, [], prune=True)
    after = {one.id: one for one in await target.observe()}
    assert after == before
    assert len(after) == len(foreign)


@given(
    st.text(st.characters(codec="ascii", categories=["L", "N"]), max_size=128),
    st.text(st.sampled_from("abcdefghijklmnopqrstuvwxyz0123456789-"), min_size=1, max_size=63),
    st.integers(1, 10**9),
    st.booleans(),
    st.booleans(),
)
def test_law_a_stamp_is_read_as_it_was_written_and_fits_the_metadata(
    owner: str, name: str, revision: int, protect: bool, retain: bool
) -> None:
    fields = dict.fromkeys(("model", "name", "description", "instructions", "tools", "metadata"), "0123456789ab")
    stamp = Stamp(
        owner=owner,
        manifest=name,
        fields=fields,
        revision=revision,
        attempt="f" * 16,
        protect=protect,
        retain=retain,
    )
    assert len(stamp.encode()) <= METADATA_VALUE
    assert read_stamp({"orchestrator": stamp.encode()}) == stamp


@given(
    st.dictionaries(st.text(), st.text() | st.integers() | st.none())
    | st.builds(lambda t: {"orchestrator": t}, st.text())
)
def test_any_metadata_is_read_without_a_fault(metadata: dict) -> None:
    assert read_stamp(metadata) is None


async def test_new_assistants_do_not_excuse_the_loss_of_all_old_ones() -> None:
    target = breaking()
    await converge(target, many(10))
    planned = await _plan(target, [desired(f"new-{i}") for i in range(40)], prune=True)
    with pytest.raises(UnsafePlan, match="would delete all 10"):
        check(planned, DeleteLimits())
