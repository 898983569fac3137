"""Approval by arguments: what a rule says of a call, and what holds when it cannot be told."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.manifests import load_text
from orchestrator.reconcile.approving import decide
from orchestrator.reconcile.desired import Binding

TOOL = """apiVersion: orchestrator/v1
kind: Tool
metadata: {name: refund}
spec:
  function: shop.refund
  approval: APPROVAL
"""
RULES = """
    default: ask
    rules:
      - {when: {order.amount: {over: 1000}}, then: deny}
      - {when: {order.amount: {under: 50}, country: {among: [DE, FR]}}, then: auto}
      - {when: {to: {matches: "*@example.com"}}, then: auto}
      - {when: {reason: {present: false}, test: {equals: true}}, then: auto}
"""


def binding(approval: str = RULES, least: Any = "auto") -> Binding:
    (placed,), found = load_text(TOOL.replace("APPROVAL", approval), {})
    assert not found
    said = placed.value.spec.approval
    return Binding(function="shop.refund", approval=said.default, rules=said.rules, least=least)


@pytest.mark.parametrize(
    ("arguments", "decision"),
    [
        ({"order": {"amount": 2000}, "country": "DE", "to": "a@example.com"}, "deny"),
        ({"order": {"amount": 20}, "country": "DE"}, "auto"),
        ({"order": {"amount": 20}, "country": "US"}, "ask"),
        ({"order": {"amount": "20"}, "country": "DE"}, "ask"),
        ({"order": {"amount": True}, "country": "DE"}, "ask"),
        ({"to": "a@example.com"}, "auto"),
        ({"to": "a@example.com.evil"}, "ask"),
        ({"to": ["a@example.com"]}, "ask"),
        ({"test": True}, "auto"),
        ({"test": 1}, "ask"),
        ({"test": True, "reason": None}, "ask"),
        ({}, "ask"),
    ],
)
def test_the_first_rule_that_holds_decides(arguments: dict[str, Any], decision: str):
    assert decide(binding(), json.dumps(arguments)) == decision


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", '"x"', '{"order": 3}', '{"order": {"amount": NaN}}'])
def test_what_cannot_be_told_is_the_default(text: str):
    assert decide(binding(), text) == "ask"


def test_the_code_may_demand_more_and_never_less():
    assert decide(binding(least="ask"), '{"to": "a@example.com"}') == "ask"
    assert decide(binding(least="deny"), '{"to": "a@example.com"}') == "deny"
    assert decide(Binding(function="f", approval="ask", least="auto"), "") == "ask"


@given(
    st.text()
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(), lambda i: st.lists(i) | st.dictionaries(st.text(), i)
    ).map(json.dumps)
)
def test_whatever_a_model_writes_there_is_a_decision(text: str):
    assert decide(binding(), text) in ("auto", "ask", "deny")


@pytest.mark.parametrize(
    ("approval", "told"),
    [
        ("maybe", "approval"),
        ("{rules: []}", "rules"),
        ("{rules: [{when: {}, then: ask}]}", "when"),
        ("{rules: [{when: {a: {}}, then: ask}]}", "says nothing"),
        ("{rules: [{when: {a: {above: 3}}, then: ask}]}", "above"),
        ("{rules: [{when: {a: {over: x}}, then: ask}]}", "number"),
        ("{rules: [{when: {a: {over: 3}}}]}", "then"),
    ],
)
def test_rules_that_say_nothing_are_refused(approval: str, told: str):
    placed, found = load_text(TOOL.replace("APPROVAL", approval), {})
    assert not placed
    assert any(told in str(one) for one in found), [str(one) for one in found]
