"""Choosing among assistants: what is not chosen is neither shown nor touched, and what is unknown is left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import OWNER, desired

from orchestrator.errors import SettingsError
from orchestrator.reconcile.changes import Delete, stamp_for
from orchestrator.reconcile.comparing import difference
from orchestrator.reconcile.desired import Desired
from orchestrator.reconcile.observed import Observed
from orchestrator.reconcile.plans import Plan, plan
from orchestrator.reconcile.selecting import Facts, choice, narrow

FACTS = {
    "shop-web": Facts(labels={"team": "shop"}, path="assistants.d/shop/web.yaml", tools=frozenset({"refund"})),
    "shop-app": Facts(labels={"team": "shop"}, path="assistants.d/shop/app.yaml", templates=frozenset({"tone"})),
    "desk": Facts(labels={"team": "desk"}, path="assistants.d/desk.md", tools=frozenset({"refund", "look"})),
}
WORDS = ["desk", "shop-*", "label:team=shop", "path:*/shop/*", "tool:refund", "template:tone", "state:changed"]


def applied(one: Desired) -> Observed:
    return Observed(id=f"id-{one.name}", body=one.body, stamp=stamp_for(one, OWNER, revision=1, attempt="a"))


def world(*, prune: bool = True) -> Plan:
    """Two to create, one in line, one whose manifest is gone."""
    observed = [applied(desired("shop-web")), applied(desired("gone"))]
    return plan([desired(name) for name in FACTS], observed, owner=OWNER, prune=prune)


def chosen(select: list[str], exclude: list[str] | None = None) -> set[str]:
    planned = narrow(world(), choice(select, exclude or []), FACTS)
    changed = {c.name if isinstance(c, Delete) else c.after.name for c in planned.changes}
    return changed | set(planned.unchanged)


@pytest.mark.parametrize(
    ("select", "exclude", "names"),
    [
        ([], [], {"shop-web", "shop-app", "desk", "gone"}),
        (["desk"], [], {"desk"}),
        (["desk", "shop-web"], [], {"desk", "shop-web"}),
        (["label:team=shop"], [], {"shop-web", "shop-app"}),
        (["label:team=*"], ["shop-*"], {"desk"}),
        (["tool:refund,label:team=desk"], [], {"desk"}),
        (["path:assistants.d/shop/*"], ["template:tone"], {"shop-web"}),
        (["state:changed"], [], {"shop-app", "desk", "gone"}),
        (["gone"], [], {"gone"}),
        ([], ["desk"], {"shop-web", "shop-app", "gone"}),
        ([], ["label:team=desk"], {"shop-web", "shop-app"}),  # nobody knows the labels of what is gone
    ],
)
def test_words_choose(select: list[str], exclude: list[str], names: set[str]) -> None:
    assert chosen(select, exclude) == names


@given(st.lists(st.sampled_from(WORDS), max_size=3), st.lists(st.sampled_from(WORDS), max_size=3))
def test_selected_and_excluded_by_the_same_words_are_all_there_is(select: list[str], exclude: list[str]) -> None:
    rest = chosen(select, exclude)
    assert rest <= chosen(select)
    assert rest.isdisjoint(chosen(exclude)) or not exclude
    assert chosen(select) | chosen([], select) >= set(FACTS)


@given(st.lists(st.sampled_from(WORDS), max_size=3), st.lists(st.sampled_from(WORDS), max_size=3))
def test_what_is_not_chosen_is_counted(select: list[str], exclude: list[str]) -> None:
    whole, part = world(), narrow(world(), choice(select, exclude), FACTS)
    assert len(part.changes) + len(part.unchanged) + part.beside == len(whole.changes) + len(whole.unchanged)


@pytest.mark.parametrize("word", ["", "shop:", "label:team", "state:new", "colour:red", "label:", "a,,b"])
def test_words_that_mean_nothing_are_refused(word: str) -> None:
    with pytest.raises(SettingsError):
        choice([word], [])


def test_a_name_that_nothing_has_is_refused_with_the_nearest() -> None:
    with pytest.raises(SettingsError) as refused:
        narrow(world(), choice(["shop-wep"], []), FACTS)
    assert refused.value.hint == "did you mean 'shop-web'?"


def test_a_comparison_drifts_nowhere_and_is_empty_with_itself() -> None:
    before = [desired("a"), desired("b", model="qwen-max"), desired("c")]
    after = [desired("b"), desired("c"), desired("d")]
    found = difference(before, after)
    assert [type(change).__name__ for change in found.changes] == ["Update", "Create", "Delete"]
    assert found.drifted == []
    assert difference(after, after).empty
